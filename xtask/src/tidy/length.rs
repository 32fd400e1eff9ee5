//! Length of files and width of lines: comments count, tests are apart from the length.

use super::Finding;
use super::project::{COLUMNS, LINES};
use super::source::Source;

/// Files that hold too many lines outside of tests.
pub(super) fn check(source: &Source) -> Vec<Finding> {
    let n_lines = source.in_tests.iter().filter(|in_tests| !**in_tests).count();
    if n_lines <= LINES || source.path.contains("/tests/") {
        return vec![];
    }
    let rule = format!("a file holds at most {LINES} lines, comments counted; part it by subject");
    vec![Finding::new(&source.path, format!("{rule}. Received: {n_lines}"))]
}

/// Lines that are too wide, in tests too.
pub(super) fn check_width(source: &Source) -> Vec<Finding> {
    let columns = source.lines.iter().map(|line| line.chars().count()).enumerate();
    columns
        .filter(|(_, n)| *n > COLUMNS)
        .map(|(i, n)| {
            let rule = format!("a line holds at most {COLUMNS} columns");
            Finding::at(source, i, format!("{rule}. Received: {n}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_count_and_inline_tests_do_not() {
        let source = |n: usize| {
            let text = format!("//! A.\n{}", "// note\n\n".repeat(n));
            let tests = "#[cfg(test)]\nmod tests {\n    fn a() {}\n}\n";
            Source::new("a.rs", &(text + tests))
        };
        assert!(check(&source((LINES - 1) / 2)).is_empty());
        assert_eq!(check(&source(LINES / 2)).len(), 1);
    }

    #[test]
    fn width_is_counted_in_characters() {
        let source = |n: usize| Source::new("a.rs", &format!("//! {}\n", "é".repeat(n - 4)));
        assert!(check_width(&source(COLUMNS)).is_empty());
        let found = check_width(&source(COLUMNS + 1));
        assert_eq!((found.len(), found[0].place.as_str()), (1, "a.rs:1"));
    }
}
