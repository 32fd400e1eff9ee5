//! Models that read raw text, through the command: prediction, evaluation, training, explanation
//! and measurement.

use cornu::data::{Array, Data, read};
use std::path::{Path, PathBuf};
use std::process::Command;

fn fixture(name: &str) -> String {
    let path: PathBuf =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../cornu/tests/fixtures/text").join(name);
    path.display().to_string()
}

/// Runs the command in a folder and gives what it says.
fn cornu(folder: &Path, args: &[&str]) -> String {
    let out = Command::new(env!("CARGO_BIN_EXE_cornu"))
        .current_dir(folder)
        .args(args)
        .output()
        .expect("the command runs");
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

fn failed(folder: &Path, args: &[&str]) -> String {
    let out = Command::new(env!("CARGO_BIN_EXE_cornu"))
        .current_dir(folder)
        .args(args)
        .output()
        .expect("the command runs");
    assert_eq!(out.status.code(), Some(1), "{args:?}");
    String::from_utf8(out.stderr).unwrap()
}

/// An array of fixed-width characters as numpy writes one.
fn npy(path: &Path, descr: &str, width: usize, texts: &[&str]) {
    let header = format!(
        "{{'descr': '{descr}{width}', 'fortran_order': False, 'shape': ({},), }}",
        texts.len()
    );
    let padded = format!("{header}{}\n", " ".repeat((64 - (header.len() + 11) % 64) % 64));
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((padded.len() as u16).to_le_bytes());
    bytes.extend(padded.as_bytes());
    for text in texts {
        match descr {
            "<U" => (0..width).for_each(|i| {
                bytes.extend((text.chars().nth(i).unwrap_or('\0') as u32).to_le_bytes())
            }),
            _ => bytes.extend((0..width).map(|i| text.as_bytes().get(i).copied().unwrap_or(0))),
        }
    }
    std::fs::write(path, bytes).unwrap();
}

const TEXTS: [&str; 3] = ["The horn sounds, the horn calls!", "a hunt", "horn horn"];

#[test]
fn raw_text_of_every_format_predicts_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let p = dir.path();
    std::fs::write(
        p.join("x.jsonl"),
        TEXTS.map(|t| format!("{{\"text\": \"{t}\", \"label\": 1}}\n")).concat(),
    )
    .unwrap();
    std::fs::write(
        p.join("x.csv"),
        format!("text,label\n{}", TEXTS.map(|t| format!("\"{t}\",1\n")).concat()),
    )
    .unwrap();
    npy(&p.join("u.npy"), "<U", 40, &TEXTS);
    npy(&p.join("s.npy"), "|S", 40, &TEXTS);
    let predicted = |input: &str| {
        cornu(
            p,
            &[
                "predict",
                &fixture("sequence.keras"),
                "--input",
                input,
                "--output",
                "o.npy",
                "--batch-size",
                "2",
            ],
        );
        read(p.join("o.npy")).unwrap().inputs[0].1.clone()
    };
    let want = predicted("x.jsonl");
    assert_eq!(want.values().shape(), [3, 2]);
    assert!(want.values().to_f32().unwrap().iter().any(|v| *v != 0.0));
    ["x.csv", "u.npy", "s.npy"]
        .into_iter()
        .for_each(|input| assert_eq!(predicted(input), want, "{input}"));
}

#[test]
fn columns_named_after_inputs_are_those_inputs() {
    let dir = tempfile::tempdir().unwrap();
    let p = dir.path();
    let config = r#"{"class_name": "Functional", "config": {"name": "f", "layers": [
        {"class_name": "InputLayer", "name": "city", "inbound_nodes": [],
            "config": {"batch_shape": [null, 1], "dtype": "string", "name": "city"}},
        {"class_name": "InputLayer", "name": "age", "inbound_nodes": [],
            "config": {"batch_shape": [null, 1], "dtype": "float32", "name": "age"}},
        {"class_name": "StringLookup", "name": "s",
            "config": {"name": "s", "vocabulary": ["Ulm", "Bern"], "output_mode": "one_hot"},
            "inbound_nodes": [{"kwargs": {}, "args": [
                {"class_name": "__keras_tensor__", "config":
                    {"shape": [null, 1], "dtype": "string", "keras_history": ["city", 0, 0]}}
            ]}]},
        {"class_name": "Concatenate", "name": "c", "config": {"name": "c", "axis": -1},
            "inbound_nodes": [{"kwargs": {}, "args": [[
                {"class_name": "__keras_tensor__", "config":
                    {"shape": [null, 3], "dtype": "float32", "keras_history": ["s", 0, 0]}},
                {"class_name": "__keras_tensor__", "config":
                    {"shape": [null, 1], "dtype": "float32", "keras_history": ["age", 0, 0]}}
            ]]}]}],
        "input_layers": [["city", 0, 0], ["age", 0, 0]], "output_layers": [["c", 0, 0]]}}"#;
    std::fs::write(p.join("m.json"), config).unwrap();
    std::fs::write(p.join("t.csv"), "age,other,city,label\n3,1,Bern,0\n4.5,2,Rome,1\n").unwrap();
    std::fs::write(
        p.join("t.jsonl"),
        "{\"age\": [3], \"city\": [\"Bern\"]}\n{\"city\": [\"Rome\"], \"age\": [4.5]}\n",
    )
    .unwrap();
    for input in ["t.csv", "t.jsonl"] {
        cornu(p, &["predict", "m.json", "--input", input, "--output", "o.npy"]);
        let want = ndarray::array![[0f32, 0.0, 1.0, 3.0], [1.0, 0.0, 0.0, 4.5]];
        assert_eq!(
            read(p.join("o.npy")).unwrap().inputs[0].1,
            Data::from(Array::from(want)),
            "{input}"
        );
    }
    assert!(
        cornu(p, &["explain", "m.json", "--input", "t.csv"])
            .contains("Input `city` (None, 1) string")
    );
}

