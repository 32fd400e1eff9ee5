//! Bins of categories by their hash, without a vocabulary.

use super::category_encoding::OutputMode;
use super::fingerprint::{fingerprint_pair, fingerprint64};
use super::raw_data::{Buckets, dense, in_form_of, texts};
use crate::config::setters;
use crate::data::{Array, Data};
use crate::lowering::{
    Call, Cx, Encoder, Flow, Layer, MaskRule, RaggedForm, Sample, SampleInput, WeightTree, Weights,
};
use crate::{Error, Result};
use cornu_ir::{DType, Dim, Spec};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Gives the bin of each word or whole number by its hash: FarmHash's fingerprint, or SipHash with
/// a `salt`.
///
/// # Shapes
/// x (B, …) of strings or whole numbers, y (B, …) of bins with `int`; x (B, n), y (B, V) with
/// `multi_hot` and `count`; x (B, …, n), y (B, …, n, V) with `one_hot`, or (B, …, V) when n is 1. V
/// is `num_bins`.
///
/// # Source
/// keras/src/layers/preprocessing/hashing.py, Keras 3.15.1. Differs: must read an input of the
/// model directly; no sparse values.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{Hashing, Input, Model, Predict};
/// let x = Input::text([1]);
/// let model = Model::new(&x, &Hashing::new(3).call(&x)?)?;
/// let words = Array::from(ndarray::array![["A"], ["B"], ["C"]].map(|w| w.to_string()));
/// let bins = model.predict(&words, Predict::new())?;
/// assert_eq!(bins.i64()?, ndarray::array![[1], [0], [1]].into_dyn());
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hashing {
    /// Number of bins, V.
    pub num_bins: usize,
    /// Keys of SipHash: one number or two; `None` for FarmHash.
    pub salt: Option<Value>,
    /// Word or number that stands for missing data and gets bin 0 alone.
    pub mask_value: Option<Value>,
    /// How bins are encoded.
    pub output_mode: OutputMode,
    /// Keras's `sparse`; the call fails if it is true.
    pub sparse: bool,
}

/// Preprocessing layer: hashes a combination of features to one of `num_bins` bins.
///
/// # Shapes
/// Each x (B) or (B, 1) of strings or whole numbers; y the same of bins with `int`, (B, V) with
/// `one_hot`. V is `num_bins`.
///
/// # Source
/// keras/src/layers/preprocessing/hashed_crossing.py, Keras 3.15.1, and TensorFlow's
/// `sparse.cross_hashed`. Differs: must read inputs of the model directly; no sparse values.
///
/// ```
/// use cornu::{HashedCrossing, Input, Model, Predict};
/// let (city, day) = (Input::text([1]), Input::text([1]));
/// let bin = HashedCrossing::new(5).call([&city, &day])?;
/// let model = Model::new([&city, &day], &bin)?;
/// let cities = ndarray::arr2(&[["Oslo"], ["Rome"], ["Oslo"]]).map(|w| w.to_string());
/// let days = ndarray::arr2(&[["Mon"], ["Mon"], ["Mon"]]).map(|w| w.to_string());
/// let bins = model.predict((&cities, &days), Predict::new())?;
/// assert_eq!(bins.i64()?, ndarray::arr2(&[[0], [1], [0]]).into_dyn());
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HashedCrossing {
    /// Number of bins, V.
    pub num_bins: usize,
    /// How bins are encoded: `int` or `one_hot`.
    pub output_mode: OutputMode,
    /// Keras's `sparse`; the call fails if it is true.
    pub sparse: bool,
}

impl Default for Hashing {
    fn default() -> Self {
        Self {
            num_bins: 0,
            salt: None,
            mask_value: None,
            output_mode: OutputMode::Int,
            sparse: false,
        }
    }
}

impl Default for HashedCrossing {
    fn default() -> Self {
        Self { num_bins: 0, output_mode: OutputMode::Int, sparse: false }
    }
}

