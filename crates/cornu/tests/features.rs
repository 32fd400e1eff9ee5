//! A build without features names the feature that is missing:
//! `cargo test -p cornu --no-default-features --test features`.
#![cfg(not(any(
    feature = "csv",
    feature = "float16",
    feature = "http",
    feature = "regex",
    feature = "safetensors"
)))]

use cornu::callbacks::{CSVLogger, Callback, RemoteMonitor};
use cornu::data::{self, Data};
use cornu::optimizers::AdamW;
use cornu::{Compile, Dense, Fit, Input, Model};

fn model() -> Model {
    let x = Input::new([1]);
    Model::new(&x, &Dense::new(1).call(&x).unwrap()).unwrap()
}

fn fails_to_train(callback: impl Callback + 'static) -> String {
    let mut model = model().compile(Compile::new("sgd", "mse")).unwrap();
    let fit = Fit::new().verbose(0).callback(callback);
    model.fit([[1.0f32]], [[1.0f32]], fit).unwrap_err().to_string()
}

#[test]
fn what_is_missing_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let table = dir.path().join("a.csv");
    let parts = [("x".to_owned(), Data::from([1.0f32]))];
    let e = data::write(&table, &parts).unwrap_err().to_string();
    assert!(e.contains("the feature `csv`"), "{e}");
    std::fs::write(&table, "f0\n1\n").unwrap();
    let e = data::read(&table).unwrap_err().to_string();
    assert!(e.contains("the feature `csv`"), "{e}");
    let e = fails_to_train(CSVLogger::new(dir.path().join("log.csv")));
    assert!(e.contains("`CSVLogger`") && e.contains("the feature `csv`"), "{e}");
    let e = fails_to_train(RemoteMonitor::new("http://localhost:9"));
    assert!(e.contains("`RemoteMonitor`") && e.contains("the feature `http`"), "{e}");
    let e = model().save_weights(dir.path().join("w.safetensors")).unwrap_err().to_string();
    assert!(e.contains("the feature `safetensors`"), "{e}");
    let adamw = AdamW::new(0.1).exclude_from_weight_decay(["bias"]);
    let e = model().compile(Compile::new(adamw, "mse")).map(drop).unwrap_err().to_string();
    assert!(e.contains("the feature `regex`"), "{e}");
}

#[test]
fn float16_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.npy");
    let header = "{'descr': '<f2', 'fortran_order': False, 'shape': (1,), }";
    let header = format!("{header:<117}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend([0, 60]);
    std::fs::write(&path, bytes).unwrap();
    let e = data::read(&path).unwrap_err().to_string();
    assert!(e.contains("the feature `float16`"), "{e}");
}
