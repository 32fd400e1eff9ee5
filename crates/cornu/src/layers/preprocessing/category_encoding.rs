//! Categories as vectors, and numbers as bins.

use super::rescaling::bin;
use crate::config::setters;
use crate::data::Data;
use crate::lowering::{Call, Cx, Flow, Layer, Sample, SampleInput, WeightTree, Weights};
use crate::{Error, Result};
use cornu_ir::ops::Iota;
use cornu_ir::{DType, Dim, Spec, Var};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// How categories or bins are encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputMode {
    /// The number of the category.
    Int,
    /// One vector for each category, with 1 at its number.
    OneHot,
    /// One vector for each sample, with 1 at each of its categories.
    #[default]
    MultiHot,
    /// One vector for each sample, with the count of each category.
    Count,
}

/// Encodes categories, given as whole numbers, as vectors.
///
/// # Shapes
/// x (B, n), y (B, V) with `multi_hot` and `count`; with `one_hot` x (…, n), y (…, n, V), or (…, V)
/// when n is 1.
///
/// # Source
/// keras/src/layers/preprocessing/category_encoding.py, Keras 3.15.1.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{CategoryEncoding, LayerRef, OutputMode};
/// use ndarray::arr2;
/// let layer = LayerRef::new(CategoryEncoding::new(4, OutputMode::MultiHot));
/// let y = layer.apply(&arr2(&[[0i32, 2]]))?;
/// assert_eq!(y, Array::from(arr2(&[[1.0f32, 0.0, 1.0, 0.0]])));
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CategoryEncoding {
    /// Number of categories, V.
    pub num_tokens: usize,
    /// How categories or bins are encoded.
    pub output_mode: OutputMode,
}

/// Gives the bin of each number: bin i holds numbers from boundary i − 1 on, below boundary i.
///
/// # Shapes
/// x (…), y (…) with `int`; else as [`CategoryEncoding`] of the bins.
///
/// # Source
/// keras/src/layers/preprocessing/discretization.py, Keras 3.15.1.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{Discretization, LayerRef};
/// use ndarray::arr2;
/// let layer = LayerRef::new(Discretization::new([0.0, 10.0]));
/// let y = layer.apply(&arr2(&[[-1.0f32, 5.0, 20.0]]))?;
/// assert_eq!(y, Array::from(arr2(&[[0i32, 1, 2]])));
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Discretization {
    /// Boundaries between the bins, in rising order.
    pub bin_boundaries: Option<Vec<f64>>,
    /// Number of bins that `adapt` makes.
    pub num_bins: Option<usize>,
    /// Share of the data that `adapt` may put into another bin than exact quantiles would.
    pub epsilon: f64,
    /// How bins are encoded.
    pub output_mode: OutputMode,
    /// Setting kept for Keras's files; without effect in cornu.
    pub sparse: bool,
}

impl Default for Discretization {
    fn default() -> Self {
        Self {
            bin_boundaries: None,
            num_bins: None,
            epsilon: 0.01,
            output_mode: OutputMode::Int,
            sparse: false,
        }
    }
}

impl CategoryEncoding {
    /// Returns an encoding of `num_tokens` categories.
    pub fn new(num_tokens: usize, output_mode: OutputMode) -> Self {
        Self { num_tokens, output_mode }
    }
}

impl Discretization {
    /// Returns a layer with these boundaries between bins.
    pub fn new(bin_boundaries: impl Into<Vec<f64>>) -> Self {
        Self { bin_boundaries: Some(bin_boundaries.into()), ..Self::default() }
    }

    fn boundaries(&self) -> Result<&[f64]> {
        self.bin_boundaries.as_deref().ok_or_else(|| {
            Error::argument("", "bin_boundaries must be given, or adapted to data", "none")
        })
    }
}

