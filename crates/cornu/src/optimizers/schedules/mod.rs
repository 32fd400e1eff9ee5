//! Learning rate schedules: functions of the number of steps made.
//!
//! Source: keras/src/optimizers/schedules/learning_rate_schedule.py, Keras 3.15.1. Values are f32,
//! as Keras computes them.

mod numbers;
mod exponential;
mod piecewise;
mod polynomial;
mod inverse_time;
mod cosine;
mod cosine_restarts;

pub use cosine::CosineDecay;
pub use cosine_restarts::CosineDecayRestarts;
pub use exponential::ExponentialDecay;
pub use inverse_time::InverseTimeDecay;
pub use piecewise::PiecewiseConstantDecay;
pub use polynomial::PolynomialDecay;

use cornu_ir::interpret::interpret;
use cornu_ir::{Builder, DType, Spec, Tensor, Var};

macro_rules! schedules {
    ($($class:literal => $Type:ident),* $(,)?) => {
        crate::family! {
            /// A schedule by its Keras class.
            pub enum Schedule = "learning rate schedule", "keras.optimizers.schedules" {
                $($class => $Type),*
            }
        }

        impl Schedule {
            /// The learning rate after a number of steps (a scalar of integers), f32.
            pub fn of<'g>(&self, steps: Var<'g>) -> Var<'g> {
                let steps = steps.cast(DType::F32);
                match self { $(Self::$Type(s) => s.of(steps)),* }
            }
        }
    };
}

schedules! {
    "ExponentialDecay" => ExponentialDecay,
    "PiecewiseConstantDecay" => PiecewiseConstantDecay,
    "PolynomialDecay" => PolynomialDecay,
    "InverseTimeDecay" => InverseTimeDecay,
    "CosineDecay" => CosineDecay,
    "CosineDecayRestarts" => CosineDecayRestarts,
}

impl Schedule {
    /// The learning rate after a number of steps.
    ///
    /// ```
    /// use cornu::optimizers::schedules::{ExponentialDecay, Schedule};
    /// let s = Schedule::from(ExponentialDecay::new(0.5, 10.0, 0.25).staircase(true));
    /// assert_eq!((s.at(9), s.at(10)), (0.5, 0.125));
    /// ```
    pub fn at(&self, steps: i32) -> f32 {
        let b = Builder::new();
        b.output("rate", self.of(b.input("steps", Spec::known(DType::I32, &[]))));
        let graph = b.finish().expect("formulas of scalars have no shapes to get wrong");
        interpret(&graph, &[Tensor::scalar(steps)])[0].to_f64()[0] as f32
    }
}
