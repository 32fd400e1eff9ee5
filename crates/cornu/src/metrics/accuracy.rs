//! Accuracies: how often a prediction is right.
//!
//! Source: keras/src/metrics/accuracy_metrics.py, Keras 3.15.1.

use super::metric_function::mean_metrics;
use crate::losses::fit_targets;
use crate::{Error, Result};
use cornu_ir::ops::Iota;
use cornu_ir::spec::dims_text;
use cornu_ir::{DType, Var};

mean_metrics! {
    /// Share of predictions that equal their target.
    ///
    /// ```
    /// use cornu::MetricState;
    /// use cornu::metrics::{Accuracy, MetricValue};
    /// use ndarray::arr2;
    /// let mut metric = MetricState::new(Accuracy::new());
    /// metric.update(&arr2(&[[1.0f32], [2.0]]), &arr2(&[[1.0f32], [3.0]]))?;
    /// assert_eq!(metric.result(), MetricValue::Number(0.5));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    Accuracy "accuracy" Up {} |this, _cx, t, p| {
        let (t, p) = fit_targets(&this.name, t, p)?;
        t.eq(p).cast(p.dtype())
    };
    /// Share of predictions on the right side of a threshold.
    ///
    /// ```
    /// use cornu::MetricState;
    /// use cornu::metrics::{BinaryAccuracy, MetricValue};
    /// use ndarray::arr2;
    /// let mut metric = MetricState::new(BinaryAccuracy::new());
    /// metric.update(&arr2(&[[1.0f32], [0.0]]), &arr2(&[[0.9f32], [0.8]]))?;
    /// assert_eq!(metric.result(), MetricValue::Number(0.5));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    BinaryAccuracy "binary_accuracy" Up {
        /// Threshold above which a prediction counts as 1.
        threshold: f64 = 0.5,
    } |this, _cx, t, p| {
        let (t, p) = fit_targets(&this.name, t, p)?;
        p.gt(this.threshold).cast(p.dtype()).eq(t).cast(p.dtype())
    };
    /// Share of samples whose largest prediction is at the class of the one-hot target.
    ///
    /// ```
    /// use cornu::MetricState;
    /// use cornu::metrics::{CategoricalAccuracy, MetricValue};
    /// use ndarray::arr2;
    /// let mut metric = MetricState::new(CategoricalAccuracy::new());
    /// let y_true = arr2(&[[0.0f32, 1.0], [1.0, 0.0]]);
    /// let y_pred = arr2(&[[0.25f32, 0.75], [0.25, 0.75]]);
    /// metric.update(&y_true, &y_pred)?;
    /// assert_eq!(metric.result(), MetricValue::Number(0.5));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    CategoricalAccuracy "categorical_accuracy" Up {} |this, _cx, t, p| {
        let (rank, t_dims, p_dims) = (p.rank(), t.dims(), p.dims());
        if t.rank() != rank || rank == 0 || t_dims[..rank - 1] != p_dims[..rank - 1] {
            return Err(misfit(&this.name, "targets must be one-hot, of the predictions' \
                shape", t, p));
        }
        t.argmax(-1).eq(p.argmax(-1)).cast(p.dtype())
    };
    /// Share of samples whose largest prediction is at the class id of the target.
    ///
    /// ```
    /// use cornu::MetricState;
    /// use cornu::metrics::{MetricValue, SparseCategoricalAccuracy};
    /// use ndarray::arr2;
    /// let mut metric = MetricState::new(SparseCategoricalAccuracy::new());
    /// metric.update(&arr2(&[[1i32], [0]]), &arr2(&[[0.25f32, 0.75], [0.25, 0.75]]))?;
    /// assert_eq!(metric.result(), MetricValue::Number(0.5));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    SparseCategoricalAccuracy "sparse_categorical_accuracy" Up {} |this, _cx, t, p| {
        let class = class_ids(&this.name, t, p)?;
        let hit = p.argmax(-1).cast(p.dtype()).eq(class).cast(p.dtype());
        if hit.rank() > 1 && hit.dim(-1) == Some(1) { hit.squeeze(-1) } else { hit }
    };
    /// Share of samples whose one-hot target is among the `k` largest predictions.
    ///
    /// ```
    /// use cornu::MetricState;
    /// use cornu::metrics::{MetricValue, TopKCategoricalAccuracy};
    /// use ndarray::arr2;
    /// let mut metric = MetricState::new(TopKCategoricalAccuracy::new().k(2));
    /// let y_true = arr2(&[[0.0f32, 0.0, 1.0], [1.0, 0.0, 0.0]]);
    /// let y_pred = arr2(&[[0.1f32, 0.5, 0.4], [0.1, 0.5, 0.4]]);
    /// metric.update(&y_true, &y_pred)?;
    /// assert_eq!(metric.result(), MetricValue::Number(0.5));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    TopKCategoricalAccuracy "top_k_categorical_accuracy" Up {
        /// Number of largest predictions that count.
        k: usize = 5,
    } |this, _cx, t, p| {
        if t.rank() == 0 {
            return Err(misfit(&this.name, "targets must be one-hot, of the predictions' \
                shape", t, p));
        }
        let class = t.argmax(-1);
        in_top_k(class_ids(&this.name, class.cast(p.dtype()), p)?, p, this.k).cast(p.dtype())
    };
    /// Share of samples whose class id is among the `k` largest predictions.
    ///
    /// ```
    /// use cornu::MetricState;
    /// use cornu::metrics::{MetricValue, SparseTopKCategoricalAccuracy};
    /// use ndarray::arr2;
    /// let mut metric = MetricState::new(SparseTopKCategoricalAccuracy::new().k(2));
    /// metric.update(&arr2(&[[2i32], [0]]), &arr2(&[[0.1f32, 0.5, 0.4], [0.1, 0.5, 0.4]]))?;
    /// assert_eq!(metric.result(), MetricValue::Number(0.5));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    SparseTopKCategoricalAccuracy "sparse_top_k_categorical_accuracy" Up {
        /// Number of largest predictions that count.
        k: usize = 5,
        /// True if predictions are class ids, the likeliest first.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        from_sorted_ids: bool = false,
    } |this, _cx, t, p| {
        let class = class_ids(&this.name, t, p)?;
        let hit = if this.from_sorted_ids {
            let n = p.count(&[-1]) as usize;
            let first = p.slice(-1, 0, this.k.min(n));
            class.expand_dims(-1).eq(first).any(&[-1], false)
        } else {
            in_top_k(class, p, this.k)
        };
        hit.cast(p.dtype())
    };
}

