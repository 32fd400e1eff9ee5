//! Every layer of the list on each of its samples: config, shapes, weights, gradient, masks,
//! sequences of unequal length, files and batches. A layer that is added is covered with no new
//! test code.

use cornu::data::{Array, Data, Ragged};
use cornu::layers::*;
use cornu::model::Symbol;
use cornu::{Input, Model, Predict, Result};
use cornu_ir::op::sample_numbers;
use cornu_ir::{
    Builder, DType, Dim, Graph, Spec, Tensor, Var, grad::gradient, interpret::interpret,
};
use ndarray::{ArrayD, Axis, IxDyn};
use serde_json::{Value, json};
use std::collections::HashSet;

/// Samples of a batch, timesteps of a rectangle, and the lengths of a batch of unequal ones.
const B: usize = 5;
const T: usize = 9;
const LENGTHS: [usize; B] = [6, 9, 4, 7, 7];
/// Packed rows: more than the sequences have timesteps.
const N: usize = 36;

/// One layer of the list with one of its samples.
struct Case {
    class: &'static str,
    sample: Sample,
}

impl Case {
    fn all() -> Vec<Case> {
        let samples = Sample::of_layers().into_iter();
        samples
            .flat_map(|(class, all)| all.into_iter().map(move |s| Case { class, sample: s }))
            .collect()
    }

    fn json(&self) -> Value {
        json!({"class_name": self.class, "config": self.sample.config})
    }

    fn layer(&self) -> LayerRef {
        LayerRef::from_json(&self.json(), &Registry::builtin())
            .unwrap_or_else(|e| panic!("{}: {e}", self.name()))
    }

    /// The layer with all layers inside it in f64.
    fn layer_in_f64(&self) -> LayerRef {
        LayerRef::from_json(&in_f64(&self.json()), &Registry::builtin()).unwrap()
    }

    fn name(&self) -> String {
        format!("{} {}", self.class, self.sample.config)
    }

    /// The layer reads raw data before the graph runs.
    fn encodes(&self) -> bool {
        self.layer().rule().as_encoder().is_some()
    }

    /// Inputs with an axis of time.
    fn has_time(&self) -> bool {
        self.sample.inputs.iter().any(|i| i.shape.contains(&None))
    }

    /// A call on one value for each input of the sample.
    fn call<V: Clone>(&self, values: &[V]) -> Call<V> {
        let mut first = vec![];
        let mut keywords = vec![];
        for (input, v) in self.sample.inputs.iter().zip(values) {
            match input.keyword {
                Some(name) => keywords.push((name.to_string(), Arg::Value(v.clone()))),
                None => first.push(v.clone()),
            }
        }
        let call = if let [one] = &first[..] { Call::one(one.clone()) } else { Call::list(first) };
        Call { kwargs: keywords, ..call }
    }

    /// Symbols of the inputs and of the outputs.
    fn symbols(&self) -> Result<(Vec<Symbol>, Vec<Symbol>)> {
        let symbol = |i: &SampleInput| match i.values {
            SampleValues::Floats => Input::new(i.shape.iter().copied()),
            SampleValues::Ids(_) => Input::ids(i.shape.iter().copied()),
            SampleValues::Words => Input::text(i.shape.iter().copied()),
        };
        let inputs: Vec<Symbol> = self.sample.inputs.iter().map(symbol).collect();
        let outputs = self.layer().call_all(self.call(&inputs))?;
        Ok((inputs, outputs))
    }

    /// A model of the layer alone.
    fn model(&self) -> Model {
        let (inputs, outputs) = self.symbols().unwrap_or_else(|e| panic!("{}: {e}", self.name()));
        Model::new(&inputs[..], &outputs[..]).unwrap_or_else(|e| panic!("{}: {e}", self.name()))
    }

    /// Data of sample `s` for input `i`, with `t` timesteps.
    fn data_of(&self, i: usize, s: usize, t: usize) -> Array {
        let input = &self.sample.inputs[i];
        let dims: Vec<usize> = input.shape.iter().map(|d| d.unwrap_or(t)).collect();
        let numbers = (0..dims.iter().product::<usize>()).map(|k| s * 31 + i * 13 + k * 5);
        let shape = IxDyn(&dims);
        match input.values {
            SampleValues::Floats => {
                let values = numbers.map(|k| (k % 17) as f32 / 8.0 - 1.0).collect();
                Array::F32(ArrayD::from_shape_vec(shape, values).unwrap())
            }
            SampleValues::Ids(n) => {
                let values = numbers.map(|k| (k % n) as i64).collect();
                Array::I64(ArrayD::from_shape_vec(shape, values).unwrap())
            }
            SampleValues::Words => {
                let words = ["red", "green", "blue"];
                let values = numbers.map(|k| words[k % 3].to_string()).collect();
                Array::Str(ArrayD::from_shape_vec(shape, values).unwrap())
            }
        }
    }

