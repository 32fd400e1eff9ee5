//! Ids of whole numbers in a vocabulary.

use super::category_encoding::{OutputMode, encode};
use super::vocabulary::{Adopted, LookupMode, Rules};
use crate::config::setters;
use crate::data::{Array, Data};
use crate::lowering::{Call, Cx, Flow, Layer, Lookup, Sample, SampleInput, WeightTree, Weights};
use crate::{Error, Result};
use cornu_ir::{DType, Spec, Tensor, Var};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::OnceLock;

/// Gives the id of each whole number in a vocabulary.
///
/// Ids are, in order: 0 for the mask token (if there is one), the ids of unknown numbers (of k ids,
/// number mod k gives one), then those of the vocabulary. With `invert`, ids are mapped to numbers.
///
/// # Shapes
/// x (…), y (…) of ids with `int`; x (B, n), y (B, V) with `multi_hot`, `count`, `tf_idf`; x (…,
/// n), y (…, n, V) with `one_hot`, or (…, V) when n is 1.
///
/// # Source
/// keras/src/layers/preprocessing/integer_lookup.py and index_lookup.py, Keras 3.15.1. Differs:
/// with `num_oov_indices=0` an unknown number in an input of the model is an error; in the output
/// of another layer its id is −1, and its vector has no 1. No `farmhash`, no sparse values.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{IntegerLookup, LayerRef};
/// use ndarray::arr2;
/// let layer = LayerRef::new(IntegerLookup::new([10, 20]));
/// let y = layer.apply(&arr2(&[[20i64, 10, 7]]))?;
/// assert_eq!(y, Array::from(arr2(&[[2i64, 1, 0]]))); // 0 for an unknown number
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct IntegerLookup {
    /// True to look up the numbers of ids instead.
    pub invert: bool,
    /// Largest size of the vocabulary, with the tokens for masked and unknown numbers.
    pub max_tokens: Option<usize>,
    /// Number of ids for unknown numbers.
    pub num_oov_indices: usize,
    /// Token that stands for unknown numbers in a vocabulary.
    pub oov_token: Option<i64>,
    /// Number that stands for missing data: gets id 0.
    pub mask_token: Option<i64>,
    /// How numbers are encoded.
    pub output_mode: LookupMode,
    /// Keras's `sparse`; the call fails if it is true.
    pub sparse: bool,
    /// True if vectors have `max_tokens` numbers even for a smaller vocabulary.
    pub pad_to_max_tokens: bool,
    /// Type of the vocabulary in Keras's files: `int64`.
    pub vocabulary_dtype: String,
    /// Inverse document frequency of each token of `vocabulary`, for the mode `tf_idf`.
    pub idf_weights: Option<Vec<f64>>,
    /// The tokens; `None` if a file holds them outside the config.
    pub vocabulary: Option<Vec<i64>>,
    /// Size of the vocabulary as Keras counted it, with the tokens for masked and unknown.
    pub vocabulary_size: Option<usize>,
    /// How an unknown number gets one of several ids: `floormod`.
    pub oov_method: String,
    /// Key of `farmhash`, which cornu does not support.
    pub salt: Option<Value>,
    #[serde(skip)]
    pub(super) adopted: OnceLock<Adopted<i64>>,
}

impl Default for IntegerLookup {
    fn default() -> Self {
        Self {
            invert: false,
            max_tokens: None,
            num_oov_indices: 1,
            oov_token: Some(-1),
            mask_token: None,
            output_mode: LookupMode::Int,
            sparse: false,
            pad_to_max_tokens: false,
            vocabulary_dtype: "int64".into(),
            idf_weights: None,
            vocabulary: None,
            vocabulary_size: None,
            oov_method: "floormod".into(),
            salt: None,
            adopted: OnceLock::new(),
        }
    }
}

impl IntegerLookup {
    /// Returns a lookup with this vocabulary.
    pub fn new(vocabulary: impl Into<Vec<i64>>) -> Self {
        Self { vocabulary: Some(vocabulary.into()), ..Self::default() }
    }

    /// Sets how numbers are encoded.
    pub fn output_mode(mut self, mode: LookupMode) -> Self {
        self.output_mode = mode;
        self
    }

    /// Returns the tokens by id, with those for masked and unknown.
    pub fn vocabulary(&self) -> Result<Vec<i64>> {
        Ok(self.rules().listed(self.adopted.get())?.into_iter().copied().collect())
    }

