//! Every layer that takes sequences: in a batch of unequal lengths each sequence gives what it
//! gives alone, forward and backward, or the layer refuses by name.

use cornu::data::{Array, Data, Ragged};
use cornu::layers::*;
use cornu::{Model, Predict};
use cornu_ir::op::sample_numbers;
use cornu_ir::{Builder, DType, Spec, Tensor, Var, grad::gradient, interpret::interpret};
use ndarray::Array2;
use serde_json::{Value, json};

const T: usize = 9;
const F: usize = 4;
const LENGTHS: [usize; 5] = [6, 9, 4, 7, 7];

fn of(class: &str, config: Value) -> Value {
    json!({"class_name": class, "config": config})
}

/// Layers of sequences (B, T, F) with settings that reach every branch a length can matter to.
fn takes() -> Vec<Value> {
    let lstm = |config: Value| of("LSTM", config);
    let sequences = json!({"units": 3, "return_sequences": true});
    let backwards = json!({"units": 3, "return_sequences": true, "go_backwards": true});
    let cell = of("GRUCell", json!({"units": 3}));
    vec![
        of("Dense", json!({"units": 3, "activation": "tanh"})),
        of("Dense", json!({"units": 3, "activation": "softmax"})),
        of("Activation", json!({"activation": "gelu"})),
        lstm(json!({"units": 3})),
        lstm(sequences.clone()),
        lstm(backwards.clone()),
        lstm(json!({"units": 3, "go_backwards": true})),
        lstm(json!({"units": 3, "activation": "gelu", "return_sequences": true})),
        of("GRU", json!({"units": 3})),
        of("GRU", sequences.clone()),
        of("GRU", json!({"units": 3, "reset_after": false, "return_sequences": true})),
        of("SimpleRNN", sequences.clone()),
        of("SimpleRNN", backwards),
        of("RNN", json!({"cell": cell, "return_sequences": true})),
        of(
            "RNN",
            json!({"cell": of("StackedRNNCells", json!({"cells": [cell, of("LSTMCell", json!({"units": 2}))]}))}),
        ),
        of("Bidirectional", json!({"layer": lstm(sequences.clone())})),
        of("Bidirectional", json!({"layer": of("GRU", json!({"units": 3})), "merge_mode": "sum"})),
        of("TimeDistributed", json!({"layer": of("Dense", json!({"units": 2}))})),
        of("Masking", json!({"mask_value": -9.0})),
        of("Identity", json!({})),
        of("ActivityRegularization", json!({"l2": 0.1})),
        of("Dropout", json!({"rate": 0.5})),
        of("SpatialDropout1D", json!({"rate": 0.5})),
        of("GaussianNoise", json!({"stddev": 0.5})),
        of("GaussianDropout", json!({"rate": 0.5})),
        of("AlphaDropout", json!({"rate": 0.5})),
        of("UpSampling1D", json!({"size": 2})),
        of("MaxPooling1D", json!({"pool_size": [2]})),
        of("MaxPooling1D", json!({"pool_size": [3], "strides": [1], "padding": "same"})),
        of("AveragePooling1D", json!({"pool_size": [3], "strides": [2]})),
        of("AveragePooling1D", json!({"pool_size": [3], "strides": [1], "padding": "same"})),
        of("GlobalMaxPooling1D", json!({})),
        of("GlobalAveragePooling1D", json!({})),
        of("Conv1D", json!({"filters": 3, "kernel_size": [3]})),
        of(
            "Conv1D",
            json!({"filters": 3, "kernel_size": [2], "strides": [2], "padding": "causal"}),
        ),
        of(
            "Conv1D",
            json!({"filters": 3, "kernel_size": [4], "padding": "same", "activation": "relu"}),
        ),
        of("Conv1D", json!({"filters": 3, "kernel_size": [2], "dilation_rate": [2]})),
        of("DepthwiseConv1D", json!({"kernel_size": [3], "padding": "same"})),
        of("SeparableConv1D", json!({"filters": 3, "kernel_size": [2]})),
        of("ReLU", json!({})),
        of("LeakyReLU", json!({})),
        of("ELU", json!({})),
        of("PReLU", json!({"shared_axes": [1]})),
        of("Softmax", json!({})),
        of("BatchNormalization", json!({})),
        of("LayerNormalization", json!({})),
        of("RMSNormalization", json!({})),
        of("UnitNormalization", json!({})),
        of("Rescaling", json!({"scale": 0.5, "offset": 1.0})),
    ]
}

