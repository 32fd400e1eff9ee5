//! `cargo xtask tidy`: the project's own rules about its files, which no compiler checks.

mod project;
mod lexer;
mod source;
mod opening;
mod length;
mod names;
mod unsafety;
mod modules;
mod reading_order;
mod imports;
mod cycles;
mod complete;

use crate::tracked;
use source::{Crate, Source};
use std::fs;
use std::path::Path;

/// A breach of a rule.
#[derive(Debug, PartialEq)]
struct Finding {
    /// `path` or `path:line`.
    place: String,
    /// What must hold, and what came.
    message: String,
}

impl Finding {
    fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: place.into(), message: message.into() }
    }

    fn at(source: &Source, line: usize, message: impl Into<String>) -> Self {
        Self::new(format!("{}:{}", source.path, line + 1), message)
    }
}

/// Rules on one file.
const FILE_RULES: &[fn(&Source) -> Vec<Finding>] =
    &[opening::check, length::check, length::check_width, names::check, unsafety::check];

/// Rules on a crate.
const CRATE_RULES: &[fn(&Crate) -> Vec<Finding>] =
    &[unsafety::check_crate, reading_order::check, cycles::check, complete::check];

/// Prints what stands against the rules; fails if anything does.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let crates = read_crates(root)?;
    let files = || crates.iter().flat_map(|c| &c.sources);
    let mut findings: Vec<Finding> =
        files().flat_map(|s| FILE_RULES.iter().flat_map(move |rule| rule(s))).collect();
    findings.extend(crates.iter().flat_map(|c| CRATE_RULES.iter().flat_map(move |rule| rule(c))));
    let in_crates = |path: &String| files().any(|s| s.path == *path);
    for path in tracked::rust_files(root)?.iter().filter(|path| !in_crates(path)) {
        let text = fs::read_to_string(root.join(path)).map_err(|e| format!("{path}: {e}"))?;
        findings.extend(length::check_width(&Source::new(path, &text)));
    }
    for finding in &findings {
        println!("{}: {}", finding.place, finding.message);
    }
    match findings.len() {
        0 => Ok(()),
        n => Err(format!("tidy: {n} findings in {} files", files().count())),
    }
}

fn read_crates(root: &Path) -> Result<Vec<Crate>, String> {
    let mut folders = vec![root.join("xtask")];
    let crates = fs::read_dir(root.join("crates")).map_err(|e| format!("crates: {e}"))?;
    folders.extend(crates.flatten().map(|e| e.path()).filter(|p| p.join("Cargo.toml").exists()));
    folders.sort();
    let mut all: Vec<Crate> =
        folders.iter().map(|f| Crate::read(root, f)).collect::<Result<_, _>>()?;
    let examples = Crate::read(root, &root.join("examples"))?;
    all.push(examples);
    Ok(all)
}
