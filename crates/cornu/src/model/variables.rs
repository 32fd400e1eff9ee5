//! The weights of a model with their values.

use crate::initializers::Draw;
use crate::layers::{WeightSpec, WeightTree};
use crate::{Error, Result};
use cornu_ir::{DType, Tensor};

/// One weight: where it stands in a file, how it is, and its value.
#[derive(Clone, Debug)]
pub struct Variable {
    /// Group in a weights file: `layers/lstm/cell`.
    pub group: String,
    /// Number in the group.
    pub index: usize,
    /// Its spec.
    pub spec: WeightSpec,
    /// Whether an optimizer may move it: its own word and that of all layers around it.
    pub trainable: bool,
    /// Its value.
    pub value: Tensor,
}

impl Variable {
    /// The path Keras's optimizers know it by: `lstm/cell/kernel` without the file's `layers/` groups.
    pub fn path(&self) -> String {
        format!("{}/{}", self.group.replace("layers/", ""), self.spec.name)
    }
}

/// All weights of a model, in Keras's order.
pub type Variables = Vec<Variable>;

/// The most parameters a model may declare: what memory could hold is checked before it is asked for.
const MAX_PARAMS: usize = 1 << 34;

/// The weights of a tree with their first values.
pub(super) fn initial(tree: &WeightTree, dtype: DType, seed: u64) -> Result<Variables> {
    check_size(tree)?;
    let mut all = Vec::new();
    let mut failed = None;
    tree.walk("", true, &mut |group, index, trainable, spec| {
        if failed.is_some() {
            return;
        }
        match first_value(spec, dtype, seed, all.len() as u64) {
            Ok(value) => all.push(Variable { group: group.into(), index, spec: spec.clone(), trainable, value }),
            Err(e) => failed = Some(e),
        }
    });
    failed.map_or(Ok(all), Err)
}

/// The weights of a tree with zeros, to be read from a file.
pub(super) fn blank(tree: &WeightTree, dtype: DType) -> Result<Variables> {
    check_size(tree)?;
    let mut all = Vec::new();
    tree.walk("", true, &mut |group, index, trainable, spec| {
        all.push(Variable { group: group.into(), index, spec: spec.clone(), trainable, value: Tensor::zeros(dtype, &spec.shape) });
    });
    Ok(all)
}

fn check_size(tree: &WeightTree) -> Result<()> {
    let mut total = Some(0usize);
    tree.walk("", true, &mut |_, _, _, w| {
        let n = w.shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d));
        total = total.zip(n).and_then(|(a, b)| a.checked_add(b));
    });
    match total {
        Some(n) if n <= MAX_PARAMS => Ok(()),
        _ => Err(Error::Config(format!("model: it declares more than {MAX_PARAMS} parameters"))),
    }
}

fn first_value(spec: &WeightSpec, dtype: DType, seed: u64, number: u64) -> Result<Tensor> {
    let mut values = spec.initializer.values(&spec.shape, &mut Draw::new(seed, number))?;
    if let Some((from, to)) = spec.ones {
        values[from..to].fill(1.0);
    }
    Ok(match dtype {
        DType::F64 => Tensor::new(&spec.shape, values),
        _ => Tensor::new(&spec.shape, values.into_iter().map(|x| x as f32).collect::<Vec<_>>()),
    })
}
