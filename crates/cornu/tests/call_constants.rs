//! Constants in calls of layers, as Keras writes them: each gives what the same values give as an
//! input of the model.

use cornu::data::Data;
use cornu::{Model, Predict};
use ndarray::{Array, ArrayD, IxDyn};
use serde_json::{Value, json};

const B: usize = 3;
const T: usize = 4;

fn numbers(dims: &[usize], salt: usize) -> ArrayD<f32> {
    let mut k = salt;
    Array::from_shape_simple_fn(IxDyn(dims), || {
        k += 1;
        ((k * 7 + k * k) % 11) as f32 / 6.0 - 0.8
    })
}

fn truths(dims: &[usize]) -> ArrayD<f32> {
    let mut k = 0;
    Array::from_shape_simple_fn(IxDyn(dims), || {
        k += 1;
        f32::from(k % 5 != 0)
    })
}

/// An array as nested lists.
fn nested(a: &ArrayD<f32>) -> Value {
    if a.ndim() == 0 {
        return json!(a.first());
    }
    a.outer_iter().map(|row| nested(&row.to_owned())).collect()
}

fn keras_tensor(name: &str, shape: &[usize]) -> Value {
    let shape: Vec<Value> =
        std::iter::once(Value::Null).chain(shape[1..].iter().map(|n| json!(n))).collect();
    let config = json!({"shape": shape, "dtype": "float32", "keras_history": [name, 0, 0]});
    json!({"class_name": "__keras_tensor__", "config": config})
}

fn input(name: &str, shape: &[usize], dtype: &str) -> Value {
    let shape: Vec<Value> =
        std::iter::once(Value::Null).chain(shape[1..].iter().map(|n| json!(n))).collect();
    let config = json!({"name": name, "batch_shape": shape, "dtype": dtype});
    json!({"class_name": "InputLayer", "config": config, "name": name, "inbound_nodes": []})
}

/// A model of a layer called on `x` and a second array, which is a constant or an input.
fn model(case: &Case, second: Option<&ArrayD<f32>>) -> Model {
    let dims = &case.second_dims;
    let array = match second {
        Some(values) => {
            let config = json!({"value": nested(values), "dtype": case.dtype});
            json!({"class_name": "__tensor__", "config": config})
        }
        None => keras_tensor("second", dims),
    };
    let x = keras_tensor("x", &[B, T, 6]);
    let (args, kwargs) = (case.call)(&x, &array);
    let config = json!({
        "class_name": case.class, "name": "layer", "config": case.config,
        "inbound_nodes": [{"args": args, "kwargs": kwargs}],
    });
    let mut layers = vec![input("x", &[B, T, 6], "float32")];
    let mut inputs = vec![json!(["x", 0, 0])];
    if second.is_none() {
        layers.push(input("second", dims, case.dtype));
        inputs.push(json!(["second", 0, 0]));
    }
    layers.push(config);
    let config = json!({
        "name": "m", "layers": layers, "input_layers": inputs, "output_layers": ["layer", 0, 0],
    });
    Model::from_json(&json!({"class_name": "Functional", "config": config})).unwrap()
}

struct Case {
    class: &'static str,
    config: Value,
    second_dims: Vec<usize>,
    dtype: &'static str,
    call: fn(&Value, &Value) -> (Value, Value),
}

