//! Operations that move elements.

use super::op_call::Unequal::{AnotherAxis, OverAxes, Refused};
use super::op_call::{CORE, NUMPY, OpCall, Row};
use crate::lowering::resolve_shape;
use crate::{Error, Result};
use cornu_ir::builder::{concat, stack};
use cornu_ir::spec::product;
use cornu_ir::{Dim, Var};
use serde_json::Value;

pub static ROWS: &[Row] = &[
    Row("Reshape", NUMPY, Refused, |s| s.reshape()),
    Row("Ravel", NUMPY, Refused, |s| s.ravel()),
    Row("Transpose", NUMPY, Refused, |s| s.transpose()),
    Row("Swapaxes", NUMPY, Refused, |s| s.swap_axes()),
    Row("Moveaxis", NUMPY, Refused, |s| s.move_axis()),
    Row("ExpandDims", NUMPY, AnotherAxis, |s| s.expand_dims()),
    Row("Squeeze", NUMPY, Refused, |s| s.squeeze()),
    Row("BroadcastTo", NUMPY, Refused, |s| s.broadcast_to()),
    Row("Concatenate", NUMPY, OverAxes, |s| s.concatenate()),
    Row("Stack", NUMPY, Refused, |s| s.stack()),
    Row("Split", NUMPY, Refused, |s| s.split()),
    Row("Unstack", CORE, Refused, |s| s.unstack()),
    Row("Hstack", NUMPY, Refused, |s| s.hstack()),
];

