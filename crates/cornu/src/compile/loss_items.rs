//! Losses of each output, with weights and keys.

use super::outputs::{
    ModelOutputs, Task, function_name, in_argument, is_object, leaves, pair_targets, wrong,
};
use crate::Result;
use crate::losses::Loss;
use crate::saving::json;
use cornu_ir::Spec;
use serde_json::Value;

/// Loss of one output of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputLoss {
    /// Index of the output.
    pub output: usize,
    /// Index of the target.
    pub target: usize,
    /// The loss.
    pub loss: Loss,
    /// Weight in the total loss.
    pub weight: Option<f64>,
    /// Key in logs, if there are several losses.
    pub key: Option<String>,
}

/// The target of each output, where there is one.
pub(super) fn targets_of(
    outputs: &ModelOutputs,
    targets: &[Spec],
    losses: &[OutputLoss],
) -> Vec<Option<usize>> {
    if targets.len() == outputs.len() {
        return (0..outputs.len()).map(Some).collect();
    }
    (0..outputs.len()).map(|i| losses.iter().find(|l| l.output == i).map(|l| l.target)).collect()
}

/// A leaf of `loss`: on which output, what, and its weight.
struct Leaf<'a> {
    output: usize,
    loss: &'a Value,
    weight: Option<f64>,
}

/// The entry of each output: the losses on it.
fn by_output<'a>(loss: &'a Value, outputs: &ModelOutputs) -> Result<Vec<(usize, &'a Value)>> {
    let n = outputs.len();
    match loss {
        Value::Array(items) if n == 1 && items.len() != 1 && outputs.keys.is_none() => {
            Ok(items.iter().map(|l| (0, l)).collect())
        }
        Value::Array(items) if items.len() <= n && (outputs.keys.is_none() || items.len() == n) => {
            Ok(items.iter().enumerate().collect())
        }
        Value::Array(items) => match leaves(loss) {
            flat if flat.len() == n => Ok(flat.into_iter().enumerate().collect()),
            _ => Err(wrong(
                "loss",
                format!(
                    "expected a loss for each of the outputs {}, got {}",
                    outputs.listed(),
                    items.len()
                ),
                loss,
            )),
        },
        Value::Object(map) if !is_object(loss) => map
            .iter()
            .map(|(k, l)| match outputs.find(k) {
                Some(i) => Ok((i, l)),
                None => Err(wrong(
                    "loss",
                    format!("`{k}` is no output; there are {}", outputs.listed()),
                    loss,
                )),
            })
            .collect(),
        _ => Ok((0..n).map(|i| (i, loss)).collect()),
    }
}

/// A dict as a list in the order of the outputs, where these are a list.
fn listed(argument: &str, given: &Value, outputs: &ModelOutputs) -> Result<Value> {
    let Value::Object(map) = given else { return Ok(given.clone()) };
    if is_object(given) || outputs.keys.is_some() {
        return Ok(given.clone());
    }
    if let Some(unknown) = map.keys().find(|k| outputs.find(k).is_none()) {
        return Err(wrong(
            argument,
            format!("`{unknown}` is no output; there are {}", outputs.listed()),
            given,
        ));
    }
    let rule = || {
        wrong(
            argument,
            format!("expected a key for each of the outputs {}", outputs.listed()),
            given,
        )
    };
    (0..outputs.len())
        .map(|i| map.get(outputs.called(i)).cloned().ok_or_else(rule))
        .collect::<Result<_>>()
        .map(Value::Array)
}

/// The weights of the leaves of `loss`, in the order of [`leaves`].
fn weights(loss: &Value, loss_weights: &Value) -> Result<Option<Vec<Option<f64>>>> {
    if loss_weights.is_null() {
        return Ok(None);
    }
    let (n, all) = (leaves(loss).len(), leaves(loss_weights));
    let misnamed = match (loss, loss_weights) {
        (Value::Object(l), Value::Object(w)) => w.keys().any(|k| !l.contains_key(k)),
        _ => false,
    };
    if all.len() != n || misnamed {
        return Err(wrong(
            "loss_weights",
            format!("expected a weight for each of the {n} losses"),
            loss_weights,
        ));
    }
    let number = |v: &Value| match v {
        Value::Null => Ok(None),
        v => json::float(v).map(Some).ok_or_else(|| wrong("loss_weights", "expected numbers", v)),
    };
    Ok(Some(all.into_iter().map(number).collect::<Result<_>>()?))
}

