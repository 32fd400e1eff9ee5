//! GRU on every tier against f64 loops and their finite differences.

use super::*;
use crate::kernels::{
    activation::Activation,
    isa::Isa,
    packed_steps::rows_of,
    reference::{Cell64, Rng, Run64, close, dot, tiers, wide},
};

struct Case {
    shape: CellShape,
    pair: (Activation, Activation),
    reset_after: bool,
    arrays: [Vec<f32>; 5],
    mask: Option<Vec<f32>>,
    batch_sizes: Vec<i32>,
}

impl Case {
    fn new(rng: &mut Rng, shape: CellShape, steps: usize) -> Case {
        let CellShape { features: f, units: u, batch: b } = shape;
        let batch_sizes = rng.batch_sizes(b, steps);
        let n = rows_of(&batch_sizes);
        let reset_after = rng.below(2) == 0;
        let biases = if reset_after { 6 * u } else { 3 * u };
        let bias = if rng.below(4) == 0 { vec![] } else { rng.values(biases, 1.0) };
        Case {
            shape,
            pair: (Activation::Tanh, Activation::Sigmoid),
            reset_after,
            arrays: [
                rng.values(n * f, 1.0),
                rng.values(f * 3 * u, 1.5 / (f as f32).sqrt()),
                rng.values(u * 3 * u, 1.5 / (u as f32).sqrt()),
                bias,
                rng.values(b * u, 1.0),
            ],
            mask: (rng.below(3) == 0).then(|| rng.mask(b * 3 * u)),
            batch_sizes,
        }
    }

    fn forward(&self) -> GruForward<'_> {
        let [x, kernel, recurrent, bias, h0] = &self.arrays;
        GruForward {
            shape: self.shape,
            activation: self.pair.0,
            recurrent_activation: self.pair.1,
            reset_after: self.reset_after,
            x,
            kernel,
            recurrent,
            bias: (!bias.is_empty()).then_some(bias),
            h0,
            recurrent_mask: self.mask.as_deref(),
            batch_sizes: &self.batch_sizes,
        }
    }

    fn exact(&self) -> Cell64 {
        let [x, kernel, recurrent, bias, h0] = &self.arrays;
        Cell64 {
            features: self.shape.features,
            units: self.shape.units,
            main: self.pair.0,
            gate: self.pair.1,
            arrays: [wide(x), wide(kernel), wide(recurrent), wide(bias), wide(h0), vec![]],
            mask: self.mask.as_deref().map(wide),
            batch_sizes: self.batch_sizes.clone(),
        }
    }

    fn run_exactly(&self, cell: &Cell64) -> Run64 {
        cell.gru(self.reset_after)
    }
}

/// h, gates with a guard row behind, h_last.
type Run = [Vec<f32>; 3];
const GUARD: f32 = 77.0;

fn run(isa: Isa, case: &Case, training: bool) -> Run {
    let CellShape { units: u, batch: b, .. } = case.shape;
    let n = rows_of(&case.batch_sizes);
    let mut scratch = vec![f32::NAN; gru_forward_scratch(case.shape)];
    let g = gru_gates_width(u, case.reset_after);
    let mut run = [(n + 1) * u, (n + 1) * g, b * u].map(|len| vec![GUARD; len]);
    let [h, gates, h_last] = &mut run;
    let mut out = GruOutputs { h: Some(h), gates: training.then_some(gates), h_last };
    // SAFETY: a supported tier; lengths by construction.
    unsafe { forward_on(isa, &case.forward(), &mut out, &mut scratch) };
    run
}

fn shapes(rng: &mut Rng) -> Vec<(CellShape, usize)> {
    let mut all = vec![];
    for units in (1..20).chain([24, 31, 32, 33, 47, 48, 64, 65, 70]) {
        let shape = CellShape { features: 1 + rng.below(40), units, batch: 1 + rng.below(33) };
        all.push((shape, 1 + rng.below(6)));
        all.push((CellShape { features: 1 + rng.below(4), ..shape }, 2));
    }
    all.push((CellShape { features: 33, units: 66, batch: 17 }, 70));
    all
}

#[test]
fn forward_is_the_f64_loops() {
    let mut rng = Rng(1);
    for (shape, steps) in shapes(&mut rng) {
        let case = Case::new(&mut rng, shape, steps);
        let want = case.run_exactly(&case.exact());
        for isa in tiers() {
            let what = |name| format!("{} {shape:?} {:?} {name}", isa.name(), case.batch_sizes);
            let got = run(isa, &case, true);
            // f32 sums of at most 110 terms of order 1 through 70 steps.
            close(&what("h"), &got[0], &want.h, 2e-5);
            close(&what("h_last"), got.last().unwrap(), &want.h_last, 2e-5);
            assert!(
                got[0][want.h.len()..].iter().all(|&x| x == GUARD),
                "{}",
                what("wrote behind N")
            );
            close(&what("gates"), &got[1], &want.gates, 2e-5);
            assert!(
                got[1][want.gates.len()..].iter().all(|&x| x == GUARD),
                "{}",
                what("wrote behind N")
            );
            assert_eq!(got.last(), run(isa, &case, false).last(), "{}", what("inference"));
        }
    }
}

