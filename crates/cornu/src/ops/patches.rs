//! Operations on blocks and windows of values.

use super::op_call::Unequal::Refused;
use super::op_call::{MATH, NN, OpCall, Row};
use crate::config::short;
use crate::{Error, Result};
use cornu_ir::ops::{FoldWindows, Windows};
use cornu_ir::spec::product;
use cornu_ir::{Dim, Var};
use serde_json::Value;

pub static ROWS: &[Row] = &[
    Row("SpaceToDepth", NN, Refused, |s| s.blocks(true)),
    Row("DepthToSpace", NN, Refused, |s| s.blocks(false)),
    Row("Unfold", NN, Refused, |s| s.unfold()),
    Row("Fold", NN, Refused, |s| s.fold()),
    Row("ExtractSequences", MATH, Refused, |s| s.extract_sequences()),
];

impl<'g> OpCall<'_, 'g> {
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
}
