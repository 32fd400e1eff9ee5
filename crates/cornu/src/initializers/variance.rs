//! Random weights, some scaled by the numbers of units they join.

use super::{Draw, Initialize, own_draw};
use crate::config::setters;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Units that a weight of a shape takes in and gives out (Keras 3.15.1, `compute_fans`).
pub fn fans(
    shape: &[usize],
    input_axes: &Option<Vec<isize>>,
    output_axes: &Option<Vec<isize>>,
) -> (f64, f64) {
    let along = |axes: &[isize]| {
        axes.iter().map(|&a| shape[cornu_ir::builder::axis_of(a, shape.len())] as f64).product()
    };
    if let (Some(i), Some(o)) = (input_axes, output_axes) {
        return (along(i), along(o));
    }
    match shape {
        [] => (1.0, 1.0),
        [n] => (*n as f64, *n as f64),
        [field @ .., i, o] => {
            let field: usize = field.iter().product();
            ((i * field) as f64, (o * field) as f64)
        }
    }
}

/// Random with a variance of `scale` over the fan of `mode`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct VarianceScaling {
    /// Its own seed.
    pub seed: Option<Value>,
    /// Numerator of the variance.
    pub scale: f64,
    /// `fan_in`, `fan_out` or `fan_avg`.
    pub mode: String,
    /// `truncated_normal`, `untruncated_normal` or `uniform`.
    pub distribution: String,
    /// Axes counted as input, when not by position.
    pub input_axes: Option<Vec<isize>>,
    /// Axes counted as output, when not by position.
    pub output_axes: Option<Vec<isize>>,
}

impl Default for VarianceScaling {
    fn default() -> Self {
        Self {
            seed: None,
            scale: 1.0,
            mode: "fan_in".into(),
            distribution: "truncated_normal".into(),
            input_axes: None,
            output_axes: None,
        }
    }
}

/// The rule by which an initializer takes over axes that count as input and output.
macro_rules! takes_fans {
    () => {
        fn with_fans(&self, inputs: &[isize], outputs: &[isize]) -> Option<super::Initializer> {
            let named = self.input_axes.is_some() && self.output_axes.is_some();
            let (input_axes, output_axes) = (Some(inputs.to_vec()), Some(outputs.to_vec()));
            (!named).then(|| Self { input_axes, output_axes, ..self.clone() }.into())
        }
    };
}

impl Initialize for VarianceScaling {
    fn values(&self, shape: &[usize], draw: &mut Draw) -> Result<Vec<f64>> {
        let (fan_in, fan_out) = fans(shape, &self.input_axes, &self.output_axes);
        let fan = match self.mode.as_str() {
            "fan_in" => fan_in,
            "fan_out" => fan_out,
            "fan_avg" => (fan_in + fan_out) / 2.0,
            other => {
                return Err(Error::argument(
                    "VarianceScaling",
                    "mode must be fan_in, fan_out or fan_avg",
                    other,
                ));
            }
        };
        let variance = self.scale / fan.max(1.0);
        let mut own = own_draw(&self.seed);
        let draw = own.as_mut().unwrap_or(draw);
        let n = shape.iter().product();
        Ok(match self.distribution.as_str() {
            // The deviation of a normal cut at two deviations.
            "truncated_normal" | "normal" => (0..n)
                .map(|_| draw.truncated_normal() * variance.sqrt() / 0.879_625_661_034_239_8)
                .collect(),
            "untruncated_normal" => (0..n).map(|_| draw.normal() * variance.sqrt()).collect(),
            "uniform" => {
                (0..n).map(|_| (draw.uniform() * 2.0 - 1.0) * (3.0 * variance).sqrt()).collect()
            }
            other => {
                return Err(Error::argument(
                    "VarianceScaling",
                    "distribution must be truncated_normal, untruncated_normal or uniform",
                    other,
                ));
            }
        })
    }

    takes_fans!();
}

/// The builder methods of an initializer that draws: its own seed.
macro_rules! seeded {
    ($($Name:ident)*) => {$(
        impl $Name {
            /// Keras's defaults.
            pub fn new() -> Self {
                Self::default()
            }

            /// Draws from a seed of its own rather than from the model's.
            pub fn seed(mut self, seed: u64) -> Self {
                self.seed = Some(seed.into());
                self
            }
        }
    )*};
}
pub(super) use seeded;