fn misfit(who: &str, rule: &str, t: Var<'_>, p: Var<'_>) -> Error {
    Error::argument(
        who,
        rule,
        format!("targets {}, predictions {}", dims_text(&t.dims()), dims_text(&p.dims())),
    )
}

/// Class ids with the predictions' dims without the last.
fn class_ids<'g>(who: &str, t: Var<'g>, p: Var<'g>) -> Result<Var<'g>> {
    let t = if t.rank() == p.rank() && t.rank() > 0 && t.dim(-1) == Some(1) {
        t.squeeze(-1)
    } else {
        t
    };
    if p.rank() == 0 || t.dims()[..] != p.dims()[..p.rank() - 1] {
        return Err(misfit(
            who,
            "targets must be class ids, with the shape of the predictions without the axis of the \
                classes",
            t,
            p,
        ));
    }
    Ok(t)
}

/// Whether fewer than `k` predictions lie above that of the class.
fn in_top_k<'g>(class: Var<'g>, p: Var<'g>, k: usize) -> Var<'g> {
    let dims = p.dims();
    let classes = p
        .builder()
        .apply1(Iota { dtype: DType::I32, dims: dims.clone(), axis: dims.len() - 1 }, &[]);
    let hot = class.cast(DType::I32).expand_dims(-1).broadcast_to(&dims).eq(classes);
    let own = hot.select(p, 0.0).sum(&[-1], true);
    let known = hot.any(&[-1], true).and(own.is_nan().eq(0.0));
    let own = known.select(own, f64::NEG_INFINITY);
    p.gt(own).cast(p.dtype()).sum(&[-1], false).lt(k as f64)
}
