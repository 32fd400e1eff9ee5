//! The tables of RUN.toml and their keys. The reference page and the JSON Schema are made from
//! these types and their comments.

use crate::options::FitOptions;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// A run of `cornu fit`: data, model, compile and fit settings, and where results go.
///
/// Paths are taken from the folder of the file.
#[derive(Deserialize, JsonSchema, Default)]
#[serde(default, deny_unknown_fields)]
pub struct RunFile {
    /// Which files are read.
    pub data: DataTable,
    /// The model: layers, or a file to start from.
    pub model: ModelTable,
    /// Optimizer, loss and metrics. A model from a file that was compiled may leave it out.
    pub compile: Option<CompileTable>,
    /// How the model is trained. Each key but `validate_on_test` is a flag of `cornu fit`, too, and
    /// the flag goes before the key.
    pub fit: FitOptions,
    /// Where results go. Folders are made.
    pub output: OutputTable,
    /// Callbacks of Keras by their `class`, each with Keras's arguments: EarlyStopping,
    /// ModelCheckpoint, ReduceLROnPlateau, CSVLogger, TerminateOnNaN, BackupAndRestore,
    /// SwapEMAWeights, RemoteMonitor and TensorBoard.
    pub callbacks: Vec<ClassTable>,
}

/// Data files: .npy, .npz, .csv, .tsv, .jsonl (and .parquet in builds with that feature).
#[derive(Deserialize, JsonSchema, Default)]
#[serde(default, deny_unknown_fields)]
pub struct DataTable {
    /// Training data: a file with inputs and targets together (columns or keys `label`, `y`, …
    /// are targets), or inputs alone. Several files for a model of several inputs.
    pub train: OneOrMany,
    /// Targets of the training data, where they stand in files of their own.
    pub train_target: OneOrMany,
    /// Weights of the training samples, where they stand in files of their own: one file, or one
    /// for each output.
    pub train_weight: OneOrMany,
    /// The part of the training files that is taken, where they name parts (a column or key
    /// `split`).
    pub train_part: Option<String>,
    /// Test data, evaluated after training.
    pub test: OneOrMany,
    /// Targets of the test data, where they stand in files of their own.
    pub test_target: OneOrMany,
    /// Weights of the test samples, where they stand in files of their own.
    pub test_weight: OneOrMany,
    /// The part of the test files that is taken, where they name parts.
    pub test_part: Option<String>,
    /// Names of the columns or keys that are inputs, in the model's order; all that are no targets
    /// unless given.
    pub input_columns: Vec<String>,
    /// Names of the columns or keys that are targets, where they are not called `label`, `y`, ….
    pub target_columns: Vec<String>,
    /// Fills sequences of unequal length up with this number, for a model that masks it. Without it
    /// the model knows the lengths, and no padding is computed.
    pub pad: Option<f64>,
    /// Names of the classes in the order of their ids. Targets of strings are sorted unless given.
    pub classes: Option<Classes>,
}

/// Names of classes: a list for a model of one output, or a list for each output by name.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a list of names, or a table of lists by output")]
pub enum Classes {
    /// Of the only output.
    One(Vec<String>),
    /// By output.
    ByOutput(BTreeMap<String, Vec<String>>),
}

/// One text or a list of texts.
#[derive(Clone, Debug, Default)]
pub struct OneOrMany(pub Vec<String>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = OneOrMany;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a string or a list of strings")
            }

            fn visit_str<E>(self, text: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany(vec![text.to_string()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<OneOrMany, A::Error> {
                let mut all = vec![];
                while let Some(text) = list.next_element()? {
                    all.push(text);
                }
                Ok(OneOrMany(all))
            }
        }
        d.deserialize_any(Read)
    }
}

impl JsonSchema for OneOrMany {
    fn schema_name() -> Cow<'static, str> {
        "OneOrMany".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let text = json_schema!({"type": "string"});
        json_schema!({"anyOf": [text, {"type": "array", "items": text}]})
    }
}

/// A model: a list of layers, a graph of layers, or a file.
#[derive(Deserialize, JsonSchema, Default)]
#[serde(default, deny_unknown_fields)]
pub struct ModelTable {
    /// A model file to start from, instead of layers: .keras, .h5 or .json.
    pub file: Option<String>,
    /// Extension files (.toml or .json), which say how classes of the author's own compute, in
    /// `file` and in `layers`.
    pub extension: OneOrMany,
    /// Whether classes of keras.io's examples and of Chollet's book in `file` are taken for what
    /// they are there, where settings and weights fit; what is assumed is printed.
    pub assume: bool,
    /// Name of the model.
    pub name: Option<String>,
    /// Shape of the only input without the batch. 0 leaves an axis open: `[0, 12]` is any number of
    /// timesteps of 12 features.
    pub input: Option<Vec<usize>>,
    /// Type of the only input: `float32` unless given, an integer type for ids, `string` for text.
    pub input_dtype: Option<String>,
    /// The inputs of a model of several inputs, which layers name.
    pub inputs: Vec<InputTable>,
    /// The layers, one after the other; with `inputs` of their own they make a graph.
    pub layers: Vec<LayerTable>,
    /// Names of the layers whose values are the outputs; the last layer unless given.
    pub outputs: OneOrMany,
}

/// An input of a model of several inputs.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InputTable {
    /// Its name.
    pub name: String,
    /// Its shape without the batch; 0 leaves an axis open.
    pub shape: Vec<usize>,
    /// Its type; `float32` unless given.
    pub dtype: Option<String>,
}

/// A layer of Keras: its class, its arguments, and what it is called on.
#[derive(Deserialize, JsonSchema)]
pub struct LayerTable {
    /// Class of the layer in Keras's word: `LSTM`, `Dense`.
    pub class: String,
    /// What the layer is called on: names of layers or inputs, the layer before unless given.
    /// `name:1` is the second value of a layer with several.
    #[serde(default)]
    pub inputs: OneOrMany,
    /// Whether a preprocessing layer takes what it needs (mean, vocabulary) from the training data.
    #[serde(default)]
    pub adapt: bool,
    /// Keras's arguments of the class, and `name`. A table with a `class` makes an object of Keras.
    #[serde(flatten)]
    pub settings: Map<String, Value>,
}

/// Optimizer, loss and metrics, by Keras's names or as tables with a `class` and Keras's arguments.
#[derive(Deserialize, JsonSchema, Default)]
#[serde(default, deny_unknown_fields)]
pub struct CompileTable {
    /// The optimizer: `"adam"`, or `{ class = "Adam", learning_rate = 0.003 }`; `rmsprop` unless
    /// given.
    pub optimizer: Option<Value>,
    /// The loss: one for all outputs, a list, or a table by output.
    pub loss: Option<Value>,
    /// Weight of each loss in the total.
    pub loss_weights: Option<Value>,
    /// Metrics: a list, or lists by output.
    pub metrics: Option<Value>,
    /// Metrics that sample weights enter.
    pub weighted_metrics: Option<Value>,
}

/// Where results go.
#[derive(Deserialize, JsonSchema, Default)]
#[serde(default, deny_unknown_fields)]
pub struct OutputTable {
    /// The trained model: a .keras file.
    pub model: Option<String>,
    /// Loss and metrics of each epoch: a .json file.
    pub history: Option<String>,
    /// Their curves: an .svg file.
    pub plot: Option<String>,
}

/// An object of Keras: its class and its arguments.
#[derive(Deserialize, JsonSchema)]
pub struct ClassTable {
    /// Class in Keras's word.
    pub class: String,
    /// Keras's arguments of the class.
    #[serde(flatten)]
    pub settings: Map<String, Value>,
}
