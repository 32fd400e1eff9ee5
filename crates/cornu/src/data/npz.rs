//! `.npz`, numpy's archive of named arrays; ragged series as `values` (N, F…) beside `offsets` (B +
//! 1).

use super::array::Array;
use super::error::{DataError, Result};
use super::loaded::{Loaded, ReadOptions, Role};
use super::npy::{Header, encode, header_bytes};
use super::ragged::Ragged;
use super::source::Data;
use std::fs::File;
use std::io::{BufReader, Cursor, Read, Write};
use std::path::Path;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// Deflate cannot expand further than this, so a member that claims more is forged.
const MAX_EXPANSION: u64 = 1040;
const MAX_MEMBERS: usize = 10_000;

fn invalid(rule: impl Into<String>, received: impl Into<String>) -> DataError {
    DataError::invalid("npz", rule, received)
}

/// All members by name, without the ending `.npy`.
fn members(path: &Path, max_unpacked_bytes: u64) -> Result<Vec<(String, Array)>> {
    let file = File::open(path).map_err(|e| DataError::io(path, "read", &e))?;
    if file.metadata().is_ok_and(|m| m.len() == 0) {
        return Err(invalid("the file must hold arrays.", "an empty file"));
    }
    let broken = |e: zip::result::ZipError| {
        invalid("the file must be a whole archive as numpy.savez writes it.", e.to_string())
    };
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(broken)?;
    if archive.len() > MAX_MEMBERS {
        return Err(invalid(
            format!("at most {MAX_MEMBERS} members are read."),
            archive.len().to_string(),
        ));
    }
    let mut arrays = Vec::with_capacity(archive.len());
    let mut left = max_unpacked_bytes;
    for i in 0..archive.len() {
        let member = archive.by_index(i).map_err(broken)?;
        let Some(name) = member.name().strip_suffix(".npy").map(str::to_owned) else { continue };
        let packed = member.compressed_size();
        let within = |e: DataError| e.within(&format!("`{name}`"));
        let array = read_member(member, packed, &mut left).map_err(within)?;
        arrays.push((name, array));
    }
    if arrays.is_empty() {
        return Err(invalid("the archive must hold at least one .npy member.", "none"));
    }
    Ok(arrays)
}

/// One array; memory grows with the bytes that come, not with those that are claimed.
fn read_member(mut member: impl Read, packed: u64, left: &mut u64) -> Result<Array> {
    let broken =
        |e: std::io::Error| invalid("the member must unpack without error.", e.to_string());
    let mut head = Vec::new();
    member.by_ref().take(12).read_to_end(&mut head).map_err(broken)?;
    let start = header_bytes(&head)? as u64;
    member
        .by_ref()
        .take(start.saturating_sub(head.len() as u64))
        .read_to_end(&mut head)
        .map_err(broken)?;
    let header = Header::parse(&head)?;
    // A version 1 header of fewer than two bytes leaves body bytes in what was read first.
    let mut body = head.split_off(header.start.min(head.len()));
    let wanted = header.body_bytes as u64;
    if wanted > *left {
        let rule = format!(
            "the arrays may unpack to {left} bytes more; raise `max_unpacked_bytes` or split the \
                file."
        );
        return Err(invalid(rule, format!("{wanted} bytes")));
    }
    if wanted > packed.saturating_mul(MAX_EXPANSION) {
        return Err(invalid(
            "the shape must fit the packed bytes; the header is forged.",
            format!("{wanted} bytes from {packed}"),
        ));
    }
    let rest = wanted.saturating_sub(body.len() as u64);
    member.take(rest).read_to_end(&mut body).map_err(broken)?;
    if (body.len() as u64) < wanted {
        return Err(invalid(
            format!("the shape needs {wanted} bytes of values."),
            format!("{} bytes", body.len()),
        ));
    }
    *left -= wanted;
    header.decode(&body[..header.body_bytes])
}

