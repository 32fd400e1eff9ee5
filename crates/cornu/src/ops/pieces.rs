//! Operations that join, cut and lay out elements anew, and that make series of numbers.

use super::places::iota;
use super::site::{MATH, NN, NUMPY, Row, Site, moved};
use crate::config::short;
use crate::lowering::Arg;
use crate::{Error, Result};
use cornu_ir::builder::{concat, stack};
use cornu_ir::ops::{FoldWindows, Windows};
use cornu_ir::spec::product;
use cornu_ir::{Dim, Tensor, Var};
use serde_json::Value;
use std::collections::BTreeMap;

#[rustfmt::skip]
pub static ROWS: &[Row] = &[
    Row("Vstack", NUMPY, |s| s.join_ranks(2, 0)),
    Row("Dstack", NUMPY, |s| s.join_ranks(3, 2)),
    Row("Hsplit", NUMPY, |s| { let axis = if s.value(0)?.rank() == 1 { 0 } else { 1 }; s.split_along(axis, true) }),
    Row("Vsplit", NUMPY, |s| s.split_along(0, true)),
    Row("Dsplit", NUMPY, |s| s.split_along(2, true)),
    Row("ArraySplit", NUMPY, |s| { let x = s.value(0)?; let axis = s.axis(s.integer("axis")?.unwrap_or(0), x.rank())?; s.split_along(axis, false) }),
    Row("Append", NUMPY, |s| s.append()),
    Row("Rot90", NUMPY, |s| s.rotate()),
    Row("Meshgrid", NUMPY, |s| s.mesh()),
    Row("Rearrange", "keras.src.ops.einops", |s| s.rearrange()),
    Row("SpaceToDepth", NN, |s| s.blocks(true)),
    Row("DepthToSpace", NN, |s| s.blocks(false)),
    Row("Unfold", NN, |s| s.unfold()),
    Row("Fold", NN, |s| s.fold()),
    Row("ExtractSequences", MATH, |s| s.extract_sequences()),
    Row("Diag", NUMPY, |s| { let x = s.value(0)?; if x.rank() == 2 { s.diagonal(0, 1, s.integer("k")?.unwrap_or(0)) } else { s.diagonal_matrix(x) } }),
    Row("Diagflat", NUMPY, |s| { let x = s.value(0)?; s.diagonal_matrix(x.reshape(&[product(&x.dims())])) }),
    Row("Diagonal", NUMPY, |s| s.diagonal_of_axes()),
    Row("Trace", NUMPY, |s| Ok(vec![s.diagonal_of_axes()?[0].sum(&[-1], false)])),
    Row("Vander", NUMPY, |s| s.vander()),
    Row("Full", NUMPY, |s| s.full()),
    Row("Linspace", NUMPY, |s| s.series(|a, _, d, i| a + d * i)),
    Row("Logspace", NUMPY, |s| { let base = s.real("base", 10.0)?; s.series(move |a, _, d, i| ((a + d * i) * base.ln()).exp()) }),
    Row("Geomspace", NUMPY, |s| s.geometric()),
];