impl<'g> OpCall<'_, 'g> {
    fn whole(&self, name: &str) -> Result<isize> {
        self.integer(name)?.ok_or_else(|| self.unsupported(format!("no {name}")))
    }

    /// Returns the same elements under other dims. A first dim of −1 that leaves the batch alone
    /// keeps it as it is.
    pub fn reshape(&self) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        let target = self
            .setting("newshape")
            .and_then(Value::as_array)
            .ok_or_else(|| self.unsupported("this newshape"))?;
        let target: Vec<isize> =
            target.iter().map(|d| d.as_i64().map_or(-1, |d| d as isize)).collect();
        let own = x.dims();
        let rest: Option<Vec<Dim>> = match (&target[..], own.get(1..)) {
            ([-1, rest @ ..], Some(sample))
                if rest.iter().all(|d| *d >= 0) && product(sample).is_some() =>
            {
                let dims: Vec<Dim> = rest.iter().map(|d| Some(*d as usize)).collect();
                (product(&dims) == product(sample)).then_some(dims)
            }
            _ => None,
        };
        let dims = match rest {
            Some(sample) => [&own[..1], &sample].concat(),
            None => {
                self.cx.keep_whole();
                resolve_shape(&own, &target)?
            }
        };
        Ok(vec![x.reshape(&dims)])
    }

    /// Returns all elements on one axis.
    pub fn ravel(&self) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        self.cx.keep_whole();
        Ok(vec![x.reshape(&[product(&x.dims())])])
    }

    /// Axes in another order, by default backwards.
    pub fn transpose(&self) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        let axes = self.integers("axes")?.unwrap_or_else(|| (0..x.rank() as isize).rev().collect());
        let order = axes.iter().map(|&a| self.axis(a, x.rank())).collect::<Result<Vec<_>>>()?;
        let mut sorted = order.clone();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(0..x.rank()) {
            return Err(Error::argument(
                self.class,
                "axes must be a permutation of the value's axes",
                format!("{axes:?}"),
            ));
        }
        if order.first() != Some(&0) {
            self.cx.keep_whole();
        }
        Ok(vec![x.transpose(&order)])
    }

    /// Two axes exchanged.
    pub fn swap_axes(&self) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        let (a, b) = (
            self.axis(self.whole("axis1")?, x.rank())?,
            self.axis(self.whole("axis2")?, x.rank())?,
        );
        if a != b {
            self.touches(a.min(b));
        }
        Ok(vec![x.swap_axes(a as isize, b as isize)])
    }

    /// Axes moved to other places.
    pub fn move_axis(&self) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        let places = |name: &str| -> Result<Vec<usize>> {
            let axes =
                self.integers(name)?.ok_or_else(|| self.unsupported(format!("no {name}")))?;
            axes.iter().map(|&a| self.axis(a, x.rank())).collect()
        };
        let (from, to) = (places("source")?, places("destination")?);
        let mut order: Vec<usize> = (0..x.rank()).filter(|a| !from.contains(a)).collect();
        let mut pairs: Vec<(usize, usize)> = to.iter().copied().zip(from.iter().copied()).collect();
        pairs.sort_unstable();
        if from.len() != to.len() || order.len() + pairs.len() != x.rank() {
            return Err(Error::argument(
                self.class,
                "source and destination must name as many axes, each once",
                format!("{from:?} and {to:?}"),
            ));
        }
        pairs.into_iter().for_each(|(t, f)| order.insert(t.min(order.len()), f));
        if order.first() != Some(&0) {
            self.cx.keep_whole();
        }
        Ok(vec![x.transpose(&order)])
    }

    /// New axes of 1.
    pub fn expand_dims(&self) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        let axes = self.integers("axis")?.ok_or_else(|| self.unsupported("no axis"))?;
        let rank = x.rank() + axes.len();
        let mut places = axes.iter().map(|&a| self.axis(a, rank)).collect::<Result<Vec<_>>>()?;
        places.sort_unstable();
        places.iter().for_each(|&a| self.touches(a));
        Ok(vec![places.into_iter().fold(x, |x, a| x.expand_dims(a as isize))])
    }

    /// Axes of 1 taken out; by default all of them.
    pub fn squeeze(&self) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        let dims = x.dims();
        let places = match self.integers("axis")? {
            Some(axes) => {
                axes.iter().map(|&a| self.axis(a, dims.len())).collect::<Result<Vec<_>>>()?
            }
            None => (0..dims.len()).filter(|&i| dims[i] == Some(1)).collect(),
        };
        if let Some(a) = places.iter().find(|&&a| dims[a].is_some_and(|n| n != 1)) {
            return Err(Error::shapes(
                format!("only an axis of 1 can be taken out, axis {a} is not"),
                &[x.spec()],
            ));
        }
        places.iter().for_each(|&a| self.touches(a));
        let kept: Vec<Dim> =
            (0..dims.len()).filter(|i| !places.contains(i)).map(|i| dims[i]).collect();
        Ok(vec![x.reshape(&kept)])
    }

    /// Stretched to a shape.
    pub fn broadcast_to(&self) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        let shape = self
            .setting("shape")
            .and_then(Value::as_array)
            .ok_or_else(|| self.unsupported("this shape"))?;
        let own = x.dims();
        let lead = shape.len().saturating_sub(own.len());
        let dims: Vec<Dim> = (0..shape.len())
            .map(|i| {
                shape[i]
                    .as_u64()
                    .map(|n| n as usize)
                    .or_else(|| i.checked_sub(lead).and_then(|j| own[j]))
            })
            .collect();
        self.cx.keep_whole();
        Ok(vec![x.broadcast_to(&dims)])
    }

    /// Values joined along an axis.
    pub fn concatenate(&self) -> Result<Vec<Var<'g>>> {
        let values = self.list()?;
        let axis = self.axis(self.integer("axis")?.unwrap_or(-1), values[0].rank())?;
        self.touches(axis);
        Ok(vec![concat(&values, axis as isize)])
    }

    /// Values joined along axis 1.
    pub fn hstack(&self) -> Result<Vec<Var<'g>>> {
        let values = self.list()?;
        if values[0].rank() < 2 {
            return Err(self.unsupported("values of rank 1"));
        }
        Ok(vec![concat(&values, 1)])
    }

    /// Values joined along a new axis.
    pub fn stack(&self) -> Result<Vec<Var<'g>>> {
        let values = self.list()?;
        let axis = self.axis(self.integer("axis")?.unwrap_or(0), values[0].rank() + 1)?;
        self.touches(axis);
        Ok(vec![stack(&values, axis as isize)])
    }

    /// Parts of equal length, or between the places given.
    pub fn split(&self) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        let axis = self.axis(self.integer("axis")?.unwrap_or(0), x.rank())?;
        self.touches(axis);
        let n = x.dim(axis as isize).ok_or_else(|| {
            Error::shapes(format!("axis {axis} must be a number to be split"), &[x.spec()])
        })?;
        let cuts: Vec<usize> =
            match self.setting("indices_or_sections") {
                Some(Value::Array(_)) => {
                    let at = self.integers("indices_or_sections")?.unwrap_or_default();
                    at.iter()
                        .map(|&i| {
                            if i < 0 {
                                (i + n as isize).max(0) as usize
                            } else {
                                (i as usize).min(n)
                            }
                        })
                        .collect()
                }
                _ => {
                    let parts = usize::try_from(self.whole("indices_or_sections")?).unwrap_or(0);
                    if parts == 0 || n % parts != 0 {
                        return Err(Error::shapes(
                            format!("axis {axis} must be a multiple of {parts} parts"),
                            &[x.spec()],
                        ));
                    }
                    (1..parts).map(|i| i * (n / parts)).collect()
                }
            };
        let ends: Vec<usize> = cuts.iter().copied().chain([n]).collect();
        let starts = std::iter::once(0).chain(cuts.iter().copied());
        Ok(starts.zip(ends).map(|(a, b)| x.slice(axis as isize, a, b.max(a))).collect())
    }

    /// Each element of an axis for itself.
    pub fn unstack(&self) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        let axis = self.axis(self.integer("axis")?.unwrap_or(0), x.rank())?;
        self.touches(axis);
        let n = x.dim(axis as isize).filter(|n| *n < 1 << 16);
        let n = n.ok_or_else(|| {
            Error::shapes(
                format!("axis {axis} must be a (moderate) number to be unstacked"),
                &[x.spec()],
            )
        })?;
        Ok((0..n).map(|i| x.index(axis as isize, i)).collect())
    }
}
