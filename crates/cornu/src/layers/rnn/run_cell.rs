//! A cell run over the sequences of a call: what all recurrent layers do.

use super::cell_layer::step_spec;
use super::packed_sequence::{Carried, Packed, reversed};
use crate::lowering::{
    Call, Cell, Cx, Dropped, Flow, Packing, Walk, Weights, WholeRun, ends_of, is_packed,
    mask_heeded, sequence_and_states,
};
use crate::{Error, Result};
use cornu_ir::Scan;
use cornu_ir::builder::concat;
use cornu_ir::{DType, Dim, Spec, Var};

/// Runs a cell over the sequences of a call and gives the output, then the last states when the
/// walk asks for them. `w` are the layer's weights, those of the cell inside as `cell`.
pub fn run<'g>(
    cell: &dyn Cell,
    walk: Walk,
    cx: &Cx<'g>,
    w: &Weights<'g>,
    call: &Call<Flow<'g>>,
) -> Result<Vec<Flow<'g>>> {
    // A cell that is run step by step, or in stretches, takes rectangles.
    let by_rows = cell.whole().is_some()
        && cx.states.stretch.is_none()
        && call.kwarg_value("mask").is_none_or(|m| m.packed);
    let call = &if by_rows { call.clone() } else { call.map(|f| cx.padded(*f)) };
    let packing = cx.packing.filter(|_| is_packed(call));
    let (x, states) = sequence_and_states(call)?;
    let mask = mask_heeded(call, walk.unroll)?.map(|m| m.cast(DType::Bool));
    let carried = Carried::of(call);
    let x = cx.to_float(x.value);
    let batch = packing.map_or(x.dim(0), |p| p.batch());
    // One row of a mask holds for every sample.
    let mask = mask.map(|m| match m.dim(0) {
        Some(1) if packing.is_none() => m.broadcast_to(&[batch, m.dim(1)]),
        _ => m,
    });
    let mut step = step_spec(cell, &x.spec())?;
    step.dims[0] = batch;
    let with_batch = |dims: &[Dim]| [&[batch], dims].concat();
    let dims: Vec<Vec<Dim>> = cell.state_dims(&step)?.iter().map(|d| with_batch(d)).collect();
    let keeps = walk.stateful || cx.states.kept;
    if cx.states.kept && (walk.go_backwards || !states.is_empty()) {
        return Err(Error::Unsupported(
            "timesteps one at a time through a layer that walks backwards or has an initial_state"
                .into(),
        ));
    }
    let given: Vec<Option<Var<'g>>> = match states.len() {
        0 if keeps => dims.iter().enumerate().map(|(i, d)| Some(cx.state(w, i, d))).collect(),
        0 => vec![None; dims.len()],
        n if n == dims.len() => states.iter().map(|s| Some(cx.to_float(s.value))).collect(),
        n => {
            return Err(Error::argument(
                "",
                format!("initial_state must hold {} values", dims.len()),
                format!("{n} values"),
            ));
        }
    };
    let dropped = if cx.training {
        cell.draw(cx, &step)?
    } else {
        vec![Dropped::default(); cell.n_dropped()]
    };
    let zeros = |d: &Vec<Dim>| cx.builder.full(cx.float(), d, 0.0);
    let mut stretch = Stretch {
        cell,
        walk,
        w: w.child("cell"),
        dropped: &dropped,
        step,
        has_first: given[0].is_some(),
        states: given.iter().zip(&dims).map(|(s, d)| s.unwrap_or_else(|| zeros(d))).collect(),
    };
    let y = match (cx.states.stretch.filter(|_| cx.training), x.dim(1)) {
        (Some(k), Some(t)) if k < t => {
            if mask.is_some() && !walk.holds_state() {
                return Err(Error::Unsupported(
                    "truncated backpropagation through masked timesteps \
                    of a layer that is stateful or unrolled"
                        .into(),
                ));
            }
            let mut outputs = vec![];
            // The first stretch walked holds what is left over, so that all others reach back a
            // whole one.
            for (i, end) in
                (0..t).rev().step_by(k).collect::<Vec<_>>().into_iter().rev().enumerate()
            {
                let begin = (end + 1).saturating_sub(k);
                let (from, to) =
                    if walk.go_backwards { (t - 1 - end, t - begin) } else { (begin, end + 1) };
                if i > 0 {
                    stretch.states.iter_mut().for_each(|s| *s = s.stop_gradient());
                    stretch.has_first = true;
                }
                outputs.push(stretch.run(
                    cx,
                    x.slice(1, from, to),
                    None,
                    mask.map(|m| m.slice(1, from, to)),
                )?);
            }
            if !walk.return_sequences {
                outputs.drain(..outputs.len() - 1);
            } else if walk.go_backwards && mask.is_some() {
                outputs.reverse();
            }
            if outputs.len() == 1 { outputs[0] } else { concat(&outputs, 1) }
        }
        _ => stretch.run(cx, x, packing, mask)?,
    };
    let y = if walk.return_sequences && walk.go_backwards && mask.is_some() {
        reversed(y, packing, ends_of(call))
    } else {
        y
    };
    let last = stretch.states;
    if keeps {
        last.iter().enumerate().for_each(|(i, s)| cx.set_state(w, i, *s));
    }
    let output = if walk.return_sequences { carried.on(y) } else { Flow::new(y) };
    let states = last.iter().filter(|_| walk.return_state).map(|s| Flow::new(*s));
    Ok(std::iter::once(output).chain(states).collect())
}

