//! `.keras`: a zip of metadata.json, config.json, model.weights.h5 and the assets of layers.
//!
//! Source: `keras/src/saving/saving_lib.py`, Keras 3.15.1. Differs: members must have the names
//! Keras writes, all three must be there, and the date is in universal time.

use std::io::{Cursor, Read, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::budget::Budget;
use super::error::guarded;
use super::{FileError, Group, atomic, hdf5_read, hdf5_write};

const METADATA: &str = "metadata.json";
const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.weights.h5";
const WEIGHTS_NPZ: &str = "model.weights.npz";
const ASSETS: &str = "assets/";

/// The version of Keras whose file format is written.
pub const KERAS_VERSION: &str = "3.15.1";

/// Members an archive may have; Keras writes three, and one an asset.
const MAX_MEMBERS: usize = 10_000;

/// JSON may unfold to this many times its compressed bytes, or to [`JSON_FLOOR_BYTES`].
const JSON_EXPANSION: u64 = 32;
const JSON_FLOOR_BYTES: u64 = 1 << 20;

/// Content of a `.keras` file.
#[derive(Debug, Clone, PartialEq)]
pub struct Archive {
    /// `keras_version` and `date_saved`.
    pub metadata: Value,
    /// The model as Keras serializes it.
    pub config: Value,
    /// Weights of layers, optimizer and metrics.
    pub weights: Group,
    /// Files of layers, such as `layers/string_lookup/vocabulary.txt`, without the leading
    /// `assets/`.
    pub assets: Vec<(String, Vec<u8>)>,
}

impl Archive {
    /// Returns an archive of a model saved now.
    pub fn new(config: Value, weights: Group) -> Self {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs());
        Archive {
            metadata: json!({"keras_version": KERAS_VERSION, "date_saved": date_saved(seconds)}),
            config,
            weights,
            assets: Vec::new(),
        }
    }

    /// Returns the version of Keras that the file names.
    pub fn keras_version(&self) -> Option<&str> {
        self.metadata.get("keras_version")?.as_str()
    }

    /// Returns the asset of that path, without the leading `assets/`.
    pub fn asset(&self, path: &str) -> Option<&[u8]> {
        self.assets.iter().find(|(key, _)| key == path).map(|(_, bytes)| bytes.as_slice())
    }

    /// Reads a `.keras` file.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let bytes = atomic::read(path)?;
        Self::from_bytes(&bytes).map_err(|error| error.within(path.display().to_string()))
    }

    /// Reads the bytes of a `.keras` file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FileError> {
        guarded(|| {
            let mut members = Members::open(bytes)?;
            let metadata = members.json(METADATA)?;
            let config = members.json(CONFIG)?;
            let weights = members.weights(bytes.len())?;
            let assets = members.assets()?;
            Ok(Archive { metadata, config, weights, assets })
        })
    }

    /// Returns the bytes of the `.keras` file; the same archive gives the same bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, FileError> {
        let weights = hdf5_write::write(&self.weights).map_err(|error| error.within(WEIGHTS))?;
        let metadata = super::json::write(&self.metadata);
        let config = super::json::write(&self.config);
        let mut parts = vec![
            (METADATA.to_owned(), metadata.as_bytes()),
            (CONFIG.to_owned(), config.as_bytes()),
            (WEIGHTS.to_owned(), weights.as_slice()),
        ];
        for (path, bytes) in &self.assets {
            check_path(path)?;
            parts.push((format!("{ASSETS}{path}"), bytes));
        }
        zipped(&parts).map_err(|error| {
            FileError::refused(
                "an archive holds each member once",
                error.to_string(),
                "Give the layers different names.",
            )
        })
    }

    /// Writes the file to `path`; it is never left incomplete.
    pub fn write(&self, path: &Path) -> Result<(), FileError> {
        let bytes = self.to_bytes().map_err(|error| error.within(path.display().to_string()))?;
        atomic::write(path, &bytes)
    }
}

fn zipped(parts: &[(String, &[u8])]) -> Result<Vec<u8>, ZipError> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in parts {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .large_file(bytes.len() >= u32::MAX as usize)
            .unix_permissions(0o600);
        zip.start_file(name, options)?;
        zip.write_all(bytes)?;
    }
    Ok(zip.finish()?.into_inner())
}

struct Members<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    names: Vec<String>,
    budget: Budget,
}