pub(crate) fn read(path: &Path, options: &ReadOptions) -> Result<Loaded> {
    let mut arrays = members(path, options.max_unpacked_bytes)?;
    let parts: Vec<String> = arrays
        .iter()
        .filter_map(|(name, _)| name.strip_suffix("_values"))
        .map(str::to_owned)
        .collect();
    if !parts.is_empty() && !arrays.iter().any(|(name, _)| name == "values") {
        return read_parts(arrays, &parts, options);
    }
    options.need_listed("npz", arrays.iter().map(|(name, _)| name.as_str()))?;
    gather(&mut arrays, options)
}

/// One set of members into inputs and targets.
fn gather(arrays: &mut Vec<(String, Array)>, options: &ReadOptions) -> Result<Loaded> {
    let mut loaded = Loaded::default();
    let offsets = take_offsets(arrays)?;
    if offsets.is_some() && !arrays.iter().any(|(name, _)| name == "values") {
        return Err(invalid(
            "`offsets` (B + 1) need `values` (N, features) beside them.",
            "no `values`",
        ));
    }
    let has_inputs =
        arrays.iter().any(|(name, _)| name == "values" || options.role(name) == Role::Input);
    for (name, array) in arrays.drain(..) {
        array.need_samples(&format!("`{name}`"))?;
        match (options.role(&name), &offsets) {
            (_, Some(offsets)) if name == "values" => {
                let series = Ragged::new(array, offsets.clone())?;
                loaded.inputs.push(("x".to_owned(), Data::Ragged(series)));
            }
            (Role::Target, Some(offsets)) => {
                loaded.targets.push((name, by_series_or_timestep(array, offsets)))
            }
            (Role::Target, None) => loaded.targets.push((name, Data::Dense(array))),
            (Role::SampleWeight, Some(offsets)) => {
                loaded.sample_weight = Some(by_series_or_timestep(array, offsets))
            }
            (Role::SampleWeight, None) => loaded.sample_weight = Some(Data::Dense(array)),
            (Role::Split, _) => match array {
                Array::Str(names) => loaded.split = Some(names.iter().cloned().collect()),
                other => {
                    return Err(invalid(
                        "`split` must hold the names of the parts.",
                        other.dtype(),
                    ));
                }
            },
            (Role::Other, _) if has_inputs => {}
            (Role::Input, Some(offsets)) => {
                loaded.inputs.push((name, by_series_or_timestep(array, offsets)))
            }
            _ => loaded.inputs.push((name, Data::Dense(array))),
        }
    }
    Ok(loaded)
}

/// Rows as many as there are timesteps belong to timesteps, others to series.
fn by_series_or_timestep(array: Array, offsets: &[usize]) -> Data {
    let (n_samples, n_timesteps) = (offsets.len() - 1, offsets[offsets.len() - 1]);
    if array.n_samples() == n_timesteps
        && n_samples != n_timesteps
        && let Ok(series) = Ragged::new(array.clone(), offsets.to_vec())
    {
        return Data::Ragged(series);
    }
    Data::Dense(array)
}

fn take_offsets(arrays: &mut Vec<(String, Array)>) -> Result<Option<Vec<usize>>> {
    let Some(at) = arrays.iter().position(|(name, _)| name == "offsets") else { return Ok(None) };
    let (_, array) = arrays.remove(at);
    let wrong = |received: String| {
        invalid("`offsets` must be whole numbers (B + 1), the first 0.", received)
    };
    if array.rank() != 1 || array.is_empty() || !matches!(array, Array::I32(_) | Array::I64(_)) {
        return Err(wrong(format!("{} {}", array.dtype(), super::axes::shape_text(array.shape()))));
    }
    let whole = array.to_i64()?;
    let offsets = whole
        .iter()
        .map(|&o| usize::try_from(o).map_err(|_| wrong(o.to_string())))
        .collect::<Result<_>>()?;
    Ok(Some(offsets))
}