/// A run over successive timesteps, and the states that it leaves.
struct Stretch<'a, 'g> {
    cell: &'a dyn Cell,
    walk: Walk,
    w: &'a Weights<'g>,
    dropped: &'a [Dropped<'g>],
    step: Spec,
    /// Whether the states come from before, so that they stand at masked timesteps before the first
    /// that counts.
    has_first: bool,
    states: Vec<Var<'g>>,
}

impl<'g> Stretch<'_, 'g> {
    /// The outputs (B, T, …) or in packed rows, in the order of time under a mask and else in the
    /// order walked, or the last one (B, …).
    fn run(
        &mut self,
        cx: &Cx<'g>,
        x: Var<'g>,
        packing: Option<Packing<'g>>,
        mask: Option<Var<'g>>,
    ) -> Result<Var<'g>> {
        let Some(whole) = self.cell.whole() else {
            let steps = Steps {
                cell: self.cell,
                walk: self.walk,
                w: self.w,
                dropped: self.dropped,
                x,
                mask,
                step: self.step.clone(),
            };
            let (y, last) = steps.run(cx, &self.states)?;
            self.states = last;
            return Ok(y);
        };
        let at_each_step = |m: Var<'g>| packing.map_or_else(|| m.expand_dims(1), |p| p.spread(m));
        let Dropped { input, recurrent } = self.dropped[0];
        // Masks of all gates, (B, G, …), in a row: (B, G …).
        let in_a_row = |m: Var<'g>| {
            if m.rank() == 3 {
                m.reshape(&[m.dim(0), m.dim(1).zip(m.dim(2)).map(|(g, n)| g * n)])
            } else {
                m
            }
        };
        let n_inputs = input.filter(|m| m.rank() == 3).and_then(|m| m.dim(1)).unwrap_or(1);
        let x = if n_inputs > 1 { concat(&vec![x; n_inputs], -1) } else { x };
        let x = input.map_or(x, |m| x * at_each_step(in_a_row(m)));
        let packed = Packed::new(x, packing, mask, self.walk);
        let run = WholeRun {
            rows: packed.rows,
            batch_sizes: packed.batch_sizes,
            first: self.states.iter().map(|s| packed.sort(*s)).collect(),
            input_by_gate: n_inputs > 1,
            recurrent_mask: recurrent.map(|m| packed.sort(in_a_row(m))),
            int8: cx.int8 && !cx.training && cx.float() == DType::F32,
        };
        let before = self.has_first.then(|| self.states[0]);
        let (rows, last) = whole.run(self.w, &run);
        self.states = last.into_iter().map(|s| packed.unsort(s)).collect();
        Ok(packed.output(rows, self.states[0], before))
    }
}

