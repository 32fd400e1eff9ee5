//! Connectionist temporal classification: the cost of a label sequence whose alignment with time is unknown.

use super::{LossFunction, Values, settings};
use crate::layers::Cx;
use crate::{Error, Result};
use cornu_ir::builder::concat;
use cornu_ir::composites::log_softmax;
use cornu_ir::ops::{Iota, Scan};
use cornu_ir::spec::dims_text;
use cornu_ir::{DType, Var};

settings! {
    /// `−log P(labels | logits)` over all alignments. Shapes: labels `(B, L)`, class ids padded with 0, which is also the blank;
    /// logits `(B, T, V)` (Graves and others 2006). Differs from others: every sample has all T timesteps.
    CTC "ctc" {}
}

/// Probability 0, as a logarithm that stays finite.
const LOG_ZERO: f64 = -1e5;

/// `log(exp(a) + exp(b))`.
fn logaddexp<'g>(a: Var<'g>, b: Var<'g>) -> Var<'g> {
    a.maximum(b) + (-(a - b).abs()).exp().log1p()
}

/// Scores of the blanks `(B, L+1)` after paths of score `more: (B, L)` join the blank that follows each label.
fn join_blank<'g>(blank: Var<'g>, more: Var<'g>, n_labels: usize) -> Var<'g> {
    concat(&[blank.slice(1, 0, 1), logaddexp(blank.slice(1, 1, n_labels + 1), more)], 1)
}

impl LossFunction for CTC {
    fn joins(&self, axis: usize, _: usize) -> bool {
        axis == 1
    }

    fn values<'g>(&self, cx: &Cx<'g>, y_true: Var<'g>, y_pred: Var<'g>) -> Result<Values<'g>> {
        let b = cx.builder;
        let dtype = y_pred.dtype();
        let (labels, logits) = (y_true.dims(), y_pred.dims());
        let n_labels = labels.get(1).copied().flatten().unwrap_or(0);
        if labels.len() != 2 || logits.len() != 3 || labels[0] != logits[0] || n_labels == 0 {
            let received = format!("targets {}, predictions {}", dims_text(&labels), dims_text(&logits));
            return Err(Error::argument(&self.name, "expected labels (batch, length) and logits (batch, timesteps, classes)", received));
        }
        let rows = logits[0];
        let label = y_true.cast(DType::I32);
        let hot = {
            let dims = [rows, labels[1], logits[2]];
            let class = b.apply1(Iota { dtype: DType::I32, dims: dims.to_vec(), axis: 2 }, &[]);
            label.expand_dims(-1).broadcast_to(&dims).eq(class).cast(dtype)
        };
        let log_p = log_softmax(y_pred, &[-1]);
        let emit = log_p.matmul_with(hot, false, true).transpose(&[1, 0, 2]);
        let blank = log_p.slice(2, 0, 1).transpose(&[1, 0, 2]);
        // Where the next label is the same, a blank must stand between.
        let repeats = match n_labels {
            1 => b.full(dtype, &labels, 0.0),
            n => label.slice(1, 0, n - 1).eq(label.slice(1, 1, n)).cast(dtype).pad(1, 0, 1, 0.0),
        };
        let blank_start = concat(&[b.full(dtype, &[rows, Some(1)], 0.0), b.full(dtype, &labels, LOG_ZERO)], 1);
        let emit_start = b.full(dtype, &labels, LOG_ZERO);
        let (last, _) = Scan::build(b, &[repeats], &[blank_start, emit_start], &[emit, blank], logits[1], false, |_, constants, state, row| {
            let (repeats, on_blank, on_label) = (constants[0], state[0], state[1]);
            let (emit, blank) = (row[0], row[1]);
            let before = join_blank(on_blank, on_label + repeats * LOG_ZERO, n_labels);
            let next_label = logaddexp(before.slice(1, 0, n_labels) + emit, on_label + emit);
            let next_blank = join_blank(before + blank, on_label + blank + (1.0 - repeats) * LOG_ZERO, n_labels);
            (vec![next_blank, next_label], vec![])
        });
        let score = join_blank(last[0], last[1], n_labels);
        let zero = b.scalar(DType::I32, 0.0);
        let length = label.ne(zero).cast(dtype).sum(&[1], true).cast(DType::I32);
        let place = b.apply1(Iota { dtype: DType::I32, dims: vec![rows, Some(n_labels + 1)], axis: 1 }, &[]);
        let at_end = place.eq(length.broadcast_to(&[rows, Some(n_labels + 1)])).cast(dtype);
        Ok((-(score * at_end).sum(&[1], false)).into())
    }
}
