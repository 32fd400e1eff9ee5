//! Connectionist temporal classification (CTC).

use super::{LossFunction, Values, named, settings};
use crate::lowering::Cx;
use crate::{Error, Result};
use cornu_ir::composites::ctc;
use cornu_ir::spec::dims_text;
use cornu_ir::{DType, Var};

settings! {
    /// Connectionist temporal classification (Graves et al. 2006): `−log P(labels | logits)` over
    /// all alignments of labels and timesteps.
    ///
    /// Shapes: labels `(B, L)`, class ids padded with 0, which is also the blank; logits `(B, T,
    /// V)`. Every sample has all T timesteps.
    ///
    /// ```
    /// use cornu::losses::{CTC, Loss};
    /// use ndarray::{arr2, arr3};
    /// let loss = Loss::from(CTC::new());
    /// let loss = loss.value(&arr2(&[[1i32]]), &arr3(&[[[0.0f32, 0.0]]]))?;
    /// assert!((loss - 0.6931).abs() < 1e-4); // P = ½
    /// # Ok::<(), cornu::Error>(())
    /// ```
    CTC "ctc" {}
}

impl LossFunction for CTC {
    named!();

    fn joins(&self, axis: usize, _: usize) -> bool {
        axis == 1
    }

    fn values<'g>(&self, _: &Cx<'g>, y_true: Var<'g>, y_pred: Var<'g>) -> Result<Values<'g>> {
        let (labels, logits) = (y_true.dims(), y_pred.dims());
        let n_labels = labels.get(1).copied().flatten().unwrap_or(0);
        if labels.len() != 2 || logits.len() != 3 || labels[0] != logits[0] || n_labels == 0 {
            let received =
                format!("targets {}, predictions {}", dims_text(&labels), dims_text(&logits));
            return Err(Error::argument(
                &self.name,
                "expected labels (batch, length) and logits (batch, timesteps, classes)",
                received,
            ));
        }
        // 0 is the blank, and fills up short sequences of labels.
        let label = y_true.cast(DType::I32);
        let length = label.ne(label.zeros_like()).cast(DType::I32).sum(&[1], false);
        Ok(ctc(label, y_pred, 0, length, None).into())
    }
}
