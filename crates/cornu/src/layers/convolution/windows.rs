//! What all convolutions along time share: windows, and their product with a kernel.

use crate::layers::geometry::{DataFormat, Padding, ends_of_windows};
use crate::lowering::{RaggedForm, expect_rank, known_dim};
use crate::{Error, Result};
use cornu_ir::ops::Windows;
use cornu_ir::spec::product;
use cornu_ir::{Dim, Spec, Var};

/// How windows lie along time.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// K: elements of a window.
    pub length: usize,
    /// Timesteps from the start of one window to the next.
    pub stride: usize,
    /// Timesteps from one element of a window to the next.
    pub dilation: usize,
    /// Padding at both ends of the data.
    pub padding: Padding,
    /// Order of the axes: channels last or channels first.
    pub data_format: DataFormat,
}

impl Frame {
    /// Timesteps from the first to the last element of a window.
    pub fn span(&self) -> usize {
        (self.length - 1) * self.dilation + 1
    }

    /// Checks settings and input, and gives C.
    pub fn check(&self, x: &Spec, strides_and_dilation: bool) -> Result<usize> {
        expect_rank(x, 3..=3, "(batch, timesteps, channels)")?;
        let most = 1 << 24;
        if [self.length, self.stride, self.dilation].iter().any(|&n| n == 0 || n > most)
            || self.length.saturating_mul(self.dilation) > most
        {
            let received = format!(
                "kernel_size={}, strides={}, dilation_rate={}",
                self.length, self.stride, self.dilation
            );
            return Err(Error::argument(
                "",
                "kernel_size, strides and dilation_rate must be at least 1 (and below 2^24)",
                received,
            ));
        }
        if !strides_and_dilation && self.stride > 1 && self.dilation > 1 {
            let received = format!("strides={}, dilation_rate={}", self.stride, self.dilation);
            return Err(Error::argument(
                "",
                "strides above 1 and a dilation_rate above 1 exclude each other",
                received,
            ));
        }
        known_dim(x, self.data_format.channel_axis(), "channels")
    }

    /// Fails when the data's channels are not those the weights were made for, or when no window
    /// fits. `x` is (B, T, C).
    pub fn expect_fit(&self, x: Var<'_>, channels: Dim) -> Result<()> {
        if x.dim(2) != channels {
            return Err(Error::shapes(
                format!(
                    "expected {} channels, for which its weights were made",
                    channels.unwrap_or(0)
                ),
                &[x.spec()],
            ));
        }
        if self.padding == Padding::Valid && x.dim(1).is_some_and(|t| t < self.span()) {
            return Err(Error::shapes(
                format!(
                    "the kernel spans {} timesteps and must fit; use a smaller kernel_size or \
                        dilation_rate, or padding same",
                    self.span()
                ),
                &[x.spec()],
            ));
        }
        Ok(())
    }

    /// Padded where the windows of a sequence lie the same whatever its length, otherwise refused.
    pub fn ragged_form(&self) -> RaggedForm {
        self.padding.ragged_form(self.stride)
    }

    /// x (B, T, C) with 0 past the ends of its sequences.
    pub fn own<'g>(&self, x: Var<'g>, ends: Option<Var<'g>>) -> Var<'g> {
        ends.map_or(x, |e| e.expand_dims(2).select(x, 0.0))
    }

    /// Where the sequences end in what is made of the windows.
    pub fn ends<'g>(&self, ends: Option<Var<'g>>) -> Option<Var<'g>> {
        ends.map(|e| ends_of_windows(e, self.padding, self.span(), self.stride))
    }

    /// (B, T', K, C) from (B, T, C).
    pub fn windows<'g>(&self, x: Var<'g>) -> Var<'g> {
        let (low, high) = self.padding.around(x.dim(1), self.span(), self.stride);
        self.windows_inside(x.pad(1, low, high, 0.0))
    }

    /// Returns the same without padding.
    pub fn windows_inside<'g>(&self, x: Var<'g>) -> Var<'g> {
        x.builder().apply1(
            Windows { axis: 1, length: self.length, stride: self.stride, dilation: self.dilation },
            &[x],
        )
    }
}

/// Windows (B, T', K, C) by a kernel (K, C / G, U) in G groups: (B, T', U).
pub fn convolve<'g>(windows: Var<'g>, kernel: Var<'g>, groups: usize) -> Var<'g> {
    let (b, t, k, c) = (windows.dim(0), windows.dim(1), windows.dim(2), windows.dim(3));
    let u = kernel.dim(2);
    if groups == 1 {
        let terms = product(&[k, c]);
        return windows.reshape(&[b, t, terms]).matmul(kernel.reshape(&[terms, u]));
    }
    let (g, of_group) = (Some(groups), |n: Dim| n.map(|n| n / groups));
    let terms = product(&[k, of_group(c)]);
    let rows = product(&[b, t]);
    let x = windows
        .reshape(&[rows, k, g, of_group(c)])
        .transpose(&[2, 0, 1, 3])
        .reshape(&[g, rows, terms]);
    let w = kernel.reshape(&[terms, g, of_group(u)]).transpose(&[1, 0, 2]);
    x.matmul(w).transpose(&[1, 0, 2]).reshape(&[b, t, u])
}

/// Windows (B, T', K, C) by a kernel of each channel (K, C, M): (B, T', C M).
pub fn convolve_channels<'g>(windows: Var<'g>, kernel: Var<'g>) -> Var<'g> {
    let (b, t) = (windows.dim(0), windows.dim(1));
    let (c, m) = (kernel.dim(1), kernel.dim(2));
    let y =
        if m == Some(1) { windows * kernel.squeeze(2) } else { windows.expand_dims(4) * kernel };
    y.sum(&[2], false).reshape(&[b, t, product(&[c, m])])
}