const RUN: &str = r#"
[data]
train = "train.csv"
test = "train.csv"

[model]
name = "mood"
input = [1]
input_dtype = "string"
layers = [
  { class = "TextVectorization", adapt = true, max_tokens = 20, output_sequence_length = 5 },
  { class = "Embedding", input_dim = 20, output_dim = 4, mask_zero = true },
  { class = "LSTM", units = 6 },
  { class = "Dense", units = 1, activation = "sigmoid" },
]

[compile]
optimizer = { class = "Adam", learning_rate = 0.05 }
loss = "binary_crossentropy"
metrics = ["accuracy"]

[fit]
batch_size = 4
epochs = 40
seed = 1
verbose = 0

[output]
model = "mood.keras"
"#;

#[test]
fn a_run_adapts_trains_and_saves_a_model_of_texts() {
    let dir = tempfile::tempdir().unwrap();
    let p = dir.path();
    let lines: String = [
        "a good horn",
        "good good call",
        "what a good day",
        "bad horn",
        "a bad bad day",
        "the call is bad",
        "so good",
        "so bad",
    ]
    .map(|t| format!("{t},{}\n", t.contains("good") as u8))
    .concat();
    std::fs::write(p.join("train.csv"), format!("text,label\n{lines}")).unwrap();
    std::fs::write(p.join("run.toml"), RUN).unwrap();
    let said = cornu(p, &["fit", "run.toml"]);
    assert!(said.contains("test accuracy: 1"), "{said}");
    let evaluated = cornu(p, &["evaluate", "mood.keras", "--input", "train.csv"]);
    assert!(evaluated.contains("accuracy: 1"), "{evaluated}");
    cornu(
        p,
        &[
            "fit",
            "mood.keras",
            "--input",
            "train.csv",
            "--epochs",
            "1",
            "--verbose",
            "0",
            "--output",
            "again.keras",
        ],
    );
    let inspected = cornu(p, &["inspect", "again.keras"]);
    assert!(inspected.contains("vocabulary.txt"), "{inspected}");
    let explained = cornu(p, &["explain", "mood.keras", "--input", "train.csv"]);
    assert!(
        explained.contains("8 samples of 1 string") && explained.contains("activations"),
        "{explained}"
    );
    let measured = cornu(p, &["bench", "mood.keras", "--batch-size", "8", "--steps", "2"]);
    assert!(measured.contains("training step") && measured.contains("prediction"), "{measured}");
}

#[test]
fn models_of_text_are_measured_on_words_they_know() {
    let dir = tempfile::tempdir().unwrap();
    for (model, timesteps) in [
        ("sequence", false),
        ("characters", true),
        ("tf_idf", false),
        ("lookups", false),
        ("crossed", false),
        ("read_twice", false),
    ] {
        let file = fixture(&format!("{model}.keras"));
        let mut args = vec!["bench", &file, "--batch-size", "4", "--steps", "2"];
        if timesteps {
            args.extend(["--timesteps", "7"]);
        }
        assert!(cornu(dir.path(), &args).contains("prediction"), "{model}");
        assert!(cornu(dir.path(), &["explain", &file]).contains("string"), "{model}");
    }
}

#[test]
fn numbers_for_text_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("x.csv"), "x0\n1\n2\n").unwrap();
    let e = failed(
        dir.path(),
        &["predict", &fixture("sequence.keras"), "--input", "x.csv", "--output", "o.npy"],
    );
    assert!(e.contains("input `text`: expected strings"), "{e}");
}
