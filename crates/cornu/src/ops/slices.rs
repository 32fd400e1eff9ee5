//! Operations that turn, repeat, pad and pick along axes.

use super::op_call::Unequal::Refused;
use super::op_call::{NUMPY, OpCall, Row, known, moved};
use crate::config::short;
use crate::lowering::Arg;
use crate::{Error, Result};
use cornu_ir::builder::concat;
use cornu_ir::ops::Iota;
use cornu_ir::spec::product;
use cornu_ir::{DType, Tensor, Var};
use serde_json::Value;

pub static ROWS: &[Row] = &[
    Row("Flip", NUMPY, Refused, |s| s.flip()),
    Row("Fliplr", NUMPY, Refused, |s| s.flip_axis(1)),
    Row("Flipud", NUMPY, Refused, |s| s.flip_axis(0)),
    Row("Diff", NUMPY, Refused, |s| s.diff()),
    Row("Roll", NUMPY, Refused, |s| s.roll()),
    Row("Repeat", NUMPY, Refused, |s| s.repeat()),
    Row("Tile", NUMPY, Refused, |s| s.tile()),
    Row("Pad", NUMPY, Refused, |s| s.pad()),
    Row("Take", NUMPY, Refused, |s| s.take()),
    Row("GetItem", NUMPY, Refused, |s| s.get_item()),
    Row("Tril", NUMPY, Refused, |s| s.triangle(true)),
    Row("Triu", NUMPY, Refused, |s| s.triangle(false)),
];

