//! Gated recurrent unit over packed rows, and its gradient.
//!
//! ```text
//! z = recurrent_activation(x W_z + b_z + (h₋ ∘ m_z) R_z + b'_z)
//! r = recurrent_activation(x W_r + b_r + (h₋ ∘ m_r) R_r + b'_r)
//! g = activation(x W_h + b_h + r ∘ ((h₋ ∘ m_h) R_h + b'_h))        reset_after
//! g = activation(x W_h + b_h + (r ∘ h₋ ∘ m_h) R_h)                 otherwise, without b'
//! h = z ∘ h₋ + (1 - z) ∘ g
//! ```
//! Shapes: x (N, F), W (F, 3U), R (U, 3U), b with b' (2, 3U) or b alone (3U), h₀ (B, U), m (B, 3U),
//! batch_sizes (T): see [`packed`](super::packed). Source: Cho et al. 2014, arXiv:1406.1078; gates
//! in Keras's order z, r, h (keras/src/layers/rnn/gru.py, Keras 3.15.1).

use super::packed::{
    add_masked_gradients, add_masked_product, add_outer, add_product, add_product_transposed,
    expect, flops_of_cell, product_flops_of_cell, product_flops_of_gradient, step_bytes_of_cell,
    steps,
};
use crate::op::{At, Primitive, Sample, sample_numbers};
use crate::ops::Activation;
use crate::spec::{DType, Dim, ShapeError, Spec};
use crate::tensor::{Tensor, View, ViewMut};
use crate::var::Var;
use crate::with_float;

/// The cell over all timesteps. Inputs: x, W, R, b (with `use_bias`), h₀, m (with
/// `recurrent_mask`), batch_sizes. Outputs: h (N, U), the rows kept for the gradient (N, 3U: z, r,
/// g; with `reset_after` N, 4U: also (h₋ ∘ m_h) R_h + b'_h), and each sequence's last h (B, U).
#[derive(Clone, Debug, PartialEq)]
pub struct Gru {
    /// U.
    pub units: usize,
    /// Of g.
    pub activation: Activation,
    /// Of z and r.
    pub recurrent_activation: Activation,
    /// Whether r scales the recurrent product, or the state before it.
    pub reset_after: bool,
    /// Whether b comes.
    pub use_bias: bool,
    /// Whether m, which scales the state before the recurrent product of each gate, comes.
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

impl Gru {
    /// Columns of the rows kept for the gradient.
    pub fn kept_width(&self) -> usize {
        if self.reset_after { 4 * self.units } else { 3 * self.units }
    }

    fn n_inputs(&self) -> usize {
        5 + self.use_bias as usize + self.recurrent_mask as usize
    }

    fn bias_dims(&self) -> Vec<Dim> {
        let gates = Some(3 * self.units);
        if self.reset_after { vec![Some(2), gates] } else { vec![gates] }
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
                "gru",
                "packed rows (rows, features) and states (batch, units) are needed",
                ins,
            ));
        }
        let t = ins[0].dtype;
        let (n, f, b, u) =
            (ins[0].dims[0], ins[0].dims[1], self.inputs(ins).h0.dims[0], Some(self.units));
        let gates = Some(3 * self.units);
        let mut want = vec![
            ("x", t, vec![n, f]),
            ("kernel", t, vec![f, gates]),
            ("recurrent_kernel", t, vec![u, gates]),
        ];
        if self.use_bias {
            want.push(("bias", t, self.bias_dims()));
        }
        want.push(("h0", t, vec![b, u]));
        if self.recurrent_mask {
            want.push(("recurrent_mask", t, vec![b, gates]));
        }
        want.push(("batch_sizes", DType::I32, vec![None]));
        expect("gru", ins, &want)?;
        Ok((n, f, b, t))
    }
}

