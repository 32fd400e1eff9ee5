//! Operations that read and write elements by their index, and count along segments.

use super::op_call::Unequal::Refused;
use super::op_call::{CORE, MATH, NN, NUMPY, OpCall, Row, known, moved};
use crate::{Error, Result};
use cornu_ir::ops::{Iota, ReduceFn, ScatterAdd, ScatterReduce};
use cornu_ir::spec::product;
use cornu_ir::{DType, Dim, Var};
use serde_json::Value;

pub static ROWS: &[Row] = &[
    Row("TakeAlongAxis", NUMPY, Refused, |s| s.take_along_axis()),
    Row("Slice", CORE, Refused, |s| s.slice()),
    Row("SliceUpdate", CORE, Refused, |s| s.slice_update()),
    Row("Scatter", CORE, Refused, |s| s.scatter()),
    Row("ScatterUpdate", CORE, Refused, |s| s.scatter_update()),
    Row("SegmentSum", MATH, Refused, |s| s.segments(ReduceFn::Sum)),
    Row("SegmentProd", MATH, Refused, |s| s.segments(ReduceFn::Prod)),
    Row("SegmentMax", MATH, Refused, |s| s.segments(ReduceFn::Max)),
    Row("SegmentMin", MATH, Refused, |s| s.segments(ReduceFn::Min)),
    Row("MultiHot", NN, Refused, |s| s.multi_hot()),
    Row("Size", NUMPY, Refused, |s| s.size()),
    Row("Ndim", NUMPY, Refused, |s| {
        let x = s.value(0)?;
        Ok(vec![s.cx.builder.scalar(DType::I32, x.rank() as f64)])
    }),
];

/// Numbers 0, 1, … along an axis of a shape.
pub fn iota<'g>(like: Var<'g>, dims: &[Dim], axis: usize) -> Var<'g> {
    like.builder().apply1(Iota { dtype: DType::I32, dims: dims.to_vec(), axis }, &[])
}

/// Places counted from the end where they are negative, `n` being all of them.
fn wrapped<'g>(index: Var<'g>, n: Dim) -> Var<'g> {
    known(n).map_or(index, |n| index.lt(0.0).select(index + n as f64, index))
}

/// Returns the element of each row that a place names: `x (rows…, n)`, `index (rows…, k)`; outside,
/// `otherwise`.
pub fn pick<'g>(x: Var<'g>, index: Var<'g>, otherwise: f64) -> Var<'g> {
    let (dims, to) = (x.dims(), index.dims());
    let n = dims[dims.len() - 1];
    let (rows, k) = (product(&to[..to.len() - 1]), to[to.len() - 1]);
    let flat = index.reshape(&[rows, k]);
    let inside = flat.ge(0.0).and(flat.lt(n.unwrap_or(1) as f64));
    let place = inside.select(flat + iota(x, &[rows, k], 0) * n.unwrap_or(1) as f64, -1.0);
    let found = x.reshape(&[product(&dims)]).gather(place);
    let found = if otherwise == 0.0 { found } else { inside.select(found, otherwise) };
    found.reshape(&to)
}

