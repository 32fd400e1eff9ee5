//! Vocabularies: tokens, their ids, and the ids of unknown tokens.

use super::raw_data::{Buckets, dense};
use crate::data::{Array, Data, Ragged};
use crate::{Error, Result};
use ndarray::ArrayD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashMap;
use std::hash::Hash;

/// How a lookup encodes tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LookupMode {
    /// The id of each token.
    #[default]
    Int,
    /// One vector for each token, with 1 at its id.
    OneHot,
    /// One vector for each sample, with 1 at each of its ids.
    #[serde(alias = "binary")]
    MultiHot,
    /// One vector for each sample, with the count of each id.
    Count,
    /// One vector for each sample, with the count of each id times its inverse document frequency.
    #[serde(alias = "tf-idf")]
    TfIdf,
}

/// What a file held for a layer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Adopted<K> {
    pub(super) tokens: Option<Vec<K>>,
    pub(super) idf_weights: Option<Vec<f32>>,
}

/// The settings from which a vocabulary follows.
pub(super) struct Rules<'a, K> {
    pub(super) max_tokens: Option<usize>,
    pub(super) num_oov_indices: usize,
    pub(super) mask_token: Option<&'a K>,
    pub(super) oov_token: Option<&'a K>,
    pub(super) mode: LookupMode,
    pub(super) pad_to_max_tokens: bool,
    pub(super) vocabulary: Option<&'a [K]>,
    pub(super) vocabulary_size: Option<usize>,
    pub(super) idf_weights: Option<&'a [f64]>,
    /// Keys of the hash that tells unknown words apart.
    pub(super) salt: Option<&'a Value>,
}

/// Tokens and their ids.
pub(super) struct Vocabulary<'a, K> {
    /// The tokens, without mask and unknown.
    pub(super) tokens: &'a [K],
    /// The id of the first unknown.
    pub(super) oov_start: usize,
    /// The id of the first token.
    pub(super) token_start: usize,
    /// By id, with `tf_idf`.
    pub(super) idf_weights: Option<Vec<f32>>,
}

impl<'a, K: PartialEq + Eq + Hash + std::fmt::Debug> Rules<'a, K> {
    fn oov_start(&self) -> usize {
        (self.mask_token.is_some() && self.mode == LookupMode::Int) as usize
    }

    /// The id of the first token.
    pub(super) fn token_start(&self) -> usize {
        self.oov_start() + self.num_oov_indices
    }

    /// All tokens by id, mask and unknown among them.
    pub(super) fn listed(&self, adopted: Option<&'a Adopted<K>>) -> Result<Vec<&'a K>>
    where
        K: 'a,
    {
        let special = (0..self.oov_start())
            .filter_map(|_| self.mask_token)
            .chain((0..self.num_oov_indices).filter_map(|_| self.oov_token));
        let tokens = self.vocabulary(adopted)?.tokens;
        Ok(special.chain(tokens).collect())
    }

    /// The tokens of a list, which may begin with mask and unknown.
    fn split<'t>(&self, listed: &'t [K]) -> (&'t [K], bool) {
        let special = (0..self.oov_start())
            .map(|_| self.mask_token)
            .chain((0..self.num_oov_indices).map(|_| self.oov_token));
        let n = self.token_start();
        let found = listed.len() >= n && special.zip(listed).all(|(s, l)| s == Some(l));
        (if found { &listed[n..] } else { listed }, found)
    }

    /// Checks the settings.
    pub(super) fn check(&self) -> Result<()> {
        if self.max_tokens.is_some_and(|n| n <= 1)
            || (self.pad_to_max_tokens && self.max_tokens.is_none())
        {
            let received = format!(
                "max_tokens={:?}, pad_to_max_tokens={}",
                self.max_tokens, self.pad_to_max_tokens
            );
            return Err(Error::argument(
                "",
                "max_tokens must be greater than 1, and given with pad_to_max_tokens",
                received,
            ));
        }
        Ok(())
    }