/// Layers that refuse a batch of unequal lengths, for what they give at one timestep depends on how
/// many there are.
fn refuses() -> Vec<Value> {
    vec![
        of("Conv1D", json!({"filters": 3, "kernel_size": [3], "strides": [2], "padding": "same"})),
        of("MaxPooling1D", json!({"pool_size": [2], "padding": "same"})),
        of("Permute", json!({"dims": [2, 1]})),
        of("Cropping1D", json!({"cropping": [1, 1]})),
        of("ZeroPadding1D", json!({"padding": [1, 1]})),
        of("Conv1DTranspose", json!({"filters": 2, "kernel_size": [2]})),
        of("AdaptiveAveragePooling1D", json!({"output_size": [2]})),
        of("AdaptiveMaxPooling1D", json!({"output_size": [2]})),
        of("GroupNormalization", json!({"groups": 2})),
        of("UnitNormalization", json!({"axis": [1]})),
        of("Softmax", json!({"axis": 1})),
    ]
}

fn named(v: &Value) -> String {
    format!("{} {}", v["class_name"].as_str().unwrap(), v["config"])
}

/// The same settings with all layers, at every depth, in f64.
fn in_f64(v: &Value) -> Value {
    match v {
        Value::Object(map) => {
            let mut map: serde_json::Map<_, _> =
                map.iter().map(|(k, v)| (k.clone(), in_f64(v))).collect();
            if let (true, Some(Value::Object(config))) =
                (map.contains_key("class_name"), map.get_mut("config"))
            {
                config.insert("dtype".into(), json!("float64"));
            }
            Value::Object(map)
        }
        Value::Array(items) => items.iter().map(in_f64).collect(),
        other => other.clone(),
    }
}

/// Rows of a shard in packed form: more than the sequences have timesteps.
const N: usize = 36;

/// Outputs and gradients (sequence, weights) of a layer in f64 on x (B, T, F), with where its
/// sequences end; as they are in the rectangle, or in packed rows.
fn run(
    v: &Value,
    x: &Tensor,
    lengths: Option<&[usize]>,
    packed: bool,
    seed: &dyn Fn(usize, usize, usize) -> f64,
) -> (Tensor, Vec<usize>, Vec<Tensor>) {
    let layer = LayerRef::from_json(&in_f64(v), &Registry::builtin()).unwrap();
    let b = Builder::new();
    let n = x.dims[0];
    let cx = Cx::new(&b, false, Some(n));
    let input = b.input("x", x.spec());
    let tree = layer.weights(&Call::one(x.spec())).unwrap();
    let (mut weights, mut values) = (vec![], vec![]);
    tree.walk("", true, &mut |_, _, _, w| {
        weights.push((weights.len(), b.input(w.name, Spec::known(DType::F64, &w.shape))));
        let numbers = sample_numbers(&w.shape, values.len() as u64 + 1);
        // A variance is not below 0.
        values.push(if w.name.contains("variance") {
            Tensor::new(
                &w.shape,
                numbers.to_f64().iter().map(|v| v.abs() + 0.1).collect::<Vec<_>>(),
            )
        } else {
            numbers
        });
    });
    let w = Weights::bind(&tree, &weights);
    let ends = lengths.map(|l| {
        Tensor::new(
            &[n, x.dims[1]],
            l.iter().flat_map(|&l| (0..x.dims[1]).map(move |t| (t < l) as u8)).collect::<Vec<_>>(),
        )
    });
    let ends_var = ends.as_ref().map(|e| b.input("ends", e.spec()));
    let cx = ends_var.map_or(cx.clone(), |e| cx.with_packing(Packing::new(e, N)));
    let given = Flow::new(input).ending(ends_var);
    let y = layer
        .lower(&cx, &w, &Call::one(if packed { cx.in_rows(given).unwrap() } else { given }))
        .unwrap()[0];
    let came_packed = y.packed;
    let y = cx.padded(y);
    // Each sequence's own outputs weigh as they do alone; all others weigh as if they counted: they
    // must not.
    let dims = y.value.spec().numbers().unwrap();
    let (steps, width) = if dims.len() > 2 { (dims[1], dims[2]) } else { (1, dims[1]) };
    let weigh = Tensor::new(
        &dims,
        (0..dims.iter().product())
            .map(|i| seed(i / width / steps, i / width % steps, i % width))
            .collect::<Vec<f64>>(),
    );
    let weigh = b.constant(weigh);
    let weigh = y.ends.map_or(weigh, |e| e.expand_dims(2).select(weigh, 0.0));
    let wrt: Vec<Var<'_>> = std::iter::once(input).chain(weights.iter().map(|w| w.1)).collect();
    for (v, d) in wrt.iter().zip(gradient(&[(y.value, weigh)], &wrt)) {
        b.output("d", d.unwrap_or_else(|| v.zeros_like()));
    }
    b.output("y", y.value);
    if let Some(e) = y.ends {
        b.output("lengths", e.cast(DType::I32).sum(&[1], false));
    }
    let n_wrt = wrt.len();
    let g = b.finish().unwrap();
    let mut ins = vec![x.clone()];
    ins.extend(values);
    ins.extend(ends);
    let mut outs = interpret(&g, &ins);
    let out_lengths = match outs.len() > n_wrt + 1 {
        true => outs.pop().unwrap().to_f64().iter().map(|n| *n as usize).collect(),
        false => vec![steps; n],
    };
    let by_timestep = matches!(layer.rule().form(), Form::ByTimestep(_)) && lengths.is_some();
    assert!(came_packed || !by_timestep, "{}: not computed on packed rows", named(v));
    (outs.pop().unwrap(), out_lengths, outs)
}

