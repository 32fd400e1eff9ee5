//! Vocabularies and statistics that preprocessing layers learn from data before training.

use super::category_encoding::Discretization;
use super::integer_lookup::IntegerLookup;
use super::raw_data::strings;
use super::rescaling::Normalization;
use super::string_lookup::StringLookup;
use super::text_vectorization::TextVectorization;
use super::vocabulary::{Adopted, LookupMode, Rules};
use crate::data::Data;
use crate::{Error, Result};
use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::OnceLock;

/// The tokens of documents, the most frequent first, those of one count in falling order; and with
/// `tf_idf` their weights.
///
/// Source: `IndexLookup.adapt`, keras/src/layers/preprocessing/index_lookup.py, Keras 3.15.1.
fn learn<K: Clone + Ord + Eq + Hash + Debug>(
    rules: &Rules<'_, K>,
    documents: &[Vec<K>],
) -> Result<Adopted<K>> {
    if rules.vocabulary.is_some() {
        return Err(Error::argument(
            "",
            "a layer with a vocabulary of its own cannot be adapted",
            "a vocabulary in the settings",
        ));
    }
    rules.check()?;
    let mut counts: HashMap<&K, usize> = HashMap::new();
    let mut n_documents_with: HashMap<&K, usize> = HashMap::new();
    for document in documents {
        document.iter().for_each(|t| *counts.entry(t).or_default() += 1);
        document
            .iter()
            .collect::<HashSet<_>>()
            .into_iter()
            .for_each(|t| *n_documents_with.entry(t).or_default() += 1);
    }
    let special = |t: &K| rules.mask_token == Some(t) || rules.oov_token == Some(t);
    let mut tokens: Vec<(usize, &K)> =
        counts.into_iter().filter(|(t, _)| !special(t)).map(|(t, n)| (n, t)).collect();
    tokens.sort_unstable_by(|a, b| b.cmp(a));
    let front = rules.token_start();
    tokens.truncate(rules.max_tokens.map_or(usize::MAX, |n| n.saturating_sub(front)));
    let idf_weights = (rules.mode == LookupMode::TfIdf).then(|| {
        let n = documents.len() as f64;
        let own: Vec<f32> = tokens
            .iter()
            .map(|(_, t)| (1.0 + n / (1.0 + n_documents_with[*t] as f64)).ln() as f32)
            .collect();
        let average = own.iter().sum::<f32>() / own.len() as f32;
        let mut all = vec![average; front];
        all.extend(own);
        if rules.pad_to_max_tokens {
            all.resize(rules.max_tokens.unwrap_or(0).max(all.len()), 0.0);
        }
        all
    });
    Ok(Adopted { tokens: Some(tokens.into_iter().map(|(_, t)| t.clone()).collect()), idf_weights })
}

/// The samples of data as documents of tokens; each value of a single axis is a document.
fn documents<T: Clone>(data: &Data, values: Vec<T>) -> Vec<Vec<T>> {
    match data {
        Data::Ragged(r) => r.offsets().windows(2).map(|w| values[w[0]..w[1]].to_vec()).collect(),
        Data::Dense(a) => {
            let width = a.shape().iter().skip(1).product::<usize>().max(1);
            values.chunks(width).map(<[T]>::to_vec).collect()
        }
    }
}

impl StringLookup {
    /// Learns the vocabulary from the words of data, the most frequent first.
    ///
    /// ```
    /// use cornu::StringLookup;
    /// let words = ndarray::array!["horn", "call", "horn"].map(|w| w.to_string());
    /// let layer = StringLookup::default().adapt(words)?;
    /// assert_eq!(layer.vocabulary()?, ["[UNK]", "horn", "call"]);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    ///
    /// # Errors
    /// Data that are not strings; a vocabulary in the settings.
    pub fn adapt(self, data: impl Into<Data>) -> Result<Self> {
        let data = data.into();
        let words = strings(&[&data])?.iter().cloned().collect();
        self.learned(&documents(&data, words))
    }

