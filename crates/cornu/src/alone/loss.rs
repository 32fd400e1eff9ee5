//! A loss on arrays.

use super::layer::tensor;
use crate::Result;
use crate::data::Array;
use crate::losses::Loss;
use crate::lowering::Cx;
use cornu_ir::{Builder, Var};

impl Loss {
    /// Returns the loss of a batch: targets and predictions, reduced as its settings say.
    ///
    /// # Errors
    /// Shapes that the loss does not take.
    ///
    /// ```
    /// use cornu::losses::{Loss, MeanSquaredError};
    /// use ndarray::arr2;
    /// let loss = Loss::from(MeanSquaredError::new());
    /// let y_true = arr2(&[[0.0f32, 1.0], [0.0, 0.0]]);
    /// let y_pred = arr2(&[[1.0f32, 1.0], [1.0, 0.0]]);
    /// assert_eq!(loss.value(&y_true, &y_pred)?, 0.5);
    /// assert_eq!(loss.weighted_value(&y_true, &y_pred, &ndarray::arr1(&[0.7f32, 0.3]))?, 0.25);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    pub fn value(&self, y_true: impl Into<Array>, y_pred: impl Into<Array>) -> Result<f64> {
        self.of_arrays([y_true.into(), y_pred.into()].as_slice())
    }

    /// Returns the loss of a batch of weighted samples.
    ///
    /// # Errors
    /// Shapes that the loss does not take.
    pub fn weighted_value(
        &self,
        y_true: impl Into<Array>,
        y_pred: impl Into<Array>,
        sample_weight: impl Into<Array>,
    ) -> Result<f64> {
        self.of_arrays([y_true.into(), y_pred.into(), sample_weight.into()].as_slice())
    }

    fn of_arrays(&self, arrays: &[Array]) -> Result<f64> {
        let values = arrays.iter().map(tensor).collect::<Result<Vec<_>>>()?;
        let batch = values[1].dims.first().copied();
        let total = self.programs().run(&values, |builder: &Builder, v: &[Var<'_>]| {
            let cx = Cx::new(builder, false, batch);
            Ok(vec![self.total(&cx, v[0], v[1], None, v.get(2).copied())?])
        })?;
        Ok(total[0].to_f64()[0])
    }
}
