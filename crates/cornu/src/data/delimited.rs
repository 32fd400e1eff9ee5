//! `.csv` and `.tsv`: a table of numbers and text with or without names, or series in long form.

use super::array::Array;
use super::columns::{Cells, Column, load};
use super::error::{DataError, Result};
use super::jsonl::value_texts;
use super::loaded::{Loaded, ReadOptions};
use super::source::Data;
use csv::{ReaderBuilder, StringRecord, Trim, WriterBuilder};
use std::fs::File;
use std::io::Read;
use std::path::Path;

pub(crate) fn read_csv(path: &Path, options: &ReadOptions) -> Result<Loaded> {
    read(path, b',', options)
}

pub(crate) fn read_tsv(path: &Path, options: &ReadOptions) -> Result<Loaded> {
    read(path, b'\t', options)
}

fn read(path: &Path, delimiter: u8, options: &ReadOptions) -> Result<Loaded> {
    let file = File::open(path).map_err(|e| DataError::io(path, "read", &e))?;
    parse(&path.display().to_string(), file, delimiter, options)
}

fn parse(who: &str, reader: impl Read, delimiter: u8, options: &ReadOptions) -> Result<Loaded> {
    let mut table = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .quoting(delimiter == b',')
        .trim(Trim::All)
        .from_reader(reader);
    let mut records: Vec<(u64, StringRecord)> = Vec::new();
    for record in table.records() {
        let record = record
            .map_err(|e| DataError::invalid(who, "lines must be UTF-8 text.", e.to_string()))?;
        let line = record.position().map_or(0, csv::Position::line);
        if let Some((_, first)) = records.first()
            && record.len() != first.len()
        {
            let rule = format!(
                "every line must have the {} columns of the first; a rectangle is needed.",
                first.len()
            );
            return Err(DataError::invalid(
                format!("{who}, line {line}"),
                rule,
                record.len().to_string(),
            ));
        }
        records.push((line, record));
    }
    let Some((_, first)) = records.first() else {
        return Err(DataError::invalid(who, "the file must hold a table.", "an empty file"));
    };
    let names: Vec<String> =
        first.iter().map(|name| name.trim_start_matches('\u{feff}').to_owned()).collect();
    let has_names =
        options.header.unwrap_or_else(|| names.iter().all(|name| number(name).is_none()));
    let rows = if has_names { &records[1..] } else { &records[..] };
    if has_names && let Some(i) = (1..names.len()).find(|&i| names[..i].contains(&names[i])) {
        let rule = "every column needs a name of its own.";
        return Err(DataError::invalid(
            format!("{who}, line 1"),
            rule,
            format!("`{}` twice", names[i]),
        ));
    }
    let mut columns = Vec::with_capacity(names.len());
    for (i, name) in names.into_iter().enumerate() {
        let name = if has_names { name } else { format!("column {}", i + 1) };
        let cells = cells(who, &name, i, rows, options)?;
        columns.push(Column { name, cells });
    }
    load(who, &columns, rows.len(), options)
}

fn number(text: &str) -> Option<f64> {
    text.trim_start_matches('\u{feff}').parse().ok()
}

/// One column: text if its first cell is, else numbers all through.
fn cells(
    who: &str,
    name: &str,
    at: usize,
    rows: &[(u64, StringRecord)],
    options: &ReadOptions,
) -> Result<Cells> {
    let cell = |record: &StringRecord| {
        record.get(at).unwrap_or("").trim_start_matches('\u{feff}').to_owned()
    };
    let first = rows.iter().map(|(_, r)| cell(r)).find(|c| !c.is_empty());
    let wrong = |line: u64, rule: &str, received: &str| {
        Err(DataError::invalid(format!("{who}, line {line}, column `{name}`"), rule, received))
    };
    if matches!(name, "series_id" | "split")
        || first.as_deref().is_some_and(|f| number(f).is_none())
    {
        return Ok(Cells::Text(rows.iter().map(|(_, r)| cell(r)).collect()));
    }
    if let Some(ints) = rows
        .iter()
        .map(|(_, r)| r.get(at).and_then(|c| c.parse().ok()))
        .collect::<Option<Vec<i64>>>()
    {
        return Ok(Cells::Int(ints));
    }
    let mut values = Vec::with_capacity(rows.len());
    for (line, record) in rows {
        let text = record.get(at).unwrap_or("");
        let value = match number(text) {
            Some(value) => value,
            None if text.is_empty() && options.allow_non_finite => f64::NAN,
            None if text.is_empty() => {
                return wrong(
                    *line,
                    "the cell must hold a number; fill the gap or drop the row.",
                    "an empty cell",
                );
            }
            None => {
                return wrong(
                    *line,
                    "the column holds numbers, so must this cell.",
                    &format!("\"{text}\""),
                );
            }
        };
        if !value.is_finite() && !options.allow_non_finite {
            return wrong(*line, "every value must be finite; fill the gap or drop the row.", text);
        }
        values.push(value);
    }
    Ok(Cells::Float(values))
}

