//! What the examples print: the summaries, the steps of their epochs, and the words for a batch
//! that cannot be a rectangle.

use std::path::PathBuf;
use std::process::Command;

/// What an example prints, and the progress it reports on the error stream. `cargo test` builds the
/// examples beside the tests.
fn output(example: &str, args: &[&str]) -> (String, String) {
    let tests: PathBuf = std::env::current_exe().expect("a test has a path");
    let folder =
        tests.parent().and_then(|deps| deps.parent()).expect("tests stand two folders deep");
    let path =
        folder.join("examples").join(example).with_extension(std::env::consts::EXE_EXTENSION);
    let out = Command::new(&path)
        .args(args)
        .output()
        .unwrap_or_else(|e| panic!("{}: {e}; `cargo build --examples` makes it", path.display()));
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
