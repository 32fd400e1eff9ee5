//! Outputs of a prediction: typed arrays, by number or by name.

use crate::config::did_you_mean;
use crate::data::{Array, Arrays, Data, DataError, IntoData, Ragged};
use crate::{Error, Result};
use cornu_ir::{Buffer, Tensor};
use ndarray::{ArrayD, ArrayView2, ArrayViewD, Axis, Ix1, Ix2, IxDyn};

/// Outputs of a model for data, as [`Model::predict`](crate::Model::predict) returns them.
///
/// A model of one output is read directly: `y.f32()?`. Of several outputs one is chosen first, by
/// number with [`output`](Outputs::output) or by name with [`named`](Outputs::named). Outputs can
/// be given to another model as they are, and compared.
///
/// ```
/// use cornu::{Input, Model, Predict, Rescaling};
/// use ndarray::array;
/// let x = Input::new([2]);
/// let scaled = |name: &str, by: f64| Rescaling::new(by, 0.0).name(name).call(&x);
/// let model = Model::new(&x, [&scaled("twice", 2.0)?, &scaled("thrice", 3.0)?])?;
/// let y = model.predict(&array![[1.0f32, 2.0], [3.0, 4.0]], Predict::new())?;
/// assert_eq!(y.names(), ["twice", "thrice"]);
/// assert_eq!(y.named("twice")?.f32()?, array![[2.0, 4.0], [6.0, 8.0]].into_dyn());
/// assert_eq!(y.output(1)?.f32()?[[1, 0]], 9.0);
/// assert!(y.named("twise").unwrap_err().to_string().contains("did you mean `twice`?"));
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Outputs {
    names: Vec<String>,
    values: Vec<Data>,
}

/// One output of a model, borrowed from [`Outputs`].
#[derive(Clone, Copy, Debug)]
pub struct Output<'a> {
    name: &'a str,
    data: &'a Data,
}

macro_rules! typed {
    ($($get:ident $into:ident $T:ty, $Variant:ident, $dtype:literal;)*) => {
        impl<'a> Output<'a> {
            $(
                #[doc = concat!("Returns the values, which must be `", $dtype, "`.")]
                ///
                /// # Errors
                /// Values of another type; sequences of unequal length, see
                /// [`sequences`](Output::sequences).
                pub fn $get(self) -> Result<ArrayViewD<'a, $T>> {
                    match self.dense()? {
                        Array::$Variant(a) => Ok(a.view()),
                        other => Err(self.other_type($dtype, stringify!($get), other.dtype())),
                    }
                }
            )*
        }

        impl Outputs {
            $(
                #[doc = concat!("Returns the values of a model of one output, which must be `",
                    $dtype, "`.")]
                ///
                /// # Errors
                /// A model of several outputs; values of another type; sequences of unequal length.
                pub fn $get(&self) -> Result<ArrayViewD<'_, $T>> {
                    self.only()?.$get()
                }

                #[doc = concat!("Returns the owned values of a model of one output, which must be \
                    `", $dtype, "`.")]
                ///
                /// # Errors
                /// A model of several outputs; values of another type; sequences of unequal length.
                pub fn $into(mut self) -> Result<ArrayD<$T>> {
                    self.$get()?;
                    match self.values.remove(0) {
                        Data::Dense(Array::$Variant(a)) => Ok(a),
                        _ => unreachable!("the type was asked for above"),
                    }
                }
            )*
        }
    };
}
typed! {
    f32 into_f32 f32, F32, "float32";
    f64 into_f64 f64, F64, "float64";
    i32 into_i32 i32, I32, "int32";
    i64 into_i64 i64, I64, "int64";
    bool into_bool bool, Bool, "bool";
    text into_text String, Str, "string";
}

impl<'a> Output<'a> {
    /// Returns the name of the output.
    pub fn name(self) -> &'a str {
        self.name
    }

    /// Returns the values: an array or sequences of unequal length.
    pub fn data(self) -> &'a Data {
        self.data
    }

    /// Returns the shape of all samples, (B, …).
    ///
    /// # Errors
    /// Sequences of unequal length.
    pub fn shape(self) -> Result<&'a [usize]> {
        Ok(self.dense()?.shape())
    }

    /// Returns one view (T_i, F) for each sample: of unequal lengths, or of one. The values must
    /// be `float32`; those without an axis of features, (T_i,), become (T_i, 1).
    ///
    /// # Errors
    /// Values of another type, or that are no sequences.
    pub fn sequences(self) -> Result<Vec<ArrayView2<'a, f32>>> {
        let wrong = |rule: &str, received: String| {
            let rule = format!("{rule}; `data()` gives the values in any form.");
            Err(DataError::invalid(format!("output `{}`", self.name), rule, received).into())
        };
        let Array::F32(all) = self.data.values() else {
            return wrong("sequences must be float32", self.data.dtype().to_owned());
        };
        let cut = |steps: ArrayViewD<'a, f32>| match steps.ndim() {
            1 => {
                let steps = steps.into_dimensionality::<Ix1>().ok()?;
                Some(steps.insert_axis(Axis(1)))
            }
            _ => steps.into_dimensionality::<Ix2>().ok(),
        };
        let found: Option<Vec<ArrayView2<'a, f32>>> = match self.data {
            Data::Dense(_) if all.ndim() < 2 => None,
            Data::Dense(_) => all.outer_iter().map(cut).collect(),
            Data::Ragged(r) => r
                .offsets()
                .windows(2)
                .map(|w| cut(all.slice_axis(Axis(0), (w[0]..w[1]).into())))
                .collect(),
        };
        match found {
            Some(sequences) => Ok(sequences),
            None => wrong("sequences must be (timesteps, features)", self.data.shape_text()),
        }
    }

    fn dense(self) -> Result<&'a Array> {
        match self.data {
            Data::Dense(array) => Ok(array),
            Data::Ragged(_) => Err(DataError::invalid(
                format!("output `{}`", self.name),
                "sequences of unequal length are no rectangle; `sequences()` gives one view for \
                 each, `data()` all in one.",
                self.data.shape_text(),
            )
            .into()),
        }
    }

    fn other_type(self, asked: &str, method: &str, dtype: &str) -> Error {
        let rule = format!("`{method}()` gives values of the type {asked}.");
        DataError::invalid(format!("output `{}`", self.name), rule, dtype).into()
    }
}

