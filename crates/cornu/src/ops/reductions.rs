//! Operations over axes, and products.

use super::bits::is_nan;
use super::op_call::Unequal::{OverAxes, Refused};
use super::op_call::{LINALG, MATH, NUMPY, OpCall, Row, moved};
use crate::saving::json;
use crate::{Error, Result};
use cornu_ir::composites::logsumexp;
use cornu_ir::{DType, Var};

pub static ROWS: &[Row] = &[
    Row("Sum", NUMPY, OverAxes, |s| s.reduce(|x, axes, keep| x.sum(axes, keep))),
    Row("Prod", NUMPY, OverAxes, |s| s.reduce(|x, axes, keep| x.prod(axes, keep))),
    Row("Max", NUMPY, OverAxes, |s| {
        s.extreme(|x, axes, keep| x.max(axes, keep), |a, b| a.maximum(b))
    }),
    Row("Amax", NUMPY, OverAxes, |s| {
        s.extreme(|x, axes, keep| x.max(axes, keep), |a, b| a.maximum(b))
    }),
    Row("Min", NUMPY, OverAxes, |s| {
        s.extreme(|x, axes, keep| x.min(axes, keep), |a, b| a.minimum(b))
    }),
    Row("Amin", NUMPY, OverAxes, |s| {
        s.extreme(|x, axes, keep| x.min(axes, keep), |a, b| a.minimum(b))
    }),
    Row("Mean", NUMPY, OverAxes, |s| s.reduce_float(|x, axes, keep| x.mean(axes, keep))),
    Row("Average", NUMPY, OverAxes, |s| s.average()),
    Row("Var", NUMPY, OverAxes, |s| {
        s.reduce_float(|x, axes, keep| (x - x.mean(axes, true)).square().mean(axes, keep))
    }),
    Row("Std", NUMPY, OverAxes, |s| {
        s.reduce_float(|x, axes, keep| (x - x.mean(axes, true)).square().mean(axes, keep).sqrt())
    }),
    Row("Logsumexp", MATH, OverAxes, |s| {
        s.reduce_float(|x, axes, keep| {
            let y = logsumexp(x, axes);
            if keep { y } else { y.sum(axes, false) }
        })
    }),
    Row("Norm", LINALG, OverAxes, |s| s.norm()),
    Row("Ptp", NUMPY, OverAxes, |s| {
        s.reduce(|x, axes, keep| x.max(axes, keep) - x.min(axes, keep))
    }),
    Row("Nansum", NUMPY, OverAxes, |s| {
        s.reduce_float(|x, axes, keep| there(x, 0.0).sum(axes, keep))
    }),
    Row("Nanprod", NUMPY, OverAxes, |s| {
        s.reduce_float(|x, axes, keep| there(x, 1.0).prod(axes, keep))
    }),
    Row("Nanmax", NUMPY, OverAxes, |s| {
        s.reduce_float(|x, axes, keep| there(x, f64::NEG_INFINITY).max(axes, keep))
    }),
    Row("Nanmin", NUMPY, OverAxes, |s| {
        s.reduce_float(|x, axes, keep| there(x, f64::INFINITY).min(axes, keep))
    }),
    Row("Nanmean", NUMPY, OverAxes, |s| {
        s.reduce_float(|x, axes, keep| {
            there(x, 0.0).sum(axes, keep) / (1.0 - is_nan(x).cast(x.dtype())).sum(axes, keep)
        })
    }),
    Row("Any", NUMPY, OverAxes, |s| s.reduce_bool(|x, axes, keep| x.any(axes, keep))),
    Row("All", NUMPY, OverAxes, |s| s.reduce_bool(|x, axes, keep| x.all(axes, keep))),
    Row("CountNonzero", NUMPY, OverAxes, |s| {
        s.reduce_bool(|x, axes, keep| x.cast(DType::I32).sum(axes, keep))
    }),
    Row("Argmax", NUMPY, OverAxes, |s| s.place(|x, axis| x.argmax(axis))),
    Row("Argmin", NUMPY, OverAxes, |s| s.place(|x, axis| x.argmin(axis))),
    Row("Cumsum", NUMPY, Refused, |s| s.cumsum()),
    Row("Sort", NUMPY, Refused, |s| s.last(|x| x.sort_last(false).0)),
    Row("Argsort", NUMPY, Refused, |s| s.last(|x| x.sort_last(false).1)),
    Row("TopK", MATH, Refused, |s| s.top_k()),
];

