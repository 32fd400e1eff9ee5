//! What the examples print: the summaries, the steps of their epochs, and the words for a batch
//! that cannot be a rectangle.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What an example prints, and the progress it reports on the error stream. `cargo test` builds the
/// examples beside the tests.
fn output(example: &str, args: &[&str]) -> (String, String) {
    output_with(example, args, &[])
}

fn output_with(example: &str, args: &[&str], envs: &[(&str, &Path)]) -> (String, String) {
    let tests: PathBuf = std::env::current_exe().expect("a test has a path");
    let folder =
        tests.parent().and_then(|deps| deps.parent()).expect("tests stand two folders deep");
    let path =
        folder.join("examples").join(example).with_extension(std::env::consts::EXE_EXTENSION);
    let out =
        Command::new(&path).args(args).envs(envs.iter().copied()).output().unwrap_or_else(|e| {
            panic!("{}: {e}; `cargo build --examples` makes it", path.display())
        });
    let progress = String::from_utf8(out.stderr).expect("text");
    assert!(out.status.success(), "{progress}");
    (String::from_utf8(out.stdout).expect("text"), progress)
}

/// The cells of the rows of the summary's table.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let rows = text.lines().filter_map(|l| l.strip_prefix('│')?.strip_suffix('│'));
    rows.map(|r| r.split('│').map(str::trim).collect()).collect()
}

/// The losses at the ends of the epochs' lines, each line's beginning checked.
fn losses(progress: &str, beginnings: &[&str]) -> Vec<f64> {
    let lines: Vec<&str> = progress.lines().filter(|l| l.starts_with("Epoch ")).collect();
    assert_eq!(lines.len(), beginnings.len(), "{progress}");
    let loss = |line: &str| {
        line.rsplit_once("loss: ")
            .expect("an epoch shows its loss")
            .1
            .split_whitespace()
            .next()
            .expect("a number")
            .parse()
    };
    lines
        .iter()
        .zip(beginnings)
        .map(|(line, beginning)| {
            assert!(line.starts_with(beginning) && line.contains("/step - "), "{line}");
            loss(line).expect("a number")
        })
        .collect()
}

#[test]
fn two_lstm_shows_its_shapes_and_ten_steps_an_epoch() {
    let (text, progress) = output("two_lstm", &[]);
    let want = [
        ["input_layer (InputLayer)", "(None, 20, 1)", "0"],
        ["lstm (LSTM)", "(None, 20, 5)", "140"],
        ["lstm_1 (LSTM)", "(None, 4)", "160"],
        ["dense (Dense)", "(None, 1)", "5"],
    ];
    assert_eq!(rows(&text), want);
    assert!(text.contains(" Total params: 305 (1.19 KB)\n"), "{text}");
    let printed = losses(
        &progress,
        &["Epoch 1/2 - 10/10 - 100 samples - ", "Epoch 2/2 - 10/10 - 100 samples - "],
    );
    let (_, history) =
        text.trim_end().rsplit_once("loss by epoch: ").expect("the history is printed");
    let history: Vec<f64> = serde_json::from_str(history).expect("a list of numbers");
    for (p, h) in printed.iter().zip(&history) {
        assert!((p - h).abs() < 5e-5 && (0.6..0.8).contains(h), "{text}");
    }
    assert!(history[1] < history[0], "training lowers the loss: {history:?}");
}

#[test]
fn any_length_runs_one_by_one_by_equal_length_and_as_it_comes() {
    let (text, progress) = output("any_length", &[]);
    let shapes: Vec<&str> = rows(&text).iter().map(|r| r[1]).collect();
    assert_eq!(shapes, ["(None, None, 1)", "(None, None, 5)", "(None, 4)", "(None, 1)"]);
    let epochs = [
        "Epoch 1/1 - 100/100 - 100 samples",
        "Epoch 1/1 - 10/10 - 100 samples",
        "Epoch 1/1 - 10/10 - 100 samples",
    ];
    assert!(losses(&progress, &epochs).iter().all(|l| (0.6..0.8).contains(l)), "{text}");
    let refusal = text.lines().last().expect("the refusal is printed");
    for words in [
        "rectangle (batch, timesteps, features)",
        "Received: sequences of 20 to 25 timesteps",
        "Three ways out",
        "batch size 1",
        "equal-length",
        "Unequal::Known",
    ] {
        assert!(refusal.contains(words), "`{words}` in {refusal}");
    }
}