/// Whole numbers (…) as vectors of `depth`; a number outside is left out.
pub(super) fn encode<'g>(
    cx: &Cx<'g>,
    x: Var<'g>,
    mode: OutputMode,
    depth: usize,
    weights: Option<Var<'g>>,
) -> Var<'g> {
    let hot = |x: Var<'g>| {
        let classes =
            cx.builder.apply1(Iota { dtype: DType::I32, dims: vec![Some(depth)], axis: 0 }, &[]);
        x.expand_dims(-1).eq(classes).cast(cx.float())
    };
    let axis: isize = if x.rank() > 1 { 1 } else { 0 };
    match mode {
        OutputMode::Int => x,
        OutputMode::OneHot if x.rank() > 1 && x.dim(-1) == Some(1) => hot(x.squeeze(-1)),
        OutputMode::OneHot => hot(x),
        OutputMode::MultiHot => hot(x).max(&[axis], false),
        OutputMode::Count => {
            weights.map_or(hot(x), |w| hot(x) * cx.to_float(w).expand_dims(-1)).sum(&[axis], false)
        }
    }
}

/// A first axis that is no batch is summed over: rows meet.
fn expect_batch(x: &Spec, mode: OutputMode) -> Result<()> {
    let least: Dim =
        if matches!(mode, OutputMode::MultiHot | OutputMode::Count) { Some(2) } else { Some(1) };
    if Some(x.rank()) < least {
        return Err(Error::shapes(
            "expected input of rank 2 (batch, categories); add an axis of 1",
            std::slice::from_ref(x),
        ));
    }
    Ok(())
}

impl Layer for CategoryEncoding {
    settings!("CategoryEncoding");

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        if self.num_tokens == 0 || self.num_tokens > 1 << 24 || self.output_mode == OutputMode::Int
        {
            let received =
                format!("num_tokens={}, output_mode={:?}", self.num_tokens, self.output_mode);
            return Err(Error::argument(
                "",
                "num_tokens must be at least 1 (and below 2^24), output_mode multi_hot, one_hot or \
                    count",
                received,
            ));
        }
        expect_batch(call.input()?, self.output_mode)?;
        Ok(WeightTree::none())
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        _: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let x = call.input()?.value.cast(DType::I32);
        let weights =
            call.arg(1, "count_weights").and_then(|a| a.flatten().first().map(|f| f.value));
        if weights.is_some() && self.output_mode != OutputMode::Count {
            return Err(Error::argument(
                "",
                "count_weights are used with output_mode count alone",
                format!("{:?}", self.output_mode),
            ));
        }
        Ok(vec![encode(cx, x, self.output_mode, self.num_tokens, weights).into()])
    }

    fn samples() -> Vec<Sample> {
        vec![
            Sample::new(json!({"num_tokens": 5})).on([SampleInput::ids([3], 5)]),
            Sample::new(json!({"num_tokens": 5, "output_mode": "one_hot"}))
                .on([SampleInput::ids([3], 5)]),
        ]
    }
}

setters!(Discretization {
    some num_bins: usize,
    plain epsilon: f64,
    plain output_mode: OutputMode,
    plain sparse: bool,
});

impl Layer for Discretization {
    settings!("Discretization");

    fn common_keys(&self) -> &'static [&'static str] {
        &["name", "dtype_name"]
    }

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        let edges = self.boundaries()?;
        if edges.is_empty() || edges.windows(2).any(|w| w[0].is_nan() || w[0] > w[1]) {
            return Err(Error::argument(
                "",
                "bin_boundaries must be at least one, rising",
                format!("{edges:?}"),
            ));
        }
        expect_batch(call.input()?, self.output_mode)?;
        Ok(WeightTree::none())
    }

    fn adapt_to(&self, data: &Data) -> Result<Box<dyn Layer>> {
        Ok(Box::new(self.clone().adapt(data.clone())?))
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        _: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let edges = self.boundaries()?;
        let bins = bin(cx, cx.to_float(call.input()?.value), edges);
        Ok(vec![encode(cx, bins, self.output_mode, edges.len() + 1, None).into()])
    }

    fn samples() -> Vec<Sample> {
        Sample::each([json!({"bin_boundaries": [-0.5, 0.3, 1.0]})])
    }
}