impl<'g> Site<'_, 'g> {
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

    /// Blocks of places moved to the channels, or back.
    fn blocks(&self, to_channels: bool) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        let n = self
            .integer("block_size")?
            .and_then(|n| usize::try_from(n).ok())
            .filter(|n| (2..1 << 12).contains(n));
        let n = n.ok_or_else(|| self.unsupported("this block_size"))?;
        if x.rank() != 4 {
            return Err(Error::shapes(
                "a value of rank 4 (batch, height, width, channels) is needed",
                &[x.spec()],
            ));
        }
        let first = self.setting("data_format").and_then(Value::as_str) == Some("channels_first");
        let x = if first { x.transpose(&[0, 2, 3, 1]) } else { x };
        let [b, h, w, c] = x.dims()[..] else { return Err(self.unsupported("this value")) };
        let (of, k) = (|d: Dim, m: usize| d.map(|d| d / m), Some(n));
        let fits = |d: Dim, m: usize| d.is_none_or(|d| d % m == 0);
        let fit = if to_channels { fits(h, n) && fits(w, n) } else { fits(c, n * n) };
        if !fit {
            return Err(Error::shapes(format!("blocks of {n} must fit"), &[x.spec()]));
        }
        let y = if to_channels {
            let (h, w) = (of(h, n), of(w, n));
            let apart = x.reshape(&[b, h, k, w, k, c]).transpose(&[0, 1, 3, 2, 4, 5]);
            apart.reshape(&[b, h, w, product(&[k, k, c])])
        } else {
            let c = of(c, n * n);
            let apart = x.reshape(&[b, h, w, k, k, c]).transpose(&[0, 1, 3, 2, 4, 5]);
            apart.reshape(&[b, product(&[h, k]), product(&[w, k]), c])
        };
        Ok(vec![if first { y.transpose(&[0, 3, 1, 2]) } else { y }])
    }

    /// A number for height and one for width.
    fn two(&self, name: &str, otherwise: usize) -> Result<[usize; 2]> {
        let given = self.integers(name)?.unwrap_or(vec![otherwise as isize]);
        let n = |i: usize| {
            given
                .get(i.min(given.len().saturating_sub(1)))
                .and_then(|n| usize::try_from(*n).ok())
                .filter(|n| *n < 1 << 16)
        };
        match (n(0), n(1)) {
            (Some(a), Some(b)) => Ok([a, b]),
            _ => Err(self.unsupported(format!(
                "{name} = {}",
                short(self.setting(name).unwrap_or(&Value::Null))
            ))),
        }
    }

    /// How windows lie over the height (axis 2) and over the width of (B, C, H, W).
    fn patches(&self) -> Result<([Windows; 2], [usize; 2])> {
        let (kernel, dilation, stride) =
            (self.two("kernel_size", 1)?, self.two("dilation", 1)?, self.two("stride", 1)?);
        if [kernel, dilation, stride].iter().flatten().any(|n| *n == 0) {
            return Err(self.unsupported("a kernel_size, dilation or stride of 0"));
        }
        let of = |axis: usize, i: usize| Windows {
            axis,
            length: kernel[i],
            stride: stride[i],
            dilation: dilation[i],
        };
        // The height is cut second: its windows' axis then pushes that of the width.
        Ok(([of(2, 0), of(3, 1)], self.two("padding", 0)?))
    }

    fn unfold(&self) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        if x.rank() != 4 {
            return Err(Error::shapes(
                "a value of rank 4 (batch, channels, height, width) is needed",
                &[x.spec()],
            ));
        }
        let ([rows, columns], [ph, pw]) = self.patches()?;
        let padded = x.pad(2, ph, ph, 0.0).pad(3, pw, pw, 0.0);
        // (B, C, H, W', kw), then (B, C, H', kh, W', kw).
        let wide = self.cx.builder.apply1(columns, &[padded]);
        let all = self.cx.builder.apply1(rows, &[wide]).transpose(&[0, 1, 3, 5, 2, 4]);
        let [b, c, kh, kw, h, w] = all.dims()[..] else {
            return Err(self.unsupported("this value"));
        };
        Ok(vec![all.reshape(&[b, product(&[c, kh, kw]), product(&[h, w])])])
    }

    fn fold(&self) -> Result<Vec<Var<'g>>> {
        let x = self.as_float(self.value(0)?);
        let ([rows, columns], [ph, pw]) = self.patches()?;
        let [height, width] = self.two("output_size", 0)?;
        let (full_h, full_w) = (height + 2 * ph, width + 2 * pw);
        let (h, w) = (rows.count(full_h), columns.count(full_w));
        let (kh, kw) = (rows.length, columns.length);
        let fits = x.rank() == 3
            && x.dim(1).is_none_or(|n| n % (kh * kw) == 0)
            && x.dim(2).is_none_or(|n| n == h * w);
        if !fits {
            return Err(Error::shapes(
                format!("patches (batch, channels * {kh} * {kw}, {h} * {w}) are needed"),
                &[x.spec()],
            ));
        }
        let c = x.dim(1).map(|n| n / (kh * kw));
        let apart = x
            .reshape(&[x.dim(0), c, Some(kh), Some(kw), Some(h), Some(w)])
            .transpose(&[0, 1, 4, 2, 5, 3]);
        let tall = self.cx.builder.apply1(FoldWindows { windows: rows, n: Some(full_h) }, &[apart]);
        let y = self.cx.builder.apply1(FoldWindows { windows: columns, n: Some(full_w) }, &[tall]);
        Ok(vec![y.slice(2, ph, ph + height).slice(3, pw, pw + width)])
    }

    fn extract_sequences(&self) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        let n = |name: &str| -> Result<usize> {
            let n = self
                .integer(name)?
                .and_then(|n| usize::try_from(n).ok())
                .filter(|n| (1..1 << 24).contains(n));
            n.ok_or_else(|| self.unsupported(format!("this {name}")))
        };
        let windows = Windows {
            axis: x.rank().saturating_sub(1),
            length: n("sequence_length")?,
            stride: n("sequence_stride")?,
            dilation: 1,
        };
        if x.rank() == 1 {
            self.cx.keep_whole();
        }
        Ok(vec![self.cx.builder.apply1(windows, &[x])])
    }

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
