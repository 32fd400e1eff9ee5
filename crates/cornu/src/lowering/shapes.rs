//! Checks of shapes that layers share.

use crate::{Error, Result};
use cornu_ir::spec::product;
use cornu_ir::{Dim, Spec};

/// Fails unless a value has one of the ranks, whose axes are described by `axes`.
pub fn expect_rank(spec: &Spec, ranks: std::ops::RangeInclusive<usize>, axes: &str) -> Result<()> {
    if ranks.contains(&spec.rank()) {
        return Ok(());
    }
    let rank = if ranks.start() == ranks.end() {
        format!("rank {}", ranks.start())
    } else {
        format!("rank {} or more", ranks.start())
    };
    Err(Error::shapes(format!("expected input of {rank} {axes}"), std::slice::from_ref(spec)))
}

/// Returns the length of an axis for which weights are made.
pub fn known_dim(spec: &Spec, axis: isize, what: &str) -> Result<usize> {
    let i = cornu_ir::builder::axis_of(axis, spec.rank());
    let dim = spec.dims.get(i).copied().flatten();
    dim.ok_or_else(|| {
        Error::shapes(
            format!(
                "the {what} axis (axis {axis}) must be a number, for the weights are made for it"
            ),
            std::slice::from_ref(spec),
        )
    })
}

/// Returns the dims that elements of `from` take under a target in which one dim may be −1.
pub fn resolve_shape(from: &[Dim], target: &[isize]) -> Result<Vec<Dim>> {
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
