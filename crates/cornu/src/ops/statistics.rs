//! Operations that tell how numbers lie: quantiles, running products, areas, differences of whole
//! values.

use super::indexing::pick;
use super::op_call::Unequal::Refused;
use super::op_call::{NN, NUMPY, OpCall, Row, moved};
use crate::{Error, Result};
use cornu_ir::builder::{concat, stack};
use cornu_ir::spec::product;
use cornu_ir::{DType, Var};
use serde_json::Value;

pub static ROWS: &[Row] = &[
    Row("Median", NUMPY, Refused, |s| s.quantiles(&[0.5], false).map(|q| vec![q[0]])),
    Row("Nanmedian", NUMPY, Refused, |s| s.quantiles(&[0.5], true).map(|q| vec![q[0]])),
    Row("Quantile", NUMPY, Refused, |s| s.quantiles_asked(1.0, false)),
    Row("Percentile", NUMPY, Refused, |s| s.quantiles_asked(100.0, false)),
    Row("Nanquantile", NUMPY, Refused, |s| s.quantiles_asked(1.0, true)),
    Row("Nanpercentile", NUMPY, Refused, |s| s.quantiles_asked(100.0, true)),
    Row("Nanvar", NUMPY, Refused, |s| s.reduce_float(nan_variance)),
    Row("Nanstd", NUMPY, Refused, |s| {
        s.reduce_float(|x, axes, keep| nan_variance(x, axes, keep).sqrt())
    }),
    Row("Cumprod", NUMPY, Refused, |s| s.running(|x, axis| running_product(x, axis))),
    Row("Nancumsum", NUMPY, Refused, |s| s.running(|x, axis| numbers(x, 0.0).cumsum(axis, false))),
    Row("Nancumprod", NUMPY, Refused, |s| {
        s.running(|x, axis| running_product(numbers(x, 1.0), axis))
    }),
    Row("Trapezoid", NUMPY, Refused, |s| s.trapezoid()),
    Row("AllClose", NUMPY, Refused, |s| {
        s.cx.keep_whole();
        let near = s.is_close()?;
        Ok(vec![near.all(&near.all_axes(), false)])
    }),
    Row("PSNR", NN, Refused, |s| s.peak_to_noise()),
];

/// A value with a number in place of what is none.
fn numbers(x: Var<'_>, otherwise: f64) -> Var<'_> {
    if x.dtype().is_float() {
        x.is_nan().cast(DType::Bool).select(x.zeros_like() + otherwise, x)
    } else {
        x
    }
}

fn nan_variance<'g>(x: Var<'g>, axes: &[isize], keep: bool) -> Var<'g> {
    let nan = x.is_nan().cast(DType::Bool);
    let n = |keep| (1.0 - x.is_nan()).sum(axes, keep);
    let mean = numbers(x, 0.0).sum(axes, true) / n(true);
    let centred = nan.select(x.zeros_like(), x - mean);
    centred.square().sum(axes, keep) / n(keep)
}

