//! How often a prediction is right.
//!
//! Source: keras/src/metrics/accuracy_metrics.py, Keras 3.15.1.

use super::mean::mean_metrics;
use crate::losses::fit_targets;
use crate::{Error, Result};
use cornu_ir::ops::Iota;
use cornu_ir::spec::dims_text;
use cornu_ir::{DType, Var};

mean_metrics! {
    /// How often targets and predictions are equal.
    Accuracy "accuracy" Up {} |this, _cx, t, p| {
        let (t, p) = fit_targets(&this.name, t, p)?;
        t.eq(p).cast(p.dtype())
    };
    /// How often predictions lie on the target's side of a threshold.
    BinaryAccuracy "binary_accuracy" Up {
        /// Above it a prediction is 1.
        threshold: f64 = 0.5,
    } |this, _cx, t, p| {
        let (t, p) = fit_targets(&this.name, t, p)?;
        p.gt(this.threshold).cast(p.dtype()).eq(t).cast(p.dtype())
    };
    /// How often the largest prediction stands where the largest target stands.
    CategoricalAccuracy "categorical_accuracy" Up {} |this, _cx, t, p| {
        let (rank, t_dims, p_dims) = (p.rank(), t.dims(), p.dims());
        if t.rank() != rank || rank == 0 || t_dims[..rank - 1] != p_dims[..rank - 1] {
            return Err(misfit(&this.name, "targets must be one-hot, of the predictions' \
                shape", t, p));
        }
        t.argmax(-1).eq(p.argmax(-1)).cast(p.dtype())
    };
    /// How often the largest prediction is that of the target's class id.
    SparseCategoricalAccuracy "sparse_categorical_accuracy" Up {} |this, _cx, t, p| {
        let class = class_ids(&this.name, t, p)?;
        let hit = p.argmax(-1).cast(p.dtype()).eq(class).cast(p.dtype());
        if hit.rank() > 1 && hit.dim(-1) == Some(1) { hit.squeeze(-1) } else { hit }
    };
    /// How often the class of a one-hot target is among the `k` largest predictions.
    TopKCategoricalAccuracy "top_k_categorical_accuracy" Up {
        /// How many count.
        k: usize = 5,
    } |this, _cx, t, p| {
        if t.rank() == 0 {
            return Err(misfit(&this.name, "targets must be one-hot, of the predictions' \
                shape", t, p));
        }
        let class = t.argmax(-1);
        in_top_k(class_ids(&this.name, class.cast(p.dtype()), p)?, p, this.k).cast(p.dtype())
    };
    /// How often the class id of a target is among the `k` largest predictions.
    SparseTopKCategoricalAccuracy "sparse_top_k_categorical_accuracy" Up {
        /// How many count.
        k: usize = 5,
        /// Predictions are class ids, the likeliest first.
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
