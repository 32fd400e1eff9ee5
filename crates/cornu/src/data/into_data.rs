//! The trait by which `fit`, `evaluate` and `predict` take data of every form.

use super::array::Array;
use super::data_set::DataSet;
use super::element::Element;
use super::error::Result;
use super::given::{Arrays, NumberView, Values};
use super::ragged::Ragged;
use super::source::Data;
use ndarray::{ArrayBase, ArrayView, Dimension, OwnedArcRepr, OwnedRepr, RawData, ViewRepr};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

/// Data that `fit`, `evaluate` and `predict` take.
///
/// | given | becomes |
/// |---|---|
/// | `ndarray` of any rank: owned, `&array`, `array.view()` | one array |
/// | `Vec<f32>`, `&[i64]`, `Vec<String>`, `&[&str]` | one value a sample, (B,) |
/// | `Vec<[f32; N]>` | a table (B, N) |
/// | `Vec<Vec<f32>>` | (B, T) where all rows have one length, else sequences (T_i,) |
/// | `Vec<Vec<[f32; N]>>`, `Vec<Vec<Vec<f32>>>` | (B, T, N), or sequences (T_i, N) |
/// | `Vec<Array2<f32>>`, lists of arrays and views | as above: one sequence an item |
/// | [`Data`], [`Array`], [`Ragged`] | one array |
/// | `(a, b)`, up to six; `Vec<Data>`, `&[Data]` | several arrays, in the model's order |
/// | `[("name", a), ("other", b)]`, `BTreeMap`, `HashMap` | several arrays, by name |
/// | `&set` of a [`DataSet`] | all its arrays, read batch by batch |
/// | `()` | none: for the targets of a [`DataSet`] |
///
/// Types are `f32`, `f64`, `i32`, `i64`, `bool`, smaller integers, `String` and `&str`. What is
/// borrowed in C order and in the type of the model is not copied; what is owned is moved.
///
/// ```
/// use cornu::{Input, Model, Predict, Rescaling};
/// use ndarray::array;
/// let x = Input::named("x", [2]);
/// let model = Model::new(&x, &Rescaling::new(2.0, 0.0).call(&x)?)?;
/// let table = array![[1.0f32, 2.0], [3.0, 4.0]];
/// let want = model.predict(&table, Predict::new())?;
/// assert_eq!(want.f32()?, array![[2.0, 4.0], [6.0, 8.0]].into_dyn());
/// assert_eq!(model.predict(vec![[1.0f32, 2.0], [3.0, 4.0]], Predict::new())?, want);
/// assert_eq!(model.predict(vec![vec![1.0, 2.0], vec![3.0, 4.0]], Predict::new())?, want);
/// assert_eq!(model.predict([("x", table.view())], Predict::new())?, want);
/// # Ok::<(), cornu::Error>(())
/// ```
pub trait IntoData<'a> {
    /// Returns the arrays.
    ///
    /// # Errors
    /// Lists whose items do not fit together, with the axis that differs.
    fn into_data(self) -> Result<Arrays<'a>>;
}

/// Items of lists that `fit`, `evaluate` and `predict` take: numbers, rows, sequences, arrays, and
/// pairs of a name and an array.
pub trait ListItem<'a>: Sized {
    /// Returns the arrays of an owned list.
    ///
    /// # Errors
    /// Items that do not fit together.
    fn owned(items: Vec<Self>) -> Result<Arrays<'a>>;

    /// Returns the arrays of a borrowed list.
    ///
    /// # Errors
    /// Items that do not fit together.
    fn borrowed(items: &'a [Self]) -> Result<Arrays<'a>>;
}

impl<'a> IntoData<'a> for Arrays<'a> {
    fn into_data(self) -> Result<Arrays<'a>> {
        Ok(self)
    }
}

impl<'a> IntoData<'a> for () {
    fn into_data(self) -> Result<Arrays<'a>> {
        Ok(Arrays::default())
    }
}

impl<'a> IntoData<'a> for Data {
    fn into_data(self) -> Result<Arrays<'a>> {
        Ok(Arrays::owned(self))
    }
}

impl<'a> IntoData<'a> for &'a Data {
    fn into_data(self) -> Result<Arrays<'a>> {
        match self {
            Data::Dense(array) => array.into_data(),
            Data::Ragged(_) => Ok(Arrays::one(Values::Held(Cow::Borrowed(self)))),
        }
    }
}

impl<'a> IntoData<'a> for Cow<'a, Data> {
    fn into_data(self) -> Result<Arrays<'a>> {
        match self {
            Cow::Borrowed(data) => data.into_data(),
            Cow::Owned(data) => data.into_data(),
        }
    }
}

impl<'a> IntoData<'a> for Array {
    fn into_data(self) -> Result<Arrays<'a>> {
        Ok(Arrays::owned(Data::Dense(self)))
    }
}

impl<'a> IntoData<'a> for &'a Array {
    fn into_data(self) -> Result<Arrays<'a>> {
        match self {
            Array::F32(a) => a.into_data(),
            Array::F64(a) => a.into_data(),
            Array::I32(a) => a.into_data(),
            Array::I64(a) => a.into_data(),
            Array::Bool(a) => a.into_data(),
            Array::Str(a) => a.into_data(),
        }
    }
}