impl Primitive for Gru {
    fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
        super::expect_inputs("gru", ins, self.n_inputs())?;
        let (n, _, b, t) = self.check(ins)?;
        let u = Some(self.units);
        Ok([vec![n, u], vec![n, Some(self.kept_width())], vec![b, u]]
            .map(|d| Spec::new(t, d))
            .into())
    }

    fn vjp<'g>(&self, at: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
        let [dh, _, dh_last] = at.grads else { unreachable!("three outputs") };
        let mut ins = at.ins.to_vec();
        ins.extend(&at.outs[..2]);
        ins.extend([dh, dh_last].into_iter().flatten());
        let op = GruGrad { cell: self.clone(), dh: dh.is_some(), dh_last: dh_last.is_some() };
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
            let (act, gate) = (self.activation, self.recurrent_activation);
            for s in steps(i.batch_sizes.get::<i32>()) {
                for k in 0..s.live {
                    let row = s.start + k;
                    let mut a = i.bias.map_or(vec![0.0; 3 * u], |b| b.get::<T>()[..3 * u].to_vec());
                    add_product(&mut a, &x[row * f..(row + 1) * f], w, f, 3 * u);
                    let state = &h_last[k * u..(k + 1) * u];
                    let ones = vec![1.0; 3 * u];
                    let mask =
                        i.mask.map_or(&ones[..], |m| &m.get::<T>()[k * 3 * u..(k + 1) * 3 * u]);
                    let mut q = match i.bias {
                        Some(b) if self.reset_after => b.get::<T>()[3 * u..].to_vec(),
                        _ => vec![0.0; 3 * u],
                    };
                    add_masked_product(&mut q, state, mask, r);
                    (0..2 * u).for_each(|j| a[j] = gate.of(a[j] + q[j]));
                    if !self.reset_after {
                        let reset: Vec<T> =
                            (0..u).map(|j| a[u + j] * state[j] * mask[2 * u + j]).collect();
                        q.fill(0.0);
                        add_product(&mut q, &reset, r, u, 3 * u);
                    }
                    for j in 0..u {
                        let scale = if self.reset_after { a[u + j] } else { 1.0 };
                        a[2 * u + j] = act.of(a[2 * u + j] + scale * q[2 * u + j]);
                        h_last[k * u + j] = a[j] * h_last[k * u + j] + (1.0 - a[j]) * a[2 * u + j];
                    }
                    if self.reset_after {
                        a.extend_from_slice(&q[2 * u..]);
                    }
                    for (out, part) in outs.iter_mut().zip([&h_last[k * u..(k + 1) * u], &a]) {
                        if let Some(o) = out {
                            o.get::<T>()[row * part.len()..(row + 1) * part.len()]
                                .copy_from_slice(part);
                        }
                    }
                }
            }
            if let Some(o) = &mut outs[2] {
                o.get::<T>().copy_from_slice(&h_last);
            }
        });
    }

    fn samples() -> Vec<Sample<Self>> {
        let (tanh, sigmoid) = (Activation::Tanh, Activation::Sigmoid);
        let cell = |reset_after, use_bias, recurrent_mask| Gru {
            units: 3,
            activation: tanh,
            recurrent_activation: sigmoid,
            reset_after,
            use_bias,
            recurrent_mask,
        };
        let rare = Gru {
            activation: Activation::Softsign,
            recurrent_activation: Activation::HardSigmoid,
            ..cell(true, true, false)
        };
        let inputs = |op: &Gru| {
            let mut ins = vec![
                sample_numbers(&[9, 2], 231),
                sample_numbers(&[2, 9], 232),
                sample_numbers(&[3, 9], 233),
            ];
            if op.use_bias {
                let dims: Vec<usize> = op.bias_dims().into_iter().flatten().collect();
                ins.push(sample_numbers(&dims, 234));
            }
            ins.push(sample_numbers(&[3, 3], 235));
            if op.recurrent_mask {
                ins.push(sample_numbers(&[3, 9], 236));
            }
            ins.push(Tensor::new(&[4], vec![3i32, 3, 2, 1]));
            ins
        };
        [
            cell(true, true, false),
            cell(true, false, true),
            cell(false, true, true),
            cell(false, false, false),
            rare,
        ]
        .map(|op| Sample::new(op.clone(), inputs(&op)))
        .into()
    }

    fn n_outputs(&self) -> usize {
        3
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

/// The gradient of [`Gru`]. Inputs: those of the cell, then h, the rows kept, then dh (N, U) and
/// dh_last (B, U) as flagged. Outputs: dx, dW, dR, db (of b's shape), dh₀.
#[derive(Clone, Debug, PartialEq)]
pub struct GruGrad {
    /// The cell.
    pub cell: Gru,
    /// Whether dh comes.
    pub dh: bool,
    /// Whether dh_last comes.
    pub dh_last: bool,
}

impl Primitive for GruGrad {
    fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
        let extra = 2 + self.dh as usize + self.dh_last as usize;
        super::expect_inputs("gru_grad", ins, self.cell.n_inputs() + extra)?;
        let (n, f, b, t) = self.cell.check(ins)?;
        let (u, gates) = (Some(self.cell.units), Some(3 * self.cell.units));
        Ok([vec![n, f], vec![f, gates], vec![u, gates], self.cell.bias_dims(), vec![b, u]]
            .map(|d| Spec::new(t, d))
            .into())
    }

    fn vjp<'g>(&self, at: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
        // Second derivatives run through the same cell written as a scan.
        vec![None; at.ins.len()]
    }

    fn eval(&self, ins: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
        let i = self.cell.inputs(ins);
        let (u, f, width) = (self.cell.units, i.x.dims[1], self.cell.kept_width());
        let saved = &ins[self.cell.n_inputs()..];
        with_float!(i.x.dtype(), T => {
            let (x, w, r) = (i.x.get::<T>(), i.kernel.get::<T>(), i.recurrent.get::<T>());
            let (h, kept) = (saved[0].get::<T>(), saved[1].get::<T>());
            let mut flagged = saved[2..].iter();
            let mut take =
                |flag: bool| flag.then(|| flagged.next().expect("checked by spec").get::<T>());
            let (dh_rows, dh_last) = (take(self.dh), take(self.dh_last));
            let mut dh = dh_last.map_or(vec![0.0; i.h0.dims[0] * u], <[T]>::to_vec);
            let (mut dx, mut dw, mut dr): (Vec<T>, Vec<T>, Vec<T>) =
                (vec![0.0; x.len()], vec![0.0; w.len()], vec![0.0; r.len()]);
            let (mut db, mut db_recurrent): (Vec<T>, Vec<T>) = (vec![0.0; 3 * u], vec![0.0; 3 * u]);
            let (act, gate) = (self.cell.activation, self.cell.recurrent_activation);
            let walk: Vec<_> = steps(i.batch_sizes.get::<i32>()).collect();
            for (t, s) in walk.iter().enumerate().rev() {
                for k in 0..s.live {
                    let row = s.start + k;
                    let before = match t.checked_sub(1) {
                        Some(t) => &h[(walk[t].start + k) * u..][..u],
                        None => &i.h0.get::<T>()[k * u..][..u],
                    };
                    let ones = vec![1.0; 3 * u];
                    let mask =
                        i.mask.map_or(&ones[..], |m| &m.get::<T>()[k * 3 * u..(k + 1) * 3 * u]);
                    let g = |part: usize, j: usize| kept[row * width + part * u + j];
                    // Gradients of the sums before the activations, of x W + b and of h' R + b'.
                    let (mut da, mut dq): (Vec<T>, Vec<T>) = (vec![0.0; 3 * u], vec![0.0; 3 * u]);
                    for j in 0..u {
                        let d = dh[k * u + j] + dh_rows.map_or(0.0, |d| d[row * u + j]);
                        da[j] = d * (before[j] - g(2, j)) * gate.slope(g(0, j));
                        da[2 * u + j] = d * (1.0 - g(0, j)) * act.slope(g(2, j));
                        dh[k * u + j] = d * g(0, j);
                    }
                    if self.cell.reset_after {
                        for j in 0..u {
                            da[u + j] = da[2 * u + j] * g(3, j) * gate.slope(g(1, j));
                            (dq[j], dq[u + j], dq[2 * u + j]) =
                                (da[j], da[u + j], da[2 * u + j] * g(1, j));
                        }
                    } else {
                        let reset: Vec<T> =
                            (0..u).map(|j| g(1, j) * before[j] * mask[2 * u + j]).collect();
                        let mut dreset: Vec<T> = vec![0.0; u];
                        dq[2 * u..].copy_from_slice(&da[2 * u..]);
                        add_product_transposed(&mut dreset, &dq, r, u, 3 * u);
                        add_outer(&mut dr, &reset, &dq, u, 3 * u);
                        (0..u).for_each(|j| {
                            da[u + j] =
                                dreset[j] * before[j] * mask[2 * u + j] * gate.slope(g(1, j))
                        });
                        dq[..2 * u].copy_from_slice(&da[..2 * u]);
                        dq[2 * u..].fill(0.0);
                        (0..u).for_each(|j| dh[k * u + j] += dreset[j] * g(1, j) * mask[2 * u + j]);
                    }
                    add_masked_gradients(
                        &mut dh[k * u..(k + 1) * u],
                        &mut dr,
                        before,
                        &dq,
                        mask,
                        r,
                    );
                    add_product_transposed(&mut dx[row * f..(row + 1) * f], &da, w, f, 3 * u);
                    add_outer(&mut dw, &x[row * f..(row + 1) * f], &da, f, 3 * u);
                    db.iter_mut().zip(&da).for_each(|(b, d)| *b += d);
                    db_recurrent.iter_mut().zip(&dq).for_each(|(b, d)| *b += d);
                }
            }
            if self.cell.reset_after {
                db.extend(db_recurrent);
            }
            for (out, g) in outs.iter_mut().zip([dx, dw, dr, db, dh]) {
                if let Some(o) = out {
                    o.get::<T>().copy_from_slice(&g);
                }
            }
        });
    }

    fn samples() -> Vec<Sample<Self>> {
        // Its forward cases are the gradient cases of `Gru`, whose outputs it needs.
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