    pub(super) fn rules(&self) -> Rules<'_, i64> {
        Rules {
            max_tokens: self.max_tokens,
            num_oov_indices: self.num_oov_indices,
            mask_token: self.mask_token.as_ref(),
            oov_token: self.oov_token.as_ref(),
            mode: self.output_mode,
            pad_to_max_tokens: self.pad_to_max_tokens,
            vocabulary: self.vocabulary.as_deref(),
            vocabulary_size: self.vocabulary_size,
            idf_weights: self.idf_weights.as_deref(),
            salt: None,
        }
    }

    /// The ids of numbers, −1 for what has none.
    fn ids<'g>(&self, cx: &Cx<'g>, x: Var<'g>) -> Result<Var<'g>> {
        let v = self.rules().vocabulary(self.adopted.get())?;
        let unknown = match self.num_oov_indices {
            0 => x.zeros_like() - 1.0,
            1 => x.zeros_like() + v.oov_start as f64,
            k => x.floor_mod(k as f64) + v.oov_start as f64,
        };
        let mut found: Vec<(i64, i64)> =
            v.tokens.iter().enumerate().map(|(i, t)| (*t, (v.token_start + i) as i64)).collect();
        found.sort_unstable();
        if let Some(w) = found.windows(2).find(|w| w[0].0 == w[1].0) {
            return Err(Error::argument(
                "",
                "each token must stand once in the vocabulary",
                format!("{} again", w[0].0),
            ));
        }
        // A binary search: the place grows by powers of two as long as the token before it is below
        // the number.
        let n = found.len();
        let width = n.next_power_of_two().max(1);
        found.resize(width, (i64::MAX, -1));
        let (tokens, numbers): (Vec<i64>, Vec<i64>) = found.into_iter().unzip();
        let constant = |v: Vec<i64>| cx.builder.constant(Tensor::new(&[width], v));
        let (tokens, numbers) = (constant(tokens), constant(numbers));
        let mut place = x.zeros_like().cast(DType::I32);
        let mut step = width / 2;
        while step > 0 {
            let further = place + step as f64;
            let below = tokens.gather(further - 1.0).lt(x);
            place = below.select(further, place);
            step /= 2;
        }
        let hit = tokens.gather(place).eq(x).and(place.lt(n as f64));
        let ids = hit.select(numbers.gather(place), unknown);
        let masked = if self.output_mode == LookupMode::Int { 0.0 } else { -1.0 };
        Ok(match self.mask_token {
            None => ids,
            Some(t) => x
                .eq(cx.builder.constant(Tensor::new(&[], vec![t])).broadcast_to(&x.dims()))
                .select(ids.zeros_like() + masked, ids),
        })
    }

    /// The numbers of ids.
    fn tokens<'g>(&self, cx: &Cx<'g>, x: Var<'g>) -> Result<Var<'g>> {
        let v = self.rules().vocabulary(self.adopted.get())?;
        let unknown = self
            .oov_token
            .ok_or_else(|| Error::argument("", "oov_token is needed with invert", "none"))?;
        let (start, n) = (v.token_start as f64, v.tokens.len());
        let known = x.ge(start).and(x.lt(start + n as f64));
        let tokens = cx.builder.constant(Tensor::new(&[n], v.tokens.to_vec()));
        let scalar =
            |t: i64| cx.builder.constant(Tensor::new(&[], vec![t])).broadcast_to(&x.dims());
        let place = known.select(x - start, x.zeros_like() - 1.0).cast(DType::I32);
        let found = known.select(tokens.gather(place), scalar(unknown));
        Ok(self.mask_token.map_or(found, |t| x.eq(0.0).select(scalar(t), found)))
    }
}

setters!(IntegerLookup {
    plain invert: bool,
    some max_tokens: usize,
    plain num_oov_indices: usize,
    some oov_token: i64,
    some mask_token: i64,
    plain sparse: bool,
    plain pad_to_max_tokens: bool,
    into vocabulary_dtype: String,
    some vocabulary_size: usize,
    into oov_method: String,
    some_into salt: Value,
});

