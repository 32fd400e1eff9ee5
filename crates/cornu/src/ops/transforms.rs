//! Fourier transforms along the last axis, as products with waves; complex values are pairs of real
//! ones.

use super::op_call::Unequal::Refused;
use super::op_call::{MATH, OpCall, Row};
use crate::lowering::literal::literal;
use crate::{Error, Result};
use cornu_ir::builder::concat;
use cornu_ir::ops::{FoldWindows, Windows};
use cornu_ir::spec::product;
use cornu_ir::{Tensor, Var};
use serde_json::Value;

/// The longest transform: its waves fill a matrix.
const LONGEST: usize = 1 << 12;

pub static ROWS: &[Row] = &[
    Row("FFT", MATH, Refused, |s| {
        let (re, im) = s.complex()?;
        s.transform(re, im, false).map(|(re, im)| vec![re, im])
    }),
    Row("FFT2", MATH, Refused, |s| s.transform_two(false)),
    Row("IFFT2", MATH, Refused, |s| s.transform_two(true)),
    Row("RFFT", MATH, Refused, |s| {
        let x = s.as_float(s.value(0)?);
        let n = s.length_or(x.dim(-1))?;
        s.real_transform(x, n).map(|(re, im)| vec![re, im])
    }),
    Row("IRFFT", MATH, Refused, |s| {
        let (re, im) = s.complex()?;
        let n = s.length_or(re.dim(-1).map(|m| 2 * m.saturating_sub(1)))?;
        Ok(vec![s.real_inverse(re, im, n)?])
    }),
    Row("STFT", MATH, Refused, |s| s.stft()),
    Row("ISTFT", MATH, Refused, |s| s.istft()),
];

/// Cosines and sines of `2π i j / n`, for i below `rows` and j below `columns`.
fn waves(rows: usize, columns: usize, n: usize, f: fn(f64) -> f64) -> Tensor {
    let angle = |i: usize, j: usize| (i * j % n) as f64 * (2.0 * std::f64::consts::PI / n as f64);
    Tensor::new(
        &[rows, columns],
        (0..rows * columns).map(|k| f(angle(k / columns, k % columns))).collect(),
    )
}