#[test]
fn gradients_are_the_sums_of_those_of_each_sequence_alone() {
    // What stands past the ends is large, so that anything that reads it shows.
    let own = sample_numbers(&[LENGTHS.len(), T, F], 7).to_f64();
    let at =
        |s: usize, t: usize, f: usize| if t < LENGTHS[s] { own[(s * T + t) * F + f] } else { 50.0 };
    let all = |s: usize, n: usize| (0..n).flat_map(move |t| (0..F).map(move |f| at(s, t, f)));
    let seed = |s: usize, t: usize, k: usize| ((s * 5 + t * 3 + k * 7) % 11) as f64 / 5.0 - 1.0;
    for (v, packed) in takes().into_iter().flat_map(|v| [(v.clone(), false), (v, true)]) {
        let together = Tensor::new(
            &[LENGTHS.len(), T, F],
            (0..LENGTHS.len()).flat_map(|s| all(s, T).collect::<Vec<_>>()).collect::<Vec<f64>>(),
        );
        let (y, lengths, d) = run(&v, &together, Some(&LENGTHS), packed, &seed);
        let mut sums: Vec<Vec<f64>> = d[1..].iter().map(|t| vec![0.0; t.n_elements()]).collect();
        let width = *y.dims.last().unwrap();
        let steps = if y.dims.len() > 2 { y.dims[1] } else { 1 };
        for (s, &n) in LENGTHS.iter().enumerate() {
            let x = Tensor::new(&[1, n, F], all(s, n).collect::<Vec<f64>>());
            let (alone, n_out, d_alone) = run(&v, &x, None, false, &|_, t, k| seed(s, t, k));
            assert_eq!(lengths[s], n_out[0], "{}: timesteps out of {n}", named(&v));
            let got = &y.to_f64()[s * steps * width..][..n_out[0] * width];
            // The same sums in f64, the longer ones in another order.
            let near = |a: f64, b: f64| (a - b).abs() <= 1e-12 * b.abs().max(1.0);
            assert!(
                got.iter().zip(alone.to_f64()).all(|(a, b)| near(*a, b)),
                "{}: sequence {s}: {got:?} {:?}",
                named(&v),
                alone.to_f64()
            );
            let dx = &d[0].to_f64()[s * T * F..][..T * F];
            assert!(
                dx[..n * F].iter().zip(d_alone[0].to_f64()).all(|(a, b)| near(*a, b)),
                "{}: gradient of sequence {s}",
                named(&v)
            );
            assert!(
                dx[n * F..].iter().all(|d| *d == 0.0),
                "{}: gradient past the end of {s}: {dx:?}",
                named(&v)
            );
            for (sum, d) in sums.iter_mut().zip(&d_alone[1..]) {
                sum.iter_mut().zip(d.to_f64()).for_each(|(s, d)| *s += d);
            }
        }
        for (i, (sum, d)) in sums.iter().zip(&d[1..]).enumerate() {
            assert!(
                sum.iter().zip(d.to_f64()).all(|(a, b)| (a - b).abs() <= 1e-10 * b.abs().max(1.0)),
                "{}: gradient of weight {i}",
                named(&v)
            );
        }
    }
}

