//! Mel spectrograms of signals.

use crate::config::setters;
use crate::initializers::{Draw, Initialize, Stft};
use crate::lowering::{
    Call, Cx, Flow, Layer, Sample, SampleInput, WeightTree, Weights, expect_rank,
};
use crate::{Error, Result};
use cornu_ir::builder::concat;
use cornu_ir::ops::Windows;
use cornu_ir::{Dim, Spec, Tensor, Var};
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value, json};

/// Mel spectrogram: the power in each band of the mel scale, for windows centred on every
/// `sequence_stride`-th timestep.
///
/// # Shapes
/// x (B, T), y (B, M, T'): M `num_mel_bins`, T' = ⌊T / stride⌋ + 1.
///
/// # Source
/// keras/src/layers/preprocessing/mel_spectrogram.py, Keras 3.15.1. Differs: `window` is `hann`,
/// `hamming` or none. `top_db` is relative to the largest number of the whole batch, as in Keras.
///
/// ```
/// use cornu::{Input, MelSpectrogram};
/// let x = Input::new([16000]); // one second
/// assert_eq!(MelSpectrogram::new().call(&x)?.shape_text(), "(None, 128, 32)"); // M, T'
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MelSpectrogram {
    /// Timesteps of the transform.
    pub fft_length: usize,
    /// Timesteps from the start of one window to the next.
    pub sequence_stride: usize,
    /// Timesteps in a window; by default `fft_length`.
    pub sequence_length: Option<usize>,
    /// Window function: `hann`, `hamming` or none.
    pub window: Option<String>,
    /// Sampling rate of the signal, in hertz.
    pub sampling_rate: Number,
    /// Number of mel bands, M.
    pub num_mel_bins: usize,
    /// Lowest frequency of the bands, in hertz.
    pub min_freq: f64,
    /// Highest frequency of the bands, in hertz; by default half the sampling rate.
    pub max_freq: Option<Number>,
    /// True to convert power to decibels.
    pub power_to_db: bool,
    /// Range in decibels: smaller values are raised to the largest minus this.
    pub top_db: f64,
    /// Exponent of the magnitude: 1 for energy, 2 for power.
    pub mag_exp: f64,
    /// Smallest power: smaller ones are raised to it before decibels.
    pub min_power: f64,
    /// Power that counts as 0 decibels.
    pub ref_power: f64,
}

impl Default for MelSpectrogram {
    fn default() -> Self {
        Self {
            fft_length: 2048,
            sequence_stride: 512,
            sequence_length: None,
            window: Some("hann".into()),
            sampling_rate: 16000.into(),
            num_mel_bins: 128,
            min_freq: 20.0,
            max_freq: None,
            power_to_db: true,
            top_db: 80.0,
            mag_exp: 2.0,
            min_power: 1e-10,
            ref_power: 1.0,
        }
    }
}

impl MelSpectrogram {
    fn bins(&self) -> usize {
        self.fft_length / 2 + 1
    }

    /// Real and imaginary part of the windowed transform, each (fft_length, N).
    fn waves(&self) -> Result<[Vec<f64>; 2]> {
        let n = self.sequence_length.unwrap_or(self.fft_length);
        let before = (self.fft_length - n) / 2;
        let side = |side: &str| -> Result<Vec<f64>> {
            let window = self.window.clone().map(Value::from);
            let kernel = Stft { side: side.into(), window: None, periodic: true, scaling: None };
            let mut waves =
                kernel.values(&[self.fft_length, 1, self.bins()], &mut Draw::new(0, 0))?;
            let factors = match &window {
                // The first frequency of a transform by a window alone is the window.
                Some(_) => Stft { side: "real".into(), window, periodic: true, scaling: None }
                    .values(&[n, 1, 2], &mut Draw::new(0, 0))?,
                None => vec![1.0; 2 * n],
            };
            for (t, row) in waves.chunks_mut(self.bins()).enumerate() {
                let inside = self.window.is_none() || (before..before + n).contains(&t);
                let factor = if self.window.is_none() {
                    1.0
                } else if inside {
                    factors[2 * (t - before)]
                } else {
                    0.0
                };
                row.iter_mut().for_each(|x| *x *= factor);
            }
            Ok(waves)
        };
        Ok([side("real")?, side("imag")?])
    }

