//! `.parquet`: flat columns as in a table, or series in long form.

use super::columns::{Cells, Column, load};
use super::error::{DataError, Result};
use super::loaded::{Loaded, ReadOptions};
use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs::File;
use std::path::Path;

pub(crate) fn read(path: &Path, options: &ReadOptions) -> Result<Loaded> {
    let who = path.display().to_string();
    let file = File::open(path).map_err(|e| DataError::io(path, "read", &e))?;
    if file.metadata().is_ok_and(|m| m.len() == 0) {
        return Err(DataError::invalid(who, "the file must hold a table.", "an empty file"));
    }
    let broken = |e: &dyn std::fmt::Display| {
        DataError::invalid(who.clone(), "the file must be whole parquet.", e.to_string())
    };
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| broken(&e))?;
    let fields = builder.schema().fields().clone();
    let mut columns: Vec<Column> = Vec::with_capacity(fields.len());
    for field in &fields {
        let cells = match field.data_type() {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Cells::Text(Vec::new()),
            DataType::Dictionary(_, of) if matches!(**of, DataType::Utf8 | DataType::LargeUtf8) => {
                Cells::Text(Vec::new())
            }
            DataType::UInt64 => Cells::Int(Vec::new()),
            kind if kind.is_integer() || *kind == DataType::Boolean => Cells::Int(Vec::new()),
            kind if kind.is_floating() => Cells::Float(Vec::new()),
            other => {
                return Err(DataError::invalid(
                    format!("{who}, column `{}`", field.name()),
                    "a column must hold numbers, booleans or text; write series in long form: \
                        series_id, timestep, f0, ….",
                    other.to_string(),
                ));
            }
        };
        columns.push(Column { name: field.name().clone(), cells });
    }
    let mut n_rows = 0;
    for batch in builder.build().map_err(|e| broken(&e))? {
        let batch = batch.map_err(|e| broken(&e))?;
        for (column, values) in columns.iter_mut().zip(batch.columns()) {
            append(&who, column, values, n_rows, options)?;
        }
        n_rows += batch.num_rows();
    }
    load(&who, &columns, n_rows, options)
}

/// The values of one batch behind those of the column; nulls are NaN where that is allowed, else
/// errors.
fn append(
    who: &str,
    column: &mut Column,
    values: &ArrayRef,
    n_rows: usize,
    options: &ReadOptions,
) -> Result<()> {
    let place = format!("{who}, column `{}`", column.name);
    let is_text = matches!(column.cells, Cells::Text(_));
    let missing = (0..values.len()).find(|&i| values.is_null(i));
    if let Some(i) = missing.filter(|_| is_text || !options.allow_non_finite) {
        let rule = "every cell must hold a value; fill the gap or drop the row.";
        return Err(DataError::invalid(place, rule, format!("null in row {}", n_rows + i)));
    }
    let to = match &column.cells {
        Cells::Text(_) => DataType::Utf8,
        // A null has no integer: the column goes on as floats.
        Cells::Int(_) if missing.is_none() => DataType::Int64,
        _ => DataType::Float64,
    };
    let values = cast(values, &to).map_err(|e| {
        DataError::invalid(place.clone(), "every value must fit its column.", e.to_string())
    })?;
    if values.null_count() > 0 && missing.is_none() {
        return Err(DataError::invalid(place, "integers must be below 2^63.", "a larger one"));
    }
    if let (Cells::Int(before), DataType::Float64) = (&column.cells, &to) {
        column.cells = Cells::Float(before.iter().map(|&v| v as f64).collect());
    }
    match &mut column.cells {
        Cells::Text(texts) => {
            texts
                .extend(values.as_string::<i32>().iter().map(|t| t.unwrap_or_default().to_owned()));
        }
        Cells::Int(ints) => {
            let values: &Int64Array = values.as_primitive::<Int64Type>();
            ints.extend(values.iter().flatten());
        }
        Cells::Float(floats) => {
            let values: &Float64Array = values.as_primitive::<Float64Type>();
            floats.extend(values.iter().map(|v| v.unwrap_or(f64::NAN)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::source::Data;
    use super::*;
    use arrow::array::{Float32Array, Int32Array, RecordBatch, StringArray};
    use parquet::arrow::ArrowWriter;
    use std::sync::Arc;

    fn written(columns: Vec<(&str, ArrayRef)>) -> tempfile::NamedTempFile {
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut writer =
            ArrowWriter::try_new(file.reopen().unwrap(), batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        file
    }

    fn loaded(file: &tempfile::NamedTempFile) -> Result<Loaded> {
        read(file.path(), &ReadOptions::default())
    }

    #[test]
    fn a_table_and_the_long_form() {
        let table = || -> Vec<(&str, ArrayRef)> {
            vec![
                ("f0", Arc::new(Float32Array::from(vec![0.5, 1.5, 2.5]))),
                ("label", Arc::new(Int32Array::from(vec![1, 1, 0]))),
            ]
        };
        let got = loaded(&written(table())).unwrap();
        assert_eq!(got.inputs[0].1, Data::from(ndarray::array![[0.5f64], [1.5], [2.5]]));
        assert_eq!(got.targets[0].1, Data::from([1i64, 1, 0]));
        let mut long = table();
        long.push(("series_id", Arc::new(StringArray::from(vec!["a", "a", "b"]))));
        let got = loaded(&written(long)).unwrap();
        assert_eq!(got.inputs[0].1.lengths(), Some(vec![2, 1]));
        assert_eq!(got.targets[0].1, Data::from([1i64, 0]));
    }

    #[test]
    fn nulls_and_broken_files_are_named() {
        let file = written(vec![("f0", Arc::new(Int32Array::from(vec![Some(1), None])))]);
        let e = loaded(&file).unwrap_err().to_string();
        assert!(e.contains("column `f0`") && e.contains("null in row 1"), "{e}");
        let options = ReadOptions { allow_non_finite: true, ..ReadOptions::default() };
        assert_eq!(read(file.path(), &options).unwrap().inputs[0].1.dtype(), "float64");
        std::fs::write(file.path(), b"PAR1").unwrap();
        assert!(loaded(&file).unwrap_err().to_string().contains("whole parquet"));
    }
}
