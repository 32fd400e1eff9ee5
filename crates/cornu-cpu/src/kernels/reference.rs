//! Plain f64 loops that the tests hold the kernels against, and cases to run them on.

use super::{activation::Activation, isa::Isa};

/// A small generator: the tests' cases are the same in every run.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) ^ (self.0 >> 12)
    }
    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
    /// Uniform in -scale..scale.
    pub(crate) fn values(&mut self, n: usize, scale: f32) -> Vec<f32> {
        (0..n).map(|_| ((self.next() & 0xff_ffff) as f32 / 8_388_608.0 - 1.0) * scale).collect()
    }
    /// 0 or 1 / 0.75.
    pub(crate) fn mask(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| if self.below(4) == 0 { 0.0 } else { 1.0 / 0.75 }).collect()
    }
    /// Live rows of `steps` timesteps: dense, ragged, or with empty steps and sequences.
    pub(crate) fn batch_sizes(&mut self, batch: usize, steps: usize) -> Vec<i32> {
        let kind = self.below(3);
        let mut b = if kind == 2 { self.below(batch + 1) } else { batch };
        (0..steps)
            .map(|_| {
                let now = b;
                if kind > 0 && self.below(2) == 0 {
                    b = self.below(b + 1);
                }
                now as i32
            })
            .collect()
    }
}

/// The tiers that this machine runs.
pub(crate) fn tiers() -> Vec<Isa> {
    Isa::ALL.into_iter().filter(|i| i.is_supported()).collect()
}

pub(crate) fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

/// Panics where `got` is further from `want` than `tolerance`, relative above 1.
pub(crate) fn close(what: &str, got: &[f32], want: &[f64], tolerance: f64) {
    assert!(got.len() >= want.len(), "{what}: {} < {}", got.len(), want.len());
    for (i, (&g, &w)) in got.iter().zip(want).enumerate() {
        let error = (f64::from(g) - w).abs();
        assert!(error <= tolerance * w.abs().max(1.0), "{what}[{i}]: {g} is not {w}");
    }
}

pub(crate) fn activate(a: Activation, x: f64) -> f64 {
    match a {
        Activation::Tanh => x.tanh(),
        Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Activation::Linear => x,
        Activation::Relu => x.max(0.0),
        Activation::Relu6 => x.clamp(0.0, 6.0),
        Activation::HardSigmoid => (x + 3.0).clamp(0.0, 6.0) / 6.0,
        Activation::HardSigmoidKeras2 => (x * 0.2 + 0.5).clamp(0.0, 1.0),
        Activation::HardTanh => x.clamp(-1.0, 1.0),
        Activation::Softsign => x / (1.0 + x.abs()),
        Activation::Softplus => x.exp().ln_1p(),
        Activation::Elu => {
            if x < 0.0 {
                x.exp_m1()
            } else {
                x
            }
        }
        Activation::Selu => {
            1.050_700_987_355_480_5 * if x < 0.0 { 1.673_263_242_354_377_2 * x.exp_m1() } else { x }
        }
        Activation::Exponential => x.exp(),
    }
}

/// `y (n) += a (k) b (k, n)`, with columns `j0..j0 + n` of rows of `ld`.
fn accumulate(y: &mut [f64], a: &[f64], b: &[f64], ld: usize, j0: usize) {
    for (k, &x) in a.iter().enumerate() {
        for (j, y) in y.iter_mut().enumerate() {
            *y += x * b[k * ld + j0 + j];
        }
    }
}

/// The same for the gates of `u` columns in `y`, each from states of its own.
fn accumulate_gates(y: &mut [f64], states: &[f64], b: &[f64], ld: usize, u: usize) {
    for (gate, y) in y.chunks_exact_mut(u).enumerate() {
        accumulate(y, &states[gate * u..][..u], b, ld, gate * u);
    }
}

/// The inputs of a cell in f64: x, kernel, recurrent, bias, h0, c0 (empty where there is none).
#[derive(Clone)]
pub(crate) struct Cell64 {
    pub(crate) features: usize,
    pub(crate) units: usize,
    pub(crate) main: Activation,
    pub(crate) gate: Activation,
    pub(crate) arrays: [Vec<f64>; 6],
    pub(crate) mask: Option<Vec<f64>>,
    pub(crate) batch_sizes: Vec<i32>,
}

/// What a cell gives: rows of h, c and gates, last states.
pub(crate) struct Run64 {
    pub(crate) h: Vec<f64>,
    pub(crate) c: Vec<f64>,
    pub(crate) gates: Vec<f64>,
    pub(crate) h_last: Vec<f64>,
    pub(crate) c_last: Vec<f64>,
}

