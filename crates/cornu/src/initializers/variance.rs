//! Random initial values, some scaled by the number of inputs and outputs of a weight.

use super::{Draw, Initialize, own_draw};
use crate::config::setters;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Returns the numbers of inputs and outputs of a weight of a shape (Keras 3.15.1, `compute_fans`).
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

/// Initializer of random values with variance `scale / fan`, with the fan of `mode`: inputs,
/// outputs or their mean.
///
/// ```
/// use cornu::extend::{Draw, Initialize};
/// use cornu::initializers::VarianceScaling;
/// let w = VarianceScaling::new().seed(1).values(&[3, 2], &mut Draw::new(0, 0))?;
/// assert_eq!(w.len(), 6);
/// assert_eq!(w, VarianceScaling::new().seed(1).values(&[3, 2], &mut Draw::new(9, 9))?);
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct VarianceScaling {
    /// Seed of the initializer; `None` to draw from the model's seed.
    pub seed: Option<Value>,
    /// Numerator of the variance.
    pub scale: f64,
    /// Fan that divides the variance: `fan_in`, `fan_out` or `fan_avg`.
    pub mode: String,
    /// Distribution: `truncated_normal`, `untruncated_normal` or `uniform`.
    pub distribution: String,
    /// Axes that count as inputs; `None` for Keras's default.
    pub input_axes: Option<Vec<isize>>,
    /// Axes that count as outputs; `None` for Keras's default.
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
            /// Returns the initializer with Keras's defaults.
            pub fn new() -> Self {
                Self::default()
            }

            /// Sets a seed, instead of drawing from the model's.
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
            /// Seed of the initializer; `None` to draw from the model's seed.
            pub seed: Option<Value>,
            /// Axes that count as inputs; `None` for Keras's default.
            pub input_axes: Option<Vec<isize>>,
            /// Axes that count as outputs; `None` for Keras's default.
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
    GlorotUniform 1.0 "fan_avg" "uniform"
        "Glorot initializer: uniform within ±√(6 / (fan in + fan out)) (Glorot and Bengio \
        2010).\n\n```\n\
        use cornu::extend::{Draw, Initialize};\n\
        use cornu::initializers::GlorotUniform;\n\
        let w = GlorotUniform::new().values(&[3, 1], &mut Draw::new(0, 0))?;\n\
        assert!(w.iter().all(|w| w.abs() <= 1.225)); // √(6 / 4)\n\
        # Ok::<(), cornu::Error>(())\n```";
    GlorotNormal 1.0 "fan_avg" "truncated_normal"
        "Glorot initializer: truncated normal with variance 2 / (fan in + fan out) (Glorot and \
        Bengio 2010).\n\n```\n\
        use cornu::extend::{Draw, Initialize};\n\
        use cornu::initializers::GlorotNormal;\n\
        let w = GlorotNormal::new().values(&[3, 1], &mut Draw::new(0, 0))?;\n\
        assert!(w.iter().all(|w| w.abs() <= 1.608)); // 2 √(2 / 4) / 0.8796\n\
        # Ok::<(), cornu::Error>(())\n```";
    HeUniform 2.0 "fan_in" "uniform"
        "He initializer: uniform within ±√(6 / fan in) (He et al. 2015, arXiv:1502.01852).\n\n```\n\
        use cornu::extend::{Draw, Initialize};\n\
        use cornu::initializers::HeUniform;\n\
        let w = HeUniform::new().values(&[3, 1], &mut Draw::new(0, 0))?;\n\
        assert!(w.iter().all(|w| w.abs() <= 1.415)); // √(6 / 3)\n\
        # Ok::<(), cornu::Error>(())\n```";
    HeNormal 2.0 "fan_in" "truncated_normal"
        "He initializer: truncated normal with variance 2 / fan in (He et al. 2015, \
        arXiv:1502.01852).\n\n```\n\
        use cornu::extend::{Draw, Initialize};\n\
        use cornu::initializers::HeNormal;\n\
        let w = HeNormal::new().values(&[3, 1], &mut Draw::new(0, 0))?;\n\
        assert!(w.iter().all(|w| w.abs() <= 1.857)); // 2 √(2 / 3) / 0.8796\n\
        # Ok::<(), cornu::Error>(())\n```";
    LecunUniform 1.0 "fan_in" "uniform"
        "LeCun initializer: uniform within ±√(3 / fan in) (LeCun et al. 1998).\n\n```\n\
        use cornu::extend::{Draw, Initialize};\n\
        use cornu::initializers::LecunUniform;\n\
        let w = LecunUniform::new().values(&[3, 1], &mut Draw::new(0, 0))?;\n\
        assert!(w.iter().all(|w| w.abs() <= 1.0)); // √(3 / 3)\n\
        # Ok::<(), cornu::Error>(())\n```";
    LecunNormal 1.0 "fan_in" "truncated_normal"
        "LeCun initializer: truncated normal with variance 1 / fan in (LeCun et al. 1998).\n\n```\n\
        use cornu::extend::{Draw, Initialize};\n\
        use cornu::initializers::LecunNormal;\n\
        let w = LecunNormal::new().values(&[3, 1], &mut Draw::new(0, 0))?;\n\
        assert!(w.iter().all(|w| w.abs() <= 1.313)); // 2 √(1 / 3) / 0.8796\n\
        # Ok::<(), cornu::Error>(())\n```";
}

/// Initializer of normally distributed values.
///
/// ```
/// use cornu::extend::{Draw, Initialize};
/// use cornu::initializers::RandomNormal;
/// let w = RandomNormal::new().seed(1).values(&[3], &mut Draw::new(0, 0))?;
/// assert_eq!(w, RandomNormal::new().seed(1).values(&[3], &mut Draw::new(9, 9))?);
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RandomNormal {
    /// Seed of the initializer; `None` to draw from the model's seed.
    pub seed: Option<Value>,
    /// Mean of the distribution.
    pub mean: f64,
    /// Standard deviation of the distribution.
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

/// Initializer of normally distributed values within two standard deviations of the mean.
///
/// ```
/// use cornu::extend::{Draw, Initialize};
/// use cornu::initializers::TruncatedNormal;
/// let w = TruncatedNormal::new().values(&[100], &mut Draw::new(0, 0))?;
/// assert!(w.iter().all(|w| w.abs() <= 2.0 * 0.05)); // by default stddev = 0.05
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TruncatedNormal {
    /// Seed of the initializer; `None` to draw from the model's seed.
    pub seed: Option<Value>,
    /// Mean of the distribution.
    pub mean: f64,
    /// Standard deviation before truncation.
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

/// Initializer of uniformly distributed values between two numbers.
///
/// ```
/// use cornu::extend::{Draw, Initialize};
/// use cornu::initializers::RandomUniform;
/// let w = RandomUniform::new().values(&[100], &mut Draw::new(0, 0))?;
/// assert!(w.iter().all(|w| w.abs() <= 0.05)); // by default from −0.05 to 0.05
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RandomUniform {
    /// Seed of the initializer; `None` to draw from the model's seed.
    pub seed: Option<Value>,
    /// Smallest value.
    pub minval: f64,
    /// Largest value.
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
