//! Short-time Fourier transforms of signals.

use crate::config::setters;
use crate::initializers::{Initializer, Stft};
use crate::layers::convolution::windows::{Frame, convolve};
use crate::layers::geometry::{DataFormat, Padding};
use crate::lowering::{
    Call, Cx, Flow, Layer, Sample, SampleInput, WeightSpec, WeightTree, Weights,
};
use crate::{Error, Result};
use cornu_ir::Spec;
use cornu_ir::builder::concat;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Keras's smallest number that is told from 0.
const EPSILON: f64 = 1e-7;

/// Short-time Fourier transform of each channel, by convolution with two kernels that may be
/// trained: real and imaginary part of each frequency.
///
/// # Shapes
/// x (B, T, C), kernels (frame, 1, N), y (B, T', C N) with N = fft_length / 2 + 1 frequencies
/// (twice as many with `stft`), or (B, T', N, C) with `expand_dims`; with `channels_first` x (B, C,
/// T), y (B, C N, T') or (B, C, T', N).
///
/// # Source
/// keras/src/layers/preprocessing/stft_spectrogram.py, Keras 3.15.1. Differs: `window` is `hann`,
/// `hamming` or a list of numbers.
///
/// ```
/// use cornu::{Input, StftSpectrogram};
/// let x = Input::new([1000, 1]);
/// assert_eq!(StftSpectrogram::new().call(&x)?.shape_text(), "(None, 6, 129)"); // T', C N
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StftSpectrogram {
    /// Kind of output: `log`, `magnitude`, `psd`, `real`, `imag`, `angle` or `stft`.
    pub mode: String,
    /// Timesteps in a window.
    pub frame_length: usize,
    /// Timesteps from the start of one window to the next; by default half a window.
    pub frame_step: Option<usize>,
    /// Timesteps of the transform; by default the next power of two from `frame_length` on.
    pub fft_length: Option<usize>,
    /// Window function: `hann`, `hamming`, a list of numbers, or none.
    pub window: Option<Value>,
    /// True for a periodic window, false for a symmetric one.
    pub periodic: bool,
    /// Scaling of the window: `density`, `spectrum` or none.
    pub scaling: Option<String>,
    /// Padding at both ends of the data.
    pub padding: Padding,
    /// Order of the axes: channels last or channels first.
    pub data_format: DataFormat,
    /// True if channels have an axis of their own in the output.
    pub expand_dims: bool,
}

impl Default for StftSpectrogram {
    fn default() -> Self {
        Self {
            mode: "log".into(),
            frame_length: 256,
            frame_step: None,
            fft_length: None,
            window: Some("hann".into()),
            periodic: false,
            scaling: Some("density".into()),
            padding: Padding::Valid,
            data_format: DataFormat::default(),
            expand_dims: false,
        }
    }
}

impl StftSpectrogram {
    fn frame(&self) -> Frame {
        let stride = self.frame_step.unwrap_or(self.frame_length / 2);
        Frame {
            length: self.frame_length,
            stride,
            dilation: 1,
            padding: self.padding,
            data_format: self.data_format,
        }
    }

    fn fft_length(&self) -> usize {
        self.fft_length.unwrap_or_else(|| self.frame_length.next_power_of_two())
    }

    fn kernel(&self, name: &'static str, side: &str) -> WeightSpec {
        let initializer = Stft {
            side: side.into(),
            window: self.window.clone(),
            periodic: self.periodic,
            scaling: self.scaling.clone(),
        };
        WeightSpec::new(
            name,
            &[self.frame_length, 1, self.fft_length() / 2 + 1],
            &Initializer::from(initializer),
        )
    }
}

impl StftSpectrogram {
    /// Returns the layer with Keras's defaults.
    pub fn new() -> Self {
        Self::default()
    }
}

setters!(StftSpectrogram {
    into mode: String,
    plain frame_length: usize,
    some frame_step: usize,
    some window: Value,
    plain periodic: bool,
    some scaling: String,
    plain padding: Padding,
    plain data_format: DataFormat,
    plain expand_dims: bool,
});

impl Layer for StftSpectrogram {
    settings!("STFTSpectrogram");

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        let frame = self.frame();
        frame.check(call.input()?, true)?;
        const MODES: [&str; 7] = ["log", "magnitude", "psd", "real", "imag", "angle", "stft"];
        if !MODES.contains(&self.mode.as_str())
            || frame.stride > self.frame_length
            || !(self.frame_length..1 << 20).contains(&self.fft_length())
        {
            let rule = format!(
                "mode must be one of {}, frame_step at most frame_length, fft_length at least \
                    frame_length (and below 2^20)",
                MODES.join(", ")
            );
            let received = format!(
                "mode={}, frame_length={}, frame_step={}, fft_length={}",
                self.mode,
                self.frame_length,
                frame.stride,
                self.fft_length()
            );
            return Err(Error::argument("", rule, received));
        }
        let mut vars = Vec::new();
        if self.mode != "imag" {
            vars.push(self.kernel("real_kernel", "real"));
        }
        if self.mode != "real" {
            vars.push(self.kernel("imag_kernel", "imag"));
        }
        Ok(WeightTree::of(vars))
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        w: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let x = cx.to_float(call.input()?.value);
        let first = self.data_format == DataFormat::ChannelsFirst;
        let x = if first { x.transpose(&[0, 2, 1]) } else { x };
        let frame = self.frame();
        frame.expect_fit(x, x.dim(2))?;
        let windows = frame.windows(x);
        let (b, t, c) = (windows.dim(0), windows.dim(1), windows.dim(3));
        // Each channel is a row of its own: (B, T', K, C) to (B, T' C, K, 1), and back to (B, T',
        // C, N).
        let apart = windows.transpose(&[0, 1, 3, 2]).reshape(&[
            b,
            cornu_ir::spec::product(&[t, c]),
            windows.dim(2),
            Some(1),
        ]);
        let part =
            |name: &str| w.get(name).map(|k| convolve(apart, k, 1).reshape(&[b, t, c, k.dim(2)]));
        let y = match (part("real_kernel"), part("imag_kernel")) {
            (Some(re), Some(im)) => match self.mode.as_str() {
                "angle" => im.atan2(re),
                "stft" => concat(&[re, im], -1),
                mode => {
                    let power = re * re + im * im;
                    let n = self.fft_length() / 2 + 1;
                    match mode {
                        "psd" if n > 2 => power + power.slice(-1, 1, n - 1).pad(-1, 1, 1, 0.0),
                        "psd" => power,
                        "magnitude" => power.maximum(EPSILON).sqrt(),
                        _ => power.maximum(EPSILON).sqrt().maximum(EPSILON).log(),
                    }
                }
            },
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => return Err(Error::Config("a spectrogram needs a kernel".into())),
        };
        let joined = cornu_ir::spec::product(&[c, y.dim(3)]);
        Ok(vec![
            match (first, self.expand_dims) {
                (false, true) => y.transpose(&[0, 1, 3, 2]),
                (true, true) => y.transpose(&[0, 2, 1, 3]),
                (false, false) => y.reshape(&[b, t, joined]),
                (true, false) => y.reshape(&[b, t, joined]).transpose(&[0, 2, 1]),
            }
            .into(),
        ])
    }

    fn samples() -> Vec<Sample> {
        vec![
            Sample::new(
                json!({"mode": "magnitude", "frame_length": 8, "frame_step": 3, "fft_length": 16}),
            )
            .on([SampleInput::floats([50, 2])]),
        ]
    }
}