impl Hashing {
    /// Returns a layer with `num_bins` bins.
    pub fn new(num_bins: usize) -> Self {
        Self { num_bins, ..Self::default() }
    }

    /// Sets how bins are encoded.
    pub fn output_mode(mut self, mode: OutputMode) -> Self {
        self.output_mode = mode;
        self
    }
}

impl HashedCrossing {
    /// Returns a layer with `num_bins` bins.
    pub fn new(num_bins: usize) -> Self {
        Self { num_bins, ..Self::default() }
    }

    /// Sets how bins are encoded.
    pub fn output_mode(mut self, mode: OutputMode) -> Self {
        self.output_mode = mode;
        self
    }
}

/// The key that TensorFlow starts crossed hashes from.
const CROSSING_KEY: u64 = 0x00DE_CAFC_AFFE;

/// Checks that there are bins.
fn check_bins(class: &str, num_bins: usize, sparse: bool) -> Result<()> {
    if sparse {
        return Err(Error::Unsupported(format!("{class} with `sparse`")));
    }
    if num_bins == 0 || num_bins > 1 << 24 {
        return Err(Error::argument("", "num_bins must be at least 1 (and below 2^24)", num_bins));
    }
    Ok(())
}

/// The dims of encoded bins, and of samples the place of the axis that becomes a vector.
fn encoded_dims(x: &[Dim], mode: OutputMode, depth: usize) -> Vec<Dim> {
    let mut dims = x.to_vec();
    match mode {
        OutputMode::Int => return dims,
        OutputMode::OneHot if dims.len() < 2 || dims.last() != Some(&Some(1)) => {}
        _ => {
            dims.pop();
        }
    }
    dims.push(Some(depth));
    dims
}

/// Bins of a shape as ids or vectors.
fn encoded(bins: Vec<i64>, shape: &[usize], mode: OutputMode, depth: usize) -> Result<Data> {
    if mode == OutputMode::Int {
        return dense(Array::I64, shape, bins);
    }
    let width = if mode == OutputMode::OneHot { 1 } else { shape.last().copied().unwrap_or(1) };
    let mut values = vec![0f32; bins.len() / width.max(1) * depth];
    for (i, bin) in bins.into_iter().enumerate() {
        let at = &mut values[i / width * depth + bin as usize];
        *at = if mode == OutputMode::Count { *at + 1.0 } else { 1.0 };
    }
    let dims = encoded_dims(&shape.iter().map(|n| Some(*n)).collect::<Vec<_>>(), mode, depth);
    dense(Array::F32, &dims.into_iter().flatten().collect::<Vec<_>>(), values)
}

/// What the graph takes from outside: while only shapes are asked for, a value of these dims.
fn lower_encoded<'g>(
    cx: &Cx<'g>,
    x: &[Dim],
    mode: OutputMode,
    depth: usize,
) -> Result<Vec<Flow<'g>>> {
    if cx.batch.is_some() {
        return Ok(vec![cx.encoded()?]);
    }
    let dtype = if mode == OutputMode::Int { DType::I64 } else { DType::F32 };
    Ok(vec![cx.builder.input("bins", Spec::new(dtype, encoded_dims(x, mode, depth))).into()])
}

setters!(Hashing {
    some_into salt: Value,
    some_into mask_value: Value,
    plain sparse: bool,
});

impl Layer for Hashing {
    settings!("Hashing");

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        check_bins(self.class(), self.num_bins, self.sparse)?;
        Buckets::new(self.num_bins, self.salt.as_ref())?;
        let x = call.input()?;
        if x.rank() < 2 && matches!(self.output_mode, OutputMode::MultiHot | OutputMode::Count) {
            return Err(Error::shapes(
                "expected input of rank 2 (batch, categories)",
                std::slice::from_ref(x),
            ));
        }
        Ok(WeightTree::none())
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        _: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        lower_encoded(cx, &call.input()?.value.dims(), self.output_mode, self.num_bins)
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Own
    }

    fn ragged_form(&self) -> RaggedForm {
        RaggedForm::Padded
    }

    fn is_causal(&self) -> bool {
        true
    }

    fn as_encoder(&self) -> Option<&dyn Encoder> {
        Some(self)
    }

    fn samples() -> Vec<Sample> {
        vec![
            Sample::new(json!({"num_bins": 4})).on([SampleInput::words([3])]),
            Sample::new(json!({"num_bins": 4, "salt": 7})).on([SampleInput::ids([3], 9)]),
        ]
    }
}

