//! RUN.toml with a mistake: one message with its line and the cure, before anything is trained or
//! written.

use std::path::Path;
use std::process::Command;

/// A run that works; each case changes it in one place.
const RUN: &str = r#"[data]
train = "train.jsonl"
test = "test.jsonl"

[model]
name = "small"
input = [0, 2]
layers = [
  { class = "Masking", mask_value = 0.0 },
  { class = "LSTM", units = 3, dropout = 0.1 },
  { class = "Dense", units = 3, activation = "softmax" },
]

[compile]
optimizer = { class = "Adam", learning_rate = 0.01 }
loss = "sparse_categorical_crossentropy"
metrics = ["accuracy"]

[fit]
batch_size = 2
epochs = 1

[output]
model = "out/m.keras"
history = "out/h.json"
plot = "out/h.svg"

[[callbacks]]
class = "ModelCheckpoint"
filepath = "out/best.keras"
"#;

/// What is changed, what to, the line of the mistake, and words of the message.
type Case = (&'static str, &'static str, usize, &'static [&'static str]);

const CASES: &[Case] = &[
    // Names of tables and keys.
    ("[fit]", "[fits]", 19, &["unknown key `fits`", "did you mean `fit`?"]),
    ("[compile]", "[complie]", 14, &["unknown key `complie`", "did you mean `compile`?"]),
    ("[[callbacks]]", "[[callback]]", 28, &["did you mean `callbacks`?"]),
    ("[output]", "[kitchen]", 23, &["unknown key `kitchen`", "there are data, model, compile"]),
    ("epochs = 1", "epoch = 1", 21, &["unknown key `epoch` of [fit]", "did you mean `epochs`?"]),
    ("batch_size", "batchsize", 20, &["did you mean `batch_size`?"]),
    ("train = ", "trian = ", 2, &["unknown key `trian` of [data]", "did you mean `train`?"]),
    ("test = ", "x = ", 3, &["unknown key `x` of [data]", "there are train, train_target"]),
    ("name = \"small\"", "nmae = \"small\"", 6, &["did you mean `name`?"]),
    ("input = [0, 2]", "inptu = [0, 2]", 7, &["did you mean `input"]),
    ("plot = ", "plots = ", 26, &["unknown key `plots` of [output]", "did you mean `plot`?"]),
    ("metrics = ", "metric = ", 17, &["unknown key `metric` of [compile]", "`metrics`?"]),
    ("optimizer = {", "optimiser = {", 15, &["did you mean `optimizer`?"]),
    // Names of classes and their settings.
    ("\"LSTM\"", "\"LTSM\"", 10, &["layer 2", "did you mean `LSTM`?"]),
    ("\"Dense\"", "\"Dnese\"", 11, &["layer 3", "did you mean `Dense`?"]),
    ("dropout = 0.1", "droput = 0.1", 10, &["`droput`", "did you mean `dropout`?"]),
    ("units = 3, dropout", "unit = 3, dropout", 10, &["LSTM", "units"]),
    ("units = 3, dropout", "dropout", 10, &["LSTM", "units must be at least 1"]),
    ("mask_value", "maskvalue", 9, &["`maskvalue`", "did you mean `mask_value`?"]),
    ("dropout = 0.1", "colour = 0.1", 10, &["unknown setting `colour`", "use_bias, "]),
    ("\"softmax\"", "\"sofmax\"", 11, &["sofmax"]),
    ("\"Masking\"", "\"Lambda\"", 9, &["Lambda"]),
    (
        "dropout = 0.1",
        "kernel_initializer = { class = \"Orthogonal\", gian = 2.0 }",
        10,
        &["`gian`", "did you mean `gain`?"],
    ),
    ("dropout = 0.1", "kernel_initializer = \"glorot_unifrom\"", 10, &["glorot_unifrom"]),
    ("\"Adam\"", "\"Adma\"", 15, &["unknown optimizer `Adma`", "did you mean `Adam`?"]),
    ("learning_rate", "learning_rte", 15, &["`learning_rte`", "did you mean `learning_rate`?"]),
    ("{ class = \"Adam\", learning_rate = 0.01 }", "\"adma\"", 15, &["did you mean `adam`?"]),
    (
        "\"sparse_categorical_crossentropy\"",
        "\"sparse_categorical_crosentropy\"",
        16,
        &["unknown loss", "did you mean `sparse_categorical_crossentropy`?"],
    ),
    (
        "\"sparse_categorical_crossentropy\"",
        "{ class = \"SparseCategoricalCrossentropy\", from_logit = true }",
        16,
        &["unknown setting `from_logit`", "did you mean `from_logits`?"],
    ),
    ("[\"accuracy\"]", "[\"acuracy\"]", 17, &["unknown metric `acuracy`", "`accuracy`?"]),
    ("[\"accuracy\"]", "[3]", 17, &["metric: expected a name"]),
    ("\"ModelCheckpoint\"", "\"ModelCheckpiont\"", 29, &["did you mean `ModelCheckpoint`?"]),
    ("\"ModelCheckpoint\"", "\"LambdaCallback\"", 29, &["it takes a function"]),
    ("filepath", "filepaht", 30, &["`filepaht`", "did you mean `filepath`?"]),
    ("\"out/best.keras\"", "\"out/best.txt\"", 30, &["must end in `.keras`"]),
    ("filepath = \"out/best.keras\"", "", 28, &["filepath"]),
    ("class = \"ModelCheckpoint\"\n", "", 28, &["class"]),
    // Types of values.
    ("epochs = 1", "epochs = \"many\"", 21, &["[fit] `epochs`", "expected a whole number"]),
    ("batch_size = 2", "batch_size = -2", 20, &["`batch_size`", "`-2`"]),
    ("batch_size = 2", "batch_size = 2.5", 20, &["`batch_size`", "expected a whole number"]),
    ("input = [0, 2]", "input = \"0, 2\"", 7, &["[model] `input`", "expected a list"]),
    ("input = [0, 2]", "input = [0, -2]", 7, &["[model] `input`", "`-2`"]),
    ("\"train.jsonl\"", "3", 2, &["[data] `train`", "expected a string or a list of strings"]),
    ("units = 3, dropout", "units = \"3\", dropout", 10, &["`units`", "string \"3\""]),
    ("units = 3, dropout", "units = -3, dropout", 10, &["`units`", "`-3`"]),
    ("model = \"out/m.keras\"", "model = 1", 24, &["[output] `model`", "expected a string"]),
    ("[\"accuracy\"]\n", "[\"accuracy\"]\nloss_weights = \"a\"\n", 18, &["expected numbers"]),
    ("epochs = 1", "epochs = 1\nshuffle = \"no\"", 22, &["[fit] `shuffle`", "boolean"]),
    // Values without a meaning.
    ("epochs = 1", "epochs = 0", 21, &["`epochs`", "at least 1", "--dry-run"]),
    ("batch_size = 2", "batch_size = 0", 20, &["`batch_size`", "at least 1 sample"]),
    ("epochs = 1", "epochs = 1\nverbose = 3", 22, &["must be 0, 1 or 2. Received: 3"]),
    ("epochs = 1", "epochs = 1\ntbptt = 0", 22, &["at least 1 timestep"]),
    ("epochs = 1", "epochs = 1\nthreads = 0", 22, &["`threads`", "leave it out for all cores"]),
    ("epochs = 1", "epochs = 1\nvalidation_split = 1.5", 22, &["a share from 0 to below 1"]),
    ("epochs = 1", "epochs = 1\nbatches = \"bucker\"", 22, &["bucket", "Received: `bucker`"]),
    ("epochs = 1", "epochs = 1\nepoch_loss = \"exact\"", 22, &["timesteps or keras"]),
    ("epochs = 1", "epochs = 1\ninitial_epoch = 4", 22, &["below `epochs`"]),
    ("epochs = 1", "epochs = 1\nclass_weight = { a = 2.0 }", 22, &["classes are numbers"]),
    ("epochs = 1", "epochs = 1\nclass_weight = { 7 = 2.0 }", 22, &["tells 3 classes apart"]),
    (
        "  { class = \"LSTM\", units = 3, dropout = 0.1 },",
        "  { class = \"LSTM\", units = 3, name = \"h\" },\n  \
         { class = \"Dense\", units = 5, name = \"side\" },\n  \
         { class = \"Dense\", units = 2, inputs = [\"h\"] },",
        11,
        &["layer 3 Dense", "no output of the model depends on it"],
    ),
    ("units = 3, dropout = 0.1", "units = 0", 10, &["units"]),
    ("[0, 2]", "[0, 2]\ninput_dtype = \"flaot32\"", 8, &["`flaot32`", "did you mean `float32`?"]),
    // Combinations.
    (
        "epochs = 1",
        "epochs = 1\nshuffle = true\nbatches = \"bucket\"",
        23,
        &["`shuffle` and `batches`", "give one"],
    ),
    (
        "epochs = 1",
        "epochs = 1\nvalidation_split = 0.5\nvalidate_on_test = true",
        22,
        &["both say what validates"],
    ),
    ("epochs = 1", "epochs = 1\nvalidation_freq = 2", 22, &["nothing validates"]),
    ("test = \"", "test_target = \"", 3, &["there are no test data; give `test`"]),
    ("train = \"train.jsonl\"", "", 1, &["there are no training data; give `train`"]),
    ("name = \"small\"", "file = \"m.keras\"", 7, &["the model comes from `file`"]),
    ("input = [0, 2]", "", 5, &["`input` is missing"]),
    ("{ class = \"Dense\"", "{ inputs = \"lstn\", class = \"Dense\"", 11, &["named `lstn`"]),
    (
        "layers = [",
        "inputs = [{ name = \"a\", shape = [2] }]\nlayers = [",
        8,
        &["`input` is the only input", "give one"],
    ),
    ("units = 3, activation", "units = 2, activation", 2, &["labels"]),
    ("[0, 2]", "[0, 3]", 2, &["expected 3"]),
    // Paths.
    ("\"train.jsonl\"", "\"trian.jsonl\"", 2, &["`trian.jsonl` cannot be read"]),
    ("\"test.jsonl\"", "\"test.xlsx\"", 3, &["must end in", ".jsonl", "`test.xlsx`"]),
    ("\"test.jsonl\"", "\"folder.csv\"", 3, &["no file; name a data file"]),
    ("name = \"small\"\ninput = [0, 2]\nlayers = [", "file = \"no.keras\"\nx = [", 7, &["`x`"]),
    ("\"out/m.keras\"", "\"out/m.h5\"", 24, &["[output] `model`", "must end in .keras"]),
    ("\"out/m.keras\"", "\"results\"", 24, &["must end in .keras"]),
    ("\"out/m.keras\"", "\"folder.csv\"", 24, &["is a folder; name a file in it"]),
    ("\"out/m.keras\"", "\"-\"", 24, &["cannot go to standard output"]),
    ("\"out/h.svg\"", "\"out/h.png\"", 26, &["[output] `plot`", "must end in .svg"]),
    ("\"out/h.json\"", "\"out/h.csv\"", 25, &["must end in .json"]),
    ("\"out/h.json\"", "\"train.jsonl/h.json\"", 25, &["train.jsonl"]),
    ("\"out/m.keras\"", "\"/proc/cornu/m.keras\"", 24, &["cannot be made"]),
    ("\"out/best.keras\"", "\"/proc/cornu/b.keras\"", 30, &["folder", "permissions"]),
    // TOML itself.
    ("epochs = 1", "epochs = ", 21, &[]),
    ("epochs = 1", "epochs = 1\nepochs = 2", 22, &["duplicate"]),
    ("[fit]", "[fit", 19, &[]),
    ("\"softmax\" },\n]", "\"softmax\" },", 14, &[]),
];

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let series = |n: usize, label: usize| {
        let steps: Vec<String> = (0..n).map(|t| format!("[0.{t}, 1.0]")).collect();
        format!("{{\"x\": [{}], \"label\": {label}}}\n", steps.join(", "))
    };
    let all: String = (0..6).map(|i| series(2 + i % 3, i % 3)).collect();
    std::fs::write(dir.path().join("train.jsonl"), &all).unwrap();
    std::fs::write(dir.path().join("test.jsonl"), &all).unwrap();
    std::fs::create_dir(dir.path().join("folder.csv")).unwrap();
    dir
}

