//! Operations on places: elements read, written and counted by whole numbers; the bits of numbers.

use super::site::{CORE, MATH, NN, NUMPY, Row, Site, known, moved};
use crate::lowering::Arg;
use crate::lowering::literal::promoted;
use crate::{Error, Result};
use cornu_ir::builder::concat;
use cornu_ir::ops::{Bitcast, BitsFn, Iota, ReduceFn, ScatterAdd, ScatterReduce};
use cornu_ir::spec::product;
use cornu_ir::{DType, Dim, Var};
use serde_json::Value;

#[rustfmt::skip]
pub static ROWS: &[Row] = &[
    Row("TakeAlongAxis", NUMPY, |s| s.take_along_axis()),
    Row("Slice", CORE, |s| s.slice()),
    Row("SliceUpdate", CORE, |s| s.slice_update()),
    Row("Scatter", CORE, |s| s.scatter()),
    Row("ScatterUpdate", CORE, |s| s.scatter_update()),
    Row("SearchSorted", NUMPY, |s| s.search_sorted()),
    Row("SegmentSum", MATH, |s| s.segments(ReduceFn::Sum)),
    Row("SegmentProd", MATH, |s| s.segments(ReduceFn::Prod)),
    Row("SegmentMax", MATH, |s| s.segments(ReduceFn::Max)),
    Row("SegmentMin", MATH, |s| s.segments(ReduceFn::Min)),
    Row("InTopK", MATH, |s| s.in_top_k()),
    Row("MultiHot", NN, |s| s.multi_hot()),
    Row("Argpartition", NUMPY, |s| s.arg_partition()),
    Row("Nanargmax", NUMPY, |s| s.nan_place(f64::NEG_INFINITY, |x, axis| x.argmax(axis))),
    Row("Nanargmin", NUMPY, |s| s.nan_place(f64::INFINITY, |x, axis| x.argmin(axis))),
    Row("Size", NUMPY, |s| s.size()),
    Row("Ndim", NUMPY, |s| { let x = s.value(0)?; Ok(vec![s.cx.builder.scalar(DType::I32, x.rank() as f64)]) }),
];

/// Numbers 0, 1, … along an axis of a shape.
pub fn iota<'g>(like: Var<'g>, dims: &[Dim], axis: usize) -> Var<'g> {
    like.builder().apply1(Iota { dtype: DType::I32, dims: dims.to_vec(), axis }, &[])
}

/// Places counted from the end where they are negative, `n` being all of them.
fn wrapped<'g>(index: Var<'g>, n: Dim) -> Var<'g> {
    known(n).map_or(index, |n| index.lt(0.0).select(index + n as f64, index))
}

/// The element of each row that a place names: `x (rows…, n)`, `index (rows…, k)`; outside,
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

