//! Classes by name: targets of strings as a loss takes them, and the names kept in the model.

use crate::failure::Failure;
use cornu::data::{Array, Data, Ragged, check_labels};
use cornu::extend::did_you_mean;
use cornu::losses::Loss;
use cornu::{CompiledModel, Model};
use ndarray::{ArrayD, Axis, IxDyn};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Names of classes that a person listed, by output; the empty name is the only output.
pub type Listed = BTreeMap<String, Vec<String>>;

/// How a loss takes the classes of its targets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// Ids from 0 on.
    Ids,
    /// A number for each class, 1 at the class of the sample.
    OneHot,
    /// 0 or 1.
    Binary,
}

/// The loss of an output, where the compile settings name one for it that can be read.
pub fn loss_of(model: &CompiledModel, output: usize) -> Option<Loss> {
    model.loss(output).ok().flatten()
}

/// Numbers that an output gives for a sample or timestep.
pub fn width(model: &Model, output: usize) -> Option<usize> {
    model.output_specs()[output].dims.last().copied().flatten()
}

/// How the loss of an output takes classes; `None` where it is no loss of classes.
pub fn form_of(model: &CompiledModel, output: usize) -> Option<Form> {
    let loss = loss_of(model, output)?;
    match loss.class() {
        _ if loss.takes_class_ids() => Some(Form::Ids),
        "BinaryCrossentropy" | "BinaryFocalCrossentropy" => Some(match width(model, output) {
            Some(1) | None => Form::Binary,
            Some(_) => Form::OneHot,
        }),
        class if class.starts_with("Categorical") || class == "KLDivergence" => Some(Form::OneHot),
        _ => None,
    }
}

/// The names of the classes of an output: those listed, those that the model has, or those of its
/// targets in sorted order.
fn names_of(
    model: &CompiledModel,
    output: usize,
    target: Option<&Data>,
    listed: &Listed,
) -> Option<Vec<String>> {
    let name = &model.output_names()[output];
    if let Some(names) = listed.get(name).or_else(|| listed.get("")) {
        return Some(names.clone());
    }
    model.class_names(name).or_else(|| match target?.values() {
        Array::Str(texts) => {
            let sorted: BTreeSet<&String> = texts.iter().collect();
            Some(sorted.into_iter().cloned().collect())
        }
        _ => None,
    })
}

/// Gives the model the names of its classes: those listed, and else those of the training targets.
///
/// # Errors
/// Names that do not fit the outputs or their losses.
pub fn settle(model: &CompiledModel, targets: &[Data], listed: &Listed) -> Result<(), Failure> {
    let outputs = model.output_names();
    if let Some(name) = listed.keys().find(|n| !n.is_empty() && !outputs.contains(n)) {
        let hint = did_you_mean(name, outputs.iter().map(String::as_str));
        let there_are = outputs.join(", ");
        let message = format!("classes: `{name}` is no output; there are {there_are}{hint}");
        return Err(Failure::failed(message));
    }
    if outputs.len() > 1 && listed.contains_key("") {
        return Err(Failure::failed(format!(
            "classes: the model has several outputs ({}); give a list for each by name",
            outputs.join(", ")
        )));
    }
    for (i, output) in outputs.iter().enumerate() {
        let Some(names) = names_of(model, i, targets.get(i), listed) else { continue };
        let loss = loss_of(model, i);
        let (form, n) = (form_of(model, i), names.len());
        let place = format!("classes of output `{output}`");
        match (form, width(model, i)) {
            (None, _) => {
                let loss = loss.map_or("none".to_string(), |l| l.class().to_string());
                return Err(Failure::failed(format!(
                    "{place}: names of classes ({}) need a loss of classes, such as \
                     sparse_categorical_crossentropy, categorical_crossentropy or \
                     binary_crossentropy. Received: {loss}",
                    names.join(", ")
                )));
            }
            (Some(Form::Binary), _) if n != 2 => {
                return Err(Failure::failed(format!(
                    "{place}: binary_crossentropy on one unit tells 2 classes apart; for more, end \
                     the model in a Dense of {n} units with softmax and \
                     sparse_categorical_crossentropy. Received: {n} ({})",
                    names.join(", ")
                )));
            }
            (Some(Form::Ids), Some(width)) if n > width => {
                return Err(too_narrow(&place, &names, width));
            }
            (Some(Form::OneHot), Some(width)) if n != width => {
                return Err(too_narrow(&place, &names, width));
            }
            _ => {}
        }
        model.set_class_names(output, names)?;
    }
    Ok(())
}