pub(crate) fn write_csv(parts: &[(String, Data)]) -> Result<Vec<u8>> {
    write(parts, b',')
}

pub(crate) fn write_tsv(parts: &[(String, Data)]) -> Result<Vec<u8>> {
    write(parts, b'\t')
}

/// (B,) and (B, F) as a table with names; one ragged or (B, T, F) part in long form.
fn write(parts: &[(String, Data)], delimiter: u8) -> Result<Vec<u8>> {
    let is_series = |data: &Data| matches!(data, Data::Ragged(_)) || data.values().rank() > 2;
    let mut names: Vec<String> = Vec::new();
    let mut columns: Vec<Vec<String>> = Vec::new();
    if let [(name, data)] = parts
        && is_series(data)
    {
        let series = data.to_ragged()?;
        let ids = series.lengths().into_iter().enumerate();
        let places: Vec<(usize, usize)> =
            ids.flat_map(|(i, n)| (0..n).map(move |t| (i, t))).collect();
        names.extend(["series_id".to_owned(), "timestep".to_owned()]);
        columns.push(places.iter().map(|(i, _)| i.to_string()).collect());
        columns.push(places.iter().map(|(_, t)| t.to_string()).collect());
        append(name, series.values(), &mut names, &mut columns)?;
        return table_bytes(&names, &columns, delimiter);
    }
    for (name, data) in parts {
        if is_series(data) {
            let rule = "a table holds (samples,) or (samples, features); write series together \
                with others as .npz or .jsonl.";
            return Err(DataError::invalid("csv", rule, format!("`{name}` {}", data.shape_text())));
        }
        append(name, data.values(), &mut names, &mut columns)?;
    }
    table_bytes(&names, &columns, delimiter)
}

/// The columns of a (rows,) or (rows, F) array: `name`, or `name0`, `name1`, ….
fn append(
    name: &str,
    array: &Array,
    names: &mut Vec<String>,
    columns: &mut Vec<Vec<String>>,
) -> Result<()> {
    let width = match array.shape() {
        [_] => 1,
        [_, width] => *width,
        _ => {
            let rule = "one row holds one number or one list of features; write more axes as .npy \
                or .jsonl.";
            return Err(DataError::invalid("csv", rule, super::axes::shape_text(array.shape())));
        }
    };
    let texts = match array {
        Array::Str(a) => a.iter().cloned().collect(),
        Array::Bool(a) => a.iter().map(|&b| u8::from(b).to_string()).collect(),
        other => value_texts(other),
    };
    for j in 0..width {
        names.push(if width == 1 { name.to_owned() } else { format!("{name}{j}") });
        columns.push(
            texts
                .iter()
                .skip(j)
                .step_by(width)
                .map(|t| if t == "null" { "nan".to_owned() } else { t.clone() })
                .collect(),
        );
    }
    Ok(())
}

fn table_bytes(names: &[String], columns: &[Vec<String>], delimiter: u8) -> Result<Vec<u8>> {
    let failed = |e: &dyn std::fmt::Display| {
        DataError::invalid("csv", "the table must be written whole.", e.to_string())
    };
    let mut table = WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
    table.write_record(names).map_err(|e| failed(&e))?;
    for row in 0..columns.first().map_or(0, Vec::len) {
        table.write_record(columns.iter().map(|c| c[row].as_str())).map_err(|e| failed(&e))?;
    }
    table.into_inner().map_err(|e| failed(&e))
}