impl<'g> Site<'_, 'g> {
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

    fn search_sorted(&self) -> Result<Vec<Var<'g>>> {
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

    /// The number of the bin of each element.
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

    fn in_top_k(&self) -> Result<Vec<Var<'g>>> {
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

    fn multi_hot(&self) -> Result<Vec<Var<'g>>> {
        let hot = self.one_hot()?[0];
        let rank = self.value(0)?.rank();
        // The axis of the numbers disappears; beside a lone axis of the batch there is none.
        let axis = if rank > 1 { 1 } else { 0 };
        Ok(vec![hot.max(&[axis], false)])
    }

    fn arg_partition(&self) -> Result<Vec<Var<'g>>> {
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

    /// The place of an extreme among what is a number; −1 where nothing is.
    fn nan_place(
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

    fn size(&self) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        self.cx.keep_whole();
        Ok(vec![self.cx.builder.scalar(DType::I32, product(&x.dims()).unwrap_or(1) as f64)])
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

    /// Whether each element is one of a list.
    pub fn is_in(&self) -> Result<Vec<Var<'g>>> {
        let (x, list) = self.operands(0, 1)?;
        if matches!(self.call.args.get(1), Some(Arg::Value(_))) {
            self.cx.keep_whole();
        }
        let found = x.expand_dims(-1).eq(list.reshape(&[product(&list.dims())])).any(&[-1], false);
        Ok(vec![if self.flag("invert", false) { found.not() } else { found }])
    }

    /// Whether two values are within a tolerance of each other.
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

    /// A function of the bits of two values.
    pub fn bits(&self, f: BitsFn) -> Result<Vec<Var<'g>>> {
        let (a, b) = self.operands(0, 1)?;
        if a.dtype().is_float() {
            return Err(Error::argument(
                self.class,
                "whole numbers or truth values are needed",
                a.spec(),
            ));
        }
        let wide = a.dtype() == DType::Bool && !matches!(f, BitsFn::And | BitsFn::Or | BitsFn::Xor);
        let (a, b) = if wide { (a.cast(DType::I32), b.cast(DType::I32)) } else { (a, b) };
        Ok(vec![a.bits(f, b)])
    }

    /// All bits the other way round.
    pub fn inverted_bits(&self) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        if x.dtype().is_float() {
            return Err(Error::argument(
                self.class,
                "whole numbers or truth values are needed",
                x.spec(),
            ));
        }
        Ok(vec![if x.dtype() == DType::Bool { x.not() } else { x * -1.0 - 1.0 }])
    }

    /// The least common multiple.
    pub fn lcm(&self) -> Result<Vec<Var<'g>>> {
        let divisor = self.bits(BitsFn::Gcd)?[0];
        let (a, b) = self.operands(0, 1)?;
        let (a, b) = (a.cast(divisor.dtype()), b.cast(divisor.dtype()));
        let safe = divisor.eq(0.0).select(divisor.ones_like(), divisor);
        let multiple = a / safe * b;
        Ok(vec![multiple.maximum(multiple * -1.0)])
    }

    /// The same bits as numbers of another type of the same width.
    pub fn view(&self) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        let name = self.setting("dtype").and_then(Value::as_str).unwrap_or_default();
        let to = match name {
            "" => x.dtype(),
            "float32" => DType::F32,
            "int32" => DType::I32,
            "float64" => DType::F64,
            "int64" => DType::I64,
            other => return Err(self.unsupported(format!("dtype = {other}"))),
        };
        match to {
            t if t == x.dtype() => Ok(vec![x]),
            t if t == Bitcast::of(x.dtype()) && t != DType::Bool => {
                Ok(vec![self.cx.builder.apply1(Bitcast, &[x])])
            }
            _ => Err(self.unsupported(format!("dtype = {name} for a value of type {}", x.spec()))),
        }
    }

    /// A cast to a type, kept within what it can hold.
    pub fn saturate_cast(&self) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        let name = self.setting("dtype").and_then(Value::as_str).unwrap_or_default();
        let range = match name {
            "bool" => (0.0, 1.0),
            "int8" => (-128.0, 127.0),
            "uint8" => (0.0, 255.0),
            "int16" => (-32768.0, 32767.0),
            "uint16" => (0.0, 65535.0),
            "int32" => (f64::from(i32::MIN), f64::from(i32::MAX)),
            "uint32" => (0.0, f64::from(u32::MAX)),
            "float16" => (-65504.0, 65504.0),
            _ => (f64::NEG_INFINITY, f64::INFINITY),
        };
        let to = self.dtype()?.unwrap_or(self.cx.float());
        let x = if x.dtype() == DType::Bool { x.cast(DType::I32) } else { x };
        // Whole numbers of 32 bits lie within those bounds that they cannot hold.
        let own = if x.dtype() == DType::I32 {
            (range.0.max(f64::from(i32::MIN)), range.1.min(f64::from(i32::MAX)))
        } else {
            range
        };
        Ok(vec![self.clip(x, own.0, own.1).cast(to)])
    }
}

fn without(dims: &[Dim], axis: usize) -> Vec<Dim> {
    let mut dims = dims.to_vec();
    dims.remove(axis);
    dims
}
