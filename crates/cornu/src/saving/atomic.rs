//! Files that are whole or not there: written beside, synced, renamed.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::FileError;

/// Writes `bytes` to `path`. The old file is kept until all bytes are on disk.
///
/// A link is followed: the file that it names is replaced, and the link is kept. The permissions of
/// a replaced file are kept.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    write_beside(path, bytes).map_err(|error| error.within(path.display().to_string()))
}

fn write_beside(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let failed = |error| FileError::io("write it; nothing was changed", error);
    let target: PathBuf = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let existing = fs::metadata(&target).ok();
    if existing.as_ref().is_some_and(fs::Metadata::is_dir) {
        return Err(FileError::refused(
            "a model is saved to a file",
            "a directory",
            "Give the name of a file in it.",
        ));
    }
    if existing.as_ref().is_some_and(|found| !found.is_file()) {
        return fs::OpenOptions::new()
            .write(true)
            .open(&target)
            .and_then(|mut device| device.write_all(bytes))
            .map_err(failed);
    }
    let directory = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut part = Part::beside(directory).map_err(failed)?;
    part.file.write_all(bytes).map_err(failed)?;
    if let Some(found) = existing {
        fs::set_permissions(&part.path, found.permissions()).map_err(failed)?;
    }
    part.file.sync_all().map_err(failed)?;
    part.rename(&target).map_err(failed)?;
    // The rename itself is on disk once the directory is; not every file system can sync one.
    if let Ok(directory) = File::open(directory) {
        let _ = directory.sync_all();
    }
    Ok(())
}

/// A new file of a name that no other one has, removed unless it is renamed.
struct Part {
    file: File,
    path: PathBuf,
    is_renamed: bool,
}

impl Part {
    fn beside(directory: &Path) -> std::io::Result<Self> {
        let process = std::process::id();
        let mut number = 0u32;
        loop {
            let path = directory.join(format!(".cornu-{process}-{number}.part"));
            match fs::OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => return Ok(Self { file, path, is_renamed: false }),
                // Another thread writes, or a process of this number was killed as it wrote.
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists && number < 10_000 => {
                    number += 1;
                }
                Err(e) => return Err(e),
            }
        }
    }

    fn rename(mut self, target: &Path) -> std::io::Result<()> {
        fs::rename(&self.path, target)?;
        self.is_renamed = true;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_renamed {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Reads a whole file; a directory, a pipe or a device is refused.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    read_regular(path).map_err(|error| error.within(path.display().to_string()))
}

fn read_regular(path: &Path) -> Result<Vec<u8>, FileError> {
    let failed = |error| FileError::io("read it", error);
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(FileError::refused(
            "a model is read from a file",
            "a directory, pipe or device",
            "Give the name of a file.",
        ));
    }
    fs::read(path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn replaces_and_leaves_nothing_beside() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("model.keras");
        write(&path, b"old").unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(directory.path()), ["model.keras"]);
    }

    #[test]
    fn an_error_leaves_the_old_as_it_was() {
        let directory = tempfile::tempdir().unwrap();
        let inside = directory.path().join("sub");
        fs::create_dir(&inside).unwrap();
        fs::write(inside.join("kept"), b"kept").unwrap();
        assert!(write(&inside, b"new").is_err());
        assert_eq!(fs::read(inside.join("kept")).unwrap(), b"kept");
        let missing = directory.path().join("no/such/model.keras");
        let error = write(&missing, b"new").unwrap_err().to_string();
        assert!(error.contains("model.keras") && error.contains("nothing was changed"), "{error}");
        assert_eq!(names(directory.path()), ["sub"]);
    }

    #[cfg(unix)]
    #[test]
    fn permissions_and_links_stay() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("model.keras");
        fs::write(&path, b"old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let link = directory.path().join("latest.keras");
        symlink(&path, &link).unwrap();
        write(&link, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    }

    #[test]
    fn only_files_are_read() {
        let directory = tempfile::tempdir().unwrap();
        assert!(read(directory.path()).is_err());
        assert!(read(&directory.path().join("none")).is_err());
    }
}
