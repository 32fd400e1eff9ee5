//! Connectionist temporal classification: the cost of a label sequence whose alignment with time is
//! unknown.

use super::{LossFunction, Values, named, settings};
use crate::lowering::Cx;
use crate::{Error, Result};
use cornu_ir::composites::ctc;
use cornu_ir::spec::dims_text;
use cornu_ir::{DType, Var};

settings! {
    /// `−log P(labels | logits)` over all alignments. Shapes: labels `(B, L)`, class ids padded
    /// with 0, which is also the blank; logits `(B, T, V)` (Graves and others 2006). Differs from
    /// others: every sample has all T timesteps.
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