/// A value, with a number in place of what is none.
fn there(x: Var<'_>, otherwise: f64) -> Var<'_> {
    is_nan(x).select(x.zeros_like() + otherwise, x)
}

impl<'g> OpCall<'_, 'g> {
    /// Returns the axes that `axis` names; all of them where it is absent.
    pub fn axes(&self, rank: usize) -> Result<Vec<isize>> {
        let all = || (0..rank as isize).collect();
        let axes: Vec<isize> = self.integers("axis")?.unwrap_or_else(all);
        axes.iter()
            .map(|&a| self.axis(a, rank).map(|a| a as isize))
            .inspect(|a| a.iter().for_each(|&a| self.touches(a as usize)))
            .collect()
    }

    fn over(
        &self,
        x: Var<'g>,
        f: impl Fn(Var<'g>, &[isize], bool) -> Var<'g>,
    ) -> Result<Vec<Var<'g>>> {
        Ok(vec![f(x, &self.axes(x.rank())?, self.flag("keepdims", false))])
    }

    /// Returns a rule of one number over axes; truth values count as 0 and 1.
    pub fn reduce(&self, f: impl Fn(Var<'g>, &[isize], bool) -> Var<'g>) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        let x = if x.dtype() == DType::Bool { x.cast(DType::I32) } else { x };
        self.over(self.dtype()?.map_or(x, |d| x.cast(d)), f)
    }

    /// Returns a rule of one float over axes.
    pub fn reduce_float(
        &self,
        f: impl Fn(Var<'g>, &[isize], bool) -> Var<'g>,
    ) -> Result<Vec<Var<'g>>> {
        self.over(self.as_float(self.value(0)?), f)
    }

    /// Returns a rule of truth values over axes.
    pub fn reduce_bool(
        &self,
        f: impl Fn(Var<'g>, &[isize], bool) -> Var<'g>,
    ) -> Result<Vec<Var<'g>>> {
        self.over(self.bool_value(0)?, f)
    }

    /// Returns the extreme over axes, of the values and of `initial`.
    pub fn extreme(
        &self,
        f: impl Fn(Var<'g>, &[isize], bool) -> Var<'g>,
        join: impl Fn(Var<'g>, Var<'g>) -> Var<'g>,
    ) -> Result<Vec<Var<'g>>> {
        let y = self.over(self.value(0)?, f)?[0];
        let Some(_) = self.setting("initial") else { return Ok(vec![y]) };
        let initial = self.cx.builder.full(y.dtype(), &y.dims(), self.real("initial", 0.0)?);
        Ok(vec![join(y, initial)])
    }

    /// Returns the mean over axes, each element as much as its weight. Weights of rank 1 are those
    /// of the axis.
    pub fn average(&self) -> Result<Vec<Var<'g>>> {
        let Some(w) = self.optional(1, "weights")? else {
            return self.reduce_float(|x, axes, _| x.mean(axes, false));
        };
        let x = self.value(0)?;
        let axes = self.axes(x.rank())?;
        let x = self.as_float(x);
        let w = w.cast(x.dtype());
        let w = match (w.rank() == x.rank(), &axes[..]) {
            (true, _) => w,
            (false, [axis]) if w.rank() == 1 => {
                let mut dims = vec![Some(1); x.rank()];
                dims[*axis as usize] = w.dim(0);
                w.reshape(&dims)
            }
            _ => {
                return Err(Error::shapes(
                    "weights must have the value's shape, or be those of one axis",
                    &[x.spec(), w.spec()],
                ));
            }
        };
        let w = w.broadcast_to(&x.dims());
        Ok(vec![(x * w).sum(&axes, false) / w.sum(&axes, false)])
    }

    /// Mean and variance over `axes`.
    pub fn moments(&self) -> Result<Vec<Var<'g>>> {
        let x = self.as_float(self.value(0)?);
        let axes = self.integers("axes")?.ok_or_else(|| self.unsupported("no axes"))?;
        let axes = axes
            .iter()
            .map(|&a| self.axis(a, x.rank()).map(|a| a as isize))
            .collect::<Result<Vec<_>>>()?;
        axes.iter().for_each(|&a| self.touches(a as usize));
        let (mean, keep) = (x.mean(&axes, true), self.flag("keepdims", false));
        let kept = |y: Var<'g>| if keep { y } else { y.sum(&axes, false) };
        Ok(vec![kept(mean), kept((x - mean).square().mean(&axes, true))])
    }

    /// Axes that are normalized together, and the numbers given for each of their places, spread
    /// over the value.
    fn normalized(&self, x: Var<'g>, n_given: usize) -> Result<(Vec<isize>, Vec<Option<Var<'g>>>)> {
        let axes = self.integers("axis")?.unwrap_or(vec![-1]);
        let mut axes = axes.iter().map(|&a| self.axis(a, x.rank())).collect::<Result<Vec<_>>>()?;
        axes.sort_unstable();
        axes.iter().for_each(|&a| self.touches(a));
        let spread = |v: Var<'g>| {
            let mut dims = vec![Some(1); x.rank()];
            axes.iter().zip(v.dims()).for_each(|(&a, d)| dims[a] = d);
            self.as_float(v).reshape(&dims)
        };
        let given = |i: usize| match self.call.args.get(i) {
            None => Ok(None),
            Some(crate::lowering::Arg::Json(serde_json::Value::Null)) => Ok(None),
            Some(_) => self.value(i).map(|v| Some(spread(v))),
        };
        let given = (1..=n_given).map(given).collect::<Result<Vec<_>>>()?;
        Ok((axes.into_iter().map(|a| a as isize).collect(), given))
    }

    /// Returns a value by the root of its mean square.
    pub fn rms_norm(&self) -> Result<Vec<Var<'g>>> {
        let x = self.as_float(self.value(0)?);
        let (axes, given) = self.normalized(x, 1)?;
        let y = x * (x.square().mean(&axes, true) + self.real("epsilon", 1e-7)?).rsqrt();
        Ok(vec![given[0].map_or(y, |scale| y * scale)])
    }

    /// Returns a value brought to mean 0 and variance 1, times gamma, plus beta.
    pub fn layer_norm(&self) -> Result<Vec<Var<'g>>> {
        let x = self.as_float(self.value(0)?);
        let (axes, given) = self.normalized(x, 2)?;
        let centred = x - x.mean(&axes, true);
        if self.flag("rms_scaling", false) {
            let y = x * (centred.square().mean(&axes, true) + self.real("epsilon", 1e-7)?).rsqrt();
            return Ok(vec![given[0].map_or(y, |gamma| y * gamma)]);
        }
        let y =
            centred * (centred.square().mean(&axes, true) + self.real("epsilon", 1e-7)?).rsqrt();
        let y = given[0].map_or(y, |gamma| y * gamma);
        Ok(vec![given[1].map_or(y, |beta| y + beta)])
    }

    /// Returns a norm over axes.
    pub fn norm(&self) -> Result<Vec<Var<'g>>> {
        let order = self.setting("ord").cloned();
        let name = order.as_ref().and_then(|o| o.as_str().map(str::to_string));
        let p = match (&order, name.as_deref()) {
            (None, _) | (_, Some("fro")) => 2.0,
            (_, Some("inf")) => f64::INFINITY,
            (_, Some("-inf")) => f64::NEG_INFINITY,
            (_, Some("nuc")) => 0.0,
            (Some(o), _) => json::float(o).ok_or_else(|| self.unsupported(format!("ord = {o}")))?,
        };
        let n_axes = self.integers("axis")?.map_or(self.value(0)?.rank(), |a| a.len());
        if order.is_some() && name.as_deref() != Some("fro") && n_axes != 1 {
            return match n_axes {
                2 => self.matrix_norm(name.as_deref(), p),
                n => Err(self.unsupported(format!("a norm by ord over {n} axes"))),
            };
        }
        self.reduce_float(|x, axes, keep| match p {
            2.0 => x.square().sum(axes, keep).sqrt(),
            1.0 => x.abs().sum(axes, keep),
            f64::INFINITY => x.abs().max(axes, keep),
            f64::NEG_INFINITY => x.abs().min(axes, keep),
            0.0 => x.ne(0.0).cast(x.dtype()).sum(axes, keep),
            p => x.abs().pow(p).sum(axes, keep).pow(1.0 / p),
        })
    }

    /// Returns a rule of one float along axes, which stay.
    pub fn along(
        &self,
        otherwise: isize,
        f: impl Fn(Var<'g>, &[isize]) -> Var<'g>,
    ) -> Result<Vec<Var<'g>>> {
        let x = self.as_float(self.value(0)?);
        let axes = self.integers("axis")?.unwrap_or(vec![otherwise]);
        let axes = axes
            .iter()
            .map(|&a| self.axis(a, x.rank()).map(|a| a as isize))
            .collect::<Result<Vec<_>>>()?;
        axes.iter().for_each(|&a| self.touches(a as usize));
        Ok(vec![f(x, &axes)])
    }

    /// Returns a rule along one axis, given for the last.
    pub fn last(&self, f: impl Fn(Var<'g>) -> Var<'g>) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        let axis = self.axis(self.integer("axis")?.unwrap_or(-1), x.rank())?;
        self.touches(axis);
        let end = x.rank() - 1;
        Ok(vec![moved(f(moved(x, axis, end)), end, axis)])
    }

    /// Returns the place of an extreme along an axis, or among all elements.
    pub fn place(&self, f: impl Fn(Var<'g>, isize) -> Var<'g>) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        let Some(axis) = self.integer("axis")? else {
            self.cx.keep_whole();
            let y = f(x.reshape(&[cornu_ir::spec::product(&x.dims())]), 0);
            return Ok(vec![if self.flag("keepdims", false) {
                y.reshape(&vec![Some(1); x.rank()])
            } else {
                y
            }]);
        };
        let axis = self.axis(axis, x.rank())?;
        self.touches(axis);
        let y = f(x, axis as isize);
        Ok(vec![if self.flag("keepdims", false) { y.expand_dims(axis as isize) } else { y }])
    }

    /// Running sums.
    pub fn cumsum(&self) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        let x = if x.dtype() == DType::Bool { x.cast(DType::I32) } else { x };
        let x = self.dtype()?.map_or(x, |d| x.cast(d));
        let Some(axis) = self.integer("axis")? else {
            self.cx.keep_whole();
            return Ok(vec![x.reshape(&[cornu_ir::spec::product(&x.dims())]).cumsum(0, false)]);
        };
        let axis = self.axis(axis, x.rank())?;
        self.touches(axis);
        Ok(vec![x.cumsum(axis as isize, false)])
    }

    /// Returns the k largest along the last axis, and their places.
    pub fn top_k(&self) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        let k = self
            .integer("k")?
            .and_then(|k| usize::try_from(k).ok())
            .ok_or_else(|| self.unsupported("this k"))?;
        if x.rank() == 0 || x.dim(-1).is_some_and(|n| n < k) {
            return Err(Error::shapes(
                format!("the last axis must hold at least k = {k}"),
                &[x.spec()],
            ));
        }
        let (values, places) = x.sort_last(true);
        Ok(vec![values.slice(-1, 0, k), places.slice(-1, 0, k)])
    }
}
