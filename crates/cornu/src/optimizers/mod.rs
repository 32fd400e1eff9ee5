//! Optimizers: how weights move. Each writes its step into a graph, so that forward, gradient and update are one program.
//!
//! Source: keras/src/optimizers, Keras 3.15.1.

pub mod schedules;
mod learning_rate;
mod settings;
mod rule;
mod state;
mod clipping;
mod apply;
mod sgd;
mod rmsprop;
mod adam;
mod adamw;
mod adagrad;
mod adadelta;
mod adamax;
mod nadam;
mod ftrl;
mod lion;
mod lamb;
mod adafactor;
mod muon;
mod schedule_free_adamw;
mod loss_scale;

pub use adadelta::Adadelta;
pub use adafactor::Adafactor;
pub use adagrad::Adagrad;
pub use adam::Adam;
pub use adamax::Adamax;
pub use adamw::AdamW;
pub use ftrl::Ftrl;
pub use lamb::Lamb;
pub use learning_rate::LearningRate;
pub use lion::Lion;
pub use loss_scale::LossScaleOptimizer;
pub use muon::Muon;
pub use nadam::Nadam;
pub use rmsprop::RmsProp;
pub use rule::Initial;
pub use schedule_free_adamw::ScheduleFreeAdamW;
pub use sgd::Sgd;
pub use state::StateSpec;

use crate::Result;
use crate::constraints::Constraint;
use crate::model::Variable;
use cornu_ir::{DType, Var};
use rule::Rule;

/// A trainable weight, as optimizers see it.
#[derive(Clone, Debug, PartialEq)]
pub struct VarInfo {
    /// Path: `dense/kernel`.
    pub path: String,
    /// Name: `kernel`.
    pub name: String,
    /// Dims.
    pub shape: Vec<usize>,
    /// Type.
    pub dtype: DType,
    /// The projection after each update.
    pub constraint: Option<Constraint>,
}

impl From<&Variable> for VarInfo {
    fn from(v: &Variable) -> Self {
        Self { path: v.path.clone(), name: v.spec.name.into(), shape: v.spec.shape.clone(), dtype: v.spec.dtype(), constraint: v.spec.constraint.clone() }
    }
}

/// The weights and the optimizer's variables after a step, in the order they came.
#[derive(Clone, Debug)]
pub struct Update<'g> {
    /// Trainable weights.
    pub params: Vec<Var<'g>>,
    /// The optimizer's variables.
    pub state: Vec<Var<'g>>,
}

macro_rules! optimizers {
    ($($class:literal $(| $alias:literal)* => $Type:ident),* $(,)?) => {
        crate::family! {
            /// An optimizer by its Keras class.
            pub enum Optimizer = "optimizer", "keras.optimizers" {
                $($class $(| $alias)* => $Type,)*
                "LossScaleOptimizer" | "lossscaleoptimizer" => LossScaleOptimizer,
            }
        }

        impl Optimizer {
            fn rule(&self) -> Result<&dyn Rule, &LossScaleOptimizer> {
                match self {
                    $(Self::$Type(x) => Ok(x),)*
                    Self::LossScaleOptimizer(x) => Err(x),
                }
            }

            /// The same with a learning rate: how the variable's present value goes back into the config that is saved. A
            /// schedule stays.
            pub fn with_learning_rate(mut self, rate: f64) -> Self {
                match &mut self {
                    $(Self::$Type(x) => if let LearningRate::Number(old) = &mut x.learning_rate { *old = rate },)*
                    Self::LossScaleOptimizer(x) => *x.inner_optimizer = x.inner_optimizer.clone().with_learning_rate(rate),
                }
                self
            }
        }
    };
}

optimizers! {
    "SGD" | "sgd" => Sgd,
    "RMSprop" | "rmsprop" => RmsProp,
    "Adam" | "adam" => Adam,
    "AdamW" | "adamw" => AdamW,
    "Adagrad" | "adagrad" => Adagrad,
    "Adadelta" | "adadelta" => Adadelta,
    "Adamax" | "adamax" => Adamax,
    "Nadam" | "nadam" => Nadam,
    "Ftrl" | "ftrl" => Ftrl,
    "Lion" | "lion" => Lion,
    "Lamb" | "lamb" => Lamb,
    "Adafactor" | "adafactor" => Adafactor,
    "Muon" | "muon" => Muon,
    "ScheduleFreeAdamW" | "schedulefreeadamw" => ScheduleFreeAdamW,
}

impl Optimizer {
    /// Checks the settings of an optimizer made in Rust; one that was read is checked already.
    pub fn check(&self) -> Result<()> {
        match self.rule() {
            Ok(rule) => rule::checked(rule),
            Err(outer) => outer.inner_optimizer.check(),
        }
    }

