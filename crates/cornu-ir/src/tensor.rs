//! Values that exist: owned buffers and borrowed views, always contiguous and row-major.

use crate::spec::{DType, Spec};

/// Owned elements of one type.
#[derive(Clone, Debug, PartialEq)]
pub enum Buffer {
    /// 32-bit floats.
    F32(Vec<f32>),
    /// 64-bit floats.
    F64(Vec<f64>),
    /// 32-bit integers.
    I32(Vec<i32>),
    /// 64-bit integers.
    I64(Vec<i64>),
    /// Truth values, a byte of 0 or 1 each.
    Bool(Vec<u8>),
}

/// Borrowed elements of one type.
#[derive(Clone, Copy, Debug)]
pub enum Slice<'a> {
    /// 32-bit floats.
    F32(&'a [f32]),
    /// 64-bit floats.
    F64(&'a [f64]),
    /// 32-bit integers.
    I32(&'a [i32]),
    /// 64-bit integers.
    I64(&'a [i64]),
    /// Truth values.
    Bool(&'a [u8]),
}

/// Mutably borrowed elements of one type.
#[derive(Debug)]
pub enum SliceMut<'a> {
    /// 32-bit floats.
    F32(&'a mut [f32]),
    /// 64-bit floats.
    F64(&'a mut [f64]),
    /// 32-bit integers.
    I32(&'a mut [i32]),
    /// 64-bit integers.
    I64(&'a mut [i64]),
    /// Truth values.
    Bool(&'a mut [u8]),
}

/// A borrowed value: dims and elements.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// Dims, outermost first.
    pub dims: &'a [usize],
    /// Elements, row-major.
    pub data: Slice<'a>,
}

/// A mutably borrowed value: dims and elements.
#[derive(Debug)]
pub struct ViewMut<'a> {
    /// Dims, outermost first.
    pub dims: &'a [usize],
    /// Elements, row-major.
    pub data: SliceMut<'a>,
}

/// An owned value.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Dims, outermost first.
    pub dims: Vec<usize>,
    /// Elements, row-major.
    pub data: Buffer,
}

/// A type that elements can have; `bool` is stored as `u8`.
pub trait Element:
    Copy + Default + PartialEq + PartialOrd + std::fmt::Debug + Send + Sync + 'static
{
    /// The matching [`DType`].
    const DTYPE: DType;
    /// The view's elements when they have this type.
    fn of<'a>(s: &Slice<'a>) -> Option<&'a [Self]>;
    /// The view's elements when they have this type.
    fn of_mut<'b>(s: &'b mut SliceMut<'_>) -> Option<&'b mut [Self]>;
    /// A buffer of these elements.
    fn buffer(v: Vec<Self>) -> Buffer;
}

macro_rules! element {
    ($t:ty, $V:ident) => {
        impl Element for $t {
            const DTYPE: DType = DType::$V;
            fn of<'a>(s: &Slice<'a>) -> Option<&'a [Self]> {
                if let Slice::$V(v) = s { Some(v) } else { None }
            }
            fn of_mut<'b>(s: &'b mut SliceMut<'_>) -> Option<&'b mut [Self]> {
                if let SliceMut::$V(v) = s { Some(v) } else { None }
            }
            fn buffer(v: Vec<Self>) -> Buffer {
                Buffer::$V(v)
            }
        }
    };
}
element!(f32, F32);
element!(f64, F64);
element!(i32, I32);
element!(i64, I64);
element!(u8, Bool);

/// Runs `$body` with `$T` bound to the element type that `$dtype` names.
#[macro_export]
macro_rules! with_type {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            $crate::DType::F32 => {
                type $T = f32;
                $body
            }
            $crate::DType::F64 => {
                type $T = f64;
                $body
            }
            $crate::DType::I32 => {
                type $T = i32;
                $body
            }
            $crate::DType::I64 => {
                type $T = i64;
                $body
            }
            $crate::DType::Bool => {
                type $T = u8;
                $body
            }
        }
    };
}

/// Runs `$body` with `$T` bound to `f32` or `f64`.
#[macro_export]
macro_rules! with_float {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            $crate::DType::F32 => {
                type $T = f32;
                $body
            }
            $crate::DType::F64 => {
                type $T = f64;
                $body
            }
            other => panic!("expected a float type, got {other}"),
        }
    };
}

impl<'a> View<'a> {
    /// Element type.
    pub fn dtype(&self) -> DType {
        match self.data {
            Slice::F32(_) => DType::F32,
            Slice::F64(_) => DType::F64,
            Slice::I32(_) => DType::I32,
            Slice::I64(_) => DType::I64,
            Slice::Bool(_) => DType::Bool,
        }
    }

