//! `cargo xtask check`: what a change must pass, the cheapest first, up to the first failure.

use crate::cargo::cargo;
use crate::{features, keras_python, sanitize, tidy, tracked};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// A step: its name and what it does.
type Step = (&'static str, fn(&Path) -> Result<(), String>);

const STEPS: &[Step] = &[
    ("format", format),
    ("tidy", tidy::run),
    ("clippy", |root| {
        cargo(root, &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"], &[])
    }),
    ("features", features::run),
    ("publish", |root| {
        let args = ["publish", "--workspace", "--dry-run", "--no-verify", "--allow-dirty", "-q"];
        cargo(root, &args, &[])
    }),
    ("docs", |root| {
        cargo(
            root,
            &["doc", "--workspace", "--no-deps", "--document-private-items"],
            &[("RUSTDOCFLAGS", DOC_FLAGS)],
        )
    }),
    ("python", |root| keras_python::ensure(root).map(drop)),
    ("tests", tests),
    ("sanitize", sanitize::run),
];

/// Public pages may name private items: the pages are built with them.
const DOC_FLAGS: &str = "-D warnings -A rustdoc::private_intra_doc_links";

/// Runs every step, printing its name and time.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let start = Instant::now();
    let mut times = Vec::new();
    for (name, step) in STEPS {
        println!("==> {name}");
        let t = Instant::now();
        step(root).map_err(|e| {
            format!("check stopped at `{name}` after {:.1} s: {e}", t.elapsed().as_secs_f64())
        })?;
        println!("    {name}: passed in {:.1} s", t.elapsed().as_secs_f64());
        times.push(format!("{name} {:.1} s", t.elapsed().as_secs_f64()));
    }
    println!("check passed in {:.1} s ({})", start.elapsed().as_secs_f64(), times.join(", "));
    Ok(())
}

/// The format of every Rust file that git knows, also of those that no `mod` line reaches.
fn format(root: &Path) -> Result<(), String> {
    let files = tracked::rust_files(root)?;
    let status = Command::new("rustfmt")
        .args(["--check", "--edition", "2024"])
        .args(&files)
        .current_dir(root)
        .status()
        .map_err(|e| format!("rustfmt does not start: {e}"))?;
    if status.success() { Ok(()) } else { Err("files are not formatted: `cargo fmt`".into()) }
}

/// All tests, those that talk to Keras among them.
fn tests(root: &Path) -> Result<(), String> {
    let python = keras_python::interpreter(root);
    let python = python.to_str().ok_or("the workspace's path is not Unicode")?;
    cargo(root, &["test", "--workspace"], &[(keras_python::VARIABLE, python)])
}
