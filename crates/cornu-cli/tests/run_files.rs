//! RUN.toml and the flags beside it: what is given is used.

mod running;

use cornu::Model;
use cornu::data::{Array, Data, write};
use ndarray::{Array1, Array2};
use running::{refused, run, said};
use std::path::Path;

const RUN: &str = r#"[data]
train = "train.npz"

[model]
input = [2]
layers = [{ class = "Dense", units = 1 }]

[compile]
optimizer = "sgd"
loss = "mse"

[fit]
epochs = 3
verbose = 0

[output]
model = "out/m.keras"
history = "out/h.json"

[[callbacks]]
class = "CSVLogger"
filename = "log.csv"
"#;

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let p = dir.path();
    let x = Array2::from_shape_fn((8, 2), |(i, j)| (i + j) as f32 / 8.0);
    let y = Array1::from_shape_fn(8, |i| i as f32 / 8.0);
    npy(p, "x.npy", x.clone().into_dyn());
    npy(p, "y.npy", y.clone().into_dyn());
    npy(p, "ones.npy", Array1::<f32>::ones(8).into_dyn());
    npy(p, "w.npy", Array1::from_shape_fn(8, |i| (i % 2) as f32 * 2.0).into_dyn());
    let parts = [("x".to_string(), Data::from(x)), ("y".to_string(), Data::from(y))];
    write(p.join("train.npz"), &parts).unwrap();
    std::fs::write(p.join("RUN.toml"), RUN).unwrap();
    dir
}

fn npy(folder: &Path, name: &str, array: impl Into<Array>) {
    write(folder.join(name), &[("x".into(), Data::Dense(array.into()))]).unwrap();
}

fn losses(folder: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(folder.join("out/h.json")).unwrap();
    serde_json::from_str::<serde_json::Value>(&text).unwrap()
}

#[test]
fn each_flag_goes_before_the_file() {
    let dir = folder();
    let p = dir.path();
    said(p, &["fit", "RUN.toml"]);
    let plain = losses(p);
    assert_eq!(plain["loss"].as_array().unwrap().len(), 3);
    let n = |args: &[&str]| {
        said(p, &[&["fit", "RUN.toml"], args].concat());
        losses(p)
    };
    assert_eq!(n(&["--epochs", "2"])["loss"].as_array().unwrap().len(), 2);
    assert_ne!(n(&["--no-shuffle", "--batch-size", "3"]), n(&["--batch-size", "3"]));
    assert!(n(&["--validation-split", "0.25"])["val_loss"].is_array());
    assert_ne!(n(&["--target", "ones.npy"]), plain);
    assert_eq!(n(&["--input", "x.npy", "--target", "y.npy"]), plain);
    assert_ne!(n(&["--sample-weight", "w.npy"]), plain);
    let told = run(p, &["fit", "RUN.toml", "--verbose", "2"]).err;
    assert!(told.contains("Epoch 3/3"), "{told}");
    said(p, &["fit", "RUN.toml", "--plot", "out/h.svg", "--output", "other.keras"]);
    assert!(p.join("out/h.svg").is_file() && p.join("other.keras").is_file());
    let told = refused(p, &["fit", "RUN.toml", "--epochs", "0"], 2);
    assert!(told.contains("--epochs: must be at least 1"), "{told}");
    let told = refused(p, &["fit", "RUN.toml", "--output", "-"], 2);
    assert!(told.contains("--output: this cannot go to standard output"), "{told}");
    let told = refused(p, &["fit", "RUN.toml", "--output", "m.h5"], 1);
    assert!(told.contains("--output: the name must end in .keras"), "{told}");
    let told = refused(p, &["fit", "RUN.toml", "--output", "train.npz"], 1);
    assert!(told.contains("train.npz is read by this run"), "{told}");
}

#[test]
fn inputs_of_a_flag_and_targets_of_the_file_do_not_mix() {
    let dir = folder();
    let p = dir.path();
    let text = RUN.replace("\"train.npz\"", "\"x.npy\"\ntrain_target = \"y.npy\"");
    std::fs::write(p.join("RUN.toml"), text).unwrap();
    let told = refused(p, &["fit", "RUN.toml", "--input", "train.npz"], 1);
    assert!(told.contains("line 3: ") && told.contains("give --target, too"), "{told}");
}

