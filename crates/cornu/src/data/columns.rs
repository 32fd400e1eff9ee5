//! Named columns into inputs and targets: a table of samples, or series in long form.
//!
//! With a column `series_id` each row is one timestep of a series, in the order of `timestep` where
//! that column exists; without it each row is one sample. `label`, `y`… are targets,
//! `sample_weight` and `split` what they say.

use super::array::{Array, filled};
use super::error::{DataError, Result};
use super::loaded::{Loaded, ReadOptions, Role, listed_place};
use super::ragged::Ragged;
use super::source::Data;
use std::collections::HashMap;

/// The values of a column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cells {
    Int(Vec<i64>),
    Float(Vec<f64>),
    Text(Vec<String>),
}

/// One column of a table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) cells: Cells,
}

const SERIES_ID: &str = "series_id";
const TIMESTEP: &str = "timestep";

impl Column {
    fn texts(&self) -> Vec<String> {
        match &self.cells {
            Cells::Int(v) => v.iter().map(i64::to_string).collect(),
            Cells::Float(v) => v.iter().map(f64::to_string).collect(),
            Cells::Text(v) => v.clone(),
        }
    }

    fn is_text(&self) -> bool {
        matches!(self.cells, Cells::Text(_))
    }
}

/// Columns side by side as (rows, columns), or (rows,) for a single one that is `flat`.
fn stack(columns: &[&Column], order: &[u32], flat: bool) -> Array {
    let shape = if flat && columns.len() == 1 {
        vec![order.len()]
    } else {
        vec![order.len(), columns.len()]
    };
    if columns.iter().all(|c| matches!(c.cells, Cells::Int(_))) {
        let mut values = Vec::with_capacity(order.len() * columns.len());
        for &row in order {
            values.extend(columns.iter().filter_map(|c| match &c.cells {
                Cells::Int(v) => Some(v[row as usize]),
                _ => None,
            }));
        }
        return Array::I64(filled(&shape, values));
    }
    let mut values = Vec::with_capacity(order.len() * columns.len());
    for &row in order {
        values.extend(columns.iter().filter_map(|c| match &c.cells {
            Cells::Int(v) => Some(v[row as usize] as f64),
            Cells::Float(v) => Some(v[row as usize]),
            Cells::Text(_) => None,
        }));
    }
    Array::F64(filled(&shape, values))
}

fn text_array(column: &Column, order: &[u32]) -> Array {
    let texts = column.texts();
    Array::from(order.iter().map(|&row| texts[row as usize].clone()).collect::<Vec<_>>())
}

/// The columns by what they are for.
struct Sorted<'a> {
    features: Vec<&'a Column>,
    texts: Vec<&'a Column>,
    targets: Vec<&'a Column>,
    weight: Option<&'a Column>,
    split: Option<&'a Column>,
}

fn sorted<'a>(who: &str, columns: &'a [Column], options: &ReadOptions) -> Result<Sorted<'a>> {
    options.need_listed(who, columns.iter().map(|c| c.name.as_str()))?;
    let mut s =
        Sorted { features: vec![], texts: vec![], targets: vec![], weight: None, split: None };
    for column in columns.iter().filter(|c| c.name != SERIES_ID && c.name != TIMESTEP) {
        match options.role(&column.name) {
            Role::Target => s.targets.push(column),
            Role::Split => s.split = Some(column),
            Role::SampleWeight if column.is_text() => {
                return Err(DataError::invalid(
                    format!("{who}, column `sample_weight`"),
                    "must hold numbers.",
                    "text",
                ));
            }
            Role::SampleWeight => s.weight = Some(column),
            Role::Other if !options.inputs.is_empty() => {}
            _ if column.is_text() => s.texts.push(column),
            _ => s.features.push(column),
        }
    }
    s.features.sort_by_key(|c| listed_place(&options.inputs, &c.name));
    s.targets.sort_by_key(|c| listed_place(&options.targets, &c.name));
    if s.targets.len() > 1 && s.targets.iter().any(|c| c.is_text()) {
        let names: Vec<&str> = s.targets.iter().map(|c| c.name.as_str()).collect();
        let rule = "several target columns must all hold numbers.";
        return Err(DataError::invalid(who, rule, names.join(", ")));
    }
    Ok(s)
}

fn target(targets: &[&Column], order: &[u32]) -> Array {
    match targets {
        [only] if only.is_text() => text_array(only, order),
        _ => stack(targets, order, true),
    }
}