    /// The length of the vectors that all modes but `int` give.
    pub(super) fn depth(&self) -> Result<usize> {
        self.check()?;
        let given = self.vocabulary.map(|v| self.token_start() + self.split(v).0.len());
        let depth =
            if self.pad_to_max_tokens { self.max_tokens } else { given.or(self.vocabulary_size) };
        depth.filter(|n| *n <= 1 << 24).ok_or_else(|| {
            Error::argument("", "the vocabulary must be given, or adapted to data", "none")
        })
    }

    /// The vocabulary of the settings, else that of a file.
    pub(super) fn vocabulary(&self, adopted: Option<&'a Adopted<K>>) -> Result<Vocabulary<'a, K>> {
        self.check()?;
        let listed = self.vocabulary.or_else(|| adopted.and_then(|a| a.tokens.as_deref()));
        let listed = listed.ok_or_else(|| {
            Error::argument(
                "",
                "a vocabulary is needed: in the config, \
                adapted to data, or in the assets of the .keras file",
                "none",
            )
        })?;
        let (tokens, found) = self.split(listed);
        let oov_start = self.oov_start();
        let token_start = self.token_start();
        if self.max_tokens.is_some_and(|m| token_start + tokens.len() > m) {
            let rule = "the vocabulary with mask and unknown must not exceed max_tokens";
            return Err(Error::argument(
                "",
                rule,
                format!(
                    "{} tokens, max_tokens={}",
                    token_start + tokens.len(),
                    self.max_tokens.unwrap_or(0)
                ),
            ));
        }
        let idf_weights =
            match (self.mode, adopted.and_then(|a| a.idf_weights.as_ref()), self.idf_weights) {
                (LookupMode::TfIdf, Some(by_id), _) => Some(by_id.clone()),
                (LookupMode::TfIdf, None, Some(given)) => {
                    if given.len() != listed.len() {
                        let received = format!("{} weights, {} tokens", given.len(), listed.len());
                        return Err(Error::argument(
                            "",
                            "idf_weights must be as many as the tokens of the vocabulary",
                            received,
                        ));
                    }
                    let average = given.iter().sum::<f64>() / given.len().max(1) as f64;
                    let front = if found { 0 } else { token_start };
                    let mut all = vec![average as f32; front];
                    all.extend(given.iter().map(|w| *w as f32));
                    all.resize(all.len().max(self.depth()?), 0.0);
                    Some(all)
                }
                (LookupMode::TfIdf, None, None) => {
                    return Err(Error::argument(
                        "",
                        "output_mode tf_idf needs idf_weights",
                        "none",
                    ));
                }
                _ => None,
            };
        Ok(Vocabulary { tokens, oov_start, token_start, idf_weights })
    }
}

/// The ids of words.
pub(super) struct Ids<'a> {
    by_token: HashMap<&'a str, i64>,
    mask_token: Option<&'a str>,
    oov_start: i64,
    n_oov: usize,
    buckets: Buckets,
    mode: LookupMode,
    depth: usize,
    idf_weights: Option<Vec<f32>>,
}

impl<'a> Ids<'a> {
    /// Of a vocabulary of words.
    pub(super) fn new(
        rules: &Rules<'a, String>,
        adopted: Option<&'a Adopted<String>>,
    ) -> Result<Self> {
        let v = rules.vocabulary(adopted)?;
        let mut by_token = HashMap::with_capacity(v.tokens.len());
        for (i, t) in v.tokens.iter().enumerate() {
            if by_token.insert(t.as_str(), (v.token_start + i) as i64).is_some()
                || rules.mask_token == Some(t)
            {
                return Err(Error::argument(
                    "",
                    "each token must stand once in the vocabulary, the mask token only first",
                    format!("{t:?} again"),
                ));
            }
        }
        let depth = if rules.mode == LookupMode::Int { 0 } else { rules.depth()? };
        let mask_token = rules.mask_token.map(String::as_str);
        let (n_oov, oov_start) = (rules.num_oov_indices, v.oov_start as i64);
        let buckets = Buckets::new(n_oov, rules.salt)?;
        Ok(Self {
            by_token,
            mask_token,
            oov_start,
            n_oov,
            buckets,
            mode: rules.mode,
            depth,
            idf_weights: v.idf_weights,
        })
    }

