//! Weights in several files: `x.weights.json` says which of `x_00000.weights.h5`, … holds what.
//!
//! Source: `ShardedH5IOStore` in `keras/src/saving/saving_lib.py`, Keras 3.15.1.

use std::collections::HashSet;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::{FileError, Group, atomic, hdf5_read, hdf5_write};

/// Reads all the shards that the file `x.weights.json` names into one tree.
pub fn read(path: &Path) -> Result<Group, FileError> {
    read_shards(path).map_err(|error| error.within(path.display().to_string()))
}

fn read_shards(path: &Path) -> Result<Group, FileError> {
    let map = super::json::read(&atomic::read(path)?)?;
    let mut whole = Group::default();
    for file_name in shard_names(&map)? {
        let shard = atomic::read(&path.with_file_name(&file_name))
            .and_then(hdf5_read::read)
            .map_err(|error| error.within(format!("shard `{file_name}`")))?;
        merge(&mut whole, shard, "").map_err(|error| error.within(&file_name))?;
    }
    Ok(whole)
}

/// The shards' file names, each once, in the order they are named.
fn shard_names(map: &Value) -> Result<Vec<String>, FileError> {
    let wrong = |received: String| {
        FileError::refused(
            "sharded weights have a `weight_map` from paths to files beside it",
            received,
            "Save the weights again with `max_shard_size`.",
        )
    };
    let weight_map = map
        .get("weight_map")
        .and_then(Value::as_object)
        .ok_or_else(|| wrong("no `weight_map`".to_owned()))?;
    let mut names = Vec::new();
    let mut seen = HashSet::new();
    for (weight, files) in weight_map {
        let files = match files {
            Value::Array(files) => files.as_slice(),
            one => std::slice::from_ref(one),
        };
        for file in files {
            let name = file
                .as_str()
                .filter(|name| name.ends_with(".h5") && !name.contains(['/', '\\', ':', '\0']))
                .ok_or_else(|| wrong(format!("{file} for `{weight}`")))?;
            if seen.insert(name) {
                names.push(name.to_owned());
            }
        }
    }
    Ok(names)
}

fn merge(into: &mut Group, from: Group, path: &str) -> Result<(), FileError> {
    into.name = into.name.take().or(from.name);
    for (name, array) in from.arrays {
        into.insert(&name, array).map_err(|error| error.within(path))?;
    }
    into.sort_numbered();
    for (name, group) in from.groups {
        merge(into.group_mut(&name), group, &format!("{path}/{name}"))?;
    }
    Ok(())
}

/// Writes weights as `x.weights.json` and shards of at most `max_shard_bytes` in the same folder.
pub fn write(path: &Path, weights: &Group, max_shard_bytes: usize) -> Result<(), FileError> {
    write_shards(path, weights, max_shard_bytes)
        .map_err(|error| error.within(path.display().to_string()))
}

fn write_shards(path: &Path, weights: &Group, max_shard_bytes: usize) -> Result<(), FileError> {
    let stem = path
        .file_name()
        .and_then(|name| name.to_str())
        .and_then(|name| name.strip_suffix(".weights.json"))
        .ok_or_else(|| {
            FileError::refused(
                "sharded weights are saved to a file named `….weights.json`",
                path.display().to_string(),
                "Change the name.",
            )
        })?;
    let mut shards = vec![Group::default()];
    let mut shard_bytes = 0;
    let mut total_bytes = 0;
    let mut weight_map = Map::new();
    for (weight, array) in weights.walk() {
        let n_bytes = array.bytes().len();
        if n_bytes > max_shard_bytes {
            return Err(FileError::refused(
                format!("a weight fits in a shard of {max_shard_bytes} bytes"),
                format!("`{weight}` of {n_bytes} bytes"),
                "Raise the size of a shard.",
            ));
        }
        if shard_bytes + n_bytes > max_shard_bytes {
            shards.push(Group::default());
            shard_bytes = 0;
        }
        shard_bytes += n_bytes;
        total_bytes += n_bytes;
        let file_name = Value::String(shard_name(stem, shards.len() - 1));
        let group_path = weight.rsplit_once('/').map_or("", |(group, _)| group);
        if let Some(shard) = shards.last_mut() {
            shard.insert(&weight, array.clone())?;
            shard.group_mut(group_path).name =
                weights.group(group_path).and_then(|group| group.name.clone());
        }
        let files = weight_map.entry(format!("/{group_path}")).or_insert_with(|| json!([]));
        if let Value::Array(files) = files
            && !files.contains(&file_name)
        {
            files.push(file_name);
        }
    }
    for files in weight_map.values_mut() {
        if let Value::Array(list) = files
            && list.len() == 1
        {
            *files = list.remove(0);
        }
    }
    for (index, shard) in shards.iter().enumerate() {
        hdf5_write::save(&path.with_file_name(shard_name(stem, index)), shard)?;
    }
    let map = json!({"metadata": {"total_size": total_bytes}, "weight_map": weight_map});
    atomic::write(path, super::json::write(&map).as_bytes())
}

fn shard_name(stem: &str, index: usize) -> String {
    format!("{stem}_{index:05}.weights.h5")
}

#[cfg(test)]
mod tests {
    use super::super::Array;
    use super::*;

    fn weights() -> Group {
        let mut weights = Group::default();
        for index in 0..4 {
            let path = format!("layers/dense_{index}/vars");
            weights.group_mut(&path).name = Some(format!("d{index}"));
            for weight in 0..3 {
                let values = [index as f32, weight as f32];
                weights
                    .insert(&format!("{path}/{weight}"), Array::from_f32(&[2], &values).unwrap())
                    .unwrap();
            }
        }
        weights
    }

    #[test]
    fn shards_join_to_what_was_cut() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("m.weights.json");
        write(&path, &weights(), 32).unwrap();
        assert!(directory.path().join("m_00002.weights.h5").exists());
        assert!(!directory.path().join("m_00003.weights.h5").exists());
        assert_eq!(read(&path).unwrap(), weights());
    }

    #[test]
    fn a_weight_larger_than_a_shard_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        assert!(write(&directory.path().join("m.weights.json"), &weights(), 7).is_err());
    }

    #[test]
    fn shards_are_beside_the_map() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("m.weights.json");
        for name in ["../m.h5", "/etc/m.h5", "m.txt", "a/m.h5", "none.h5"] {
            let map = json!({"weight_map": {"/vars": name}}).to_string();
            std::fs::write(&path, map).unwrap();
            assert!(read(&path).is_err(), "{name}");
        }
        std::fs::write(&path, "{}").unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("weight_map"));
    }
}