impl<'g> OpCall<'_, 'g> {
    /// Real and imaginary part of the first argument.
    fn complex(&self) -> Result<(Var<'g>, Var<'g>)> {
        let [re, im] = self.list()?[..] else {
            return Err(
                self.unsupported("an argument that is not a pair of real and imaginary part")
            );
        };
        if re.rank() == 0 || re.rank() != im.rank() {
            return Err(Error::shapes(
                "two parts of one shape are needed",
                &[re.spec(), im.spec()],
            ));
        }
        Ok((self.as_float(re), self.as_float(im)))
    }

    fn length_or(&self, otherwise: Option<usize>) -> Result<usize> {
        let n = self.integer("fft_length")?.map_or(otherwise, |n| usize::try_from(n).ok());
        n.filter(|n| (1..=LONGEST).contains(n)).ok_or_else(|| {
            self.unsupported(format!(
                "a transform whose length is not a number from 1 to {LONGEST}"
            ))
        })
    }

    fn waves(&self, x: Var<'g>, rows: usize, columns: usize, n: usize) -> (Var<'g>, Var<'g>) {
        let make = |f| self.cx.builder.constant(waves(rows, columns, n, f)).cast(x.dtype());
        (make(f64::cos), make(f64::sin))
    }

    /// The transform of the last axis.
    fn transform(&self, re: Var<'g>, im: Var<'g>, inverse: bool) -> Result<(Var<'g>, Var<'g>)> {
        let Some(n) = re.dim(-1) else { return Ok((re, im)) };
        if !(1..=LONGEST).contains(&n) {
            return Err(self.unsupported(format!("a transform of {n} elements")));
        }
        if re.rank() == 1 {
            self.cx.keep_whole();
        }
        let (lead, dims) = (product(&re.dims()[..re.rank() - 1]), re.dims());
        let (re, im) = (re.reshape(&[lead, Some(n)]), im.reshape(&[lead, Some(n)]));
        let (c, s) = self.waves(re, n, n, n);
        // e^(−iφ) forward, e^(iφ) back.
        let (a, b) = match inverse {
            false => (re.matmul(c) + im.matmul(s), im.matmul(c) - re.matmul(s)),
            true => {
                ((re.matmul(c) - im.matmul(s)) / n as f64, (im.matmul(c) + re.matmul(s)) / n as f64)
            }
        };
        Ok((a.reshape(&dims), b.reshape(&dims)))
    }

    fn transform_two(&self, inverse: bool) -> Result<Vec<Var<'g>>> {
        let (re, im) = self.complex()?;
        if re.rank() < 2 {
            return Err(Error::shapes("values of rank 2 or more are needed", &[re.spec()]));
        }
        self.touches(re.rank() - 2);
        let (re, im) = self.transform(re, im, inverse)?;
        let (re, im) = self.transform(re.swap_axes(-1, -2), im.swap_axes(-1, -2), inverse)?;
        Ok(vec![re.swap_axes(-1, -2), im.swap_axes(-1, -2)])
    }

    /// The transform of real numbers, cut or filled up with 0 to `n` of them: the frequencies 0 to
    /// n/2.
    fn real_transform(&self, x: Var<'g>, n: usize) -> Result<(Var<'g>, Var<'g>)> {
        let bins = n / 2 + 1;
        let Some(own) = x.dim(-1) else {
            let mut dims = x.dims();
            *dims.last_mut().ok_or_else(|| self.unsupported("a number"))? = Some(bins);
            return Ok((x.reshape(&dims), x.reshape(&dims)));
        };
        if x.rank() == 1 {
            self.cx.keep_whole();
        }
        let (lead, mut dims) = (product(&x.dims()[..x.rank() - 1]), x.dims());
        let used = own.min(n);
        let x = x.slice(-1, 0, used).reshape(&[lead, Some(used)]);
        let (c, s) = self.waves(x, used, bins, n);
        dims.pop();
        dims.push(Some(bins));
        Ok((x.matmul(c).reshape(&dims), (-x.matmul(s)).reshape(&dims)))
    }

    /// `n` real numbers of their frequencies; those that are missing are 0.
    fn real_inverse(&self, re: Var<'g>, im: Var<'g>, n: usize) -> Result<Var<'g>> {
        let Some(own) = re.dim(-1) else {
            return Err(Error::shapes("the last axis must be a number", &[re.spec()]));
        };
        if re.rank() == 1 {
            self.cx.keep_whole();
        }
        let used = own.min(n / 2 + 1);
        let (lead, mut dims) = (product(&re.dims()[..re.rank() - 1]), re.dims());
        // All frequencies but the first and, of an even number, the middle one stand for two.
        let weight: Vec<f64> =
            (0..used).map(|k| if k == 0 || 2 * k == n { 1.0 } else { 2.0 } / n as f64).collect();
        let weight = self.cx.builder.constant(Tensor::new(&[used], weight)).cast(re.dtype());
        let (c, s) = self.waves(re, used, n, n);
        let part = |x: Var<'g>| x.slice(-1, 0, used).reshape(&[lead, Some(used)]) * weight;
        dims.pop();
        dims.push(Some(n));
        Ok((part(re).matmul(c) - part(im).matmul(s)).reshape(&dims))
    }

    /// Length of a window, distance of windows, length of a transform.
    fn windowing(&self) -> Result<(usize, usize, usize)> {
        let n = |name: &str| -> Result<usize> {
            let n = self
                .integer(name)?
                .and_then(|n| usize::try_from(n).ok())
                .filter(|n| (1..=LONGEST).contains(n));
            n.ok_or_else(|| self.unsupported(format!("a {name} that is not from 1 to {LONGEST}")))
        };
        let (length, stride, whole) =
            (n("sequence_length")?, n("sequence_stride")?, n("fft_length")?);
        if length > whole {
            return Err(Error::argument(
                self.class,
                "fft_length must be at least sequence_length",
                format!("{whole} and {length}"),
            ));
        }
        Ok((length, stride, whole))
    }

    /// The numbers of a window in the middle of a transform's length.
    fn window(&self, length: usize, whole: usize) -> Result<Vec<f64>> {
        let turn = |i: usize| (2.0 * std::f64::consts::PI * i as f64 / length as f64).cos();
        let before = (whole - length) / 2;
        let own: Vec<f64> = match self.setting("window") {
            None => return Ok(vec![1.0; whole]),
            Some(Value::String(name)) if name == "hann" => {
                (0..length).map(|i| 0.5 - 0.5 * turn(i)).collect()
            }
            Some(Value::String(name)) if name == "hamming" => {
                (0..length).map(|i| 0.54 - 0.46 * turn(i)).collect()
            }
            Some(Value::String(other)) => return Err(self.unsupported(format!("window = {other}"))),
            Some(given) => literal(given)?.tensor.to_f64(),
        };
        if own.len() != length {
            return Err(Error::argument(
                self.class,
                "window must have sequence_length numbers",
                own.len(),
            ));
        }
        Ok([vec![0.0; before], own, vec![0.0; whole - length - before]].concat())
    }

    fn stft(&self) -> Result<Vec<Var<'g>>> {
        let x = self.as_float(self.value(0)?);
        let (length, stride, whole) = self.windowing()?;
        let window = self.window(length, whole)?;
        let Some(n) = x.dim(-1) else {
            let mut dims = x.dims();
            dims.push(Some(whole / 2 + 1));
            return Ok(vec![self.cx.builder.full(x.dtype(), &dims, 0.0); 2]);
        };
        if x.rank() == 1 {
            self.cx.keep_whole();
        }
        let far = whole / 2;
        let x = match self.flag("center", true) {
            true if n <= far => {
                return Err(Error::shapes(
                    format!("more than fft_length / 2 = {far} elements are needed"),
                    &[x.spec()],
                ));
            }
            // Mirrored at both ends.
            true if far > 0 => concat(
                &[
                    x.slice(-1, 1, far + 1).reverse(-1),
                    x,
                    x.slice(-1, n - far - 1, n - 1).reverse(-1),
                ],
                -1,
            ),
            _ => x,
        };
        let windows = Windows { axis: x.rank() - 1, length: whole, stride, dilation: 1 };
        let frames = self.cx.builder.apply1(windows, &[x])
            * self.cx.builder.constant(Tensor::new(&[whole], window)).cast(x.dtype());
        self.real_transform(frames, whole).map(|(re, im)| vec![re, im])
    }

    fn istft(&self) -> Result<Vec<Var<'g>>> {
        let (re, im) = self.complex()?;
        let (length, stride, whole) = self.windowing()?;
        let window = self.window(length, whole)?;
        if re.rank() < 2 {
            return Err(Error::shapes(
                "spectra (…, windows, frequencies) are needed",
                &[re.spec()],
            ));
        }
        let Some(n) = re.dim(-2) else {
            return Err(Error::shapes("the number of windows must be known", &[re.spec()]));
        };
        if re.rank() == 2 {
            self.cx.keep_whole();
        }
        let factors =
            self.cx.builder.constant(Tensor::new(&[whole], window.clone())).cast(re.dtype());
        let frames = self.real_inverse(re, im, whole)? * factors;
        let all = whole + stride * n.saturating_sub(1);
        let windows = Windows { axis: re.rank() - 2, length: whole, stride, dilation: 1 };
        let sum = self.cx.builder.apply1(FoldWindows { windows, n: Some(all) }, &[frames]);
        // What the windows weigh together at each place.
        let mut weight = vec![0.0; all];
        (0..n).for_each(|t| {
            window.iter().enumerate().for_each(|(i, w)| weight[t * stride + i] += w * w)
        });
        // Without a window Keras divides by the stride what it has not yet divided by the length.
        let scale =
            if self.setting("window").is_none() { whole as f64 / stride as f64 } else { 1.0 };
        let factor: Vec<f64> =
            weight.iter().map(|w| scale / if *w > 1e-10 { *w } else { 1.0 }).collect();
        let y = sum * self.cx.builder.constant(Tensor::new(&[all], factor)).cast(re.dtype());
        let centred = self.flag("center", true);
        let start = if centred { whole / 2 } else { 0 };
        let end = match self.integer("length")? {
            Some(length) => (start + usize::try_from(length).unwrap_or(0)).min(all),
            None if centred => all.saturating_sub(whole / 2),
            None => all,
        };
        Ok(vec![y.slice(-1, start.min(end), end)])
    }
}