impl Layer for IntegerLookup {
    settings!("IntegerLookup");

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        let refused = [
            ("sparse", self.sparse),
            ("oov_method=\"farmhash\"", self.oov_method == "farmhash" && self.num_oov_indices > 1),
        ];
        if let Some((what, _)) = refused.iter().find(|(_, on)| *on) {
            return Err(Error::Unsupported(format!("IntegerLookup with `{what}`")));
        }
        let x = call.input()?;
        self.rules().check()?;
        if self.invert && self.output_mode != LookupMode::Int {
            return Err(Error::argument(
                "",
                "output_mode must be int when invert is true",
                format!("{:?}", self.output_mode),
            ));
        }
        if x.rank() != 2 && !matches!(self.output_mode, LookupMode::Int | LookupMode::OneHot) {
            return Err(Error::shapes(
                "expected input of rank 2 (batch, numbers)",
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
        let x = call.input()?.value.cast(DType::I64);
        // The tokens may still lie in a file when shapes alone are asked for.
        let symbolic = cx.batch.is_none();
        if self.invert {
            return Ok(vec![if symbolic { x } else { self.tokens(cx, x)? }.into()]);
        }
        let ids = if symbolic { x } else { self.ids(cx, x)? };
        let mode = match self.output_mode {
            LookupMode::Int => return Ok(vec![ids.into()]),
            LookupMode::OneHot => OutputMode::OneHot,
            LookupMode::MultiHot => OutputMode::MultiHot,
            LookupMode::Count | LookupMode::TfIdf => OutputMode::Count,
        };
        let y = encode(cx, ids.cast(DType::I32), mode, self.rules().depth()?, None);
        if self.output_mode != LookupMode::TfIdf || symbolic {
            return Ok(vec![y.into()]);
        }
        let idf = self
            .idf_weights()?
            .ok_or_else(|| Error::argument("", "output_mode tf_idf needs idf_weights", "none"))?;
        Ok(vec![(y * cx.to_float(cx.builder.constant(Tensor::new(&[idf.len()], idf)))).into()])
    }

    fn check_entry(&self, data: &Data) -> Result<()> {
        if self.num_oov_indices > 0 || self.invert {
            return Ok(());
        }
        let known: HashSet<i64> = self
            .rules()
            .vocabulary(self.adopted.get())?
            .tokens
            .iter()
            .copied()
            .chain(self.mask_token)
            .collect();
        let numbers: Vec<i64> = match data.values() {
            Array::F32(x) => x.iter().map(|x| *x as i64).collect(),
            Array::F64(x) => x.iter().map(|x| *x as i64).collect(),
            whole => whole.to_i64()?.iter().copied().collect(),
        };
        match numbers.iter().find(|n| !known.contains(n)) {
            Some(n) => Err(Error::argument(
                "",
                "with num_oov_indices=0 every number must be in the vocabulary",
                n,
            )),
            None => Ok(()),
        }
    }

    fn adapt_to(&self, data: &Data) -> Result<Box<dyn Layer>> {
        Ok(Box::new(self.clone().adapt(data.clone())?))
    }

    fn as_lookup(&self) -> Option<&dyn Lookup> {
        Some(self)
    }

    fn samples() -> Vec<Sample> {
        vec![
            Sample::new(json!({"vocabulary": [1, 2, 3]})).on([SampleInput::ids([3], 5)]),
            Sample::new(json!({"vocabulary": [1, 2, 3], "output_mode": "multi_hot"}))
                .on([SampleInput::ids([3], 5)]),
        ]
    }
}

impl Lookup for IntegerLookup {
    fn adopt(&self, lines: Option<Vec<String>>, idf_weights: Option<Vec<f32>>) -> Result<()> {
        let number = |l: String| {
            l.trim().parse::<i64>().map_err(|_| {
                Error::argument(
                    "",
                    "each line of vocabulary.txt must be a whole number",
                    format!("{l:?}"),
                )
            })
        };
        let tokens = lines.map(|l| l.into_iter().map(number).collect::<Result<_>>()).transpose()?;
        self.adopted.get_or_init(|| Adopted { tokens, idf_weights });
        Ok(())
    }

    fn lines(&self) -> Result<Option<Vec<String>>> {
        let kept =
            self.vocabulary.is_none() && self.adopted.get().is_some_and(|a| a.tokens.is_some());
        Ok(if kept { Some(self.vocabulary()?.iter().map(i64::to_string).collect()) } else { None })
    }

    fn idf_weights(&self) -> Result<Option<Vec<f32>>> {
        if self.output_mode != LookupMode::TfIdf {
            return Ok(None);
        }
        Ok(self.rules().vocabulary(self.adopted.get())?.idf_weights)
    }
}
