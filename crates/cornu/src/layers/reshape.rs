//! The same elements of each sample under other dims.

use super::{Call, Cx, Flow, Layer, WeightTree, Weights};
use crate::{Error, Result};
use cornu_ir::{Dim, Spec, spec::product};
use serde::{Deserialize, Serialize};

/// The same elements of each sample under other dims.
///
/// # Shapes
/// x (B, …), y (B, target…); a −1 in the target is what the other dims leave.
///
/// # Source
/// keras/src/layers/reshaping/reshape.py, Keras 3.15.1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reshape {
    /// Dims of a sample; at most one is −1.
    pub target_shape: Vec<isize>,
}

impl Reshape {
    /// To these dims of a sample; one may be −1.
    pub fn new(target_shape: impl Into<Vec<isize>>) -> Self {
        Self { target_shape: target_shape.into() }
    }
}

/// The dims that elements of `from` take under a target in which one dim may be −1.
pub(super) fn resolve_shape(from: &[Dim], target: &[isize]) -> Result<Vec<Dim>> {
    let received = || Spec::new(cornu_ir::DType::F32, from);
    if target.iter().any(|&d| d < -1) || target.iter().filter(|&&d| d == -1).count() > 1 {
        return Err(Error::argument(
            "",
            "each dim of the target shape must be at least 0, and one may be -1",
            format!("{target:?}"),
        ));
    }
    let known =
        target.iter().filter(|&&d| d >= 0).try_fold(1usize, |n, &d| n.checked_mul(d as usize));
    let known = known.ok_or_else(|| {
        Error::argument("", "the target shape is too large", format!("{target:?}"))
    })?;
    let rest = match product(from) {
        None => None,
        Some(n) if target.contains(&-1) && known > 0 && n % known == 0 => Some(n / known),
        Some(n) if !target.contains(&-1) && n == known => None,
        Some(n) => {
            return Err(Error::shapes(
                format!("the {n} elements of each sample must fill the target shape {target:?}"),
                &[received()],
            ));
        }
    };
    Ok(target.iter().map(|&d| if d == -1 { rest } else { Some(d as usize) }).collect())
}

impl Layer for Reshape {
    settings!("Reshape");

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        let x = call.input()?;
        resolve_shape(x.dims.get(1..).unwrap_or_default(), &self.target_shape)?;
        Ok(WeightTree::none())
    }

    fn lower<'g>(
        &self,
        _: &Cx<'g>,
        _: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let x = call.input()?.value;
        let mut dims = vec![x.dim(0)];
        dims.extend(resolve_shape(x.dims().get(1..).unwrap_or_default(), &self.target_shape)?);
        Ok(vec![x.reshape(&dims).into()])
    }
}
