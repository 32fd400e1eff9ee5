//! Texts as sequences of ids.

use super::raw_data::strings;
use super::string_lookup::StringLookup;
use super::vocabulary::LookupMode;
use crate::config::setters;
use crate::data::Data;
use crate::lowering::{
    Call, Cx, Encoder, Flow, Layer, Lookup, MaskRule, RaggedForm, Sample, SampleInput, WeightTree,
    Weights, expect_rank,
};
use crate::{Error, Result};
use cornu_ir::{DType, Spec};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::OnceLock;

/// Words of a text made for measurements, where nothing says how many.
const EXAMPLE_WORDS: usize = 16;

/// How a text is standardized before it is split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standardize {
    /// Lowers the letters A to Z and removes ASCII punctuation.
    LowerAndStripPunctuation,
    /// Lowers the letters A to Z.
    Lower,
    /// Removes ASCII punctuation.
    StripPunctuation,
}

/// How a text is split into words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Splits at ASCII white space.
    Whitespace,
    /// Takes each character as a word.
    Character,
}

/// Encodes texts as the ids of their words, or as one vector for each text. Texts enter the model
/// as strings; they are standardized, split, joined to n-grams and looked up before the graph runs.
///
/// # Shapes
/// x (B) or (B, 1) of strings; y (B, T) of ids with `int`, padded with 0 to T, the
/// `output_sequence_length` or the longest text of the batch; y (B, V) with `multi_hot`, `count`,
/// `tf_idf`. Without `split` x is (B, T) of words.
///
/// # Source
/// keras/src/layers/preprocessing/text_vectorization.py, Keras 3.15.1. Differs: must read an input
/// of the model directly; no `one_hot`, no ragged or sparse values, no functions as `standardize`
/// or `split`.
///
/// ```
/// use cornu::{Input, Model, Predict, TextVectorization};
/// let x = Input::text([1]);
/// let model = Model::new(&x, &TextVectorization::new(["horn", "sounds"]).call(&x)?)?;
/// let texts = ndarray::arr2(&[["The horn sounds."], ["Horn!"]]).map(|t| t.to_string());
/// let ids = model.predict(&texts, Predict::new())?;
/// // 0 is padding, 1 an unknown word.
/// assert_eq!(ids.i64()?, ndarray::arr2(&[[1, 2, 3], [2, 0, 0]]).into_dyn());
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TextVectorization {
    /// Largest size of the vocabulary, with the tokens for padding and unknown words.
    pub max_tokens: Option<usize>,
    /// How a text is standardized before it is split; `None` for not at all.
    pub standardize: Option<Standardize>,
    /// How a text is split into words.
    pub split: Option<Split>,
    /// Lengths of n-grams: a number n for 1 to n, or a list of lengths.
    pub ngrams: Value,
    /// How a text is encoded.
    pub output_mode: LookupMode,
    /// Length T to which texts are cut or padded; `None` for the longest of the batch.
    pub output_sequence_length: Option<usize>,
    /// True if vectors have `max_tokens` numbers even for a smaller vocabulary.
    pub pad_to_max_tokens: bool,
    /// Keras's `sparse`; the call fails if it is true.
    pub sparse: bool,
    /// Keras's `ragged`; the call fails if it is true.
    pub ragged: bool,
    /// The tokens; `None` if a file holds them outside the config.
    pub vocabulary: Option<Vec<String>>,
    /// Inverse document frequency of each token of `vocabulary`, for the mode `tf_idf`.
    pub idf_weights: Option<Vec<f64>>,
    /// Setting kept for Keras's files; without effect in cornu.
    pub encoding: String,
    /// Size of the vocabulary as Keras counted it, with the tokens for padding and unknown words.
    pub vocabulary_size: Option<usize>,
    /// The lookup of words, which follows from the settings.
    #[serde(skip)]
    lookup: OnceLock<StringLookup>,
}

impl Default for TextVectorization {
    fn default() -> Self {
        Self {
            max_tokens: None,
            standardize: Some(Standardize::LowerAndStripPunctuation),
            split: Some(Split::Whitespace),
            ngrams: Value::Null,
            output_mode: LookupMode::Int,
            output_sequence_length: None,
            pad_to_max_tokens: false,
            sparse: false,
            ragged: false,
            vocabulary: None,
            idf_weights: None,
            encoding: "utf-8".into(),
            vocabulary_size: None,
            lookup: OnceLock::new(),
        }
    }
}

