//! What is said of files written here.

use super::*;
use crate::{Compile, Dense, Input, Lstm};
use serde_json::json;

fn small() -> crate::CompiledModel {
    let inputs = Input::new([4, 2]);
    let x = Lstm::new(3).call(&inputs).unwrap();
    Model::new(&inputs, &Dense::new(1).call(&x).unwrap())
        .unwrap()
        .compile(Compile::new("adam", "mse"))
        .unwrap()
}

#[test]
fn a_keras_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.keras");
    small().save(&path).unwrap();
    let i = inspect(&path).unwrap();
    let m = i.model.as_ref().unwrap();
    assert_eq!(
        (m.class.as_str(), m.name.as_str(), m.unknown.len()),
        ("Functional", "functional", 0)
    );
    assert_eq!(
        m.classes,
        [("Dense".to_string(), 1), ("InputLayer".to_string(), 1), ("LSTM".to_string(), 1)]
    );
    let shapes: Vec<(&str, &[usize], Option<&str>)> =
        i.weights.iter().map(|w| (w.path.as_str(), w.shape.as_slice(), w.of.as_deref())).collect();
    assert!(
        shapes.contains(&("layers/lstm/cell/vars/0", &[2, 12], Some("lstm_cell"))),
        "{shapes:?}"
    );
    assert!(shapes.contains(&("layers/dense/vars/1", &[1], Some("dense"))), "{shapes:?}");
    // Iteration, learning rate, two moments of each of the five weights.
    assert_eq!(i.optimizer.len(), 12);
    assert_eq!(i.compiled.as_ref().unwrap().optimizer, "Adam");
    assert_eq!((i.refused.as_deref(), i.legacy.len()), (None, 0));
    assert!(i.to_string().starts_with("a whole model (.keras)\n  Keras      3.15.1\n"));
}

#[test]
fn weights_alone() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["w.weights.h5", "w.safetensors"] {
        let path = dir.path().join(name);
        small().save_weights(&path).unwrap();
        let i = inspect(&path).unwrap();
        assert_eq!((i.weights.len(), i.optimizer.len(), i.model), (5, 0, None), "{name}");
    }
    assert!(inspect(dir.path().join("w.txt")).unwrap_err().to_string().contains(".safetensors"));
}

#[test]
fn legacy_settings_are_named() {
    let config = json!({"class_name": "Sequential", "config": {"name": "s", "layers": [
        {"class_name": "InputLayer", "config": {
            "batch_input_shape": [null, 4, 2], "name": "input_1", "ragged": false,
        }},
        {"class_name": "LSTM", "config": {
            "name": "lstm", "units": 3, "time_major": false, "implementation": 2,
        }},
        {"class_name": "Swirl", "config": {"name": "swirl"}},
    ]}});
    let (notes, _) = older::legacy_of_config(&config, &Origin::of(Some("2.9.0"), None, None));
    assert_eq!(notes[0], "classes without a module, found by their name");
    assert!(
        notes.contains(&"`batch_input_shape`, read as `batch_shape` (`input_1`)".to_string()),
        "{notes:?}"
    );
    assert!(
        notes.contains(&"`implementation`, a hint for speed, left out (`lstm`)".to_string()),
        "{notes:?}"
    );
    assert!(!notes.iter().any(|n| n.contains("time_major")), "{notes:?}");
    assert_eq!(architecture(&config).unknown, ["Swirl"]);
}
