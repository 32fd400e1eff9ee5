//! `.jsonl`: one sample a line, `{"x": [[f0, …], …], "label": 3}` or `{"text": "…"}`.

use super::array::{Array, each};
use super::error::{DataError, Result};
use super::loaded::{Loaded, ReadOptions, Role};
use super::nested::NestedColumn;
use super::source::Data;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// The columns of a file while it is read, in the order in which their keys first came.
#[derive(Default)]
struct Columns {
    named: Vec<(String, Role, NestedColumn)>,
    split: Vec<String>,
}

impl Columns {
    fn of(&mut self, key: &str, role: Role) -> &mut NestedColumn {
        let at = self.named.iter().position(|(name, ..)| name == key).unwrap_or_else(|| {
            self.named.push((key.to_owned(), role, NestedColumn::default()));
            self.named.len() - 1
        });
        &mut self.named[at].2
    }
}

/// Reads one line's object into the columns; keys without a role are passed over.
struct LineSeed<'a> {
    columns: &'a mut Columns,
    options: &'a ReadOptions,
    line: usize,
}

impl<'de> DeserializeSeed<'de> for LineSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> std::result::Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for LineSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object such as {\"x\": [[0.1, 0.2], [0.3, 0.4]], \"label\": 3}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> std::result::Result<(), A::Error> {
        let before: Vec<usize> = self.columns.named.iter().map(|(.., c)| c.n_samples()).collect();
        while let Some(key) = object.next_key::<String>()? {
            match self.options.role(&key) {
                Role::Other => {
                    object.next_value::<IgnoredAny>()?;
                }
                Role::Split => self.columns.split.push(object.next_value()?),
                role => {
                    let column = self.columns.of(&key, role);
                    object
                        .next_value_seed(column.next_sample(self.line))
                        .map_err(|e| A::Error::custom(format!("`{key}`: {e}")))?;
                }
            }
        }
        let first_line = before.is_empty();
        for (i, (key, _, column)) in self.columns.named.iter().enumerate() {
            let wanted = before.get(i).map_or(1, |n| n + 1);
            if column.n_samples() < wanted {
                return Err(A::Error::custom(format!(
                    "`{key}` is missing, which the lines before have"
                )));
            }
            if column.n_samples() > wanted || (!first_line && i >= before.len()) {
                return Err(A::Error::custom(format!("`{key}` must come once in every line")));
            }
        }
        Ok(())
    }
}

pub(crate) fn read(path: &Path, options: &ReadOptions) -> Result<Loaded> {
    let who = path.display().to_string();
    let file = File::open(path).map_err(|e| DataError::io(path, "read", &e))?;
    parse(&who, BufReader::new(file), options)
}

fn parse(who: &str, mut reader: impl BufRead, options: &ReadOptions) -> Result<Loaded> {
    let mut columns = Columns::default();
    let mut text = String::new();
    let (mut line, mut n_samples) = (0, 0);
    loop {
        text.clear();
        line += 1;
        match reader.read_line(&mut text) {
            Ok(0) => break,
            Ok(_) => {}
            Err(e) => {
                return Err(DataError::invalid(
                    format!("{who}, line {line}"),
                    "lines must be UTF-8 text.",
                    e.to_string(),
                ));
            }
        }
        let trimmed = text.trim().trim_start_matches('\u{feff}');
        if trimmed.is_empty() {
            continue;
        }
        let mut json = serde_json::Deserializer::from_str(trimmed);
        let read = if trimmed.starts_with('{') {
            LineSeed { columns: &mut columns, options, line }.deserialize(&mut json)
        } else {
            columns.of("x", Role::Input).next_sample(line).deserialize(&mut json)
        };
        read.and_then(|()| json.end()).map_err(|e| broken_line(who, line, trimmed, &e))?;
        n_samples += 1;
    }
    if n_samples == 0 {
        return Err(DataError::invalid(
            who,
            "the file must hold one JSON object a line.",
            "an empty file",
        ));
    }
    let mut loaded = Loaded::default();
    if !columns.split.is_empty() {
        if columns.split.len() != n_samples {
            let rule = format!("`split` must come in every one of the {n_samples} lines.");
            return Err(DataError::invalid(who, rule, columns.split.len().to_string()));
        }
        loaded.split = Some(columns.split);
    }
    for (key, role, column) in columns.named {
        let data = column.finish(who, &key, options.allow_non_finite)?;
        match role {
            Role::Target => loaded.targets.push((key, data)),
            Role::SampleWeight => loaded.sample_weight = Some(data),
            _ => loaded.inputs.push((key, data)),
        }
    }
    options.need_listed(
        who,
        loaded.inputs.iter().chain(&loaded.targets).map(|(key, _)| key.as_str()),
    )?;
    if loaded.inputs.is_empty() && loaded.targets.is_empty() {
        let rule = "each line must hold `x` or `text`, and for training `label`.";
        return Err(DataError::invalid(who, rule, "none of them"));
    }
    Ok(loaded)
}