/// The product of all elements up to each, in steps that double: its gradient holds where an
/// element is 0.
fn running_product(x: Var<'_>, axis: isize) -> Var<'_> {
    let Some(n) = x.dim(axis) else { return x };
    let (mut y, mut far) = (x, 1);
    while far < n {
        let earlier = concat(&[y.slice(axis, 0, far).ones_like(), y.slice(axis, 0, n - far)], axis);
        y = y * earlier;
        far *= 2;
    }
    y
}

impl<'g> OpCall<'_, 'g> {
    /// Quantiles at numbers from 0 to 1 over the axes, each for itself.
    fn quantiles(&self, at: &[f32], among_numbers: bool) -> Result<Vec<Var<'g>>> {
        let x = self.as_float(self.value(0)?);
        let method = self.setting("method").and_then(Value::as_str).unwrap_or("linear");
        let axes: Vec<usize> = self.axes(x.rank())?.into_iter().map(|a| a as usize).collect();
        let kept: Vec<usize> = (0..x.rank()).filter(|i| !axes.contains(i)).collect();
        let rest: Vec<_> = kept.iter().map(|&i| x.dim(i as isize)).collect();
        let over: Vec<_> = axes.iter().map(|&i| x.dim(i as isize)).collect();
        let rows = x
            .transpose(&[&kept[..], &axes].concat())
            .reshape(&[&rest[..], &[product(&over)]].concat());
        let Some(n) = rows.dim(-1) else {
            return Ok(vec![x.sum(&self.axes(x.rank())?, self.flag("keepdims", false)); at.len()]);
        };
        if n == 0 {
            return Err(Error::shapes("at least one element is needed", &[x.spec()]));
        }
        let sorted = rows.sort_last(false).0;
        let nan = rows.is_nan().cast(DType::Bool);
        let one = |q: f32| -> Result<Var<'g>> {
            let (low, high, part) = if among_numbers {
                // How many numbers there are tells where a quantile lies.
                let last = (1.0 - rows.is_nan()).sum(&[-1], true) - 1.0;
                let place = last * f64::from(q);
                let low = place.floor();
                let element = |i: Var<'g>| {
                    pick(sorted, i.maximum(0.0).minimum(last.maximum(0.0)).cast(DType::I32), 0.0)
                };
                let none = nan.all(&[-1], true);
                let or_nan = |v: Var<'g>| none.select(v.zeros_like() + f64::NAN, v);
                (or_nan(element(low)), or_nan(element(place.ceil())), place - low)
            } else {
                let place = q * (n - 1) as f32;
                let element = |i: f32| sorted.slice(-1, i as usize, i as usize + 1);
                let (low, high) = (
                    place.floor().clamp(0.0, (n - 1) as f32),
                    place.ceil().clamp(0.0, (n - 1) as f32),
                );
                let part = self.cx.builder.scalar(x.dtype(), f64::from(place - place.floor()));
                (element(low), element(high), part)
            };
            let y = match method {
                "linear" => low * (1.0 - part) + high * part,
                "lower" => low,
                "higher" => high,
                "nearest" => part.le(0.5).select(low, high),
                "midpoint" => (low + high) * 0.5,
                other => return Err(self.unsupported(format!("method = {other}"))),
            };
            let y = if among_numbers {
                y
            } else {
                nan.any(&[-1], true).select(y.zeros_like() + f64::NAN, y)
            };
            let dims: Vec<_> = (0..x.rank())
                .filter_map(|i| {
                    if kept.contains(&i) {
                        Some(x.dim(i as isize))
                    } else {
                        self.flag("keepdims", false).then_some(Some(1))
                    }
                })
                .collect();
            Ok(y.reshape(&dims))
        };
        at.iter().map(|&q| one(q)).collect()
    }

    /// Quantiles at the second argument, of which `whole` is all; several stand on a new first
    /// axis.
    fn quantiles_asked(&self, whole: f32, among_numbers: bool) -> Result<Vec<Var<'g>>> {
        let q = self.known_numbers(1, "q")?.ok_or_else(|| self.unsupported("no q"))?;
        let at: Vec<f32> = q.to_f64().iter().map(|&q| q as f32 / whole).collect();
        if at.is_empty() || q.dims.len() > 1 || at.iter().any(|q| !(0.0..=1.0).contains(q)) {
            return Err(Error::argument(
                self.class,
                format!("q must be numbers from 0 to {whole}"),
                format!("{:?}", q.to_f64()),
            ));
        }
        let each = self.quantiles(&at, among_numbers)?;
        if q.dims.is_empty() {
            return Ok(each);
        }
        self.cx.keep_whole();
        Ok(vec![stack(&each, 0)])
    }

    /// A rule that runs along an axis, or over all elements in order.
    fn running(&self, f: impl Fn(Var<'g>, isize) -> Var<'g>) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        let x = if x.dtype() == DType::Bool { x.cast(DType::I32) } else { x };
        let x = self.dtype()?.map_or(x, |d| x.cast(d));
        let Some(axis) = self.integer("axis")? else {
            self.cx.keep_whole();
            return Ok(vec![f(x.reshape(&[product(&x.dims())]), 0)]);
        };
        let axis = self.axis(axis, x.rank())?;
        self.touches(axis);
        Ok(vec![f(x, axis as isize)])
    }

    /// The area under a line through the elements of an axis, `dx` apart.
    fn trapezoid(&self) -> Result<Vec<Var<'g>>> {
        let y = self.as_float(self.value(0)?);
        if self.setting("x").is_some() || self.call.args.len() > 1 {
            return Err(self.unsupported("x"));
        }
        let axis = self.axis(self.integer("axis")?.unwrap_or(-1), y.rank())?;
        self.touches(axis);
        let y = moved(y, axis, y.rank() - 1);
        let Some(n) = y.dim(-1) else { return Ok(vec![y.sum(&[-1], false)]) };
        if n < 2 {
            return Ok(vec![y.sum(&[-1], false) * 0.0]);
        }
        Ok(vec![
            (y.slice(-1, 1, n) + y.slice(-1, 0, n - 1)).sum(&[-1], false)
                * (0.5 * self.real("dx", 1.0)?),
        ])
    }

    /// The peak's ratio to the mean square of the differences, in decibels.
    fn peak_to_noise(&self) -> Result<Vec<Var<'g>>> {
        self.cx.keep_whole();
        let (a, b) = self.operands(0, 1)?;
        let (a, b) = self.as_float(a).broadcast_with(self.as_float(b), "psnr");
        let noise = (a - b).square().mean(&a.all_axes(), false);
        let to_decibels = 10.0 / std::f64::consts::LN_10;
        Ok(vec![20.0 * self.real("max_val", 1.0)?.log10() - noise.log() * to_decibels])
    }
}