impl TextVectorization {
    /// Returns a layer with this vocabulary.
    pub fn new<S: Into<String>>(vocabulary: impl IntoIterator<Item = S>) -> Self {
        let vocabulary: Vec<String> = vocabulary.into_iter().map(Into::into).collect();
        Self { vocabulary: Some(vocabulary), ..Self::default() }
    }

    /// Sets how texts are encoded.
    pub fn output_mode(mut self, mode: LookupMode) -> Self {
        self.output_mode = mode;
        self
    }

    /// Sets the length to which texts are cut, or padded with 0.
    pub fn output_sequence_length(mut self, n: usize) -> Self {
        self.output_sequence_length = Some(n);
        self
    }

    /// Returns the tokens by id, with those for padding and unknown words.
    pub fn vocabulary(&self) -> Result<Vec<&str>> {
        self.lookup().vocabulary()
    }

    fn lookup(&self) -> &StringLookup {
        self.lookup.get_or_init(|| self.fresh_lookup())
    }

    pub(super) fn set_lookup(&mut self, lookup: StringLookup) {
        self.lookup = OnceLock::from(lookup);
    }

    /// The lookup that follows from the settings.
    pub(super) fn fresh_lookup(&self) -> StringLookup {
        StringLookup {
            max_tokens: self.max_tokens,
            mask_token: Some(String::new()),
            output_mode: self.output_mode,
            pad_to_max_tokens: self.pad_to_max_tokens,
            vocabulary: self.vocabulary.clone(),
            vocabulary_size: self.vocabulary_size,
            idf_weights: self.idf_weights.clone(),
            ..StringLookup::default()
        }
    }

    /// Texts as their words, or runs of words.
    pub(super) fn documents(&self, text: &ndarray::ArrayD<String>) -> Result<Vec<Vec<String>>> {
        let lengths = self.ngram_lengths()?;
        let per_sample = text.len() / text.shape().first().copied().unwrap_or(1).max(1);
        let texts: Vec<&String> = text.iter().collect();
        let words = |t: &[&String]| t.iter().flat_map(|t| self.words(t)).collect::<Vec<_>>();
        let samples = texts.chunks(per_sample.max(1)).map(words);
        Ok(samples
            .map(|words| lengths.as_ref().map_or(words.clone(), |l| ngrams(&words, l)))
            .collect())
    }

    /// The lengths of n-grams.
    fn ngram_lengths(&self) -> Result<Option<Vec<usize>>> {
        let wrong = || {
            Error::argument(
                "",
                "ngrams must be a number from 1 or a list of such",
                crate::config::short(&self.ngrams),
            )
        };
        let number = |v: &Value| {
            v.as_u64().filter(|n| (1..=1 << 16).contains(n)).map(|n| n as usize).ok_or_else(wrong)
        };
        match &self.ngrams {
            Value::Null => Ok(None),
            Value::Array(list) => list.iter().map(number).collect::<Result<_>>().map(Some),
            one => Ok(Some((1..=number(one)?).collect())),
        }
    }

    /// The words of a text, or what it is without `split`.
    fn words(&self, text: &str) -> Vec<String> {
        let lowered = matches!(
            self.standardize,
            Some(Standardize::Lower | Standardize::LowerAndStripPunctuation)
        );
        let stripped = matches!(
            self.standardize,
            Some(Standardize::StripPunctuation | Standardize::LowerAndStripPunctuation)
        );
        let text: String = text
            .chars()
            .filter(|c| !(stripped && c.is_ascii_punctuation()))
            .map(|c| if lowered { c.to_ascii_lowercase() } else { c })
            .collect();
        match self.split {
            None => vec![text],
            Some(Split::Character) => text.chars().map(String::from).collect(),
            Some(Split::Whitespace) => {
                let white = |c: char| c.is_ascii_whitespace() || c == '\u{b}';
                text.split(white).filter(|w| !w.is_empty()).map(str::to_string).collect()
            }
        }
    }
}

/// Runs of words joined by a blank: all of the first length, then of the next.
fn ngrams(words: &[String], lengths: &[usize]) -> Vec<String> {
    lengths.iter().flat_map(|n| words.windows(*n).map(|w| w.join(" "))).collect()
}

setters!(TextVectorization {
    some max_tokens: usize,
    some standardize: Standardize,
    some split: Split,
    into ngrams: Value,
    plain pad_to_max_tokens: bool,
    plain sparse: bool,
    plain ragged: bool,
    into encoding: String,
    some vocabulary_size: usize,
});

