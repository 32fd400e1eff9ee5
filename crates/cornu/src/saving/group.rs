//! What every weights format is read into: a tree of groups holding arrays.
//!
//! ```
//! use cornu::saving::{Array, Group};
//! let mut weights = Group::default();
//! weights.insert("layers/dense/vars/0", Array::from_f32(&[1, 2], &[3.0, 4.0])?)?;
//! assert_eq!(weights.get("layers/dense/vars/0").unwrap().to_f32()?, [3.0, 4.0]);
//! # Ok::<(), cornu::saving::FileError>(())
//! ```

#[cfg(feature = "float16")]
use half::{bf16, f16};

use super::FileError;

/// The element type of an [`Array`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum ArrayType {
    Bool,
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    F16,
    BF16,
    F32,
    F64,
}

impl ArrayType {
    /// Every type with its name in Keras and its bytes per element.
    pub const ALL: [(ArrayType, &'static str, usize); 13] = [
        (ArrayType::Bool, "bool", 1),
        (ArrayType::I8, "int8", 1),
        (ArrayType::U8, "uint8", 1),
        (ArrayType::I16, "int16", 2),
        (ArrayType::U16, "uint16", 2),
        (ArrayType::I32, "int32", 4),
        (ArrayType::U32, "uint32", 4),
        (ArrayType::I64, "int64", 8),
        (ArrayType::U64, "uint64", 8),
        (ArrayType::F16, "float16", 2),
        (ArrayType::BF16, "bfloat16", 2),
        (ArrayType::F32, "float32", 4),
        (ArrayType::F64, "float64", 8),
    ];

    /// Returns the bytes of one element.
    pub fn element_bytes(self) -> usize {
        Self::ALL[self as usize].2
    }

    /// Returns Keras's name of the type.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// Returns the type of a Keras name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|row| row.1 == name).map(|row| row.0)
    }
}