    pub(super) fn learned(mut self, documents: &[Vec<String>]) -> Result<Self> {
        let adopted = learn(&self.rules(), documents)?;
        self.vocabulary_size =
            adopted.tokens.as_ref().map(|t| t.len() + self.rules().token_start());
        self.adopted = OnceLock::from(adopted);
        Ok(self)
    }
}

impl IntegerLookup {
    /// Learns the vocabulary from the whole numbers of data, the most frequent first.
    ///
    /// # Errors
    /// Data that are not whole numbers; a vocabulary in the settings.
    pub fn adapt(mut self, data: impl Into<Data>) -> Result<Self> {
        let data = data.into();
        let numbers = data.values().to_i64()?.iter().copied().collect();
        let adopted = learn(&self.rules(), &documents(&data, numbers))?;
        self.vocabulary_size =
            adopted.tokens.as_ref().map(|t| t.len() + self.rules().token_start());
        self.adopted = OnceLock::from(adopted);
        Ok(self)
    }
}

impl TextVectorization {
    /// Learns the vocabulary from the words of texts, the most frequent first.
    ///
    /// ```
    /// use cornu::TextVectorization;
    /// let texts = ndarray::array!["The horn sounds.", "Horn, horn!"].map(|t| t.to_string());
    /// let layer = TextVectorization::default().adapt(texts)?;
    /// assert_eq!(layer.vocabulary()?, ["", "[UNK]", "horn", "the", "sounds"]);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    ///
    /// # Errors
    /// Data that are not strings; a vocabulary in the settings.
    pub fn adapt(mut self, data: impl Into<Data>) -> Result<Self> {
        let data = data.into();
        let documents = self.documents(strings(&[&data])?)?;
        let lookup = self.fresh_lookup().learned(&documents)?;
        self.vocabulary_size = lookup.vocabulary_size;
        self.set_lookup(lookup);
        Ok(self)
    }
}

impl Normalization {
    /// Learns mean and variance from data, for each position along `axis`.
    ///
    /// ```
    /// use cornu::{Input, Model, Normalization, Predict};
    /// let data = ndarray::array![[1.0f32, 10.0], [3.0, 30.0]];
    /// let x = Input::new([2]);
    /// let layer = Normalization::default().adapt(&data)?;
    /// let model = Model::new(&x, &layer.call(&x)?)?;
    /// let y = model.predict(&data, Predict::new())?;
    /// assert_eq!(y.f32()?, ndarray::array![[-1.0, -1.0], [1.0, 1.0]].into_dyn());
    /// # Ok::<(), cornu::Error>(())
    /// ```
    ///
    /// # Errors
    /// Data that are not numbers or lack the axes; mean and variance in the settings.
    pub fn adapt(mut self, data: impl Into<Data>) -> Result<Self> {
        if self.mean.is_some() || self.variance.is_some() {
            return Err(Error::argument(
                "",
                "a layer with mean and variance of its own cannot be adapted",
                "mean or variance in the settings",
            ));
        }
        let data = data.into();
        let values = data.values().to_f64()?;
        // A rectangle (N, F) of all timesteps stands for (B, T, F): one axis less, which no
        // statistic keeps.
        let ragged = matches!(data, Data::Ragged(_)) as usize;
        let rank = values.ndim() + ragged;
        let kept =
            self.kept_axes(rank).filter(|axes| axes.iter().all(|a| *a < rank && *a > ragged));
        let received = || {
            format!(
                "axis {:?}, data {}",
                self.axis.as_ref().map(crate::constraints::Axes::list),
                data.shape_text()
            )
        };
        let axes = kept.ok_or_else(|| {
            Error::argument(
                "",
                "axis must be axes of the data that are no batch or timesteps",
                received(),
            )
        })?;
        let axes: Vec<usize> = axes.into_iter().map(|a| a - ragged).collect();
        let dims: Vec<usize> = axes.iter().map(|&a| values.shape()[a]).collect();
        let n_places: usize = dims.iter().product();
        let place = |index: &ndarray::IxDyn| {
            axes.iter().fold(0, |at, &a| at * values.shape()[a] + index[a])
        };
        let count = (values.len() / n_places.max(1)).max(1) as f64;
        let mut mean = vec![0.0; n_places];
        values.indexed_iter().for_each(|(i, x)| mean[place(&i)] += x / count);
        let mut variance = vec![0.0; n_places];
        values
            .indexed_iter()
            .for_each(|(i, x)| variance[place(&i)] += (x - mean[place(&i)]).powi(2) / count);
        self.set_adapted(dims, mean, variance);
        Ok(self)
    }
}

