//! Ids of words in a vocabulary.

use super::raw_data::{dense, in_form_of, strings};
use super::vocabulary::{Adopted, Ids, LookupMode, Rules};
use crate::config::setters;
use crate::data::{Array, Data};
use crate::lowering::{
    Call, Cx, Decoder, Encoder, Flow, Layer, Lookup, MaskRule, RaggedForm, Sample, SampleInput,
    WeightTree, Weights,
};
use crate::{Error, Result};
use cornu_ir::{DType, Dim, Spec};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::OnceLock;

/// Gives the id of each word in a vocabulary. Words enter the model as strings and are looked up
/// before the graph runs.
///
/// Ids are, in order: 0 for the mask token (if there is one), the ids of unknown words, then those
/// of the vocabulary. If there are several ids for unknown words, the hash of a word gives one.
/// With `invert`, ids are mapped to words; these are outputs of the model as strings, and no other
/// layer can read them.
///
/// # Shapes
/// x (B, …) of strings, y (B, …) of ids with `int`; x (B, n), y (B, V) with `multi_hot`, `count`,
/// `tf_idf`; x (B, …, n), y (B, …, n, V) with `one_hot`, or (B, …, V) when n is 1.
///
/// # Source
/// keras/src/layers/preprocessing/string_lookup.py and index_lookup.py, Keras 3.15.1. Differs: must
/// read an input of the model directly or, with `invert`, be an output of the model; no sparse
/// values.
///
/// ```
/// use cornu::{Input, Model, Predict, StringLookup};
/// let x = Input::text([3]);
/// let model = Model::new(&x, &StringLookup::new(["horn", "call"]).call(&x)?)?;
/// let words = ndarray::arr2(&[["call", "horn", "drum"]]).map(|w| w.to_string());
/// let ids = model.predict(&words, Predict::new())?;
/// assert_eq!(ids.i64()?, ndarray::arr2(&[[2, 1, 0]]).into_dyn()); // 0 for an unknown word
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StringLookup {
    /// True to look up the words of ids instead.
    pub invert: bool,
    /// Largest size of the vocabulary, with the tokens for masked and unknown words.
    pub max_tokens: Option<usize>,
    /// Number of ids for unknown words.
    pub num_oov_indices: usize,
    /// Token that stands for unknown words in a vocabulary.
    pub oov_token: Option<String>,
    /// Word that stands for missing data: gets id 0.
    pub mask_token: Option<String>,
    /// How words are encoded.
    pub output_mode: LookupMode,
    /// Keras's `sparse`; the call fails if it is true.
    pub sparse: bool,
    /// True if vectors have `max_tokens` numbers even for a smaller vocabulary.
    pub pad_to_max_tokens: bool,
    /// Inverse document frequency of each token of `vocabulary`, for the mode `tf_idf`.
    pub idf_weights: Option<Vec<f64>>,
    /// The tokens; `None` if a file holds them outside the config.
    pub vocabulary: Option<Vec<String>>,
    /// Size of the vocabulary as Keras counted it, with the tokens for masked and unknown.
    pub vocabulary_size: Option<usize>,
    /// Setting kept for Keras's files; without effect in cornu.
    pub oov_method: String,
    /// Keys of SipHash, which picks the ids of unknown words; `None` for FarmHash's fingerprint.
    pub salt: Option<Value>,
    /// Setting kept for Keras's files; without effect in cornu.
    pub encoding: String,
    #[serde(skip)]
    pub(super) adopted: OnceLock<Adopted<String>>,
}

impl Default for StringLookup {
    fn default() -> Self {
        Self {
            invert: false,
            max_tokens: None,
            num_oov_indices: 1,
            oov_token: Some("[UNK]".into()),
            mask_token: None,
            output_mode: LookupMode::Int,
            sparse: false,
            pad_to_max_tokens: false,
            idf_weights: None,
            vocabulary: None,
            vocabulary_size: None,
            oov_method: "floormod".into(),
            salt: None,
            encoding: "utf-8".into(),
            adopted: OnceLock::new(),
        }
    }
}

impl StringLookup {
    /// Returns a lookup with this vocabulary.
    pub fn new<S: Into<String>>(vocabulary: impl IntoIterator<Item = S>) -> Self {
        Self {
            vocabulary: Some(vocabulary.into_iter().map(Into::into).collect()),
            ..Self::default()
        }
    }

    /// Sets how words are encoded.
    pub fn output_mode(mut self, mode: LookupMode) -> Self {
        self.output_mode = mode;
        self
    }

    /// Sets the word that stands for missing data and gets id 0.
    pub fn mask_token(mut self, token: impl Into<String>) -> Self {
        self.mask_token = Some(token.into());
        self
    }

    /// Returns the tokens by id, with those for masked and unknown.
    pub fn vocabulary(&self) -> Result<Vec<&str>> {
        Ok(self.rules().listed(self.adopted.get())?.into_iter().map(String::as_str).collect())
    }