    /// Rectangles of all samples.
    fn dense(&self, t: usize) -> Vec<Data> {
        (0..self.sample.inputs.len())
            .map(|i| {
                Data::Dense(stacked(&(0..B).map(|s| self.data_of(i, s, t)).collect::<Vec<_>>()))
            })
            .collect()
    }

    /// Some of the samples with lengths of their own.
    fn ragged(&self, samples: &[usize]) -> Vec<Data> {
        (0..self.sample.inputs.len())
            .map(|i| {
                let arrays: Vec<Array> =
                    samples.iter().map(|&s| self.data_of(i, s, LENGTHS[s])).collect();
                if self.sample.inputs[i].shape.first() == Some(&None) {
                    Data::Ragged(Ragged::from_list(arrays).unwrap())
                } else {
                    Data::Dense(stacked(&arrays))
                }
            })
            .collect()
    }
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

fn stacked(arrays: &[Array]) -> Array {
    fn stack<T: Clone>(all: Vec<&ArrayD<T>>) -> ArrayD<T> {
        let views: Vec<_> = all.iter().map(|a| a.view()).collect();
        ndarray::stack(Axis(0), &views).unwrap()
    }
    macro_rules! of {
        ($Kind:ident) => {
            Array::$Kind(stack(
                arrays
                    .iter()
                    .map(|a| if let Array::$Kind(a) = a { a } else { unreachable!() })
                    .collect(),
            ))
        };
    }
    match &arrays[0] {
        Array::F32(_) => of!(F32),
        Array::I64(_) => of!(I64),
        _ => of!(Str),
    }
}

fn numbers(all: &[Data]) -> Vec<f64> {
    all.iter().flat_map(|d| d.values().to_f64().unwrap().into_iter()).collect()
}

fn predict(model: &mut Model, x: &[Data], batch_size: usize) -> Result<Vec<Data>> {
    model.predict(x.to_vec(), &Predict { batch_size, ..Predict::default() })
}

#[test]
fn every_class_has_a_sample() {
    let listed: Vec<&str> =
        Sample::of_layers().into_iter().filter(|(_, s)| !s.is_empty()).map(|(c, _)| c).collect();
    assert_eq!(listed, CLASSES);
}

#[test]
fn configs_read_and_written_stay_the_same() {
    for case in Case::all() {
        let layer = case.layer();
        let written = layer.to_json();
        let again = LayerRef::from_json(&written, &Registry::builtin()).unwrap();
        assert_eq!(again.to_json(), written, "{}", case.name());
        assert_eq!(again.class(), case.class, "{}", case.name());
    }
}

#[test]
fn symbols_have_the_shapes_of_the_values() {
    for case in Case::all() {
        let (_, symbols) = case.symbols().unwrap_or_else(|e| panic!("{}: {e}", case.name()));
        let y = predict(&mut case.model(), &case.dense(T), 32)
            .unwrap_or_else(|e| panic!("{}: {e}", case.name()));
        assert_eq!(symbols.len(), y.len(), "{}", case.name());
        for (symbol, y) in symbols.iter().zip(&y) {
            let (shape, dims) = (y.values().shape().to_vec(), symbol.shape());
            assert_eq!(
                shape.len(),
                dims.len(),
                "{}: {} {shape:?}",
                case.name(),
                symbol.shape_text()
            );
            assert_eq!(shape[0], B, "{}", case.name());
            let fits = dims.iter().zip(&shape).all(|(d, n)| d.is_none_or(|d| d == *n));
            assert!(fits, "{}: {} {shape:?}", case.name(), symbol.shape_text());
        }
    }
}

#[test]
fn weights_are_named_once_and_counted() {
    for case in Case::all() {
        let model = case.model();
        let mut paths = HashSet::new();
        let (mut n, mut n_params) = (0, 0);
        model.tree().walk("", true, &mut |group, _, _, w| {
            n += 1;
            n_params += w.n_elements();
            assert!(
                paths.insert((group.to_string(), w.name)),
                "{}: {group}/{}",
                case.name(),
                w.name
            );
        });
        assert_eq!(model.variables().len(), n, "{}", case.name());
        assert_eq!(model.weights().iter().map(Tensor::n_elements).sum::<usize>(), n_params);
        // As many whatever the number of timesteps.
        let spec = |i: &SampleInput, t: Dim| {
            let dims = i.shape.iter().map(|d| d.or(t));
            Spec::new(
                i.dtype().unwrap_or(DType::I32),
                std::iter::once(Some(B)).chain(dims).collect::<Vec<_>>(),
            )
        };
        let specs =
            |t| case.call(&case.sample.inputs.iter().map(|i| spec(i, t)).collect::<Vec<_>>());
        let layer = case.layer();
        assert_eq!(
            layer.weights(&specs(Some(T))).unwrap(),
            layer.weights(&specs(None)).unwrap(),
            "{}",
            case.name()
        );
    }
}

/// A layer lowered in f64 with its inputs and weights.
struct Lowered {
    graph: Graph,
    /// Values of the graph's inputs.
    ins: Vec<Tensor>,
    /// Which of them are floats: inputs, then weights.
    floats: Vec<usize>,
    /// Number of inputs of the layer.
    n_inputs: usize,
    /// Whether each output carries a mask.
    masked: Vec<bool>,
}

/// How the inputs of a layer are given.
#[derive(Clone, Copy, PartialEq)]
enum Given {
    /// Rectangles.
    Padded,
    /// Rectangles whose first input carries a mask.
    Masked,
    /// Rectangles that tell where their sequences end.
    Ending,
    /// Packed rows.
    Packed,
}

impl Case {
    /// The layer on values, with the gradient of Σ y weigh for all floats among inputs and weights.
    /// The graph gives the gradients, then for each output its sum, its values and its lengths.
    fn lower(&self, x: &[Tensor], given: Given) -> Result<Lowered> {
        self.lower_from(0, x, given)
    }