impl<'a> IntoData<'a> for Ragged {
    fn into_data(self) -> Result<Arrays<'a>> {
        Ok(Arrays::owned(Data::Ragged(self)))
    }
}

impl<'a> IntoData<'a> for &'a Ragged {
    fn into_data(self) -> Result<Arrays<'a>> {
        Ok(Arrays::owned(Data::Ragged(self.clone())))
    }
}

impl<'a, S: DataSet> IntoData<'a> for &'a S {
    fn into_data(self) -> Result<Arrays<'a>> {
        Arrays::of_set(self)
    }
}

impl<'a> IntoData<'a> for &'a dyn DataSet {
    fn into_data(self) -> Result<Arrays<'a>> {
        Arrays::of_set(self)
    }
}

/// A borrowed array: as it is in C order and where models take its type, else copied.
pub(crate) fn viewed<'a, T: Element, D: Dimension>(view: ArrayView<'a, T, D>) -> Arrays<'a> {
    let shape = view.shape().to_vec();
    match view.to_slice().and_then(T::borrow).filter(|_| !shape.is_empty()) {
        Some(numbers) => Arrays::one(Values::View(NumberView { shape, numbers })),
        None => Arrays::owned(Data::Dense(Array::from(view))),
    }
}

impl<'a, T: Element, D: Dimension> IntoData<'a> for ArrayBase<OwnedRepr<T>, D> {
    fn into_data(self) -> Result<Arrays<'a>> {
        Ok(Arrays::owned(Data::from(self)))
    }
}

impl<'a, T: Element, D: Dimension> IntoData<'a> for ArrayBase<OwnedArcRepr<T>, D> {
    fn into_data(self) -> Result<Arrays<'a>> {
        Ok(Arrays::owned(Data::from(self)))
    }
}

impl<'a, T: Element, D: Dimension> IntoData<'a> for ArrayBase<ViewRepr<&'a T>, D> {
    fn into_data(self) -> Result<Arrays<'a>> {
        Ok(viewed(self))
    }
}

impl<'a, S, D> IntoData<'a> for &'a ArrayBase<S, D>
where
    S: RawData + ndarray::Data,
    S::Elem: Element,
    D: Dimension,
{
    fn into_data(self) -> Result<Arrays<'a>> {
        Ok(viewed(self.view()))
    }
}

impl<'a, T: ListItem<'a>> IntoData<'a> for Vec<T> {
    fn into_data(self) -> Result<Arrays<'a>> {
        T::owned(self)
    }
}

impl<'a, T: ListItem<'a>, const N: usize> IntoData<'a> for [T; N] {
    fn into_data(self) -> Result<Arrays<'a>> {
        T::owned(self.into())
    }
}

impl<'a, T: ListItem<'a>> IntoData<'a> for &'a [T] {
    fn into_data(self) -> Result<Arrays<'a>> {
        T::borrowed(self)
    }
}

impl<'a, T: ListItem<'a>> IntoData<'a> for &'a Vec<T> {
    fn into_data(self) -> Result<Arrays<'a>> {
        T::borrowed(self)
    }
}

impl<'a, T: ListItem<'a>, const N: usize> IntoData<'a> for &'a [T; N] {
    fn into_data(self) -> Result<Arrays<'a>> {
        T::borrowed(self)
    }
}

macro_rules! tuples {
    ($(($($T:ident $t:ident),*);)*) => {
        $(impl<'a, $($T: IntoData<'a>),*> IntoData<'a> for ($($T),*) {
            fn into_data(self) -> Result<Arrays<'a>> {
                let ($($t),*) = self;
                Arrays::several([$((None, $t.into_data()?)),*])
            }
        })*
    };
}
tuples! {
    (A a, B b);
    (A a, B b, C c);
    (A a, B b, C c, D d);
    (A a, B b, C c, D d, E e);
    (A a, B b, C c, D d, E e, F f);
}

/// The values of a map by their names.
fn by_key<'a, K: AsRef<str>, D: IntoData<'a>>(
    items: impl Iterator<Item = (K, D)>,
) -> Result<Arrays<'a>> {
    let named = items.map(|(name, data)| Ok((Some(name.as_ref().to_owned()), data.into_data()?)));
    Arrays::several(named.collect::<Result<Vec<_>>>()?)
}

impl<'a, K: AsRef<str>, D: IntoData<'a>> IntoData<'a> for BTreeMap<K, D> {
    fn into_data(self) -> Result<Arrays<'a>> {
        by_key(self.into_iter())
    }
}

impl<'a, K: AsRef<str>, D> IntoData<'a> for &'a BTreeMap<K, D>
where
    &'a D: IntoData<'a>,
{
    fn into_data(self) -> Result<Arrays<'a>> {
        by_key(self.iter())
    }
}

impl<'a, K: AsRef<str>, D: IntoData<'a>, H> IntoData<'a> for HashMap<K, D, H> {
    fn into_data(self) -> Result<Arrays<'a>> {
        by_key(self.into_iter())
    }
}

impl<'a, K: AsRef<str>, D, H> IntoData<'a> for &'a HashMap<K, D, H>
where
    &'a D: IntoData<'a>,
{
    fn into_data(self) -> Result<Arrays<'a>> {
        by_key(self.iter())
    }
}
