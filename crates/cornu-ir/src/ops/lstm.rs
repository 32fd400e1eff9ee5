//! Long short-term memory over packed rows, and its gradient.
//!
//! ```text
//! z_g = x W_g + (h₋ ∘ m_g) R_g + b_g        (4U: the columns i, f, c, o)
//! i, f, o = recurrent_activation(z);  c̃ = activation(z)
//! c = f ∘ c₋ + i ∘ c̃;               h = o ∘ activation(c)
//! ```
//! With `int8` a product `a W` is `(round(a s_a) round(W s_W)) / (s_a s_W)`, where `s = 127 / (max
//! |·| + 1e-7)` of each row of a and each column of W (`abs_max_quantize` of
//! keras/src/quantizers/quantizers.py, Keras 3.15.1).
//!
//! Shapes: x (N, F), W (F, 4U), R (U, 4U), b (4U), h₀ and c₀ (B, U), m (B, 4U), batch_sizes (T):
//! see [`packed`](super::packed). Source: Hochreiter and Schmidhuber 1997; gates in Keras's order
//! (keras/src/layers/rnn/lstm.py, Keras 3.15.1).

use super::packed::{
    add_masked_gradients, add_masked_product, add_outer, add_product, add_product_int8,
    add_product_transposed, expect, flops_of_cell, product_flops_of_cell,
    product_flops_of_gradient, step_bytes_of_cell, steps,
};
use crate::op::{At, Primitive, Sample, sample_numbers};
use crate::ops::Activation;
use crate::spec::{DType, Dim, ShapeError, Spec};
use crate::tensor::{Tensor, View, ViewMut};
use crate::var::Var;
use crate::with_float;

/// The cell over all timesteps. Inputs: x, W, R, b (with `use_bias`), h₀, c₀, m (with
/// `recurrent_mask`), batch_sizes. Outputs: h (N, U), c (N, U), the activated gates (N, 4U), and
/// each sequence's last h and c (B, U).
#[derive(Clone, Debug, PartialEq)]
pub struct Lstm {
    /// U.
    pub units: usize,
    /// Of c̃ and of the output.
    pub activation: Activation,
    /// Of the gates.
    pub recurrent_activation: Activation,
    /// Whether b comes.
    pub use_bias: bool,
    /// Whether m, which scales the state before the recurrent product of each gate, comes; not with
    /// `int8`.
    pub recurrent_mask: bool,
    /// Whether both products take weights of eight bits and rows rounded likewise: for inference,
    /// no gradient passes.
    pub int8: bool,
}

/// The inputs of the cell by name.
struct Inputs<'a, V> {
    x: &'a V,
    kernel: &'a V,
    recurrent: &'a V,
    bias: Option<&'a V>,
    h0: &'a V,
    c0: &'a V,
    mask: Option<&'a V>,
    batch_sizes: &'a V,
}

impl Lstm {
    fn n_inputs(&self) -> usize {
        6 + self.use_bias as usize + self.recurrent_mask as usize
    }

