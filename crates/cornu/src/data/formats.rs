//! The file formats, one list, chosen by the ending of the file's name.

use super::error::{DataError, Result};
use super::loaded::{Loaded, ReadOptions};
use super::source::Data;
use super::{jsonl, npy, npz};
use crate::saving::{FileError, atomic};
use std::path::Path;

/// File format of data.
pub struct Format {
    /// Extension of the file name, without the dot.
    pub extension: &'static str,
    /// Description of the format.
    pub about: &'static str,
    read: fn(&Path, &ReadOptions) -> Result<Loaded>,
    encode: Option<fn(&[(String, Data)]) -> Result<Vec<u8>>>,
}

macro_rules! formats {
    ($($extension:literal, $about:literal, $read:path, $encode:expr;)*) => {
        /// All file formats that can be read; some can be written too.
        pub static FORMATS: &[Format] = &[
            $(Format { extension: $extension, about: $about, read: $read, encode: $encode },)*
        ];
    };
}

formats![
    "npy", "one array", npy::read, Some(npy::write);
    "npz", "named arrays; series as values (N, F), offsets (B + 1) and \
        labels", npz::read, Some(npz::write);
    "csv", "a table, or series as series_id, timestep, f0, …, \
        label", table::read_csv, Some(table::write_csv);
    "tsv", "as csv, with tabs and without quotes", table::read_tsv, Some(table::write_tsv);
    "jsonl", "one sample a line: {\"x\": [[f0, …], …], \"label\": 3} or \
        {\"text\": \"…\"}", jsonl::read, Some(jsonl::write);
    "parquet", "as csv; needs the feature `parquet`", read_parquet, None;
];

#[cfg(feature = "csv")]
use super::delimited as table;

/// Tables in a build without the feature `csv`.
#[cfg(not(feature = "csv"))]
mod table {
    use super::{Data, DataError, Loaded, Path, ReadOptions, Result};

    fn refused<T>(format: &str) -> Result<T> {
        let rule = "tables are read and written by builds of cornu with the feature `csv`.";
        Err(DataError::unsupported(format, rule, "a build without it"))
    }

    pub(super) fn read_csv(_: &Path, _: &ReadOptions) -> Result<Loaded> {
        refused("csv")
    }

    pub(super) fn read_tsv(_: &Path, _: &ReadOptions) -> Result<Loaded> {
        refused("tsv")
    }

    pub(super) fn write_csv(_: &[(String, Data)]) -> Result<Vec<u8>> {
        refused("csv")
    }

    pub(super) fn write_tsv(_: &[(String, Data)]) -> Result<Vec<u8>> {
        refused("tsv")
    }
}

#[cfg(feature = "parquet")]
use super::parquet::read as read_parquet;

#[cfg(not(feature = "parquet"))]
fn read_parquet(_path: &Path, _options: &ReadOptions) -> Result<Loaded> {
    let rule = "parquet is read by builds with the feature `parquet` (cargo build --features \
        parquet); or convert to .csv.";
    Err(DataError::unsupported("parquet", rule, "a build without it"))
}

fn format_of(path: &Path) -> Result<&'static Format> {
    let ending =
        path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    FORMATS.iter().find(|f| f.extension == ending).ok_or_else(|| {
        let known: Vec<String> = FORMATS.iter().map(|f| format!(".{}", f.extension)).collect();
        let rule = format!("the name must end in one of {}.", known.join(", "));
        DataError::invalid(path.display().to_string(), rule, format!("`.{ending}`"))
    })
}

/// Reads a data file; its extension gives the format. Checks that the numbers of samples agree and
/// that all values are finite.
///
/// # Errors
/// A file that cannot be read, or data that are wrong; the message names line or axis, and the
/// cure.
///
/// ```
/// use cornu::data::{Data, Ragged, read, write};
/// let dir = tempfile::tempdir().unwrap();
/// let path = dir.path().join("a.jsonl");
/// let lines = [r#"{"x": [[0.5], [1.5]], "label": 1}"#, r#"{"x": [[2.5]], "label": 0}"#];
/// std::fs::write(&path, lines.join("\n")).unwrap();
/// let loaded = read(&path)?;
/// assert_eq!(loaded.inputs[0].1.shape_text(), "(2, 1..2, 1)");
/// assert_eq!(loaded.targets[0].1, Data::from([1i64, 0]));
/// # Ok::<(), cornu::data::DataError>(())
/// ```
pub fn read(path: impl AsRef<Path>) -> Result<Loaded> {
    read_with(path, &ReadOptions::default())
}

