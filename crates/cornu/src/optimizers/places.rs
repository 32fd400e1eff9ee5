//! Where learning rates, counts of steps and moving averages stand among the variables of an
//! optimizer.

use super::state;
use super::weights::Attributes;
use super::{Kind, Optimizer, Scope, VarInfo, apply, loss_scale, multi};
use cornu_ir::Var;
use std::ops::Range;

/// An optimizer with a learning rate of its own: the whole one, or one within a MultiOptimizer.
pub(crate) struct Paced<'a> {
    /// Itself.
    pub(crate) optimizer: &'a Optimizer,
    /// Where its variables begin.
    start: usize,
    /// The key under which logs tell its rate: `learning_rate`, or `learning_rate_NAME` of one
    /// among several.
    pub(crate) key: String,
}

impl Paced<'_> {
    /// Where its learning rate stands among all variables; with a schedule there is none.
    pub(crate) fn rate_index(&self) -> Option<usize> {
        Some(self.start + self.optimizer.learning_rate_index()?)
    }

    /// Where its variables stand of which the rate of the coming step follows.
    pub(crate) fn rate_places(&self) -> Range<usize> {
        let n = 1 + self
            .optimizer
            .learning_rate_index()
            .unwrap_or(0)
            .max(self.optimizer.iteration_index());
        self.start..self.start + n
    }
}

impl Optimizer {
    /// Writes the learning rate of the next step (f32) into the graph; `None` for a MultiOptimizer,
    /// which has several.
    pub fn current_learning_rate<'g>(&self, state: &[Var<'g>]) -> Option<Var<'g>> {
        match self.kind() {
            Kind::Rule(rule) => {
                Some(apply::learning_rate(rule, &state::layout(rule, &[], Attributes::Kept), state))
            }
            Kind::Scaled(outer) => outer
                .inner_optimizer
                .current_learning_rate(&state[loss_scale::OWN.min(state.len())..]),
            Kind::Several(_) => None,
        }
    }

    /// Returns the index of the learning rate among the variables; `None` with a schedule.
    pub fn learning_rate_index(&self) -> Option<usize> {
        match self.kind() {
            Kind::Rule(rule) => state::layout(rule, &[], Attributes::Kept).rate,
            Kind::Scaled(outer) => {
                outer.inner_optimizer.learning_rate_index().map(|i| i + loss_scale::OWN)
            }
            Kind::Several(_) => None,
        }
    }

    /// Returns the index of the step count among the variables.
    pub fn iteration_index(&self) -> usize {
        match self.kind() {
            Kind::Rule(_) | Kind::Several(_) => state::ITERATION,
            Kind::Scaled(outer) => outer.inner_optimizer.iteration_index() + loss_scale::OWN,
        }
    }

    /// Itself, or those within that have learning rates.
    pub(crate) fn paced(&self, vars: &[VarInfo]) -> Vec<Paced<'_>> {
        self.paced_in(Scope::new(vars))
    }

    fn paced_in(&self, scope: Scope<'_>) -> Vec<Paced<'_>> {
        match self.kind() {
            Kind::Scaled(outer) if matches!(outer.inner_optimizer.kind(), Kind::Several(_)) => {
                let within = outer.inner_optimizer.paced_in(scope.without_attributes());
                within
                    .into_iter()
                    .map(|p| Paced { start: p.start + loss_scale::OWN, ..p })
                    .collect()
            }
            Kind::Rule(_) | Kind::Scaled(_) => {
                vec![Paced { optimizer: self, start: 0, key: "learning_rate".into() }]
            }
            Kind::Several(outer) => {
                let parts = outer.parts(scope).unwrap_or_default();
                let key = |o: &Self| format!("learning_rate_{}", o.name());
                parts
                    .iter()
                    .map(|p| Paced {
                        optimizer: p.optimizer,
                        start: p.places.start,
                        key: key(p.optimizer),
                    })
                    .collect()
            }
        }
    }

    /// The weights of which moving averages are kept, each with the place of its average among the
    /// variables.
    pub(crate) fn averages(&self, vars: &[VarInfo]) -> Vec<(usize, usize)> {
        self.averages_in(Scope::new(vars))
    }

    fn averages_in(&self, scope: Scope<'_>) -> Vec<(usize, usize)> {
        match self.kind() {
            Kind::Rule(rule) => state::layout(rule, scope.vars, scope.attributes)
                .averages
                .into_iter()
                .flatten()
                .enumerate()
                .collect(),
            Kind::Scaled(outer) => {
                let within = outer.inner_optimizer.averages_in(scope.without_attributes());
                within.into_iter().map(|(weight, at)| (weight, at + loss_scale::OWN)).collect()
            }
            Kind::Several(outer) => {
                let parts = outer.parts(scope).unwrap_or_default();
                let within = |p: &multi::Part<'_>| {
                    let averages = p.optimizer.averages_in(scope.of(&p.vars));
                    averages
                        .into_iter()
                        .map(|(weight, at)| (p.weights[weight], at + p.places.start))
                        .collect::<Vec<_>>()
                };
                parts.iter().filter(|p| !p.weights.is_empty()).flat_map(within).collect()
            }
        }
    }
}
