//! Operations that search, rank and compare values.

use super::indexing::pick;
use super::op_call::Unequal::Refused;
use super::op_call::{MATH, NUMPY, OpCall, Row, known};
use crate::lowering::{Arg, literal::promoted};
use crate::{Error, Result};
use cornu_ir::builder::concat;
use cornu_ir::spec::product;
use cornu_ir::{DType, Var};
use serde_json::Value;

pub static ROWS: &[Row] = &[
    Row("SearchSorted", NUMPY, Refused, |s| s.search_sorted()),
    Row("InTopK", MATH, Refused, |s| s.in_top_k()),
    Row("Argpartition", NUMPY, Refused, |s| s.arg_partition()),
    Row("Nanargmax", NUMPY, Refused, |s| s.nan_place(f64::NEG_INFINITY, |x, axis| x.argmax(axis))),
    Row("Nanargmin", NUMPY, Refused, |s| s.nan_place(f64::INFINITY, |x, axis| x.argmin(axis))),
];

impl<'g> OpCall<'_, 'g> {
    /// How many of the rising numbers `edges` stand before each of `x`; those equal to it count
    /// where `right`.
    pub fn count_before(edges: Var<'g>, x: Var<'g>, right: bool) -> Var<'g> {
        let (edges, nan) = (edges, x.dtype().is_float());
        let wide = x.expand_dims(-1);
        let before = if right { edges.le(wide) } else { edges.lt(wide) };
        let n = before.cast(DType::I32).sum(&[-1], false);
        if nan {
            x.is_nan().cast(DType::Bool).select(n.zeros_like() + edges.count(&[0]), n)
        } else {
            n
        }
    }

    pub fn search_sorted(&self) -> Result<Vec<Var<'g>>> {
        let (edges, x) = self.operands(0, 1)?;
        if edges.rank() != 1 {
            return Err(Error::shapes("a sorted sequence of rank 1 is needed", &[edges.spec()]));
        }
        if matches!(self.call.args.first(), Some(Arg::Value(_))) {
            self.cx.keep_whole();
        }
        Ok(vec![Self::count_before(
            edges,
            x,
            self.setting("side").and_then(Value::as_str) == Some("right"),
        )])
    }

    /// Returns the number of the bin of each element.
    pub fn digitize(&self) -> Result<Vec<Var<'g>>> {
        let (x, edges) = self.operands(0, 1)?;
        let bins =
            self.known_numbers(1, "bins")?.ok_or_else(|| self.unsupported("no bins"))?.to_f64();
        Ok(vec![match bins.windows(2).all(|w| w[0] <= w[1]) {
            true => Self::count_before(edges, x, true),
            // Falling edges are counted from the other end.
            false => Self::count_before(edges.reverse(0), x, false) * -1.0 + bins.len() as f64,
        }])
    }

    pub fn in_top_k(&self) -> Result<Vec<Var<'g>>> {
        let (targets, p) = (self.value(0)?.cast(DType::I32), self.value(1)?);
        let k = self
            .integer("k")?
            .and_then(|k| usize::try_from(k).ok())
            .ok_or_else(|| self.unsupported("this k"))?;
        if p.rank() != targets.rank() + 1 || p.dim(-1).is_some_and(|n| n < k || k == 0) {
            return Err(Error::shapes(
                format!(
                    "predictions must have an axis of at least k = {k} classes behind those of the \
                        targets"
                ),
                &[targets.spec(), p.spec()],
            ));
        }
        let least = p.sort_last(true).0.index(-1, k - 1);
        Ok(vec![pick(p, targets.expand_dims(-1), f64::NAN).squeeze(-1).ge(least)])
    }

    pub fn arg_partition(&self) -> Result<Vec<Var<'g>>> {
        let kth = self.integer("kth")?.ok_or_else(|| self.unsupported("no kth"))?;
        let n = self.value(0)?.dim(self.integer("axis")?.unwrap_or(-1));
        let k = known(n).map_or(kth, |n| kth.rem_euclid(n.max(1)));
        self.last(|x| {
            let Some(n) = x.dim(-1) else { return x.sort_last(false).1 };
            let order = x.sort_last(false).1;
            let (low, high) =
                (order.slice(-1, 0, k as usize + 1), order.slice(-1, k as usize + 1, n));
            // What lies above keeps its order.
            concat(&[low, high.sort_last(false).0], -1)
        })
    }

    /// Returns the place of an extreme among what is a number; −1 where nothing is.
    pub fn nan_place(
        &self,
        otherwise: f64,
        f: impl Fn(Var<'g>, isize) -> Var<'g>,
    ) -> Result<Vec<Var<'g>>> {
        self.place(|x, axis| {
            let x = if x.dtype().is_float() { x } else { x.cast(DType::F32) };
            let none = x.is_nan().cast(DType::Bool);
            none.all(&[axis], false).select(
                f(none.select(x.zeros_like() + otherwise, x), axis) * 0.0 - 1.0,
                f(none.select(x.zeros_like() + otherwise, x), axis),
            )
        })
    }

    /// Numbers of elements as places along the axes of a shape.
    pub fn unravel_index(&self) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        let shape = self.integers("shape")?.ok_or_else(|| self.unsupported("no shape"))?;
        let total: f64 = shape.iter().map(|&n| n as f64).product();
        let x = x.lt(0.0).select(x + total, x).clip(0.0, total - 1.0);
        let mut rest = x;
        let mut axes = Vec::new();
        for &n in shape.iter().rev() {
            let i = rest.floor_mod(n as f64);
            rest = (rest - i) / n as f64;
            axes.push(i);
        }
        axes.reverse();
        Ok(axes)
    }

    /// True if each element is one of a list.
    pub fn is_in(&self) -> Result<Vec<Var<'g>>> {
        let (x, list) = self.operands(0, 1)?;
        if matches!(self.call.args.get(1), Some(Arg::Value(_))) {
            self.cx.keep_whole();
        }
        let found = x.expand_dims(-1).eq(list.reshape(&[product(&list.dims())])).any(&[-1], false);
        Ok(vec![if self.flag("invert", false) { found.not() } else { found }])
    }

    /// True if two values are within a tolerance of each other.
    pub fn is_close(&self) -> Result<Var<'g>> {
        let (a, b) = self.operands(0, 1)?;
        let (a, b) = self.as_float(a).broadcast_with(self.as_float(b), "isclose");
        let tolerance = |position: usize, name: &str, otherwise: f64| -> Result<f64> {
            Ok(self
                .known_numbers(position, name)?
                .map_or(self.real(name, otherwise)?, |t| t.to_f64()[0]))
        };
        let (rtol, atol) = (tolerance(2, "rtol", 1e-5)?, tolerance(3, "atol", 1e-8)?);
        let near = (a - b).abs().le(b.abs() * rtol + atol).and(b.abs().lt(f64::INFINITY));
        let same = near.or(a.eq(b));
        let nan = |v: Var<'g>| v.is_nan().cast(DType::Bool);
        Ok(if self.flag("equal_nan", false) { same.or(nan(a).and(nan(b))) } else { same })
    }

    /// Of several values the one whose condition is the first that holds.
    pub fn choose_among(&self) -> Result<Vec<Var<'g>>> {
        let (conditions, mut choices) = (self.list_of(0)?, self.list_of(1)?);
        let mut y = match self.optional(2, "default")? {
            Some(v) => v,
            None => self.cx.builder.scalar(DType::I32, 0.0),
        };
        let weak = matches!(self.call.arg(2, "default"), None | Some(Arg::Json(Value::Number(_))));
        let own = choices.first().ok_or_else(|| self.unsupported("no choices"))?.dtype();
        let dtype = if weak && own.is_float() { own } else { promoted(own, y.dtype()) };
        y = y.cast(dtype);
        choices.iter_mut().for_each(|c| *c = c.cast(dtype));
        for (condition, choice) in conditions.into_iter().zip(choices).rev() {
            y = condition.cast(DType::Bool).select(choice, y);
        }
        Ok(vec![y])
    }
}