#[test]
fn long_series_learn_the_same_as_they_are_and_padded() {
    let (text, _) = output("long_series", &["3"]);
    assert!(text.starts_with("192 series of 101 to 2565 timesteps, 146559 together\n"), "{text}");
    let accuracy = |begin: &str| {
        let line = text.lines().find(|l| l.starts_with(begin)).expect("a line for each way");
        line.rsplit_once(": ")
            .and_then(|l| l.1.split_once(" accuracy"))
            .expect("an accuracy")
            .0
            .to_owned()
    };
    assert_eq!(accuracy("as they are"), accuracy("padded to 2565"));
    for cost in [
        "bucket ",
        "as-they-come ",
        "shuffle ",
        "equal-length ",
        "token-budget(41040) ",
        "batch-size-1 ",
    ] {
        assert!(
            text.lines().any(|l| l.starts_with(cost) && l.ends_with("padding if padded")),
            "{cost} in {text}"
        );
    }
}

/// What an example that writes files prints, and the folder that it wrote to.
fn output_in_folder(example: &str) -> (String, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder for tests");
    let (text, _) = output_with(example, &[], &[("TMPDIR", folder.path())]);
    (text, folder)
}

/// The number behind some words of a text.
fn number_after(text: &str, words: &str) -> f64 {
    let rest = text.split_once(words).unwrap_or_else(|| panic!("`{words}` in {text}")).1;
    let end = rest.find(|c: char| !"-.0123456789".contains(c)).unwrap_or(rest.len());
    rest[..end].parse().unwrap_or_else(|e| panic!("{e} behind `{words}` in {text}"))
}

#[cfg(feature = "plot")]
#[test]
fn forecasting_beats_the_spread_of_the_load_and_writes_its_files() {
    let (text, folder) = output_in_folder("forecasting");
    // The load of the test days spreads by more than 8 MW, its noise is 0.8 MW.
    let error = number_after(&text, "mean absolute error: ");
    assert!((0.5..2.5).contains(&error), "{text}");
    for plot in ["training.svg", "forecast.svg"] {
        let svg = std::fs::read_to_string(folder.path().join(plot)).expect("the plot is written");
        assert!(svg.starts_with("<svg") && svg.contains("polyline"), "{plot}");
    }
    cornu::CompiledModel::open(folder.path().join("forecast.keras")).expect("the best model");
}

#[test]
fn unequal_series_are_told_apart() {
    let (text, _) = output("unequal_series", &[]);
    let accuracy = text.lines().find(|l| l.trim_start().starts_with("accuracy")).expect("a report");
    let accuracy: f64 = accuracy.split_whitespace().nth(1).unwrap().parse().expect("a number");
    assert!(accuracy > 0.9, "{text}");
    assert!(text.contains("true \\ predicted  rest  run  walk"), "{text}");
    let bins: Vec<&str> = text.lines().filter(|l| l.contains(" timesteps: ")).collect();
    assert_eq!(bins.len(), 4, "{text}");
    let counts = bins.iter().map(|line| {
        let count = line.split_once("timesteps: ").expect("a bin").1.split_whitespace().next();
        count.expect("a count").parse::<usize>().expect("a number")
    });
    assert_eq!(counts.sum::<usize>(), 150, "{text}");
}

#[test]
fn the_encoder_decoder_writes_digits_backwards() {
    let (text, _) = output("encoder_decoder", &[]);
    let last = text.lines().next().expect("the history").rsplit(", ").next().expect("epochs");
    assert!(last.trim_end_matches(']').parse::<f64>().expect("a number") > 0.95, "{text}");
    let digits = |part: &str| -> Vec<i32> {
        let list = part.split_once('[').expect("a list").1.trim_start_matches('[');
        let list = list.split_once(']').expect("a list").0;
        list.split(',').map(|d| d.trim().parse().expect("a digit")).collect()
    };
    let right = text.lines().filter(|l| l.contains("beam of")).filter(|line| {
        let (question, answer) = line.split_once("beam of").expect("an answer");
        digits(question).iter().rev().eq(digits(answer).iter())
    });
    assert!(right.count() >= 7, "{text}");
}

