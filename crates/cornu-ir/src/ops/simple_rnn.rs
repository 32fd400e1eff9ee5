//! Simple recurrent unit over packed rows, and its gradient.
//!
//! ```text
//! h = activation(x W + (h₋ ∘ m) R + b)
//! ```
//! Shapes: x (N, F), W (F, U), R (U, U), b (U), h₀ (B, U), m (B, U), batch_sizes (T): see
//! [`packed`](super::packed). Source: Elman 1990; keras/src/layers/rnn/simple_rnn.py, Keras 3.15.1.

use super::packed::{
    add_outer, add_product, add_product_transposed, expect, flops_of_cell, product_flops_of_cell,
    product_flops_of_gradient, step_bytes_of_cell, steps,
};
use crate::op::{At, Primitive, Sample, sample_numbers};
use crate::ops::Activation;
use crate::spec::{DType, Dim, ShapeError, Spec};
use crate::tensor::{Tensor, View, ViewMut};
use crate::var::Var;
use crate::with_float;

/// The cell over all timesteps. Inputs: x, W, R, b (with `use_bias`), h₀, m (with
/// `recurrent_mask`), batch_sizes. Outputs: h (N, U) and each sequence's last h (B, U).
#[derive(Clone, Debug, PartialEq)]
pub struct SimpleRnn {
    /// U.
    pub units: usize,
    /// Of the sum.
    pub activation: Activation,
    /// Whether b comes.
    pub use_bias: bool,
    /// Whether m, which scales the state before the recurrent product, comes.
    pub recurrent_mask: bool,
}

/// The inputs of the cell by name.
struct Inputs<'a, V> {
    x: &'a V,
    kernel: &'a V,
    recurrent: &'a V,
    bias: Option<&'a V>,
    h0: &'a V,
    mask: Option<&'a V>,
    batch_sizes: &'a V,
}

impl SimpleRnn {
    fn n_inputs(&self) -> usize {
        5 + self.use_bias as usize + self.recurrent_mask as usize
    }

    fn inputs<'a, V>(&self, ins: &'a [V]) -> Inputs<'a, V> {
        let at = 3 + self.use_bias as usize;
        Inputs {
            x: &ins[0],
            kernel: &ins[1],
            recurrent: &ins[2],
            bias: self.use_bias.then(|| &ins[3]),
            h0: &ins[at],
            mask: self.recurrent_mask.then(|| &ins[at + 1]),
            batch_sizes: &ins[self.n_inputs() - 1],
        }
    }

    /// Fails unless the inputs have the names and shapes documented; returns (N, F, B, float type).
    fn check(&self, ins: &[Spec]) -> Result<(Dim, Dim, Dim, DType), ShapeError> {
        let ins = &ins[..ins.len().min(self.n_inputs())];
        if ins.len() < self.n_inputs()
            || ins[0].rank() != 2
            || self.inputs(ins).h0.rank() != 2
            || !ins[0].dtype.is_float()
        {
            return Err(ShapeError::new(
                "simple_rnn",
                "packed rows (rows, features) and states (batch, units) are needed",
                ins,
            ));
        }
        let t = ins[0].dtype;
        let (n, f, b, u) =
            (ins[0].dims[0], ins[0].dims[1], self.inputs(ins).h0.dims[0], Some(self.units));
        let mut want = vec![
            ("x", t, vec![n, f]),
            ("kernel", t, vec![f, u]),
            ("recurrent_kernel", t, vec![u, u]),
        ];
        if self.use_bias {
            want.push(("bias", t, vec![u]));
        }
        want.push(("h0", t, vec![b, u]));
        if self.recurrent_mask {
            want.push(("recurrent_mask", t, vec![b, u]));
        }
        want.push(("batch_sizes", DType::I32, vec![None]));
        expect("simple_rnn", ins, &want)?;
        Ok((n, f, b, t))
    }
}

