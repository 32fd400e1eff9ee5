//! The command run in a folder.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// What a command said and how it ended.
pub struct Done {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// Runs the command in a folder, with a text on standard input.
pub fn run_with(folder: &Path, args: &[&str], input: &str) -> Done {
    let mut child = Command::new(env!("CARGO_BIN_EXE_cornu"))
        .current_dir(folder)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    // A command that reads nothing closes the pipe.
    let _ = child.stdin.take().map(|mut s| s.write_all(input.as_bytes()));
    let out = child.wait_with_output().expect("the command ends");
    Done {
        code: out.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&out.stdout).into_owned(),
        err: String::from_utf8_lossy(&out.stderr).into_owned(),
    }
}

/// Runs the command in a folder.
pub fn run(folder: &Path, args: &[&str]) -> Done {
    run_with(folder, args, "")
}

/// What a command that succeeds says on standard output.
pub fn said(folder: &Path, args: &[&str]) -> String {
    let done = run(folder, args);
    assert_eq!(done.code, 0, "{args:?}: {}", done.err);
    done.out
}

/// The message of a command that fails with a code.
pub fn refused(folder: &Path, args: &[&str], code: i32) -> String {
    let done = run(folder, args);
    assert_eq!(done.code, code, "{args:?}: {}{}", done.out, done.err);
    assert!(!done.err.contains("own rules"), "{}", done.err);
    done.err
}
