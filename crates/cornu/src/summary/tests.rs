//! Summaries as Keras 3.15.1 and tf_keras 2.21 print them (`tests/fixtures/summary/make.py`), and
//! the flow of masks.

use super::*;
use crate::layers::{Conv1d, Embedding, Masking};
use crate::{Compile, Dense, Input, Lstm};
use std::path::PathBuf;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/summary").join(name)
}

fn same(summary: Summary<'_>, name: &str) {
    let want = std::fs::read_to_string(fixture(name)).unwrap();
    let got = summary.render().unwrap();
    assert!(got == want, "{name}\n--- want\n{want}--- got\n{got}");
}

#[test]
fn as_keras_prints_them() {
    for name in ["two_lstm", "two_lstm_any", "encoder_decoder", "shared", "sequential"] {
        let model = crate::Opened::read(fixture(&format!("{name}.json"))).unwrap();
        let of = || Summary::new(&model);
        same(of(), &format!("{name}.txt"));
        same(of().style(Style::Classic), &format!("{name}_classic.txt"));
        if ["shared", "encoder_decoder"].contains(&name) {
            same(of().line_length(100), &format!("{name}_100.txt"));
            same(of().line_length(57), &format!("{name}_57.txt"));
            same(of().expand_nested(true), &format!("{name}_expand.txt"));
            same(of().show_trainable(true), &format!("{name}_trainable.txt"));
            same(of().expand_nested(true).show_trainable(true), &format!("{name}_both.txt"));
            let of = || of().style(Style::Classic);
            same(of().line_length(100), &format!("{name}_100_classic.txt"));
            same(of().line_length(57), &format!("{name}_57_classic.txt"));
            same(of().expand_nested(true), &format!("{name}_expand_classic.txt"));
            same(of().show_trainable(true), &format!("{name}_trainable_classic.txt"));
            same(
                of().expand_nested(true).show_trainable(true),
                &format!("{name}_both_classic.txt"),
            );
        }
    }
}

fn two_lstm(timesteps: Option<usize>) -> Model {
    let inputs = Input::new([timesteps, Some(1)]);
    let x = Lstm::new(5).return_sequences(true).call(&inputs).unwrap();
    let x = Lstm::new(4).call(&x).unwrap();
    Model::new(&inputs, &Dense::new(1).activation("sigmoid").call(&x).unwrap()).unwrap()
}

#[test]
fn a_model_made_here_has_no_optimizer_variables_before_its_first_step() {
    let model = two_lstm(Some(20)).compile(Compile::new("rmsprop", "binary_crossentropy")).unwrap();
    let want = r#"Model: "functional"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━┓
┃ Layer (type)                    ┃ Output Shape           ┃       Param # ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━┩
│ input_layer (InputLayer)        │ (None, 20, 1)          │             0 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ lstm (LSTM)                     │ (None, 20, 5)          │           140 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ lstm_1 (LSTM)                   │ (None, 4)              │           160 │
├─────────────────────────────────┼────────────────────────┼───────────────┤
│ dense (Dense)                   │ (None, 1)              │             5 │
└─────────────────────────────────┴────────────────────────┴───────────────┘
 Total params: 305 (1.19 KB)
 Trainable params: 305 (1.19 KB)
 Non-trainable params: 0 (0.00 B)
"#;
    assert_eq!(Summary::new(&model).line_length(80).render().unwrap().lines().count(), 15);
    assert_eq!(model.summary(), want);
    assert_eq!(Counts::of(&model).total(), (305, 1220.0));
}

#[test]
fn names_and_numbers_in_their_spelling() {
    assert_eq!(memory::with_commas(1234567), "1,234,567");
    assert_eq!(memory::with_commas(999), "999");
    // Ties go to the even digit, as in Python.
    assert_eq!(readable_bytes(1152.0, "B"), "1.12 KB");
    assert_eq!(readable_bytes(1024.0 * 1024.0, "B"), "1.00 MB");
    let lines = wrap::cell_lines("漢字漢字漢字 (Dense)", 9, wrap::Align::Left);
    assert_eq!(lines, ["漢字漢字…", "(Dense)  "]);
    assert_eq!(wrap::text_lines("abcdefgh ij", 5), ["abcde", "fgh ", "ij"]);
}

#[test]
fn a_line_too_short_is_an_error() {
    let e = Summary::new(&two_lstm(None)).line_length(12).render().unwrap_err().to_string();
    assert!(e.contains("line length 12"), "{e}");
    assert!(Summary::new(&two_lstm(None)).style(Style::Classic).line_length(12).render().is_err());
}

fn flows(model: &Model) -> Vec<String> {
    MaskReport::of(model).unwrap().members.iter().map(MaskFlow::to_string).collect()
}

#[test]
fn masks_are_made_used_and_passed() {
    let inputs = Input::ids([None::<usize>]);
    let x = Embedding::new(8, 3).mask_zero(true).call(&inputs).unwrap();
    let x = Lstm::new(4).return_sequences(true).call(&x).unwrap();
    let x = Dense::new(3).call(&x).unwrap();
    let x = Lstm::new(2).call(&x).unwrap();
    let model = Model::new(&inputs, &Dense::new(1).call(&x).unwrap()).unwrap();
    assert_eq!(flows(&model), ["-", "made", "used, passed", "passed", "used", "-"]);
    let text = Summary::new(&model).masks(true).line_length(100).render().unwrap();
    assert!(text.contains(" │ used, passed"), "{text}");
    assert!(!text.contains("Warning"), "{text}");
}

#[test]
fn a_mask_lost_before_a_loss_is_a_warning() {
    let inputs = Input::new([Some(6), Some(2)]);
    let x = Masking::new(0.0).call(&inputs).unwrap();
    let x = Conv1d::new(3, 2).call(&x).unwrap();
    let by_step = Model::new(&inputs, &Dense::new(1).call(&x).unwrap()).unwrap();
    assert_eq!(flows(&by_step), ["-", "made", "dropped", "-"]);
    let report = MaskReport::of(&by_step).unwrap();
    assert_eq!(report.warnings.len(), 1);
    assert!(
        report.warnings[0]
            .starts_with("layer `conv1d` (Conv1D) drops the mask before output `dense`"),
        "{report:?}"
    );
    for style in [Style::Keras, Style::Classic] {
        let text = Summary::new(&by_step).style(style).masks(true).render().unwrap();
        assert!(text.contains("\n Warning: layer `conv1d`"), "{text}");
    }
    // One value a sample: its loss needs no mask.
    let by_series = Model::new(&inputs, &Lstm::new(1).call(&x).unwrap()).unwrap();
    assert!(MaskReport::of(&by_series).unwrap().warnings.is_empty());
}
