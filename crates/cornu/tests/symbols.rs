//! The page docs/KERAS.md: every public symbol of Keras and its state in cornu, made from Keras's
//! list and cornu's own.
//!
//! `tests/keras/symbols.txt` is Keras's list, made by `tests/keras/list_symbols.py`. `cargo xtask
//! symbols` writes the page anew; without it this test fails where the page is out of date, or
//! where a symbol has no state.

use cornu::activations::Activation;
use cornu::callbacks;
use cornu::constraints::Constraint;
use cornu::initializers::Initializer;
use cornu::layers::{ALIASES, CLASSES};
use cornu::losses::Loss;
use cornu::metrics::Metric;
use cornu::ops::Operation;
use cornu::optimizers::Optimizer;
use cornu::optimizers::schedules::Schedule;
use cornu::regularizers::Regularizer;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// What `cargo xtask symbols` sets, so that the page is written instead of compared.
const WRITE: &str = "CORNU_WRITE_PAGES";

/// Bases, registries and objects of Keras's that are something else in Rust: module, name, what it
/// is here.
const OTHERWISE: &[(&str, &str, &str)] = &[
    ("layers", "Input", "`Input`"),
    ("layers", "InputLayer", "`model::InputLayer`"),
    ("layers", "Layer", "the trait `layers::Layer`"),
    ("layers", "Wrapper", "wrappers name their layers in `Layer::inner`"),
    ("layers", "Lambda", "a layer of your own: `impl Layer`; in files refused, for it holds code"),
    ("layers", "InputSpec", "each layer checks its inputs itself"),
    ("losses", "Loss", "the enum `losses::Loss`"),
    ("metrics", "Metric", "the enum `metrics::Metric`"),
    ("metrics", "MeanMetricWrapper", "a metric by the name of its function"),
    ("optimizers", "Optimizer", "the enum `optimizers::Optimizer`"),
    (
        "optimizers",
        "OptimizerMap",
        "`optimizers::OptimizerMap`, with a path or an expression for each entry",
    ),
    ("optimizers.schedules", "LearningRateSchedule", "the enum `optimizers::schedules::Schedule`"),
    ("initializers", "Initializer", "the enum `initializers::Initializer`"),
    ("regularizers", "Regularizer", "the enum `regularizers::Regularizer`"),
    ("constraints", "Constraint", "the enum `constraints::Constraint`"),
    ("callbacks", "Callback", "the trait `training::callbacks::Callback`"),
    ("callbacks", "CallbackList", "the callbacks of a `Fit`, in order"),
    ("callbacks", "History", "`fit` returns a `History`"),
    ("callbacks", "LambdaCallback", "`callbacks::LambdaCallback`, from Rust"),
    ("callbacks", "LearningRateScheduler", "`callbacks::LearningRateScheduler`, from Rust"),
    ("callbacks", "ProgbarLogger", "`Fit::verbose`"),
    ("ops", "abs", "as `absolute`"),
    ("ops", "conj", "as `conjugate`"),
    ("ops", "max", "as `amax`"),
    ("ops", "min", "as `amin`"),
];

/// What cornu does not do: module, names (`*` stands for any letters), reason.
const ABSENT: &[(&str, &str, &str)] = &[
    (
        "layers",
        "*2D *3D *2DTranspose *3DTranspose Random* AugMix AutoContrast CenterCrop \
         ContrastLimited* CutMix Equalization MaxNumBoundingBoxes MixUp RandAugment \
         Resizing Solarization",
        NO_IMAGES,
    ),
    ("layers", "Pipeline", "not for sequence models: a chain of image augmentations"),
    ("layers", "FlaxLayer JaxLayer TFSMLayer TorchModuleWrapper", FOREIGN),
    ("metrics", "Mean Sum", NO_TARGETS),
    (
        "activations",
        "threshold",
        "refused: it cannot be named without its arguments; `keras.ops.threshold` is here",
    ),
    (
        "callbacks",
        "OrbaxCheckpoint",
        "refused: a format of JAX; ModelCheckpoint and BackupAndRestore write `.keras`",
    ),
    (
        "ops",
        "associative_scan cond custom_gradient fori_loop jvp map scan switch vectorize \
         vectorized_map while_loop",
        HOLDS_CODE,
    ),
    (
        "ops",
        "bartlett blackman empty eye hamming hanning identity kaiser ones tri zeros \
         arange",
        IS_CONSTANT,
    ),
    ("ops", "convert_to_numpy dtype is_tensor shape", NO_NODE),
    ("ops", "bincount nonzero unique", OPEN_SHAPE),
    ("ops", "eig polar view_as_complex view_as_real", COMPLEX),
    ("ops", "adaptive_average_pool adaptive_max_pool", NOT_OPENED),
    (
        "ops",
        "conv_transpose",
        "refused: Keras exchanges its arguments, so that no backend can run it in a graph; \
         the layer Conv1DTranspose is here",
    ),
    (
        "ops",
        "histogram",
        "refused: Keras on JAX has none, and a model with a `range` cannot be opened again",
    ),
    (
        "ops",
        "lu_factor",
        "refused: its packed factors serve no other operation; `solve`, `det` and `inv` are \
         here",
    ),
];

