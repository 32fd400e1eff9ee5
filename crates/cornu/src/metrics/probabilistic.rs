//! Means of cross-entropies, divergences and hinge losses.
//!
//! Source: keras/src/metrics/probabilistic_metrics.py and hinge_metrics.py, Keras 3.15.1.

use super::metric_function::mean_metrics;
use crate::losses::{
    binary_crossentropy, categorical_crossentropy, divergence, hinge,
    sparse_categorical_crossentropy,
};

mean_metrics! {
    /// Mean Kullback-Leibler divergence: `Σ y·log(y / p)`.
    ///
    /// ```
    /// use cornu::MetricState;
    /// use cornu::metrics::{KLDivergence, MetricValue};
    /// use ndarray::arr2;
    /// let mut metric = MetricState::new(KLDivergence::new());
    /// metric.update(&arr2(&[[1.0f32, 0.0]]), &arr2(&[[0.5f32, 0.5]]))?;
    /// assert!(matches!(metric.result(), MetricValue::Number(v) if (v - 0.6931).abs() < 1e-4));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    KLDivergence "kl_divergence" Down {} |_this, _cx, t, p| divergence::kl_divergence(t, p)?;
    /// Mean Poisson loss: `p − y·log(p)`.
    ///
    /// ```
    /// use cornu::MetricState;
    /// use cornu::metrics::{MetricValue, Poisson};
    /// use ndarray::arr2;
    /// let mut metric = MetricState::new(Poisson::new());
    /// metric.update(&arr2(&[[0.0f32]]), &arr2(&[[2.0f32]]))?;
    /// assert_eq!(metric.result(), MetricValue::Number(2.0));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    Poisson "poisson" Down {} |_this, _cx, t, p| divergence::poisson(t, p)?;
    /// Mean binary cross-entropy.
    ///
    /// ```
    /// use cornu::MetricState;
    /// use cornu::metrics::{BinaryCrossentropy, MetricValue};
    /// use ndarray::arr2;
    /// let mut metric = MetricState::new(BinaryCrossentropy::new());
    /// metric.update(&arr2(&[[1.0f32], [0.0]]), &arr2(&[[0.5f32], [0.5]]))?;
    /// assert!(matches!(metric.result(), MetricValue::Number(v) if (v - 0.6931).abs() < 1e-4));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    BinaryCrossentropy "binary_crossentropy" Down {
        /// True if predictions are logits.
        from_logits: bool = false,
        /// Label smoothing: share by which targets move towards 1/2.
        label_smoothing: f64 = 0.0,
    } |this, _cx, t, p| {
        let (from_logits, smoothing) = (this.from_logits, this.label_smoothing);
        binary_crossentropy::binary_crossentropy(t, p, from_logits, smoothing, -1)?
    };
    /// Mean cross-entropy of one-hot targets.
    ///
    /// ```
    /// use cornu::MetricState;
    /// use cornu::metrics::{CategoricalCrossentropy, MetricValue};
    /// use ndarray::arr2;
    /// let mut metric = MetricState::new(CategoricalCrossentropy::new());
    /// metric.update(&arr2(&[[0.0f32, 1.0]]), &arr2(&[[0.5f32, 0.5]]))?;
    /// assert!(matches!(metric.result(), MetricValue::Number(v) if (v - 0.6931).abs() < 1e-4));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    CategoricalCrossentropy "categorical_crossentropy" Down {
        /// True if predictions are logits.
        from_logits: bool = false,
        /// Label smoothing: share by which targets move towards the uniform distribution.
        label_smoothing: f64 = 0.0,
        /// Axis of the classes.
        axis: isize = -1,
    } |this, _cx, t, p| {
        let (from_logits, smoothing) = (this.from_logits, this.label_smoothing);
        categorical_crossentropy::categorical_crossentropy(t, p, from_logits, smoothing, this.axis)?
    };
    /// Mean cross-entropy of class ids.
    ///
    /// ```
    /// use cornu::MetricState;
    /// use cornu::metrics::{MetricValue, SparseCategoricalCrossentropy};
    /// use ndarray::arr2;
    /// let mut metric = MetricState::new(SparseCategoricalCrossentropy::new());
    /// metric.update(&arr2(&[[1i32]]), &arr2(&[[0.5f32, 0.5]]))?;
    /// assert!(matches!(metric.result(), MetricValue::Number(v) if (v - 0.6931).abs() < 1e-4));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    SparseCategoricalCrossentropy "sparse_categorical_crossentropy" Down {
        /// True if predictions are logits.
        from_logits: bool = false,
        /// Class whose targets have loss 0; `None` for no class.
        ignore_class: Option<i64> = None,
        /// Axis of the classes.
        axis: isize = -1,
    } |this, _cx, t, p| {
        use sparse_categorical_crossentropy::sparse_categorical_crossentropy;
        sparse_categorical_crossentropy(t, p, this.from_logits, this.ignore_class, this.axis)?
    };
    /// Mean hinge loss: `max(1 − y·ŷ, 0)`.
    ///
    /// ```
    /// use cornu::MetricState;
    /// use cornu::metrics::{Hinge, MetricValue};
    /// use ndarray::arr2;
    /// let mut metric = MetricState::new(Hinge::new());
    /// metric.update(&arr2(&[[1.0f32], [-1.0]]), &arr2(&[[0.5f32], [0.5]]))?;
    /// assert_eq!(metric.result(), MetricValue::Number(1.0));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    Hinge "hinge" Down {} |_this, cx, t, p| hinge::hinge(cx, t, p)?;
    /// Mean squared hinge loss: `max(1 − y·ŷ, 0)²`.
    ///
    /// ```
    /// use cornu::MetricState;
    /// use cornu::metrics::{MetricValue, SquaredHinge};
    /// use ndarray::arr2;
    /// let mut metric = MetricState::new(SquaredHinge::new());
    /// metric.update(&arr2(&[[1.0f32], [-1.0]]), &arr2(&[[0.5f32], [0.5]]))?;
    /// assert_eq!(metric.result(), MetricValue::Number(1.25));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    SquaredHinge "squared_hinge" Down {} |_this, cx, t, p| hinge::squared_hinge(cx, t, p)?;
    /// Mean hinge loss of one-hot targets: `max(max((1 − y)·ŷ) − Σ y·ŷ + 1, 0)`.
    ///
    /// ```
    /// use cornu::MetricState;
    /// use cornu::metrics::{CategoricalHinge, MetricValue};
    /// use ndarray::arr2;
    /// let mut metric = MetricState::new(CategoricalHinge::new());
    /// metric.update(&arr2(&[[0.0f32, 1.0]]), &arr2(&[[0.5f32, 0.75]]))?;
    /// assert_eq!(metric.result(), MetricValue::Number(0.75));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    CategoricalHinge "categorical_hinge" Down {} |_this, _cx, t, p| hinge::categorical_hinge(t, p)?;
}
