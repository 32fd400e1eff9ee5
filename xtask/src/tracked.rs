//! The Rust files of the repository, as git knows them.

use std::path::Path;
use std::process::Command;

/// Paths of the Rust files that git tracks or would add, from the workspace's folder.
pub(crate) fn rust_files(root: &Path) -> Result<Vec<String>, String> {
    let args = ["ls-files", "--cached", "--others", "--exclude-standard", "--", "*.rs"];
    let out = Command::new("git")
        .args(args)
        .current_dir(root)
        .output()
        .map_err(|e| format!("git does not start: {e}"))?;
    if !out.status.success() {
        return Err(format!("`git ls-files`: {}", String::from_utf8_lossy(&out.stderr).trim()));
    }
    let listed = String::from_utf8_lossy(&out.stdout);
    let mut files: Vec<String> =
        listed.lines().filter(|f| root.join(f).exists()).map(str::to_string).collect();
    files.sort();
    files.dedup();
    Ok(files)
}