#[cfg(test)]
mod tests {
    use super::super::ragged::Ragged;
    use super::*;
    use ndarray::array;

    fn csv(text: &str) -> Result<Loaded> {
        parse("t.csv", text.as_bytes(), b',', &ReadOptions::default())
    }

    fn error(text: &str) -> String {
        csv(text).unwrap_err().to_string()
    }

    #[test]
    fn with_and_without_names() {
        let want = Data::from(array![[1.0f64, 2.5], [3.0, 4.0]]);
        assert_eq!(csv("1,2.5\n3,4\n").unwrap().inputs[0].1, want);
        assert_eq!(csv("\u{feff}a, b\n1, 2.5\n\n3, 4").unwrap().inputs[0].1, want);
        let named = ReadOptions { header: Some(true), ..ReadOptions::default() };
        let got = parse("t.csv", "2020,2021\n1,2\n".as_bytes(), b',', &named).unwrap();
        assert_eq!(got.inputs[0].1, Data::from(array![[1i64, 2]]));
    }

    #[test]
    fn long_form_with_labels() {
        let got = csv("series_id,timestep,f0,f1,label\n0,0,1,2,5\n0,1,3,4,5\n1,0,5,6,2\n").unwrap();
        let want = Ragged::from_list([array![[1i64, 2], [3, 4]], array![[5, 6]]]).unwrap();
        assert_eq!(got.inputs[0].1, Data::from(want));
        assert_eq!(got.targets[0].1, Data::from([5i64, 2]));
    }

    #[test]
    fn tabs_do_not_quote() {
        let got =
            parse("t.tsv", "label\tname\nx\tO\"Neil\n".as_bytes(), b'\t', &ReadOptions::default())
                .unwrap();
        assert_eq!(got.inputs[0], ("name".to_owned(), Data::from(["O\"Neil"])));
        assert_eq!(got.targets[0].1, Data::from(["x"]));
    }

    #[test]
    fn errors_name_line_and_column() {
        assert!(error("").contains("an empty file"));
        assert!(error("a,b\n").contains("at least one row"));
        let e = error("a,b\n1,2\n3\n");
        assert!(e.starts_with("t.csv, line 3: ") && e.contains("the 2 columns"), "{e}");
        let e = error("a,b\n1,2\n3,\n");
        assert!(e.starts_with("t.csv, line 3, column `b`: ") && e.contains("empty cell"), "{e}");
        assert!(
            error("a,b\n1,2\n3,nan\n").contains("line 3, column `b`: every value must be finite")
        );
        assert!(error("1,2\n3,inf\n").contains("line 2, column `column 2`"));
        assert!(error("a\n1\nx\n").contains("Received: \"x\""));
        assert!(error("a,a\n1,2\n").contains("`a` twice"));
    }

    #[test]
    fn what_is_written_reads_back() {
        let y = vec![("y".to_owned(), Data::from(array![[0.1f64, 1e-20], [-3.0, 4.0]]))];
        let bytes = write_csv(&y).unwrap();
        assert_eq!(String::from_utf8_lossy(&bytes), "y0,y1\n0.1,1e-20\n-3.0,4.0\n");
        assert_eq!(parse("t", &bytes[..], b',', &ReadOptions::default()).unwrap().targets, y);
        let series = vec![(
            "f".to_owned(),
            Data::from(
                Ragged::from_list([array![[1.5f64, 2.0]], array![[3.0, 4.0], [5.0, 6.0]]]).unwrap(),
            ),
        )];
        let got =
            parse("t", &write_csv(&series).unwrap()[..], b',', &ReadOptions::default()).unwrap();
        assert_eq!(got.inputs[0].1, series[0].1);
        let both = [y[0].clone(), series[0].clone()];
        assert!(write_csv(&both).unwrap_err().to_string().contains("`f` (2, 1..2, 2)"));
        assert_eq!(write_tsv(&[("y".to_owned(), Data::from([f32::NAN]))]).unwrap(), b"y\nnan\n");
    }
}