#[test]
fn backward_is_the_finite_differences() {
    let mut rng = Rng(3);
    for (shape, steps) in shapes(&mut rng) {
        let case = Case::new(&mut rng, shape, steps.min(12));
        for isa in tiers() {
            let forward = run(isa, &case, true);
            check_gradients(isa, &case, &forward, &mut rng, 10);
        }
    }
}

#[test]
fn every_activation_is_the_f64_loops() {
    let mut rng = Rng(2);
    for (name, main) in Activation::ALL {
        for units in [3, 37] {
            let mut case = Case::new(&mut rng, CellShape { features: 3, units, batch: 5 }, 2);
            case.pair = (main, if units == 3 { Activation::HardSigmoid } else { main });
            for a in &mut case.arrays {
                a.iter_mut().for_each(|x| *x *= 0.2);
            }
            let want = case.run_exactly(&case.exact());
            for isa in tiers() {
                let got = run(isa, &case, true);
                close(name, &got[0], &want.h, 1e-4);
                check_gradients(isa, &case, &got, &mut rng, 12);
            }
        }
    }
}

fn check_gradients(isa: Isa, case: &Case, forward: &Run, rng: &mut Rng, samples: usize) {
    let CellShape { features: f, units: u, batch: b } = case.shape;
    let n = rows_of(&case.batch_sizes);
    let given = [rng.values(n * u, 1.0), rng.values(b * u, 1.0)];
    let with = [rng.below(4) > 0, rng.below(3) > 0];
    let args = GruBackward {
        forward: case.forward(),
        h: &forward[0],
        gates: &forward[1],
        dh: with[0].then_some(&given[0]),
        dh_last: with[1].then_some(&given[1]),
    };
    let wanted = [rng.below(3) > 0, true, rng.below(4) > 0, rng.below(4) > 0, rng.below(3) > 0];
    let biases = bias_len(&args.forward);
    let mut gradients = [n * f, f * 3 * u, u * 3 * u, biases, b * u].map(|len| vec![GUARD; len]);
    let mut scratch = vec![f32::NAN; gru_backward_scratch(case.shape)];
    {
        let [dx, dkernel, drecurrent, dbias, dh0] = &mut gradients;
        let mut out = GruGradients {
            dx: wanted[0].then_some(dx),
            dkernel: wanted[1].then_some(dkernel),
            drecurrent: wanted[2].then_some(drecurrent),
            dbias: wanted[3].then_some(dbias),
            dh0: wanted[4].then_some(dh0),
        };
        // SAFETY: a supported tier; lengths by construction.
        unsafe { backward_on(isa, &args, &mut out, &mut scratch) };
    }
    let given = given.map(|g| wide(&g));
    let loss = |cell: &Cell64| {
        let run = case.run_exactly(cell);
        [&run.h, &run.h_last]
            .iter()
            .zip(&given)
            .zip(with)
            .map(|((y, g), with)| if with { dot(y, g) } else { 0.0 })
            .sum()
    };
    let mut exact = case.exact();
    if exact.arrays[3].is_empty() {
        exact.arrays[3] = vec![0.0; biases];
    }
    for (a, gradient) in gradients.iter().enumerate() {
        if !wanted[a] {
            assert!(gradient.iter().all(|&g| g == GUARD));
            continue;
        }
        for _ in 0..samples.min(gradient.len()) {
            let i = rng.below(gradient.len());
            let want = exact.slope(a, i, loss);
            let what = format!(
                "{} {:?} {:?} gradient {a} at {i}",
                isa.name(),
                case.shape,
                case.batch_sizes
            );
            close(&what, &gradient[i..=i], &[want], 2e-4);
        }
    }
}

#[test]
fn a_row_has_the_same_bits_in_every_batch() {
    let mut rng = Rng(4);
    for (units, features) in [(1, 1), (5, 3), (8, 20), (17, 2), (33, 130), (64, 16), (128, 40)] {
        let (batch, steps) = (64, 3);
        let shape = CellShape { features, units, batch };
        let mut case = Case::new(&mut rng, shape, steps);
        case.batch_sizes = vec![batch as i32; steps];
        case.arrays[0] = rng.values(steps * batch * features, 1.0);
        for isa in tiers() {
            let whole = run(isa, &case, true);
            for (count, from) in
                [(1, 0), (1, 63), (2, 5), (3, 30), (5, 9), (10, 40), (17, 47), (33, 31)]
            {
                let rows = |a: &[f32], w: usize, n: usize| -> Vec<f32> {
                    (0..n).flat_map(|t| a[(t * batch + from) * w..][..count * w].to_vec()).collect()
                };
                let [x, kernel, recurrent, bias, h0] = &case.arrays;
                let part = Case {
                    shape: CellShape { batch: count, ..shape },
                    arrays: [
                        rows(x, features, steps),
                        kernel.clone(),
                        recurrent.clone(),
                        bias.clone(),
                        rows(h0, units, 1),
                    ],
                    mask: case.mask.as_ref().map(|m| rows(m, 3 * units, 1)),
                    batch_sizes: vec![count as i32; steps],
                    ..case
                };
                for training in [true, false] {
                    let got = run(isa, &part, training);
                    let what = format!(
                        "{} units {units} features {features} rows {from}+{count}",
                        isa.name()
                    );
                    assert_eq!(
                        *got.last().unwrap(),
                        rows(whole.last().unwrap(), units, 1),
                        "{what}"
                    );
                }
            }
        }
    }
}