/// Array of a file: element type, shape, bytes in little-endian order, last axis fastest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Array {
    dtype: ArrayType,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Array {
    /// Returns an array of `bytes`, which must be as many as type and shape say.
    pub fn new(dtype: ArrayType, shape: Vec<usize>, bytes: Vec<u8>) -> Result<Self, FileError> {
        let expected_bytes =
            shape.iter().try_fold(dtype.element_bytes(), |n, &dim| n.checked_mul(dim));
        if expected_bytes != Some(bytes.len()) {
            return Err(FileError::refused(
                format!("an array of {} and shape {shape:?} has one value a place", dtype.name()),
                format!("{} bytes", bytes.len()),
                "Give as many values as the product of the axes.",
            ));
        }
        Ok(Array { dtype, shape, bytes })
    }

    /// Returns a float32 array.
    pub fn from_f32(shape: &[usize], values: &[f32]) -> Result<Self, FileError> {
        let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        Array::new(ArrayType::F32, shape.to_vec(), bytes)
    }

    /// Returns a float64 array.
    pub fn from_f64(shape: &[usize], values: &[f64]) -> Result<Self, FileError> {
        let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        Array::new(ArrayType::F64, shape.to_vec(), bytes)
    }

    /// Returns a float array of the type named, each value rounded to nearest even.
    pub fn from_f32_as(
        dtype: ArrayType,
        shape: &[usize],
        values: &[f32],
    ) -> Result<Self, FileError> {
        let bytes = match dtype {
            ArrayType::F32 => return Array::from_f32(shape, values),
            ArrayType::F64 => values.iter().flat_map(|&x| f64::from(x).to_le_bytes()).collect(),
            #[cfg(feature = "float16")]
            ArrayType::F16 => values.iter().flat_map(|&x| f16::from_f32(x).to_le_bytes()).collect(),
            #[cfg(feature = "float16")]
            ArrayType::BF16 => {
                values.iter().flat_map(|&x| bf16::from_f32(x).to_le_bytes()).collect()
            }
            #[cfg(not(feature = "float16"))]
            half @ (ArrayType::F16 | ArrayType::BF16) => return Err(without_float16(half)),
            other => {
                return Err(FileError::refused(
                    "weights are stored in a float type",
                    other.name(),
                    "Use float32, float64, float16 or bfloat16.",
                ));
            }
        };
        Array::new(dtype, shape.to_vec(), bytes)
    }

    /// Returns a scalar int32, as Keras stores an optimizer's iteration.
    pub fn i32_scalar(x: i32) -> Self {
        Array { dtype: ArrayType::I32, shape: Vec::new(), bytes: x.to_le_bytes().to_vec() }
    }

    /// Returns a scalar int64, as Keras on TensorFlow stores an optimizer's iteration.
    pub fn i64_scalar(x: i64) -> Self {
        Array { dtype: ArrayType::I64, shape: Vec::new(), bytes: x.to_le_bytes().to_vec() }
    }

    /// Returns a scalar float32, as Keras stores a learning rate.
    pub fn f32_scalar(x: f32) -> Self {
        Array { dtype: ArrayType::F32, shape: Vec::new(), bytes: x.to_le_bytes().to_vec() }
    }

    /// Returns the element type.
    pub fn dtype(&self) -> ArrayType {
        self.dtype
    }

    /// Returns the length of each axis; empty for a scalar.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Returns the values' bytes, little-endian.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the number of elements.
    pub fn n_elements(&self) -> usize {
        self.bytes.len() / self.dtype.element_bytes()
    }

    /// Returns all values as float32; integers and float64 are rounded to the nearest.
    pub fn to_f32(&self) -> Result<Vec<f32>, FileError> {
        Ok(match self.dtype {
            ArrayType::F32 => self.map(f32::from_le_bytes),
            ArrayType::F64 => self.map(|bytes| f64::from_le_bytes(bytes) as f32),
            #[cfg(feature = "float16")]
            ArrayType::F16 => self.map(|bytes| f16::from_le_bytes(bytes).to_f32()),
            #[cfg(feature = "float16")]
            ArrayType::BF16 => self.map(|bytes| bf16::from_le_bytes(bytes).to_f32()),
            #[cfg(not(feature = "float16"))]
            half @ (ArrayType::F16 | ArrayType::BF16) => return Err(without_float16(half)),
            _ => self.to_i64()?.into_iter().map(|x| x as f32).collect(),
        })
    }

    /// Returns all values as float64; int64 beyond 2^53 is rounded to the nearest.
    pub fn to_f64(&self) -> Result<Vec<f64>, FileError> {
        Ok(match self.dtype {
            ArrayType::F64 => self.map(f64::from_le_bytes),
            ArrayType::F32 | ArrayType::F16 | ArrayType::BF16 => {
                self.to_f32()?.into_iter().map(f64::from).collect()
            }
            _ => self.to_i64()?.into_iter().map(|x| x as f64).collect(),
        })
    }

    /// Returns all values as int64; fails for floats and for uint64 above 2^63 - 1.
    pub fn to_i64(&self) -> Result<Vec<i64>, FileError> {
        Ok(match self.dtype {
            ArrayType::Bool => self.map(|[byte]: [u8; 1]| i64::from(byte != 0)),
            ArrayType::I8 => self.map(|bytes| i8::from_le_bytes(bytes).into()),
            ArrayType::U8 => self.map(|bytes| u8::from_le_bytes(bytes).into()),
            ArrayType::I16 => self.map(|bytes| i16::from_le_bytes(bytes).into()),
            ArrayType::U16 => self.map(|bytes| u16::from_le_bytes(bytes).into()),
            ArrayType::I32 => self.map(|bytes| i32::from_le_bytes(bytes).into()),
            ArrayType::U32 => self.map(|bytes| u32::from_le_bytes(bytes).into()),
            ArrayType::I64 => self.map(i64::from_le_bytes),
            ArrayType::U64 => {
                let values: Result<_, _> =
                    self.map(u64::from_le_bytes).into_iter().map(i64::try_from).collect();
                values.map_err(|_| {
                    FileError::refused(
                        "a count must be below 2^63",
                        "a larger uint64",
                        "Save the model again.",
                    )
                })?
            }
            ArrayType::F16 | ArrayType::BF16 | ArrayType::F32 | ArrayType::F64 => {
                return Err(FileError::refused(
                    "whole numbers are expected",
                    self.dtype.name(),
                    "Check that the file belongs to this model.",
                ));
            }
        })
    }

    fn map<const WIDTH: usize, X>(&self, read: impl Fn([u8; WIDTH]) -> X) -> Vec<X> {
        self.bytes.as_chunks::<WIDTH>().0.iter().map(|&bytes| read(bytes)).collect()
    }
}