/// Inputs, targets, weights and split of the columns, all of one length.
pub(crate) fn load(
    who: &str,
    columns: &[Column],
    n_rows: usize,
    options: &ReadOptions,
) -> Result<Loaded> {
    if n_rows == 0 {
        return Err(DataError::invalid(who, "the table must hold at least one row.", "none"));
    }
    let Ok(n) = u32::try_from(n_rows) else {
        return Err(DataError::invalid(
            who,
            "a table holds at most 4,294,967,295 rows.",
            n_rows.to_string(),
        ));
    };
    let s = sorted(who, columns, options)?;
    if columns.iter().any(|c| c.name == SERIES_ID) {
        return long_form(who, columns, &s, n);
    }
    let order: Vec<u32> = (0..n).collect();
    let mut loaded = Loaded::default();
    if options.apart {
        let alone = |c: &&Column| (c.name.clone(), Data::Dense(stack(&[*c], &order, false)));
        loaded.inputs.extend(s.features.iter().map(alone));
    } else if !s.features.is_empty() {
        loaded.inputs.push(("x".to_owned(), Data::Dense(stack(&s.features, &order, false))));
    }
    for column in &s.texts {
        loaded.inputs.push((column.name.clone(), Data::Dense(text_array(column, &order))));
    }
    if let Some(first) = s.targets.first() {
        let name = if s.targets.len() == 1 { first.name.clone() } else { "y".to_owned() };
        loaded.targets.push((name, Data::Dense(target(&s.targets, &order))));
    }
    loaded.sample_weight = s.weight.map(|w| Data::Dense(stack(&[w], &order, true)));
    loaded.split = s.split.map(Column::texts);
    Ok(loaded)
}

/// Rows grouped by series: a series is named by its `series_id`, within its `split` where there is
/// one.
fn long_form(who: &str, columns: &[Column], s: &Sorted, n: u32) -> Result<Loaded> {
    let column = |name: &str| columns.iter().find(|c| c.name == name);
    let ids = column(SERIES_ID).map(Column::texts).unwrap_or_default();
    let splits = s.split.map(Column::texts);
    let mut numbers: HashMap<(&str, &str), usize> = HashMap::new();
    let mut series: Vec<Vec<u32>> = Vec::new();
    for row in 0..n {
        let part = splits.as_ref().map_or("", |p| p[row as usize].as_str());
        let next = series.len();
        let number = *numbers.entry((part, ids[row as usize].as_str())).or_insert(next);
        if number == next {
            series.push(Vec::new());
        }
        series[number].push(row);
    }
    if let Some(times) = column(TIMESTEP) {
        for rows in &mut series {
            in_time(who, times, rows, &ids)?;
        }
    }
    let order: Vec<u32> = series.iter().flatten().copied().collect();
    let mut offsets = vec![0];
    for rows in &series {
        offsets.push(offsets[offsets.len() - 1] + rows.len());
    }
    let ragged = |values: Array| Ragged::new(values, offsets.clone());
    // One value all through every series belongs to the series, not to its timesteps.
    let by_series = |values: Array| -> Result<Data> {
        let timesteps = ragged(values)?;
        let firsts: Vec<u32> = offsets[..offsets.len() - 1].iter().map(|&o| o as u32).collect();
        let repeated: Vec<u32> = firsts
            .iter()
            .zip(&series)
            .flat_map(|(&first, rows)| std::iter::repeat_n(first, rows.len()))
            .collect();
        if timesteps.values().take(&repeated)? == *timesteps.values() {
            return Ok(Data::Dense(timesteps.values().take(&firsts)?));
        }
        Ok(Data::from_series(timesteps))
    };
    let mut loaded = Loaded::default();
    if !s.features.is_empty() {
        loaded
            .inputs
            .push(("x".to_owned(), Data::from_series(ragged(stack(&s.features, &order, false))?)));
    }
    for column in &s.texts {
        loaded
            .inputs
            .push((column.name.clone(), Data::from_series(ragged(text_array(column, &order))?)));
    }
    if loaded.inputs.is_empty() {
        let rule = "the long form needs feature columns: series_id, timestep, f0, f1, …, label.";
        return Err(DataError::invalid(who, rule, "none"));
    }
    if let Some(first) = s.targets.first() {
        let name = if s.targets.len() == 1 { first.name.clone() } else { "y".to_owned() };
        loaded.targets.push((name, by_series(target(&s.targets, &order))?));
    }
    if let Some(weight) = s.weight {
        loaded.sample_weight = Some(by_series(stack(&[weight], &order, true))?);
    }
    loaded.split = splits.map(|p| series.iter().map(|rows| p[rows[0] as usize].clone()).collect());
    Ok(loaded)
}

