//! Optimizers: how weights follow their gradients. Each writes its step into a graph, so that
//! forward pass, gradient and update are one program.
//!
//! Source: keras/src/optimizers, Keras 3.15.1.

pub mod schedules;
mod learning_rate;
mod weights;
mod pattern;
mod settings;
mod rule;
mod define;
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
mod multi;
mod places;
mod reading;

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
pub use multi::{MultiOptimizer, OptimizerMap};
pub use muon::Muon;
pub use nadam::Nadam;
pub(crate) use places::Paced;
pub use rmsprop::RmsProp;
pub use rule::{Initial, Moved, Slot, SlotInitial, Step, UpdateRule};
pub use schedule_free_adamw::ScheduleFreeAdamW;
pub use settings::Settings;
pub use sgd::Sgd;
pub use state::StateSpec;
pub use weights::{Update, VarInfo};

use crate::Result;
use cornu_ir::Var;
use std::ops::Range;
use weights::Scope;

/// What an optimizer is: a rule for each weight, or one around others.
enum Kind<'a> {
    Rule(&'a dyn UpdateRule),
    Scaled(&'a LossScaleOptimizer),
    Several(&'a MultiOptimizer),
}

/// Group of a file that holds variables of an optimizer.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedGroup {
    /// Path of the group below the optimizer, as `vars`.
    pub path: String,
    /// Name that the file notes for the group.
    pub name: String,
    /// Range of the optimizer's variables that the group holds.
    pub places: Range<usize>,
}

crate::config::family! {
    /// Update rule: one of Keras's, or your own that implements [`UpdateRule`].
    pub struct Rule(dyn UpdateRule) = "optimizer", "keras.optimizers" {
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
}

/// Optimizer: one of Keras's, or your own that implements [`UpdateRule`].
#[derive(Clone, Debug, PartialEq)]
pub enum Optimizer {
    /// An optimizer with one update rule for all weights.
    Rule(Rule),
    /// An optimizer with a dynamic loss scale.
    LossScale(LossScaleOptimizer),
    /// Several optimizers, each for some of the weights.
    Multi(MultiOptimizer),
}

impl Optimizer {
    fn kind(&self) -> Kind<'_> {
        match self {
            Self::Rule(rule) => Kind::Rule(&**rule),
            Self::LossScale(outer) => Kind::Scaled(outer),
            Self::Multi(outer) => Kind::Several(outer),
        }
    }

    /// Checks the settings, also against the weights.
    pub fn check(&self, vars: &[VarInfo]) -> Result<()> {
        match self.kind() {
            Kind::Rule(rule) => rule::checked(rule),
            Kind::Scaled(outer) => {
                if let Optimizer::Rule(rule) = &*outer.inner_optimizer
                    && let Some(factor) = rule.settings().loss_scale_factor
                {
                    let rule = "the optimizer within must have no loss_scale_factor of its own";
                    return Err(crate::Error::argument("LossScaleOptimizer", rule, factor));
                }
                outer.inner_optimizer.check(vars)
            }
            Kind::Several(outer) => outer.check(vars),
        }
    }

    /// Returns the optimizer's variables for the trainable weights, in Keras's order: iteration,
    /// learning rate (none with a schedule), averages, accumulated gradients, then those of the
    /// update rule.
    pub fn state(&self, vars: &[VarInfo]) -> Vec<StateSpec> {
        self.state_in(Scope::new(vars))
    }

    fn state_in(&self, scope: Scope<'_>) -> Vec<StateSpec> {
        match self.kind() {
            Kind::Rule(rule) => state::layout(rule, scope.vars, scope.attributes).specs,
            Kind::Scaled(outer) => outer.state(scope),
            Kind::Several(outer) => outer.state(scope),
        }
    }

    /// Writes one step into the graph: returns the new weights and variables, in order. Wrong
    /// counts are recorded in the builder.
    pub fn update<'g>(
        &self,
        vars: &[VarInfo],
        params: &[Var<'g>],
        gradients: &[Var<'g>],
        state: &[Var<'g>],
    ) -> Update<'g> {
        self.update_in(Scope::new(vars), params, gradients, state)
    }

    fn update_in<'g>(
        &self,
        scope: Scope<'_>,
        params: &[Var<'g>],
        gradients: &[Var<'g>],
        state: &[Var<'g>],
    ) -> Update<'g> {
        match self.kind() {
            Kind::Rule(rule) => apply::apply(rule, scope, params, gradients, state),
            Kind::Scaled(outer) => outer.update(scope, params, gradients, state),
            Kind::Several(outer) => outer.update(scope, params, gradients, state),
        }
    }

    /// Writes the update that Keras makes when `fit` ends, if any: moving averages replace the
    /// weights.
    pub fn finalize<'g>(
        &self,
        vars: &[VarInfo],
        params: &[Var<'g>],
        state: &[Var<'g>],
    ) -> Option<Update<'g>> {
        self.finalize_in(Scope::new(vars), params, state)
    }

    fn finalize_in<'g>(
        &self,
        scope: Scope<'_>,
        params: &[Var<'g>],
        state: &[Var<'g>],
    ) -> Option<Update<'g>> {
        match self.kind() {
            Kind::Rule(rule) => apply::finalize(rule, scope, state),
            Kind::Scaled(outer) => outer.finalize(scope, params, state),
            Kind::Several(outer) => outer.finalize(scope, params, state),
        }
    }

    /// Returns the scaled loss, of which the gradient is computed.
    pub fn scale_loss<'g>(&self, loss: Var<'g>, state: &[Var<'g>]) -> Var<'g> {
        let by = |factor: Option<f64>| factor.map_or(loss, |x| loss * x);
        match self.kind() {
            Kind::Rule(rule) => by(rule.settings().loss_scale_factor),
            Kind::Scaled(outer) => outer.scale_loss(loss, state),
            Kind::Several(outer) => by(outer.loss_scale_factor),
        }
    }

    /// Returns the dynamic loss scale, which the gradients given to `update` must have; `None`
    /// without one.
    pub fn dynamic_scale<'g>(&self, state: &[Var<'g>]) -> Option<Var<'g>> {
        match self.kind() {
            Kind::Scaled(_) => loss_scale::scale(state),
            Kind::Rule(_) | Kind::Several(_) => None,
        }
    }

    /// Returns the learning rate setting; `None` for a MultiOptimizer, which has several.
    pub fn learning_rate(&self) -> Option<&LearningRate> {
        match self.kind() {
            Kind::Rule(rule) => Some(rule.settings().learning_rate),
            Kind::Scaled(outer) => outer.inner_optimizer.learning_rate(),
            Kind::Several(_) => None,
        }
    }

    /// Returns the optimizer with its current learning rates, as the saved config holds them. `at`
    /// returns the value of a variable. Schedules are kept.
    pub fn with_learning_rates(mut self, vars: &[VarInfo], at: &dyn Fn(usize) -> f64) -> Self {
        self.settle_rates(Scope::new(vars), at);
        self
    }

    fn settle_rates(&mut self, scope: Scope<'_>, at: &dyn Fn(usize) -> f64) {
        match self {
            Self::LossScale(outer) => outer
                .inner_optimizer
                .settle_rates(scope.without_attributes(), &|i| at(i + loss_scale::OWN)),
            Self::Multi(outer) => outer.settle_rates(scope, at),
            Self::Rule(rule) => {
                if let LearningRate::Number(_) = rule.settings().learning_rate {
                    *self = rule.with_learning_rate(at(state::RATE));
                }
            }
        }
    }

    /// The same with another fixed factor of the loss, where it has one.
    fn with_loss_scale_factor(self, factor: Option<f64>) -> Self {
        match self {
            Self::Multi(mut outer) => {
                outer.loss_scale_factor = factor;
                outer.settled().into()
            }
            Self::Rule(rule) => {
                rule.with_loss_scale_factor(factor).unwrap_or(Optimizer::Rule(rule))
            }
            Self::LossScale(outer) => outer.into(),
        }
    }

    /// Returns the groups in which Keras saves the variables, with those of inner optimizers.
    pub fn groups(&self, vars: &[VarInfo]) -> Vec<SavedGroup> {
        self.groups_in(Scope::new(vars), "", 0)
    }

    fn groups_in(&self, scope: Scope<'_>, path: &str, start: usize) -> Vec<SavedGroup> {
        let all = start..start + self.state_in(scope).len();
        let mut groups =
            vec![SavedGroup { path: format!("{path}vars"), name: self.name().into(), places: all }];
        match self.kind() {
            Kind::Rule(_) => {}
            Kind::Scaled(outer) => {
                let path = format!("{path}inner_optimizer/");
                groups.extend(outer.inner_optimizer.groups_in(
                    scope.without_attributes(),
                    &path,
                    start + loss_scale::OWN,
                ));
            }
            Kind::Several(outer) => {
                let parts = outer.parts(scope).unwrap_or_default();
                for (i, part) in parts.iter().enumerate() {
                    let class = part.optimizer.class();
                    let before = parts[..i].iter().filter(|p| p.optimizer.class() == class).count();
                    let number = if before == 0 { String::new() } else { format!("_{before}") };
                    groups.push(SavedGroup {
                        path: format!(
                            "{path}optimizers/{}{number}/vars",
                            crate::config::snake_case(class)
                        ),
                        name: part.optimizer.name().into(),
                        places: start + part.places.start..start + part.places.end,
                    });
                }
            }
        }
        groups
    }

    /// Returns the name under which Keras saves the variables.
    pub fn name(&self) -> &str {
        match self.kind() {
            Kind::Rule(rule) => rule.settings().name,
            Kind::Scaled(outer) => &outer.name,
            Kind::Several(outer) => &outer.name,
        }
    }
}