    /// How much of each frequency belongs to each band: (N, M).
    fn bands(&self) -> Vec<f64> {
        let mel = |hertz: f64| 1127.0 * (1.0 + hertz / 700.0).ln();
        let (n, m) = (self.bins(), self.num_mel_bins);
        let rate = self.sampling_rate.as_f64().unwrap_or(f64::NAN);
        let top = self.max_freq.as_ref().and_then(Number::as_f64).unwrap_or((rate / 2.0).floor());
        let (low, high) = (mel(self.min_freq), mel(top));
        let edge = |i: usize| low + (high - low) * i as f64 / (m + 1) as f64;
        let mut weights = vec![0.0; n * m];
        for f in 1..n {
            let at = mel(rate / 2.0 * f as f64 / (n - 1) as f64);
            for band in 0..m {
                let (lower, centre, upper) = (edge(band), edge(band + 1), edge(band + 2));
                let slopes = ((at - lower) / (centre - lower)).min((upper - at) / (upper - centre));
                weights[f * m + band] = slopes.max(0.0);
            }
        }
        weights
    }
}

impl MelSpectrogram {
    /// Returns the layer with Keras's defaults.
    pub fn new() -> Self {
        Self::default()
    }
}

setters!(MelSpectrogram {
    plain fft_length: usize,
    plain sequence_stride: usize,
    some sequence_length: usize,
    some window: String,
    into sampling_rate: Number,
    plain num_mel_bins: usize,
    plain min_freq: f64,
    some_into max_freq: Number,
    plain power_to_db: bool,
    plain top_db: f64,
    plain mag_exp: f64,
    plain min_power: f64,
    plain ref_power: f64,
});

impl Layer for MelSpectrogram {
    settings!("MelSpectrogram");

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        expect_rank(call.input()?, 2..=2, "(batch, timesteps)")?;
        let length = self.sequence_length.unwrap_or(self.fft_length);
        let sound =
            (2..1 << 16).contains(&self.fft_length) && length > 0 && length <= self.fft_length;
        if !sound
            || self.sequence_stride == 0
            || self.sequence_stride > self.fft_length
            || self.num_mel_bins == 0
            || self.num_mel_bins > 1 << 16
        {
            let rule = "fft_length must be from 2 to 2^16 and at least sequence_length, \
                sequence_stride from 1 to fft_length, num_mel_bins at least 1";
            let received = format!(
                "fft_length={}, sequence_length={length}, sequence_stride={}, num_mel_bins={}",
                self.fft_length, self.sequence_stride, self.num_mel_bins
            );
            return Err(Error::argument("", rule, received));
        }
        Ok(WeightTree::none())
    }

    fn reads_across_batch(&self) -> bool {
        self.power_to_db
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        _: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let x = cx.to_float(call.input()?.value);
        if self.power_to_db {
            cx.keep_whole();
        }
        let Some(t) = x.dim(1) else {
            let dims: [Dim; 3] = [x.dim(0), Some(self.num_mel_bins), None];
            return Ok(vec![cx.builder.full(cx.float(), &dims, 0.0).into()]);
        };
        // The signal is mirrored at both ends, so that the first window is centred on the first
        // timestep.
        let half = self.fft_length / 2;
        if t <= half {
            return Err(Error::shapes(
                format!("more than fft_length / 2 = {half} timesteps are needed"),
                &[x.spec()],
            ));
        }
        let mirrored = concat(
            &[x.slice(1, 1, half + 1).reverse(1), x, x.slice(1, t - half - 1, t - 1).reverse(1)],
            1,
        );
        let windows = cx.builder.apply1(
            Windows { axis: 1, length: self.fft_length, stride: self.sequence_stride, dilation: 1 },
            &[mirrored.expand_dims(-1)],
        );
        let frames = windows.squeeze(-1);
        let matrix = |values: Vec<f64>, dims: [usize; 2]| {
            cx.to_float(cx.builder.constant(Tensor::new(&dims, values)))
        };
        let [re, im] =
            self.waves()?.map(|w| frames.matmul(matrix(w, [self.fft_length, self.bins()])));
        let power = re * re + im * im;
        let power = if self.mag_exp == 2.0 { power } else { power.sqrt().pow(self.mag_exp) };
        let mel = power.matmul(matrix(self.bands(), [self.bins(), self.num_mel_bins]));
        Ok(vec![
            if self.power_to_db { self.decibels(mel) } else { mel }.transpose(&[0, 2, 1]).into(),
        ])
    }

    fn samples() -> Vec<Sample> {
        vec![
            Sample::new(json!({
                "fft_length": 64,
                "sequence_stride": 20,
                "sampling_rate": 800,
                "num_mel_bins": 9,
                "min_freq": 5.0,
            }))
            .on([SampleInput::floats([300])]),
        ]
    }
}

impl MelSpectrogram {
    fn decibels<'g>(&self, power: Var<'g>) -> Var<'g> {
        let scale = 10.0 / std::f64::consts::LN_10;
        let reference = scale * self.ref_power.abs().max(self.min_power).ln();
        let db = power.maximum(self.min_power).log() * scale - reference;
        let loudest = db.max(&[0, 1, 2], true);
        db.maximum((loudest - self.top_db).broadcast_to(&db.dims()))
    }
}
