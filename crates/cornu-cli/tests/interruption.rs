//! Signals, closed pipes and full disks: what was trained is never lost.
#![cfg(unix)]

use cornu::{Model, Opened};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

const RUN: &str = r#"[data]
train = "train.jsonl"

[model]
name = "small"
input = [3, 2]
layers = [
  { class = "LSTM", units = 4 },
  { class = "Dense", units = 2, activation = "softmax" },
]

[compile]
optimizer = "adam"
loss = "sparse_categorical_crossentropy"

[fit]
batch_size = 2
epochs = 100000000
verbose = 0
"#;

fn folder(run: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let sample =
        |i: usize| format!("{{\"x\": [[{i}, 1], [0, 1], [1, 0]], \"label\": {}}}\n", i % 2);
    let all: String = (0..6).map(sample).collect();
    std::fs::write(dir.path().join("train.jsonl"), all).unwrap();
    std::fs::write(dir.path().join("RUN.toml"), run).unwrap();
    dir
}

fn start(folder: &Path, args: &[&str], out: Stdio, err: Stdio) -> Child {
    Command::new(env!("CARGO_BIN_EXE_cornu"))
        .current_dir(folder)
        .args(args)
        .stdout(out)
        .stderr(err)
        .spawn()
        .expect("the command starts")
}

/// Starts a run, waits for its second epoch, sends a signal, and gives what it left behind.
fn interrupted(folder: &Path, args: &[&str], signal: &str) -> (Output, Vec<String>) {
    let mut child = start(folder, args, Stdio::piped(), Stdio::piped());
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let is_second = |l: &String| l.contains("\"epoch\": 2,");
    lines.by_ref().find(is_second).expect("the run comes to its second epoch");
    let pid = child.id().to_string();
    assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    let rest: Vec<String> = lines.collect();
    (child.wait_with_output().unwrap(), rest)
}

fn errors(out: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    text.lines().filter(|l| l.starts_with("error: ")).map(str::to_string).collect()
}

#[test]
fn a_signal_ends_training_at_the_batch_and_saves_beside_the_output() {
    let run = format!("{RUN}\n[output]\nmodel = \"out/m.keras\"\nhistory = \"out/h.json\"\n");
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let dir = folder(&run);
        let (out, events) = interrupted(dir.path(), &["fit", "RUN.toml", "--json"], signal);
        let told = errors(&out);
        assert_eq!((out.status.code(), told.len()), (Some(code), 1), "{told:?}");
        assert!(told[0].contains("saved to out/m.interrupted.keras"), "{told:?}");
        assert!(events.iter().any(|e| e.contains("\"interrupted\"")), "{events:?}");
        let kept = Opened::read(dir.path().join("out/m.interrupted.keras")).unwrap();
        assert!(matches!(kept, Opened::Compiled(_)));
        let history = std::fs::read_to_string(dir.path().join("out/h.interrupted.json")).unwrap();
        assert!(history.contains("\"loss\""), "{history}");
        assert!(!dir.path().join("out/m.keras").exists());
        // It goes on from there.
        let on = ["fit", "out/m.interrupted.keras", "--input", "train.jsonl", "--verbose", "0"];
        let child = start(dir.path(), &on, Stdio::null(), Stdio::piped());
        assert!(child.wait_with_output().unwrap().status.success());
    }
}

#[test]
fn without_an_output_an_interrupted_run_is_saved_in_the_current_folder() {
    let dir = folder(RUN);
    let (out, _) = interrupted(dir.path(), &["fit", "RUN.toml", "--json"], "-INT");
    assert_eq!(out.status.code(), Some(130));
    Model::open(dir.path().join("small.interrupted.keras")).unwrap();
}

#[test]
fn a_reader_that_goes_away_costs_nothing() {
    let run = RUN.replace("100000000", "2") + "\n[output]\nmodel = \"m.keras\"\n";
    for args in [&["fit", "RUN.toml", "--json"][..], &["fit", "RUN.toml", "--verbose", "2"]] {
        let dir = folder(&run);
        let mut child = start(dir.path(), args, Stdio::piped(), Stdio::piped());
        drop((child.stdout.take(), child.stderr.take()));
        assert_eq!(child.wait().unwrap().code(), Some(0), "{args:?}");
        Model::open(dir.path().join("m.keras")).unwrap();
    }
    // Commands that print alone end quietly, too.
    let dir = folder(&run);
    for args in [&["summary", "RUN.toml"][..], &["schema"], &["completions", "bash"]] {
        let mut child = start(dir.path(), args, Stdio::piped(), Stdio::piped());
        drop(child.stdout.take());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(0), ""), "{args:?}");
    }
}

#[test]
fn a_full_standard_output_is_told_once_the_model_is_saved() {
    let run = RUN.replace("100000000", "2") + "\n[output]\nmodel = \"m.keras\"\n";
    let dir = folder(&run);
    let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else { return };
    let child = start(dir.path(), &["fit", "RUN.toml"], full.into(), Stdio::piped());
    let out = child.wait_with_output().unwrap();
    let told = errors(&out);
    assert_eq!((out.status.code(), told.len()), (Some(1), 1), "{told:?}");
    assert!(told[0].contains("standard output cannot be written"), "{told:?}");
    Model::open(dir.path().join("m.keras")).unwrap();
}