const NO_IMAGES: &str = "not for sequence models: images and volumes";
const NO_TARGETS: &str =
    "refused: it takes values alone, and a compiled model gives targets and predictions";
const FOREIGN: &str = "refused: it holds a program of another framework";

const HOLDS_CODE: &str =
    "refused: it holds a function of Python, which a file must not bring along";
const IS_CONSTANT: &str = "refused: no operation of a graph; Keras computes it when the model is \
    made, and the file holds a constant, which is here";
const NO_NODE: &str = "refused: it gives no tensor, so it is no operation of a graph";
const OPEN_SHAPE: &str = "refused: the shape of what it gives depends on the data, so Keras on JAX \
    cannot train with it either";
const COMPLEX: &str = "refused: its values are complex, which no layer takes";
const NOT_OPENED: &str = "refused: Keras cannot open a model that holds it; the layer is here";

/// Operations that are here but not in every form: name, what differs.
const PARTLY: &[(&str, &str)] = &[
    ("angle", "of real numbers."),
    ("conv", "along time."),
    ("depthwise_conv", "along time."),
    ("separable_conv", "along time."),
    ("average_pool", "along time."),
    ("max_pool", "along time."),
    ("ctc_decode", "strategy `greedy`."),
    ("fft", "of at most 4096 elements along the axis."),
    ("fft2", "of at most 4096 elements along an axis."),
    ("ifft2", "of at most 4096 elements along an axis."),
    ("rfft", "of at most 4096 elements along the axis."),
    ("irfft", "of at most 4096 elements along the axis."),
    ("eigh", "an eigenvector may have the other sign."),
    ("svd", "singular vectors may have the other sign; `full_matrices` of square matrices alone."),
    ("qr", "of matrices of at most 64 rows and columns."),
    ("pad", "mode `constant`."),
    ("segment_max", "needs `num_segments`, as Keras on JAX does."),
    ("segment_min", "needs `num_segments`, as Keras on JAX does."),
    ("segment_prod", "needs `num_segments`, as Keras on JAX does."),
    ("segment_sum", "needs `num_segments`, as Keras on JAX does."),
    ("trapezoid", "without `x`, with which Keras cannot save it."),
    ("view", "between floats and whole numbers of one width."),
];

/// Families of `keras.losses` and the like: whether cornu knows a name.
fn known(module: &str, name: &str) -> bool {
    match module {
        "layers" => {
            CLASSES.contains(&name)
                || ALIASES.iter().any(|(other, _)| *other == name)
                || merging(name).is_some_and(|class| CLASSES.contains(&class))
        }
        "losses" => Loss::by_name(name).is_ok(),
        // A model can be compiled with the name of a loss as metric.
        "metrics" => {
            Metric::by_name(name).is_ok()
                || (name.starts_with(char::is_lowercase) && Loss::by_name(name).is_ok())
        }
        "optimizers" => Optimizer::CLASSES.contains(&name),
        "optimizers.schedules" => Schedule::CLASSES.contains(&name),
        "initializers" => {
            Initializer::by_name(name).is_ok()
                || name.ends_with("Initializer")
                    && Initializer::from_class(name, serde_json::json!({})).is_ok()
        }
        "regularizers" => Regularizer::by_name(name).is_ok(),
        "constraints" => Constraint::by_name(name).is_ok(),
        "callbacks" => callbacks::CLASSES.contains(&name),
        "activations" => Activation::by_name(name).is_some(),
        _ => false,
    }
}

/// The class of a merging function: `keras.layers.add`.
fn merging(name: &str) -> Option<&'static str> {
    let names =
        ["Add", "Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply", "Subtract"];
    names.into_iter().find(|class| class.to_lowercase() == name)
}

