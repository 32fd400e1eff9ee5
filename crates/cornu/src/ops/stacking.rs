//! Operations that join, split and rearrange whole axes.

use super::op_call::Unequal::Refused;
use super::op_call::{NUMPY, OpCall, Row};
use crate::lowering::Arg;
use crate::{Error, Result};
use cornu_ir::builder::concat;
use cornu_ir::spec::product;
use cornu_ir::{Dim, Var};
use serde_json::Value;
use std::collections::BTreeMap;

pub static ROWS: &[Row] = &[
    Row("Vstack", NUMPY, Refused, |s| s.join_ranks(2, 0)),
    Row("Dstack", NUMPY, Refused, |s| s.join_ranks(3, 2)),
    Row("Hsplit", NUMPY, Refused, |s| {
        let axis = if s.value(0)?.rank() == 1 { 0 } else { 1 };
        s.split_along(axis, true)
    }),
    Row("Vsplit", NUMPY, Refused, |s| s.split_along(0, true)),
    Row("Dsplit", NUMPY, Refused, |s| s.split_along(2, true)),
    Row("ArraySplit", NUMPY, Refused, |s| {
        let x = s.value(0)?;
        let axis = s.axis(s.integer("axis")?.unwrap_or(0), x.rank())?;
        s.split_along(axis, false)
    }),
    Row("Append", NUMPY, Refused, |s| s.append()),
    Row("Rot90", NUMPY, Refused, |s| s.rotate()),
    Row("Meshgrid", NUMPY, Refused, |s| s.mesh()),
    Row("Rearrange", "keras.src.ops.einops", Refused, |s| s.rearrange()),
];

