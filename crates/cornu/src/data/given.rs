//! Arrays as a caller hands them over: owned, borrowed, or read batch by batch.

use super::array::Array;
use super::data_set::{DataSet, Role, SetArray, read_whole};
use super::error::{DataError, Result};
use super::source::Data;
use crate::config::did_you_mean;
use cornu_ir::tensor::Slice;
use std::borrow::Cow;
use std::ops::Range;

/// A borrowed array of numbers in C order.
#[derive(Clone, Debug)]
pub(crate) struct NumberView<'a> {
    pub(crate) shape: Vec<usize>,
    pub(crate) numbers: Slice<'a>,
}

/// One expression for the numbers of a slice, whatever their type.
macro_rules! each_slice {
    ($slice:expr, $inner:ident => $body:expr) => {
        match $slice {
            Slice::F32($inner) => $body,
            Slice::F64($inner) => $body,
            Slice::I32($inner) => $body,
            Slice::I64($inner) => $body,
            Slice::Bool($inner) => $body,
        }
    };
}

impl<'a> NumberView<'a> {
    fn dtype(&self) -> &'static str {
        match self.numbers {
            Slice::F32(_) => "float32",
            Slice::F64(_) => "float64",
            Slice::I32(_) => "int32",
            Slice::I64(_) => "int64",
            Slice::Bool(_) => "bool",
        }
    }

    pub(crate) fn to_array(&self) -> Array {
        let whole = each_slice!(self.numbers, v => Array::from(v));
        whole.reshape(&self.shape).expect("a view holds the numbers of its shape")
    }

    fn sliced(mut self, rows: Range<usize>) -> Self {
        let width: usize = self.shape[1..].iter().product();
        let numbers = rows.start * width..rows.end * width;
        self.shape[0] = rows.len();
        self.numbers = match self.numbers {
            Slice::F32(v) => Slice::F32(&v[numbers]),
            Slice::F64(v) => Slice::F64(&v[numbers]),
            Slice::I32(v) => Slice::I32(&v[numbers]),
            Slice::I64(v) => Slice::I64(&v[numbers]),
            Slice::Bool(v) => Slice::Bool(&v[numbers]),
        };
        self
    }
}

/// One input, target or weight.
#[derive(Clone)]
pub(crate) enum Values<'a> {
    Held(Cow<'a, Data>),
    View(NumberView<'a>),
    Read(SetArray<'a>),
}

impl<'a> Values<'a> {
    pub(crate) fn n_samples(&self) -> usize {
        match self {
            Values::Held(data) => data.n_samples(),
            Values::View(view) => view.shape.first().copied().unwrap_or(0),
            Values::Read(array) => array.rows.len(),
        }
    }

    pub(crate) fn dtype(&self) -> &'static str {
        match self {
            Values::Held(data) => data.dtype(),
            Values::View(view) => view.dtype(),
            Values::Read(array) => array.info.dtype,
        }
    }

    /// The shape of one sample; `None` is an axis whose length differs from sample to sample.
    pub(crate) fn sample_shape(&self) -> Vec<Option<usize>> {
        match self {
            Values::Held(data) => data.sample_shape(),
            Values::View(view) => view.shape.iter().skip(1).map(|d| Some(*d)).collect(),
            Values::Read(array) => array.info.sample_shape.clone(),
        }
    }

    pub(crate) fn lengths(&self) -> Option<Vec<usize>> {
        match self {
            Values::Held(data) => data.lengths(),
            Values::View(_) => None,
            Values::Read(array) => array.lengths(),
        }
    }

    /// The samples of a range; a borrowed array is not copied.
    pub(crate) fn slice(self, rows: Range<usize>) -> Result<Values<'a>> {
        Ok(match self {
            Values::Held(data) => Values::Held(Cow::Owned(data.slice(rows)?)),
            Values::View(view) => Values::View(view.sliced(rows)),
            Values::Read(mut array) => {
                let start = array.rows.start;
                array.rows = start + rows.start..start + rows.end;
                Values::Read(array)
            }
        })
    }

    /// The values in memory as [`Data`]; a data set is read whole.
    pub(crate) fn to_data(&self) -> Result<Cow<'_, Data>> {
        Ok(match self {
            Values::Held(data) => Cow::Borrowed(&**data),
            Values::View(view) => Cow::Owned(Data::Dense(view.to_array())),
            Values::Read(array) => Cow::Owned(read_whole(array)?),
        })
    }
}