/// The loss of a name, object or function; `crossentropy` and `ce` are chosen by the shapes.
fn read(v: &Value, y_true: &Spec, y_pred: &Spec) -> Result<Loss> {
    let Some(name) = function_name(v) else { return Loss::from_json(v) };
    if !["crossentropy", "ce"].contains(&name.to_lowercase().as_str()) {
        return Loss::by_name(name);
    }
    Loss::by_name(match Task::of(y_true, y_pred) {
        Task::Binary => "binary_crossentropy",
        Task::SparseCategorical => "sparse_categorical_crossentropy",
        Task::Categorical => "categorical_crossentropy",
    })
}

/// The first loss on an output; `crossentropy` is that of class ids.
pub(super) fn of_output(
    loss: &Value,
    outputs: &ModelOutputs,
    output: usize,
) -> Result<Option<Loss>> {
    if loss.is_null() {
        return Ok(None);
    }
    let loss = &listed("loss", loss, outputs)?;
    let y_pred = &outputs.specs[output];
    let ids = Spec::new(y_pred.dtype, &y_pred.dims[..y_pred.rank().saturating_sub(1)]);
    let found = by_output(loss, outputs)?.into_iter().find(|(o, _)| *o == output);
    let leaf = found.and_then(|(_, entry)| leaves(entry).into_iter().find(|l| !l.is_null()));
    leaf.map(|leaf| read(leaf, &ids, y_pred)).transpose()
}

/// Fails if a loss or an output that it names does not exist.
pub(super) fn check(loss: &Value, loss_weights: &Value, outputs: &ModelOutputs) -> Result<()> {
    if loss.is_null() {
        return Ok(());
    }
    let loss = &listed("loss", loss, outputs)?;
    if !loss_weights.is_object() {
        weights(loss, loss_weights)?;
    }
    for (output, entry) in by_output(loss, outputs)? {
        let spec = &outputs.specs[output];
        leaves(entry).into_iter().filter(|l| !l.is_null()).try_for_each(|leaf| {
            read(leaf, spec, spec).map(drop).map_err(|e| in_argument("loss", e))
        })?;
    }
    Ok(())
}

/// The losses, and the keys that Keras shows without ever setting them.
pub(super) fn resolve(
    loss: &Value,
    loss_weights: &Value,
    outputs: &ModelOutputs,
    targets: &[Spec],
) -> Result<(Vec<OutputLoss>, Vec<String>)> {
    if loss.is_null() {
        return Ok((vec![], vec![]));
    }
    // By name on both sides, or the weights as they come.
    let loss_weights = if loss.is_object() && !is_object(loss) {
        &listed("loss_weights", loss_weights, outputs)?
    } else {
        loss_weights
    };
    let loss = &listed("loss", loss, outputs)?;
    let weights = weights(loss, loss_weights)?;
    let all = leaves(loss);
    let weight_of = |leaf: &Value| {
        let i = all.iter().position(|l| std::ptr::eq(*l, leaf))?;
        weights.as_ref()?[i]
    };
    let mut found: Vec<Leaf> = vec![];
    for (output, entry) in by_output(loss, outputs)? {
        let of_leaf = |leaf| Leaf { output, loss: leaf, weight: weight_of(leaf) };
        found.extend(leaves(entry).into_iter().filter(|l| !l.is_null()).map(of_leaf));
    }
    let mut with_loss: Vec<usize> = found.iter().map(|l| l.output).collect();
    with_loss.sort_unstable();
    with_loss.dedup();
    let paired = pair_targets(outputs, targets, &with_loss)?;
    let several = found.len() > 1;
    // On a single output that is no list Keras adds up only the first loss, and shows the others'
    // key with 0.
    let mut idle = vec![];
    if several && outputs.len() == 1 && outputs.keys.is_none() {
        found.truncate(1);
        idle.push(format!("{}_loss", outputs.called(0)));
    }
    let mut losses = vec![];
    for leaf in found {
        let target = paired[with_loss
            .iter()
            .position(|o| *o == leaf.output)
            .expect("outputs with losses are listed")];
        let loss = read(leaf.loss, &targets[target], &outputs.specs[leaf.output])?;
        let key = (several && idle.is_empty()).then(|| {
            format!("{}{}_loss", outputs.within[leaf.output], outputs.called(leaf.output))
        });
        losses.push(OutputLoss { output: leaf.output, target, loss, weight: leaf.weight, key });
    }
    Ok((losses, idle))
}
