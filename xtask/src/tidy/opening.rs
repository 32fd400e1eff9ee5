//! Every file opens with `//!`: what it holds, in a line.

use super::Finding;
use super::source::Source;

pub(super) fn check(source: &Source) -> Vec<Finding> {
    let opens = source
        .lines
        .first()
        .is_some_and(|l| l.strip_prefix("//! ").is_some_and(|t| !t.trim().is_empty()));
    if opens {
        vec![]
    } else {
        vec![Finding::at(source, 0, "a file opens with `//! ` and what it holds")]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_line_says_what_the_file_holds() {
        let n = |text| check(&Source::new("a.rs", text)).len();
        assert_eq!((n("//! A.\n"), n("//!\n"), n("// A.\n"), n("")), (0, 1, 1, 1));
    }
}