/// Sets `train_values`, `train_offsets`, `train_labels`, `test_values` … as one, with the part of
/// each sample.
fn read_parts(
    arrays: Vec<(String, Array)>,
    parts: &[String],
    options: &ReadOptions,
) -> Result<Loaded> {
    let mut all: Vec<Loaded> = Vec::new();
    for part in parts {
        let prefix = format!("{part}_");
        let own = arrays
            .iter()
            .filter_map(|(name, a)| Some((name.strip_prefix(&prefix)?.to_owned(), a.clone())));
        let mut loaded = gather(&mut own.collect(), options)?;
        loaded.split = Some(vec![part.clone(); loaded.n_samples()]);
        all.push(loaded);
    }
    let first = all[0].clone();
    let same = |l: &Loaded| {
        l.inputs.len() == first.inputs.len()
            && l.targets.len() == first.targets.len()
            && l.sample_weight.is_some() == first.sample_weight.is_some()
    };
    if !all.iter().all(same) {
        return Err(invalid("every part must hold the same members.", parts.join(", ")));
    }
    let join =
        |pick: &dyn Fn(&Loaded) -> Data| Data::concat(&all.iter().map(pick).collect::<Vec<_>>());
    let mut joined = Loaded::default();
    for (i, (name, _)) in first.inputs.iter().enumerate() {
        joined.inputs.push((name.clone(), join(&|l| l.inputs[i].1.clone())?));
    }
    for (i, (name, _)) in first.targets.iter().enumerate() {
        joined.targets.push((name.clone(), join(&|l| l.targets[i].1.clone())?));
    }
    let weights: Vec<Data> = all.iter().filter_map(|l| l.sample_weight.clone()).collect();
    if !weights.is_empty() {
        joined.sample_weight = Some(Data::concat(&weights)?);
    }
    joined.split = Some(all.into_iter().flat_map(|l| l.split.unwrap_or_default()).collect());
    Ok(joined)
}