#[test]
fn text_generation_knows_its_text() {
    let (text, _) = output("text_generation", &[]);
    let (losses, texts) = text.split_once('\n').expect("the history, then the texts");
    let losses: Vec<f64> = losses
        .trim_start_matches("loss by epoch: [")
        .trim_end_matches(']')
        .split(", ")
        .map(|l| l.parse().expect("a number"))
        .collect();
    assert!(losses[losses.len() - 1] < 0.2 * losses[0], "{losses:?}");
    assert!(texts.starts_with("--- temperature 0.2\nTyger Tyger, burning bright,\n"), "{texts}");
    assert_eq!(texts.matches("--- temperature").count(), 3);
}

#[test]
fn own_classes_learn_and_open_again() {
    let (text, folder) = output_in_folder("own_classes");
    let gates = text.split_once('[').expect("gates").1.split_once(']').expect("gates").0;
    let gates: Vec<f32> = gates.split(',').map(|g| g.trim().parse().expect("a gate")).collect();
    assert!(gates[1..].iter().all(|g| *g < gates[0]), "the first feature counts most: {gates:?}");
    assert!((0.8..0.97).contains(&number_after(&text, "opened: ")), "{text}");
    assert!(folder.path().join("own_classes.keras").exists());
}

#[test]
fn fine_tuning_starts_from_a_file_of_keras() {
    let (text, folder) = output_in_folder("fine_tuning");
    assert!(text.contains("encoder (GRU)"), "{text}");
    let [head, all] = ["head alone: loss ", "all layers: loss "].map(|w| number_after(&text, w));
    assert!(all < head, "{text}");
    assert!(number_after(&text, "all layers: accuracy ") > 0.9, "{text}");
    let opened = cornu::Model::open(folder.path().join("fine_tuned.keras")).expect("saved");
    assert_eq!(opened.output_names(), ["head"]);
}

#[test]
fn eight_threads_give_the_bits_of_one() {
    let (text, _) = output("serving", &[]);
    assert!(text.starts_with("400 of 400 answers have the bits of one thread alone, "), "{text}");
}

/// Every command that an example, the guide or the README names: examples and subcommands exist.
#[test]
fn commands_in_the_documents_exist() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = |name: &str| {
        let files = std::fs::read_dir(root.join(name)).expect(name);
        files.map(|f| f.expect(name).path()).collect::<Vec<_>>()
    };
    let manifest = std::fs::read_to_string(root.join("crates/cornu/Cargo.toml")).expect("manifest");
    let mut files = [folder("examples"), folder("crates/cornu/guide")].concat();
    files.push(root.join("README.md"));
    let mut seen = 0;
    for file in files.iter().filter(|f| f.is_file()) {
        let text = std::fs::read_to_string(file).expect("text");
        // A command may break at the end of a line.
        let words: Vec<&str> = text.split_whitespace().collect();
        for at in (0..words.len()).filter(|i| words[*i] == "--example") {
            assert!(words[..at].ends_with(&["-p", "cornu"]) || words[at - 1] == "plot");
            if words[at + 1].starts_with("NAME") {
                continue;
            }
            let name = words[at + 1].trim_end_matches(|c: char| !c.is_alphanumeric());
            let declared = manifest.contains(&format!("\nname = \"{name}\"\n"));
            assert!(declared, "{}: no example `{name}`", file.display());
            seen += 1;
        }
        if file.extension().is_some_and(|e| e == "rs") {
            let stem = file.file_stem().expect("a name").to_string_lossy();
            let flags = if stem == "forecasting" { " --features plot" } else { "" };
            let command = format!("//!     cargo run --release -p cornu{flags} --example {stem}\n");
            assert!(text.contains(&command), "{}: {command}", file.display());
        }
    }
    assert!(seen >= 17, "{seen} examples");
    let mut seen = 0;
    for file in files.iter().filter(|f| f.extension().is_some_and(|e| e == "md")) {
        let text = std::fs::read_to_string(file).expect("text");
        let mut in_text = false;
        for line in text.lines() {
            in_text = if line.starts_with("```") { line == "```text" } else { in_text };
            let own_line = line.strip_prefix(if in_text { "" } else { "    " });
            let own_line = own_line.and_then(|l| l.strip_prefix("cornu "));
            for command in own_line.into_iter().chain(line.split("`cornu ").skip(1)) {
                let name = command.split(|c: char| !c.is_alphanumeric()).next().expect("a word");
                let source = root.join(format!("crates/cornu-cli/src/commands/{name}.rs"));
                assert!(source.exists(), "{}: no command `{name}`", file.display());
                seen += 1;
            }
        }
    }
    assert!(seen >= 20, "{seen} commands");
}
