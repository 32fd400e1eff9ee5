//! Initial values of weights, with Keras's classes and defaults.
//!
//! Source: keras/src/initializers, Keras 3.15.1. Differs: the distributions are Keras's, the drawn
//! numbers are cornu's own (ChaCha8 by seed and weight), since Keras draws others on each of its
//! backends.

mod constant;
mod fourier;
mod variance;
mod orthogonal;

pub use constant::{Constant, Ones, Zeros};
pub use fourier::{Identity, Stft};
pub use orthogonal::Orthogonal;
pub use variance::{
    GlorotNormal, GlorotUniform, HeNormal, HeUniform, LecunNormal, LecunUniform, RandomNormal,
    RandomUniform, TruncatedNormal, VarianceScaling,
};

use crate::Result;
use crate::config::Configured;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

crate::config::family! {
    /// Initializer: one of Keras's, or your own that implements [`Initialize`].
    pub struct Initializer(dyn Initialize) = "initializer", "keras.initializers" {
        "Zeros" => Zeros,
        "Ones" => Ones,
        "Constant" => Constant,
        "GlorotUniform" => GlorotUniform,
        "GlorotNormal" => GlorotNormal,
        "HeNormal" => HeNormal,
        "HeUniform" => HeUniform,
        "LecunNormal" => LecunNormal,
        "LecunUniform" => LecunUniform,
        "VarianceScaling" => VarianceScaling,
        "RandomNormal" => RandomNormal,
        "RandomUniform" => RandomUniform,
        "TruncatedNormal" => TruncatedNormal,
        "Orthogonal" | "OrthogonalInitializer" => Orthogonal,
        "Identity" | "IdentityInitializer" => Identity,
        "STFT" | "STFTInitializer" => Stft,
    }
}

/// Random number generator of one weight.
pub struct Draw(ChaCha8Rng);

impl Draw {
    /// Returns the generator of the `index`-th weight of a model with this seed.
    pub fn new(seed: u64, index: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(index);
        Self(rng)
    }

    /// Returns a number uniformly distributed in [0, 1).
    pub fn uniform(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Returns a standard normal number (Box-Muller).
    pub fn normal(&mut self) -> f64 {
        let (u, v) = (1.0 - self.uniform(), self.uniform());
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }

    /// Returns a standard normal number within ±2.
    pub fn truncated_normal(&mut self) -> f64 {
        loop {
            let x = self.normal();
            if x.abs() <= 2.0 {
                return x;
            }
        }
    }
}

/// Trait of initializers: the first values of a weight of a shape.
///
/// ```
/// use cornu::extend::{Draw, Initialize, serde};
/// use cornu::{Dense, Input, Model};
///
/// /// Ones at every `step`-th place.
/// #[derive(Debug, serde::Serialize, serde::Deserialize)]
/// struct Comb {
///     step: usize,
/// }
/// cornu::class!(Comb = "comb>Comb");
///
/// impl Initialize for Comb {
///     fn values(&self, shape: &[usize], _: &mut Draw) -> cornu::Result<Vec<f64>> {
///         let n = shape.iter().product();
///         Ok((0..n).map(|i| f64::from(i % self.step == 0)).collect())
///     }
/// }
///
/// let x = Input::new([2]);
/// let y = Dense::new(2).kernel_initializer(Comb { step: 3 }).call(&x)?;
/// let model = Model::new(&x, &y)?;
/// assert_eq!(model.weights()[0], ndarray::arr2(&[[1.0f32, 0.0], [0.0, 1.0]]).into());
/// # Ok::<(), cornu::Error>(())
/// ```
pub trait Initialize: Configured {
    /// Returns the values of a weight of a shape, row-major. An initializer with a seed of its own
    /// draws from that.
    ///
    /// # Errors
    /// A shape that the initializer does not take.
    fn values(&self, shape: &[usize], draw: &mut Draw) -> Result<Vec<f64>>;

    /// Returns the initializer with the axes that count as inputs and outputs; `None` if its scale
    /// does not depend on them, or it has its own.
    fn with_fans(&self, inputs: &[isize], outputs: &[isize]) -> Option<Initializer> {
        let _ = (inputs, outputs);
        None
    }

    /// Checks that the initializer can be used: fails for a name that no class has.
    #[doc(hidden)]
    fn check(&self) -> Result<()> {
        Ok(())
    }
}

/// The draw of an initializer's own seed, when it has one.
fn own_draw(seed: &Option<serde_json::Value>) -> Option<Draw> {
    seed.as_ref()
        .and_then(|s| s.as_u64().or_else(|| s.as_i64().map(|i| i as u64)))
        .map(|s| Draw::new(s, 0))
}
