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

use crate::config::Configured;
use cornu_ir::interpret::interpret;
use cornu_ir::{Builder, DType, Spec, Tensor, Var};

/// Trait of learning rate schedules: the rate after a number of steps.
///
/// ```
/// use cornu::extend::{ScheduleFunction, Var, serde};
/// use cornu::optimizers::schedules::Schedule;
///
/// /// `peak · min(1, (step + 1) / steps)`.
/// #[derive(Debug, serde::Serialize, serde::Deserialize)]
/// struct Warmup {
///     peak: f64,
///     steps: f64,
/// }
/// cornu::class!(Warmup = "speech>Warmup");
///
/// impl ScheduleFunction for Warmup {
///     fn of<'g>(&self, step: Var<'g>) -> Var<'g> {
///         ((step + 1.0) / self.steps).minimum(1.0) * self.peak
///     }
/// }
///
/// let s = Schedule::from(Warmup { peak: 0.5, steps: 4.0 });
/// assert_eq!((s.at(0), s.at(3), s.at(9)), (0.125, 0.5, 0.5));
/// ```
pub trait ScheduleFunction: Configured {
    /// Returns the learning rate after a number of steps, both f32.
    fn of<'g>(&self, step: Var<'g>) -> Var<'g>;
}

crate::config::family! {
    /// Learning rate schedule: one of Keras's, or your own that implements [`ScheduleFunction`].
    pub struct Schedule(dyn ScheduleFunction) =
        "learning rate schedule", "keras.optimizers.schedules"
    {
        "ExponentialDecay" => ExponentialDecay,
        "PiecewiseConstantDecay" => PiecewiseConstantDecay,
        "PolynomialDecay" => PolynomialDecay,
        "InverseTimeDecay" => InverseTimeDecay,
        "CosineDecay" => CosineDecay,
        "CosineDecayRestarts" => CosineDecayRestarts,
    }
}

impl Schedule {
    /// Returns the learning rate after a number of steps (a scalar of integers), f32.
    pub fn of<'g>(&self, steps: Var<'g>) -> Var<'g> {
        self.object.of(steps.cast(DType::F32))
    }

    /// Returns the learning rate after a number of steps.
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