    /// As [`Case::lower`], with samples that weigh as those from number `first` on.
    fn lower_from(&self, first: usize, x: &[Tensor], given: Given) -> Result<Lowered> {
        let layer = self.layer_in_f64();
        let b = Builder::new();
        let n = x[0].dims[0];
        let mut ins = x.to_vec();
        let vars: Vec<Var<'_>> = x.iter().map(|x| b.input("x", x.spec())).collect();
        let tree =
            layer.weights(&self.call(&x.iter().map(Tensor::spec).collect::<Vec<_>>())).unwrap();
        let mut weights = vec![];
        tree.walk("", true, &mut |_, _, _, w| {
            let values = sample_numbers(&w.shape, weights.len() as u64 + 1).to_f64();
            // A variance is not below 0, and a count is whole.
            let values: Vec<f64> = match w.name {
                name if name.contains("variance") => values.iter().map(|v| v.abs() + 0.1).collect(),
                _ => values,
            };
            weights.push(b.input(w.name, Spec::known(w.dtype(), &w.shape)));
            ins.push(cast(&Tensor::new(&w.shape, values), w.dtype()));
        });
        let numbered: Vec<_> = weights.iter().copied().enumerate().collect();
        let w = Weights::bind(&tree, &numbered);
        let cx = Cx::new(&b, false, Some(n));
        let rectangle = || Spec::known(DType::Bool, &[n, T]);
        let mask = matches!(given, Given::Masked).then(|| b.input("mask", rectangle()));
        let ends =
            matches!(given, Given::Ending | Given::Packed).then(|| b.input("ends", rectangle()));
        let own: Vec<u8> =
            LENGTHS.iter().flat_map(|&l| (0..T).map(move |t| u8::from(t < l))).collect();
        ins.extend(mask.iter().chain(&ends).map(|_| Tensor::new(&[n, T], own.clone())));
        let cx = ends.map_or(cx.clone(), |e| cx.with_packing(Packing::new(e, N)));
        let flows: Vec<Flow<'_>> = vars
            .iter()
            .zip(&self.sample.inputs)
            .enumerate()
            .map(|(i, (v, input))| {
                let in_time = input.shape.first() == Some(&None);
                let flow =
                    Flow::masked(*v, mask.filter(|_| i == 0)).ending(ends.filter(|_| in_time));
                let packed = given == Given::Packed && in_time;
                if packed { cx.in_rows(flow).unwrap() } else { flow }
            })
            .collect();
        let outs = layer.lower(&cx, &w, &self.call(&flows))?;
        if given == Given::Packed && matches!(layer.rule().ragged_form(), RaggedForm::ByTimestep(_))
        {
            assert!(outs[0].packed, "{}: not computed on packed rows", self.name());
        }
        let outs: Vec<Flow<'_>> = outs.into_iter().map(|f| cx.padded(f)).collect();
        let all: Vec<Var<'_>> = vars.iter().chain(&weights).copied().collect();
        let floats: Vec<usize> = (0..all.len()).filter(|i| all[*i].dtype().is_float()).collect();
        let wrt: Vec<Var<'_>> = floats.iter().map(|i| all[*i]).collect();
        let seeds: Vec<_> = outs
            .iter()
            .filter(|f| f.value.dtype().is_float())
            .map(|f| (f.value, weights_of(f, first)))
            .collect();
        for (v, d) in wrt.iter().zip(gradient(&seeds, &wrt)) {
            b.output("d", d.unwrap_or_else(|| v.zeros_like()));
        }
        for f in &outs {
            let y = f.value.cast(DType::F64);
            let axes: Vec<isize> = (0..y.rank() as isize).collect();
            b.output("sum", (y * weights_of(f, first)).sum(&axes, false));
            b.output("y", y);
            if let Some(e) = f.ends {
                b.output("lengths", e.cast(DType::I32).sum(&[1], false));
            }
        }
        let masked = outs.iter().map(|f| f.mask.is_some()).collect();
        Ok(Lowered { graph: b.finish().unwrap(), ins, floats, n_inputs: x.len(), masked })
    }

