//! Files with classes of their authors' own (`python/make_custom_classes.py`): they open by an
//! extension file, or by settings and weights, predict as in Keras, and are saved as they were.

use cornu::data::{Array, Data, npy};
use cornu::extend::{Registry, value_json};
use cornu::saving::Archive;
use cornu::{Compile, Evaluate, Fit, LayerRef, Model, Opened, Predict};
use serde_json::{Value, json};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Rounding of float32 in another order of additions.
const TOLERANCE: f32 = 1e-5;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// The fixtures in a folder, with the number of inputs and outputs of each model.
fn models() -> (tempfile::TempDir, Vec<(String, usize, usize)>) {
    let folder = tempfile::tempdir().unwrap();
    let file = std::fs::File::open(fixture("custom_classes.zip")).unwrap();
    let mut zip = zip::ZipArchive::new(file).unwrap();
    let mut models = Vec::new();
    for i in 0..zip.len() {
        let mut member = zip.by_index(i).unwrap();
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).unwrap();
        if member.name() == "models.json" {
            let all: Value = serde_json::from_slice(&bytes).unwrap();
            for (name, counts) in all.as_object().unwrap() {
                let count = |i: usize| counts[i].as_u64().unwrap() as usize;
                models.push((name.clone(), count(0), count(1)));
            }
        }
        std::fs::write(folder.path().join(member.name()), bytes).unwrap();
    }
    (folder, models)
}

fn registry() -> Registry {
    Registry::new().extension(fixture("own_layers.toml")).unwrap().assume()
}

fn arrays(folder: &Path, name: &str, letter: &str, n: usize) -> Vec<Data> {
    let read = |i| std::fs::read(folder.join(format!("{name}.{letter}{i}.npy"))).unwrap();
    (0..n).map(|i| Data::Dense(npy::decode(&read(i)).unwrap())).collect()
}