impl Discretization {
    /// Learns the boundaries of `num_bins` bins that hold about equally many numbers of data.
    ///
    /// ```
    /// use cornu::Discretization;
    /// let data = ndarray::Array1::linspace(0.0f32, 9.0, 10);
    /// let layer = Discretization { num_bins: Some(2), ..Discretization::default() }.adapt(&data)?;
    /// assert_eq!(layer.bin_boundaries, Some(vec![4.0]));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    ///
    /// # Errors
    /// No `num_bins`; data that are not numbers.
    pub fn adapt(mut self, data: impl Into<Data>) -> Result<Self> {
        let n = self.num_bins.filter(|n| (1..1 << 24).contains(n) && self.epsilon > 1e-7);
        let n = n.ok_or_else(|| {
            Error::argument(
                "",
                "num_bins and an epsilon above 0 are needed to adapt",
                format!("{:?}, {}", self.num_bins, self.epsilon),
            )
        })?;
        let mut values: Vec<f32> = data.into().values().to_f32()?.iter().copied().collect();
        values.sort_unstable_by(f32::total_cmp);
        let step = (values.len() as f64 * self.epsilon).max(1.0);
        let bounds: Vec<f32> =
            values.into_iter().skip((step - 1.0) as usize).step_by(step as usize).collect();
        let summary = Summary { weights: vec![step as f32; bounds.len()], bounds }
            .compressed(self.epsilon)
            .compressed(1.0 / n as f64);
        let inner = summary.bounds.len().saturating_sub(1);
        self.bin_boundaries = Some(summary.bounds[..inner].iter().map(|x| f64::from(*x)).collect());
        Ok(self)
    }
}

/// Numbers with how many each stands for.
///
/// Source: keras/src/layers/preprocessing/discretization.py, Keras 3.15.1.
struct Summary {
    bounds: Vec<f32>,
    weights: Vec<f32>,
}

impl Summary {
    /// The same in steps of a share of all.
    fn compressed(self, share: f64) -> Self {
        if (self.bounds.len() as f64) * share < 1.0 || self.bounds.is_empty() {
            return self;
        }
        let mut total = 0f32;
        let sums: Vec<f32> = self
            .weights
            .iter()
            .map(|w| {
                total += w;
                total
            })
            .collect();
        let shares: Vec<f64> = sums.iter().map(|s| f64::from(s / total)).collect();
        let steps: Vec<f64> =
            (0..(1.0 / share).ceil() as usize).map(|i| share + i as f64 * share).collect();
        let of = |values: &[f32]| {
            steps.iter().map(|x| between(*x, &shares, values)).collect::<Vec<f64>>()
        };
        let (bounds, sums) = (of(&self.bounds), of(&sums));
        let weights = sums
            .iter()
            .enumerate()
            .map(|(i, s)| (s - if i == 0 { 0.0 } else { sums[i - 1] }) as f32)
            .collect();
        Summary { bounds: bounds.into_iter().map(|x| x as f32).collect(), weights }
    }
}

/// The value at a place among rising places, on the line between its neighbours.
fn between(x: f64, places: &[f64], values: &[f32]) -> f64 {
    let after = places.partition_point(|p| *p <= x);
    match after {
        0 => f64::from(values[0]),
        n if n == places.len() => f64::from(values[n - 1]),
        n => {
            let (low, high) = (f64::from(values[n - 1]), f64::from(values[n]));
            (high - low) / (places[n] - places[n - 1]) * (x - places[n - 1]) + low
        }
    }
}