    /// Values of the inputs in f64: of samples with `steps` timesteps, past whose own length a
    /// number stands that shows where it is read.
    fn values(&self, samples: &[usize], steps: usize, past_end: bool) -> Vec<Tensor> {
        (0..self.sample.inputs.len())
            .map(|i| {
                let input = &self.sample.inputs[i];
                let mut dims: Vec<usize> = input.shape.iter().map(|d| d.unwrap_or(steps)).collect();
                let per_step: usize = dims.iter().skip(1).product();
                let n: usize = dims.iter().product();
                let own: Vec<Vec<f64>> = (0..B)
                    .map(|s| sample_numbers(&[T * n.max(1)], (i * B + s) as u64 + 7).to_f64())
                    .collect();
                let in_time = input.shape.first() == Some(&None);
                let one = |s: usize, k: usize| match input.values {
                    SampleValues::Floats if past_end && in_time && k / per_step >= LENGTHS[s] => {
                        50.0
                    }
                    SampleValues::Floats => own[s][k],
                    SampleValues::Ids(n) => ((own[s][k] + 2.0) * 1000.0).floor() % n as f64,
                    SampleValues::Words => unreachable!("words are encoded before the graph"),
                };
                let values = samples
                    .iter()
                    .flat_map(|&s| (0..n).map(move |k| (s, k)))
                    .map(|(s, k)| one(s, k));
                dims.insert(0, samples.len());
                cast(&Tensor::new(&dims, values.collect::<Vec<f64>>()), input.dtype().unwrap())
            })
            .collect()
    }
}

/// What the elements of an output count in the sum whose gradient is taken: the sequences' own
/// as they do alone, all others 0. `first` is the number of the first sample.
fn weights_of<'g>(f: &Flow<'g>, first: usize) -> Var<'g> {
    let dims = f.value.spec().numbers().unwrap();
    let (steps, rest) = if dims.len() > 2 { (dims[1], &dims[2..]) } else { (1, &dims[1..]) };
    let width: usize = rest.iter().product();
    let seed = |i: usize| weigh(first + i / width / steps, i / width % steps, i % width);
    let numbers = (0..dims.iter().product()).map(seed).collect::<Vec<f64>>();
    let w = f.value.builder().constant(Tensor::new(&dims, numbers));
    f.ends.map_or(w, |e| (2..dims.len()).fold(e, |e, _| e.expand_dims(-1)).select(w, 0.0))
}

/// What an element of an output counts in the sum whose gradient is taken.
fn weigh(sample: usize, step: usize, k: usize) -> f64 {
    ((sample * 5 + step * 3 + k * 7) % 11) as f64 / 5.0 - 1.0
}