fn cases() -> Vec<Case> {
    let units = |n: usize| json!({"units": n, "return_sequences": true});
    let heads = json!({"num_heads": 2, "key_dim": 3});
    let groups = json!({"head_dim": 3, "num_query_heads": 2, "num_key_value_heads": 1});
    let case = |class, config: &Value, second_dims: &[usize], dtype, call| Case {
        class,
        config: config.clone(),
        second_dims: second_dims.to_vec(),
        dtype,
        call,
    };
    let none = json!({});
    let as_mask: fn(&Value, &Value) -> (Value, Value) = |x, m| (json!([x]), json!({"mask": m}));
    let as_state: fn(&Value, &Value) -> (Value, Value) =
        |x, s| (json!([x]), json!({"initial_state": s}));
    let as_pair: fn(&Value, &Value) -> (Value, Value) = |x, y| (json!([[x, y]]), json!({}));
    let to_attend: fn(&Value, &Value) -> (Value, Value) =
        |x, m| (json!([x, x]), json!({"attention_mask": m}));
    vec![
        case("LSTM", &units(5), &[B, T], "bool", as_mask),
        case("GRU", &units(5), &[B, T], "bool", as_mask),
        case("SimpleRNN", &units(5), &[B, T], "bool", as_mask),
        case("GlobalAveragePooling1D", &none, &[B, T], "bool", as_mask),
        case("GRU", &units(5), &[B, 5], "float32", as_state),
        case("SimpleRNN", &units(5), &[B, 5], "float32", as_state),
        case("MultiHeadAttention", &heads, &[B, T, T], "bool", to_attend),
        case("GroupQueryAttention", &groups, &[B, T, T], "bool", to_attend),
        case("Add", &none, &[B, T, 6], "float32", as_pair),
        case("Subtract", &none, &[B, T, 6], "float32", as_pair),
        case("Multiply", &none, &[B, T, 6], "float32", as_pair),
        case("Maximum", &none, &[B, T, 6], "float32", as_pair),
        case("Concatenate", &none, &[B, T, 2], "float32", as_pair),
        case("Dot", &json!({"axes": 1}), &[B, T, 2], "float32", as_pair),
        case("Attention", &none, &[B, T, 6], "float32", as_pair),
        case("AdditiveAttention", &none, &[B, T, 6], "float32", as_pair),
        case("MultiHeadAttention", &heads, &[B, T, 6], "float32", |x, y| {
            (json!([x, y]), json!({}))
        }),
        case("Attention", &none, &[B, T], "bool", |x, m| {
            (json!([[x, x]]), json!({"mask": [null, m]}))
        }),
        case("Softmax", &none, &[B, T, 6], "bool", as_mask),
        case("BatchNormalization", &none, &[B, T], "bool", as_mask),
    ]
}

#[test]
fn a_constant_gives_what_an_input_of_its_values_gives() {
    let x = numbers(&[B, T, 6], 1);
    for case in cases() {
        let second = match case.dtype {
            "bool" => truths(&case.second_dims),
            _ => numbers(&case.second_dims, 40),
        };
        let symbolic = model(&case, None);
        let constant = model(&case, Some(&second));
        constant.set_weights(&symbolic.weights()).unwrap();
        let second = match case.dtype {
            "bool" => Data::from(second.mapv(|v| v != 0.0)),
            _ => Data::from(second),
        };
        let of =
            |m: &Model, x: Vec<Data>| m.predict(x, Predict::new()).unwrap().into_vec().remove(0);
        let got = of(&constant, vec![Data::from(x.clone())]);
        assert_eq!(got, of(&symbolic, vec![Data::from(x.clone()), second]), "{}", case.class);
        // What was read is written again.
        let again = Model::from_json(&constant.to_json()).unwrap();
        again.set_weights(&constant.weights()).unwrap();
        assert_eq!(of(&again, vec![Data::from(x.clone())]), got, "{} again", case.class);
    }
}

#[test]
fn a_constant_of_one_row_stands_for_every_sample() {
    let one = numbers(&[1, T, 6], 40);
    let repeated = one.broadcast(IxDyn(&[B, T, 6])).unwrap().to_owned();
    let x = Data::from(numbers(&[B, T, 6], 1));
    let of = |m: &Model| m.predict(&x, Predict::new()).unwrap().into_vec();
    for mut case in cases().into_iter().filter(|c| ["Add", "Multiply"].contains(&c.class)) {
        let want = of(&model(&case, Some(&repeated)));
        case.second_dims[0] = 1;
        assert_eq!(of(&model(&case, Some(&one))), want, "{}", case.class);
    }
}

#[test]
fn constants_beside_sequences_of_unequal_length_are_refused() {
    let case = &cases()[0];
    let mut case = Case { config: case.config.clone(), second_dims: vec![2, T], ..*case };
    case.class = "LSTM";
    let m = model(&case, Some(&truths(&[2, T])));
    let mut config = m.to_json();
    config["config"]["layers"][0]["config"]["batch_shape"] = json!([null, null, 6]);
    let open = Model::from_json(&config).unwrap();
    let series = [2, 4].map(|n| cornu::data::Array::from(numbers(&[n, 6], n)));
    let x = cornu::data::Ragged::from_list(series).unwrap();
    let error = open.predict(&x, Predict::new()).unwrap_err().to_string();
    assert!(error.contains("`layer`") && error.contains("constant"), "{error}");
}