#[test]
fn paths_of_callbacks_follow_the_file() {
    let dir = folder();
    let elsewhere = tempfile::tempdir().unwrap();
    let file = dir.path().join("RUN.toml").display().to_string();
    said(elsewhere.path(), &["fit", &file]);
    assert!(dir.path().join("log.csv").is_file() && dir.path().join("out/m.keras").is_file());
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

#[test]
fn a_dry_run_checks_and_writes_nothing() {
    let dir = folder();
    let p = dir.path();
    let told = said(p, &["fit", "RUN.toml", "--dry-run"]);
    for words in ["dense (Dense)", "8 samples, 3 epoch(s)", "model would be saved to out/m.keras"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let told = said(p, &["fit", "RUN.toml", "--dry-run", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["would_write"]["history"], "out/h.json");
    assert!(!p.join("out").exists() && !p.join("log.csv").exists());
    npy(p, "short.npy", Array1::<f32>::ones(7).into_dyn());
    refused(p, &["fit", "RUN.toml", "--dry-run", "--target", "short.npy"], 1);
}

#[test]
fn events_are_lines_of_json() {
    let dir = folder();
    let told = said(dir.path(), &["fit", "RUN.toml", "--json"]);
    let events: Vec<serde_json::Value> =
        told.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let kinds: Vec<&str> = events.iter().map(|e| e["event"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["start", "epoch", "epoch", "epoch", "saved", "saved", "end"]);
    assert!(events[3]["logs"]["loss"].is_number());
    assert_eq!(events[4]["path"], "out/m.keras");
}

#[test]
fn other_commands_take_a_run_file() {
    let dir = folder();
    let p = dir.path();
    let table = said(p, &["summary", "RUN.toml"]);
    assert!(table.contains("dense (Dense)"), "{table}");
    let told: serde_json::Value =
        serde_json::from_str(&said(p, &["summary", "RUN.toml", "--json"])).unwrap();
    assert_eq!(told["parameters"], 3);
    let text = said(p, &["explain", "RUN.toml"]);
    assert!(text.contains("Data (8, 2)") && text.contains("3 epochs make 3 steps"), "{text}");
    let json = said(p, &["bench", "RUN.toml", "--steps", "1", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(told["train_ms"].is_number(), "{json}");
}

#[test]
fn weights_that_a_file_brings_are_used() {
    let dir = folder();
    let p = dir.path();
    said(p, &["fit", "RUN.toml", "--sample-weight", "w.npy"]);
    let given = losses(p);
    let rows: String = (0..8)
        .map(|i| {
            format!("{},{},{},{}\n", i as f32 / 8.0, (i + 1) as f32 / 8.0, i as f32 / 8.0, {
                i % 2 * 2
            })
        })
        .collect();
    std::fs::write(p.join("t.csv"), format!("a,b,y,sample_weight\n{rows}")).unwrap();
    std::fs::write(p.join("RUN.toml"), RUN.replace("train.npz", "t.csv")).unwrap();
    said(p, &["fit", "RUN.toml"]);
    assert_eq!(losses(p), given);
}

#[test]
fn a_part_of_a_file_is_taken_and_all_parts_are_told() {
    let dir = folder();
    let p = dir.path();
    let row = |i: usize| format!("{i},1,{i},{}\n", if i < 6 { "train" } else { "test" });
    let rows: String = (0..8).map(row).collect();
    std::fs::write(p.join("t.csv"), format!("a,b,y,split\n{rows}")).unwrap();
    let text = RUN.replace("\"train.npz\"", "\"t.csv\"");
    std::fs::write(p.join("RUN.toml"), &text).unwrap();
    let told = run(p, &["fit", "RUN.toml", "--dry-run"]);
    assert!(told.err.contains("all parts that the file names (test, train)"), "{}", told.err);
    assert!(told.out.contains("8 samples"), "{}", told.out);
    let parts = "\"t.csv\"\ntrain_part = \"train\"\ntest = \"t.csv\"\ntest_part = \"test\"";
    std::fs::write(p.join("RUN.toml"), text.replace("\"t.csv\"", parts)).unwrap();
    let told = run(p, &["fit", "RUN.toml", "--dry-run"]);
    assert!(told.out.contains("6 samples") && !told.err.contains("parts"), "{}", told.err);
    let parts = parts.replace("\"test\"", "\"tset\"");
    std::fs::write(p.join("RUN.toml"), text.replace("\"t.csv\"", &parts)).unwrap();
    let told = refused(p, &["fit", "RUN.toml"], 1);
    assert!(told.contains("line 4: ") && told.contains("`tset`"), "{told}");
}

/// The blocks of TOML of the reference page.
fn page_blocks() -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/RUN.md");
    let page = std::fs::read_to_string(page).unwrap();
    let blocks = page.split("```toml\n").skip(1).filter_map(|b| b.split("```").next());
    blocks.map(str::to_string).collect()
}

#[test]
fn the_list_of_the_page_is_trained() {
    let dir = tempfile::tempdir().unwrap();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/japanese-vowels");
    for name in ["train.jsonl", "test.jsonl"] {
        std::fs::copy(data.join(name), dir.path().join(name)).unwrap();
    }
    std::fs::write(dir.path().join("RUN.toml"), &page_blocks()[0]).unwrap();
    said(dir.path(), &["fit", "RUN.toml", "--epochs", "1"]);
    assert!(dir.path().join("out/history.svg").is_file());
}

#[test]
fn the_commands_of_the_example_run() {
    let dir = tempfile::tempdir().unwrap();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/japanese-vowels");
    for name in ["train.jsonl", "test.jsonl", "run.toml"] {
        std::fs::copy(example.join(name), dir.path().join(name)).unwrap();
    }
    let readme = std::fs::read_to_string(example.join("README.md")).unwrap();
    let block = readme.split("```sh\n").nth(1).and_then(|b| b.split("```").next()).unwrap();
    assert!(block.lines().count() >= 5, "{block}");
    for line in block.lines() {
        let words = line.split('#').next().unwrap().split_whitespace().skip(1);
        let mut args: Vec<&str> = words.collect();
        if args == ["fit", "run.toml"] {
            args.extend(["--epochs", "2"]);
        }
        let told = said(dir.path(), &args);
        assert!(!told.is_empty(), "{line}");
    }
}

#[test]
fn the_graph_of_the_page_is_trained() {
    let dir = folder();
    let p = dir.path();
    let ids = Array2::from_shape_fn((8, 5), |(i, j)| (i * j % 7) as i64);
    let parts = [
        ("words".to_string(), Data::from(ids)),
        ("numbers".to_string(), Data::from(Array2::<f32>::ones((8, 4)))),
        ("y".to_string(), Data::from(Array1::from_shape_fn(8, |i| (i % 2) as i64))),
    ];
    write(p.join("train.npz"), &parts).unwrap();
    let graph = &page_blocks()[1];
    std::fs::write(p.join("RUN.toml"), format!("{graph}\n[output]\nmodel = \"g.keras\"\n"))
        .unwrap();
    said(p, &["fit", "RUN.toml"]);
    let model = Model::open(p.join("g.keras")).unwrap();
    let names: Vec<String> = model.inputs().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["words", "numbers"]);
}

#[test]
fn graphs_have_states_several_outputs_and_adapted_inputs() {
    let dir = folder();
    let p = dir.path();
    let text = r#"
[model]
outputs = ["next", "mean"]
inputs = [{ name = "past", shape = [4, 2] }, { name = "now", shape = [3, 2] }]
layers = [
  { class = "Normalization", adapt = true, inputs = "past", name = "scaled" },
  { class = "LSTM", units = 3, return_state = true, name = "reader" },
  { class = "LSTM", units = 3, inputs = ["now", "reader:1", "reader:2"], name = "writer" },
  { class = "Dense", units = 1, name = "next" },
  { class = "MultiHeadAttention", num_heads = 1, key_dim = 2, inputs = ["now", "scaled"] },
  { class = "GlobalAveragePooling1D" },
  { class = "Dense", units = 2, name = "mean" },
]

[compile]
loss = { next = "mse", mean = "mae" }

[data]
train = ["past.npy", "now.npy"]
train_target = ["next.npy", "mean.npy"]

[fit]
verbose = 0

[output]
model = "g.keras"
"#;
    npy(p, "past.npy", ndarray::Array3::<f32>::ones((6, 4, 2)).into_dyn());
    npy(p, "now.npy", ndarray::Array3::<f32>::ones((6, 3, 2)).into_dyn());
    npy(p, "next.npy", Array2::<f32>::ones((6, 1)).into_dyn());
    npy(p, "mean.npy", Array2::<f32>::ones((6, 2)).into_dyn());
    std::fs::write(p.join("RUN.toml"), text).unwrap();
    said(p, &["fit", "RUN.toml"]);
    let model = Model::open(p.join("g.keras")).unwrap();
    assert_eq!(model.output_names(), ["next", "mean"]);
    let wrong = text.replace("reader:2", "reader:3");
    std::fs::write(p.join("RUN.toml"), wrong).unwrap();
    let told = refused(p, &["fit", "RUN.toml"], 1);
    assert!(told.contains("line 8: ") && told.contains("`reader` gives 3 value(s)"), "{told}");
}

#[test]
fn completions_man_pages_and_schema_are_written() {
    let dir = tempfile::tempdir().unwrap();
    let p = dir.path();
    for shell in ["bash", "zsh", "fish"] {
        assert!(said(p, &["completions", shell]).contains("dry-run"), "{shell}");
    }
    said(p, &["man", "--output", "man"]);
    let page = std::fs::read_to_string(p.join("man/cornu-fit.1")).unwrap();
    assert!(page.contains("validation\\-split"), "{page}");
    let schema: serde_json::Value = serde_json::from_str(&said(p, &["schema"])).unwrap();
    assert!(schema["$defs"]["FitOptions"]["properties"]["epochs"].is_object());
    let listed = said(p, &["--help"]);
    let commands = listed.lines().skip_while(|l| *l != "Commands:").skip(1);
    for line in commands.take_while(|l| !l.is_empty()) {
        let Some(name) = line.split_whitespace().next().filter(|_| !line.starts_with("   ")) else {
            continue;
        };
        if name != "help" {
            let help = said(p, &[name, "--help"]);
            assert!(help.contains("Examples:\n  cornu "), "{name}: {help}");
        }
    }
}
