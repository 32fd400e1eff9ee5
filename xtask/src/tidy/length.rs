//! Length of files, in lines of code: blank lines, comments and inline test modules apart.

use super::Finding;
use super::project::{HARD_LINES, LINES};
use super::source::Source;

pub(super) fn check(source: &Source) -> Vec<Finding> {
    let n_lines = source.own_code().count();
    if n_lines <= HARD_LINES {
        return vec![];
    }
    vec![Finding::new(
        &source.path,
        format!(
            "a file holds at most {HARD_LINES} lines of code, better {LINES}; part it by subject. \
                Received: {n_lines}"
        ),
    )]
}

/// What is said of a file that grows too long.
pub(super) fn note(source: &Source) -> Option<Finding> {
    let n_lines = source.own_code().count();
    (n_lines > LINES).then(|| {
        Finding::new(
            &source.path,
            format!("{n_lines} lines of code; {LINES} are enough for one subject"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_counts() {
        let source = |n: usize| {
            let text = format!(
                "//! A.\n{}{}",
                "const A: u8 = 1; // one\n".repeat(n),
                "// note\n\n".repeat(500)
            );
            Source::new("a.rs", &text)
        };
        assert!(check(&source(HARD_LINES)).is_empty());
        assert_eq!(check(&source(HARD_LINES + 1)).len(), 1);
        assert!(note(&source(LINES)).is_none() && note(&source(LINES + 1)).is_some());
    }
}