impl Primitive for SimpleRnn {
    fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
        super::expect_inputs("simple_rnn", ins, self.n_inputs())?;
        let (n, _, b, t) = self.check(ins)?;
        let u = Some(self.units);
        Ok(vec![Spec::new(t, vec![n, u]), Spec::new(t, vec![b, u])])
    }

    fn vjp<'g>(&self, at: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
        let [dh, dh_last] = at.grads else { unreachable!("two outputs") };
        let mut ins = at.ins.to_vec();
        ins.push(at.outs[0]);
        ins.extend([dh, dh_last].into_iter().flatten());
        let op = SimpleRnnGrad { cell: self.clone(), dh: dh.is_some(), dh_last: dh_last.is_some() };
        let d = at.ins[0].builder().apply(op, &ins);
        let mut grads = vec![Some(d[0]), Some(d[1]), Some(d[2])];
        if self.use_bias {
            grads.push(Some(d[3]));
        }
        grads.push(Some(d[4]));
        grads.resize(self.n_inputs(), None);
        grads
    }

    fn eval(&self, ins: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
        let i = self.inputs(ins);
        let (u, f) = (self.units, i.x.dims[1]);
        with_float!(i.x.dtype(), T => {
            let (x, w, r) = (i.x.get::<T>(), i.kernel.get::<T>(), i.recurrent.get::<T>());
            let mut h_last = i.h0.get::<T>().to_vec();
            for s in steps(i.batch_sizes.get::<i32>()) {
                for k in 0..s.live {
                    let row = s.start + k;
                    let mut z = i.bias.map_or(vec![0.0; u], |b| b.get::<T>().to_vec());
                    add_product(&mut z, &x[row * f..(row + 1) * f], w, f, u);
                    let mut state = h_last[k * u..(k + 1) * u].to_vec();
                    if let Some(m) = i.mask {
                        state.iter_mut().zip(&m.get::<T>()[k * u..]).for_each(|(s, m)| *s *= m);
                    }
                    add_product(&mut z, &state, r, u, u);
                    z.iter_mut().for_each(|z| *z = self.activation.of(*z));
                    h_last[k * u..(k + 1) * u].copy_from_slice(&z);
                    if let Some(o) = &mut outs[0] {
                        o.get::<T>()[row * u..(row + 1) * u].copy_from_slice(&z);
                    }
                }
            }
            if let Some(o) = &mut outs[1] {
                o.get::<T>().copy_from_slice(&h_last);
            }
        });
    }

    fn samples() -> Vec<Sample<Self>> {
        let cell = |activation, use_bias, recurrent_mask| SimpleRnn {
            units: 3,
            activation,
            use_bias,
            recurrent_mask,
        };
        let inputs = |op: &SimpleRnn| {
            let mut ins = vec![
                sample_numbers(&[9, 2], 241),
                sample_numbers(&[2, 3], 242),
                sample_numbers(&[3, 3], 243),
            ];
            if op.use_bias {
                ins.push(sample_numbers(&[3], 244));
            }
            ins.push(sample_numbers(&[3, 3], 245));
            if op.recurrent_mask {
                ins.push(sample_numbers(&[3, 3], 246));
            }
            ins.push(Tensor::new(&[4], vec![3i32, 3, 2, 1]));
            ins
        };
        [
            cell(Activation::Tanh, true, false),
            cell(Activation::Tanh, false, true),
            cell(Activation::Softsign, true, true),
        ]
        .map(|op| Sample::new(op.clone(), inputs(&op)))
        .into()
    }

    fn n_outputs(&self) -> usize {
        2
    }

    fn flops(&self, ins: &[&Spec], _: &[&Spec]) -> f64 {
        flops_of_cell(ins)
    }

    fn product_flops(&self, ins: &[&Spec], _: &[&Spec], _: &[bool]) -> f64 {
        let [inputs, states] = product_flops_of_cell(ins);
        inputs + states
    }

    fn step_bytes(&self, ins: &[&Spec]) -> usize {
        step_bytes_of_cell(ins)
    }
}

/// The gradient of [`SimpleRnn`]. Inputs: those of the cell, then h, then dh (N, U) and dh_last (B,
/// U) as flagged. Outputs: dx, dW, dR, db, dh₀.
#[derive(Clone, Debug, PartialEq)]
pub struct SimpleRnnGrad {
    /// The cell.
    pub cell: SimpleRnn,
    /// Whether dh comes.
    pub dh: bool,
    /// Whether dh_last comes.
    pub dh_last: bool,
}