fn too_narrow(place: &str, names: &[String], width: usize) -> Failure {
    Failure::failed(format!(
        "{place}: the layer gives {width} numbers for {} classes ({}); give it {0} units",
        names.len(),
        names.join(", ")
    ))
}

/// Fails where a target is an id of a class that its output does not have.
pub fn check_ids(model: &CompiledModel, targets: &[Data], called: &str) -> Result<(), Failure> {
    for (i, target) in targets.iter().enumerate().take(model.output_specs().len()) {
        let loss = loss_of(model, i).filter(|loss| loss.takes_class_ids());
        let (Some(loss), Some(width)) = (loss, width(model, i)) else { continue };
        let ignored = loss.to_json().pointer("/config/ignore_class").and_then(Value::as_i64);
        check_labels(called, target, width, ignored)?;
    }
    Ok(())
}

/// Targets of strings as the losses take them, by the names that the model has; other targets stay.
///
/// # Errors
/// A class that the model does not have, with its sample.
pub fn encode(
    model: &CompiledModel,
    targets: Vec<Data>,
    called: &str,
) -> Result<Vec<Data>, Failure> {
    let outputs = model.output_names();
    let one = |(i, data): (usize, Data)| -> Result<Data, Failure> {
        let Array::Str(texts) = data.values() else { return Ok(data) };
        let Some(output) = outputs.get(i) else { return Ok(data) };
        let names = model.class_names(output).ok_or_else(|| {
            Failure::failed(format!(
                "{called}: targets of strings need the names of the classes, which the model does \
                 not have; train it with them, or give numbers"
            ))
        })?;
        let form = form_of(model, i).unwrap_or(Form::Ids);
        let ids = ids(texts, &names, &data, called)?;
        let values = match form {
            Form::Ids => Array::I64(ids),
            Form::Binary => {
                let numbers = ids.mapv(|id| id as f32);
                let by_timestep = matches!(data, Data::Ragged(_)) || numbers.ndim() > 1;
                // Of a timestep the model gives (B, T, 1).
                Array::F32(match by_timestep && numbers.shape().last() != Some(&1) {
                    true => numbers.insert_axis(Axis(ids.ndim())),
                    false => numbers,
                })
            }
            Form::OneHot => Array::F32(one_hot(&ids, names.len())?),
        };
        Ok(match &data {
            Data::Dense(_) => Data::Dense(values),
            Data::Ragged(r) => Data::Ragged(Ragged::new(values, r.offsets().to_vec())?),
        })
    };
    targets.into_iter().enumerate().map(one).collect()
}

fn ids(
    texts: &ArrayD<String>,
    names: &[String],
    data: &Data,
    called: &str,
) -> Result<ArrayD<i64>, Failure> {
    let known: BTreeMap<&str, i64> =
        names.iter().enumerate().map(|(i, n)| (n.as_str(), i as i64)).collect();
    if let Some((at, text)) = texts.iter().enumerate().find(|(_, t)| !known.contains_key(&***t)) {
        let sample = match data {
            Data::Dense(a) => at / a.shape()[1..].iter().product::<usize>().max(1),
            Data::Ragged(r) => r.offsets().partition_point(|o| *o <= at).saturating_sub(1),
        };
        let hint = did_you_mean(text, names.iter().map(String::as_str));
        return Err(Failure::failed(format!(
            "{called}: class `{text}` of sample {sample} is none of the model's ({}){hint}",
            names.join(", ")
        )));
    }
    Ok(texts.map(|t| known[t.as_str()]))
}

fn one_hot(ids: &ArrayD<i64>, n: usize) -> Result<ArrayD<f32>, Failure> {
    let mut shape = ids.shape().to_vec();
    // (B, 1) holds one class a sample, as (B,) does.
    if shape.len() == 2 && shape[1] == 1 {
        shape.pop();
    }
    shape.push(n);
    let values: Vec<f32> =
        ids.iter().flat_map(|id| (0..n as i64).map(move |k| f32::from(k == *id))).collect();
    ArrayD::from_shape_vec(IxDyn(&shape), values).map_err(|e| Failure::failed(e.to_string()))
}
