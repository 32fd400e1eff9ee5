//! `unsafe` stands in one crate alone: each block with the reason why it is sound, each `unsafe fn`
//! with its contract.

use super::Finding;
use super::project::UNSAFE_CRATE;
use super::source::{Crate, Source};

/// Lines above a block in which its reason may end.
const REACH: usize = 3;

/// Words that name a contract without stating it.
const UNSTATED: &str = concat!("the caller", "'s promise");

pub(super) fn check(source: &Source) -> Vec<Finding> {
    let allowed = source.path.starts_with(&format!("{UNSAFE_CRATE}/"));
    let inherits = in_trait_impls(&source.code);
    let mut findings = Vec::new();
    for (i, line) in source.code.iter().enumerate() {
        if source.lines[i].contains(UNSTATED) {
            let message = format!("a comment says what holds, not that it is {UNSTATED}");
            findings.push(Finding::at(source, i, message));
        }
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
        } else if is_function(after) && !inherits[i] && !documented(source, i) {
            findings.push(Finding::at(
                source,
                i,
                "each unsafe fn states its contract, in a section `# Safety` of its doc comment",
            ));
        }
    }
    findings
}

/// Whether a function with a name of its own follows the word `unsafe`: no type of a function, and
/// none whose name and docs a macro is given.
fn is_function(after: &str) -> bool {
    let name = after.strip_prefix("fn ").or_else(|| after.split_once(" fn ").map(|(_, name)| name));
    let starts_name = |c: char| c.is_alphabetic() || c == '_';
    name.is_some_and(|name| name.starts_with(starts_name))
        && (after.starts_with("fn ") || after.starts_with("extern "))
}

/// Marks the lines of implementations of traits: the trait states the contracts of its methods.
fn in_trait_impls(code: &[String]) -> Vec<bool> {
    let mut marks = vec![false; code.len()];
    for (i, line) in code.iter().enumerate() {
        let start = line.trim_start();
        if !(start.starts_with("impl") || start.starts_with("unsafe impl")) {
            continue;
        }
        let opens = (i..code.len()).find(|&k| code[k].contains(['{', ';'])).unwrap_or(i);
        if !code[i..=opens].join(" ").contains(" for ") {
            continue;
        }
        let closing = format!("{}}}", &line[..line.len() - start.len()]);
        let end = (opens..code.len()).find(|&k| code[k].trim_end() == closing).unwrap_or(opens);
        marks[i..=end].fill(true);
    }
    marks
}

/// Whether the doc comment of a function has a section on safety.
fn documented(source: &Source, line: usize) -> bool {
    let above = source.lines[..line].iter().rev().map(|l| l.trim_start());
    let of_function = |l: &&str| ["//", "#[", "$(#["].iter().any(|start| l.starts_with(start));
    above.take_while(of_function).any(|l| l.starts_with("/// # Safety"))
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
        let long =
            format!("// SAFETY: long.\n{}unsafe impl Send for A {{}}\n", "// more\n".repeat(6));
        assert_eq!(n_findings(path, &long), 0);
    }

    #[test]
    fn each_function_states_its_contract() {
        let path = "crates/cornu-cpu/src/a.rs";
        assert_eq!(n_findings(path, "/// A.\nunsafe fn f() {}\n"), 1);
        assert_eq!(n_findings(path, "/// # Safety\n/// 1.\n#[inline]\npub unsafe fn f() {}\n"), 0);
        assert_eq!(n_findings(path, "type F = unsafe fn(u8);\n"), 0);
        assert_eq!(n_findings(path, "$(#[$meta])*\nunsafe fn $name() {}\n"), 0);
        let method = |head: &str| format!("{head} {{\n    unsafe fn f() {{}}\n}}\n");
        assert_eq!(n_findings(path, &method("impl A for B")), 0);
        assert_eq!(n_findings(path, &method("impl<T> A for B<T>\nwhere\n    T: Copy,\n")), 0);
        assert_eq!(n_findings(path, &method("impl A")), 1);
        assert_eq!(n_findings(path, &method("trait A")), 1);
        let unstated = format!("// SAFETY: {UNSTATED}.\nunsafe {{ f() }}\n");
        assert_eq!(n_findings(path, &unstated), 1);
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