impl<'g> OpCall<'_, 'g> {
    /// Values of a least rank joined along an axis. Those of rank 1 are rows of a matrix.
    fn join_ranks(&self, rank: usize, axis: usize) -> Result<Vec<Var<'g>>> {
        let raise = |x: Var<'g>| {
            let x = if x.rank() == 0 { x.expand_dims(0) } else { x };
            let x = if x.rank() == 1 { x.expand_dims(0) } else { x };
            if x.rank() < rank { x.expand_dims(-1) } else { x }
        };
        let values: Vec<Var<'g>> = self.list()?.into_iter().map(raise).collect();
        self.touches(axis);
        Ok(vec![concat(&values, axis as isize)])
    }

    /// Parts of an axis, as equal as can be (or quite equal), or between places.
    fn split_along(&self, axis: usize, equal: bool) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        if axis >= x.rank() {
            return Err(Error::shapes(
                format!("a value with an axis {axis} is needed"),
                &[x.spec()],
            ));
        }
        self.touches(axis);
        let n = x.dim(axis as isize).ok_or_else(|| {
            Error::shapes(format!("axis {axis} must be a number to be split"), &[x.spec()])
        })?;
        let given = self.setting("indices_or_sections");
        let starts: Vec<usize> = match given {
            Some(Value::Array(_)) => {
                let at = self.integers("indices_or_sections")?.unwrap_or_default();
                at.iter()
                    .map(
                        |&i| {
                            if i < 0 {
                                (i + n as isize).max(0) as usize
                            } else {
                                (i as usize).min(n)
                            }
                        },
                    )
                    .collect()
            }
            _ => {
                let parts = given
                    .and_then(Value::as_u64)
                    .map(|p| p as usize)
                    .filter(|p| (1..1 << 16).contains(p));
                let parts = parts.ok_or_else(|| self.unsupported("these indices_or_sections"))?;
                if equal && n % parts != 0 {
                    return Err(Error::shapes(
                        format!("axis {axis} must be a multiple of {parts} parts"),
                        &[x.spec()],
                    ));
                }
                // The first parts hold one more where the number does not divide.
                (1..parts).map(|i| i * (n / parts) + i.min(n % parts)).collect()
            }
        };
        let ends = starts.iter().copied().chain([n]);
        Ok(std::iter::once(0)
            .chain(starts.iter().copied())
            .zip(ends)
            .map(|(a, b)| x.slice(axis as isize, a, b.max(a)))
            .collect())
    }

    fn append(&self) -> Result<Vec<Var<'g>>> {
        let (a, b) = self.operands(0, 1)?;
        let Some(axis) = self.integer("axis")? else {
            self.cx.keep_whole();
            return Ok(vec![concat(
                &[a.reshape(&[product(&a.dims())]), b.reshape(&[product(&b.dims())])],
                0,
            )]);
        };
        let axis = self.axis(axis, a.rank())?;
        self.touches(axis);
        Ok(vec![concat(&[a, b], axis as isize)])
    }

    fn rotate(&self) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        let axes = self.integers("axes")?.unwrap_or(vec![0, 1]);
        let [a, b] = axes[..] else { return Err(self.unsupported("axes that are not two")) };
        let (a, b) = (self.axis(a, x.rank())?, self.axis(b, x.rank())?);
        if a == b {
            return Err(Error::argument(self.class, "axes must be two", format!("{axes:?}")));
        }
        self.touches(a.min(b));
        let (first, second) = (a as isize, b as isize);
        Ok(vec![match self.integer("k")?.unwrap_or(1).rem_euclid(4) {
            0 => x,
            1 => x.reverse(second).swap_axes(first, second),
            2 => x.reverse(first).reverse(second),
            _ => x.swap_axes(first, second).reverse(second),
        }])
    }

    fn mesh(&self) -> Result<Vec<Var<'g>>> {
        self.cx.keep_whole();
        let values =
            (0..self.call.args.len()).map(|i| self.value(i)).collect::<Result<Vec<_>>>()?;
        let swapped =
            self.setting("indexing").and_then(Value::as_str) != Some("ij") && values.len() > 1;
        let dims: Vec<Dim> = values.iter().map(|v| product(&v.dims())).collect();
        let place = |i: usize| if swapped && i < 2 { 1 - i } else { i };
        let whole: Vec<Dim> = (0..values.len()).map(|i| dims[place(i)]).collect();
        let spread = |(i, v): (usize, &Var<'g>)| {
            let mut own = vec![Some(1); values.len()];
            own[place(i)] = dims[i];
            v.reshape(&own).broadcast_to(&whole)
        };
        Ok(values.iter().enumerate().map(spread).collect())
    }

    /// Axes taken apart, put in another order and joined, as a pattern of names says.
    fn rearrange(&self) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        let pattern = match self.call.arg(1, "pattern") {
            Some(Arg::Json(Value::String(p))) => p.clone(),
            _ => return Err(self.unsupported("no pattern")),
        };
        let wrong = || {
            Error::argument(
                self.class,
                "the pattern must name each axis of the value once on each side",
                format!("{pattern} for {}", x.spec()),
            )
        };
        let (left, right) = pattern.split_once("->").ok_or_else(wrong)?;
        let (left, right) =
            (axes_of_pattern(left).ok_or_else(wrong)?, axes_of_pattern(right).ok_or_else(wrong)?);
        let mut lengths: BTreeMap<&str, Dim> = BTreeMap::new();
        if left.len() != x.rank() {
            return Err(wrong());
        }
        for (axis, names) in left.iter().enumerate() {
            let mut open = None;
            let mut rest = x.dim(axis as isize);
            for name in names {
                match self.call.kwarg(name) {
                    Some(Arg::Json(n)) => {
                        let n =
                            n.as_u64().map(|n| n as usize).filter(|n| *n > 0).ok_or_else(wrong)?;
                        if rest.is_some_and(|r| r % n != 0) {
                            return Err(Error::shapes(
                                format!("axis {axis} must be a multiple of {name} = {n}"),
                                &[x.spec()],
                            ));
                        }
                        rest = rest.map(|r| r / n);
                        lengths.insert(name, Some(n));
                    }
                    _ if open.is_none() => open = Some(name.as_str()),
                    _ => return Err(wrong()),
                }
            }
            if let Some(name) = open {
                lengths.insert(name, rest);
            }
        }
        let from: Vec<&str> = left.iter().flatten().map(String::as_str).collect();
        let to: Vec<&str> = right.iter().flatten().map(String::as_str).collect();
        let order = to
            .iter()
            .map(|n| from.iter().position(|m| m == n))
            .collect::<Option<Vec<usize>>>()
            .filter(|o| o.len() == from.len())
            .ok_or_else(wrong)?;
        let mut once = order.clone();
        once.sort_unstable();
        if !once.into_iter().eq(0..from.len()) {
            return Err(wrong());
        }
        let dims = |names: &[&str]| names.iter().map(|n| lengths[n]).collect::<Vec<Dim>>();
        if left.first() != right.first() || left.first().is_some_and(|g| g.len() > 1) {
            self.cx.keep_whole();
        }
        let joined: Vec<Dim> = right
            .iter()
            .map(|g| product(&dims(&g.iter().map(String::as_str).collect::<Vec<_>>())))
            .collect();
        Ok(vec![x.reshape(&dims(&from)).transpose(&order).reshape(&joined)])
    }
}

/// The names of a side of a pattern, by axis.
fn axes_of_pattern(side: &str) -> Option<Vec<Vec<String>>> {
    let spaced = side.replace('(', " ( ").replace(')', " ) ");
    let (mut axes, mut group): (Vec<Vec<String>>, Option<Vec<String>>) = (Vec::new(), None);
    for word in spaced.split_whitespace() {
        match word {
            "(" if group.is_none() => group = Some(Vec::new()),
            ")" => axes.push(group.take()?),
            "(" => return None,
            name if name.chars().all(|c| c.is_alphanumeric() || c == '_') => match &mut group {
                Some(g) => g.push(name.into()),
                None => axes.push(vec![name.into()]),
            },
            _ => return None,
        }
    }
    group.is_none().then_some(axes)
}