impl<'a> Members<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, FileError> {
        if !bytes.starts_with(b"PK\x03\x04") {
            let hint = if hdf5_read::is_hdf5(bytes) {
                "This is HDF5: name it `.h5` if it is a model, `.weights.h5` if it is weights."
            } else {
                "Check that this is the file meant, and copy it again from its source."
            };
            return Err(FileError::refused(
                "a .keras file is a zip archive from its first byte on",
                format!("{:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(8)])),
                hint,
            ));
        }
        check_count(members_said(bytes))?;
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
        if zip.offset() != 0 || !begins_at_first_byte(bytes) {
            return Err(broken("other bytes before the archive"));
        }
        check_count(zip.len())?;
        // The reader keeps one member of each name.
        if members_said(bytes) != zip.len() {
            return Err(broken("two members of one name"));
        }
        let mut names = Vec::with_capacity(zip.len());
        for name in zip.file_names() {
            check_path(name)?;
            names.push(name.to_owned());
        }
        Ok(Members { zip, names, budget: Budget::of_file(bytes.len()) })
    }

    fn json(&mut self, name: &str) -> Result<Value, FileError> {
        let bytes = self.bytes(name)?;
        super::json::read(&bytes).map_err(|error| error.within(name))
    }

    fn weights(&mut self, archive_bytes: usize) -> Result<Group, FileError> {
        if !self.names.iter().any(|name| name == WEIGHTS)
            && self.names.iter().any(|name| name == WEIGHTS_NPZ)
        {
            return Err(FileError::unsupported(
                "a .keras file with weights in .npz",
                "Save it with weights_format=\"h5\", Keras's default.",
            ));
        }
        let bytes = self.bytes(WEIGHTS)?;
        let mut values = Budget::of_file(archive_bytes);
        hdf5_read::read_charged(bytes, &mut values).map_err(|error| error.within(WEIGHTS))
    }

    fn assets(&mut self) -> Result<Vec<(String, Vec<u8>)>, FileError> {
        let names: Vec<String> = self
            .names
            .iter()
            .filter(|name| name.starts_with(ASSETS) && !name.ends_with('/'))
            .cloned()
            .collect();
        names
            .into_iter()
            .map(|name| {
                let bytes = self.bytes(&name)?;
                Ok((name[ASSETS.len()..].to_owned(), bytes))
            })
            .collect()
    }

    /// The unpacked bytes of a member, after its size was paid for and found true.
    fn bytes(&mut self, name: &str) -> Result<Vec<u8>, FileError> {
        self.unpack(name).map_err(|error| error.within(name))
    }

    fn unpack(&mut self, name: &str) -> Result<Vec<u8>, FileError> {
        let mut member = match self.zip.by_name(name) {
            Ok(member) => member,
            Err(ZipError::FileNotFound) => {
                return Err(FileError::refused(
                    format!("a .keras file holds {METADATA}, {CONFIG} and {WEIGHTS}"),
                    format!("only {}", self.names.join(", ")),
                    "Save the model again, or copy it whole from its source.",
                ));
            }
            Err(error) => return Err(broken(error)),
        };
        if member.is_symlink() || member.encrypted() || member.is_dir() {
            return Err(broken("a link, a directory or an encrypted member"));
        }
        let n_bytes = member.size();
        if name.ends_with(".json") {
            let allowed =
                (member.compressed_size().saturating_mul(JSON_EXPANSION)).max(JSON_FLOOR_BYTES);
            if n_bytes > allowed {
                return Err(broken(format!(
                    "{n_bytes} bytes of JSON packed in {}",
                    member.compressed_size()
                )));
            }
        }
        let expected = usize::try_from(n_bytes).unwrap_or(usize::MAX);
        self.budget.charge(expected, "a member")?;
        let mut bytes = Vec::with_capacity(expected);
        (&mut member).take(n_bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(broken)?;
        if bytes.len() != expected {
            return Err(broken(format!("{} bytes or more where {n_bytes} are said", bytes.len())));
        }
        Ok(bytes)
    }
}

/// Where the archive's last record stands, and the record, known before members are listed.
fn last_record(bytes: &[u8]) -> Option<(usize, &[u8])> {
    const RECORD: &[u8] = b"PK\x05\x06";
    const RECORD_BYTES: usize = 22;
    let longest = RECORD_BYTES + usize::from(u16::MAX);
    let first = bytes.len().saturating_sub(longest);
    let mut records = bytes[first..].windows(RECORD_BYTES).enumerate().rev();
    let (at, record) = records.find(|(_, record)| record.starts_with(RECORD))?;
    Some((first + at, record))
}

/// How many members the archive's last record says it has.
fn members_said(bytes: &[u8]) -> usize {
    last_record(bytes).map_or(0, |(_, r)| usize::from(u16::from_le_bytes([r[10], r[11]])))
}

