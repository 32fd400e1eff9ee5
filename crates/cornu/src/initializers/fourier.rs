//! Initial values of a transform: the identity, a short-time Fourier transform.

use super::{Draw, Initialize};
use crate::config::setters;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Initializer of an identity matrix, times a factor.
///
/// ```
/// use cornu::extend::{Draw, Initialize};
/// use cornu::initializers::Identity;
/// let w = Identity::new(2.0).values(&[2, 2], &mut Draw::new(0, 0))?;
/// assert_eq!(w, [2.0, 0.0, 0.0, 2.0]); // row by row
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Identity {
    /// Factor of the matrix.
    #[serde(skip_serializing)]
    pub gain: f64,
}

/// Initializer of the real or imaginary part of a short-time Fourier transform: (frame length, 1,
/// frequencies).
///
/// ```
/// use cornu::extend::{Draw, Initialize};
/// use cornu::initializers::Stft;
/// let w = Stft::new().values(&[4, 1, 3], &mut Draw::new(0, 0))?;
/// assert_eq!(w[..3], [0.0, 0.0, 0.0]); // The Hann window starts at 0.
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Stft {
    /// Part of the transform: `real` or `imag`.
    pub side: String,
    /// Window: `hann`, `hamming`, or a list of numbers; `None` for no window.
    pub window: Option<Value>,
    /// True for a periodic window, false for a symmetric one.
    pub periodic: bool,
    /// Scaling of the window: `density`, `spectrum` or none.
    pub scaling: Option<String>,
}

impl Default for Identity {
    fn default() -> Self {
        Self { gain: 1.0 }
    }
}

impl Default for Stft {
    fn default() -> Self {
        Self {
            side: "real".into(),
            window: Some("hann".into()),
            periodic: false,
            scaling: Some("density".into()),
        }
    }
}

impl Identity {
    /// Returns the initializer of the identity times a factor.
    pub fn new(gain: f64) -> Self {
        Self { gain }
    }
}

impl Stft {
    /// Returns the initializer of the real part, with a Hann window.
    pub fn new() -> Self {
        Self::default()
    }
}

setters!(Stft {
    into side: String,
    some_into window: Value,
    plain periodic: bool,
    some_into scaling: String,
});

impl Initialize for Identity {
    fn values(&self, shape: &[usize], _: &mut Draw) -> Result<Vec<f64>> {
        let [rows, columns] = shape else {
            return Err(Error::argument(
                "Identity",
                "a weight of rank 2 is needed",
                format!("{shape:?}"),
            ));
        };
        Ok((0..rows * columns)
            .map(|i| if i / columns == i % columns { self.gain } else { 0.0 })
            .collect())
    }
}

impl Stft {
    fn window_values(&self, n: usize) -> Result<Option<Vec<f64>>> {
        let wrong = |v: &Value| {
            Error::Unsupported(format!("initializer STFT with window {}", crate::config::short(v)))
        };
        let Some(window) = &self.window else { return Ok(None) };
        let cosines = |a: f64| {
            // A symmetric window of one element is 1.
            let period = if self.periodic { n } else { n.saturating_sub(1) }.max(1) as f64;
            (0..n)
                .map(|i| {
                    if n == 1 {
                        1.0
                    } else {
                        a - (1.0 - a) * (std::f64::consts::TAU * i as f64 / period).cos()
                    }
                })
                .collect()
        };
        match window {
            Value::String(s) if s == "hann" => Ok(Some(cosines(0.5))),
            Value::String(s) if s == "hamming" => Ok(Some(cosines(0.54))),
            Value::Array(v) if v.len() == n => v
                .iter()
                .map(|x| crate::saving::json::float(x).ok_or_else(|| wrong(window)))
                .collect::<Result<_>>()
                .map(Some),
            other => Err(wrong(other)),
        }
    }
}

impl Initialize for Stft {
    fn values(&self, shape: &[usize], _: &mut Draw) -> Result<Vec<f64>> {
        let [frame, channels, frequencies] = *shape else {
            return Err(Error::argument(
                "STFT",
                "a weight of rank 3 is needed",
                format!("{shape:?}"),
            ));
        };
        if frequencies < 2 || !["real", "imag"].contains(&self.side.as_str()) {
            return Err(Error::argument(
                "STFT",
                "at least 2 frequencies and a side real or imag are needed",
                format!("{shape:?}, {}", self.side),
            ));
        }
        let window = self.window_values(frame)?;
        let scale = match (&window, self.scaling.as_deref()) {
            (Some(w), Some("density")) => w.iter().map(|x| x * x).sum::<f64>().sqrt(),
            (Some(w), Some("spectrum")) => w.iter().map(|x| x.abs()).sum(),
            _ => 1.0,
        };
        let n_fft = ((frequencies - 1) * 2) as f64;
        let mut values = Vec::with_capacity(frame * channels * frequencies);
        for t in 0..frame {
            for _ in 0..channels {
                for f in 0..frequencies {
                    let angle = -std::f64::consts::TAU * t as f64 * f as f64 / n_fft;
                    let wave = if self.side == "real" { angle.cos() } else { angle.sin() };
                    values.push(window.as_ref().map_or(wave, |w| wave * w[t] / scale));
                }
            }
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identity_need_not_be_square() {
        let m = Identity { gain: 2.0 }.values(&[2, 3], &mut Draw::new(0, 0)).unwrap();
        assert_eq!(m, vec![2.0, 0.0, 0.0, 0.0, 2.0, 0.0]);
        assert!(Identity::default().values(&[2], &mut Draw::new(0, 0)).is_err());
    }

    #[test]
    fn a_transform_without_window_is_cosines() {
        let stft = Stft { window: None, ..Stft::default() };
        let m = stft.values(&[4, 1, 3], &mut Draw::new(0, 0)).unwrap();
        let want = [1.0, 1.0, 1.0, 1.0, 0.0, -1.0, 1.0, -1.0, 1.0, 1.0, 0.0, -1.0];
        assert!(m.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-12), "{m:?}");
    }
}