seeded! {
    VarianceScaling GlorotUniform GlorotNormal HeUniform HeNormal LecunUniform LecunNormal
    RandomNormal RandomUniform TruncatedNormal
}

macro_rules! scaled {
    ($($Name:ident $scale:literal $mode:literal $distribution:literal $doc:literal;)*) => {$(
        #[doc = $doc]
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct $Name {
            /// Its own seed.
            pub seed: Option<Value>,
            /// Axes counted as input, when not by position.
            pub input_axes: Option<Vec<isize>>,
            /// Axes counted as output, when not by position.
            pub output_axes: Option<Vec<isize>>,
        }

        impl Initialize for $Name {
            fn values(&self, shape: &[usize], draw: &mut Draw) -> Result<Vec<f64>> {
                VarianceScaling {
                    seed: self.seed.clone(),
                    scale: $scale,
                    mode: $mode.into(),
                    distribution: $distribution.into(),
                    input_axes: self.input_axes.clone(),
                    output_axes: self.output_axes.clone(),
                }
                .values(shape, draw)
            }

            takes_fans!();
        }
    )*};
}

scaled! {
    GlorotUniform 1.0 "fan_avg" "uniform" "Even within √(6 / (fan in + fan out)) (Glorot and \
        Bengio 2010).";
    GlorotNormal 1.0 "fan_avg" "truncated_normal" "Normal with variance 2 / (fan in + fan out) \
        (Glorot and Bengio 2010).";
    HeUniform 2.0 "fan_in" "uniform" "Even within √(6 / fan in) (He et al. 2015, \
        arXiv:1502.01852).";
    HeNormal 2.0 "fan_in" "truncated_normal" "Normal with variance 2 / fan in (He et al. 2015, \
        arXiv:1502.01852).";
    LecunUniform 1.0 "fan_in" "uniform" "Even within √(3 / fan in) (LeCun et al. 1998).";
    LecunNormal 1.0 "fan_in" "truncated_normal" "Normal with variance 1 / fan in (LeCun et al. \
        1998).";
}

/// Normal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RandomNormal {
    /// Its own seed.
    pub seed: Option<Value>,
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub stddev: f64,
}

impl Default for RandomNormal {
    fn default() -> Self {
        Self { seed: None, mean: 0.0, stddev: 0.05 }
    }
}

impl Initialize for RandomNormal {
    fn values(&self, shape: &[usize], draw: &mut Draw) -> Result<Vec<f64>> {
        let mut own = own_draw(&self.seed);
        let draw = own.as_mut().unwrap_or(draw);
        Ok((0..shape.iter().product()).map(|_| self.mean + self.stddev * draw.normal()).collect())
    }
}

/// Normal within two deviations of the mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TruncatedNormal {
    /// Its own seed.
    pub seed: Option<Value>,
    /// Mean.
    pub mean: f64,
    /// Standard deviation before the cut.
    pub stddev: f64,
}

impl Default for TruncatedNormal {
    fn default() -> Self {
        Self { seed: None, mean: 0.0, stddev: 0.05 }
    }
}

impl Initialize for TruncatedNormal {
    fn values(&self, shape: &[usize], draw: &mut Draw) -> Result<Vec<f64>> {
        let mut own = own_draw(&self.seed);
        let draw = own.as_mut().unwrap_or(draw);
        Ok((0..shape.iter().product())
            .map(|_| self.mean + self.stddev * draw.truncated_normal())
            .collect())
    }
}

/// Even between two values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RandomUniform {
    /// Its own seed.
    pub seed: Option<Value>,
    /// Lowest.
    pub minval: f64,
    /// Highest.
    pub maxval: f64,
}

impl Default for RandomUniform {
    fn default() -> Self {
        Self { seed: None, minval: -0.05, maxval: 0.05 }
    }
}

impl Initialize for RandomUniform {
    fn values(&self, shape: &[usize], draw: &mut Draw) -> Result<Vec<f64>> {
        let mut own = own_draw(&self.seed);
        let draw = own.as_mut().unwrap_or(draw);
        Ok((0..shape.iter().product())
            .map(|_| self.minval + (self.maxval - self.minval) * draw.uniform())
            .collect())
    }
}

setters!(VarianceScaling {
    plain scale: f64,
    into mode: String,
    into distribution: String,
});
setters!(RandomNormal { plain mean: f64, plain stddev: f64 });
setters!(TruncatedNormal { plain mean: f64, plain stddev: f64 });
setters!(RandomUniform { plain minval: f64, plain maxval: f64 });
