//! The developers' own commands: `cargo xtask check`, `cargo xtask tidy`, `cargo xtask sanitize`,
//! `cargo xtask keras-python`, `cargo xtask fuzz-keras`, `cargo xtask symbols`,
//! `cargo xtask run-page`.
#![forbid(unsafe_code)]

mod tracked;
mod tidy;
mod keras_python;
mod cargo;
mod fuzz_keras;
mod sanitize;
mod features;
mod check;
mod pages;

use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask COMMAND

  check          everything a change must pass: format, tidy, clippy, features, docs, tests
  tidy           the project's own rules about its files
  sanitize       the tests of the crate with `unsafe` under AddressSanitizer and valgrind
  symbols        writes docs/KERAS.md anew: each public symbol of Keras and its state here
  run-page       writes docs/RUN.md anew: the keys of RUN.toml, from the types that read it
  keras-python   makes the Python environment of the tests that talk to Keras, prints its \
    interpreter
  fuzz-keras     random models saved by real Keras, held against the command: `--models 1000 \
    --seed 1`";

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask stands in the workspace's folder");
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args.as_slice() {
        ["check"] => check::run(root),
        ["tidy"] => tidy::run(root),
        ["sanitize"] => sanitize::run(root),
        ["symbols"] => pages::write(root),
        ["run-page"] => pages::write_run_page(root),
        ["fuzz-keras", options @ ..] => fuzz_keras::run(root, options),
        ["keras-python"] => {
            keras_python::ensure(root).map(|python| println!("{}", python.display()))
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}
