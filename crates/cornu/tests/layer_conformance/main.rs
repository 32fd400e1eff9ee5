//! Every layer of the list on each of its samples: config, shapes, weights, gradient, masks,
//! sequences of unequal length, files and batches. A layer that is added is covered with no new
//! test code.

mod case;
mod lowered;
mod unequal_lengths;

use case::*;
use cornu::Model;
use cornu::Symbol;
use cornu::extend::*;
use cornu::layers::*;
use cornu_ir::op::sample_numbers;
use cornu_ir::{DType, Dim, Spec, Tensor, interpret::interpret};
use lowered::*;
use std::collections::HashSet;

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
        let again = LayerRef::from_json(&written, &Registry::new()).unwrap();
        assert_eq!(again.to_json(), written, "{}", case.name());
        assert_eq!(again.class(), case.class, "{}", case.name());
    }
}

#[test]
fn symbols_have_the_shapes_of_the_values() {
    for case in Case::all() {
        let (_, symbols) = case.symbols().unwrap_or_else(|e| panic!("{}: {e}", case.name()));
        let y = predict(&case.model(), &case.dense(T), 32)
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
                paths.insert((group.to_string(), w.name.clone())),
                "{}: {group}/{}",
                case.name(),
                w.name
            );
        });
        assert_eq!(model.variables().len(), n, "{}", case.name());
        assert_eq!(model.weights().iter().map(cornu::data::Array::len).sum::<usize>(), n_params);
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
            layer.weight_tree(&specs(Some(T))).unwrap(),
            layer.weight_tree(&specs(None)).unwrap(),
            "{}",
            case.name()
        );
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

#[test]
fn a_saved_model_predicts_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    for (i, case) in Case::all().iter().enumerate() {
        let model = case.model();
        let path = folder.path().join(format!("{i}.keras"));
        model.save(&path).unwrap_or_else(|e| panic!("{}: {e}", case.name()));
        let again = Model::open(&path).unwrap_or_else(|e| panic!("{}: {e}", case.name()));
        assert_eq!(again.weights(), model.weights(), "{}", case.name());
        let x = case.dense(T);
        let (y, again) = (predict(&model, &x, 32).unwrap(), predict(&again, &x, 32).unwrap());
        assert_eq!(numbers(&y), numbers(&again), "{}", case.name());
    }
}

#[test]
fn batches_of_any_size_give_the_same_bits() {
    for case in Case::all() {
        let model = case.model();
        let x = case.dense(T);
        let whole = numbers(&predict(&model, &x, B).unwrap());
        for batch_size in [1, 2, 3] {
            let cut = numbers(&predict(&model, &x, batch_size).unwrap());
            assert_eq!(cut, whole, "{}: batches of {batch_size}", case.name());
        }
    }
}