fn cast(t: &Tensor, dtype: DType) -> Tensor {
    let v = t.to_f64();
    match dtype {
        DType::F64 => Tensor::new(&t.dims, v),
        DType::F32 => Tensor::new(&t.dims, v.iter().map(|x| *x as f32).collect::<Vec<_>>()),
        DType::I32 => Tensor::new(&t.dims, v.iter().map(|x| *x as i32).collect::<Vec<_>>()),
        DType::I64 => Tensor::new(&t.dims, v.iter().map(|x| *x as i64).collect::<Vec<_>>()),
        DType::Bool => {
            Tensor::new(&t.dims, v.iter().map(|x| u8::from(*x != 0.0)).collect::<Vec<_>>())
        }
    }
}

#[test]
fn gradients_are_those_of_finite_differences() {
    for case in Case::all().iter().filter(|c| !c.encodes()) {
        let l = case.lower(&case.values(&[0, 1, 2, 3, 4], T, false), Given::Padded).unwrap();
        let d = interpret(&l.graph, &l.ins);
        let sum = |ins: &[Tensor]| {
            let outs = interpret(&l.graph, ins);
            let sums = outs[l.floats.len()..].iter().filter(|t| t.dims.is_empty());
            sums.map(|t| t.to_f64()[0]).sum::<f64>()
        };
        for (k, &i) in l.floats.iter().enumerate() {
            let along = sample_numbers(&l.ins[i].dims, 90 + k as u64).to_f64();
            let moved = |h: f64| {
                let mut ins = l.ins.clone();
                let at = l.ins[i].to_f64();
                let values = at.iter().zip(&along).map(|(x, a)| x + h * a).collect::<Vec<f64>>();
                ins[i] = cast(&Tensor::new(&l.ins[i].dims, values), l.ins[i].dtype());
                sum(&ins)
            };
            const STEP: f64 = 1e-6;
            let differences = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
            let slope: f64 = d[k].to_f64().iter().zip(&along).map(|(d, a)| d * a).sum();
            let scale = d[k].to_f64().iter().zip(&along).map(|(d, a)| (d * a).abs()).sum::<f64>();
            // Errors of the difference: rounding of f64 over the step, and the third derivative.
            assert!(
                (differences - slope).abs() <= 1e-7 * scale.max(1.0),
                "{}: gradient of {}: {slope} {differences}",
                case.name(),
                if i < l.n_inputs {
                    format!("input {i}")
                } else {
                    format!("weight {}", i - l.n_inputs)
                }
            );
        }
    }
}

#[test]
fn masks_are_handled_as_the_layer_says() {
    for case in Case::all().iter().filter(|c| !c.encodes()) {
        let first = &case.sample.inputs[0];
        if first.shape.first() != Some(&None) {
            continue;
        }
        let l = match case.lower(&case.values(&[0, 1, 2, 3, 4], T, false), Given::Masked) {
            Ok(l) => l,
            // As in Keras, a mask that does not fit the input may be an error.
            Err(e) => {
                assert!(e.to_string().contains("the mask must"), "{}: {e}", case.name());
                continue;
            }
        };
        match case.layer().rule().mask_rule() {
            MaskRule::Pass => assert!(l.masked.iter().all(|m| *m), "{}", case.name()),
            MaskRule::Drop => assert!(l.masked.iter().all(|m| !m), "{}", case.name()),
            MaskRule::Own => {}
        }
        if first.values != SampleValues::Floats || first.shape.len() != 2 {
            continue;
        }
        // Symbols know whether a mask comes out.
        let mut inputs: Vec<Symbol> = case.symbols().unwrap().0;
        inputs[0] = Masking::new(-9.0).call(&inputs[0]).unwrap();
        let outputs = case.layer().call_all(case.call(&inputs)).unwrap();
        let masked: Vec<bool> = outputs.iter().map(Symbol::is_masked).collect();
        assert_eq!(masked, l.masked, "{}", case.name());
    }
}

/// Outputs of a run by output: values, their dims, and lengths where sequences end.
fn outputs(l: &Lowered) -> Vec<(Tensor, Option<Vec<usize>>)> {
    let outs = interpret(&l.graph, &l.ins);
    let mut rest = outs[l.floats.len()..].iter().peekable();
    let mut all = vec![];
    while rest.next().is_some() {
        let y = rest.next().unwrap().clone();
        let lengths = rest.next_if(|t| t.dtype() == DType::I32);
        all.push((y, lengths.map(|t| t.to_f64().iter().map(|n| *n as usize).collect())));
    }
    all
}