    fn inputs<'a, V>(&self, ins: &'a [V]) -> Inputs<'a, V> {
        let at = 3 + self.use_bias as usize;
        Inputs {
            x: &ins[0],
            kernel: &ins[1],
            recurrent: &ins[2],
            bias: self.use_bias.then(|| &ins[3]),
            h0: &ins[at],
            c0: &ins[at + 1],
            mask: self.recurrent_mask.then(|| &ins[at + 2]),
            batch_sizes: &ins[self.n_inputs() - 1],
        }
    }

    /// Fails unless the inputs have the names and shapes documented; returns (N, F, B, float type).
    fn check(&self, ins: &[Spec]) -> Result<(Dim, Dim, Dim, DType), ShapeError> {
        let ins = &ins[..ins.len().min(self.n_inputs())];
        if self.int8 && self.recurrent_mask {
            return Err(ShapeError::new(
                "lstm",
                "a recurrent mask is for training, weights of eight bits are not",
                ins,
            ));
        }
        if ins.len() < self.n_inputs()
            || ins[0].rank() != 2
            || self.inputs(ins).h0.rank() != 2
            || !ins[0].dtype.is_float()
        {
            return Err(ShapeError::new(
                "lstm",
                "packed rows (rows, features) and states (batch, units) are needed",
                ins,
            ));
        }
        let t = ins[0].dtype;
        let (n, f, b, u) =
            (ins[0].dims[0], ins[0].dims[1], self.inputs(ins).h0.dims[0], Some(self.units));
        let gates = Some(4 * self.units);
        let mut want = vec![
            ("x", t, vec![n, f]),
            ("kernel", t, vec![f, gates]),
            ("recurrent_kernel", t, vec![u, gates]),
        ];
        if self.use_bias {
            want.push(("bias", t, vec![gates]));
        }
        want.extend([("h0", t, vec![b, u]), ("c0", t, vec![b, u])]);
        if self.recurrent_mask {
            want.push(("recurrent_mask", t, vec![b, gates]));
        }
        want.push(("batch_sizes", DType::I32, vec![None]));
        expect("lstm", ins, &want)?;
        Ok((n, f, b, t))
    }
}

