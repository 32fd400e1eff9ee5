//! Connectionist temporal classification: the cost of a label sequence whose alignment with time is
//! unknown.

use super::softmax::log_softmax;
use crate::builder::concat;
use crate::graph::Scan;
use crate::ops::Iota;
use crate::spec::DType;
use crate::var::Var;

/// Probability 0, as a logarithm that stays finite.
const LOG_ZERO: f64 = -1e5;

/// `log(exp(a) + exp(b))`.
fn logaddexp<'g>(a: Var<'g>, b: Var<'g>) -> Var<'g> {
    a.maximum(b) + (-(a - b).abs()).exp().log1p()
}

/// Scores of the blanks `(B, L+1)` after paths of score `more: (B, L)` join the blank that follows
/// each label.
fn join_blank<'g>(blank: Var<'g>, more: Var<'g>, n_labels: usize) -> Var<'g> {
    concat(&[blank.slice(1, 0, 1), logaddexp(blank.slice(1, 1, n_labels + 1), more)], 1)
}

/// `−log P(labels | logits)` over all alignments (Graves and others 2006). Shapes: label `(B, L)`
/// i32 with L a number, of which `length: (B,)` i32 count; logits `(B, T, V)`, of which the
/// timesteps count that are 1 in `live: (B, T)`, or all.
pub fn ctc<'g>(
    label: Var<'g>,
    logits: Var<'g>,
    blank: usize,
    length: Var<'g>,
    live: Option<Var<'g>>,
) -> Var<'g> {
    let b = logits.builder();
    let dtype = logits.dtype();
    let (labels, dims) = (label.dims(), logits.dims());
    let (rows, n_labels) = (dims[0], labels[1].unwrap_or(1));
    let hot = {
        let dims = [rows, labels[1], dims[2]];
        let class = b.apply1(Iota { dtype: DType::I32, dims: dims.to_vec(), axis: 2 }, &[]);
        label.expand_dims(-1).broadcast_to(&dims).eq(class).cast(dtype)
    };
    let log_p = log_softmax(logits, &[-1]);
    let emit = log_p.matmul_with(hot, false, true).transpose(&[1, 0, 2]);
    let blank = log_p.slice(2, blank, blank + 1).transpose(&[1, 0, 2]);
    // Where the next label is the same, a blank must stand between.
    let repeats = match n_labels {
        1 => b.full(dtype, &labels, 0.0),
        n => label.slice(1, 0, n - 1).eq(label.slice(1, 1, n)).cast(dtype).pad(1, 0, 1, 0.0),
    };
    let blank_start =
        concat(&[b.full(dtype, &[rows, Some(1)], 0.0), b.full(dtype, &labels, LOG_ZERO)], 1);
    let emit_start = b.full(dtype, &labels, LOG_ZERO);
    let mut walked = vec![emit, blank];
    walked.extend(live.map(|l| l.cast(dtype).transpose(&[1, 0]).expand_dims(-1)));
    let (last, _) = Scan::build(
        b,
        &[repeats],
        &[blank_start, emit_start],
        &walked,
        dims[1],
        false,
        |_, constants, state, row| {
            let (repeats, on_blank, on_label) = (constants[0], state[0], state[1]);
            let (emit, blank) = (row[0], row[1]);
            let before = join_blank(on_blank, on_label + repeats * LOG_ZERO, n_labels);
            let next_label = logaddexp(before.slice(1, 0, n_labels) + emit, on_label + emit);
            let next_blank =
                join_blank(before + blank, on_label + blank + (1.0 - repeats) * LOG_ZERO, n_labels);
            match row.get(2) {
                // A timestep that does not count leaves the scores as they are.
                Some(&live) => (
                    vec![
                        live * next_blank + (1.0 - live) * on_blank,
                        live * next_label + (1.0 - live) * on_label,
                    ],
                    vec![],
                ),
                None => (vec![next_blank, next_label], vec![]),
            }
        },
    );
    let score = join_blank(last[0], last[1], n_labels);
    let ends = [rows, Some(n_labels + 1)];
    let place = b.apply1(Iota { dtype: DType::I32, dims: ends.to_vec(), axis: 1 }, &[]);
    let at_end = place.eq(length.expand_dims(-1).broadcast_to(&ends)).cast(dtype);
    -(score * at_end).sum(&[1], false)
}
