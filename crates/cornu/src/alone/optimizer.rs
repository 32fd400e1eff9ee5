//! An optimizer on arrays of weights and gradients.

use super::layer::tensor;
use crate::data::{Array, array_of};
use crate::eager::Programs;
use crate::optimizers::{Optimizer, VarInfo};
use crate::{Error, Result};
use cornu_ir::{Builder, Tensor, Var};

/// Optimizer used alone: weights, and the optimizer's variables for them.
///
/// ```
/// use cornu::data::Array;
/// use cornu::Stepper;
/// use cornu::optimizers::Sgd;
/// use ndarray::arr1;
/// let mut sgd = Stepper::new(Sgd::new(0.5), [arr1(&[1.0f32, 2.0])])?;
/// sgd.apply([arr1(&[1.0f32, -1.0])])?;
/// assert_eq!(sgd.weights()[0], Array::from(arr1(&[0.5f32, 2.5])));
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Stepper {
    optimizer: Optimizer,
    vars: Vec<VarInfo>,
    weights: Vec<Tensor>,
    state: Vec<Tensor>,
    programs: Programs,
}

impl Stepper {
    /// Returns an optimizer with weights, before its first step.
    ///
    /// # Errors
    /// Invalid settings, or weights that are not numbers.
    pub fn new<A: Into<Array>>(
        optimizer: impl Into<Optimizer>,
        weights: impl IntoIterator<Item = A>,
    ) -> Result<Self> {
        let optimizer = optimizer.into();
        let weights = weights.into_iter().map(|w| tensor(&w.into())).collect::<Result<Vec<_>>>()?;
        let var = |(i, w): (usize, &Tensor)| VarInfo {
            path: format!("weight_{i}"),
            name: format!("weight_{i}"),
            shape: w.dims.clone(),
            dtype: w.dtype(),
            constraint: None,
        };
        let vars: Vec<VarInfo> = weights.iter().enumerate().map(var).collect();
        optimizer.check(&vars)?;
        let state = optimizer.state(&vars).iter().map(|s| s.first_value(&weights)).collect();
        Ok(Self { optimizer, vars, weights, state, programs: Programs::default() })
    }

    /// Updates the weights with a gradient for each.
    ///
    /// # Errors
    /// A wrong number of gradients, or wrong shapes.
    pub fn apply<A: Into<Array>>(&mut self, gradients: impl IntoIterator<Item = A>) -> Result<()> {
        let gradients =
            gradients.into_iter().map(|g| tensor(&g.into())).collect::<Result<Vec<_>>>()?;
        let n = self.vars.len();
        let dims = |tensors: &[Tensor]| -> Vec<Vec<usize>> {
            tensors.iter().map(|t| t.dims.clone()).collect()
        };
        if dims(&gradients) != dims(&self.weights) {
            let rule =
                format!("a gradient of each weight's shape {:?} is needed", dims(&self.weights));
            let received = format!("{:?}", dims(&gradients));
            return Err(Error::argument("optimizer", rule, received));
        }
        let inputs: Vec<Tensor> =
            self.weights.iter().chain(&gradients).chain(&self.state).cloned().collect();
        let mut moved = self.programs.run(&inputs, |_: &Builder, v: &[Var<'_>]| {
            let (weights, rest) = v.split_at(n);
            let (gradients, state) = rest.split_at(n);
            let update = self.optimizer.update(&self.vars, weights, gradients, state);
            Ok(update.params.into_iter().chain(update.state).collect())
        })?;
        self.state = moved.split_off(n);
        self.weights = moved;
        Ok(())
    }

    /// Returns the weights after the steps so far.
    pub fn weights(&self) -> Vec<Array> {
        self.weights.iter().map(array_of).collect()
    }
}
