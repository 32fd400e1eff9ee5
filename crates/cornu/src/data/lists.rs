//! Vectors and slices as data: numbers, rows, sequences, several arrays, arrays by name.

use super::array::Array;
use super::element::Element;
use super::error::{DataError, Result};
use super::given::Arrays;
use super::into_data::{IntoData, ListItem, viewed};
use super::ragged::Ragged;
use super::source::Data;
use ndarray::{ArrayBase, ArrayView1, ArrayView2, Dimension};
use std::borrow::Cow;

impl<'a, T: Element> ListItem<'a> for T {
    fn owned(items: Vec<Self>) -> Result<Arrays<'a>> {
        Ok(Arrays::owned(Data::from(items)))
    }

    fn borrowed(items: &'a [Self]) -> Result<Arrays<'a>> {
        Ok(viewed(ArrayView1::from(items)))
    }
}

impl<'a, T: Element, const N: usize> ListItem<'a> for [T; N] {
    fn owned(items: Vec<Self>) -> Result<Arrays<'a>> {
        let shape = [items.len(), N];
        Ok(Arrays::owned(Data::Dense(Array::from(items.into_flattened()).reshape(&shape)?)))
    }

    fn borrowed(items: &'a [Self]) -> Result<Arrays<'a>> {
        let table = ArrayView2::from_shape((items.len(), N), items.as_flattened());
        Ok(viewed(table.expect("the items are the rows of the table")))
    }
}

/// Timestep of a sequence in a nested `Vec`: a number, `[f32; N]` or a `Vec`.
pub trait Timestep: Sized {
    /// Returns the sequence (T,) or (T, F) of its timesteps.
    ///
    /// # Errors
    /// Timesteps of several lengths.
    fn sequence(steps: &[Self]) -> Result<Array>;
}

impl<T: Element> Timestep for T {
    fn sequence(steps: &[Self]) -> Result<Array> {
        Ok(Array::from(steps))
    }
}

impl<T: Element, const N: usize> Timestep for [T; N] {
    fn sequence(steps: &[Self]) -> Result<Array> {
        Array::from(steps.as_flattened()).reshape(&[steps.len(), N])
    }
}

impl<T: Element> Timestep for Vec<T> {
    fn sequence(steps: &[Self]) -> Result<Array> {
        let width = steps.first().map_or(0, Vec::len);
        if let Some(at) = steps.iter().position(|step| step.len() != width) {
            return Err(DataError::invalid(
                format!("timestep {at}"),
                format!("axis 2 (features) must have one length; timestep 0 has {width} values."),
                format!("{} values", steps[at].len()),
            ));
        }
        let values: Vec<T> = steps.iter().flatten().cloned().collect();
        Array::from(values).reshape(&[steps.len(), width])
    }
}

/// Sequences, one an item: a rectangle where all have one length.
fn sequences<'a>(items: impl Iterator<Item = Result<Array>>) -> Result<Arrays<'a>> {
    let named =
        |(i, item): (usize, Result<Array>)| item.map_err(|e| e.within(&format!("sample {i}")));
    let parts = items.enumerate().map(named).collect::<Result<Vec<Array>>>()?;
    Ok(Arrays::owned(Data::from_series(Ragged::from_list(parts)?)))
}

macro_rules! nested {
    ($([$($generics:tt)*] $Item:ty;)*) => {
        $(impl<'a, $($generics)*> ListItem<'a> for $Item {
            fn owned(items: Vec<Self>) -> Result<Arrays<'a>> {
                sequences(items.iter().map(|item| Timestep::sequence(&item[..])))
            }

            fn borrowed(items: &'a [Self]) -> Result<Arrays<'a>> {
                sequences(items.iter().map(|item| Timestep::sequence(&item[..])))
            }
        })*
    };
}
nested! {
    [S: Timestep] Vec<S>;
    ['b, S: Timestep] &'b [S];
    ['b, S: Timestep] &'b Vec<S>;
    [T: Element, const F: usize, const N: usize] [[T; F]; N];
}

macro_rules! array_items {
    ($([$($generics:tt)*] $Item:ty;)*) => {
        $(impl<'a, $($generics)* S, D> ListItem<'a> for $Item
        where
            S: ndarray::Data,
            S::Elem: Element,
            D: Dimension,
        {
            fn owned(items: Vec<Self>) -> Result<Arrays<'a>> {
                sequences(items.into_iter().map(|item| Ok(Array::from(item))))
            }

            fn borrowed(items: &'a [Self]) -> Result<Arrays<'a>> {
                sequences(items.iter().map(|item| Ok(Array::from(item.view()))))
            }
        })*
    };
}
array_items! {
    [] ArrayBase<S, D>;
    ['b,] &'b ArrayBase<S, D>;
}

macro_rules! several {
    ($($Item:ty;)*) => {
        $(impl<'a> ListItem<'a> for $Item {
            fn owned(items: Vec<Self>) -> Result<Arrays<'a>> {
                let parts = items.into_iter().map(|item| Ok((None, item.into_data()?)));
                Arrays::several(parts.collect::<Result<Vec<_>>>()?)
            }

            fn borrowed(items: &'a [Self]) -> Result<Arrays<'a>> {
                let parts = items.iter().map(|item| Ok((None, <&Self>::into_data(item)?)));
                Arrays::several(parts.collect::<Result<Vec<_>>>()?)
            }
        })*
    };
}
several! { Data; Array; Ragged; }

macro_rules! several_borrowed {
    ($($Item:ty;)*) => {
        $(impl<'a> ListItem<'a> for $Item {
            fn owned(items: Vec<Self>) -> Result<Arrays<'a>> {
                let parts = items.into_iter().map(|item| Ok((None, item.into_data()?)));
                Arrays::several(parts.collect::<Result<Vec<_>>>()?)
            }

            fn borrowed(items: &'a [Self]) -> Result<Arrays<'a>> {
                <Self as ListItem<'a>>::owned(items.to_vec())
            }
        })*
    };
}
several_borrowed! { &'a Data; &'a Array; &'a Ragged; Cow<'a, Data>; Arrays<'a>; }

impl<'a, K: AsRef<str> + Clone, D: IntoData<'a> + Clone> ListItem<'a> for (K, D) {
    fn owned(items: Vec<Self>) -> Result<Arrays<'a>> {
        let named = items
            .into_iter()
            .map(|(name, data)| Ok((Some(name.as_ref().to_owned()), data.into_data()?)));
        Arrays::several(named.collect::<Result<Vec<_>>>()?)
    }

    fn borrowed(items: &'a [Self]) -> Result<Arrays<'a>> {
        Self::owned(items.to_vec())
    }
}