impl Primitive for Lstm {
    fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
        super::expect_inputs("lstm", ins, self.n_inputs())?;
        let (n, _, b, t) = self.check(ins)?;
        let u = Some(self.units);
        let rows = Spec::new(t, vec![n, u]);
        let last = Spec::new(t, vec![b, u]);
        Ok(vec![
            rows.clone(),
            rows,
            Spec::new(t, vec![n, Some(4 * self.units)]),
            last.clone(),
            last,
        ])
    }

    fn vjp<'g>(&self, at: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
        if self.int8 {
            return vec![None; self.n_inputs()];
        }
        let [dh, _, _, dh_last, dc_last] = at.grads else { unreachable!("five outputs") };
        let mut ins = at.ins.to_vec();
        ins.extend(&at.outs[..3]);
        ins.extend([dh, dh_last, dc_last].into_iter().flatten());
        let op = LstmGrad {
            cell: self.clone(),
            dh: dh.is_some(),
            dh_last: dh_last.is_some(),
            dc_last: dc_last.is_some(),
        };
        let d = at.ins[0].builder().apply(op, &ins);
        let mut grads = vec![Some(d[0]), Some(d[1]), Some(d[2])];
        if self.use_bias {
            grads.push(Some(d[3]));
        }
        grads.extend([Some(d[4]), Some(d[5])]);
        grads.resize(self.n_inputs(), None);
        grads
    }

    fn eval(&self, ins: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
        let i = self.inputs(ins);
        let (u, f) = (self.units, i.x.dims[1]);
        with_float!(i.x.dtype(), T => {
            let add_product = if self.int8 { add_product_int8 } else { add_product };
            let (x, w, r) = (i.x.get::<T>(), i.kernel.get::<T>(), i.recurrent.get::<T>());
            let (mut h_last, mut c_last) = (i.h0.get::<T>().to_vec(), i.c0.get::<T>().to_vec());
            let (act, gate) = (self.activation, self.recurrent_activation);
            for s in steps(i.batch_sizes.get::<i32>()) {
                for k in 0..s.live {
                    let row = s.start + k;
                    let mut z = i.bias.map_or(vec![0.0; 4 * u], |b| b.get::<T>().to_vec());
                    add_product(&mut z, &x[row * f..(row + 1) * f], w, f, 4 * u);
                    let state = &h_last[k * u..(k + 1) * u];
                    match i.mask {
                        Some(m) => add_masked_product(
                            &mut z,
                            state,
                            &m.get::<T>()[k * 4 * u..(k + 1) * 4 * u],
                            r,
                        ),
                        None => add_product(&mut z, state, r, u, 4 * u),
                    }
                    for j in 0..u {
                        let (zi, zf, zc, zo) = (
                            gate.of(z[j]),
                            gate.of(z[u + j]),
                            act.of(z[2 * u + j]),
                            gate.of(z[3 * u + j]),
                        );
                        let c = zf * c_last[k * u + j] + zi * zc;
                        c_last[k * u + j] = c;
                        h_last[k * u + j] = zo * act.of(c);
                        (z[j], z[u + j], z[2 * u + j], z[3 * u + j]) = (zi, zf, zc, zo);
                    }
                    let parts = [
                        (&h_last[k * u..(k + 1) * u], u),
                        (&c_last[k * u..(k + 1) * u], u),
                        (&z[..], 4 * u),
                    ];
                    for (out, (part, n)) in outs.iter_mut().zip(parts) {
                        if let Some(o) = out {
                            o.get::<T>()[row * n..(row + 1) * n].copy_from_slice(part);
                        }
                    }
                }
            }
            for (out, last) in outs[3..].iter_mut().zip([h_last, c_last]) {
                if let Some(o) = out {
                    o.get::<T>().copy_from_slice(&last);
                }
            }
        });
    }

    fn samples() -> Vec<Sample<Self>> {
        let cell = |use_bias, recurrent_mask, activation, recurrent_activation| Lstm {
            units: 3,
            activation,
            recurrent_activation,
            use_bias,
            recurrent_mask,
            int8: false,
        };
        let inputs = |op: &Lstm| {
            let sizes = Tensor::new(&[4], vec![3i32, 3, 2, 1]);
            let mut ins = vec![
                sample_numbers(&[9, 2], 211),
                sample_numbers(&[2, 12], 212),
                sample_numbers(&[3, 12], 213),
            ];
            if op.use_bias {
                ins.push(sample_numbers(&[12], 214));
            }
            ins.extend([sample_numbers(&[3, 3], 215), sample_numbers(&[3, 3], 216)]);
            if op.recurrent_mask {
                ins.push(sample_numbers(&[3, 12], 217));
            }
            ins.push(sizes);
            ins
        };
        let (tanh, sigmoid) = (Activation::Tanh, Activation::Sigmoid);
        let int8 = Lstm { int8: true, ..cell(true, false, tanh, sigmoid) };
        [
            cell(true, false, tanh, sigmoid),
            cell(false, true, tanh, sigmoid),
            cell(true, false, Activation::Softsign, Activation::HardSigmoid),
            int8,
        ]
        .map(|op| Sample::new(op.clone(), inputs(&op)))
        .into()
    }

    fn n_outputs(&self) -> usize {
        5
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

/// The gradient of [`Lstm`]. Inputs: those of the cell, then h, c, gates, then dh (N, U), dh_last
/// (B, U), dc_last (B, U) as flagged. Outputs: dx, dW, dR, db, dh₀, dc₀.
#[derive(Clone, Debug, PartialEq)]
pub struct LstmGrad {
    /// The cell.
    pub cell: Lstm,
    /// Whether dh comes.
    pub dh: bool,
    /// Whether dh_last comes.
    pub dh_last: bool,
    /// Whether dc_last comes.
    pub dc_last: bool,
}

impl Primitive for LstmGrad {
    fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
        let extra = 3 + self.dh as usize + self.dh_last as usize + self.dc_last as usize;
        super::expect_inputs("lstm_grad", ins, self.cell.n_inputs() + extra)?;
        let (n, f, b, t) = self.cell.check(ins)?;
        let (u, gates) = (Some(self.cell.units), Some(4 * self.cell.units));
        Ok([vec![n, f], vec![f, gates], vec![u, gates], vec![gates], vec![b, u], vec![b, u]]
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
            let (x, w, r) = (i.x.get::<T>(), i.kernel.get::<T>(), i.recurrent.get::<T>());
            let (h, c, gates) = (saved[0].get::<T>(), saved[1].get::<T>(), saved[2].get::<T>());
            let mut flagged = saved[3..].iter();
            let mut take =
                |flag: bool| flag.then(|| flagged.next().expect("checked by spec").get::<T>());
            let (dh_rows, dh_last, dc_last) =
                (take(self.dh), take(self.dh_last), take(self.dc_last));
            let n_states = i.h0.dims[0] * u;
            let (mut dh, mut dc) = (
                dh_last.map_or(vec![0.0; n_states], <[T]>::to_vec),
                dc_last.map_or(vec![0.0; n_states], <[T]>::to_vec),
            );
            let (mut dx, mut dw, mut dr, mut db): (Vec<T>, Vec<T>, Vec<T>, Vec<T>) =
                (vec![0.0; x.len()], vec![0.0; w.len()], vec![0.0; r.len()], vec![0.0; 4 * u]);
            let (act, gate) = (self.cell.activation, self.cell.recurrent_activation);
            let walk: Vec<_> = steps(i.batch_sizes.get::<i32>()).collect();
            for (t, s) in walk.iter().enumerate().rev() {
                for k in 0..s.live {
                    let row = s.start + k;
                    let before = |rows: &[T], first: &[T]| match t.checked_sub(1) {
                        Some(t) => {
                            let p = walk[t].start + k;
                            rows[p * u..(p + 1) * u].to_vec()
                        }
                        None => first[k * u..(k + 1) * u].to_vec(),
                    };
                    let (h_before, c_before) =
                        (before(h, i.h0.get::<T>()), before(c, i.c0.get::<T>()));
                    let mut dz: Vec<T> = vec![0.0; 4 * u];
                    for j in 0..u {
                        let g = |q: usize| gates[row * 4 * u + q * u + j];
                        let (zi, zf, zc, zo) = (g(0), g(1), g(2), g(3));
                        let d = dh[k * u + j] + dh_rows.map_or(0.0, |d| d[row * u + j]);
                        let y = act.of(c[row * u + j]);
                        let dcell = dc[k * u + j] + d * zo * act.slope(y);
                        dz[j] = dcell * zc * gate.slope(zi);
                        dz[u + j] = dcell * c_before[j] * gate.slope(zf);
                        dz[2 * u + j] = dcell * zi * act.slope(zc);
                        dz[3 * u + j] = d * y * gate.slope(zo);
                        dc[k * u + j] = dcell * zf;
                    }
                    add_product_transposed(&mut dx[row * f..(row + 1) * f], &dz, w, f, 4 * u);
                    add_outer(&mut dw, &x[row * f..(row + 1) * f], &dz, f, 4 * u);
                    db.iter_mut().zip(&dz).for_each(|(b, z)| *b += z);
                    let mut dstate: Vec<T> = vec![0.0; u];
                    match i.mask {
                        Some(m) => add_masked_gradients(
                            &mut dstate,
                            &mut dr,
                            &h_before,
                            &dz,
                            &m.get::<T>()[k * 4 * u..(k + 1) * 4 * u],
                            r,
                        ),
                        None => {
                            add_product_transposed(&mut dstate, &dz, r, u, 4 * u);
                            add_outer(&mut dr, &h_before, &dz, u, 4 * u);
                        }
                    }
                    dh[k * u..(k + 1) * u].copy_from_slice(&dstate);
                }
            }
            for (out, g) in outs.iter_mut().zip([dx, dw, dr, db, dh, dc]) {
                if let Some(o) = out {
                    o.get::<T>().copy_from_slice(&g);
                }
            }
        });
    }

    fn samples() -> Vec<Sample<Self>> {
        // Its forward cases are the gradient cases of `Lstm`, whose outputs it needs.
        vec![]
    }

    fn n_outputs(&self) -> usize {
        6
    }

    fn flops(&self, ins: &[&Spec], _: &[&Spec]) -> f64 {
        2.0 * flops_of_cell(ins)
    }

    fn product_flops(&self, ins: &[&Spec], _: &[&Spec], read: &[bool]) -> f64 {
        product_flops_of_gradient(ins, read)
    }
}
