//! `cargo xtask sanitize`: the crate with `unsafe` under the checkers of memory and of threads.
//!
//! AddressSanitizer runs its test suite on every tier of the CPU. Valgrind's memcheck runs the AVX2
//! tier against the loops that define the operations (it knows no AVX-512 and hides it from
//! programs), and its drd runs a program of several threads.

use crate::cargo::target_folder;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

/// The crate with `unsafe`.
const CRATE: &str = "cornu-cpu";
/// The target that the sanitizers' runtimes come for.
const TARGET: &str = "x86_64-unknown-linux-gnu";
/// Compiling the kernels takes longer than running them once.
const UNOPTIMIZED: [&str; 2] = ["--config", "profile.dev.package.cornu-cpu.opt-level=0"];
/// Races that are none, each with its reason.
const SUPPRESSIONS: &str = "xtask/valgrind.supp";

/// Runs every checker; does nothing on another platform than theirs.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu")) {
        println!("    the sanitizers run on {TARGET} alone: skipped");
        return Ok(());
    }
    address(root)?;
    ensure_valgrind()?;
    memory(root)?;
    threads(root)
}

/// The test suite with AddressSanitizer, by the stable toolchain's own runtime: about three minutes
/// on two cores. The rest takes two.
fn address(root: &Path) -> Result<(), String> {
    let args = ["test", "-p", CRATE, "--lib", "--tests", "--target", TARGET];
    let mut command = cargo(root, &target_folder(root).join("sanitize"));
    command.args(args).args(UNOPTIMIZED);
    command.args(["--config", "profile.dev.package.\"*\".opt-level=0"]);
    command.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", "-Zsanitizer=address");
    // Frames of unoptimized kernels are large, the more so with the sanitizer's zones.
    succeed(command.env("RUST_MIN_STACK", (64 << 20).to_string()))
}

/// The AVX2 tier under memcheck, against the loops that define the operations.
fn memory(root: &Path) -> Result<(), String> {
    let memcheck = "valgrind --quiet --error-exitcode=1 --leak-check=no";
    let mut command = cargo(root, &target_folder(root));
    // The build of the workspace's tests, which stands already where they have run.
    command.args(["test", "--workspace", "--test", "every_kernel"]);
    succeed(command.env(runner(), memcheck).env("CORNU_ISA", "avx2"))
}

/// A program of several threads under drd, which the feature tells what the thread pool orders.
fn threads(root: &Path) -> Result<(), String> {
    let suppressions = root.join(SUPPRESSIONS);
    let drd = format!(
        "valgrind --quiet --tool=drd --error-exitcode=1 --suppressions={}",
        suppressions.to_str().ok_or("the workspace's path is not Unicode")?
    );
    let mut command = cargo(root, &target_folder(root));
    command.args(["run", "-p", CRATE, "--example", "threads", "--features", "valgrind"]);
    succeed(command.args(UNOPTIMIZED).env(runner(), drd).env("CORNU_ISA", "avx2"))
}

/// The variable by which cargo is told what runs the programs that it built.
fn runner() -> String {
    format!("CARGO_TARGET_{}_RUNNER", TARGET.to_uppercase().replace('-', "_"))
}

/// Installs valgrind where it is missing and this user may.
fn ensure_valgrind() -> Result<(), String> {
    if Command::new("valgrind").arg("--version").output().is_ok_and(|o| o.status.success()) {
        return Ok(());
    }
    let user = Command::new("id").arg("-u").output().map(|o| o.stdout).unwrap_or_default();
    if user.trim_ascii() != b"0" {
        return Err("valgrind is missing: install it with your system's packages".into());
    }
    succeed(Command::new("apt-get").arg("update"))?;
    succeed(Command::new("apt-get").args(["install", "-y", "--no-install-recommends", "valgrind"]))
}

/// Where cargo puts what it builds.
fn cargo(root: &Path, target_folder: &Path) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command.current_dir(root).env("CARGO_TARGET_DIR", target_folder);
    command
}

fn succeed(command: &mut Command) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{command:?} ended with {status}")),
        Err(e) => Err(format!("{command:?} does not start: {e}")),
    }
}
