//! LSTM on every tier against f64 loops and their finite differences.

use super::*;
use crate::kernels::{
    activation::Activation,
    isa::Isa,
    packed_steps::rows_of,
    reference::{Cell64, Rng, close, dot, tiers, wide},
};

struct Case {
    shape: CellShape,
    pair: (Activation, Activation),
    arrays: [Vec<f32>; 6],
    mask: Option<Vec<f32>>,
    batch_sizes: Vec<i32>,
}

impl Case {
    fn new(rng: &mut Rng, shape: CellShape, steps: usize) -> Case {
        let CellShape { features: f, units: u, batch: b } = shape;
        let batch_sizes = rng.batch_sizes(b, steps);
        let n = rows_of(&batch_sizes);
        let scale = 1.5 / (u as f32).sqrt();
        let bias = if rng.below(4) == 0 { vec![] } else { rng.values(4 * u, 1.0) };
        Case {
            shape,
            pair: (Activation::Tanh, Activation::Sigmoid),
            arrays: [
                rng.values(n * f, 1.0),
                rng.values(f * 4 * u, 1.5 / (f as f32).sqrt()),
                rng.values(u * 4 * u, scale),
                bias,
                rng.values(b * u, 1.0),
                rng.values(b * u, 1.0),
            ],
            mask: (rng.below(3) == 0).then(|| rng.mask(b * 4 * u)),
            batch_sizes,
        }
    }

    fn forward(&self) -> LstmForward<'_> {
        let [x, kernel, recurrent, bias, h0, c0] = &self.arrays;
        LstmForward {
            shape: self.shape,
            activation: self.pair.0,
            recurrent_activation: self.pair.1,
            x,
            kernel,
            recurrent,
            bias: (!bias.is_empty()).then_some(bias),
            h0,
            c0,
            recurrent_mask: self.mask.as_deref(),
            batch_sizes: &self.batch_sizes,
            int8: None,
        }
    }

    fn exact(&self) -> Cell64 {
        Cell64 {
            features: self.shape.features,
            units: self.shape.units,
            main: self.pair.0,
            gate: self.pair.1,
            arrays: self.arrays.each_ref().map(|a| wide(a)),
            mask: self.mask.as_deref().map(wide),
            batch_sizes: self.batch_sizes.clone(),
        }
    }
}

/// h, c, gates, h_last, c_last; a guard row behind each of the first three.
type Run = [Vec<f32>; 5];
const GUARD: f32 = 77.0;

fn run(isa: Isa, case: &Case, training: bool) -> Run {
    let CellShape { units: u, batch: b, .. } = case.shape;
    let n = rows_of(&case.batch_sizes);
    let mut run =
        [(n + 1) * u, (n + 1) * u, (n + 1) * 4 * u, b * u, b * u].map(|len| vec![GUARD; len]);
    let mut scratch = vec![f32::NAN; lstm_forward_scratch(case.shape)];
    let [h, c, gates, h_last, c_last] = &mut run;
    let mut out = LstmOutputs { h: Some(h), c: None, gates: None, h_last, c_last };
    if training {
        out.c = Some(c);
        out.gates = Some(gates);
    }
    // SAFETY: a supported tier; lengths by construction.
    unsafe { forward_on(isa, &case.forward(), &mut out, &mut scratch) };
    run
}

fn shapes(rng: &mut Rng) -> Vec<(CellShape, usize)> {
    let mut all = vec![];
    for units in (1..20).chain([24, 31, 32, 33, 40, 47, 48, 64, 65, 70]) {
        let shape = CellShape { features: 1 + rng.below(40), units, batch: 1 + rng.below(33) };
        all.push((shape, 1 + rng.below(6)));
    }
    for units in [3, 5, 8, 64] {
        all.push((CellShape { features: 1, units, batch: 10 }, 4));
        all.push((CellShape { features: units, units: 4, batch: 1 }, 3));
    }
    all.push((CellShape { features: 5, units: 9, batch: 33 }, 40));
    all.push((CellShape { features: 33, units: 66, batch: 17 }, 70));
    all
}

#[test]
fn forward_is_the_f64_loops() {
    let mut rng = Rng(1);
    for (shape, steps) in shapes(&mut rng) {
        let case = Case::new(&mut rng, shape, steps);
        let want = case.exact().lstm();
        for isa in tiers() {
            let what = |name| format!("{} {shape:?} {:?} {name}", isa.name(), case.batch_sizes);
            let got = run(isa, &case, true);
            // f32 sums of at most 110 terms of order 1 through 70 steps.
            close(&what("h"), &got[0], &want.h, 2e-5);
            close(&what("c"), &got[1], &want.c, 2e-5);
            close(&what("gates"), &got[2], &want.gates, 2e-5);
            close(&what("h_last"), &got[3], &want.h_last, 2e-5);
            close(&what("c_last"), &got[4], &want.c_last, 2e-5);
            for (rows, width) in got[..3].iter().zip([1, 1, 4]) {
                let guard = &rows[rows.len() - width * shape.units..];
                assert!(guard.iter().all(|&x| x == GUARD), "{}", what("wrote behind N"));
            }
            let inference = run(isa, &case, false);
            for i in [0, 3, 4] {
                assert_eq!(got[i], inference[i], "{}", what("inference"));
            }
        }
    }
}