/// Reads a data file with options; see [`read`].
///
/// # Errors
/// As [`read`].
pub fn read_with(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Loaded> {
    let path = path.as_ref();
    let who = path.display().to_string();
    let named = |e: DataError| if e.who.starts_with(&who) { e } else { e.within(&who) };
    let loaded = (format_of(path)?.read)(path, options).map_err(named)?;
    loaded.checked(&who, options)
}

/// Writes named arrays to a data file; its extension gives the format. The file is written to a
/// temporary name and renamed, so it is never incomplete.
///
/// # Errors
/// A format that cannot hold the parts; a file system that fails.
pub fn write(path: impl AsRef<Path>, parts: &[(String, Data)]) -> Result<()> {
    let path = path.as_ref();
    let who = path.display().to_string();
    let format = format_of(path)?;
    let Some(encode) = format.encode else {
        let rule = "this format is read only; choose .npy, .npz, .csv or .jsonl.";
        return Err(DataError::unsupported(who, rule, format!(".{}", format.extension)));
    };
    if parts.is_empty() {
        return Err(DataError::invalid(who, "at least one array is needed.", "none"));
    }
    if format.extension != "npz" {
        let named: Vec<(&str, &Data)> =
            parts.iter().map(|(name, data)| (name.as_str(), data)).collect();
        let n = named[0].1.n_samples();
        if named.iter().any(|(_, data)| data.n_samples() != n) {
            super::checks::check_cardinality(&who, &named)?;
        }
    }
    let bytes = encode(parts).map_err(|e| e.within(&who))?;
    atomic::write(path, &bytes).map_err(|e| match e {
        FileError::Io { source, .. } => DataError::io(path, "written", &source),
        other => DataError::invalid(
            who,
            "the name must be that of a file that can be written.",
            other.to_string(),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn every_writer_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        for format in FORMATS.iter().filter(|f| f.encode.is_some()) {
            let path = dir.path().join(format!("a.{}", format.extension));
            let parts = vec![("x".to_owned(), Data::from(array![[1.5f64, 2.0], [3.0, 4.0]]))];
            write(&path, &parts).unwrap();
            let got = read(&path).unwrap();
            assert_eq!(got.into_targets()[0].1, parts[0].1, "{}", format.extension);
            std::fs::write(&path, b"").unwrap();
            let e = read(&path).unwrap_err().to_string();
            assert!(
                e.contains("an empty file") && e.starts_with(&path.display().to_string()),
                "{e}"
            );
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 5);
    }

    #[test]
    fn endings_and_missing_files_are_named() {
        assert!(read("a.xlsx").err().unwrap().to_string().contains(".jsonl"));
        assert!(read("a.PNG").is_err());
        let e = read("/nowhere/a.npy").unwrap_err();
        assert_eq!(e.kind, super::super::DataErrorKind::Io);
        assert!(e.to_string().starts_with("/nowhere/a.npy: "), "{e}");
        assert!(write("/nowhere/a.npy", &[("x".into(), Data::from([1.0f32]))]).is_err());
    }

    #[test]
    fn non_finite_values_are_errors_unless_allowed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.npy");
        write(&path, &[("x".into(), Data::from(array![[[1.0f32, f32::INFINITY]]]))]).unwrap();
        let e = read(&path).unwrap_err().to_string();
        assert!(e.ends_with("Received: inf at sample 0, timestep 0, feature 1."), "{e}");
        let options = ReadOptions { allow_non_finite: true, ..ReadOptions::default() };
        assert!(read_with(&path, &options).is_ok());
    }

    #[test]
    fn a_file_in_the_way_is_left_alone_when_the_parts_do_not_fit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.npy");
        std::fs::write(&path, b"kept").unwrap();
        let two = [("a".to_owned(), Data::from([1.0f32])), ("b".to_owned(), Data::from([1.0f32]))];
        assert!(write(&path, &two).unwrap_err().to_string().contains("one array"));
        assert_eq!(std::fs::read(&path).unwrap(), b"kept");
    }
}
