//! Counts of true and false positives and negatives at thresholds.
//!
//! Source: keras/src/metrics/metrics_utils.py, Keras 3.15.1.

use crate::losses::{EPSILON, squeeze_or_expand};
use crate::{Error, Result};
use cornu_ir::ops::{Iota, ScatterAdd};
use cornu_ir::spec::{dims_text, product};
use cornu_ir::{DType, Tensor, Var};
use serde::{Deserialize, Serialize};

/// The score of classes outside the top k.
pub(super) const NEG_INF: f64 = -1e10;

/// Thresholds above which a prediction is positive: one or several.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Thresholds {
    /// One threshold.
    One(f64),
    /// Several thresholds.
    Many(Vec<f64>),
}

impl Thresholds {
    /// As a list; `default` stands where none is given.
    pub(super) fn list(who: &str, given: &Option<Thresholds>, default: f64) -> Result<Vec<f64>> {
        let list = match given {
            None => return Ok(vec![default]),
            Some(Thresholds::One(t)) => vec![*t],
            Some(Thresholds::Many(list)) => list.clone(),
        };
        match list.iter().find(|t| !(0.0..=1.0).contains(*t)) {
            Some(t) => Err(Error::argument(who, "`thresholds` must lie within 0 and 1", t)),
            None if list.is_empty() => {
                Err(Error::argument(who, "`thresholds` must hold a number", "[]"))
            }
            None => Ok(list),
        }
    }
}

/// Whether thresholds are 0, 1/(n − 1), …, 1.
pub(super) fn evenly_spaced(thresholds: &[f64]) -> bool {
    let n = thresholds.len();
    n >= 3
        && thresholds.iter().enumerate().all(|(i, t)| {
            let even = i as f64 / (n - 1) as f64;
            (t - even).abs() <= EPSILON + 1e-5 * even
        })
}

/// What is counted, and how.
pub(super) struct Question<'a> {
    pub(super) who: &'a str,
    pub(super) thresholds: Vec<f64>,
    /// Thresholds stand at equal distances, so that a prediction's bucket can be computed.
    pub(super) even: bool,
    pub(super) top_k: Option<usize>,
    pub(super) class_id: Option<usize>,
    /// A matrix for each column of the predictions.
    pub(super) multi_label: bool,
    pub(super) label_weights: Option<&'a [f64]>,
}

/// Counts (K) for K thresholds, or (K, L) for L labels.
pub(super) struct Counts<'g> {
    pub(super) true_positives: Var<'g>,
    pub(super) false_positives: Var<'g>,
    pub(super) true_negatives: Var<'g>,
    pub(super) false_negatives: Var<'g>,
}

/// A row of numbers in the type of `like`.
fn numbers<'g>(like: Var<'g>, x: &[f64]) -> Var<'g> {
    like.builder().constant(Tensor::new(&[x.len()], x.to_vec())).cast(like.dtype())
}

