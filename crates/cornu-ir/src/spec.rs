//! What is known of a value before it exists: its element type and its dims, each a number or
//! unknown; and the error of specs that break a rule.

use std::fmt;

/// Element type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DType {
    /// 32-bit float.
    F32,
    /// 64-bit float.
    F64,
    /// 32-bit integer.
    I32,
    /// 64-bit integer.
    I64,
    /// Truth value, a byte of 0 or 1.
    Bool,
}

impl DType {
    /// Bytes of one element.
    pub const fn size_bytes(self) -> usize {
        match self {
            DType::F32 | DType::I32 => 4,
            DType::F64 | DType::I64 => 8,
            DType::Bool => 1,
        }
    }

    /// Whether gradients flow through values of this type.
    pub const fn is_float(self) -> bool {
        matches!(self, DType::F32 | DType::F64)
    }

    /// Whether this is a signed integer type.
    pub const fn is_int(self) -> bool {
        matches!(self, DType::I32 | DType::I64)
    }

    /// The short name used in printed graphs.
    pub const fn name(self) -> &'static str {
        match self {
            DType::F32 => "f32",
            DType::F64 => "f64",
            DType::I32 => "i32",
            DType::I64 => "i64",
            DType::Bool => "bool",
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One dim: a number, or unknown until data arrives.
pub type Dim = Option<usize>;

/// The product of dims, unknown as soon as one of them is (a zero among them makes it zero all the
/// same).
///
/// ```
/// use cornu_ir::spec::product;
/// assert_eq!(product(&[Some(3), Some(4)]), Some(12));
/// assert_eq!(product(&[Some(3), None]), None);
/// ```
pub fn product(dims: &[Dim]) -> Dim {
    dims.iter().try_fold(1usize, |n, d| d.and_then(|d| n.checked_mul(d)))
}

/// Element type and dims of a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Spec {
    /// Element type.
    pub dtype: DType,
    /// Dims, outermost first.
    pub dims: Vec<Dim>,
}

impl Spec {
    /// A spec whose dims may be unknown.
    pub fn new(dtype: DType, dims: impl Into<Vec<Dim>>) -> Self {
        Self { dtype, dims: dims.into() }
    }

    /// A spec whose dims are all numbers.
    pub fn known(dtype: DType, dims: &[usize]) -> Self {
        Self { dtype, dims: dims.iter().map(|&d| Some(d)).collect() }
    }

    /// Number of dims.
    pub fn rank(&self) -> usize {
        self.dims.len()
    }

    /// The dims when all are numbers.
    pub fn numbers(&self) -> Option<Vec<usize>> {
        self.dims.iter().copied().collect()
    }

    /// Number of elements when all dims are numbers.
    pub fn n_elements(&self) -> Dim {
        product(&self.dims)
    }

    /// Whether a value of `other` could be a value of `self`: same type and rank, dims equal where
    /// both are numbers.
    pub fn agrees(&self, other: &Spec) -> bool {
        self.dtype == other.dtype
            && self.rank() == other.rank()
            && self.dims.iter().zip(&other.dims).all(|(a, b)| a.is_none() || b.is_none() || a == b)
    }
}

/// Writes dims as Keras does: `(None, 20, 1)`.
pub fn write_dims(f: &mut impl fmt::Write, dims: &[Dim]) -> fmt::Result {
    f.write_char('(')?;
    for (i, d) in dims.iter().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        match d {
            Some(n) => write!(f, "{n}")?,
            None => f.write_str("None")?,
        }
    }
    f.write_str(if dims.len() == 1 { ",)" } else { ")" })
}

/// Dims as text: `(None, 20, 1)`.
pub fn dims_text(dims: &[Dim]) -> String {
    let mut s = String::new();
    write_dims(&mut s, dims).expect("writing to a string");
    s
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.dtype)?;
        write_dims(f, &self.dims)
    }
}

/// A rule of shapes or types that was broken: which operation, the rule, what came.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{op}: {rule}. Received: {received}")]
pub struct ShapeError {
    /// The operation.
    pub op: String,
    /// What must hold.
    pub rule: String,
    /// The specs that came.
    pub received: String,
}

impl ShapeError {
    /// An error of `op` that received `ins`.
    pub fn new(op: &str, rule: impl Into<String>, ins: &[Spec]) -> Self {
        let received = ins.iter().map(Spec::to_string).collect::<Vec<_>>().join(", ");
        Self { op: op.into(), rule: rule.into(), received }
    }
}
