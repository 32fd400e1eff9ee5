//! Stochastic gradient descent.

use super::VarInfo;
use super::define::{optimizer, shared_settings};
use super::rule::{Moved, Slot, Step, UpdateRule};
use crate::{Error, Result};

optimizer! {
    /// Stochastic gradient descent, with or without momentum.
    ///
    /// `w ← w - lr·g`; with momentum `m ← μ·m - lr·g, w ← w + m`, or with Nesterov's look-ahead `w
    /// ← w + μ·m - lr·g`.
    ///
    /// Source: keras/src/optimizers/sgd.py, Keras 3.15.1.
    ///
    /// ```
    /// use cornu::data::Array;
    /// use cornu::Stepper;
    /// use cornu::optimizers::Sgd;
    /// use ndarray::arr1;
    /// let mut optimizer = Stepper::new(Sgd::new(0.5), [arr1(&[1.0f32])])?;
    /// optimizer.apply([arr1(&[1.0f32])])?; // the gradient
    /// assert_eq!(optimizer.weights()[0], Array::from(arr1(&[0.5f32])));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    pub struct Sgd("sgd", learning_rate = 0.01, weight_decay = None) {
        /// Momentum `μ`: share of the last step that is added to the next.
        momentum: f64 = 0.0,
        /// True for Nesterov momentum.
        nesterov: bool = false,
    }
}

impl UpdateRule for Sgd {
    shared_settings!();

    fn check(&self) -> Result<()> {
        match (0.0..=1.0).contains(&self.momentum) {
            true => Ok(()),
            false => {
                Err(Error::argument("SGD momentum", "it must lie within 0 and 1", self.momentum))
            }
        }
    }

    fn slots(&self, var: &VarInfo) -> Vec<Vec<Slot>> {
        if self.momentum == 0.0 { vec![] } else { vec![vec![Slot::like("momentum", var)]] }
    }

    fn step<'g>(&self, at: &Step<'_, 'g>) -> Moved<'g> {
        let pull = at.gradient * at.rate;
        let Some(&m) = at.slots.first() else {
            return Moved { weight: at.weight - pull, slots: vec![] };
        };
        let m = m * self.momentum - pull;
        let weight =
            if self.nesterov { at.weight + (m * self.momentum - pull) } else { at.weight + m };
        Moved { weight, slots: vec![m] }
    }
}
