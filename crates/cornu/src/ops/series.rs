//! Diagonals, and values made by a formula of their index.

use super::indexing::iota;
use super::op_call::Unequal::Refused;
use super::op_call::{NUMPY, OpCall, Row, moved};
use crate::{Error, Result};
use cornu_ir::builder::stack;
use cornu_ir::spec::product;
use cornu_ir::{Dim, Tensor, Var};

pub static ROWS: &[Row] = &[
    Row("Diag", NUMPY, Refused, |s| {
        let x = s.value(0)?;
        if x.rank() == 2 {
            s.diagonal(0, 1, s.integer("k")?.unwrap_or(0))
        } else {
            s.diagonal_matrix(x)
        }
    }),
    Row("Diagflat", NUMPY, Refused, |s| {
        let x = s.value(0)?;
        s.diagonal_matrix(x.reshape(&[product(&x.dims())]))
    }),
    Row("Diagonal", NUMPY, Refused, |s| s.diagonal_of_axes()),
    Row("Trace", NUMPY, Refused, |s| Ok(vec![s.diagonal_of_axes()?[0].sum(&[-1], false)])),
    Row("Vander", NUMPY, Refused, |s| s.vander()),
    Row("Full", NUMPY, Refused, |s| s.full()),
    Row("Linspace", NUMPY, Refused, |s| s.series(|a, _, d, i| a + d * i)),
    Row("Logspace", NUMPY, Refused, |s| {
        let base = s.real("base", 10.0)?;
        s.series(move |a, _, d, i| ((a + d * i) * base.ln()).exp())
    }),
    Row("Geomspace", NUMPY, Refused, |s| s.geometric()),
];

impl<'g> OpCall<'_, 'g> {
    /// A matrix with the numbers on diagonal `k`.
    fn diagonal_matrix(&self, x: Var<'g>) -> Result<Vec<Var<'g>>> {
        self.cx.keep_whole();
        let k = self.integer("k")?.unwrap_or(0);
        let Some(n) = x.dim(-1).filter(|_| x.rank() == 1) else {
            return Err(Error::shapes("a value of rank 1 or 2 is needed", &[x.spec()]));
        };
        let (size, far) = (n + k.unsigned_abs(), k.unsigned_abs());
        let dims = [Some(n), Some(n)];
        let square = iota(x, &dims, 0)
            .eq(iota(x, &dims, 1))
            .select(x.expand_dims(0).broadcast_to(&dims), 0.0);
        let (above, left) = if k >= 0 { (0, far) } else { (far, 0) };
        Ok(vec![square.pad(0, above, size - n - above, 0.0).pad(1, left, size - n - left, 0.0)])
    }

    fn diagonal_of_axes(&self) -> Result<Vec<Var<'g>>> {
        let rank = self.value(0)?.rank();
        let (a, b) = (
            self.axis(self.integer("axis1")?.unwrap_or(0), rank)?,
            self.axis(self.integer("axis2")?.unwrap_or(1), rank)?,
        );
        self.diagonal(a, b, self.integer("offset")?.unwrap_or(0))
    }

    /// The elements on diagonal `k` of two axes, which go; the diagonal stands last.
    fn diagonal(&self, a: usize, b: usize, k: isize) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        if a == b {
            return Err(self.unsupported("one axis twice"));
        }
        self.touches(a.min(b));
        // Both axes last, in order.
        let x = moved(x, a, x.rank() - 1);
        let b = if b > a { b - 1 } else { b };
        let x = moved(x, b, x.rank() - 1);
        let (Some(rows), Some(columns)) = (x.dim(-2), x.dim(-1)) else {
            return Err(Error::shapes("both axes must be numbers", &[x.spec()]));
        };
        let far = k.unsigned_abs();
        let n = if k >= 0 {
            rows.min(columns.saturating_sub(far))
        } else {
            columns.min(rows.saturating_sub(far))
        };
        let (top, left) = if k >= 0 { (0, far) } else { (far, 0) };
        if n == 0 {
            return Err(Error::shapes(format!("diagonal {k} holds no element"), &[x.spec()]));
        }
        let square = x.slice(-2, top, top + n).slice(-1, left, left + n);
        let dims = [Some(n), Some(n)];
        Ok(vec![iota(x, &dims, 0).eq(iota(x, &dims, 1)).select(square, 0.0).sum(&[-2], false)])
    }

    fn vander(&self) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        let n = self.integer("N")?.map(|n| n.max(0) as usize).or(x.dim(0)).filter(|n| *n < 1 << 12);
        let Some(n) = n.filter(|n| *n > 0 && x.rank() == 1) else {
            return Err(Error::shapes(
                "a value of rank 1 and a moderate number of columns are needed",
                &[x.spec()],
            ));
        };
        let mut powers = vec![x.ones_like()];
        for _ in 1..n {
            powers.push(*powers.last().unwrap_or(&x) * x);
        }
        if !self.flag("increasing", false) {
            powers.reverse();
        }
        Ok(vec![stack(&powers, 1)])
    }

    fn full(&self) -> Result<Vec<Var<'g>>> {
        self.cx.keep_whole();
        let x = self.value(0)?;
        let shape = self.integers("shape")?.ok_or_else(|| self.unsupported("no shape"))?;
        let dims = shape
            .iter()
            .map(|&n| usize::try_from(n).map(Some))
            .collect::<std::result::Result<Vec<Dim>, _>>()
            .map_err(|_| self.unsupported("this shape"))?;
        Ok(vec![x.cast(self.dtype()?.unwrap_or(x.dtype())).broadcast_to(&dims)])
    }

    /// Numbers from the first argument to the second along a new axis, made of start, stop, their
    /// distance from one to the next, and place.
    fn series(
        &self,
        f: impl Fn(Var<'g>, Var<'g>, Var<'g>, Var<'g>) -> Var<'g>,
    ) -> Result<Vec<Var<'g>>> {
        if self.flag("retstep", false) {
            return Err(self.unsupported("retstep"));
        }
        let (a, b) = self.operands(0, 1)?;
        let (a, b) = self.as_float(a).broadcast_with(self.as_float(b), "linspace");
        let n = self.integer("num")?.unwrap_or(50);
        let n = usize::try_from(n)
            .ok()
            .filter(|n| (1..1 << 20).contains(n))
            .ok_or_else(|| self.unsupported("this num"))?;
        let steps = if self.flag("endpoint", true) { n.max(2) - 1 } else { n } as f64;
        let axis = self.axis(self.integer("axis")?.unwrap_or(0), a.rank() + 1)?;
        self.touches(axis);
        let place = self
            .cx
            .builder
            .constant(Tensor::new(&[n], (0..n).map(|i| i as f64).collect()))
            .cast(a.dtype());
        let mut dims = vec![Some(1); a.rank() + 1];
        dims[axis] = Some(n);
        let (a, b) = (a.expand_dims(axis as isize), b.expand_dims(axis as isize));
        let y = f(a, b, (b - a) / steps, place.reshape(&dims));
        Ok(vec![self.dtype()?.map_or(y, |d| y.cast(d))])
    }

    /// Numbers of equal ratio.
    fn geometric(&self) -> Result<Vec<Var<'g>>> {
        let steps = |n: isize| if self.flag("endpoint", true) { (n - 1).max(1) } else { n } as f64;
        let n = steps(self.integer("num")?.unwrap_or(50));
        self.series(|a, b, _, i| {
            let sign = a.sign();
            sign * ((a * sign).log() + ((b * sign).log() - (a * sign).log()) / n * i).exp()
        })
    }
}