impl Encoder for Hashing {
    fn encode(&self, inputs: &[&Data]) -> Result<Data> {
        let [data] = inputs else {
            return Err(Error::argument(
                "",
                "expected one input",
                format!("{} inputs", inputs.len()),
            ));
        };
        let masked = self.mask_value.as_ref().filter(|v| !v.is_null() && self.num_bins > 1);
        let masked = masked.map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_string));
        let buckets = Buckets::new(self.num_bins - masked.is_some() as usize, self.salt.as_ref())?;
        let bin = |text: String| match &masked {
            None => buckets.of(&text),
            Some(m) if *m == text => 0,
            Some(_) => buckets.of(&text) + 1,
        };
        let bins = texts(data)?.into_iter().map(bin).collect();
        in_form_of(data, encoded(bins, data.values().shape(), self.output_mode, self.num_bins)?)
    }
}

setters!(HashedCrossing {
    plain sparse: bool,
});

impl Layer for HashedCrossing {
    settings!("HashedCrossing");

    fn common_keys(&self) -> &'static [&'static str] {
        &["name", "dtype_name"]
    }

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        check_bins(self.class(), self.num_bins, self.sparse)?;
        let inputs: Vec<Spec> = call.inputs().into_iter().cloned().collect();
        let first = inputs.first().map_or(&[][..], |x| &x.dims);
        let column = first.len() == 1 || matches!(first, [_, Some(1)]);
        if inputs.len() < 2 || !column || inputs.iter().any(|x| x.dims != first) {
            return Err(Error::shapes(
                "expected two inputs or more, each (batch) or (batch, 1), of one shape",
                &inputs,
            ));
        }
        if !matches!(self.output_mode, OutputMode::Int | OutputMode::OneHot) {
            return Err(Error::argument(
                "",
                "output_mode must be int or one_hot",
                format!("{:?}", self.output_mode),
            ));
        }
        Ok(WeightTree::none())
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        _: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let dims = call.inputs().first().map_or(vec![], |x| x.value.dims());
        lower_encoded(cx, &dims, self.output_mode, self.num_bins)
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Own
    }

    fn ragged_form(&self) -> RaggedForm {
        RaggedForm::Padded
    }

    fn is_causal(&self) -> bool {
        true
    }

    fn as_encoder(&self) -> Option<&dyn Encoder> {
        Some(self)
    }

    fn samples() -> Vec<Sample> {
        vec![
            Sample::new(json!({"num_bins": 4}))
                .on([SampleInput::words([1]), SampleInput::ids([1], 5)]),
        ]
    }
}

impl Encoder for HashedCrossing {
    fn encode(&self, inputs: &[&Data]) -> Result<Data> {
        let hashes = |data: &&Data| -> Result<Vec<u64>> {
            match data.values() {
                Array::Str(words) => {
                    Ok(words.iter().map(|w| fingerprint64(w.as_bytes())).collect())
                }
                numbers => Ok(numbers.to_i64()?.iter().map(|n| *n as u64).collect()),
            }
        };
        let columns = inputs.iter().map(hashes).collect::<Result<Vec<_>>>()?;
        let n = columns.first().map_or(0, Vec::len);
        let crossed = |i: usize| {
            columns.iter().fold(CROSSING_KEY, |hash, column| fingerprint_pair(hash, column[i]))
        };
        let bins = (0..n).map(|i| (crossed(i) % self.num_bins as u64) as i64).collect();
        let shape = inputs.first().map_or(vec![], |d| d.values().shape().to_vec());
        encoded(bins, &shape, self.output_mode, self.num_bins)
    }
}
