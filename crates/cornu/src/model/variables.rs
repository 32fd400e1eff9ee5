//! The weights of a model: where each stands in a file, and how it starts.

use crate::initializers::Draw;
use crate::lowering::{WeightSpec, WeightTree};
use crate::{Error, Result};
use cornu_ir::{DType, Tensor};

/// Weight of a model, with its position in files.
#[derive(Clone, Debug)]
pub struct Variable {
    /// Group in a weights file, as `layers/lstm/cell`.
    pub group: String,
    /// Number in the group.
    pub index: usize,
    /// Group and number of each other place where it stands: in a layer that the model holds twice.
    pub(crate) again: Vec<(String, usize)>,
    /// What holds its value; the layer's, so that every model with the layer has it.
    pub(crate) value: cornu_cpu::Variable,
    /// Keras's class of the innermost layer that has it.
    pub class: String,
    /// Path for optimizers, as `lstm/lstm_cell/kernel`.
    pub path: String,
    /// Name, shape and settings of the weight.
    pub spec: WeightSpec,
    /// True if the weight, its layer and all outer layers are trainable.
    pub trainable: bool,
}

impl Variable {
    /// Returns the path of the array in a weights file, as `layers/lstm/cell/vars/0`.
    pub fn file_path(&self) -> String {
        format!("{}/vars/{}", self.group, self.index)
    }

    /// All places where its array stands in a weights file.
    pub(crate) fn places(&self) -> impl Iterator<Item = (&str, usize)> {
        let again = self.again.iter().map(|(group, index)| (&group[..], *index));
        std::iter::once((&self.group[..], self.index)).chain(again)
    }

    /// Returns the initial value, for a model with this seed.
    pub fn first_value(&self, seed: u64, number: usize) -> Result<Tensor> {
        let spec = &self.spec;
        let drawn = || spec.initializer.values(&spec.shape, &mut Draw::new(seed, number as u64));
        let mut values = spec.start.clone().map_or_else(drawn, Ok)?;
        if let Some((from, to)) = spec.ones {
            values[from..to].fill(1.0);
        }
        Ok(match spec.dtype() {
            DType::F64 => Tensor::new(&spec.shape, values),
            DType::I32 => {
                Tensor::new(&spec.shape, values.into_iter().map(|x| x as i32).collect::<Vec<_>>())
            }
            _ => Tensor::new(&spec.shape, values.into_iter().map(|x| x as f32).collect::<Vec<_>>()),
        })
    }
}

/// The most parameters a model may declare: what memory could hold is checked before it is asked
/// for.
const MAX_PARAMS: usize = 1 << 34;

/// The weights of a tree, in Keras's order.
pub(crate) fn variables(tree: &WeightTree) -> Result<Vec<Variable>> {
    let mut all: Vec<Variable> = Vec::new();
    let mut total = Some(0usize);
    let mut paths = Vec::new();
    tree.children
        .iter()
        .for_each(|(name, child)| name_paths(child, &label(child, name), &mut paths));
    let mut paths = tree.vars.iter().map(|w| w.name.to_string()).chain(paths);
    let (numbers, classes) = (tree.numbers(), tree.classes());
    let mut position = 0;
    tree.walk("", true, &mut |group, index, trainable, spec| {
        let (number, class) = (numbers[position], classes[position]);
        let path = paths.next().unwrap_or_default();
        position += 1;
        if let Some(first) = all.get_mut(number) {
            let Variable { again, trainable: also, .. } = first;
            again.push((group.into(), index));
            *also &= trainable;
            return;
        }
        let n = spec.shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d));
        total = total.zip(n).and_then(|(a, b)| a.checked_add(b));
        let unheld = || cornu_cpu::Variable::unset(spec.dtype(), &spec.shape);
        all.push(Variable {
            group: group.into(),
            index,
            again: vec![],
            value: spec.variable.clone().unwrap_or_else(unheld),
            class: class.to_string(),
            path,
            spec: spec.clone(),
            trainable,
        });
    });
    match total {
        Some(n) if n <= MAX_PARAMS => Ok(all),
        _ => Err(Error::Config(format!("model: it declares more than {MAX_PARAMS} parameters"))),
    }
}

/// The name of a layer: its own, or the attribute that holds it.
fn label(tree: &WeightTree, attribute: &str) -> String {
    if tree.label.is_empty() {
        attribute.rsplit('/').next().unwrap_or(attribute).into()
    } else {
        tree.label.clone()
    }
}

fn name_paths(tree: &WeightTree, path: &str, paths: &mut Vec<String>) {
    paths.extend(tree.vars.iter().map(|w| format!("{path}/{}", w.name)));
    tree.children.iter().for_each(|(name, child)| {
        name_paths(child, &format!("{path}/{}", label(child, name)), paths)
    });
}