    /// Its variables for the trainable weights, in the order in which Keras saves them: iteration, learning rate (none with a
    /// schedule), averages, accumulated gradients, then its own.
    pub fn state(&self, vars: &[VarInfo]) -> Vec<StateSpec> {
        match self.rule() {
            Ok(rule) => state::layout(rule, vars).specs,
            Err(outer) => outer.state(vars),
        }
    }

    /// Writes one step: the weights and variables that follow from the present ones and the gradients, all in order.
    /// Wrong counts are recorded in the builder.
    pub fn update<'g>(&self, vars: &[VarInfo], params: &[Var<'g>], gradients: &[Var<'g>], state: &[Var<'g>]) -> Update<'g> {
        match self.rule() {
            Ok(rule) => apply::apply(rule, vars, params, gradients, state),
            Err(outer) => outer.update(vars, params, gradients, state),
        }
    }

    /// Writes what Keras does when `fit` ends, if anything: moving averages take the weights' place.
    #[allow(clippy::only_used_in_recursion)] // the weights stand beside the state, as in `update`
    pub fn finalize<'g>(&self, vars: &[VarInfo], params: &[Var<'g>], state: &[Var<'g>]) -> Option<Update<'g>> {
        match self.rule() {
            Ok(rule) => apply::finalize(rule, vars, state),
            Err(outer) => {
                let (own, inner) = state.split_at_checked(loss_scale::OWN)?;
                let update = outer.inner_optimizer.finalize(vars, params, inner)?;
                Some(Update { params: update.params, state: [own, &update.state].concat() })
            }
        }
    }

    /// The loss from which gradients are to be taken.
    pub fn scale_loss<'g>(&self, loss: Var<'g>, state: &[Var<'g>]) -> Var<'g> {
        match self.rule() {
            Ok(rule) => rule.settings().loss_scale_factor.map_or(loss, |x| loss * x),
            Err(outer) => outer.scale_loss(loss, state),
        }
    }

    /// The scale that the gradients given to `update` must bear, where it is one of the variables.
    pub fn dynamic_scale<'g>(&self, state: &[Var<'g>]) -> Option<Var<'g>> {
        match self.rule() {
            Ok(_) => None,
            Err(_) => loss_scale::scale(state),
        }
    }

    /// Writes the learning rate of the coming step, f32.
    pub fn current_learning_rate<'g>(&self, state: &[Var<'g>]) -> Var<'g> {
        match self.rule() {
            Ok(rule) => apply::learning_rate(rule, &state::layout(rule, &[]), state),
            Err(outer) => outer.inner_optimizer.current_learning_rate(&state[loss_scale::OWN.min(state.len())..]),
        }
    }

    /// The learning rate as it was set.
    pub fn learning_rate(&self) -> &LearningRate {
        match self.rule() {
            Ok(rule) => rule.settings().learning_rate,
            Err(outer) => outer.inner_optimizer.learning_rate(),
        }
    }

    /// Where the learning rate stands among the variables; with a schedule there is none.
    pub fn learning_rate_index(&self) -> Option<usize> {
        match self.rule() {
            Ok(rule) => state::layout(rule, &[]).rate,
            Err(outer) => outer.inner_optimizer.learning_rate_index().map(|i| i + loss_scale::OWN),
        }
    }

    /// Where the count of steps stands among the variables.
    pub fn iteration_index(&self) -> usize {
        match self.rule() {
            Ok(_) => state::ITERATION,
            Err(outer) => outer.inner_optimizer.iteration_index() + loss_scale::OWN,
        }
    }

    /// Where the moving averages of the weights stand among the variables, for an optimizer that keeps them.
    pub fn average_indices(&self, vars: &[VarInfo]) -> Option<Vec<usize>> {
        match self.rule() {
            Ok(rule) => state::layout(rule, vars).averages,
            Err(outer) => Some(outer.inner_optimizer.average_indices(vars)?.into_iter().map(|i| i + loss_scale::OWN).collect()),
        }
    }

    /// The groups in which Keras saves its variables, and which of the `n` stand in each: those of an optimizer within stand in its own
    /// group too.
    pub fn groups(&self, n: usize) -> Vec<(&'static str, std::ops::Range<usize>)> {
        let all = ("vars", 0..n);
        match self.rule() {
            Ok(_) => vec![all],
            Err(_) => vec![all, ("inner_optimizer/vars", loss_scale::OWN.min(n)..n)],
        }
    }

    /// The name that a group of `groups` notes.
    pub fn name_of(&self, group: &str) -> &str {
        match self.rule() {
            Err(outer) if group != "vars" => outer.inner_optimizer.name(),
            _ => self.name(),
        }
    }

    /// Its name, under which Keras saves its variables.
    pub fn name(&self) -> &str {
        match self.rule() {
            Ok(rule) => rule.settings().name,
            Err(outer) => &outer.name,
        }
    }
}