impl<'g> OpCall<'_, 'g> {
    fn take_along_axis(&self) -> Result<Vec<Var<'g>>> {
        let (x, index) = (self.value(0)?, self.value(1)?.cast(DType::I32));
        let (x, index, axis) = match self.integer("axis")? {
            Some(axis) => (x, index, self.axis(axis, x.rank())?),
            None => (x.reshape(&[product(&x.dims())]), index.reshape(&[product(&index.dims())]), 0),
        };
        if index.rank() != x.rank() {
            return Err(Error::shapes(
                "values and indices must have one rank",
                &[x.spec(), index.spec()],
            ));
        }
        self.touches(axis);
        // Beside the axis both stretch to each other.
        let mut dims = cornu_ir::builder::broadcast_dims(
            &without(&x.dims(), axis),
            &without(&index.dims(), axis),
        )
        .ok_or_else(|| {
            Error::shapes(
                "values and indices must stretch to each other beside the axis",
                &[x.spec(), index.spec()],
            )
        })?;
        dims.insert(axis, x.dim(axis as isize));
        let x = x.broadcast_to(&dims);
        dims[axis] = index.dim(axis as isize);
        let index = wrapped(index, x.dim(axis as isize)).broadcast_to(&dims);
        let last = x.rank() - 1;
        let outside = if x.dtype().is_float() { f64::NAN } else { 0.0 };
        Ok(vec![moved(pick(moved(x, axis, last), moved(index, axis, last), outside), last, axis)])
    }

    /// Where a piece starts, kept so that `lengths` elements of each axis of `x` lie behind it.
    fn starts(&self, x: Var<'g>, i: usize, lengths: &[Option<usize>]) -> Result<Vec<usize>> {
        let given = self
            .known_numbers(i, "start_indices")?
            .ok_or_else(|| self.unsupported("no start_indices"))?
            .to_f64();
        if given.len() != x.rank() || lengths.len() != x.rank() {
            return Err(Error::shapes(
                format!("{} axes need as many starts and lengths", x.rank()),
                &[x.spec()],
            ));
        }
        let start = |axis: usize| match (x.dim(axis as isize), lengths[axis]) {
            (Some(n), Some(length)) => {
                let at = given[axis] + if given[axis] < 0.0 { n as f64 } else { 0.0 };
                (at.max(0.0) as usize).min(n.saturating_sub(length))
            }
            _ => given[axis].max(0.0) as usize,
        };
        Ok((0..x.rank()).map(start).collect())
    }

    fn slice(&self) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        let shape = self.integers("shape")?.ok_or_else(|| self.unsupported("no shape"))?;
        let given = self
            .known_numbers(1, "start_indices")?
            .ok_or_else(|| self.unsupported("no start_indices"))?
            .to_f64();
        // A length of −1 is all that is left.
        let length = |(axis, &n): (usize, &isize)| match n {
            0.. => Some(n as usize),
            _ => x.dim(axis as isize).map(|all| {
                (all as f64 - given.get(axis).copied().unwrap_or(0.0)).max(0.0) as usize
            }),
        };
        let lengths: Vec<Option<usize>> = shape.iter().enumerate().map(length).collect();
        let starts = self.starts(x, 1, &lengths)?;
        let mut y = x;
        for (axis, (&start, length)) in starts.iter().zip(lengths).enumerate() {
            let own = x.dim(axis as isize);
            if axis == 0 && !(start == 0 && own.is_some() && length == own) {
                self.cx.keep_whole();
            }
            match (own, length) {
                (Some(n), Some(length)) if length > n => {
                    return Err(Error::shapes(
                        format!("axis {axis} has fewer than {length} elements"),
                        &[x.spec()],
                    ));
                }
                (None, Some(length)) => {
                    let mut dims = y.dims();
                    dims[axis] = Some(length);
                    y = y.reshape(&dims);
                }
                (_, Some(length)) => y = y.slice(axis as isize, start, start + length),
                (_, None) => {}
            }
        }
        Ok(vec![y])
    }

    fn slice_update(&self) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        let updates = self.value(2)?.cast(x.dtype());
        if updates.rank() != x.rank() {
            return Err(Error::shapes(
                "inputs and updates must have one rank",
                &[x.spec(), updates.spec()],
            ));
        }
        self.cx.keep_whole();
        let lengths = updates.dims();
        let starts = self.starts(x, 1, &lengths)?;
        let mut inside = self.cx.builder.full(DType::Bool, &lengths, 1.0);
        let mut y = updates;
        for (axis, &start) in starts.iter().enumerate() {
            let (Some(n), Some(length)) = (x.dim(axis as isize), lengths[axis]) else {
                return Ok(vec![x]);
            };
            let Some(after) = n.checked_sub(start + length) else {
                return Err(Error::shapes(
                    format!("updates must fit into axis {axis}"),
                    &[x.spec(), updates.spec()],
                ));
            };
            y = y.pad(axis as isize, start, after, 0.0);
            inside = inside.pad(axis as isize, start, after, 0.0);
        }
        Ok(vec![inside.select(y, x)])
    }

    /// Numbers of places `(…, n)` in the first `n` axes as numbers in all of them together; −1
    /// outside.
    fn linear(&self, indices: Var<'g>, dims: &[Dim]) -> Result<(Var<'g>, usize)> {
        let n = indices.dim(-1).filter(|n| indices.rank() > 0 && *n <= dims.len() && *n > 0);
        let n = n.ok_or_else(|| {
            Error::shapes(
                "the last axis of the indices must count the axes that they name",
                &[indices.spec()],
            )
        })?;
        let mut at: Option<(Var<'g>, Var<'g>)> = None;
        for (axis, dim) in dims[..n].iter().enumerate() {
            let i = wrapped(indices.index(-1, axis), *dim);
            let size = dim.unwrap_or(1) as f64;
            let inside = i.ge(0.0).and(i.lt(size));
            at = Some(at.map_or((i, inside), |(whole, all)| (whole * size + i, all.and(inside))));
        }
        let (whole, inside) = at.ok_or_else(|| self.unsupported("no indices"))?;
        Ok((inside.select(whole, -1.0), n))
    }

    fn scatter(&self) -> Result<Vec<Var<'g>>> {
        self.cx.keep_whole();
        let (indices, values) = (self.value(0)?.cast(DType::I32), self.value(1)?);
        let shape = self.integers("shape")?.ok_or_else(|| self.unsupported("no shape"))?;
        let dims = shape
            .iter()
            .map(|&n| usize::try_from(n).map(Some))
            .collect::<std::result::Result<Vec<Dim>, _>>()
            .map_err(|_| self.unsupported("this shape"))?;
        let (place, n) = self.linear(indices, &dims)?;
        let dtype = values.dtype();
        let sums = self
            .cx
            .builder
            .apply1(ScatterAdd { rows: product(&dims[..n]) }, &[self.as_float(values), place]);
        Ok(vec![sums.cast(dtype).reshape(&dims)])
    }

    fn scatter_update(&self) -> Result<Vec<Var<'g>>> {
        self.cx.keep_whole();
        let (x, indices) = (self.value(0)?, self.value(1)?.cast(DType::I32));
        let updates = self.value(2)?.cast(x.dtype());
        let dims = x.dims();
        let (place, n) = self.linear(indices, &dims)?;
        let rows = product(&dims[..n]);
        let flat = x.reshape(&[&[rows], &dims[n..]].concat());
        let updates = updates.broadcast_to(&[&place.dims()[..], &dims[n..]].concat());
        let joined = |f| self.cx.builder.apply1(ScatterReduce { f, rows }, &[updates, place]);
        let y = match self.setting("reduction").and_then(Value::as_str) {
            None => {
                // The last of those that name a row is written there.
                let count = product(&place.dims());
                let order = iota(x, &[count], 0) + 1.0;
                let last = self.cx.builder.apply1(
                    ScatterReduce { f: ReduceFn::Max, rows },
                    &[order, place.reshape(&[count])],
                );
                let written = last.gt(0.0);
                let new = updates
                    .reshape(&[&[count], &dims[n..]].concat())
                    .gather(written.select(last - 1.0, -1.0));
                (n..x.rank()).fold(written, |w, _| w.expand_dims(-1)).select(new, flat)
            }
            Some("add") => {
                flat + self
                    .cx
                    .builder
                    .apply1(ScatterAdd { rows }, &[self.as_float(updates), place])
                    .cast(x.dtype())
            }
            Some("max") => flat.maximum(joined(ReduceFn::Max)),
            Some("min") => flat.minimum(joined(ReduceFn::Min)),
            Some("mul") => flat * joined(ReduceFn::Prod),
            Some(other) => return Err(self.unsupported(format!("reduction = {other}"))),
        };
        Ok(vec![y.reshape(&dims)])
    }

    fn segments(&self, f: ReduceFn) -> Result<Vec<Var<'g>>> {
        let (x, ids) = (self.value(0)?, self.value(1)?.cast(DType::I32));
        let n = self
            .integer("num_segments")?
            .and_then(|n| usize::try_from(n).ok())
            .filter(|n| *n < 1 << 24);
        let n = n.ok_or_else(|| {
            self.unsupported("no num_segments: the number of rows would depend on the data")
        })?;
        self.cx.keep_whole();
        if ids.rank() != 1 || x.rank() == 0 {
            return Err(Error::shapes(
                "segment_ids must have rank 1, one for each row",
                &[x.spec(), ids.spec()],
            ));
        }
        let rows = Some(n);
        Ok(vec![match f {
            ReduceFn::Sum => self
                .cx
                .builder
                .apply1(ScatterAdd { rows }, &[self.as_float(x), ids])
                .cast(x.dtype()),
            f => self.cx.builder.apply1(ScatterReduce { f, rows }, &[x, ids]),
        }])
    }

    fn multi_hot(&self) -> Result<Vec<Var<'g>>> {
        let hot = self.one_hot()?[0];
        let rank = self.value(0)?.rank();
        // The axis of the numbers disappears; beside a lone axis of the batch there is none.
        let axis = if rank > 1 { 1 } else { 0 };
        Ok(vec![hot.max(&[axis], false)])
    }

    fn size(&self) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        self.cx.keep_whole();
        Ok(vec![self.cx.builder.scalar(DType::I32, product(&x.dims()).unwrap_or(1) as f64)])
    }
}

fn without(dims: &[Dim], axis: usize) -> Vec<Dim> {
    let mut dims = dims.to_vec();
    dims.remove(axis);
    dims
}