impl Cell64 {
    fn run(
        &self,
        gates: usize,
        mut step: impl FnMut(&Cell64, &[f64], &[f64], &[f64], &mut [f64], &mut [f64]) -> Vec<f64>,
    ) -> Run64 {
        let (f, u) = (self.features, self.units);
        let mut out = Run64 {
            h: vec![],
            c: vec![],
            gates: vec![],
            h_last: self.arrays[4].clone(),
            c_last: self.arrays[5].clone(),
        };
        let mut row = 0;
        for &b in &self.batch_sizes {
            for k in 0..b as usize {
                let x = &self.arrays[0][row * f..(row + 1) * f];
                let h = out.h_last[k * u..(k + 1) * u].to_vec();
                let mask = |j: usize| self.mask.as_ref().map_or(1.0, |m| m[k * gates * u + j]);
                let masked: Vec<f64> = (0..gates * u).map(|j| h[j % u] * mask(j)).collect();
                let mut h_new = h;
                let mut c_new = if out.c_last.is_empty() {
                    vec![]
                } else {
                    out.c_last[k * u..(k + 1) * u].to_vec()
                };
                let before = h_new.clone();
                let gates = step(self, x, &before, &masked, &mut h_new, &mut c_new);
                out.h.extend_from_slice(&h_new);
                out.c.extend_from_slice(&c_new);
                out.gates.extend(gates);
                out.h_last[k * u..(k + 1) * u].copy_from_slice(&h_new);
                if !c_new.is_empty() {
                    out.c_last[k * u..(k + 1) * u].copy_from_slice(&c_new);
                }
                row += 1;
            }
        }
        out
    }

    pub(crate) fn lstm(&self) -> Run64 {
        self.run(4, |this, x, _, masked, h, c| {
            let u = this.units;
            let [_, kernel, recurrent, bias, ..] = &this.arrays;
            let mut z = if bias.is_empty() { vec![0.0; 4 * u] } else { bias.clone() };
            accumulate(&mut z, x, kernel, 4 * u, 0);
            accumulate_gates(&mut z, masked, recurrent, 4 * u, u);
            for (j, z) in z.iter_mut().enumerate() {
                *z = activate(if j / u == 2 { this.main } else { this.gate }, *z);
            }
            for j in 0..u {
                c[j] = z[u + j] * c[j] + z[j] * z[2 * u + j];
                h[j] = z[3 * u + j] * activate(this.main, c[j]);
            }
            z
        })
    }

    pub(crate) fn gru(&self, reset_after: bool) -> Run64 {
        self.run(3, |this, x, before, masked, h, _| {
            let u = this.units;
            let [_, kernel, recurrent, bias, ..] = &this.arrays;
            let mut z = if bias.is_empty() { vec![0.0; 3 * u] } else { bias[..3 * u].to_vec() };
            accumulate(&mut z, x, kernel, 3 * u, 0);
            let mut q = vec![0.0; 3 * u];
            if reset_after {
                if !bias.is_empty() {
                    q.copy_from_slice(&bias[3 * u..]);
                }
                accumulate_gates(&mut q, masked, recurrent, 3 * u, u);
            } else {
                accumulate_gates(&mut q[..2 * u], masked, recurrent, 3 * u, u);
            }
            for j in 0..2 * u {
                z[j] = activate(this.gate, z[j] + q[j]);
            }
            if reset_after {
                for j in 0..u {
                    z[2 * u + j] += z[u + j] * q[2 * u + j];
                }
            } else {
                let reset: Vec<f64> = (0..u).map(|j| z[u + j] * masked[2 * u + j]).collect();
                accumulate(&mut z[2 * u..], &reset, recurrent, 3 * u, 2 * u);
            }
            for j in 0..u {
                z[2 * u + j] = activate(this.main, z[2 * u + j]);
                h[j] = z[j] * before[j] + (1.0 - z[j]) * z[2 * u + j];
            }
            if reset_after {
                z.extend_from_slice(&q[2 * u..]);
            }
            z
        })
    }

    pub(crate) fn simple_rnn(&self) -> Run64 {
        self.run(1, |this, x, _, masked, h, _| {
            let u = this.units;
            let [_, kernel, recurrent, bias, ..] = &this.arrays;
            let mut z = if bias.is_empty() { vec![0.0; u] } else { bias.clone() };
            accumulate(&mut z, x, kernel, u, 0);
            accumulate(&mut z, masked, recurrent, u, 0);
            for j in 0..u {
                h[j] = activate(this.main, z[j]);
            }
            vec![]
        })
    }

    /// The derivative of `loss` by element `i` of array `a`, by central differences.
    pub(crate) fn slope(&self, a: usize, i: usize, loss: impl Fn(&Cell64) -> f64) -> f64 {
        const STEP: f64 = 1e-7;
        let mut moved = self.clone();
        moved.arrays[a][i] += STEP;
        let up = loss(&moved);
        moved.arrays[a][i] -= 2.0 * STEP;
        (up - loss(&moved)) / (2.0 * STEP)
    }
}

pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
