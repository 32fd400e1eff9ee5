//! The text of a first RUN.toml.

use super::look::{Input, Seen, Target};
use std::fmt::Write;

/// A file without data, to be filled in.
pub const TEMPLATE: &str = r#"# A run of `cornu fit`.
# Every key: docs/RUN.md, or `cornu schema --markdown`.
# Put your own data and layers in, then:
#
#     cornu fit RUN.toml --dry-run     checks everything
#     cornu fit RUN.toml

[data]
train = "train.csv"      # or .jsonl, .npy, .npz; a column `label` or `y` is the target
# test = "test.csv"

[model]
name = "model"
input = [0, 12]          # the shape without the batch; 0 leaves the timesteps open
layers = [
  { class = "LSTM", units = 64 },
  { class = "Dense", units = 3, activation = "softmax" },
]

[compile]
optimizer = { class = "Adam", learning_rate = 0.003 }
loss = "sparse_categorical_crossentropy"
metrics = ["accuracy"]

[fit]
batch_size = 32
epochs = 20
validation_split = 0.2   # the last fifth of the data validates

[output]
model = "out/model.keras"
history = "out/history.json"
plot = "out/history.svg"
"#;

/// The text for data: `train` and `target` are their paths as the file names them.
pub fn text(seen: &Seen, train: &str, target: Option<&str>) -> String {
    let mut text = String::new();
    head(&mut text, seen, train);
    data(&mut text, seen, train, target);
    model(&mut text, seen);
    rest(&mut text, seen);
    text
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// Writing into a text cannot fail.
macro_rules! put {
    ($text:expr, $($arguments:tt)*) => { let _ = writeln!($text, $($arguments)*); };
}

fn head(text: &mut String, seen: &Seen, train: &str) {
    put!(text, "# A first run on {train}: {} samples, inputs {}.", seen.n_samples, {
        seen.shapes.join(" and ")
    });
    let target = match &seen.target {
        Target::Classes { n, names } if names.is_empty() => format!("{n} classes by number"),
        Target::Classes { names, .. } => {
            let shown: Vec<&str> = names.iter().take(8).map(String::as_str).collect();
            let more = if names.len() > 8 { ", …" } else { "" };
            format!("{} classes ({}{more})", names.len(), shown.join(", "))
        }
        Target::Numbers(1) => "one number".to_string(),
        Target::Numbers(n) => format!("{n} numbers"),
    };
    let each = if seen.by_timestep { " for each timestep" } else { "" };
    put!(text, "# The target: {}{each}.", target.replace('\n', " "));
    put!(text, "# Every key: docs/RUN.md, or `cornu schema --markdown`.");
    put!(text, "#\n#     cornu fit RUN.toml --dry-run     checks everything");
    put!(text, "#     cornu fit RUN.toml\n");
}

fn data(text: &mut String, seen: &Seen, train: &str, target: Option<&str>) {
    put!(text, "[data]\ntrain = {}", quoted(train));
    if let Some(target) = target {
        put!(text, "train_target = {}", quoted(target));
    }
    if let Some(column) = &seen.guessed_target {
        put!(text, "target_columns = [{}]", quoted(column));
    }
    put!(text, "# test = \"…\"             # evaluated after training");
    match &seen.target {
        Target::Classes { names, .. } if !names.is_empty() => {
            let listed: Vec<String> = names.iter().map(|n| quoted(n)).collect();
            put!(text, "classes = [{}]   # in the order of their ids", listed.join(", "));
        }
        _ => {}
    }
    text.push('\n');
}

fn model(text: &mut String, seen: &Seen) {
    put!(text, "[model]\nname = \"first\"");
    if let [(_, input)] = &seen.inputs[..] {
        let (shape, dtype) = entry(input);
        put!(text, "input = {shape}             # without the batch; 0 leaves an axis open");
        if let Some(dtype) = dtype {
            put!(text, "input_dtype = \"{dtype}\"");
        }
        put!(text, "layers = [");
        for (layer, about) in branch(input, seen.by_timestep).into_iter().chain([last(seen)]) {
            put!(text, "  {{ {layer} }},{about}");
        }
        put!(text, "]\n");
        return;
    }
    text.push('\n');
    for (name, input) in &seen.inputs {
        let (shape, dtype) = entry(input);
        put!(text, "[[model.inputs]]\nname = {}\nshape = {shape}", quoted(name));
        if let Some(dtype) = dtype {
            put!(text, "dtype = \"{dtype}\"");
        }
        text.push('\n');
    }
    let table = |text: &mut String, layer: &str, about: &str, more: &str| {
        put!(text, "[[model.layers]]{about}");
        // Commas between settings stand outside of lists here.
        layer.split(", ").for_each(|setting| {
            put!(text, "{setting}");
        });
        put!(text, "{more}");
    };
    for (name, input) in &seen.inputs {
        let layers = branch(input, false);
        let n = layers.len();
        for (i, (layer, about)) in layers.iter().enumerate() {
            let from = if i == 0 { format!("inputs = {}\n", quoted(name)) } else { String::new() };
            let ends = quoted(&format!("{name}_features"));
            let own = if i + 1 == n { format!("name = {ends}\n") } else { String::new() };
            table(text, layer, about, &(from + &own));
        }
    }
    let ends: Vec<String> =
        seen.inputs.iter().map(|(name, _)| quoted(&format!("{name}_features"))).collect();
    table(text, "class = \"Concatenate\"", "", &format!("inputs = [{}]\n", ends.join(", ")));
    let (layer, about) = last(seen);
    table(text, &layer, about, "");
}

/// Shape and type of an input.
fn entry(input: &Input) -> (String, Option<&'static str>) {
    match input {
        Input::Table(features) => (format!("[{features}]"), None),
        Input::Series { timesteps, features, .. } => {
            (format!("[{}, {features}]", timesteps.unwrap_or(0)), None)
        }
        Input::Ids(_) => ("[0]".into(), Some("int32")),
        Input::Text(_) => ("[1]".into(), Some("string")),
    }
}

/// The layers on an input, each with what is to be said of it.
fn branch(input: &Input, by_timestep: bool) -> Vec<(String, &'static str)> {
    let scaled = "   # takes mean and variance from the training data";
    let normalized = ("class = \"Normalization\", adapt = true".to_string(), scaled);
    let sequences = if by_timestep { ", return_sequences = true" } else { "" };
    let lstm = (format!("class = \"LSTM\", units = 64{sequences}"), "");
    match input {
        Input::Table(_) => {
            let dense = "class = \"Dense\", units = 64, activation = \"relu\"".to_string();
            vec![normalized, (dense.clone(), ""), (dense, "")]
        }
        Input::Series { .. } => vec![normalized, lstm],
        Input::Ids(n) => {
            let embedding = format!("class = \"Embedding\", input_dim = {n}, output_dim = 32");
            vec![(embedding, "   # ids from 0 on"), lstm]
        }
        Input::Text(longest) => {
            let length = (*longest).clamp(1, 200);
            let words = "   # takes its words from the training data";
            let vectorized = format!(
                "class = \"TextVectorization\", adapt = true, max_tokens = 10000, \
                 output_sequence_length = {length}"
            );
            let embedding = "class = \"Embedding\", input_dim = 10000, output_dim = 32, mask_zero \
                = true";
            vec![(vectorized, words), (embedding.into(), ""), lstm]
        }
    }
}

/// The last layer.
fn last(seen: &Seen) -> (String, &'static str) {
    match &seen.target {
        Target::Classes { n: 2, .. } if !seen.by_timestep => {
            let layer = "class = \"Dense\", units = 1, activation = \"sigmoid\"";
            (layer.into(), "   # the probability of the second class")
        }
        Target::Classes { n, .. } => {
            let layer = format!("class = \"Dense\", units = {n}, activation = \"softmax\"");
            (layer, "   # a probability for each class")
        }
        Target::Numbers(n) => (format!("class = \"Dense\", units = {n}"), ""),
    }
}

fn rest(text: &mut String, seen: &Seen) {
    let (loss, metric) = match &seen.target {
        Target::Classes { n: 2, .. } if !seen.by_timestep => ("binary_crossentropy", "accuracy"),
        Target::Classes { .. } => ("sparse_categorical_crossentropy", "accuracy"),
        Target::Numbers(_) => ("mse", "mae"),
    };
    put!(text, "[compile]\noptimizer = {{ class = \"Adam\", learning_rate = 0.003 }}");
    put!(text, "loss = \"{loss}\"\nmetrics = [\"{metric}\"]\n");
    put!(text, "[fit]\nbatch_size = 32\nepochs = 20\nseed = 1");
    if seen.can_split {
        put!(text, "validation_split = 0.2   # the last fifth of the data validates\n");
    } else {
        put!(
            text,
            "# The last fifth of the data is too small, or has not all classes, to validate:"
        );
        put!(text, "# mix the samples of the file, or give test data and `validate_on_test`.");
        put!(text, "# validation_split = 0.2\n");
    }
    put!(text, "[output]\nmodel = \"out/first.keras\"\nhistory = \"out/history.json\"");
    put!(text, "plot = \"out/history.svg\"");
}