impl Outputs {
    pub(crate) fn new(names: Vec<String>, values: Vec<Data>) -> Self {
        Self { names, values }
    }

    /// Returns the number of outputs.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Returns true if there is no output.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Returns the names of the outputs, in the order of the model.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns the outputs in the order of the model.
    pub fn iter(&self) -> impl Iterator<Item = Output<'_>> {
        self.names.iter().zip(&self.values).map(|(name, data)| Output { name, data })
    }

    /// Returns the output of a number, counted from 0.
    ///
    /// # Errors
    /// A number beyond the last output.
    pub fn output(&self, number: usize) -> Result<Output<'_>> {
        self.iter().nth(number).ok_or_else(|| {
            let rule = format!("the model has {} outputs: {}", self.len(), self.names.join(", "));
            Error::argument("output", rule, number)
        })
    }

    /// Returns the output of a name.
    ///
    /// # Errors
    /// An unknown name.
    pub fn named(&self, name: &str) -> Result<Output<'_>> {
        self.iter().find(|output| output.name == name).ok_or_else(|| {
            let near = did_you_mean(name, self.names.iter().map(String::as_str));
            let rule = format!("the model has the outputs {}", self.names.join(", "));
            Error::argument("output", rule, format!("`{name}`{near}"))
        })
    }

    /// Returns the sequences of a model of one output, as [`Output::sequences`].
    ///
    /// # Errors
    /// A model of several outputs; values that are no sequences of `float32`.
    pub fn sequences(&self) -> Result<Vec<ArrayView2<'_, f32>>> {
        self.only()?.sequences()
    }

    /// Returns the values of all outputs, in the order of the model.
    pub fn into_vec(self) -> Vec<Data> {
        self.values
    }

    fn only(&self) -> Result<Output<'_>> {
        match self.len() {
            1 => self.output(0),
            n => Err(Error::argument(
                "outputs",
                "a model of several outputs is read by `output(number)` or `named(name)`",
                format!("{n} outputs: {}", self.names.join(", ")),
            )),
        }
    }
}

impl<'a> IntoData<'a> for Outputs {
    fn into_data(self) -> Result<Arrays<'a>, DataError> {
        self.values.into_data()
    }
}

impl<'a> IntoData<'a> for &'a Outputs {
    fn into_data(self) -> Result<Arrays<'a>, DataError> {
        (&self.values).into_data()
    }
}

/// Rows that stand for the samples `computed`, in the order of the samples `given`.
pub(super) fn in_order_of(given: &[u32], computed: &[u32], rows: Array) -> Result<Array> {
    if given == computed {
        return Ok(rows);
    }
    let mut places = vec![0; given.len()];
    computed
        .iter()
        .enumerate()
        .for_each(|(at, sample)| places[(sample - given[0]) as usize] = at as u32);
    Ok(rows.take(&places)?)
}

/// Sequences (B, T, …) cut at their ends.
pub(super) fn cut(rows: &Array, lengths: &Array) -> Result<Data> {
    let shape = rows.shape();
    let (b, t) = (shape[0], shape[1]);
    let lengths: Vec<usize> = lengths.to_i64()?.iter().map(|n| *n as usize).collect();
    let own: Vec<u32> =
        (0..b).flat_map(|r| (r * t..r * t + lengths[r]).map(|at| at as u32)).collect();
    let steps = rows.clone().reshape(&[&[b * t], &shape[2..]].concat())?.take(&own)?;
    let mut offsets = vec![0];
    lengths.iter().for_each(|n| offsets.push(offsets[offsets.len() - 1] + n));
    Ok(Data::Ragged(Ragged::new(steps, offsets)?))
}

/// A tensor as an array of the public API.
pub(crate) fn to_array(t: Tensor) -> Result<Array> {
    let shape = IxDyn(&t.dims);
    let wrong = |e: ndarray::ShapeError| Error::Data(e.to_string());
    Ok(match t.data {
        Buffer::F32(v) => Array::F32(ArrayD::from_shape_vec(shape, v).map_err(wrong)?),
        Buffer::F64(v) => Array::F64(ArrayD::from_shape_vec(shape, v).map_err(wrong)?),
        Buffer::I32(v) => Array::I32(ArrayD::from_shape_vec(shape, v).map_err(wrong)?),
        Buffer::I64(v) => Array::I64(ArrayD::from_shape_vec(shape, v).map_err(wrong)?),
        Buffer::Bool(v) => Array::Bool(
            ArrayD::from_shape_vec(shape, v.into_iter().map(|b| b != 0).collect())
                .map_err(wrong)?,
        ),
    })
}
