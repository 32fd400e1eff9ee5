//! `unsafe` stands in one crate alone, each block with the reason why it is sound.

use super::Finding;
use super::project::UNSAFE_CRATE;
use super::source::{Crate, Source};

/// Lines above a block in which its reason may end.
const REACH: usize = 3;

pub(super) fn check(source: &Source) -> Vec<Finding> {
    let allowed = source.path.starts_with(&format!("{UNSAFE_CRATE}/"));
    let mut findings = Vec::new();
    for (i, line) in source.code.iter().enumerate() {
        let Some(after) = unsafe_at(line) else { continue };
        if !allowed {
            findings.push(Finding::at(
                source,
                i,
                format!("`unsafe` stands in {UNSAFE_CRATE} alone"),
            ));
        } else if (after.starts_with('{') || after.starts_with("impl")) && !reasoned(source, i) {
            findings.push(Finding::at(
                source,
                i,
                "each unsafe block says why it is sound, in a comment `// SAFETY: …`",
            ));
        }
    }
    findings
}

/// What follows the word `unsafe`.
fn unsafe_at(line: &str) -> Option<&str> {
    line.match_indices("unsafe").find_map(|(at, word)| {
        let (before, after) = (&line[..at], &line[at + word.len()..]);
        let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
        (!before.ends_with(part_of_word) && !after.starts_with(part_of_word))
            .then(|| after.trim_start())
    })
}

fn reasoned(source: &Source, line: usize) -> bool {
    let near = &source.lines[line.saturating_sub(REACH)..=line];
    near.iter().any(|l| l.contains("SAFETY:"))
        || source.lines[..line]
            .iter()
            .rev()
            .take_while(|l| l.trim_start().starts_with("//"))
            .any(|l| l.contains("SAFETY:"))
}

/// The other crates forbid it to the compiler too.
pub(super) fn check_crate(krate: &Crate) -> Vec<Finding> {
    let root = ["src/lib.rs", "src/main.rs"]
        .iter()
        .find_map(|f| krate.source(&format!("{}/{f}", krate.folder)));
    match root {
        Some(root)
            if krate.folder != UNSAFE_CRATE
                && !root.code.iter().any(|l| l.trim() == "#![forbid(unsafe_code)]") =>
        {
            vec![Finding::new(&root.path, "the crate's root says `#![forbid(unsafe_code)]`")]
        }
        _ => vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn n_findings(path: &str, text: &str) -> usize {
        check(&Source::new(path, text)).len()
    }

    #[test]
    fn only_one_crate_holds_it() {
        let text = "// SAFETY: fine.\nunsafe { f() }\n";
        assert_eq!(n_findings("crates/cornu/src/a.rs", text), 1);
        assert_eq!(n_findings("crates/cornu-cpu/src/a.rs", text), 0);
        assert_eq!(n_findings("crates/cornu/src/a.rs", "#![forbid(unsafe_code)]\n// unsafe\n"), 0);
    }

    #[test]
    fn each_block_has_its_reason() {
        let path = "crates/cornu-cpu/src/a.rs";
        assert_eq!(n_findings(path, "fn f() {\n    unsafe { g() }\n}\n"), 1);
        assert_eq!(n_findings(path, "unsafe fn f() {}\n"), 0);
        let long =
            format!("// SAFETY: long.\n{}unsafe impl Send for A {{}}\n", "// more\n".repeat(6));
        assert_eq!(n_findings(path, &long), 0);
    }

    #[test]
    fn the_root_forbids_it() {
        let krate = |text: &str| Crate {
            folder: "crates/a".into(),
            sources: vec![Source::new("crates/a/src/lib.rs", text)],
        };
        assert_eq!(check_crate(&krate("//! A.\n")).len(), 1);
        assert_eq!(check_crate(&krate("//! A.\n#![forbid(unsafe_code)]\n")).len(), 0);
    }
}
