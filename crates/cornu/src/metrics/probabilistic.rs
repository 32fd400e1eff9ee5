//! Means of cross-entropies, divergences and margins.
//!
//! Source: keras/src/metrics/probabilistic_metrics.py and hinge_metrics.py, Keras 3.15.1.

use super::mean::mean_metrics;
use crate::losses::{
    binary_crossentropy, categorical_crossentropy, divergence, hinge,
    sparse_categorical_crossentropy,
};

mean_metrics! {
    /// Mean of `Σ y·log(y / p)`.
    KLDivergence "kl_divergence" Down {} |_this, _cx, t, p| divergence::kl_divergence(t, p)?;
    /// Mean of `p − y·log(p)`.
    Poisson "poisson" Down {} |_this, _cx, t, p| divergence::poisson(t, p)?;
    /// Mean of the binary cross-entropy.
    BinaryCrossentropy "binary_crossentropy" Down {
        /// Predictions are logits.
        from_logits: bool = false,
        /// Targets are drawn to 1/2 by this share.
        label_smoothing: f64 = 0.0,
    } |this, _cx, t, p| {
        let (from_logits, smoothing) = (this.from_logits, this.label_smoothing);
        binary_crossentropy::binary_crossentropy(t, p, from_logits, smoothing, -1)?
    };
    /// Mean of the cross-entropy of one-hot targets.
    CategoricalCrossentropy "categorical_crossentropy" Down {
        /// Predictions are logits.
        from_logits: bool = false,
        /// Targets are drawn to the uniform distribution by this share.
        label_smoothing: f64 = 0.0,
        /// The axis of the classes.
        axis: isize = -1,
    } |this, _cx, t, p| {
        let (from_logits, smoothing) = (this.from_logits, this.label_smoothing);
        categorical_crossentropy::categorical_crossentropy(t, p, from_logits, smoothing, this.axis)?
    };
    /// Mean of the cross-entropy of class ids.
    SparseCategoricalCrossentropy "sparse_categorical_crossentropy" Down {
        /// Predictions are logits.
        from_logits: bool = false,
        /// A class whose targets cost nothing.
        ignore_class: Option<i64> = None,
        /// The axis of the classes.
        axis: isize = -1,
    } |this, _cx, t, p| {
        use sparse_categorical_crossentropy::sparse_categorical_crossentropy;
        sparse_categorical_crossentropy(t, p, this.from_logits, this.ignore_class, this.axis)?
    };
    /// Mean of `max(1 − y·ŷ, 0)`.
    Hinge "hinge" Down {} |_this, cx, t, p| hinge::hinge(cx, t, p)?;
    /// Mean of `max(1 − y·ŷ, 0)²`.
    SquaredHinge "squared_hinge" Down {} |_this, cx, t, p| hinge::squared_hinge(cx, t, p)?;
    /// Mean of `max(max((1 − y)·ŷ) − Σ y·ŷ + 1, 0)`.
    CategoricalHinge "categorical_hinge" Down {} |_this, _cx, t, p| hinge::categorical_hinge(t, p)?;
}
