//! The rules of [`Scan`], a graph repeated over time: what every recurrence without a primitive of
//! its own is made of.

use crate::builder::Builder;
use crate::grad::gradient;
use crate::graph::Scan;
use crate::interpret::interpret;
use crate::op::{At, Primitive, Sample, sample_numbers};
use crate::spec::{DType, Dim, ShapeError, Spec};
use crate::tensor::{Tensor, View, ViewMut};
use crate::var::Var;
use crate::with_type;
use std::sync::Arc;

impl Scan {
    fn sequence_spec(&self, row: &Spec) -> Spec {
        let mut dims = vec![self.steps];
        dims.extend(&row.dims);
        Spec::new(row.dtype, dims)
    }

    /// Writes a scan: `body` gets constants, carries and rows, and returns the new carries and what
    /// to keep of the step.
    pub fn build<'g>(
        g: &'g Builder,
        constants: &[Var<'g>],
        carries: &[Var<'g>],
        sequences: &[Var<'g>],
        steps: Dim,
        reverse: bool,
        body: impl for<'b> FnOnce(
            &'b Builder,
            &[Var<'b>],
            &[Var<'b>],
            &[Var<'b>],
        ) -> (Vec<Var<'b>>, Vec<Var<'b>>),
    ) -> (Vec<Var<'g>>, Vec<Var<'g>>) {
        let b = Builder::new();
        let row_spec = |v: &Var<'g>| {
            let spec = v.spec();
            Spec::new(spec.dtype, &spec.dims[1.min(spec.rank())..])
        };
        let (n_carries, n_kept) = {
            let c: Vec<_> = constants.iter().map(|v| b.input("", v.spec())).collect();
            let s: Vec<_> = carries.iter().map(|v| b.input("", v.spec())).collect();
            let x: Vec<_> = sequences.iter().map(|v| b.input("", row_spec(v))).collect();
            let (next, kept) = body(&b, &c, &s, &x);
            next.iter().chain(&kept).for_each(|v| b.output("", *v));
            (next.len(), kept.len())
        };
        let graph = match b.finish() {
            Ok(graph) => graph,
            Err(e) => {
                g.fail(e);
                let any =
                    carries.first().or(sequences.first()).copied().expect("a scan has inputs");
                return (vec![any; n_carries], vec![any; n_kept]);
            }
        };
        let ins: Vec<_> = constants.iter().chain(carries).chain(sequences).copied().collect();
        let op =
            Scan { body: Arc::new(graph), n_constants: constants.len(), n_carries, steps, reverse };
        let mut outs = g.apply(op, &ins);
        let kept = outs.split_off(n_carries);
        (outs, kept)
    }
}

impl Primitive for Scan {
    fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
        let first_sequence = self.n_constants + self.n_carries;
        crate::ops::expect_inputs("scan", ins, self.body.inputs.len())?;
        for (i, (p, s)) in self.body.inputs.iter().zip(ins).enumerate() {
            let want = self.body.spec(p.value);
            let want = if i < first_sequence { want.clone() } else { self.sequence_spec(want) };
            if !want.agrees(s) {
                return Err(ShapeError::new("scan", format!("input {i} must be {want}"), ins));
            }
        }
        let outs = self.body.outputs.iter().map(|p| self.body.spec(p.value));
        for (i, spec) in outs.clone().take(self.n_carries).enumerate() {
            if !spec.agrees(&ins[self.n_constants + i]) {
                return Err(ShapeError::new(
                    "scan",
                    format!("carry {i} leaves a step as {spec}"),
                    ins,
                ));
            }
        }
        Ok(outs
            .enumerate()
            .map(|(i, s)| {
                if i < self.n_carries {
                    ins[self.n_constants + i].clone()
                } else {
                    self.sequence_spec(s)
                }
            })
            .collect())
    }

    fn vjp<'g>(&self, at: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
        // Forward once more, keeping the carries that entered each step; then a scan the other way
        // whose body is the gradient of the body.
        let g = at.ins[0].builder();
        let (n_c, n_s) = (self.n_constants, self.n_carries);
        let (constants, carries, sequences) =
            (&at.ins[..n_c], &at.ins[n_c..n_c + n_s], &at.ins[n_c + n_s..]);
        let (_, entered) = Scan::build(
            g,
            constants,
            carries,
            sequences,
            self.steps,
            self.reverse,
            |b, c, s, x| {
                let ins: Vec<_> = c.iter().chain(s).chain(x).copied().collect();
                (
                    b.inline(&self.body, &ins)[..n_s].to_vec(),
                    s.iter().map(|v| v.broadcast_to(&v.dims())).collect(),
                )
            },
        );
        let is_float = |v: &Var<'_>| v.dtype().is_float();
        let zero_like =
            |v: &Var<'g>| if is_float(v) { v.zeros_like() } else { g.full(DType::F32, &[], 0.0) };
        let d_outs: Vec<Var<'g>> =
            at.outs.iter().zip(at.grads).map(|(o, d)| d.unwrap_or_else(|| zero_like(o))).collect();
        let d_carries: Vec<Var<'g>> = d_outs[..n_s].to_vec();
        let d_constants: Vec<Var<'g>> = constants.iter().map(zero_like).collect();
        let walked: Vec<Var<'g>> =
            entered.iter().chain(sequences).chain(&d_outs[n_s..]).copied().collect();
        let n_kept = self.body.outputs.len() - n_s;
        let moving: Vec<Var<'g>> = d_carries.iter().chain(&d_constants).copied().collect();
        let (finals, d_rows) = Scan::build(
            g,
            constants,
            &moving,
            &walked,
            self.steps,
            !self.reverse,
            |b, c, d, rows| {
                let (s, rest) = rows.split_at(n_s);
                let (x, d_kept) = rest.split_at(rest.len() - n_kept);
                let ins: Vec<_> = c.iter().chain(s).chain(x).copied().collect();
                let outs = b.inline(&self.body, &ins);
                let seeds: Vec<_> = outs
                    .iter()
                    .zip(d[..n_s].iter().chain(d_kept))
                    .filter(|(o, _)| o.dtype().is_float())
                    .map(|(o, d)| (*o, *d))
                    .collect();
                let grads = gradient(&seeds, &ins);
                let or_zero = |i: usize, like: Var<'_>| {
                    grads[i].unwrap_or_else(|| b.full(like.dtype(), &like.dims(), 0.0))
                };
                let d_s = (0..n_s).map(|i| or_zero(n_c + i, d[i]));
                let d_c = (0..n_c).map(|i| {
                    if d[n_s + i].dtype() == c[i].dtype() && c[i].dtype().is_float() {
                        or_zero(i, c[i]) + d[n_s + i]
                    } else {
                        d[n_s + i]
                    }
                });
                let d_x = x.iter().enumerate().map(|(i, x)| {
                    if x.dtype().is_float() {
                        or_zero(n_c + n_s + i, *x)
                    } else {
                        b.full(DType::F32, &[], 0.0)
                    }
                });
                (d_s.chain(d_c).collect(), d_x.collect())
            },
        );
        let pick = |v: &Var<'g>, d: Var<'g>| is_float(v).then_some(d);
        let d_c = constants.iter().zip(&finals[n_s..]).map(|(v, d)| pick(v, *d));
        let d_s = carries.iter().zip(&finals[..n_s]).map(|(v, d)| pick(v, *d));
        let d_x = sequences.iter().zip(&d_rows).map(|(v, d)| pick(v, *d));
        d_c.chain(d_s).chain(d_x).collect()
    }