/// Cases on sequences that a layer takes with unequal lengths, and cases that it refuses.
fn by_unequal_lengths() -> (Vec<Case>, Vec<Case>) {
    let cases = Case::all().into_iter().filter(|c| c.has_time());
    cases.partition(|c| match c.layer().rule().ragged_form() {
        RaggedForm::Refused => false,
        RaggedForm::ByTimestep(n) => c.sample.inputs.iter().all(|i| i.shape.len() + 1 >= n),
        RaggedForm::Padded | RaggedForm::Either => true,
    })
}

#[test]
fn unequal_lengths_give_what_each_sequence_gives_alone_in_f64() {
    let near = |a: f64, b: f64, tolerance: f64| (a - b).abs() <= tolerance * b.abs().max(1.0);
    for case in by_unequal_lengths().0.iter().filter(|c| !c.encodes()) {
        for given in [Given::Ending, Given::Packed] {
            let l = case.lower(&case.values(&[0, 1, 2, 3, 4], T, true), given).unwrap();
            let (d, y) = (interpret(&l.graph, &l.ins), outputs(&l));
            let mut sums: Vec<Vec<f64>> =
                l.floats.iter().map(|i| vec![0.0; l.ins[*i].n_elements()]).collect();
            for (s, &n) in LENGTHS.iter().enumerate() {
                let alone =
                    case.lower_from(s, &case.values(&[s], n, false), Given::Padded).unwrap();
                let (d_alone, y_alone) = (interpret(&alone.graph, &alone.ins), outputs(&alone));
                for ((y, lengths), (y_alone, _)) in y.iter().zip(&y_alone) {
                    let n_alone = y_alone.n_elements();
                    if let Some(lengths) = lengths {
                        assert_eq!(
                            lengths[s],
                            y_alone.dims[1],
                            "{}: timesteps of {n}",
                            case.name()
                        );
                    }
                    let of_sample = y.n_elements() / B;
                    let got = &y.to_f64()[s * of_sample..][..n_alone];
                    // The same sums in f64, the longer ones in another order.
                    let same = got.iter().zip(y_alone.to_f64()).all(|(a, b)| near(*a, b, 1e-12));
                    assert!(same, "{}: sequence {s}: {got:?} {:?}", case.name(), y_alone.to_f64());
                }
                for (k, &i) in l.floats.iter().enumerate() {
                    if i >= l.n_inputs {
                        sums[k].iter_mut().zip(d_alone[k].to_f64()).for_each(|(s, d)| *s += d);
                        continue;
                    }
                    let (all, own) = (d[k].to_f64(), d_alone[k].to_f64());
                    let dx = &all[s * all.len() / B..][..all.len() / B];
                    let same = dx.iter().zip(&own).all(|(a, b)| near(*a, *b, 1e-12));
                    assert!(same, "{}: gradient of sequence {s}", case.name());
                    let past = dx[own.len()..].iter().all(|d| *d == 0.0);
                    assert!(past, "{}: gradient past the end of {s}: {dx:?}", case.name());
                }
            }
            for (k, &i) in l.floats.iter().enumerate().filter(|(_, i)| **i >= l.n_inputs) {
                let same = sums[k].iter().zip(d[k].to_f64()).all(|(a, b)| near(*a, b, 1e-10));
                assert!(same, "{}: gradient of weight {}", case.name(), i - l.n_inputs);
            }
        }
    }
}

#[test]
fn unequal_lengths_predict_the_bits_of_each_sequence_alone() {
    let all: Vec<usize> = (0..B).collect();
    for case in by_unequal_lengths().0 {
        let mut model = case.model();
        let together = numbers_of_each(&predict(&mut model, &case.ragged(&all), 32).unwrap());
        let alone: Vec<Vec<f64>> = (0..B)
            .map(|s| numbers(&predict(&mut model, &case.ragged(&[s]), 32).unwrap()))
            .collect();
        for (s, alone) in alone.iter().enumerate() {
            let same = together[s].len() == alone.len()
                && together[s].iter().zip(alone).all(|(a, b)| a == b);
            assert!(same, "{}: sequence {s}: {:?} {alone:?}", case.name(), together[s]);
        }
    }
}

