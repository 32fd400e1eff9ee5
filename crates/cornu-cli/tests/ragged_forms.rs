//! Series of unequal length through the command in each form of file: the same results, in the
//! order given, empty ones among them.

use cornu::data::{Array, Data, Ragged, read, write};
use cornu::{Compile, Dense, Input, LayerRef, Lstm, Masking, Model};
use ndarray::Array2;
use std::path::Path;
use std::process::{Command, Output};

fn cornu(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cornu"))
        .current_dir(folder)
        .args(args)
        .output()
        .expect("the command runs")
}

fn done(folder: &Path, args: &[&str]) -> (String, String) {
    let out = cornu(folder, args);
    let err = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success(), "{args:?}: {err}");
    (String::from_utf8_lossy(&out.stdout).into_owned(), err)
}

fn series(lengths: &[usize]) -> Ragged {
    let number =
        |s: usize, t: usize, f: usize| ((s * 31 + t * 7 + f * 3) % 17) as f64 / 8.0 + 0.125;
    Ragged::from_list(lengths.iter().enumerate().map(|(s, &n)| {
        Array::from(Array2::from_shape_fn((n, 2), |(t, f)| number(s, t, f)).into_dyn())
    }))
    .unwrap()
}

/// A folder with two models, by series and by timestep, and their targets.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let model = |sequences: bool, name: &str| {
        let layers = vec![
            LayerRef::new(Masking::new(0.0)),
            LayerRef::new(Lstm::new(4).return_sequences(sequences)),
            LayerRef::new(Dense::new(3).activation("softmax")),
        ];
        let model = Model::sequential(&Input::new([None, Some(2)]), layers).unwrap();
        model
            .compile(Compile::new("sgd", "sparse_categorical_crossentropy"))
            .unwrap()
            .save(dir.path().join(name))
            .unwrap();
    };
    model(false, "series.keras");
    model(true, "steps.keras");
    dir
}

const LENGTHS: [usize; 5] = [4, 1, 7, 3, 7];

#[test]
fn every_form_gives_the_same() {
    let dir = folder();
    let p = dir.path();
    let mut results: Vec<(Data, Data)> = vec![];
    for ext in ["jsonl", "npz", "csv"] {
        let file = format!("x.{ext}");
        write(p.join(&file), &[("x".into(), Data::Ragged(series(&LENGTHS)))]).unwrap();
        done(p, &["predict", "series.keras", "--input", &file, "--output", "y.npy"]);
        done(
            p,
            &[
                "predict",
                "steps.keras",
                "--input",
                &file,
                "--output",
                "steps.npz",
                "--batch-size",
                "2",
            ],
        );
        let one = |name: &str| {
            let loaded = read(p.join(name)).unwrap();
            loaded.inputs.into_iter().chain(loaded.targets).next().unwrap().1
        };
        results.push((one("y.npy"), one("steps.npz")));
    }
    assert_eq!(results[0].0.n_samples(), 5);
    assert_eq!(results[0].1.lengths().unwrap(), LENGTHS);
    assert_eq!(results[0], results[1]);
    assert_eq!(results[0], results[2]);
}

