//! RUN.toml read: each mistake one message with its line and, for a misspelt name, the nearest one.

use super::lines::{Node, Place, line_of};
use super::tables::RunFile;
use crate::failure::Failure;
use cornu::extend::did_you_mean;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A RUN.toml with the lines of its values.
pub struct Source {
    /// The tables.
    pub run: RunFile,
    path: PathBuf,
    root: Place,
}

/// Whether a path names a RUN.toml.
pub fn is_run_file(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("toml"))
}

/// The JSON Schema of RUN.toml.
pub fn schema() -> Value {
    schemars::schema_for!(RunFile).to_value()
}

impl Source {
    /// Reads a RUN.toml.
    ///
    /// # Errors
    /// A file that cannot be read, is no TOML, or holds unknown keys or values of a wrong type.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        let text =
            std::fs::read_to_string(path).map_err(|e| Failure::failed(format!("{shown}: {e}")))?;
        let broken = |e: toml::de::Error| {
            let line = e.span().map_or(1, |s| line_of(&text, s.start));
            Failure::failed(format!("{shown}, line {line}: {}", one_line(e.message())))
        };
        let root = Place::parse(&text).map_err(broken)?;
        let all = schema();
        known_keys(&all, &all, &root, &mut vec![]).map_err(|(line, message)| {
            Failure::failed(format!("{shown}, line {line}: {message}"))
        })?;
        let run = toml::from_str(&text).map_err(|e| {
            let at = e.span().map_or(0, |s| s.start);
            let who = root.way_to(at).map_or(String::new(), |way| in_words(&way) + ": ");
            let message = format!("{who}{}", plain(e.message()));
            Failure::failed(format!("{shown}, line {}: {message}", line_of(&text, at)))
        })?;
        Ok(Self { run, path: path.to_path_buf(), root })
    }

    /// The folder from which its paths are taken.
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// A path of the file.
    pub fn path(&self, of_file: &str) -> PathBuf {
        self.folder().join(of_file)
    }

    /// The file itself.
    pub fn own_path(&self) -> &Path {
        &self.path
    }

    /// A failure at the deepest value there is on a way of keys.
    pub fn wrong(&self, way: &[&str], message: &str) -> Failure {
        let line = self.root.at(way).line;
        Failure::failed(format!("{}, line {line}: {message}", self.path.display()))
    }

    /// A failure somewhere below a way of keys: at the key or text that its message names.
    pub fn wrong_below(&self, way: &[&str], failure: impl Into<Failure>) -> Failure {
        let failure = failure.into();
        let line = self.root.at(way).line_named_in(&failure.message);
        failure.within(&format!("{}, line {line}", self.path.display()))
    }
}

/// Fails at the first key that the schema does not know, with its line.
fn known_keys(
    all: &Value,
    schema: &Value,
    place: &Place,
    way: &mut Vec<String>,
) -> Result<(), (usize, String)> {
    let schema = resolved(all, schema, place);
    match &place.node {
        Node::Table(keys) => {
            let properties = schema.get("properties").and_then(Value::as_object);
            let is_open = schema.get("additionalProperties") != Some(&Value::Bool(false));
            for (key, value) in keys {
                let inner = properties.and_then(|p| p.get(key));
                if inner.is_none() && !is_open {
                    let known: Vec<&str> =
                        properties.into_iter().flatten().map(|(k, _)| k.as_str()).collect();
                    let hint = did_you_mean(key, known.iter().copied());
                    let listed = format!("; there are {}", known.join(", "));
                    let hint = if hint.is_empty() { listed } else { hint };
                    let table = match way[..] {
                        [] => "RUN.toml".to_string(),
                        _ => in_words(way),
                    };
                    return Err((value.line, format!("unknown key `{key}` of {table}{hint}")));
                }
                if let Some(inner) = inner {
                    way.push(key.clone());
                    known_keys(all, inner, value, way)?;
                    way.pop();
                }
            }
        }
        Node::List(items) => {
            for (i, item) in items.iter().enumerate() {
                if let Some(inner) = schema.get("items") {
                    way.push(i.to_string());
                    known_keys(all, inner, item, way)?;
                    way.pop();
                }
            }
        }
        Node::Text(_) | Node::Other => {}
    }
    Ok(())
}

/// A schema without references, and of alternatives the one of the kind that stands in the file.
fn resolved<'s>(all: &'s Value, schema: &'s Value, place: &Place) -> &'s Value {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let target = all.pointer(reference.trim_start_matches('#'));
        return target.map_or(schema, |target| resolved(all, target, place));
    }
    let Some(alternatives) = schema.get("anyOf").and_then(Value::as_array) else { return schema };
    let kind = match &place.node {
        Node::Table(_) => "object",
        Node::List(_) => "array",
        Node::Text(_) => "string",
        Node::Other => "number",
    };
    let mut resolved_ones = alternatives.iter().map(|s| resolved(all, s, place));
    resolved_ones.find(|s| s.get("type").is_some_and(|t| t == kind)).unwrap_or(schema)
}

/// Keys on a way in words: the table in brackets, then each key and item.
fn in_words(way: &[String]) -> String {
    let [table, rest @ ..] = way else { return "RUN.toml".to_string() };
    let mut words = format!("[{table}]");
    for step in rest {
        match step.parse::<usize>() {
            Ok(i) => words.push_str(&format!(" item {}", i + 1)),
            Err(_) => words.push_str(&format!(" `{step}`")),
        }
    }
    words
}

fn one_line(message: &str) -> String {
    message.split('\n').map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join(", ")
}

/// A message of serde in words that need no Rust.
fn plain(message: &str) -> String {
    let words = [
        ("expected usize", "expected a whole number, 0 or more"),
        ("expected u64", "expected a whole number, 0 or more"),
        ("expected u8", "expected a whole number, 0 or more"),
        ("expected f64", "expected a number"),
        ("expected f32", "expected a number"),
        ("expected a sequence", "expected a list"),
        ("expected a map", "expected a table"),
        ("invalid type: map", "invalid type: table"),
        ("invalid type: sequence", "invalid type: list"),
        ("missing field", "missing key"),
    ];
    let mut text = one_line(message);
    for (from, to) in words {
        text = text.replace(from, to);
    }
    // `expected struct FitOptions` is a table.
    match text.find("expected struct ") {
        Some(i) => format!("{}expected a table", &text[..i]),
        None => text,
    }
}