/// Orders the rows of one series by time; each time may come once.
fn in_time(who: &str, times: &Column, rows: &mut [u32], ids: &[String]) -> Result<()> {
    let twice = match &times.cells {
        Cells::Int(t) => {
            rows.sort_by_key(|&r| t[r as usize]);
            rows.windows(2).find(|w| t[w[0] as usize] == t[w[1] as usize]).map(|w| w[1])
        }
        Cells::Float(t) => {
            rows.sort_by(|&a, &b| t[a as usize].total_cmp(&t[b as usize]));
            rows.windows(2).find(|w| t[w[0] as usize] == t[w[1] as usize]).map(|w| w[1])
        }
        Cells::Text(t) => {
            rows.sort_by(|&a, &b| t[a as usize].cmp(&t[b as usize]));
            rows.windows(2).find(|w| t[w[0] as usize] == t[w[1] as usize]).map(|w| w[1])
        }
    };
    match twice {
        None => Ok(()),
        Some(row) => Err(DataError::invalid(
            format!("{who}, column `{TIMESTEP}`"),
            "each timestep of a series must come once; number them, or give every series an id of \
                its own.",
            format!("{} twice in series {}", times.texts()[row as usize], ids[row as usize]),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn ints(name: &str, v: &[i64]) -> Column {
        Column { name: name.into(), cells: Cells::Int(v.to_vec()) }
    }

    fn floats(name: &str, v: &[f64]) -> Column {
        Column { name: name.into(), cells: Cells::Float(v.to_vec()) }
    }

    fn texts(name: &str, v: &[&str]) -> Column {
        Column {
            name: name.into(),
            cells: Cells::Text(v.iter().map(|s| (*s).to_owned()).collect()),
        }
    }

    fn loaded(columns: &[Column], n: usize) -> Result<Loaded> {
        load("t.csv", columns, n, &ReadOptions::default())
    }

    #[test]
    fn a_table_of_features_text_and_label() {
        let t = [
            ints("a", &[1, 2]),
            floats("b", &[0.5, 1.5]),
            texts("name", &["p", "q"]),
            ints("label", &[0, 1]),
        ];
        let got = loaded(&t, 2).unwrap();
        assert_eq!(got.inputs[0], ("x".to_owned(), Data::from(array![[1.0f64, 0.5], [2.0, 1.5]])));
        assert_eq!(got.inputs[1], ("name".to_owned(), Data::from(["p", "q"])));
        assert_eq!(got.targets, [("label".to_owned(), Data::from([0i64, 1]))]);
        let two = [ints("a", &[1, 2]), ints("y0", &[0, 1]), floats("y1", &[1.0, 0.0])];
        assert_eq!(
            loaded(&two, 2).unwrap().targets[0].1,
            Data::from(array![[0.0f64, 1.0], [1.0, 0.0]])
        );
    }

    #[test]
    fn columns_are_chosen_by_name() {
        let t = [
            texts("date", &["m", "n"]),
            floats("rain", &[0.5, 1.5]),
            ints("wind", &[1, 2]),
            texts("weather", &["sun", "fog"]),
        ];
        let options = ReadOptions {
            inputs: vec!["wind".into(), "rain".into()],
            targets: vec!["weather".into()],
            ..ReadOptions::default()
        };
        let got = load("t.csv", &t, 2, &options).unwrap();
        assert_eq!(got.inputs, [("x".to_owned(), Data::from(array![[1.0f64, 0.5], [2.0, 1.5]]))]);
        assert_eq!(got.targets, [("weather".to_owned(), Data::from(["sun", "fog"]))]);
    }

    #[test]
    fn series_are_grouped_and_put_in_time() {
        let t = [
            texts("series_id", &["b", "a", "b", "a", "a"]),
            ints("timestep", &[1, 0, 0, 2, 1]),
            floats("f0", &[11.0, 20.0, 10.0, 22.0, 21.0]),
            ints("label", &[7, 8, 7, 8, 8]),
        ];
        let got = loaded(&t, 5).unwrap();
        let want =
            Ragged::from_list([array![[10.0f64], [11.0]], array![[20.0], [21.0], [22.0]]]).unwrap();
        assert_eq!(got.inputs[0].1, Data::from(want));
        assert_eq!(got.targets[0].1, Data::from([7i64, 8]));
    }

    #[test]
    fn one_id_in_two_parts_is_two_series() {
        let t = [
            texts("split", &["train", "test", "test"]),
            ints("series_id", &[0, 0, 0]),
            ints("timestep", &[0, 0, 1]),
            floats("f0", &[1.0, 2.0, 3.0]),
            ints("label", &[0, 0, 1]),
        ];
        let got = loaded(&t, 3).unwrap();
        assert_eq!(got.inputs[0].1.lengths(), Some(vec![1, 2]));
        assert_eq!(got.split, Some(vec!["train".into(), "test".into()]));
        // The label changes within the second series, so it belongs to the timesteps.
        assert_eq!(got.targets[0].1.lengths(), Some(vec![1, 2]));
    }

    #[test]
    fn mistakes_are_named() {
        let t = [ints("series_id", &[4, 4]), ints("timestep", &[3, 3]), ints("f", &[1, 2])];
        let e = loaded(&t, 2).unwrap_err().to_string();
        assert!(e.contains("column `timestep`") && e.ends_with("3 twice in series 4."), "{e}");
        assert!(
            loaded(&[ints("series_id", &[4, 5])], 2)
                .unwrap_err()
                .to_string()
                .contains("feature columns")
        );
        assert!(loaded(&[], 0).is_err());
        let mixed = [texts("y0", &["a"]), ints("y1", &[1])];
        assert!(loaded(&mixed, 1).unwrap_err().to_string().contains("y0, y1"));
    }
}