impl Question<'_> {
    pub(super) fn count<'g>(
        &self,
        y_true: Var<'g>,
        y_pred: Var<'g>,
        weight: Option<Var<'g>>,
    ) -> Result<Counts<'g>> {
        let (mut p, mut t) = squeeze_or_expand(y_pred, y_true, true);
        let mismatch = |t: Var<'_>, p: Var<'_>| {
            format!("targets {}, predictions {}", dims_text(&t.dims()), dims_text(&p.dims()))
        };
        if t.dims() != p.dims() || p.rank() == 0 {
            return Err(Error::argument(
                self.who,
                "targets and predictions must have the same shape",
                mismatch(t, p),
            ));
        }
        let weight = weight.map(|w| squeeze_or_expand(t, w.expand_dims(-1), false).1);
        if let Some(k) = self.top_k {
            if p.count(&[-1]) < k as f64 || k == 0 {
                return Err(Error::argument(
                    self.who,
                    "`top_k` must not exceed the number of classes",
                    format!("top_k={k}, {}", mismatch(t, p)),
                ));
            }
            p = top_k(p, k);
        }
        if let Some(class) = self.class_id {
            if p.rank() < 2 || p.count(&[-1]) <= class as f64 {
                return Err(Error::argument(
                    self.who,
                    "`class_id` must name a column of the predictions",
                    format!("class_id={class}, {}", mismatch(t, p)),
                ));
            }
            t = t.slice(-1, class, class + 1);
            p = p.slice(-1, class, class + 1);
        }
        let dims = p.dims();
        if self.multi_label && dims.len() != 2 {
            return Err(Error::argument(
                self.who,
                "`multi_label` needs predictions of shape (batch, labels)",
                dims_text(&dims),
            ));
        }
        let mut weights = t.ones_like();
        if let Some(w) = weight {
            if w.rank() != dims.len()
                || cornu_ir::builder::broadcast_dims(&w.dims(), &dims).as_ref() != Some(&dims)
            {
                let rule = "sample weights must have a number for each sample, or for each sample \
                    and timestep";
                return Err(Error::argument(
                    self.who,
                    rule,
                    format!("weights {}, predictions {}", dims_text(&w.dims()), dims_text(&dims)),
                ));
            }
            weights = w.broadcast_to(&dims);
        }
        if let Some(label) = self.label_weights.filter(|_| !self.multi_label) {
            if p.count(&[-1]) != label.len() as f64 || dims.len() < 2 {
                return Err(Error::argument(
                    self.who,
                    "`label_weights` needs a number for each label",
                    format!("{} for {}", label.len(), dims_text(&dims)),
                ));
            }
            weights = weights * numbers(p, label);
        }
        // (N, L): every prediction is a row, all of one label unless each label is counted apart.
        let n_labels = if self.multi_label { dims[1] } else { Some(1) };
        let table = [if self.multi_label { dims[0] } else { product(&dims) }, n_labels];
        let shape = |v: Var<'g>| v.reshape(&table);
        let is_true = shape(t.ne(0.0).cast(p.dtype()));
        let (p, weights) = (shape(p), shape(weights));
        let (yes, no) = (is_true * weights, (1.0 - is_true) * weights);
        let k = self.thresholds.len();
        let (tp, fp) =
            if self.even { self.by_bucket(p, yes, no) } else { self.by_comparison(p, yes, no) };
        let total = |v: Var<'g>| v.sum(&[0], true);
        let fold = |v: Var<'g>| if self.multi_label { v } else { v.reshape(&[Some(k)]) };
        Ok(Counts {
            true_positives: fold(tp),
            false_positives: fold(fp),
            true_negatives: fold(total(no) - fp),
            false_negatives: fold(total(yes) - tp),
        })
    }

    /// Weights of positives and negatives above each threshold, (K, L), by adding each prediction
    /// to its bucket.
    fn by_bucket<'g>(&self, p: Var<'g>, yes: Var<'g>, no: Var<'g>) -> (Var<'g>, Var<'g>) {
        let b = p.builder();
        let (k, dims) = (self.thresholds.len(), p.dims());
        let mut bucket = (p.clip(0.0, 1.0) * (k as f64 - 1.0)).ceil() - 1.0;
        if self.thresholds[0] < 0.0 || self.thresholds[k - 1] > 1.0 {
            bucket = bucket.relu();
        }
        let bucket = bucket.cast(DType::I32);
        let n_labels = dims[1].unwrap_or(1);
        let label = b.apply1(Iota { dtype: DType::I32, dims: dims.clone(), axis: 1 }, &[]);
        let zero = b.scalar(DType::I32, 0.0);
        let place = bucket * b.scalar(DType::I32, n_labels as f64) + label;
        // A prediction of 0 is above no threshold.
        let place =
            bucket.ge(zero).select(place, b.scalar(DType::I32, -1.0)).reshape(&[product(&dims)]);
        let above = |v: Var<'g>| {
            let sums = b.apply1(
                ScatterAdd { rows: Some(k * n_labels) },
                &[v.reshape(&[product(&dims)]), place],
            );
            sums.reshape(&[Some(k), dims[1]]).cumsum(0, true)
        };
        (above(yes), above(no))
    }

    /// The same by comparing every prediction with every threshold.
    fn by_comparison<'g>(&self, p: Var<'g>, yes: Var<'g>, no: Var<'g>) -> (Var<'g>, Var<'g>) {
        let k = Some(self.thresholds.len());
        let above =
            p.expand_dims(0).gt(numbers(p, &self.thresholds).reshape(&[k, Some(1), Some(1)]));
        let sum = |v: Var<'g>| above.select(v.expand_dims(0), 0.0).sum(&[1], false);
        (sum(yes), sum(no))
    }
}

/// The `k` largest of the last axis as they are, the others at [`NEG_INF`]; of equals the first are
/// larger.
fn top_k<'g>(x: Var<'g>, k: usize) -> Var<'g> {
    let dims = x.dims();
    let (_, order) = x.sort_last(true);
    let first = order.slice(-1, 0, k).expand_dims(-1);
    let mut table = dims.clone();
    table.insert(dims.len() - 1, Some(k));
    let place =
        x.builder().apply1(Iota { dtype: DType::I32, dims: table.clone(), axis: dims.len() }, &[]);
    let inside = first.broadcast_to(&table).eq(place).any(&[-2], false);
    inside.select(x, NEG_INF)
}
