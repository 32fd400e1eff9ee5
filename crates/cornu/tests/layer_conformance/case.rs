//! A layer of the list with one of its samples: the layer, a model of it, data for it.

use cornu::Symbol;
use cornu::data::{Array, Data, Ragged};
use cornu::extend::*;
use cornu::{Input, Model, Predict, Result};
use ndarray::{ArrayD, Axis, IxDyn};
use serde_json::{Value, json};

/// Samples of a batch, timesteps of a rectangle, and the lengths of a batch of unequal ones.
pub const B: usize = 5;
pub const T: usize = 9;
pub const LENGTHS: [usize; B] = [6, 9, 4, 7, 7];
/// Packed rows: more than the sequences have timesteps.
pub const N: usize = 36;

/// One layer of the list with one of its samples.
pub struct Case {
    pub class: &'static str,
    pub sample: Sample,
}

impl Case {
    pub fn all() -> Vec<Case> {
        let samples = Sample::of_layers().into_iter();
        samples
            .flat_map(|(class, all)| all.into_iter().map(move |s| Case { class, sample: s }))
            .collect()
    }

    pub fn json(&self) -> Value {
        json!({"class_name": self.class, "config": self.sample.config})
    }

    pub fn layer(&self) -> LayerRef {
        LayerRef::from_json(&self.json(), &Registry::new())
            .unwrap_or_else(|e| panic!("{}: {e}", self.name()))
    }

    /// The layer with all layers inside it in f64.
    pub fn layer_in_f64(&self) -> LayerRef {
        LayerRef::from_json(&in_f64(&self.json()), &Registry::new()).unwrap()
    }

    pub fn name(&self) -> String {
        format!("{} {}", self.class, self.sample.config)
    }

    /// The layer reads raw data before the graph runs.
    pub fn encodes(&self) -> bool {
        self.layer().rule().as_encoder().is_some()
    }

    /// Inputs with an axis of time.
    pub fn has_time(&self) -> bool {
        self.sample.inputs.iter().any(|i| i.shape.contains(&None))
    }

    /// A call on one value for each input of the sample.
    pub fn call<V: Clone>(&self, values: &[V]) -> Call<V> {
        let mut first = vec![];
        let mut keywords = vec![];
        for (input, v) in self.sample.inputs.iter().zip(values) {
            match input.keyword {
                Some(name) => keywords.push((name.to_string(), Arg::Value(v.clone()))),
                None => first.push(v.clone()),
            }
        }
        let call = if let [one] = &first[..] { Call::one(one.clone()) } else { Call::list(first) };
        Call::new(call.args, keywords)
    }

    /// Symbols of the inputs and of the outputs.
    pub fn symbols(&self) -> Result<(Vec<Symbol>, Vec<Symbol>)> {
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
    pub fn model(&self) -> Model {
        let (inputs, outputs) = self.symbols().unwrap_or_else(|e| panic!("{}: {e}", self.name()));
        Model::new(&inputs[..], &outputs[..]).unwrap_or_else(|e| panic!("{}: {e}", self.name()))
    }

    /// Data of sample `s` for input `i`, with `t` timesteps.
    pub fn data_of(&self, i: usize, s: usize, t: usize) -> Array {
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
    pub fn dense(&self, t: usize) -> Vec<Data> {
        (0..self.sample.inputs.len())
            .map(|i| {
                Data::Dense(stacked(&(0..B).map(|s| self.data_of(i, s, t)).collect::<Vec<_>>()))
            })
            .collect()
    }

    /// Some of the samples with lengths of their own.
    pub fn ragged(&self, samples: &[usize]) -> Vec<Data> {
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
pub fn in_f64(v: &Value) -> Value {
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

pub fn stacked(arrays: &[Array]) -> Array {
    pub fn stack<T: Clone>(all: Vec<&ArrayD<T>>) -> ArrayD<T> {
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

pub fn numbers(all: &[Data]) -> Vec<f64> {
    all.iter().flat_map(|d| d.values().to_f64().unwrap().into_iter()).collect()
}

pub fn predict(model: &Model, x: &[Data], batch_size: usize) -> Result<Vec<Data>> {
    Ok(model.predict(x, Predict::new().batch_size(batch_size))?.into_vec())
}