#[test]
fn targets_by_series_and_by_timestep_are_learned() {
    let dir = folder();
    let p = dir.path();
    let lines: String = LENGTHS
        .iter()
        .enumerate()
        .map(|(s, &n)| {
            let x: Vec<String> = (0..n).map(|t| format!("[{}, {}]", s + t, t)).collect();
            let y: Vec<String> = (0..n).map(|t| ((s + t) % 3).to_string()).collect();
            format!(
                "{{\"x\": [{}], \"label\": {}, \"steps\": [{}]}}\n",
                x.join(", "),
                s % 3,
                y.join(", ")
            )
        })
        .collect();
    std::fs::write(p.join("series.jsonl"), lines.replace(", \"steps\": ", ", \"_\": ")).unwrap();
    std::fs::write(
        p.join("steps.jsonl"),
        lines.replace("\"label\": ", "\"_\": ").replace("\"steps\"", "\"label\""),
    )
    .unwrap();
    let fit = ["fit", "series.keras", "--input", "series.jsonl", "--batches", "bucket"];
    let (_, err) = done(p, &[&fit[..], &["--batch-size", "2", "--epochs", "2"]].concat());
    assert!(!err.contains("padding"), "{err}");
    let explain = ["explain", "series.keras", "--input", "series.jsonl", "--batches", "bucket"];
    let (said, _) = done(p, &[&explain[..], &["--batch-size", "2"]].concat());
    let costs: Vec<&str> = said.lines().filter(|l| l.ends_with("padding")).collect();
    assert!(costs[0].starts_with("  bucket ") && costs[0].contains("3 steps"), "{said}");
    assert!(said.contains("22 timesteps together"), "{said}");
    for maker in ["as-they-come", "shuffle", "equal-length", "token-budget(", "batch-size-1"] {
        assert!(costs.iter().any(|l| l.trim().starts_with(maker)), "{maker}: {said}");
    }
    let whole =
        ["fit", "steps.keras", "--input", "steps.jsonl", "--epochs", "2", "--output", "a.keras"];
    done(p, &whole);
    let cut = [
        "fit",
        "steps.keras",
        "--input",
        "steps.jsonl",
        "--epochs",
        "2",
        "--tbptt",
        "2",
        "--output",
        "b.keras",
    ];
    done(p, &cut);
    let evaluated = |model: &str, by: &str| {
        done(
            p,
            &["evaluate", model, "--input", "steps.jsonl", "--batch-size", "1", "--epoch-loss", by],
        )
        .0
    };
    assert_ne!(
        evaluated("a.keras", "timesteps"),
        evaluated("b.keras", "timesteps"),
        "truncated gradients lead elsewhere"
    );
    assert_ne!(
        evaluated("a.keras", "timesteps"),
        evaluated("a.keras", "keras"),
        "a mean over timesteps is not one over batches"
    );
    let out = cornu(p, &["fit", "steps.keras", "--input", "steps.jsonl", "--tbptt", "0"]);
    assert_eq!(out.status.code(), Some(2));
}

#[test]
fn empty_series_keep_their_place() {
    let dir = folder();
    let p = dir.path();
    std::fs::write(
        p.join("x.jsonl"),
        "{\"x\": [[1, 2], [3, 4]]}\n{\"x\": []}\n{\"x\": [[5, 6]]}\n",
    )
    .unwrap();
    done(p, &["predict", "series.keras", "--input", "x.jsonl", "--output", "y.npy"]);
    let y = read(p.join("y.npy")).unwrap();
    assert_eq!(y.inputs.into_iter().chain(y.targets).next().unwrap().1.n_samples(), 3);
}

/// The series of the example learned as they are, and padded behind a mask: the same steps to the
/// last digits that rounding leaves.
#[test]
fn real_series_learn_as_they_are_what_they_learn_padded() {
    let dir = tempfile::tempdir().unwrap();
    let data =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/japanese-vowels/train.jsonl");
    let run = |pad: &str| {
        let text = format!(
            r#"
            [data]
            train = {data:?}
            {pad}
            [model]
            input = [0, 12]
            layers = [
                {{ class = "Masking" }},
                {{ class = "LSTM", units = 20 }},
                {{ class = "Dense", units = 9, activation = "softmax" }},
            ]
            [compile]
            optimizer = {{ class = "Adam", learning_rate = 0.003 }}
            loss = "sparse_categorical_crossentropy"
            [fit]
            batch_size = 16
            epochs = 3
            seed = 1
            [output]
            history = "h.json"
            "#
        );
        std::fs::write(dir.path().join("run.toml"), text).unwrap();
        done(dir.path(), &["fit", "run.toml"]);
        let history: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(dir.path().join("h.json")).unwrap())
                .unwrap();
        history["loss"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect::<Vec<_>>()
    };
    let (own, padded) = (run(""), run("pad = 0.0"));
    assert!(own.len() == 3 && own[2] < own[0], "{own:?}");
    own.iter()
        .zip(&padded)
        .for_each(|(a, b)| assert!((a - b).abs() < 1e-5, "{own:?} against {padded:?}"));
}
