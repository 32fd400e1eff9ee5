//! File names say what files hold.

use super::Finding;
use super::project::EMPTY_NAMES;
use super::source::Source;

pub(super) fn check(source: &Source) -> Vec<Finding> {
    let folders = source.path.split('/').rev().skip(1);
    let empty = folders.chain([source.stem()]).find(|n| EMPTY_NAMES.contains(n));
    empty
        .map(|n| {
            Finding::new(
                &source.path,
                format!("`{n}` names nothing; name the file after its subject"),
            )
        })
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_names_are_refused() {
        let n = |path| check(&Source::new(path, "")).len();
        assert_eq!((n("src/utils.rs"), n("src/common/a.rs"), n("src/baseline.rs")), (1, 1, 0));
    }
}
