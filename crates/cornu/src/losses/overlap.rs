//! Dice and Tversky losses: overlap of targets and predicted probabilities.

use super::{EPSILON, LossFunction, Values, fit_targets, named, settings};
use crate::lowering::Cx;
use crate::{Error, Result};
use cornu_ir::Var;
use cornu_ir::builder::axis_of;
use serde::{Deserialize, Serialize};

settings! {
    /// Dice loss: `1 − 2·Σ y·p / (Σ y + Σ p + ε)` over axes.
    ///
    /// ```
    /// use cornu::losses::{Dice, Loss};
    /// use ndarray::arr2;
    /// let loss = Loss::from(Dice::new());
    /// let y_true = arr2(&[[1.0f32, 1.0, 0.0, 0.0]]);
    /// let loss = loss.value(&y_true, &arr2(&[[1.0f32, 0.0, 0.0, 0.0]]))?;
    /// assert!((loss - 0.3333).abs() < 1e-4); // 1 − 2 · 1 / 3
    /// # Ok::<(), cornu::Error>(())
    /// ```
    Dice "dice" {
        /// Axes of the sums; `None` for all, including the batch.
        axis: Option<Axes> = None,
    }
}

settings! {
    /// Tversky loss: Dice with weights for false negatives and false positives (Salehi et al. 2017,
    /// arXiv:1706.05721).
    ///
    /// `1 − Σ y·p / (Σ y·p + α·Σ y·(1 − p) + β·Σ (1 − y)·p + ε)` over axes.
    ///
    /// ```
    /// use cornu::losses::{Loss, Tversky};
    /// use ndarray::arr2;
    /// let loss = Loss::from(Tversky::new());
    /// let y_true = arr2(&[[1.0f32, 1.0, 0.0, 0.0]]);
    /// let loss = loss.value(&y_true, &arr2(&[[1.0f32, 0.0, 0.0, 0.0]]))?;
    /// assert!((loss - 0.3333).abs() < 1e-4); // 1 − 1 / (1 + 0.5 · 1)
    /// # Ok::<(), cornu::Error>(())
    /// ```
    Tversky "tversky" {
        /// Weight of false negatives.
        alpha: f64 = 0.5,
        /// Weight of false positives.
        beta: f64 = 0.5,
        /// Axes of the sums; `None` for all, including the batch.
        axis: Option<Axes> = None,
    }
}

/// One axis or several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Axes {
    /// One axis.
    One(isize),
    /// Several axes.
    Many(Vec<isize>),
}

impl Axes {
    fn list(&self) -> &[isize] {
        match self {
            Axes::One(axis) => std::slice::from_ref(axis),
            Axes::Many(axes) => axes,
        }
    }
}

/// Sums over axes; over all of them, they are the whole batch's.
fn sum<'g>(who: &str, cx: &Cx<'g>, v: Var<'g>, axis: &Option<Axes>) -> Result<Var<'g>> {
    match axis {
        None => Ok(cx.cross_sum(v.sum_all())),
        Some(axes) => match axes.list().iter().find(|a| axis_of(**a, v.rank()) >= v.rank()) {
            Some(a) => {
                Err(Error::argument(who, format!("`axis` must name axes of {}", v.spec()), a))
            }
            None => Ok(v.sum(axes.list(), false)),
        },
    }
}

impl LossFunction for Dice {
    named!();

    fn values<'g>(&self, cx: &Cx<'g>, y_true: Var<'g>, y_pred: Var<'g>) -> Result<Values<'g>> {
        let (t, p) = fit_targets(&self.name, y_true, y_pred)?;
        let sum = |v: Var<'g>| sum(&self.name, cx, v, &self.axis);
        Ok((1.0 - sum(t * p)? * 2.0 / (sum(t)? + sum(p)? + EPSILON)).into())
    }

    fn joins(&self, axis: usize, rank: usize) -> bool {
        // Over all axes the sums are the whole batch's without its rows in one graph.
        self.axis
            .as_ref()
            .map_or(axis > 0, |axes| axes.list().iter().any(|a| axis_of(*a, rank) == axis))
    }
}

impl LossFunction for Tversky {
    named!();

    fn values<'g>(&self, cx: &Cx<'g>, y_true: Var<'g>, y_pred: Var<'g>) -> Result<Values<'g>> {
        let (t, p) = fit_targets(&self.name, y_true, y_pred)?;
        let sum = |v: Var<'g>| sum(&self.name, cx, v, &self.axis);
        let both = sum(t * p)?;
        let (missed, excess) = (sum((1.0 - p) * t)?, sum(p * (1.0 - t))?);
        Ok((1.0 - both / (both + missed * self.alpha + excess * self.beta + EPSILON)).into())
    }

    fn joins(&self, axis: usize, rank: usize) -> bool {
        // Over all axes the sums are the whole batch's without its rows in one graph.
        self.axis
            .as_ref()
            .map_or(axis > 0, |axes| axes.list().iter().any(|a| axis_of(*a, rank) == axis))
    }
}