/// Members as numpy.savez names them; one ragged part becomes `values` and `offsets`.
pub(crate) fn write(parts: &[(String, Data)]) -> Result<Vec<u8>> {
    let mut arrays: Vec<(String, Array)> = Vec::new();
    let mut shared: Option<&[usize]> = None;
    for (name, data) in parts {
        match data {
            Data::Dense(array) => arrays.push((name.clone(), array.clone())),
            Data::Ragged(series) => match shared {
                None => {
                    shared = Some(series.offsets());
                    arrays.push(("values".to_owned(), series.values().clone()));
                    arrays.push(("offsets".to_owned(), Array::from(series.offsets().to_vec())));
                }
                Some(offsets) if offsets == series.offsets() => {
                    arrays.push((name.clone(), series.values().clone()))
                }
                Some(_) => {
                    return Err(invalid(
                        "ragged parts of one file must have the same lengths.",
                        format!("`{name}`"),
                    ));
                }
            },
        }
    }
    let failed = |e: String| invalid("the archive must be written whole.", e);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    // numpy.savez stores without packing; a fixed date keeps the bytes the same from run to run.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(zip::DateTime::default())
        .large_file(true);
    for (name, array) in &arrays {
        zip.start_file(format!("{name}.npy"), options).map_err(|e| failed(e.to_string()))?;
        zip.write_all(&encode(array)).map_err(|e| failed(e.to_string()))?;
    }
    Ok(zip.finish().map_err(|e| failed(e.to_string()))?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn written(arrays: &[(&str, Array)]) -> tempfile::NamedTempFile {
        let parts: Vec<(String, Data)> =
            arrays.iter().map(|(n, a)| ((*n).to_owned(), Data::from(a))).collect();
        on_disk(&write(&parts).unwrap())
    }

    fn on_disk(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn loaded(file: &tempfile::NamedTempFile) -> Result<Loaded> {
        read(file.path(), &ReadOptions::default())
    }

    #[test]
    fn ragged_members_and_labels() {
        let file = written(&[
            ("values", Array::from(array![[1.0f32], [2.0], [3.0]])),
            ("offsets", Array::from([0i64, 2, 3])),
            ("labels", Array::from([4i64, 5])),
            ("class_names", Array::from(["a", "b", "c"])),
        ]);
        let got = loaded(&file).unwrap();
        assert_eq!(got.inputs.len(), 1);
        assert_eq!(got.inputs[0].1.lengths(), Some(vec![2, 1]));
        assert_eq!(got.targets, [("labels".to_owned(), Data::from([4i64, 5]))]);
    }

    #[test]
    fn labels_by_timestep_take_the_offsets() {
        let file = written(&[
            ("values", Array::from(array![[1.0f32], [2.0], [3.0]])),
            ("offsets", Array::from([0i32, 2, 3])),
            ("y", Array::from([0i64, 1, 1])),
        ]);
        assert_eq!(loaded(&file).unwrap().targets[0].1.lengths(), Some(vec![2, 1]));
    }

    #[test]
    fn parts_are_joined_and_named() {
        let file = written(&[
            ("train_values", Array::from([1.0f32, 2.0])),
            ("train_offsets", Array::from([0i64, 2])),
            ("test_values", Array::from([3.0f32])),
            ("test_offsets", Array::from([0i64, 0, 1])),
        ]);
        let got = loaded(&file).unwrap();
        assert_eq!(got.inputs[0].1.lengths(), Some(vec![2, 0, 1]));
        assert_eq!(got.split, Some(vec!["train".into(), "test".into(), "test".into()]));
    }

    #[test]
    fn several_inputs_by_name_and_back() {
        let parts = vec![
            ("a".to_owned(), Data::from([1i32, 2])),
            ("b".to_owned(), Data::from([1.0f64, 2.0])),
        ];
        assert_eq!(loaded(&on_disk(&write(&parts).unwrap())).unwrap().inputs, parts);
        let ragged = vec![(
            "x".to_owned(),
            Data::from(Ragged::from_list([vec![1i64, 2], vec![3]]).unwrap()),
        )];
        assert_eq!(loaded(&on_disk(&write(&ragged).unwrap())).unwrap().inputs, ragged);
    }

    #[test]
    fn broken_archives_and_offsets_are_named() {
        assert!(loaded(&on_disk(b"")).unwrap_err().to_string().contains("an empty file"));
        let bytes = write(&[("x".to_owned(), Data::from([1.0f32; 9]))]).unwrap();
        assert!(
            loaded(&on_disk(&bytes[..bytes.len() / 2]))
                .unwrap_err()
                .to_string()
                .contains("whole archive")
        );
        let file =
            written(&[("values", Array::from([1.0f32])), ("offsets", Array::from([0i64, 2]))]);
        assert!(loaded(&file).unwrap_err().to_string().contains("rows of the values, 1"));
        let file = written(&[("x", Array::from([1.0f32])), ("offsets", Array::from([0i64, 1]))]);
        assert!(loaded(&file).unwrap_err().to_string().contains("no `values`"));
    }

    #[test]
    fn unpacking_has_a_limit() {
        let file = written(&[("x", Array::from(vec![0.0f32; 1000]))]);
        let options = ReadOptions { max_unpacked_bytes: 3999, ..ReadOptions::default() };
        assert!(read(file.path(), &options).unwrap_err().to_string().contains("4000 bytes"));
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file("x.npy", SimpleFileOptions::default()).unwrap();
        let mut forged = b"\x93NUMPY\x01\x00".to_vec();
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000,), }";
        forged.extend_from_slice(&(header.len() as u16).to_le_bytes());
        forged.extend_from_slice(header.as_bytes());
        zip.write_all(&forged).unwrap();
        let file = on_disk(&zip.finish().unwrap().into_inner());
        assert!(loaded(&file).unwrap_err().to_string().contains("forged"));
    }
}