fn series() -> Vec<Array2<f32>> {
    let number = |s: usize, t: usize, f: usize| ((s * 31 + t * 7 + f * 3) % 17) as f32 / 8.0 - 1.0;
    LENGTHS
        .iter()
        .enumerate()
        .map(|(s, &n)| Array2::from_shape_fn((n, F), |(t, f)| number(s, t, f)))
        .collect()
}

fn ragged(all: &[Array2<f32>]) -> Data {
    Data::Ragged(Ragged::from_list(all.iter().map(|a| Array::from(a.clone().into_dyn()))).unwrap())
}

fn numbers(d: &Data) -> Vec<f32> {
    d.values().to_f32().unwrap().iter().copied().collect()
}

/// A model of the layer alone.
fn model(v: &Value) -> Model {
    let x = cornu::Input::new([None, Some(F)]);
    let y = LayerRef::from_json(v, &Registry::builtin()).unwrap().call(&x).unwrap();
    Model::new(&x, &y).unwrap()
}

#[test]
fn forward_bits_are_those_of_each_sequence_alone() {
    let all = series();
    for v in takes() {
        let model = model(&v);
        let together = numbers(&model.predict(&ragged(&all), &Predict::default()).unwrap()[0]);
        let alone: Vec<f32> = all
            .iter()
            .flat_map(|a| {
                numbers(
                    &model.predict(&ragged(std::slice::from_ref(a)), &Predict::default()).unwrap()
                        [0],
                )
            })
            .collect();
        assert_eq!(together.len(), alone.len(), "{}", named(&v));
        let differ = together
            .iter()
            .zip(&alone)
            .filter(|(a, b)| a.to_bits() != b.to_bits() && **a != **b)
            .count();
        assert_eq!(differ, 0, "{}: {together:?} {alone:?}", named(&v));
    }
}

#[test]
fn attention_reads_each_sequence_alone() {
    let all = series();
    let x = cornu::Input::new([None, Some(F)]);
    let attentions: Vec<(&str, cornu::Symbol)> = vec![
        ("Attention", Attention::default().call(&[x.clone(), x.clone()][..]).unwrap()),
        (
            "MultiHeadAttention",
            MultiHeadAttention::new(2, 3)
                .call(Call::one(x.clone()).with("value", Arg::Value(x.clone())))
                .unwrap(),
        ),
    ];
    for (name, y) in attentions {
        let model = Model::new(&x, &y).unwrap();
        let together = numbers(&model.predict(&ragged(&all), &Predict::default()).unwrap()[0]);
        let alone: Vec<f32> = all
            .iter()
            .flat_map(|a| {
                numbers(
                    &model.predict(&ragged(std::slice::from_ref(a)), &Predict::default()).unwrap()
                        [0],
                )
            })
            .collect();
        assert_eq!(together.len(), alone.len(), "{name}");
        assert!(together.iter().zip(&alone).all(|(a, b)| (a - b).abs() <= 1e-6), "{name}");
    }
}

#[test]
fn a_layer_that_depends_on_the_number_of_timesteps_refuses() {
    let all = series();
    for v in refuses() {
        let model = model(&v);
        let e = model.predict(&ragged(&all), &Predict::default()).unwrap_err().to_string();
        assert!(
            e.contains(v["class_name"].as_str().unwrap()) && e.contains("equal-length"),
            "{}: {e}",
            named(&v)
        );
        // One at a time they need no ends.
        assert!(model.predict(&ragged(&all[1..2]), &Predict::default()).is_ok(), "{}", named(&v));
    }
}
