//! The update rule of an optimizer: the variables it keeps of each weight, and how it moves one.

use super::Optimizer;
use super::settings::Settings;
use super::weights::VarInfo;
use crate::Result;
use crate::config::Configured;
use cornu_ir::{DType, Var};

/// First value of a variable of an optimizer.
#[derive(Clone, Debug, PartialEq)]
pub enum Initial {
    /// All elements 0.
    Zeros,
    /// One number for all elements.
    Value(f64),
    /// Copy of the first value of the trainable weight with this number.
    CopyOf(usize),
}

/// Variable that an optimizer keeps for a weight.
#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    /// Suffix of the name, after the weight's name.
    pub name: &'static str,
    /// Dims of the variable.
    pub shape: Vec<usize>,
    /// Element type.
    pub dtype: DType,
    /// Initial value of the variable.
    pub initial: SlotInitial,
    /// True if Keras keeps it only because it is an attribute, so that a LossScaleOptimizer around
    /// loses it at each step. Then it is a scalar.
    pub is_attribute: bool,
}

/// First value of a slot.
#[derive(Clone, Debug, PartialEq)]
pub enum SlotInitial {
    /// All elements 0.
    Zeros,
    /// One number for all elements.
    Value(f64),
    /// The value of the weight.
    Weight,
}

impl Slot {
    /// Returns a variable of zeros with the shape and type of a weight.
    pub fn like(name: &'static str, v: &VarInfo) -> Self {
        Self {
            name,
            shape: v.shape.clone(),
            dtype: v.dtype,
            initial: SlotInitial::Zeros,
            is_attribute: false,
        }
    }

    /// Sets the shape.
    pub fn shape(mut self, shape: Vec<usize>) -> Self {
        self.shape = shape;
        self
    }

    /// Returns a scalar that Keras keeps only as an attribute.
    pub fn attribute(name: &'static str, dtype: DType, first: f64) -> Self {
        Self { name, shape: vec![], dtype, initial: SlotInitial::Value(first), is_attribute: true }
    }

    /// Sets the first value.
    pub fn initial(mut self, initial: SlotInitial) -> Self {
        self.initial = initial;
        self
    }
}

/// One weight at one step of an optimizer.
pub struct Step<'a, 'g> {
    /// The weight's path, name, shape and type.
    pub var: &'a VarInfo,
    /// Value of the weight, after weight decay.
    pub weight: Var<'g>,
    /// Gradient of the weight, after clipping.
    pub gradient: Var<'g>,
    /// Variables of the weight, in the order of [`UpdateRule::slots`].
    pub slots: &'a [Var<'g>],
    /// Shared variables of all weights, as [`UpdateRule::renew`] returned them.
    pub shared: &'a [Var<'g>],
    /// Learning rate, a scalar of the weight's type.
    pub rate: Var<'g>,
    /// Number of updates before this one, a scalar i32.
    pub updates: Var<'g>,
}

impl<'g> Step<'_, 'g> {
    /// Returns the number of this update, from 1, in the weight's type.
    pub fn number(&self) -> Var<'g> {
        (self.updates + 1.0).cast(self.weight.dtype())
    }

    /// Returns a number as a scalar of the weight's type.
    pub fn scalar(&self, x: f64) -> Var<'g> {
        self.weight.builder().scalar(self.weight.dtype(), x)
    }

    /// Returns `1 - base^number`, the bias correction of an average that started at 0.
    pub fn warmed(&self, base: f64) -> Var<'g> {
        1.0 - self.scalar(base).pow(self.number())
    }
}

/// New value of a weight and of its variables after a step.
#[derive(Clone, Debug)]
pub struct Moved<'g> {
    /// New value of the weight.
    pub weight: Var<'g>,
    /// New values of the variables, in the order of [`UpdateRule::slots`].
    pub slots: Vec<Var<'g>>,
}

/// Trait of optimizers: how one weight changes by its gradient. Clipping, weight decay, averages,
/// accumulation and constraints are handled by cornu, as the [`Settings`] say.
///
/// ```
/// use cornu::extend::{Moved, Settings, Slot, Step, UpdateRule, VarInfo, serde};
/// use cornu::data::Array;
/// use cornu::Stepper;
/// use cornu::optimizers::{LearningRate, Optimizer};
///
/// /// `w ← w - lr · sign(g)`.
/// #[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
/// struct SignSgd {
///     learning_rate: LearningRate,
/// }
/// cornu::class!(SignSgd = "signs>SignSgd");
///
/// impl UpdateRule for SignSgd {
///     fn settings(&self) -> Settings<'_> {
///         Settings::new("sign_sgd", &self.learning_rate)
///     }
///
///     fn with_learning_rate(&self, rate: f64) -> Optimizer {
///         SignSgd { learning_rate: rate.into() }.into()
///     }
///
///     fn slots(&self, _: &VarInfo) -> Vec<Vec<Slot>> {
///         vec![]
///     }
///
///     fn step<'g>(&self, at: &Step<'_, 'g>) -> Moved<'g> {
///         Moved { weight: at.weight - at.gradient.sign() * at.rate, slots: vec![] }
///     }
/// }
///
/// let signs = SignSgd { learning_rate: 0.5.into() };
/// let mut optimizer = Stepper::new(signs, [ndarray::arr1(&[1.0f32, 2.0])])?;
/// optimizer.apply([ndarray::arr1(&[-3.0f32, 0.5])])?;
/// assert_eq!(optimizer.weights()[0], Array::from(ndarray::arr1(&[1.5f32, 1.5])));
/// # Ok::<(), cornu::Error>(())
/// ```
pub trait UpdateRule: Configured {
    /// Returns the settings that every optimizer has.
    fn settings(&self) -> Settings<'_>;

    /// Returns the optimizer with a learning rate, which training has changed.
    fn with_learning_rate(&self, rate: f64) -> Optimizer;

    /// Returns the optimizer with another fixed loss scale; `None` if it has none.
    fn with_loss_scale_factor(&self, factor: Option<f64>) -> Option<Optimizer> {
        let _ = factor;
        None
    }

    /// Checks the settings of the rule.
    ///
    /// # Errors
    /// An invalid setting.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// Returns the variables kept of a weight. Keras makes variables group by group: those of one
    /// group for the first weight, for the second, …, then the next group.
    fn slots(&self, var: &VarInfo) -> Vec<Vec<Slot>>;

    /// Returns the variables kept once for all weights, after the slots.
    fn shared(&self, _vars: &[VarInfo]) -> Vec<Slot> {
        vec![]
    }

    /// Returns new values of the shared variables, before the weights are updated. `updates` is the
    /// number of updates so far.
    fn renew<'g>(&self, shared: &[Var<'g>], _updates: Var<'g>) -> Vec<Var<'g>> {
        shared.to_vec()
    }

    /// Returns the weight decay of a weight: the share that is subtracted, times the learning rate,
    /// before each update.
    fn decay(&self, _var: &VarInfo, settings: &Settings<'_>) -> Option<f64> {
        settings.weight_decay
    }

    /// Returns one weight after a step.
    fn step<'g>(&self, at: &Step<'_, 'g>) -> Moved<'g>;
}

/// Checks an optimizer's settings, shared and own.
pub(super) fn checked(rule: &dyn UpdateRule) -> Result<()> {
    rule.settings().check()?;
    rule.check()
}