    pub(super) fn rules(&self) -> Rules<'_, String> {
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
            salt: self.salt.as_ref(),
        }
    }

    /// The tokens' ids.
    pub(super) fn ids(&self) -> Result<Ids<'_>> {
        Ids::new(&self.rules(), self.adopted.get())
    }

    /// The tokens, without mask and unknown.
    pub(super) fn tokens(&self) -> Result<&[String]> {
        Ok(self.rules().vocabulary(self.adopted.get())?.tokens)
    }

    /// The length of the vectors of all modes but `int`.
    pub(super) fn depth(&self) -> Result<usize> {
        self.rules().depth()
    }

    fn output_dims(&self, x: &Spec) -> Result<Vec<Dim>> {
        let mut dims = x.dims.clone();
        match self.output_mode {
            LookupMode::Int => return Ok(dims),
            LookupMode::OneHot if x.rank() > 1 && x.dims.last() == Some(&Some(1)) => {
                dims.pop();
            }
            LookupMode::OneHot => {}
            _ if x.rank() != 2 => {
                return Err(Error::shapes(
                    "expected input of rank 2 (batch, words)",
                    std::slice::from_ref(x),
                ));
            }
            _ => {
                dims.pop();
            }
        }
        dims.push(Some(self.depth()?));
        Ok(dims)
    }
}

setters!(StringLookup {
    plain invert: bool,
    some max_tokens: usize,
    plain num_oov_indices: usize,
    some_into oov_token: String,
    plain sparse: bool,
    plain pad_to_max_tokens: bool,
    some vocabulary_size: usize,
    into oov_method: String,
    some_into salt: Value,
    into encoding: String,
});

impl Layer for StringLookup {
    settings!("StringLookup");

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        if self.sparse {
            return Err(Error::Unsupported("StringLookup with `sparse`".into()));
        }
        call.input()?;
        self.rules().check()?;
        if self.invert && self.output_mode != LookupMode::Int {
            return Err(Error::argument(
                "",
                "output_mode must be int when invert is true",
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
        let x = call.input()?.value;
        if self.invert {
            return Ok(vec![x.cast(DType::I64).into()]);
        }
        if cx.batch.is_some() {
            return Ok(vec![cx.encoded()?]);
        }
        let dtype = if self.output_mode == LookupMode::Int { DType::I64 } else { DType::F32 };
        Ok(vec![cx.builder.input("ids", Spec::new(dtype, self.output_dims(&x.spec())?)).into()])
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

    fn adapt_to(&self, data: &Data) -> Result<Box<dyn Layer>> {
        Ok(Box::new(self.clone().adapt(data.clone())?))
    }

    fn as_lookup(&self) -> Option<&dyn Lookup> {
        Some(self)
    }

    fn as_encoder(&self) -> Option<&dyn Encoder> {
        if self.invert { None } else { Some(self) }
    }

    fn as_decoder(&self) -> Option<&dyn Decoder> {
        if self.invert { Some(self) } else { None }
    }

    fn samples() -> Vec<Sample> {
        vec![
            Sample::new(json!({"vocabulary": ["red", "blue"]})).on([SampleInput::words([3])]),
            Sample::new(json!({"vocabulary": ["red", "blue"], "output_mode": "count"}))
                .on([SampleInput::words([3])]),
        ]
    }
}

impl Decoder for StringLookup {
    fn decode(&self, ids: &Data) -> Result<Data> {
        let v = self.rules().vocabulary(self.adopted.get())?;
        let unknown = self
            .oov_token
            .as_ref()
            .ok_or_else(|| Error::argument("", "oov_token is needed with invert", "none"))?;
        let word = |id: i64| match (id, &self.mask_token) {
            (0, Some(mask)) => mask,
            _ => usize::try_from(id)
                .ok()
                .and_then(|id| id.checked_sub(v.token_start))
                .and_then(|i| v.tokens.get(i))
                .unwrap_or(unknown),
        };
        let words = ids.values().to_i64()?.iter().map(|id| word(*id).clone()).collect();
        in_form_of(ids, dense(Array::Str, ids.values().shape(), words)?)
    }
}

impl Encoder for StringLookup {
    fn encode(&self, inputs: &[&Data]) -> Result<Data> {
        let ids = self.ids()?.encode(strings(inputs)?)?;
        if matches!(inputs[0], Data::Ragged(_)) && self.output_mode != LookupMode::Int {
            return Err(Error::Data(format!(
                "samples must hold equally many words with this output_mode. Received: {}",
                inputs[0].shape_text()
            )));
        }
        in_form_of(inputs[0], ids)
    }

    fn example(&self, draw: &mut dyn FnMut(usize) -> usize, _: Option<usize>) -> Result<String> {
        let tokens = self.tokens()?;
        Ok(tokens.get(draw(tokens.len().max(1))).cloned().unwrap_or_default())
    }
}

impl Lookup for StringLookup {
    fn adopt(&self, lines: Option<Vec<String>>, idf_weights: Option<Vec<f32>>) -> Result<()> {
        self.adopted.get_or_init(|| Adopted { tokens: lines, idf_weights });
        Ok(())
    }

    fn lines(&self) -> Result<Option<Vec<String>>> {
        let kept =
            self.vocabulary.is_none() && self.adopted.get().is_some_and(|a| a.tokens.is_some());
        Ok(if kept {
            Some(self.vocabulary()?.into_iter().map(str::to_string).collect())
        } else {
            None
        })
    }

    fn idf_weights(&self) -> Result<Option<Vec<f32>>> {
        if self.output_mode != LookupMode::TfIdf {
            return Ok(None);
        }
        Ok(self.rules().vocabulary(self.adopted.get())?.idf_weights)
    }
}
