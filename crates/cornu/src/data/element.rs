//! Which Rust types become an [`Array`], and how.

use super::array::Array;
use super::ragged::Ragged;
use super::source::Data;
use cornu_ir::tensor::Slice;
use ndarray::{ArrayBase, ArrayD, Data as Storage, Dimension};

/// Element type: `ndarray` arrays and vectors of it can be given to a model.
///
/// Small integers widen to `int32`, `u32` and `usize` to `int64`.
pub trait Element: Clone {
    /// Returns values as an [`Array`].
    fn wrap(values: ArrayD<Self>) -> Array;

    /// Returns borrowed numbers, if models take the type without a cast.
    #[doc(hidden)]
    fn borrow(_values: &[Self]) -> Option<Slice<'_>> {
        None
    }
}

macro_rules! elements {
    ($($ty:ty => $variant:ident $(as $wide:ty)?;)*) => {
        $(impl Element for $ty {
            fn wrap(values: ArrayD<Self>) -> Array {
                Array::$variant(values$(.mapv(|v| v as $wide))?)
            }
        })*
    };
}

macro_rules! borrowed_elements {
    ($($ty:ty => $variant:ident;)*) => {
        $(impl Element for $ty {
            fn wrap(values: ArrayD<Self>) -> Array {
                Array::$variant(values)
            }

            fn borrow(values: &[Self]) -> Option<Slice<'_>> {
                Some(Slice::$variant(values))
            }
        })*
    };
}

borrowed_elements! {
    f32 => F32;
    f64 => F64;
    i32 => I32;
    i64 => I64;
}

elements! {
    bool => Bool;
    String => Str;
    i8 => I32 as i32;
    u8 => I32 as i32;
    i16 => I32 as i32;
    u16 => I32 as i32;
    u32 => I64 as i64;
    usize => I64 as i64;
}

impl Element for &str {
    fn wrap(values: ArrayD<Self>) -> Array {
        Array::Str(values.map(|v| (*v).to_owned()))
    }
}

/// Every value of an array of any layout, in C order.
fn standard<S, D>(array: &ArrayBase<S, D>) -> ArrayD<S::Elem>
where
    S: Storage,
    S::Elem: Clone,
    D: Dimension,
{
    array.as_standard_layout().into_owned().into_dyn()
}

impl<S, D> From<ArrayBase<S, D>> for Array
where
    S: Storage,
    S::Elem: Element,
    D: Dimension,
{
    fn from(array: ArrayBase<S, D>) -> Self {
        let values = if array.is_standard_layout() {
            array.into_owned().into_dyn()
        } else {
            standard(&array)
        };
        Element::wrap(values)
    }
}

impl<S, D> From<&ArrayBase<S, D>> for Array
where
    S: Storage,
    S::Elem: Element,
    D: Dimension,
{
    fn from(array: &ArrayBase<S, D>) -> Self {
        Element::wrap(standard(array))
    }
}

impl<T: Element> From<Vec<T>> for Array {
    fn from(values: Vec<T>) -> Self {
        Element::wrap(ndarray::Array1::from(values).into_dyn())
    }
}

impl<T: Element> From<&Vec<T>> for Array {
    fn from(values: &Vec<T>) -> Self {
        Array::from(values.clone())
    }
}

impl<T: Element> From<&[T]> for Array {
    fn from(values: &[T]) -> Self {
        Array::from(values.to_vec())
    }
}

impl<T: Element, const N: usize> From<[T; N]> for Array {
    fn from(values: [T; N]) -> Self {
        Array::from(values.to_vec())
    }
}

impl From<&Array> for Array {
    fn from(array: &Array) -> Self {
        array.clone()
    }
}

macro_rules! dense_from {
    ($([$($generics:tt)*] $from:ty $(where [$($bounds:tt)*])?;)*) => {
        $(impl<$($generics)*> From<$from> for Data $(where $($bounds)*)? {
            fn from(values: $from) -> Self {
                Data::Dense(Array::from(values))
            }
        })*
    };
}

dense_from! {
    [S, D] ArrayBase<S, D> where [S: Storage, S::Elem: Element, D: Dimension];
    [S, D] &ArrayBase<S, D> where [S: Storage, S::Elem: Element, D: Dimension];
    [T: Element] Vec<T>;
    [T: Element] &Vec<T>;
    [T: Element] &[T];
    [T: Element, const N: usize] [T; N];
    [] &Array;
}

impl From<Array> for Data {
    fn from(array: Array) -> Self {
        Data::Dense(array)
    }
}

impl From<Ragged> for Data {
    fn from(series: Ragged) -> Self {
        Data::Ragged(series)
    }
}

impl From<&Ragged> for Data {
    fn from(series: &Ragged) -> Self {
        Data::Ragged(series.clone())
    }
}

impl From<&Data> for Data {
    fn from(data: &Data) -> Self {
        data.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array3, Axis, array};

    fn takes(x: impl Into<Data>) -> Data {
        x.into()
    }

    #[test]
    fn every_rank_owner_and_type_is_taken() {
        let x = Array3::<f32>::zeros((4, 3, 2));
        for data in [
            takes(&x),
            takes(x.view()),
            takes(x.slice_axis(Axis(1), (0..3).into())),
            takes(x.clone().into_dyn()),
        ] {
            let Data::Dense(a) = data else { panic!("dense") };
            assert_eq!((a.shape(), a.dtype()), (&[4, 3, 2][..], "float32"));
        }
        assert_eq!(takes(vec![1i64, 2]).n_samples(), 2);
        assert_eq!(takes([true, false]).n_samples(), 2);
        assert_eq!(takes(&array![["a"], ["b"]]), takes(array![["a".to_owned()], ["b".to_owned()]]));
        assert_eq!(takes(array![1u8, 255]), takes(array![1i32, 255]));
        assert_eq!(takes(array![4usize]), takes(array![4i64]));
    }

    #[test]
    fn a_transposed_view_keeps_its_meaning() {
        let a = array![[1.0f32, 2.0], [3.0, 4.0]];
        let Array::F32(got) = Array::from(a.t()) else { panic!("float32") };
        assert_eq!(got.as_slice().unwrap(), [1.0, 3.0, 2.0, 4.0]);
    }
}