impl Primitive for SimpleRnnGrad {
    fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
        let extra = 1 + self.dh as usize + self.dh_last as usize;
        super::expect_inputs("simple_rnn_grad", ins, self.cell.n_inputs() + extra)?;
        let (n, f, b, t) = self.cell.check(ins)?;
        let u = Some(self.cell.units);
        Ok([vec![n, f], vec![f, u], vec![u, u], vec![u], vec![b, u]]
            .map(|d| Spec::new(t, d))
            .into())
    }

    fn vjp<'g>(&self, at: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
        // Second derivatives run through the same cell written as a scan.
        vec![None; at.ins.len()]
    }

    fn eval(&self, ins: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
        let i = self.cell.inputs(ins);
        let (u, f) = (self.cell.units, i.x.dims[1]);
        let saved = &ins[self.cell.n_inputs()..];
        with_float!(i.x.dtype(), T => {
            let (x, w, r, h) =
                (i.x.get::<T>(), i.kernel.get::<T>(), i.recurrent.get::<T>(), saved[0].get::<T>());
            let mut flagged = saved[1..].iter();
            let mut take =
                |flag: bool| flag.then(|| flagged.next().expect("checked by spec").get::<T>());
            let (dh_rows, dh_last) = (take(self.dh), take(self.dh_last));
            let mut dh = dh_last.map_or(vec![0.0; i.h0.dims[0] * u], <[T]>::to_vec);
            let (mut dx, mut dw, mut dr, mut db): (Vec<T>, Vec<T>, Vec<T>, Vec<T>) =
                (vec![0.0; x.len()], vec![0.0; w.len()], vec![0.0; r.len()], vec![0.0; u]);
            let walk: Vec<_> = steps(i.batch_sizes.get::<i32>()).collect();
            for (t, s) in walk.iter().enumerate().rev() {
                for k in 0..s.live {
                    let row = s.start + k;
                    let mut state = match t.checked_sub(1) {
                        Some(t) => h[(walk[t].start + k) * u..][..u].to_vec(),
                        None => i.h0.get::<T>()[k * u..][..u].to_vec(),
                    };
                    let dz: Vec<T> = (0..u)
                        .map(|j| {
                            (dh[k * u + j] + dh_rows.map_or(0.0, |d| d[row * u + j]))
                                * self.cell.activation.slope(h[row * u + j])
                        })
                        .collect();
                    add_product_transposed(&mut dx[row * f..(row + 1) * f], &dz, w, f, u);
                    add_outer(&mut dw, &x[row * f..(row + 1) * f], &dz, f, u);
                    db.iter_mut().zip(&dz).for_each(|(b, z)| *b += z);
                    let mut dstate: Vec<T> = vec![0.0; u];
                    add_product_transposed(&mut dstate, &dz, r, u, u);
                    if let Some(m) = i.mask {
                        let m = &m.get::<T>()[k * u..(k + 1) * u];
                        state.iter_mut().zip(m).for_each(|(h, m)| *h *= m);
                        dstate.iter_mut().zip(m).for_each(|(d, m)| *d *= m);
                    }
                    add_outer(&mut dr, &state, &dz, u, u);
                    dh[k * u..(k + 1) * u].copy_from_slice(&dstate);
                }
            }
            for (out, g) in outs.iter_mut().zip([dx, dw, dr, db, dh]) {
                if let Some(o) = out {
                    o.get::<T>().copy_from_slice(&g);
                }
            }
        });
    }

    fn samples() -> Vec<Sample<Self>> {
        // Its forward cases are the gradient cases of `SimpleRnn`, whose outputs it needs.
        vec![]
    }

    fn n_outputs(&self) -> usize {
        5
    }

    fn flops(&self, ins: &[&Spec], _: &[&Spec]) -> f64 {
        2.0 * flops_of_cell(ins)
    }

    fn product_flops(&self, ins: &[&Spec], _: &[&Spec], read: &[bool]) -> f64 {
        product_flops_of_gradient(ins, read)
    }
}
