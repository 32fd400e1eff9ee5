//! Where results go, checked before the work begins: endings, folders, permissions, free space.

use crate::failure::Failure;
use std::path::{Path, PathBuf};

/// A file to be written: who names it, where it goes, and how its name may end.
pub struct Target<'a> {
    /// The flag or key that names it.
    pub who: String,
    /// The path.
    pub path: &'a Path,
    /// Endings of which the name has one, with the dot.
    pub endings: &'a [&'a str],
}

impl Target<'_> {
    /// Fails where the file cannot be written: a wrong ending, a folder in its place, a folder that
    /// cannot be made or written to. Makes its folder unless `dry`.
    pub fn check(&self, dry: bool) -> Result<(), Failure> {
        let (who, path) = (&self.who, self.path);
        let shown = path.display();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("");
        let endings = self.endings.join(" or ");
        if name == "-" {
            let cure = format!("name a file that ends in {endings}");
            let rule = "this cannot go to standard output";
            return Err(Failure::usage(format!("{who}: {rule}; {cure}. Received: -")));
        }
        if path.is_dir() {
            return Err(Failure::failed(format!(
                "{who}: {shown} is a folder; name a file in it that ends in {endings}"
            )));
        }
        if !self.endings.iter().any(|e| name.to_lowercase().ends_with(e)) {
            return Err(Failure::failed(format!(
                "{who}: the name must end in {endings}. Received: {shown}"
            )));
        }
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
        folder_is_writable(who, folder.unwrap_or(Path::new(".")), dry)
    }
}

/// Fails where a folder is not there and cannot be made, or no file can be made in it. The folder
/// is made unless `dry`.
pub fn folder_is_writable(who: &str, folder: &Path, dry: bool) -> Result<(), Failure> {
    let shown = folder.display();
    let cure = "choose another folder, or change its permissions";
    let there: PathBuf = if dry {
        let made = folder.ancestors().find(|f| f.exists() && !f.as_os_str().is_empty());
        made.unwrap_or(Path::new(".")).to_path_buf()
    } else {
        std::fs::create_dir_all(folder).map_err(|e| {
            Failure::failed(format!("{who}: folder {shown} cannot be made: {e}; {cure}"))
        })?;
        folder.to_path_buf()
    };
    if !there.is_dir() {
        let message = format!("{who}: {} is a file, not a folder; {cure}", there.display());
        return Err(Failure::failed(message));
    }
    tempfile::Builder::new().prefix(".cornu-").tempfile_in(&there).map(drop).map_err(|e| {
        let there = there.display();
        Failure::failed(format!("{who}: no file can be made in folder {there}: {e}; {cure}"))
    })
}

/// Fails where the file system of a path has less room than the bytes that are to be written.
pub fn has_room(who: &str, path: &Path, bytes: u64) -> Result<(), Failure> {
    let folder = path.ancestors().skip(1).find(|f| f.is_dir()).unwrap_or(Path::new("."));
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    // Where the system does not tell, writing will.
    let Ok(free) = fs4::available_space(folder) else { return Ok(()) };
    if free < bytes {
        return Err(Failure::failed(format!(
            "{who}: {} takes {bytes} bytes, and {free} are free there; make room, or choose \
             another place",
            path.display()
        )));
    }
    Ok(())
}

/// Fails where two outputs are one file, or an output is a file that is read.
pub fn are_apart(outputs: &[(String, PathBuf)], read: &[PathBuf]) -> Result<(), Failure> {
    let same = |a: &Path, b: &Path| {
        let real = |p: &Path| {
            std::fs::canonicalize(p).or_else(|_| std::path::absolute(p)).unwrap_or(p.into())
        };
        real(a) == real(b)
    };
    for (i, (who, path)) in outputs.iter().enumerate() {
        let shown = path.display();
        if let Some((other, _)) = outputs[..i].iter().find(|(_, p)| same(p, path)) {
            let message = format!("{who}: {shown} is {other}, too; give each a file of its own");
            return Err(Failure::failed(message));
        }
        if read.iter().any(|p| same(p, path)) {
            let message = format!("{who}: {shown} is read by this run; name another file");
            return Err(Failure::failed(message));
        }
    }
    Ok(())
}

/// The file beside a path where an interrupted run puts what it has: `out/m.keras` is
/// `out/m.interrupted.keras`.
pub fn interrupted(path: &Path) -> PathBuf {
    let ending = path.extension().and_then(|e| e.to_str()).unwrap_or("keras").to_string();
    let numbered = |n: usize| match n {
        1 => path.with_extension(format!("interrupted.{ending}")),
        n => path.with_extension(format!("interrupted.{n}.{ending}")),
    };
    // What an earlier run rescued is not replaced.
    (1..).map(numbered).find(|p| !p.exists()).unwrap_or_else(|| numbered(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(path: &Path, dry: bool) -> String {
        let target = Target { who: "--output".into(), path, endings: &[".keras"] };
        target.check(dry).map_err(|f| f.message).unwrap_err()
    }

    #[test]
    fn what_cannot_be_written_is_told_before() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("file"), "").unwrap();
        for dry in [false, true] {
            assert!(refused(Path::new("-"), dry).contains("standard output"));
            assert!(refused(dir.path(), dry).contains("is a folder"));
            assert!(refused(&at("m.h5"), dry).contains("must end in .keras"));
            assert!(refused(&at("file/m.keras"), dry).contains("file"));
        }
        let target = Target { who: "o".into(), path: &at("a/b/m.keras"), endings: &[".keras"] };
        target.check(true).unwrap();
        assert!(!at("a").exists());
        target.check(false).unwrap();
        assert!(at("a/b").is_dir());
        assert!(has_room("o", &at("m.keras"), u64::MAX).is_err());
        has_room("o", &at("m.keras"), 1).unwrap();
        let two = [("a".to_string(), at("x")), ("b".to_string(), at("x"))];
        assert!(are_apart(&two, &[]).is_err());
        assert!(are_apart(&two[..1], &[at("x")]).is_err());
        are_apart(&two[..1], &[at("y")]).unwrap();
        assert_eq!(interrupted(Path::new("o/m.keras")), Path::new("o/m.interrupted.keras"));
    }
}
