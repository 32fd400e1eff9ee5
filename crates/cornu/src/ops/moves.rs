//! Operations that move elements.

use super::site::{Site, known, moved};
use crate::config::short;
use crate::lowering::Arg;
use crate::lowering::resolve_shape;
use crate::{Error, Result};
use cornu_ir::builder::{concat, stack};
use cornu_ir::spec::product;
use cornu_ir::{DType, Dim, Tensor, Var};
use serde_json::Value;

impl<'g> Site<'_, 'g> {
    fn whole(&self, name: &str) -> Result<isize> {
        self.integer(name)?.ok_or_else(|| self.unsupported(format!("no {name}")))
    }

    /// The same elements under other dims. A first dim of −1 that leaves the batch alone keeps it
    /// as it is.
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

    /// All elements on one axis.
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

    /// The whole value repeated along its axes.
    pub fn tile(&self) -> Result<Vec<Var<'g>>> {
        let mut x = self.value(0)?;
        let mut times = self.integers("repeats")?.ok_or_else(|| self.unsupported("no repeats"))?;
        while times.len() < x.rank() {
            times.insert(0, 1);
        }
        while x.rank() < times.len() {
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
    fn slice_axis(&self, x: Var<'g>, axis: usize, key: &Value) -> Result<Var<'g>> {
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
}