impl<'g> OpCall<'_, 'g> {
    /// Axes backwards; by default all.
    pub fn flip(&self) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        let axes = self.integers("axis")?.unwrap_or_else(|| (0..x.rank() as isize).collect());
        let places = axes.iter().map(|&a| self.axis(a, x.rank())).collect::<Result<Vec<_>>>()?;
        places.iter().for_each(|&a| self.touches(a));
        Ok(vec![places.into_iter().fold(x, |x, a| x.reverse(a as isize))])
    }

    /// Elements in the other order along one axis.
    pub fn flip_axis(&self, axis: isize) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        let axis = self.axis(axis, x.rank())?;
        self.touches(axis);
        Ok(vec![x.reverse(axis as isize)])
    }

    /// Elements pushed along an axis, those that leave it coming in again.
    pub fn roll(&self) -> Result<Vec<Var<'g>>> {
        let mut x = self.value(0)?;
        let (Some(shifts), Some(axes)) = (self.integers("shift")?, self.integers("axis")?) else {
            return Err(self.unsupported("no axis"));
        };
        if shifts.len() != axes.len() {
            return Err(self.unsupported("shifts and axes of unequal number"));
        }
        for (shift, axis) in shifts.into_iter().zip(axes) {
            let axis = self.axis(axis, x.rank())?;
            self.touches(axis);
            let Some(n) = known(x.dim(axis as isize)).filter(|n| *n > 0) else { continue };
            let cut = (n - shift.rem_euclid(n)) as usize;
            x = concat(
                &[x.slice(axis as isize, cut, n as usize), x.slice(axis as isize, 0, cut)],
                axis as isize,
            );
        }
        Ok(vec![x])
    }

    /// Each element repeated along an axis.
    pub fn repeat(&self) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        let n = match self.integers("repeats")?.as_deref() {
            Some([n]) if (0..1 << 24).contains(n) => *n as usize,
            other => return Err(self.unsupported(format!("repeats = {other:?}"))),
        };
        let (x, axis) = match self.integer("axis")? {
            Some(a) => (x, self.axis(a, x.rank())?),
            None => (x.reshape(&[product(&x.dims())]), 0),
        };
        self.touches(axis);
        let mut dims = x.dims();
        dims.insert(axis + 1, Some(n));
        let y = x.expand_dims(axis as isize + 1).broadcast_to(&dims);
        dims.remove(axis + 1);
        dims[axis] = dims[axis].map(|d| d * n);
        Ok(vec![y.reshape(&dims)])
    }

    /// Returns the whole value repeated along its axes.
    pub fn tile(&self) -> Result<Vec<Var<'g>>> {
        let mut x = self.value(0)?;
        let mut times = self.integers("repeats")?.ok_or_else(|| self.unsupported("no repeats"))?;
        while times.len() < x.rank() {
            times.insert(0, 1);
        }
        for _ in x.rank()..times.len() {
            x = x.expand_dims(0);
            self.cx.keep_whole();
        }
        for (axis, n) in times.into_iter().enumerate() {
            if !(1..1 << 16).contains(&n) {
                return Err(self.unsupported(format!("repeats of {n}")));
            }
            if n > 1 {
                self.touches(axis);
                x = concat(&vec![x; n as usize], axis as isize);
            }
        }
        Ok(vec![x])
    }

    /// Constants put around axes.
    pub fn pad(&self) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        if self.setting("mode").and_then(Value::as_str).is_some_and(|m| m != "constant") {
            return Err(self.unsupported(format!("mode = {}", short(&self.settings["mode"]))));
        }
        let value = match self.call.arg(1, "constant_values") {
            None => 0.0,
            Some(Arg::Json(v)) => {
                v.as_f64().ok_or_else(|| self.unsupported("these constant_values"))?
            }
            Some(_) => return Err(self.unsupported("constant_values that are tensors")),
        };
        let width = self.setting("pad_width").cloned().unwrap_or(Value::Null);
        let pair = |v: &Value| -> Option<(usize, usize)> {
            let n = |v: &Value| v.as_u64().map(|n| n as usize).filter(|n| *n < 1 << 24);
            match v {
                Value::Array(a) if a.len() == 2 => Some((n(&a[0])?, n(&a[1])?)),
                Value::Array(a) if a.len() == 1 => Some((n(&a[0])?, n(&a[0])?)),
                one => Some((n(one)?, n(one)?)),
            }
        };
        let pairs: Option<Vec<_>> = match &width {
            Value::Array(a) if a.iter().all(Value::is_array) && a.len() == x.rank() => {
                a.iter().map(pair).collect()
            }
            Value::Array(a) if a.len() == 1 => pair(&a[0]).map(|p| vec![p; x.rank()]),
            one => pair(one).map(|p| vec![p; x.rank()]),
        };
        let pairs =
            pairs.ok_or_else(|| self.unsupported(format!("pad_width = {}", short(&width))))?;
        let mut y = x;
        for (axis, (low, high)) in pairs.into_iter().enumerate() {
            if low + high > 0 {
                self.touches(axis);
                y = y.pad(axis as isize, low, high, value);
            }
        }
        Ok(vec![y])
    }

    /// Elements of an axis by their numbers.
    pub fn take(&self) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        let (x, axis) = match self.integer("axis")? {
            Some(a) => (x, self.axis(a, x.rank())?),
            None => (x.reshape(&[product(&x.dims())]), 0),
        };
        let given = self.value(1)?;
        let from_batch = matches!(self.call.args.first(), Some(Arg::Value(_)));
        if from_batch {
            self.touches(axis);
        }
        if axis != 0 && matches!(self.call.args.get(1), Some(Arg::Value(_))) {
            // Numbers of all samples meet every sample's elements.
            self.cx.keep_whole();
        }
        let index = given.cast(DType::I32);
        let index = known(x.dim(axis as isize))
            .map_or(index, |n| index.lt(0.0).select(index + n as f64, index));
        let rows = moved(x, axis, 0).gather(index);
        // The numbers' axes stand first: to where the axis was.
        let n = index.rank();
        let order: Vec<usize> = (n..n + axis).chain(0..n).chain(n + axis..rows.rank()).collect();
        Ok(vec![rows.transpose(&order)])
    }

    /// `x[key]`: whole numbers, slices, `...` and new axes.
    pub fn get_item(&self) -> Result<Vec<Var<'g>>> {
        let mut x = self.value(0)?;
        let keys = match self.call.args.get(1) {
            Some(Arg::Json(Value::Array(keys))) => keys.clone(),
            Some(Arg::Json(one)) => vec![one.clone()],
            _ => return Err(self.unsupported("a key that is a tensor")),
        };
        let class = |k: &Value| k.get("class_name").and_then(Value::as_str).map(str::to_string);
        let used = keys
            .iter()
            .filter(|k| !k.is_null() && class(k).as_deref() != Some("__ellipsis__"))
            .count();
        let mut axis = 0usize;
        for key in &keys {
            match (key, class(key).as_deref()) {
                (Value::Null, _) => {
                    self.touches(axis);
                    x = x.expand_dims(axis as isize);
                    axis += 1;
                }
                (_, Some("__ellipsis__")) => {
                    let later = keys
                        .iter()
                        .skip_while(|k| class(k).as_deref() != Some("__ellipsis__"))
                        .filter(|k| !k.is_null())
                        .count()
                        - 1;
                    axis = x.rank().saturating_sub(later);
                }
                (_, Some("__slice__")) => {
                    x = self.slice_axis(x, axis, key)?;
                    axis += 1;
                }
                (Value::Number(n), _) if n.is_i64() => {
                    let i = n.as_i64().unwrap_or(0) as isize;
                    if axis >= x.rank() {
                        return Err(Error::shapes(
                            format!("{used} keys are more than the value has axes"),
                            &[x.spec()],
                        ));
                    }
                    self.touches(axis);
                    let at = match known(x.dim(axis as isize)) {
                        Some(n) if i >= n || i < -n => {
                            return Err(Error::shapes(
                                format!("element {i} of axis {axis} does not exist"),
                                &[x.spec()],
                            ));
                        }
                        Some(n) => i.rem_euclid(n),
                        None => i.max(0),
                    };
                    x = x.index(axis as isize, at as usize);
                }
                (Value::Array(items), _) if items.iter().all(|i| i.is_i64()) => {
                    self.touches(axis);
                    let numbers: Vec<i32> =
                        items.iter().map(|i| i.as_i64().unwrap_or(0) as i32).collect();
                    let index = self.cx.builder.constant(Tensor::new(&[numbers.len()], numbers));
                    let index = known(x.dim(axis as isize))
                        .map_or(index, |n| index.lt(0.0).select(index + n as f64, index));
                    x = moved(moved(x, axis, 0).gather(index), 0, axis);
                    axis += 1;
                }
                _ => return Err(self.unsupported(format!("the key {}", short(key)))),
            }
        }
        Ok(vec![x])
    }

    /// Python's `start:stop:step` on one axis.
    pub fn slice_axis(&self, x: Var<'g>, axis: usize, key: &Value) -> Result<Var<'g>> {
        let part = |name: &str| {
            key.pointer(&format!("/config/{name}")).and_then(Value::as_i64).map(|i| i as isize)
        };
        let (start, stop, step) = (part("start"), part("stop"), part("step").unwrap_or(1));
        if start.is_none() && stop.is_none() && step == 1 {
            return Ok(x);
        }
        if axis >= x.rank() || step == 0 {
            return Err(Error::shapes(
                format!("axis {axis} cannot be sliced by {step}"),
                &[x.spec()],
            ));
        }
        self.touches(axis);
        let Some(n) = known(x.dim(axis as isize)) else {
            // The number of elements depends on the data.
            let mut dims = x.dims();
            dims[axis] = None;
            return Ok(x.reshape(&dims));
        };
        let place = |i: isize| if i < 0 { (i + n).max(0) } else { i.min(n) };
        if step > 0 {
            let (from, to) = (place(start.unwrap_or(0)), place(stop.unwrap_or(n)));
            return Ok(x.slice_step(
                axis as isize,
                from as usize,
                Some(to.max(from) as usize),
                step as usize,
            ));
        }
        // Backwards: the same elements counted from the other end.
        let from = start.map_or(n - 1, |i| if i < 0 { i + n } else { i.min(n - 1) });
        let to = stop.map_or(-1, |i| if i < 0 { (i + n).max(-1) } else { i });
        let (low, high) = ((n - 1 - from).clamp(0, n), (n - 1 - to).clamp(0, n));
        Ok(x.reverse(axis as isize).slice_step(
            axis as isize,
            low as usize,
            Some(high.max(low) as usize),
            step.unsigned_abs(),
        ))
    }

    /// Differences of neighbours along an axis, `n` times.
    pub fn diff(&self) -> Result<Vec<Var<'g>>> {
        let mut x = self.value(0)?;
        let axis = self.axis(self.integer("axis")?.unwrap_or(-1), x.rank())?;
        self.touches(axis);
        let axis = axis as isize;
        for _ in 0..self.integer("n")?.unwrap_or(1).clamp(0, 1 << 10) {
            let Some(length) = x.dim(axis) else {
                return Err(self.unsupported("an axis of unknown length"));
            };
            if length == 0 {
                break;
            }
            x = x.slice(axis, 1, length) - x.slice(axis, 0, length - 1);
        }
        Ok(vec![x])
    }

    /// Returns the value below (or above) the diagonal `k` of the last two axes, 0 elsewhere.
    pub fn triangle(&self, lower: bool) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        if x.rank() < 2 {
            return Err(Error::shapes("a value of rank 2 or more is needed", &[x.spec()]));
        }
        let k = self.integer("k")?.unwrap_or(0) as f64;
        let (dims, rank) = (x.dims(), x.rank());
        if rank == 2 {
            self.cx.keep_whole();
        }
        let index = |axis| {
            self.cx
                .builder
                .apply1(Iota { dtype: DType::I32, dims: dims[rank - 2..].to_vec(), axis }, &[])
        };
        let offset = index(1) - index(0);
        Ok(vec![if lower { offset.le(k) } else { offset.ge(k) }.select(x, x.zeros_like())])
    }
}