    fn eval(&self, ins: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
        let steps = self.steps.expect("a planned graph is concrete");
        let (n_c, n_s) = (self.n_constants, self.n_carries);
        let mut state: Vec<Tensor> = ins[..n_c + n_s].iter().map(View::to_tensor).collect();
        for step in 0..steps {
            let t = if self.reverse { steps - 1 - step } else { step };
            let mut args = state.clone();
            args.extend(ins[n_c + n_s..].iter().map(|v| row(v, t)));
            let mut results = interpret(&self.body, &args);
            for (out, r) in outs[n_s..].iter_mut().zip(results.drain(n_s..)) {
                if let Some(o) = out {
                    let n = r.n_elements();
                    with_type!(r.dtype(), T => {
                        o.get::<T>()[t * n..(t + 1) * n].copy_from_slice(r.view().get::<T>())
                    });
                }
            }
            state.truncate(n_c);
            state.extend(results);
        }
        for (out, s) in outs.iter_mut().zip(&state[n_c..]) {
            if let Some(o) = out {
                with_type!(s.dtype(), T => o.get::<T>().copy_from_slice(s.view().get::<T>()));
            }
        }
    }

    fn samples() -> Vec<Sample<Self>> {
        [false, true]
            .map(|reverse| {
                let b = Builder::new();
                let known = |dims: &[usize]| Spec::known(DType::F64, dims);
                let (w, h, x) = (
                    b.input("w", known(&[3, 3])),
                    b.input("h", known(&[2, 3])),
                    b.input("x", known(&[2, 3])),
                );
                let next = (h.matmul(w) + x).tanh();
                b.output("h", next);
                b.output("y", next * x);
                let body = Arc::new(b.finish().expect("a sound body"));
                let op = Scan { body, n_constants: 1, n_carries: 1, steps: Some(4), reverse };
                Sample::new(
                    op,
                    vec![
                        sample_numbers(&[3, 3], 221),
                        sample_numbers(&[2, 3], 222),
                        sample_numbers(&[4, 2, 3], 223),
                    ],
                )
            })
            .into()
    }

    fn n_outputs(&self) -> usize {
        self.body.outputs.len()
    }

    fn flops(&self, _: &[&Spec], _: &[&Spec]) -> f64 {
        self.steps.unwrap_or(0) as f64 * self.body.flops()
    }

    fn product_flops(&self, _: &[&Spec], _: &[&Spec], _: &[bool]) -> f64 {
        let of_body = self.body.product_flops().iter().map(|(_, flops)| flops).sum::<f64>();
        self.steps.unwrap_or(0) as f64 * of_body
    }
}

fn row(v: &View<'_>, t: usize) -> Tensor {
    let n: usize = v.dims[1..].iter().product();
    with_type!(v.dtype(), T => Tensor::new(&v.dims[1..], v.get::<T>()[t * n..(t + 1) * n].to_vec()))
}