/// The state of a symbol, and what is to be said of it.
fn state(
    module: &str,
    name: &str,
    own: &str,
    differs: &HashMap<String, String>,
) -> Option<(&'static str, String)> {
    if matches!(name, "deserialize" | "serialize" | "get") {
        return Some(("here", "`from_json`, `to_json`".into()));
    }
    if let Some((.., what)) = OTHERWISE.iter().find(|(m, n, _)| *m == module && *n == name) {
        return Some(("here, otherwise", (*what).into()));
    }
    if known(module, name) || (module == "ops" && Operation::classes().any(|class| class == own)) {
        let partly = PARTLY
            .iter()
            .find(|(n, _)| module == "ops" && *n == name)
            .map(|(_, what)| what.to_string());
        let said = differs
            .get(&format!("{module}.{name}"))
            .or_else(|| differs.get(&format!("{module}.{own}")))
            .filter(|_| module != "ops");
        let said = partly.as_ref().or(said);
        return Some(said.map_or(("here", String::new()), |text| ("here, differs", text.clone())));
    }
    let fits = |pattern: &str| match pattern.split_once('*') {
        Some((start, end)) => {
            name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
        }
        None => name == pattern,
    };
    let absent = ABSENT
        .iter()
        .find(|(m, patterns, _)| *m == module && patterns.split_whitespace().any(fits));
    absent.map(|(.., why)| {
        (
            if why.starts_with("refused") { "refused" } else { "not for sequence models" },
            why.split_once(": ").map_or(*why, |(_, w)| w).to_string(),
        )
    })
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// What the docs of each class say after "Differs:": the types of the lists, `"LSTM" => Lstm`, and
/// the docs of those types.
fn differences() -> HashMap<String, String> {
    let mut files = Vec::new();
    let mut folders = vec![root().join("crates/cornu/src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
            if entry.is_dir() { folders.push(entry) } else { files.push(entry) }
        }
    }
    let mut docs: HashMap<(String, String), String> = HashMap::new();
    let mut classes: Vec<(String, String, String)> = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let path =
            file.strip_prefix(root().join("crates/cornu/src")).unwrap().display().to_string();
        let place = path.split('/').next().unwrap_or_default().to_string();
        let mut doc = String::new();
        for line in text.lines() {
            let trimmed = line.trim();
            if let Some(said) = trimmed.strip_prefix("///") {
                writeln!(doc, "{}", said.trim()).unwrap();
            } else if let Some(rest) = trimmed.strip_prefix("pub struct ") {
                let name = rest.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
                let paragraph = doc.split("Differs:").nth(1).and_then(|d| d.split("\n\n").next());
                if let Some(p) = paragraph {
                    docs.insert(
                        (place.clone(), name.into()),
                        p.split_whitespace().collect::<Vec<_>>().join(" "),
                    );
                }
                doc.clear();
            } else if !trimmed.starts_with("#[") {
                doc.clear();
            }
            for part in trimmed
                .split(['"'])
                .collect::<Vec<_>>()
                .windows(2)
                .filter(|w| w[1].trim_start().starts_with("=> "))
            {
                let of = part[1].trim_start()[3..]
                    .trim()
                    .split(|c: char| !c.is_alphanumeric())
                    .next()
                    .unwrap_or_default();
                let module = if path.contains("schedules/") {
                    "optimizers.schedules"
                } else if path.contains("callbacks/") {
                    "callbacks"
                } else {
                    &place
                };
                classes.push((module.into(), part[0].into(), of.into()));
            }
        }
    }
    let place = |module: &str| match module {
        "callbacks" => "training".to_string(),
        other => other.split('.').next().unwrap_or_default().to_string(),
    };
    classes
        .into_iter()
        .filter_map(|(module, class, of)| {
            Some((format!("{module}.{class}"), docs.get(&(place(&module), of))?.clone()))
        })
        .collect()
}

fn page() -> String {
    let list = std::fs::read_to_string(root().join("tests/keras/symbols.txt")).unwrap();
    let version = list
        .lines()
        .next()
        .unwrap()
        .split_whitespace()
        .find(|w| w.starts_with(|c: char| c.is_ascii_digit()))
        .unwrap()
        .trim_end_matches(',');
    let differs = differences();
    let mut tables: Vec<(String, Vec<[String; 3]>)> = Vec::new();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut without = Vec::new();
    for line in list.lines().filter(|l| !l.starts_with('#')) {
        let [module, name, _, own] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("a line of four words. Received: {line}")
        };
        let Some((state, said)) = state(module, name, own, &differs) else {
            without.push(format!("keras.{module}.{name}"));
            continue;
        };
        *counts.entry(state).or_default() += 1;
        if tables.last().is_none_or(|(m, _)| m != module) {
            tables.push((module.into(), vec![]));
        }
        tables.last_mut().unwrap().1.push([
            format!("`{name}`"),
            state.into(),
            said.replace('|', "\\|").replace("[`", "`").replace("`]", "`"),
        ]);
    }
    assert!(without.is_empty(), "symbols without a state: {}", without.join(", "));
    let mut out = format!(
        "# Keras {version} in cornu\n\nEvery public symbol of Keras that a model of sequences or \
            tables can meet, and its state here. Made by `cargo xtask symbols`.\n\n"
    );
    out.push_str("| state | symbols |\n|---|---|\n");
    counts.iter().for_each(|(state, n)| writeln!(out, "| {state} | {n} |").unwrap());
    for (module, rows) in tables {
        let n = rows.iter().filter(|r| r[1].starts_with("here")).count();
        writeln!(
            out,
            "\n## keras.{module}\n\n{n} of {} are here.\n\n| symbol | state | remark |\n\
            |---|---|---|",
            rows.len()
        )
        .unwrap();
        rows.iter().for_each(|[name, state, said]| {
            writeln!(out, "| {name} | {state} | {said} |").unwrap()
        });
    }
    out
}

#[test]
fn the_page_of_keras_symbols_is_up_to_date() {
    let path = root().join("docs/KERAS.md");
    let made = page();
    if std::env::var_os(WRITE).is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        return std::fs::write(&path, made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let first = kept.lines().zip(made.lines()).find(|(a, b)| a != b);
    assert!(
        kept == made,
        "docs/KERAS.md is out of date, run `cargo xtask symbols`; first difference: {first:?}"
    );
}