impl Layer for TextVectorization {
    settings!("TextVectorization");

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        let refused = [
            ("sparse", self.sparse),
            ("ragged", self.ragged),
            ("output_mode=\"one_hot\"", self.output_mode == LookupMode::OneHot),
        ];
        if let Some((what, _)) = refused.iter().find(|(_, on)| *on) {
            return Err(Error::Unsupported(format!("TextVectorization with `{what}`")));
        }
        self.ngram_lengths()?;
        let x = call.input()?;
        let words = self.split.is_none();
        expect_rank(
            x,
            (1 + words as usize)..=2,
            if words { "(batch, words)" } else { "(batch, 1)" },
        )?;
        if !words && x.rank() == 2 && x.dims[1] != Some(1) {
            return Err(Error::shapes(
                "expected one text a sample, (batch) or (batch, 1)",
                std::slice::from_ref(x),
            ));
        }
        if self.output_mode != LookupMode::Int {
            self.lookup().depth()?;
        }
        Ok(WeightTree::inside([(
            "_lookup_layer",
            WeightTree { label: "string_lookup".into(), ..WeightTree::none() },
        )]))
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        _: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let x = call.input()?.value;
        if cx.batch.is_some() {
            return Ok(vec![cx.encoded()?]);
        }
        let batch = x.dim(0);
        let spec = match self.output_mode {
            LookupMode::Int => Spec::new(DType::I64, vec![batch, self.output_sequence_length]),
            _ => Spec::new(DType::F32, vec![batch, Some(self.lookup().depth()?)]),
        };
        Ok(vec![cx.builder.input("ids", spec).into()])
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Own
    }

    fn ragged_form(&self) -> RaggedForm {
        RaggedForm::Padded
    }

    fn adapt_to(&self, data: &Data) -> Result<Box<dyn Layer>> {
        Ok(Box::new(self.clone().adapt(data.clone())?))
    }

    fn as_lookup(&self) -> Option<&dyn Lookup> {
        Some(self)
    }

    fn as_encoder(&self) -> Option<&dyn Encoder> {
        Some(self)
    }

    fn samples() -> Vec<Sample> {
        vec![
            Sample::new(json!({"vocabulary": ["red", "blue"], "output_sequence_length": 3}))
                .on([SampleInput::words([1])]),
        ]
    }
}

impl Lookup for TextVectorization {
    fn adopt(&self, lines: Option<Vec<String>>, idf_weights: Option<Vec<f32>>) -> Result<()> {
        self.lookup().adopt(lines, idf_weights)
    }

    fn inner_groups(&self) -> &'static [&'static str] {
        &["_lookup_layer"]
    }

    fn lines(&self) -> Result<Option<Vec<String>>> {
        self.lookup().lines()
    }

    fn idf_weights(&self) -> Result<Option<Vec<f32>>> {
        self.lookup().idf_weights()
    }
}

impl Encoder for TextVectorization {
    fn fills_up(&self) -> bool {
        true
    }

    fn encode(&self, inputs: &[&Data]) -> Result<Data> {
        let samples = self.documents(strings(inputs)?)?;
        let ids = self.lookup().ids()?;
        match self.output_mode {
            LookupMode::Int => ids.sequences(&samples, self.output_sequence_length),
            _ => ids.vectors(&samples),
        }
    }

    fn example(
        &self,
        draw: &mut dyn FnMut(usize) -> usize,
        timesteps: Option<usize>,
    ) -> Result<String> {
        let n_words = self.output_sequence_length.or(timesteps).unwrap_or(EXAMPLE_WORDS);
        let words =
            (0..n_words).map(|_| self.lookup().example(draw, None)).collect::<Result<Vec<_>>>()?;
        Ok(words.join(if self.split == Some(Split::Character) { "" } else { " " }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn texts_are_cut_and_filled_up() {
        let layer = TextVectorization::new(["horn", "calls"]).output_sequence_length(3);
        let got = layer
            .encode(&[&Data::from(
                array!["The HORN, calls; horn", " calls\u{b}horn\n"].map(|s| s.to_string()),
            )])
            .unwrap();
        let want: Data = crate::data::Array::from(array![[1i64, 2, 3], [3, 2, 0]]).into();
        assert_eq!(got, want);
    }

    #[test]
    fn pairs_of_words_come_after_all_words() {
        let words = ["a", "b", "c"].map(String::from);
        assert_eq!(ngrams(&words, &[1, 2]), ["a", "b", "c", "a b", "b c"]);
        assert!(ngrams(&words, &[4]).is_empty());
    }
}