/// Arrays that are given in one argument, made by [`IntoData`](super::IntoData).
///
/// One array or several; several arrays have names, or the order of the model's inputs.
#[derive(Clone, Default)]
pub struct Arrays<'a> {
    /// Inputs, or whatever the argument is for.
    pub(crate) arrays: Vec<(Option<String>, Values<'a>)>,
    /// Targets and weights that a data set brings along.
    pub(crate) targets: Vec<(Option<String>, Values<'a>)>,
    pub(crate) weights: Vec<(Option<String>, Values<'a>)>,
}

impl<'a> Arrays<'a> {
    pub(crate) fn one(values: Values<'a>) -> Self {
        Self { arrays: vec![(None, values)], ..Self::default() }
    }

    pub(crate) fn owned(data: Data) -> Self {
        Self::one(Values::Held(Cow::Owned(data)))
    }

    /// Several arguments of one array each, as one argument of several arrays.
    pub(crate) fn several(
        parts: impl IntoIterator<Item = (Option<String>, Arrays<'a>)>,
    ) -> Result<Self> {
        let mut all = Self::default();
        for (i, (name, part)) in parts.into_iter().enumerate() {
            let called = name.as_ref().map_or(format!("array {i}"), |n| format!("array `{n}`"));
            let n = part.arrays.len();
            match <[_; 1]>::try_from(part.arrays) {
                Ok([(None, values)]) if part.targets.is_empty() && part.weights.is_empty() => {
                    all.arrays.push((name, values));
                }
                _ => {
                    let rule = "each of several arguments must be one array without a name.";
                    return Err(DataError::invalid(called, rule, format!("{n} arrays")));
                }
            }
        }
        Ok(all)
    }

    /// The arrays of a data set by what they are for.
    pub(crate) fn of_set(set: &'a dyn DataSet) -> Result<Self> {
        let (mut all, n) = (Self::default(), set.n_samples());
        for (number, info) in set.arrays().into_iter().enumerate() {
            let is_ragged = info.sample_shape.first() == Some(&None);
            let lengths = if is_ragged { set.lengths(number) } else { None };
            if is_ragged && lengths.as_ref().map(Vec::len) != Some(n) {
                let rule = format!(
                    "sequences of unequal length need `lengths`, one for each of the {n} samples."
                );
                let received = lengths.map_or("none".to_owned(), |l| l.len().to_string());
                return Err(DataError::invalid(
                    format!("data set, array {number}"),
                    rule,
                    received,
                ));
            }
            if info.sample_shape.iter().skip(1).any(Option::is_none) {
                let rule = "only the first axis of a sample (timesteps) may be unknown.";
                let received = format!("{:?}", info.sample_shape);
                return Err(DataError::invalid(
                    format!("data set, array {number}"),
                    rule,
                    received,
                ));
            }
            let to = match info.role {
                Role::Input => &mut all.arrays,
                Role::Target => &mut all.targets,
                Role::SampleWeight => &mut all.weights,
            };
            let name = Some(info.name.clone()).filter(|name| !name.is_empty());
            to.push((name, Values::Read(SetArray { set, number, info, rows: 0..n })));
        }
        Ok(all)
    }

    pub(crate) fn n_samples(&self) -> usize {
        self.arrays.first().map_or(0, |(_, values)| values.n_samples())
    }

    /// Fails unless every array holds `n` samples.
    pub(crate) fn check_samples(&self, what: &str, n: usize) -> crate::Result<()> {
        let all = self.arrays.iter().chain(&self.targets).chain(&self.weights);
        match all.map(|(_, values)| values.n_samples()).find(|found| *found != n) {
            None => Ok(()),
            Some(found) => Err(crate::Error::Data(format!(
                "{what}: the inputs hold {n} samples (axis 0), so must they. Received: {found}"
            ))),
        }
    }

    /// The samples before `at`, and those from it on. Every array holds as many samples as the
    /// first.
    pub(crate) fn split(self, at: usize) -> Result<(Self, Self)> {
        let n = self.n_samples();
        let part = |rows: Range<usize>| -> Result<Self> {
            let of = |list: &[(Option<String>, Values<'a>)]| {
                let one = |(name, v): &(Option<String>, Values<'a>)| {
                    Ok((name.clone(), v.clone().slice(rows.clone())?))
                };
                list.iter().map(one).collect::<Result<Vec<_>>>()
            };
            let (arrays, targets) = (of(&self.arrays)?, of(&self.targets)?);
            Ok(Self { arrays, targets, weights: of(&self.weights)? })
        };
        Ok((part(0..at)?, part(at..n)?))
    }
}

/// The arrays in the order of `names`: those with names by name, others as they stand.
///
/// # Errors
/// A name that is missing, unknown or given twice; some arrays with a name and some without.
pub(crate) fn by_names<'a>(
    arrays: Vec<(Option<String>, Values<'a>)>,
    names: &[String],
    what: &str,
) -> Result<Vec<Values<'a>>> {
    let all = || names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
    let wrong = |rule: String, received: String| Err(DataError::invalid(what, rule, received));
    if arrays.iter().all(|(name, _)| name.is_none()) {
        return Ok(arrays.into_iter().map(|(_, values)| values).collect());
    }
    let mut places: Vec<Option<Values<'a>>> = names.iter().map(|_| None).collect();
    for (name, values) in arrays {
        let Some(name) = name else {
            return wrong("all arrays or none must have a name.".into(), "some with one".into());
        };
        let Some(at) = names.iter().position(|n| *n == name) else {
            let near = did_you_mean(&name, names.iter().map(String::as_str));
            let received = format!("`{name}`{near}");
            return wrong(format!("the model knows the names {}.", all()), received);
        };
        if places[at].replace(values).is_some() {
            return wrong("a name must stand once.".into(), format!("`{name}` twice"));
        }
    }
    if let Some(missing) = places.iter().position(Option::is_none) {
        let rule = format!("one array for each of {} is needed.", all());
        return wrong(rule, format!("none for `{}`", names[missing]));
    }
    Ok(places.into_iter().flatten().collect())
}