    /// The id of a word; `None` for the mask token where it is left out.
    pub(super) fn id(&self, word: &str) -> Result<Option<i64>> {
        if self.mask_token == Some(word) {
            return Ok((self.mode == LookupMode::Int).then_some(0));
        }
        match (self.by_token.get(word), self.n_oov) {
            (Some(id), _) => Ok(Some(*id)),
            (None, 0) => Err(Error::argument(
                "",
                "with num_oov_indices=0 every word must be in the vocabulary",
                format!("{word:?}"),
            )),
            (None, 1) => Ok(Some(self.oov_start)),
            (None, _) => Ok(Some(self.oov_start + self.buckets.of(word))),
        }
    }

    /// The vector of a sample's words.
    pub(super) fn vector<'w>(&self, words: impl IntoIterator<Item = &'w str>) -> Result<Vec<f32>> {
        let mut row = vec![0f32; self.depth];
        for w in words {
            if let Some(at) = self.id(w)?.and_then(|id| row.get_mut(id as usize)) {
                *at = if matches!(self.mode, LookupMode::MultiHot | LookupMode::OneHot) {
                    1.0
                } else {
                    *at + 1.0
                };
            }
        }
        if let Some(idf) = &self.idf_weights {
            row.iter_mut().zip(idf).for_each(|(x, w)| *x *= w);
        }
        Ok(row)
    }

    /// Words of any shape as ids or vectors.
    pub(super) fn encode(&self, words: &ArrayD<String>) -> Result<Data> {
        let mut shape = words.shape().to_vec();
        if self.mode == LookupMode::Int {
            let ids =
                words.iter().map(|w| Ok(self.id(w)?.unwrap_or(0))).collect::<Result<Vec<i64>>>()?;
            return dense(Array::I64, &shape, ids);
        }
        let width =
            if self.mode == LookupMode::OneHot { 1 } else { shape.last().copied().unwrap_or(1) };
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut values = Vec::with_capacity(words.len() / width.max(1) * self.depth);
        for sample in words.chunks(width.max(1)) {
            values.extend(self.vector(sample.iter().copied())?);
        }
        if self.mode != LookupMode::OneHot || (shape.len() > 1 && shape.last() == Some(&1)) {
            shape.pop();
        }
        shape.push(self.depth);
        dense(Array::F32, &shape, values)
    }

    /// Words of samples as one vector a sample.
    pub(super) fn vectors(&self, samples: &[Vec<String>]) -> Result<Data> {
        let mut values = Vec::with_capacity(samples.len() * self.depth);
        for s in samples {
            values.extend(self.vector(s.iter().map(String::as_str))?);
        }
        dense(Array::F32, &[samples.len(), self.depth], values)
    }

    /// Words of samples as ids: cut and filled up with 0 to a length, or as long as they are.
    pub(super) fn sequences(&self, samples: &[Vec<String>], length: Option<usize>) -> Result<Data> {
        let (mut ids, mut offsets) = (Vec::new(), vec![0]);
        for s in samples {
            let first = ids.len();
            for w in s.iter().take(length.unwrap_or(usize::MAX)) {
                ids.push(self.id(w)?.unwrap_or(0));
            }
            if let Some(n) = length {
                ids.resize(first + n, 0);
            }
            offsets.push(ids.len());
        }
        match length {
            Some(n) => dense(Array::I64, &[samples.len(), n], ids),
            None => Ok(Data::Ragged(Ragged::new(Array::from(ids), offsets)?)),
        }
    }
}
