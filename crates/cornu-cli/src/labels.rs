//! Outputs of a classifier as classes.

use crate::classes;
use crate::failure::Failure;
use cornu::data::{Array, Data, Ragged};
use cornu::{CompiledModel, Opened};
use ndarray::{ArrayD, Axis, IxDyn};

/// The class and its probability for each sample or timestep.
pub struct Labels {
    /// Ids of the classes.
    pub ids: ArrayD<usize>,
    /// Their probabilities.
    pub probabilities: ArrayD<f32>,
}

/// Whether the outputs are logits, and not probabilities.
fn is_logits(model: Option<&CompiledModel>, output: usize) -> bool {
    let loss = model.and_then(|m| classes::loss_of(m, output));
    let from_logits = loss.map(|l| l.to_json()["config"]["from_logits"] == true);
    from_logits.unwrap_or(false)
}

/// The classes that rows of outputs tell, (N, C) or (B, T, C): of one number the first or second
/// class, of several the largest.
fn labels(rows: &ArrayD<f32>, logits: bool) -> Labels {
    let last = Axis(rows.ndim().saturating_sub(1));
    let best = |row: ndarray::ArrayView1<f32>| -> (usize, f32) {
        if let Some(&x) = row.get(0).filter(|_| row.len() == 1) {
            let p = if logits { 1.0 / (1.0 + (-x).exp()) } else { x };
            return if p >= 0.5 { (1, p) } else { (0, 1.0 - p) };
        }
        let larger = |a: (usize, f32), b: (usize, f32)| if b.1 > a.1 { b } else { a };
        let (k, x) = row.iter().copied().enumerate().fold((0, f32::NEG_INFINITY), larger);
        let sum: f32 = row.iter().map(|v| (v - x).exp()).sum();
        (k, if logits { 1.0 / sum } else { x })
    };
    let pairs: Vec<(usize, f32)> = rows.lanes(last).into_iter().map(best).collect();
    let shape = IxDyn(&rows.shape()[..rows.ndim().saturating_sub(1)]);
    let (ids, probabilities): (Vec<usize>, Vec<f32>) = pairs.into_iter().unzip();
    Labels {
        ids: ArrayD::from_shape_vec(shape.clone(), ids).expect("one class a row"),
        probabilities: ArrayD::from_shape_vec(shape, probabilities).expect("one class a row"),
    }
}

/// The classes of an output.
///
/// # Errors
/// The output is no classifier's.
pub fn of_output(model: &Opened, output: usize, data: &Data) -> Result<Labels, Failure> {
    let compiled = match model {
        Opened::Compiled(c) => Some(&**c),
        Opened::Model(_) => None,
    };
    let name = &model.output_names()[output];
    if let Some(c) = compiled
        && classes::form_of(c, output).is_none()
    {
        let loss = classes::loss_of(c, output).map_or("none".to_string(), |l| l.name().to_string());
        return Err(Failure::usage(format!(
            "output `{name}` tells no classes apart: its loss is {loss}"
        )));
    }
    let rows = data.values().to_f32()?.into_owned();
    if rows.ndim() < 2 {
        let shape = data.shape_text();
        return Err(Failure::usage(format!("output `{name}` {shape} has no axis of classes")));
    }
    Ok(labels(&rows, is_logits(compiled, output)))
}

/// Names of the classes of an output: the model's, and numbers beyond them.
pub fn names(model: &cornu::Model, output: usize, n: usize) -> Vec<String> {
    let mut names = model.class_names(&model.output_names()[output]).unwrap_or_default();
    for k in names.len()..n {
        let number = k.to_string();
        names.push(if names.contains(&number) { format!("class {k}") } else { number });
    }
    names
}

/// Class and probability as parts of a data file.
///
/// # Errors
/// As [`of_output`].
pub fn parts(model: &Opened, output: usize, data: &Data) -> Result<Vec<(String, Data)>, Failure> {
    let found = of_output(model, output, data)?;
    let n = found.ids.iter().max().map_or(0, |k| k + 1);
    let names = names(model, output, n);
    let labels = Array::Str(found.ids.map(|k| names[*k].clone()));
    let part = |values: Array| -> Result<Data, Failure> {
        Ok(match data {
            Data::Dense(_) => Data::Dense(values),
            Data::Ragged(r) => Data::Ragged(Ragged::new(values, r.offsets().to_vec())?),
        })
    };
    Ok(vec![
        ("label".into(), part(labels)?),
        ("probability".into(), part(Array::F32(found.probabilities))?),
    ])
}

/// The classes of targets as numbers, in the order of their rows.
///
/// # Errors
/// Targets that are no numbers.
pub fn of_targets(
    model: &CompiledModel,
    output: usize,
    targets: &Data,
) -> Result<Vec<i64>, Failure> {
    Ok(match classes::form_of(model, output) {
        Some(classes::Form::OneHot) => {
            let rows = targets.values().to_f32()?.into_owned();
            labels(&rows, false).ids.iter().map(|k| *k as i64).collect()
        }
        _ => targets.values().to_f64()?.iter().map(|v| v.round() as i64).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn classes_of_probabilities_and_logits() {
        let found = labels(&array![[0.1f32, 0.7, 0.2], [0.5, 0.2, 0.3]].into_dyn(), false);
        assert_eq!(found.ids, array![1usize, 0].into_dyn());
        assert_eq!(found.probabilities, array![0.7f32, 0.5].into_dyn());
        let found = labels(&array![[0.2f32], [0.9]].into_dyn(), false);
        assert_eq!(found.ids, array![0usize, 1].into_dyn());
        assert_eq!(found.probabilities, array![0.8f32, 0.9].into_dyn());
        let found = labels(&array![[0.0f32, 0.0]].into_dyn(), true);
        assert_eq!(found.probabilities, array![0.5f32].into_dyn());
    }
}
