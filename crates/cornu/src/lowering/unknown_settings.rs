//! Settings of a config that a layer does not have: warned of in files, refused where a person
//! wrote them.

use crate::config::{did_you_mean, short};
use crate::{Error, Result};
use serde_json::{Map, Value};

/// Keys that every layer has.
const COMMON: &[&str] = &["name", "trainable", "dtype", "activity_regularizer"];

/// Keys that Keras writes and that have no effect here.
const WITHOUT_EFFECT: &[&str] =
    &["batch_input_shape", "batch_shape", "input_dtype", "implementation"];

/// Warns of settings that a file has and the layer has not: they may change results. `read` holds
/// the settings that have an effect, `common` the keys of all layers of this kind.
pub(super) fn warn(class: &str, name: &str, config: &Value, read: &Value, common: &[&str]) {
    let Value::Object(config) = config else { return };
    for (key, value) in config {
        let known = [common, COMMON, WITHOUT_EFFECT].iter().any(|k| k.contains(&key.as_str()))
            || read.get(key).is_some();
        if !known && !value.is_null() && *value != Value::Bool(false) {
            log::warn!(
                "{class} `{name}`: setting `{key}` = {} is unknown here and has no effect",
                short(value)
            );
        }
    }
}

/// Fails at the first setting that the layer does not have, and names the nearest one it has.
/// Objects inside (initializers, regularizers) are compared, too, but for those of layers, which
/// `is_layer` tells by their class: they were read by themselves.
///
/// # Errors
/// The unknown setting with the nearest right name.
pub(super) fn refuse(
    config: &Value,
    read: &Value,
    common: &[&str],
    is_layer: &dyn Fn(&str) -> bool,
) -> Result<()> {
    let (Value::Object(config), Value::Object(read)) = (config, read) else { return Ok(()) };
    for (key, value) in config {
        let known = [common, COMMON].iter().any(|k| k.contains(&key.as_str()));
        match read.get(key) {
            None if !known => return Err(unknown(key, read, COMMON)),
            Some(inner) => refuse_inside(value, inner, is_layer)?,
            None => {}
        }
    }
    Ok(())
}

/// The same for the config of an object that a setting holds.
fn refuse_inside(given: &Value, read: &Value, is_layer: &dyn Fn(&str) -> bool) -> Result<()> {
    let class = given.get("class_name").and_then(Value::as_str);
    let (Some(class), Some(Value::Object(given)), Some(Value::Object(read))) =
        (class, given.get("config"), read.get("config"))
    else {
        return Ok(());
    };
    if is_layer(class) {
        return Ok(());
    }
    for (key, value) in given {
        match read.get(key) {
            None => {
                let Error::Config(m) = unknown(key, read, &[]) else { continue };
                return Err(Error::Config(format!("{class}: {m}")));
            }
            Some(inner) => refuse_inside(value, inner, is_layer)?,
        }
    }
    Ok(())
}

fn unknown(key: &str, read: &Map<String, Value>, more: &[&str]) -> Error {
    let mut known: Vec<&str> = read.keys().map(String::as_str).collect();
    known.extend(more.iter().filter(|k| !read.contains_key(**k)));
    let hint = did_you_mean(key, known.iter().copied());
    let listed = if hint.is_empty() { format!("; there are {}", known.join(", ")) } else { hint };
    Error::Config(format!("unknown setting `{key}`{listed}"))
}

#[cfg(test)]
mod tests {
    use crate::lowering::{LayerRef, Registry};
    use serde_json::json;

    fn refused(class: &str, config: serde_json::Value) -> String {
        let object = json!({"class_name": class, "config": config});
        LayerRef::from_json(&object, &Registry::new().strict()).unwrap_err().to_string()
    }

    #[test]
    fn the_nearest_name_is_told() {
        let e = refused("LSTM", json!({"units": 3, "droput": 0.5}));
        assert_eq!(e, "LSTM `lstm`: unknown setting `droput`; did you mean `dropout`?");
        let e = refused("Dense", json!({"units": 3, "colour": "red", "name": "d"}));
        assert!(e.starts_with("Dense `d`: unknown setting `colour`; there are units, "), "{e}");
        let inner = json!({"class_name": "Orthogonal", "config": {"gian": 2.0}});
        let e = refused("GRU", json!({"units": 3, "recurrent_initializer": inner}));
        assert!(e.contains("Orthogonal: unknown setting `gian`; did you mean `gain`?"), "{e}");
        let cell = json!({"class_name": "LSTM", "config": {"units": 2, "unitz": 3}});
        let e = refused("Bidirectional", json!({"layer": cell}));
        assert!(e.contains("unknown setting `unitz`; did you mean `units`?"), "{e}");
        assert!(refused("LTSM", json!({"units": 3})).contains("did you mean `LSTM`?"));
    }

    #[test]
    fn a_value_of_a_wrong_type_names_its_setting() {
        let e = refused("LSTM", json!({"units": "many"}));
        assert!(e.starts_with("LSTM `lstm`: `units`: invalid type: string"), "{e}");
    }

    #[test]
    fn what_a_layer_takes_and_writes_is_read_strictly() {
        let registry = Registry::new().strict();
        for (class, samples) in crate::lowering::Sample::of_layers() {
            for sample in samples {
                let given = json!({"class_name": class, "config": sample.config});
                let layer = LayerRef::from_json(&given, &registry).unwrap();
                LayerRef::from_json(&layer.to_json(), &registry).unwrap();
            }
        }
    }
}