fn broken_line(who: &str, line: usize, text: &str, error: &serde_json::Error) -> DataError {
    // Each line is parsed alone, so serde_json calls every line the first.
    let said = error.to_string().replace(" at line 1 column ", ", column ");
    let mut rule = "must be one JSON object with lists of equal depth and width.".to_owned();
    if said.contains("expected value") && (text.contains("NaN") || text.contains("Infinity")) {
        rule = "JSON has no NaN or infinity; fill the gap or drop the series.".to_owned();
    }
    DataError::invalid(format!("{who}, line {line}"), rule, said)
}

/// One object a sample, `{"name": …}`; NaN and infinity, which JSON lacks, are `null`.
pub(crate) fn write(parts: &[(String, Data)]) -> Result<Vec<u8>> {
    let n_samples = parts.first().map_or(0, |(_, data)| data.n_samples());
    let mut out = String::new();
    for i in 0..n_samples {
        for (k, (name, data)) in parts.iter().enumerate() {
            out.push_str(if k == 0 { "{" } else { ", " });
            out.push_str(&json_text(name));
            out.push_str(": ");
            match data {
                Data::Dense(a) => {
                    let sample = a.slice(i..i + 1)?;
                    nest(&sample, &a.shape()[1..], &mut out);
                }
                Data::Ragged(r) => {
                    let sample = r.row(i)?;
                    nest(&sample, sample.shape(), &mut out);
                }
            }
        }
        out.push_str("}\n");
    }
    Ok(out.into_bytes())
}

fn nest(sample: &Array, shape: &[usize], out: &mut String) {
    let mut texts = value_texts(sample).into_iter();
    fn list(shape: &[usize], texts: &mut impl Iterator<Item = String>, out: &mut String) {
        match shape {
            [] => out.extend(texts.next()),
            [n, rest @ ..] => {
                out.push('[');
                for i in 0..*n {
                    if i > 0 {
                        out.push_str(", ");
                    }
                    list(rest, texts, out);
                }
                out.push(']');
            }
        }
    }
    list(shape, &mut texts, out);
}

/// Each value as JSON writes it; floats by their shortest digits that read back to the same bits.
pub(crate) fn value_texts(array: &Array) -> Vec<String> {
    fn float<T: fmt::Debug>(value: &T, finite: bool) -> String {
        if finite { format!("{value:?}") } else { "null".to_owned() }
    }
    match array {
        Array::F32(a) => a.iter().map(|v| float(v, v.is_finite())).collect(),
        Array::F64(a) => a.iter().map(|v| float(v, v.is_finite())).collect(),
        Array::Str(a) => a.iter().map(|v| json_text(v)).collect(),
        Array::Bool(a) => a.iter().map(bool::to_string).collect(),
        other => {
            each!(other, a => a.iter().map(ToString::to_string).collect())
        }
    }
}

fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::super::ragged::Ragged;
    use super::*;
    use ndarray::array;

    fn load(text: &str) -> Result<Loaded> {
        parse("a.jsonl", text.as_bytes(), &ReadOptions::default())
    }

    fn error(text: &str) -> String {
        load(text).unwrap_err().to_string()
    }

    #[test]
    fn series_with_labels() {
        let got = load(
            "{\"id\": \"a\", \"x\": [[1, 2.5], [3, 4]], \"label\": 3}\n\n\
            {\"label\": 0, \"x\": [[5, 6]], \"n\": {}}\n",
        )
        .unwrap();
        let want =
            Ragged::from_list([array![[1.0f64, 2.5], [3.0, 4.0]], array![[5.0, 6.0]]]).unwrap();
        assert_eq!(got.inputs, [("x".to_owned(), Data::from(want))]);
        assert_eq!(got.targets, [("label".to_owned(), Data::from([3i64, 0]))]);
    }

    #[test]
    fn labels_of_every_form() {
        let label = |a: &str, b: &str| {
            load(&format!("{{\"x\": 1, \"y\": {a}}}\n{{\"x\": 1, \"y\": {b}}}")).unwrap().targets[0]
                .1
                .clone()
        };
        assert_eq!(label("0.5", "1"), Data::from([0.5f64, 1.0]));
        assert_eq!(label("[0, 1]", "[1, 0]"), Data::from(array![[0i64, 1], [1, 0]]));
        assert_eq!(label("[0, 1]", "[1]").lengths(), Some(vec![2, 1]));
        assert_eq!(label("true", "false"), Data::from([true, false]));
        assert_eq!(label("\"a\"", "\"b\""), Data::from(["a", "b"]));
    }

    #[test]
    fn text_and_bare_values() {
        assert_eq!(
            load("{\"text\": \"so é\"}\n{\"text\": \"\"}").unwrap().inputs[0].1,
            Data::from(["so é", ""])
        );
        assert_eq!(
            load("[1, 2]\n[3, 4]").unwrap().inputs[0].1,
            Data::from(array![[1i64, 2], [3, 4]])
        );
        assert_eq!(load("3\n4\n").unwrap().into_targets()[0].1, Data::from([3i64, 4]));
    }

    #[test]
    fn keys_are_chosen_by_name() {
        let options =
            ReadOptions { inputs: vec!["q".into(), "a".into()], ..ReadOptions::default() };
        let got =
            parse("q.jsonl", "{\"q\": [1], \"x\": 5, \"a\": [2, 3]}".as_bytes(), &options).unwrap();
        assert_eq!(
            got.inputs,
            [
                ("q".to_owned(), Data::from(array![[1i64]])),
                ("a".to_owned(), Data::from(array![[2i64, 3]]))
            ]
        );
        assert!(
            parse("q.jsonl", "{\"q\": [1]}".as_bytes(), &options)
                .unwrap_err()
                .to_string()
                .contains("`a`")
        );
    }

    #[test]
    fn empty_series_take_the_features_of_the_others() {
        let got = load("{\"x\": []}\n{\"x\": [[1.5, 2.0]]}\n{\"x\": []}").unwrap();
        assert_eq!(got.inputs[0].1.shape_text(), "(3, 0..1, 2)");
    }

    #[test]
    fn errors_name_line_key_and_cure() {
        assert!(error("").contains("an empty file"));
        let e = error("{\"x\": [[1, 2]]}\n{\"x\": [[1, 2], [3]]}");
        assert!(
            e.starts_with("a.jsonl, line 2: ")
                && e.contains("the 2 features of the first; one has 1"),
            "{e}"
        );
        let e = error("{\"x\": [[1, 2]]}\n{\"x\": [[1, 2, 3]]}");
        assert!(e.contains("line 2, `x`") && e.contains("(1, 2)") && e.contains("(1, 3)"), "{e}");
        let e = error("{\"x\": [[1, NaN]]}");
        assert!(e.contains("no NaN") && e.contains("line 1"), "{e}");
        let e = error("{\"x\": [[1.0, 2.0], [1.0, null]]}");
        assert!(e.contains("line 1, `x`") && e.contains("timestep 1"), "{e}");
        assert!(error("{\"x\": 1, \"y\": 1}\n{\"x\": 1}").contains("`y` is missing"));
        assert!(
            error("{\"x\": 1}\n{\"x\": 1, \"y\": 1}").contains("`y` must come once in every line")
        );
        assert!(error("{\"x\": [1, [2]]}").contains("side by side"));
        assert!(error("{\"x\": [[1], 2]}").contains("side by side"));
        assert!(error("{\"a\": 1}").contains("none of them"));
        assert!(error("{\"x\": 1").contains("column"));
        assert!(error("{\"x\": {\"a\": 1}}").contains("nested lists"));
        assert!(error("{\"x\": 1}\n{\"x\": \"a\"}").contains("mixture"));
        assert!(error("{\"x\": 9007199254740993}").contains("2^53"));
        assert!(
            error(&format!("{{\"x\": {}1{}}}", "[".repeat(9), "]".repeat(9))).contains("deeper")
        );
    }

    #[test]
    fn what_is_written_reads_back() {
        let x = Ragged::from_list([array![[0.1f64, -1e-30]], array![[2.0, 3.0], [f64::MAX, 0.0]]])
            .unwrap();
        let parts =
            vec![("x".to_owned(), Data::from(x)), ("y".to_owned(), Data::from(["a\"b", "c"]))];
        let bytes = write(&parts).unwrap();
        let got = parse("p", &bytes[..], &ReadOptions::default()).unwrap();
        assert_eq!((got.inputs, got.targets), (parts[..1].to_vec(), parts[1..].to_vec()));
        let text =
            String::from_utf8(write(&[("y".to_owned(), Data::from([0.1f32, f32::NAN]))]).unwrap())
                .unwrap();
        assert_eq!(text, "{\"y\": 0.1}\n{\"y\": null}\n");
    }
}
