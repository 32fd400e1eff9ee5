//! `.safetensors`: a flat list of named arrays.

use std::path::Path;

use super::legacy::NamedArrays;
use super::{FileError, atomic};

#[cfg(feature = "safetensors")]
use super::error::guarded;
#[cfg(feature = "safetensors")]
use super::{Array, ArrayType};
#[cfg(feature = "safetensors")]
use ::safetensors::tensor::{Dtype, SafeTensors, TensorView};
#[cfg(feature = "safetensors")]
use std::collections::HashMap;

#[cfg(feature = "safetensors")]
const TYPES: [(Dtype, ArrayType); 13] = [
    (Dtype::BOOL, ArrayType::Bool),
    (Dtype::I8, ArrayType::I8),
    (Dtype::U8, ArrayType::U8),
    (Dtype::I16, ArrayType::I16),
    (Dtype::U16, ArrayType::U16),
    (Dtype::I32, ArrayType::I32),
    (Dtype::U32, ArrayType::U32),
    (Dtype::I64, ArrayType::I64),
    (Dtype::U64, ArrayType::U64),
    (Dtype::F16, ArrayType::F16),
    (Dtype::BF16, ArrayType::BF16),
    (Dtype::F32, ArrayType::F32),
    (Dtype::F64, ArrayType::F64),
];

/// Reads a file; arrays come sorted by name.
pub fn read(path: &Path) -> Result<NamedArrays, FileError> {
    let bytes = atomic::read(path)?;
    from_bytes(&bytes).map_err(|error| error.within(path.display().to_string()))
}

#[cfg(not(feature = "safetensors"))]
fn without_feature<T>() -> Result<T, FileError> {
    Err(FileError::unsupported(
        "safetensors in this build",
        "Build cornu with the feature `safetensors`.",
    ))
}

/// Reads the bytes of a file; needs the feature `safetensors`.
#[cfg(not(feature = "safetensors"))]
pub fn from_bytes(_: &[u8]) -> Result<NamedArrays, FileError> {
    without_feature()
}

/// The bytes of a file with these arrays; needs the feature `safetensors`.
#[cfg(not(feature = "safetensors"))]
pub fn to_bytes(_: &NamedArrays, _: &[(String, String)]) -> Result<Vec<u8>, FileError> {
    without_feature()
}

/// Reads the bytes of a file; arrays come sorted by name.
#[cfg(feature = "safetensors")]
pub fn from_bytes(bytes: &[u8]) -> Result<NamedArrays, FileError> {
    guarded(|| {
        let file = SafeTensors::deserialize(bytes).map_err(broken)?;
        let mut arrays = Vec::with_capacity(file.len());
        for (name, view) in file.tensors() {
            let row = TYPES.iter().find(|row| row.0 == view.dtype()).ok_or_else(|| {
                FileError::unsupported(
                    format!("`{name}` of type {:?}", view.dtype()),
                    "Convert it to F32, F64, F16 or BF16.",
                )
            })?;
            let array = Array::new(row.1, view.shape().to_vec(), view.data().to_vec())
                .map_err(|error| error.within(&name))?;
            arrays.push((name, array));
        }
        arrays.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(arrays)
    })
}

/// Returns the bytes of a file with these arrays and this metadata of texts.
#[cfg(feature = "safetensors")]
pub fn to_bytes(arrays: &NamedArrays, metadata: &[(String, String)]) -> Result<Vec<u8>, FileError> {
    let mut views = Vec::with_capacity(arrays.len());
    for (index, (name, array)) in arrays.iter().enumerate() {
        if arrays[..index].iter().any(|(earlier, _)| earlier == name) {
            return Err(FileError::refused(
                "each weight has a name of its own",
                format!("a second `{name}`"),
                "Give the layers different names.",
            ));
        }
        let dtype = TYPES[array.dtype() as usize].0;
        let view = TensorView::new(dtype, array.shape().to_vec(), array.bytes()).map_err(broken)?;
        views.push((name.as_str(), view));
    }
    let metadata: HashMap<String, String> = metadata.iter().cloned().collect();
    let metadata = (!metadata.is_empty()).then_some(metadata);
    ::safetensors::serialize(views, metadata).map_err(broken)
}

/// Writes the file to `path`; it is never left incomplete.
pub fn write(
    path: &Path,
    arrays: &NamedArrays,
    metadata: &[(String, String)],
) -> Result<(), FileError> {
    let bytes =
        to_bytes(arrays, metadata).map_err(|error| error.within(path.display().to_string()))?;
    atomic::write(path, &bytes)
}

#[cfg(feature = "safetensors")]
fn broken(error: impl std::fmt::Display) -> FileError {
    FileError::refused(
        "the file must be sound safetensors",
        error.to_string(),
        "Save it again, or copy it whole from its source.",
    )
}

#[cfg(all(test, feature = "safetensors"))]
mod tests {
    use super::*;

    #[test]
    fn every_type_comes_back() {
        let arrays: NamedArrays = TYPES
            .iter()
            .map(|&(_, dtype)| {
                let bytes = vec![1; 2 * dtype.element_bytes()];
                (format!("w.{}", dtype.name()), Array::new(dtype, vec![2, 1], bytes).unwrap())
            })
            .collect();
        let metadata = [("format".to_owned(), "keras".to_owned())];
        let read = from_bytes(&to_bytes(&arrays, &metadata).unwrap()).unwrap();
        let mut sorted = arrays;
        sorted.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(read, sorted);
    }

    #[test]
    fn broken_files_and_double_names_are_errors() {
        let one = vec![("w".to_owned(), Array::i32_scalar(1))];
        let bytes = to_bytes(&one, &[]).unwrap();
        for end in 0..bytes.len() {
            assert!(from_bytes(&bytes[..end]).is_err(), "{end}");
        }
        let two = vec![("w".to_owned(), Array::i32_scalar(1)); 2];
        assert!(to_bytes(&two, &[]).is_err());
    }
}