/// The numbers of each sample, output after output.
fn numbers_of_each(all: &[Data]) -> Vec<Vec<f64>> {
    let mut each = vec![vec![]; B];
    for d in all {
        for (s, numbers) in each.iter_mut().enumerate() {
            numbers.extend(self::numbers(&[d.take(&[s as u32]).unwrap()]));
        }
    }
    each
}

#[test]
fn a_layer_that_refuses_unequal_lengths_says_so_by_name() {
    let all: Vec<usize> = (0..B).collect();
    for case in by_unequal_lengths().1 {
        let mut model = case.model();
        let e = predict(&mut model, &case.ragged(&all), 32).unwrap_err().to_string();
        assert!(e.contains(case.class) && e.contains("equal-length"), "{}: {e}", case.name());
        // One at a time they need no ends.
        assert!(predict(&mut model, &case.ragged(&all[1..2]), 32).is_ok(), "{}", case.name());
    }
}

#[test]
fn a_saved_model_predicts_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    for (i, case) in Case::all().iter().enumerate() {
        let mut model = case.model();
        let path = folder.path().join(format!("{i}.keras"));
        model.save(&path).unwrap_or_else(|e| panic!("{}: {e}", case.name()));
        let mut again = Model::open(&path).unwrap_or_else(|e| panic!("{}: {e}", case.name()));
        assert_eq!(again.weights(), model.weights(), "{}", case.name());
        let x = case.dense(T);
        let (y, again) =
            (predict(&mut model, &x, 32).unwrap(), predict(&mut again, &x, 32).unwrap());
        assert_eq!(numbers(&y), numbers(&again), "{}", case.name());
    }
}

#[test]
fn batches_of_any_size_give_the_same_bits() {
    for case in Case::all() {
        let mut model = case.model();
        let x = case.dense(T);
        let whole = numbers(&predict(&mut model, &x, B).unwrap());
        for batch_size in [1, 2, 3] {
            let cut = numbers(&predict(&mut model, &x, batch_size).unwrap());
            assert_eq!(cut, whole, "{}: batches of {batch_size}", case.name());
        }
    }
}

/// A layer whose author forgot sequences of unequal length: it takes the mean over the timesteps
/// off each of them, and hands the mask on.
#[derive(Debug)]
struct Centered;

impl Layer for Centered {
    fn class(&self) -> &'static str {
        "Centered"
    }

    fn config(&self) -> Value {
        json!({})
    }

    fn weights(&self, _: &Call<Spec>) -> Result<WeightTree> {
        Ok(WeightTree::none())
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        _: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let x = cx.to_float(call.input()?.value);
        Ok(vec![(x - x.mean(&[1], true)).into()])
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Pass
    }
}

/// Sequences of 6 and 9 timesteps with 4 features.
fn two_sequences() -> Data {
    let of = |n: usize| Array::from(ArrayD::<f32>::from_elem(IxDyn(&[n, 4]), n as f32));
    Data::Ragged(Ragged::from_list([of(6), of(9)]).unwrap())
}

#[test]
fn a_layer_that_says_nothing_of_unequal_lengths_refuses_them() {
    let x = Input::new([None, Some(4)]);
    let mut model = Model::new(&x, &LayerRef::new(Centered).call(&x).unwrap()).unwrap();
    let e = predict(&mut model, &[two_sequences()], 32).unwrap_err().to_string();
    assert!(e.contains("Centered") && e.contains("equal-length"), "{e}");
}

#[test]
fn unequal_lengths_in_a_later_argument_are_refused_too() {
    let (first, x) = (Input::new([2, 4]), Input::new([None, Some(4)]));
    let append = cornu::Operation::new("Append", json!({"axis": 1})).unwrap();
    let arg = |s: &Symbol| Arg::Value(s.clone());
    let call = Call { args: vec![arg(&first), arg(&x)], kwargs: vec![] };
    let y = LayerRef::new(append).call(call).unwrap();
    let mut model = Model::new([&first, &x], &y).unwrap();
    let rows = Data::Dense(Array::from(ArrayD::<f32>::zeros(IxDyn(&[2, 2, 4]))));
    let e = predict(&mut model, &[rows, two_sequences()], 32).unwrap_err().to_string();
    assert!(e.contains("Append") && e.contains("equal-length"), "{e}");
}
