//! Models that Keras 2 saved, `.h5` and `.keras`: they open, and predict what Keras 2 predicted.
//!
//! The files are made by `python/make_keras2.py`.

use cornu::data::{Data, read};
use cornu::{Model, Predict};
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/keras2")
}

fn arrays(name: &str, kind: &str) -> Vec<Data> {
    let paths =
        (0..).map(|i| folder().join(format!("{name}_{kind}{i}.npy"))).take_while(|p| p.exists());
    paths.map(|p| read(p).unwrap().inputs.remove(0).1).collect()
}

fn check(name: &str) {
    let (x, want) = (arrays(name, "x"), arrays(name, "y"));
    assert!(!want.is_empty(), "{name} has outputs");
    for ending in ["h5", "keras"] {
        let model = Model::open(folder().join(format!("{name}.{ending}")))
            .unwrap_or_else(|e| panic!("{name}.{ending}: {e}"));
        for (got, want) in
            model.predict(&x[..], Predict::new()).unwrap().into_vec().iter().zip(&want)
        {
            let (got, want) = (got.values().to_f32().unwrap(), want.values().to_f32().unwrap());
            assert_eq!(got.shape(), want.shape(), "{name}.{ending}");
            let worst = got.iter().zip(&want).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            // Rounding of float32 in another order of additions.
            assert!(worst < 1e-5, "{name}.{ending}: {worst}");
        }
    }
}

#[test]
fn recurrent_models() {
    ["seq", "bidi", "mask", "cells", "encdec"].into_iter().for_each(check);
}

#[test]
fn graphs_and_other_layers() {
    ["func", "conv", "nested", "mha"].into_iter().for_each(check);
}