    /// The elements as `T`. Panics when the type differs: the verifier has ruled that out.
    pub fn get<T: Element>(&self) -> &'a [T] {
        T::of(&self.data).unwrap_or_else(|| panic!("expected {}, got {}", T::DTYPE, self.dtype()))
    }

    /// An owned copy.
    pub fn to_tensor(&self) -> Tensor {
        let data = with_type!(self.dtype(), T => <T as Element>::buffer(self.get::<T>().to_vec()));
        Tensor { dims: self.dims.to_vec(), data }
    }
}

impl ViewMut<'_> {
    /// Element type.
    pub fn dtype(&self) -> DType {
        match self.data {
            SliceMut::F32(_) => DType::F32,
            SliceMut::F64(_) => DType::F64,
            SliceMut::I32(_) => DType::I32,
            SliceMut::I64(_) => DType::I64,
            SliceMut::Bool(_) => DType::Bool,
        }
    }

    /// The elements as `T`. Panics when the type differs: the verifier has ruled that out.
    pub fn get<T: Element>(&mut self) -> &mut [T] {
        let got = self.dtype();
        T::of_mut(&mut self.data).unwrap_or_else(|| panic!("expected {}, got {got}", T::DTYPE))
    }
}

impl Buffer {
    /// `n` zeros of a type.
    pub fn zeros(dtype: DType, n: usize) -> Self {
        with_type!(dtype, T => <T as Element>::buffer(vec![T::default(); n]))
    }
}

impl Tensor {
    /// A tensor of given elements. Panics when their count is not the product of the dims.
    pub fn new<T: Element>(dims: &[usize], elements: Vec<T>) -> Self {
        assert_eq!(dims.iter().product::<usize>(), elements.len(), "elements for dims {dims:?}");
        Self { dims: dims.to_vec(), data: T::buffer(elements) }
    }

    /// Zeros.
    pub fn zeros(dtype: DType, dims: &[usize]) -> Self {
        Self { dims: dims.to_vec(), data: Buffer::zeros(dtype, dims.iter().product()) }
    }

    /// A tensor of rank 0.
    pub fn scalar<T: Element>(x: T) -> Self {
        Self::new(&[], vec![x])
    }

    /// A tensor of rank 0 and of the given type, rounded as a cast would.
    pub fn scalar_of(dtype: DType, x: f64) -> Self {
        match dtype {
            DType::F32 => Self::scalar(x as f32),
            DType::F64 => Self::scalar(x),
            DType::I32 => Self::scalar(x as i32),
            DType::I64 => Self::scalar(x as i64),
            DType::Bool => Self::scalar((x != 0.0) as u8),
        }
    }

    /// Element type.
    pub fn dtype(&self) -> DType {
        self.view().dtype()
    }

    /// Number of elements.
    pub fn n_elements(&self) -> usize {
        self.dims.iter().product()
    }

    /// Its spec, all dims numbers.
    pub fn spec(&self) -> Spec {
        Spec::known(self.dtype(), &self.dims)
    }

    /// A borrowed view.
    pub fn view(&self) -> View<'_> {
        let data = match &self.data {
            Buffer::F32(v) => Slice::F32(v),
            Buffer::F64(v) => Slice::F64(v),
            Buffer::I32(v) => Slice::I32(v),
            Buffer::I64(v) => Slice::I64(v),
            Buffer::Bool(v) => Slice::Bool(v),
        };
        View { dims: &self.dims, data }
    }

    /// A mutably borrowed view.
    pub fn view_mut(&mut self) -> ViewMut<'_> {
        let data = match &mut self.data {
            Buffer::F32(v) => SliceMut::F32(v),
            Buffer::F64(v) => SliceMut::F64(v),
            Buffer::I32(v) => SliceMut::I32(v),
            Buffer::I64(v) => SliceMut::I64(v),
            Buffer::Bool(v) => SliceMut::Bool(v),
        };
        ViewMut { dims: &self.dims, data }
    }

    /// All elements as 64-bit floats, whatever their type.
    pub fn to_f64(&self) -> Vec<f64> {
        match &self.data {
            Buffer::F32(v) => v.iter().map(|&x| x as f64).collect(),
            Buffer::F64(v) => v.clone(),
            Buffer::I32(v) => v.iter().map(|&x| x as f64).collect(),
            Buffer::I64(v) => v.iter().map(|&x| x as f64).collect(),
            Buffer::Bool(v) => v.iter().map(|&x| x as f64).collect(),
        }
    }
}
