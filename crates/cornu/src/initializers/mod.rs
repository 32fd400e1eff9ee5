//! Initial values of weights, with Keras's classes and defaults.
//!
//! Source: keras/src/initializers, Keras 3.15.1. Differs: the distributions are Keras's, the drawn
//! numbers are cornu's own (ChaCha8 by seed and weight), since Keras draws others on each of its
//! backends.

mod constant;
mod fourier;
mod orthogonal;
mod variance;

pub use constant::{Constant, Ones, Zeros};
pub use fourier::{Identity, Stft};
pub use orthogonal::Orthogonal;
pub use variance::{
    GlorotNormal, GlorotUniform, HeNormal, HeUniform, LecunNormal, LecunUniform, RandomNormal,
    RandomUniform, TruncatedNormal, VarianceScaling,
};

use crate::Result;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

crate::family! {
    /// An initializer by its Keras class.
    pub enum Initializer = "initializer", "keras.initializers" {
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

/// Random numbers of one weight.
pub struct Draw(ChaCha8Rng);

impl Draw {
    /// The numbers of the `index`-th weight of a model with this seed.
    pub fn new(seed: u64, index: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(index);
        Self(rng)
    }

    /// Even in [0, 1).
    pub fn uniform(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Standard normal (Box-Muller).
    pub fn normal(&mut self) -> f64 {
        let (u, v) = (1.0 - self.uniform(), self.uniform());
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }

    /// Standard normal within two deviations.
    pub fn truncated_normal(&mut self) -> f64 {
        loop {
            let x = self.normal();
            if x.abs() <= 2.0 {
                return x;
            }
        }
    }
}

/// What an initializer does: the values of a weight of a shape.
pub trait Initialize {
    /// The values, row-major. An initializer with a seed of its own draws from that.
    fn values(&self, shape: &[usize], draw: &mut Draw) -> Result<Vec<f64>>;
}

impl Initializer {
    /// The same with the axes that count as input and output, where its scale depends on them and
    /// it names none.
    pub fn with_fans(&self, inputs: &[isize], outputs: &[isize]) -> Self {
        let mut x = self.clone();
        macro_rules! fill {
            ($($Type:ident)*) => {
                match &mut x {
                    $(Self::$Type(i) => (&mut i.input_axes, &mut i.output_axes),)*
                    _ => return x,
                }
            };
        }
        let (i, o) = fill!(
            GlorotUniform GlorotNormal HeNormal HeUniform LecunNormal LecunUniform VarianceScaling
        );
        if i.is_none() || o.is_none() {
            (*i, *o) = (Some(inputs.to_vec()), Some(outputs.to_vec()));
        }
        x
    }

    /// The values of a weight, row-major.
    pub fn values(&self, shape: &[usize], draw: &mut Draw) -> Result<Vec<f64>> {
        match self {
            Self::Zeros(x) => x.values(shape, draw),
            Self::Ones(x) => x.values(shape, draw),
            Self::Constant(x) => x.values(shape, draw),
            Self::GlorotUniform(x) => x.values(shape, draw),
            Self::GlorotNormal(x) => x.values(shape, draw),
            Self::HeNormal(x) => x.values(shape, draw),
            Self::HeUniform(x) => x.values(shape, draw),
            Self::LecunNormal(x) => x.values(shape, draw),
            Self::LecunUniform(x) => x.values(shape, draw),
            Self::VarianceScaling(x) => x.values(shape, draw),
            Self::RandomNormal(x) => x.values(shape, draw),
            Self::RandomUniform(x) => x.values(shape, draw),
            Self::TruncatedNormal(x) => x.values(shape, draw),
            Self::Orthogonal(x) => x.values(shape, draw),
            Self::Identity(x) => x.values(shape, draw),
            Self::Stft(x) => x.values(shape, draw),
        }
    }
}

/// The draw of an initializer's own seed, when it has one.
fn own_draw(seed: &Option<serde_json::Value>) -> Option<Draw> {
    seed.as_ref()
        .and_then(|s| s.as_u64().or_else(|| s.as_i64().map(|i| i as u64)))
        .map(|s| Draw::new(s, 0))
}