/// True if the list of members ends where the last record begins, counted from the first byte:
/// else other bytes stand before the archive. A list beyond 4 GB is told by a record of 64 bits.
fn begins_at_first_byte(bytes: &[u8]) -> bool {
    /// The record of 64 bits and its locator.
    const WIDE_RECORDS_BYTES: u64 = 56 + 20;
    let Some((at, r)) = last_record(bytes) else { return false };
    let number = |i: usize| u64::from(u32::from_le_bytes([r[i], r[i + 1], r[i + 2], r[i + 3]]));
    let (list_bytes, list_at, at) = (number(12), number(16), at as u64);
    let end = list_at + list_bytes;
    list_at == u64::from(u32::MAX) || end == at || end + WIDE_RECORDS_BYTES == at
}

fn check_count(n_members: usize) -> Result<(), FileError> {
    if n_members <= MAX_MEMBERS {
        return Ok(());
    }
    Err(broken(format!("{n_members} members or more; at most {MAX_MEMBERS} are read")))
}

fn broken(received: impl std::fmt::Display) -> FileError {
    FileError::refused(
        "the file must be a sound zip archive",
        received.to_string(),
        "Save the model again, or copy it whole from its source.",
    )
}

/// A member's name must be a path that stays inside the archive.
fn check_path(name: &str) -> Result<(), FileError> {
    let stays_inside = !name.is_empty()
        && !name.starts_with('/')
        && !name.contains(['\\', '\0', ':'])
        && name
            .strip_suffix('/')
            .unwrap_or(name)
            .split('/')
            .all(|part| !part.is_empty() && part != "." && part != "..");
    if stays_inside {
        return Ok(());
    }
    Err(FileError::refused(
        "members of an archive have plain relative names",
        format!("{name:?}"),
        "Never unpack this file; get the model again from a source you trust.",
    ))
}

/// Keras's date, `2026-11-23@06:35:59`, in universal time.
fn date_saved(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Days are counted from 0000-03-01, so that a leap day ends its year.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}@{:02}:{:02}:{:02}",
        second / 3_600,
        second / 60 % 60,
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use super::super::Array;
    use super::*;

    fn small() -> Archive {
        let mut weights = Group::default();
        weights
            .insert("layers/dense/vars/0", Array::from_f32(&[2], &[1.5, -2.0]).unwrap())
            .unwrap();
        weights.group_mut("layers/dense/vars").name = Some("dichte Schicht".to_owned());
        let mut archive = Archive::new(json!({"class_name": "Sequential", "rate": 1e-7}), weights);
        archive.assets.push(("layers/string_lookup/vocabulary.txt".to_owned(), b"a\nb".to_vec()));
        archive
    }

    #[test]
    fn what_is_written_is_read_back() {
        let archive = small();
        let bytes = archive.to_bytes().unwrap();
        assert_eq!(bytes, archive.to_bytes().unwrap());
        let read = Archive::from_bytes(&bytes).unwrap();
        assert_eq!(read, archive);
        assert_eq!(read.keras_version(), Some(KERAS_VERSION));
        assert_eq!(read.asset("layers/string_lookup/vocabulary.txt"), Some(&b"a\nb"[..]));
    }

    #[test]
    fn members_stand_in_keras_s_order_and_are_stored() {
        let bytes = small().to_bytes().unwrap();
        let mut zip = ZipArchive::new(Cursor::new(bytes)).unwrap();
        let found: Vec<_> = (0..zip.len())
            .map(|index| {
                let member = zip.by_index(index).unwrap();
                (member.name().to_owned(), member.compression())
            })
            .collect();
        let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
        let asset = "assets/layers/string_lookup/vocabulary.txt";
        assert_eq!(names, [METADATA, CONFIG, WEIGHTS, asset]);
        assert!(found.iter().all(|(_, method)| *method == CompressionMethod::Stored));
    }

    #[test]
    fn a_file_is_saved_and_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("model.keras");
        small().write(&path).unwrap();
        assert_eq!(Archive::read(&path).unwrap(), small_with_date_of(&path));
    }

    fn small_with_date_of(path: &Path) -> Archive {
        let mut archive = small();
        archive.metadata = Archive::read(path).unwrap().metadata;
        archive
    }

    #[test]
    fn an_asset_stays_inside() {
        for path in ["../x", "/x", "a//b", "a/./b", "c:\\x", ""] {
            let mut archive = small();
            archive.assets[0].0 = path.to_owned();
            assert!(archive.to_bytes().is_err(), "{path:?}");
        }
    }

    #[test]
    fn dates_are_of_the_calendar() {
        assert_eq!(date_saved(0), "1970-01-01@00:00:00");
        assert_eq!(date_saved(951_782_399), "2000-02-28@23:59:59");
        assert_eq!(date_saved(951_782_400), "2000-02-29@00:00:00");
        assert_eq!(date_saved(1_795_415_759), "2026-11-23@06:35:59");
    }
}