fn worst(a: &Data, b: &Data) -> f32 {
    assert_eq!(a.shape_text(), b.shape_text());
    let (a, b) = (a.values().to_f32().unwrap(), b.values().to_f32().unwrap());
    a.iter().zip(b.iter()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn bits(model: &Model, x: &[Data]) -> Vec<Vec<u32>> {
    let outputs = model.predict(x, Predict::new()).unwrap().into_vec();
    outputs
        .iter()
        .map(|y| y.values().to_f32().unwrap().iter().map(|v| v.to_bits()).collect())
        .collect()
}

/// Class, module, registered name and config of each layer, at every depth.
fn classes(v: &Value, found: &mut Vec<Value>) {
    match v {
        Value::Object(map) => {
            if map.contains_key("registered_name") && map.contains_key("inbound_nodes") {
                // Keras numbers the dtypes that layers share.
                let mut config = map["config"].clone();
                if let Some(Value::Object(dtype)) = config.get_mut("dtype") {
                    dtype.remove("shared_object_id");
                }
                found.push(json!([
                    map["class_name"],
                    map["module"],
                    map["registered_name"],
                    config
                ]));
            }
            map.values().for_each(|v| classes(v, found));
        }
        Value::Array(items) => items.iter().for_each(|v| classes(v, found)),
        _ => {}
    }
}

#[test]
fn they_predict_as_in_keras_and_are_saved_as_they_were() {
    let (folder, models) = models();
    assert_eq!(models.len(), 12);
    for (name, n_inputs, n_outputs) in &models {
        let x = arrays(folder.path(), name, "x", *n_inputs);
        let y = arrays(folder.path(), name, "y", *n_outputs);
        for ending in ["keras", "h5"] {
            let path = folder.path().join(format!("{name}.{ending}"));
            if !path.exists() {
                assert!(name.starts_with("tcn_"), "{name}");
                continue;
            }
            let model = Model::open_with(&path, &registry()).unwrap();
            let outputs = model.predict(&x[..], Predict::new()).unwrap().into_vec();
            for (ours, keras) in outputs.iter().zip(&y) {
                let worst = worst(ours, keras);
                assert!(worst <= TOLERANCE, "{name}.{ending}: {worst}");
            }
            let saved = folder.path().join("saved.keras");
            model.save(&saved).unwrap();
            let again = Model::open_with(&saved, &registry()).unwrap();
            assert_eq!(bits(&again, &x), bits(&model, &x), "{name}.{ending}");
            if ending == "keras" {
                let (before, after) =
                    (Archive::read(&path).unwrap(), Archive::read(&saved).unwrap());
                let (mut ours, mut theirs) = (vec![], vec![]);
                classes(&before.config, &mut theirs);
                classes(&after.config, &mut ours);
                let own = |c: &&Value| c[2].as_str().is_some_and(|n| n.contains('>'));
                let [ours, theirs] =
                    [&ours, &theirs].map(|all| all.iter().filter(own).collect::<Vec<_>>());
                assert!(!ours.is_empty() && ours == theirs, "{name}: {ours:?} {theirs:?}");
                let paths = |archive: &Archive| {
                    let mut paths: Vec<String> =
                        archive.weights.walk().into_iter().map(|(path, _)| path).collect();
                    paths.retain(|path| path.starts_with("layers/"));
                    paths.sort();
                    paths
                };
                let theirs = paths(&before);
                let theirs: Vec<_> =
                    theirs.into_iter().filter(|p| !p.contains("seed_generator")).collect();
                assert_eq!(paths(&after), theirs, "{name}");
            }
        }
    }
}

#[test]
fn they_are_trained() {
    let (folder, _) = models();
    let path = folder.path().join("keras_io_text_classification.keras");
    let model = Model::open_with(&path, &registry()).unwrap();
    let x = arrays(folder.path(), "keras_io_text_classification", "x", 1);
    let y = arrays(folder.path(), "keras_io_text_classification", "y", 1);
    let shifted = y[0].values().to_f32().unwrap().mapv(|v| v + 1.0);
    let y = [Data::Dense(Array::from(shifted))];
    let mut compiled = model.compile(Compile::new("adam", "mse")).unwrap();
    let before = compiled.evaluate(&x[..], &y[..], Evaluate::new()).unwrap();
    compiled.fit(&x[..], &y[..], Fit::new().epochs(30).verbose(0)).unwrap();
    let after = compiled.evaluate(&x[..], &y[..], Evaluate::new()).unwrap();
    let [first, last] = [&before, &after].map(|logs| value_json(&logs["loss"]).as_f64().unwrap());
    assert!(last < first / 2.0, "{first} {last}");
    compiled.save(folder.path().join("trained.keras")).unwrap();
    let opened = Opened::read_with(folder.path().join("trained.keras"), &registry()).unwrap();
    assert!(matches!(opened, Opened::Compiled(_)));
}

#[test]
fn a_refusal_names_all_classes_with_their_places_and_the_ways_out() {
    let (folder, _) = models();
    let refused = |name: &str, registry: &Registry| {
        let error = Model::open_with(folder.path().join(name), registry).err().unwrap();
        assert!(error.is_unsupported(), "{error}");
        error.to_string()
    };
    let e = refused("own_layers.keras", &Registry::new());
    for part in [
        "4 classes",
        "`own>LearnedPositions` of module `custom_classes` in layer `learned_positions`",
        "`own>Scale` of module `custom_classes` in layer `scale` of `time_distributed`",
        "layer `attention_pooling` of `sequential`",
        "--extension",
        "Registry::new().layer::<T>(\"own>AttentionPooling\")",
    ] {
        assert!(e.contains(part), "{part}: {e}");
    }
    assert!(!e.contains("--assume"), "{e}");
    let e = refused("keras_io_text_classification.keras", &Registry::new());
    for part in [
        "layer `transformer_block`, layer `transformer_block_1`",
        "would be taken for that of keras.io, text_classification_with_transformer, assuming",
        "epsilon 1e-6",
        "--assume (Registry::assume)",
    ] {
        assert!(e.contains(part), "{part}: {e}");
    }
}

fn define(text: &str) -> cornu::Result<Registry> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml");
    std::fs::write(&path, text).unwrap();
    Registry::new().extension(&path)
}

/// The error of an extension, when it is read or when a layer of its class `Mine` is.
fn wrong(text: &str) -> String {
    let made = define(text).and_then(|registry| {
        let config = json!({"units": 3, "name": "mine"});
        LayerRef::from_json(&json!({"class_name": "Mine", "config": config}), &registry)
    });
    made.err().map_or("none".into(), |e| e.to_string())
}

#[test]
fn mistakes_of_an_extension_are_named() {
    let head = "[[classes]]\nclass = \"Mine\"\ninputs = \"x\"\n";
    let dense = "{ name = \"a\", class = \"Dense\", config = { units = \"$units\" }, \
                 inputs = \"x\" }";
    let of = |outputs: &str, members: &str| {
        format!("{head}outputs = \"{outputs}\"\nmembers = [{members}]\n")
    };
    for (text, parts) in [
        (of("a", dense), vec!["none"]),
        (of("b", dense), vec!["class `Mine`", "no value is called `b`"]),
        (format!("{head}outpts = \"a\"\n"), vec!["mine.toml, line 4", "outpts"]),
        (
            of("a", &dense.replace("$units", "$units + $unit")),
            vec!["member `a`", "`$units + $unit`", "did you mean `units`?"],
        ),
        (of("a", &dense.replace("Dense", "Dens")), vec!["member `a`", "did you mean `Dense`?"]),
        (of("a", &dense.replace("units =", "unts =")), vec!["unknown setting `unts`"]),
        (of("a", &dense.replace("\"x\"", "\"a\"")), vec!["a cycle: a"]),
        (
            of("a", &format!("{dense}, {}", dense.replace("\"a\"", "\"b\""))),
            vec!["member `b`: no output depends on it"],
        ),
        (of("a", &format!("{dense}, {dense}")), vec!["the name `a` is used twice"]),
        (
            of("a", "{ name = \"a\", operation = \"ad\", inputs = [\"x\", \"$units\"] }"),
            vec!["no operation is called `ad`"],
        ),
        (
            of("a", "{ name = \"a\", operation = \"abs\", inputs = \"x\" }"),
            vec!["names no setting `units`", "`ignored`"],
        ),
        (of("a", &dense.replace("Dense", "Mine")), vec!["hold each other"]),
        (
            of("a", &dense.replace("inputs", "repeat = \"$units * 1000\", inputs")),
            vec!["`repeat` is a number from 1 to 512"],
        ),
        ("classes = 3".into(), vec!["mine.toml, line 1"]),
        (format!("x = {}", "[".repeat(5000)), vec!["mine.toml, line 1"]),
    ] {
        let e = wrong(&text);
        for part in parts {
            assert!(e.contains(part), "{text}\n{part}: {e}");
        }
    }
}

#[test]
fn weights_that_a_definition_lacks_or_leaves_are_named() {
    let (folder, _) = models();
    let text = std::fs::read_to_string(fixture("own_layers.toml")).unwrap();
    let error = |text: &str| {
        let registry = define(text).unwrap();
        let path = folder.path().join("own_masks.keras");
        Model::open_with(path, &registry).err().map(|e| e.to_string()).unwrap_or_default()
    };
    assert_eq!(error(&text), "");
    let e = error(&text.replace(
        "outputs = \"sum\"\n\n[[classes.members]]\nname = \"encoder\"",
        "outputs = \"again\"\n\n[[classes.members]]\nname = \"encoder\"",
    ));
    assert!(e.contains("member `sum`: no output depends on it"), "{e}");
    let other = text.replace("class = \"GRU\"", "class = \"GRU\"\npath = \"encoder/inner\"");
    let e = error(&other);
    assert!(e.contains("is missing") && e.contains("recurrent/decoder/cell/vars/0"), "{e}");
    let scale = text.replace(
        "{ name = \"mean\", operation",
        "{ name = \"w\", weight = [1] },\n    { name = \"mean\", operation",
    );
    assert!(error(&scale).contains("member `w`"), "{}", error(&scale));
    let path = folder.path().join("own_layers.keras");
    // Without the weight that is not trained, and what reads it.
    let without = |line: &&str| {
        !["\"count\", weight", "\"counted\", operation"].iter().any(|part| line.contains(part))
    };
    let less: String = text.lines().filter(without).map(|line| format!("{line}\n")).collect();
    let less = less.replace("[\"x\", \"counted\"]", "[\"x\", \"rows\"]");
    let e = Model::open_with(path, &define(&less).unwrap()).err().unwrap().to_string();
    assert!(e.contains("layer `learned_positions` does not use"), "{e}");
    assert!(e.contains("learned_positions/vars/1` of shape []"), "{e}");
}

#[test]
fn compile_settings_of_unknown_classes_leave_a_model_that_predicts() {
    let (folder, _) = models();
    let path = folder.path().join("tcn_causal.keras");
    let mut archive = Archive::read(&path).unwrap();
    let optimizer = json!({
        "module": null, "class_name": "Mine", "config": {}, "registered_name": "own>Mine",
    });
    archive.config["compile_config"] = json!({"optimizer": optimizer, "loss": "mse"});
    archive.write(&path).unwrap();
    assert!(matches!(Opened::read(&path).unwrap(), Opened::Model(_)));
    let e = cornu::CompiledModel::open(&path).err().unwrap();
    assert!(e.to_string().contains("own>Mine"), "{e}");
}