/// Text attribute of a group; attributes of numbers are not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribute {
    /// One text.
    Text(String),
    /// A list of texts; an empty list of any type is read as this.
    Texts(Vec<String>),
}

/// Group of a file: name, arrays and inner groups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// The attribute `name`, by which Keras notes which layer the numbered weights are of.
    pub name: Option<String>,
    /// The other attributes that hold text.
    pub attributes: Vec<(String, Attribute)>,
    /// Arrays by name, in numerical order where all names are numbers.
    pub arrays: Vec<(String, Array)>,
    /// Groups by name.
    pub groups: Vec<(String, Group)>,
    /// Names of data sets that hold no numbers, which no weight can be, with what they hold.
    pub foreign: Vec<(String, String)>,
}

impl Group {
    /// Returns the array at a path such as `layers/dense/vars/0`.
    pub fn get(&self, path: &str) -> Option<&Array> {
        let (parent, name) = parent_and_name(path);
        let parent = self.group(parent)?;
        parent.arrays.iter().find(|(key, _)| key == name).map(|(_, array)| array)
    }

    /// Returns the group at a path such as `layers/dense/vars`; the empty path is this group.
    pub fn group(&self, path: &str) -> Option<&Group> {
        parts(path).try_fold(self, |group, part| {
            group.groups.iter().find(|(key, _)| key == part).map(|(_, group)| group)
        })
    }

    /// Returns the attribute of that name.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, attribute)| attribute)
    }

    /// Inserts an array at a path and makes its groups. A path that exists is an error.
    pub fn insert(&mut self, path: &str, array: Array) -> Result<(), FileError> {
        let (parent, name) = parent_and_name(path);
        let parent = self.group_mut(parent);
        let taken = name.is_empty()
            || parent.arrays.iter().any(|(key, _)| key == name)
            || parent.groups.iter().any(|(key, _)| key == name);
        if taken {
            return Err(FileError::refused(
                "each weight has a path of its own",
                format!("a second `{path}`"),
                "Give the layers different names.",
            ));
        }
        parent.arrays.push((name.to_owned(), array));
        Ok(())
    }

    /// Returns the group at a path, which is made if it does not exist.
    pub fn group_mut(&mut self, path: &str) -> &mut Group {
        parts(path).fold(self, |group, part| {
            let at = group.groups.iter().position(|(key, _)| key == part).unwrap_or_else(|| {
                group.groups.push((part.to_owned(), Group::default()));
                group.groups.len() - 1
            });
            &mut group.groups[at].1
        })
    }

    /// Removes and returns the array at a path.
    pub fn take(&mut self, path: &str) -> Option<Array> {
        let (parent, name) = parent_and_name(path);
        self.group(parent)?;
        let parent = self.group_mut(parent);
        let at = parent.arrays.iter().position(|(key, _)| key == name)?;
        Some(parent.arrays.remove(at).1)
    }

    /// Removes and returns an inner group.
    pub fn take_group(&mut self, name: &str) -> Option<Group> {
        let at = self.groups.iter().position(|(key, _)| key == name)?;
        Some(self.groups.remove(at).1)
    }

    /// Returns all arrays of this group and of groups inside it, with their paths.
    pub fn walk(&self) -> Vec<(String, &Array)> {
        let mut found = Vec::new();
        self.walk_into("", &mut found);
        found
    }

    /// Returns the paths of data sets that hold no numbers, with what they hold.
    pub fn foreign(&self) -> Vec<String> {
        let own = self.foreign.iter().map(|(name, what)| format!("{name}: {what}"));
        let inside = |(name, group): &(String, Group)| {
            group.foreign().into_iter().map(|path| format!("{name}/{path}")).collect::<Vec<_>>()
        };
        own.chain(self.groups.iter().flat_map(inside)).collect()
    }

    fn walk_into<'a>(&'a self, prefix: &str, found: &mut Vec<(String, &'a Array)>) {
        for (name, array) in &self.arrays {
            found.push((format!("{prefix}{name}"), array));
        }
        for (name, group) in &self.groups {
            group.walk_into(&format!("{prefix}{name}/"), found);
        }
    }

    /// Brings arrays named by numbers into numerical order, which files do not keep.
    pub(crate) fn sort_numbered(&mut self) {
        let number = |name: &str| {
            let digits = !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit());
            if digits { name.parse::<u64>().ok() } else { None }
        };
        if self.arrays.iter().all(|(name, _)| number(name).is_some()) {
            self.arrays.sort_by_key(|(name, _)| number(name));
        }
    }
}

fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty())
}

fn parent_and_name(path: &str) -> (&str, &str) {
    path.trim_end_matches('/').rsplit_once('/').unwrap_or(("", path))
}

#[cfg(not(feature = "float16"))]
fn without_float16(dtype: ArrayType) -> FileError {
    FileError::unsupported(
        format!("an array of {} in this build", dtype.name()),
        "Build cornu with the feature `float16`.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_types_is_in_the_order_of_the_enum() {
        for (dtype, name, bytes) in ArrayType::ALL {
            assert_eq!(dtype.name(), name);
            assert_eq!(dtype.element_bytes(), bytes);
            assert_eq!(ArrayType::from_name(name), Some(dtype));
        }
    }

    #[test]
    fn numbered_arrays_come_in_numerical_order() {
        let mut group = Group::default();
        for name in ["0", "1", "10", "2"] {
            group.insert(name, Array::i32_scalar(1)).unwrap();
        }
        group.sort_numbered();
        let names: Vec<_> = group.arrays.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["0", "1", "2", "10"]);
    }

    #[test]
    fn bytes_must_fit_the_shape() {
        assert!(Array::new(ArrayType::F32, vec![2, 2], vec![0; 15]).is_err());
        assert!(Array::new(ArrayType::F64, vec![usize::MAX, 2], vec![]).is_err());
        assert!(Array::new(ArrayType::F64, vec![usize::MAX, 0], vec![]).is_err());
        assert!(Array::new(ArrayType::F64, vec![0, 7], vec![]).is_ok());
    }

    #[test]
    fn half_types_round_to_even() {
        let values = [1.0, 1.003_906_3, 65504.0, -0.0];
        let half = Array::from_f32_as(ArrayType::BF16, &[4], &values).unwrap();
        assert_eq!(half.to_f32().unwrap(), [1.0, 1.0, 65536.0, -0.0]);
        let half = Array::from_f32_as(ArrayType::F16, &[4], &values).unwrap();
        assert_eq!(half.to_f32().unwrap(), values);
    }

    #[test]
    fn a_path_is_taken_once() {
        let mut group = Group::default();
        group.insert("a/b/0", Array::i32_scalar(1)).unwrap();
        assert!(group.insert("a/b/0", Array::i32_scalar(1)).is_err());
        assert!(group.insert("a/b", Array::i32_scalar(1)).is_err());
        assert_eq!(group.take("a/b/0").unwrap().to_i64().unwrap(), [1]);
        assert!(group.get("a/b/0").is_none());
    }
}