/// A cell run step by step.
struct Steps<'a, 'g> {
    cell: &'a dyn Cell,
    walk: Walk,
    w: &'a Weights<'g>,
    dropped: &'a [Dropped<'g>],
    x: Var<'g>,
    mask: Option<Var<'g>>,
    step: Spec,
}

impl<'g> Steps<'_, 'g> {
    /// The outputs (B, T, …), ordered as by [`Stretch::run`], or the last one (B, …), and the last
    /// states.
    fn run(&self, cx: &Cx<'g>, first: &[Var<'g>]) -> Result<(Var<'g>, Vec<Var<'g>>)> {
        let time_major = |v: Var<'g>| v.swap_axes(0, 1);
        let weights = self.w.values();
        let masks = self.dropped.iter().flat_map(|d| [d.input, d.recurrent]).flatten();
        let constants: Vec<Var<'g>> = weights.iter().copied().chain(masks).collect();
        let output_state = self.cell.output_state(&self.step)?;
        let output = [&self.step.dims[..1], &self.cell.output_dims(&self.step)?].concat();
        // Where the output before is not the state before, it goes along from step to step.
        let from_state = self.walk.holds_state() && first[output_state].dims() == output;
        let carried = !self.walk.return_sequences
            || (self.mask.is_some() && !self.walk.zeroes() && !from_state);
        let mut carries = first.to_vec();
        carries.extend(carried.then(|| cx.builder.full(cx.float(), &output, 0.0)));
        let sequences: Vec<Var<'g>> =
            std::iter::once(self.x).chain(self.mask).map(time_major).collect();
        let mut failed = None;
        let (finals, kept) = Scan::build(
            cx.builder,
            &constants,
            &carries,
            &sequences,
            self.x.dim(1),
            self.walk.go_backwards,
            |_, c, s, x| {
                let w = self.w.rebind(&c[..weights.len()]);
                let mut masks = c[weights.len()..].iter().copied();
                let dropped: Vec<Dropped<'_>> = self
                    .dropped
                    .iter()
                    .map(|d| Dropped {
                        input: d.input.and_then(|_| masks.next()),
                        recurrent: d.recurrent.and_then(|_| masks.next()),
                    })
                    .collect();
                let states = &s[..first.len()];
                let (mut y, mut next) =
                    self.cell.step(&w, &dropped, x[0], states).unwrap_or_else(|e| {
                        failed = Some(e);
                        (s[0], states.to_vec())
                    });
                if let Some(live) = x.get(1) {
                    let at = |v: Var<'_>| (1..v.rank()).fold(*live, |m, _| m.expand_dims(-1));
                    let before = if from_state { states[output_state] } else { s[s.len() - 1] };
                    y = if self.walk.zeroes() {
                        at(y).select(y, 0.0)
                    } else {
                        at(y).select(y, before)
                    };
                    next = next.iter().zip(states).map(|(n, s)| at(*n).select(*n, *s)).collect();
                }
                let kept = if self.walk.return_sequences { vec![y] } else { vec![] };
                next.extend(carried.then_some(y));
                (next, kept)
            },
        );
        if let Some(e) = failed {
            return Err(e);
        }
        let y = match kept.first() {
            Some(y) if self.walk.go_backwards && self.mask.is_none() => time_major(*y).reverse(1),
            Some(y) => time_major(*y),
            None => finals[first.len()],
        };
        Ok((y, finals[..first.len()].to_vec()))
    }
}