/// Runs a RUN.toml; gives exit code and what is said on standard error.
fn fit(folder: &Path, text: &str) -> (i32, String) {
    std::fs::write(folder.join("RUN.toml"), text).unwrap();
    let out = Command::new(env!("CARGO_BIN_EXE_cornu"))
        .current_dir(folder)
        .args(["fit", "RUN.toml"])
        .output()
        .expect("the command runs");
    (out.status.code().unwrap_or(-1), String::from_utf8_lossy(&out.stderr).into_owned())
}

#[test]
fn the_run_itself_works() {
    let dir = folder();
    let (code, said) = fit(dir.path(), RUN);
    assert_eq!(code, 0, "{said}");
    for file in ["m.keras", "h.json", "h.svg", "best.keras"] {
        assert!(dir.path().join("out").join(file).is_file(), "{file}");
    }
}

#[test]
fn each_mistake_has_one_message_with_line_and_cure() {
    let dir = folder();
    let mut wrong = vec![];
    const { assert!(CASES.len() >= 60) };
    for (from, to, line, words) in CASES {
        assert_eq!(RUN.matches(from).count(), 1, "`{from}` must be in the run once");
        let (code, said) = fit(dir.path(), &RUN.replacen(from, to, 1));
        let errors: Vec<&str> = said.lines().filter(|l| l.starts_with("error: ")).collect();
        let begins = format!("error: RUN.toml, line {line}: ");
        let named = words.iter().all(|w| errors.iter().any(|e| e.contains(w)));
        let right = matches!(code, 1..=3)
            && errors.len() == 1
            && errors[0].starts_with(&begins)
            && named
            && !said.contains("Epoch")
            && !said.contains("own rules");
        if !right {
            wrong.push(format!("{from} -> {to} (line {line}, {words:?}), exit {code}:\n{said}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    let written = dir.path().join("out").join("m.keras");
    assert!(!written.exists(), "a wrong run wrote {}", written.display());
}