#[test]
fn every_activation_is_the_f64_loops() {
    let mut rng = Rng(2);
    for (name, main) in Activation::ALL {
        for gate in
            [Activation::Sigmoid, Activation::HardSigmoid, Activation::HardSigmoidKeras2, main]
        {
            for units in [3, 37] {
                let shape = CellShape { features: 3, units, batch: 5 };
                // Exponentials of exponentials leave f32's range after one step.
                let steps = if main == Activation::Exponential { 1 } else { 3 };
                let mut case = Case::new(&mut rng, shape, steps);
                case.pair = (main, gate);
                for a in &mut case.arrays {
                    a.iter_mut().for_each(|x| *x *= 0.3);
                }
                let want = case.exact().lstm();
                for isa in tiers() {
                    let got = run(isa, &case, true);
                    close(name, &got[0], &want.h, 1e-4);
                    check_gradients(isa, &case, &got, &mut rng, 12);
                }
            }
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

fn check_gradients(isa: Isa, case: &Case, forward: &Run, rng: &mut Rng, samples: usize) {
    let CellShape { features: f, units: u, batch: b } = case.shape;
    let n = rows_of(&case.batch_sizes);
    let given = [rng.values(n * u, 1.0), rng.values(b * u, 1.0), rng.values(b * u, 1.0)];
    let with = [rng.below(4) > 0, rng.below(3) > 0, rng.below(3) > 0];
    let args = LstmBackward {
        forward: case.forward(),
        h: &forward[0],
        c: &forward[1],
        gates: &forward[2],
        dh: with[0].then_some(&given[0]),
        dh_last: with[1].then_some(&given[1]),
        dc_last: with[2].then_some(&given[2]),
    };
    let wanted = [
        rng.below(3) > 0,
        true,
        rng.below(4) > 0,
        rng.below(4) > 0,
        rng.below(3) > 0,
        rng.below(3) > 0,
    ];
    let lens = [n * f, f * 4 * u, u * 4 * u, 4 * u, b * u, b * u];
    let mut gradients = lens.map(|len| vec![GUARD; len]);
    let mut scratch = vec![f32::NAN; lstm_backward_scratch(case.shape)];
    {
        let [dx, dkernel, drecurrent, dbias, dh0, dc0] = &mut gradients;
        let mut out = LstmGradients {
            dx: wanted[0].then_some(dx),
            dkernel: wanted[1].then_some(dkernel),
            drecurrent: wanted[2].then_some(drecurrent),
            dbias: wanted[3].then_some(dbias),
            dh0: wanted[4].then_some(dh0),
            dc0: wanted[5].then_some(dc0),
        };
        // SAFETY: a supported tier; lengths by construction.
        unsafe { backward_on(isa, &args, &mut out, &mut scratch) };
    }
    let given = given.map(|g| wide(&g));
    let loss = |cell: &Cell64| {
        let run = cell.lstm();
        [&run.h, &run.h_last, &run.c_last]
            .iter()
            .zip(&given)
            .zip(with)
            .map(|((y, g), with)| if with { dot(y, g) } else { 0.0 })
            .sum()
    };
    let mut exact = case.exact();
    if exact.arrays[3].is_empty() {
        exact.arrays[3] = vec![0.0; 4 * u];
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
    for units in [1, 4, 5, 7, 8, 16, 17, 32, 33, 64, 128] {
        for features in [1, 3, 20, 130] {
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
                        (0..n)
                            .flat_map(|t| a[(t * batch + from) * w..][..count * w].to_vec())
                            .collect()
                    };
                    let [x, kernel, recurrent, bias, h0, c0] = &case.arrays;
                    let part = Case {
                        shape: CellShape { batch: count, ..shape },
                        pair: case.pair,
                        arrays: [
                            rows(x, features, steps),
                            kernel.clone(),
                            recurrent.clone(),
                            bias.clone(),
                            rows(h0, units, 1),
                            rows(c0, units, 1),
                        ],
                        mask: case.mask.as_ref().map(|m| rows(m, 4 * units, 1)),
                        batch_sizes: vec![count as i32; steps],
                    };
                    for training in [true, false] {
                        let got = run(isa, &part, training);
                        let what = format!(
                            "{} units {units} features {features} rows {from}+{count}",
                            isa.name()
                        );
                        assert_eq!(
                            got[0][..steps * count * units],
                            rows(&whole[0], units, steps),
                            "{what}"
                        );
                        assert_eq!(got[4], rows(&whole[4], units, 1), "{what}");
                    }
                }
            }
        }
    }
}
