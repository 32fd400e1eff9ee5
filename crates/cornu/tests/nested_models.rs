//! Models inside models: called on dicts, and with masks that the call tells.

use cornu::data::{Array, Data};
use cornu::{Model, Predict};
use ndarray::array;
use serde_json::{Value, json};

fn entry(name: &str, dims: Value, dtype: &str) -> Value {
    json!({
        "module": "keras.layers", "class_name": "InputLayer", "name": name, "inbound_nodes": [],
        "config": {"batch_shape": dims, "dtype": dtype, "name": name},
    })
}

fn tensor(name: &str, dims: Value) -> Value {
    json!({
        "class_name": "__keras_tensor__",
        "config": {"shape": dims, "dtype": "float32", "keras_history": [name, 0, 0]},
    })
}

fn functional(name: &str, layers: Vec<Value>, inputs: Value, outputs: Value) -> Value {
    json!({
        "module": "keras.src.models.functional", "class_name": "Functional", "name": name,
        "registered_name": "Functional",
        "config": {
            "name": name, "trainable": true, "layers": layers,
            "input_layers": inputs, "output_layers": outputs,
        },
    })
}

/// A model whose inner model takes `v` from `u`, called on i as `v` and k as `u`; what its calls
/// and entries look like is told.
fn k_less_i(inner_inputs: Value, call: Value) -> Value {
    let dims = json!([null, 2]);
    let subtract = json!({
        "module": "keras.layers", "class_name": "Subtract", "name": "less",
        "config": {"name": "less"},
        "inbound_nodes": [
            {"args": [[tensor("u", dims.clone()), tensor("v", dims.clone())]], "kwargs": {}},
        ],
    });
    let mut inner = functional(
        "inner",
        vec![entry("u", dims.clone(), "float32"), entry("v", dims.clone(), "float32"), subtract],
        inner_inputs,
        json!(["less", 0, 0]),
    );
    inner["inbound_nodes"] = json!([{"args": [call], "kwargs": {"mask": {"u": null, "v": null}}}]);
    let layers = vec![entry("i", dims.clone(), "float32"), entry("k", dims, "float32"), inner];
    functional("outer", layers, json!([["i", 0, 0], ["k", 0, 0]]), json!(["inner", 1, 0]))
}

#[test]
fn a_dict_finds_the_entries_of_an_inner_model() {
    let dims = || json!([null, 2]);
    let by_name = json!({"v": tensor("i", dims()), "u": tensor("k", dims())});
    let entries = [
        json!({"u": ["u", 0, 0], "v": ["v", 0, 0]}),
        json!([["u", 0, 0], ["v", 0, 0]]),
        json!([["v", 0, 0], ["u", 0, 0]]),
    ];
    for inner_inputs in entries {
        let config = k_less_i(inner_inputs, by_name.clone());
        let model = Model::from_json(&config).unwrap();
        let x: Vec<Data> =
            [array![[1f32, 2.0]], array![[5f32, 9.0]]].map(|a| Array::from(a).into()).to_vec();
        assert_eq!(
            model.predict(x, Predict::new()).unwrap().into_vec()[0],
            Array::from(array![[4f32, 7.0]]).into()
        );
        let written = model.as_layer().to_json();
        let node = written["config"]["layers"]
            .as_array()
            .unwrap()
            .iter()
            .find(|l| l["name"] == "inner")
            .unwrap();
        assert_eq!(node["inbound_nodes"][0]["args"][0], by_name);
    }
}

#[test]
fn a_mask_told_to_an_inner_model_reaches_its_layers() {
    let dims = || json!([null, 3, 1]);
    let average = json!({
        "module": "keras.layers", "class_name": "GlobalAveragePooling1D",
        "config": {"name": "average"},
    });
    let input = json!({
        "module": "keras.layers", "class_name": "InputLayer",
        "config": {"batch_shape": dims(), "dtype": "float32", "name": "steps"},
    });
    let nodes =
        json!([{"args": [tensor("x", dims())], "kwargs": {"mask": tensor("m", json!([null, 3]))}}]);
    let inner = json!({
        "module": "keras", "class_name": "Sequential", "name": "inner", "inbound_nodes": nodes,
        "config": {"name": "inner", "layers": [input, average]},
    });
    let layers = vec![entry("x", dims(), "float32"), entry("m", json!([null, 3]), "bool"), inner];
    let model = Model::from_json(&functional(
        "outer",
        layers,
        json!([["x", 0, 0], ["m", 0, 0]]),
        json!(["inner", 0, 0]),
    ))
    .unwrap();
    let x: Vec<Data> = vec![
        Array::from(array![[[1f32], [2.0], [6.0]]]).into(),
        Array::from(array![[true, true, false]]).into(),
    ];
    assert_eq!(
        model.predict(x, Predict::new()).unwrap().into_vec()[0],
        Array::from(array![[1.5f32]]).into()
    );
}
