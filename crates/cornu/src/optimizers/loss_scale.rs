//! LossScaleOptimizer: an optimizer with a dynamic loss scale.

use super::{Initial, Optimizer, Scope, StateSpec, Update};
use cornu_ir::{DType, Var};
use serde::{Deserialize, Deserializer, Serialize};

/// Optimizer with a dynamic loss scale: scales the loss, divides the gradients by the scale, and
/// skips steps whose gradients are not finite.
///
/// The scale doubles after `dynamic_growth_steps` finite steps in a row, and halves at a step that
/// is not finite. A `loss_scale_factor` of the inner optimizer is removed.
///
/// Source: keras/src/optimizers/loss_scale_optimizer.py, Keras 3.15.1.
///
/// ```
/// use cornu::optimizers::{LossScaleOptimizer, Optimizer, Sgd};
/// let scaled = LossScaleOptimizer::new(Sgd::default().loss_scale_factor(4.0));
/// assert_eq!(scaled.initial_scale, 32768.0);
/// assert_eq!(*scaled.inner_optimizer, Optimizer::from(Sgd::default()));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LossScaleOptimizer {
    /// Name of the optimizer.
    #[serde(default = "name")]
    pub name: String,
    /// Optimizer that updates the weights.
    #[serde(deserialize_with = "unscaled")]
    pub inner_optimizer: Box<Optimizer>,
    /// Loss scale at the first step.
    #[serde(default = "initial_scale")]
    pub initial_scale: f64,
    /// Number of finite steps in a row after which the scale doubles.
    #[serde(default = "dynamic_growth_steps")]
    pub dynamic_growth_steps: u32,
}

fn name() -> String {
    "loss_scale_optimizer".into()
}

fn initial_scale() -> f64 {
    32768.0
}

fn dynamic_growth_steps() -> u32 {
    2000
}

fn unscaled<'de, D: Deserializer<'de>>(d: D) -> Result<Box<Optimizer>, D::Error> {
    Ok(Box::new(Optimizer::deserialize(d)?.with_loss_scale_factor(None)))
}

/// Its own variables: iteration and learning rate (both unused), counter, scale. The inner
/// optimizer's follow.
pub(super) const OWN: usize = 4;
const COUNTER: usize = 2;
const SCALE: usize = 3;

/// The scale among the variables.
pub(super) fn scale<'g>(state: &[Var<'g>]) -> Option<Var<'g>> {
    state.get(SCALE).copied()
}

impl LossScaleOptimizer {
    /// Returns a loss scale optimizer around another, with Keras's defaults.
    pub fn new(inner: impl Into<Optimizer>) -> Self {
        let inner_optimizer = Box::new(inner.into().with_loss_scale_factor(None));
        Self {
            name: name(),
            inner_optimizer,
            initial_scale: initial_scale(),
            dynamic_growth_steps: dynamic_growth_steps(),
        }
    }

    pub(super) fn state(&self, scope: Scope<'_>) -> Vec<StateSpec> {
        let mut specs = vec![
            StateSpec::scalar("iteration", DType::I32, Initial::Zeros),
            StateSpec::scalar("learning_rate", DType::F32, Initial::Zeros),
            StateSpec::scalar("step_counter", DType::I32, Initial::Zeros),
            StateSpec::scalar("dynamic_scale", DType::F32, Initial::Value(self.initial_scale)),
        ];
        specs.extend(self.inner_optimizer.state_in(scope.without_attributes()));
        specs
    }

    pub(super) fn scale_loss<'g>(&self, loss: Var<'g>, state: &[Var<'g>]) -> Var<'g> {
        scale(state).map_or(loss, |scale| loss * scale.cast(loss.dtype()))
    }

    pub(super) fn update<'g>(
        &self,
        scope: Scope<'_>,
        params: &[Var<'g>],
        gradients: &[Var<'g>],
        state: &[Var<'g>],
    ) -> Update<'g> {
        let Some((own, inner)) = state.split_at_checked(OWN) else {
            return Update { params: params.to_vec(), state: state.to_vec() };
        };
        let (counter, scale) = (own[COUNTER], own[SCALE]);
        let unscaled: Vec<Var<'g>> = gradients.iter().map(|g| *g / scale.cast(g.dtype())).collect();
        let moved =
            self.inner_optimizer.update_in(scope.without_attributes(), params, &unscaled, inner);
        let all_finite = |g: &Var<'g>| g.abs().lt(f64::INFINITY).all(&g.all_axes(), false);
        let Some(finite) = gradients.iter().map(all_finite).reduce(|a, b| a.and(b)) else {
            return moved;
        };
        let pick = |new: &[Var<'g>], old: &[Var<'g>]| {
            new.iter().zip(old).map(|(n, o)| finite.select(*n, *o)).collect::<Vec<_>>()
        };

        let grows = counter.eq(f64::from(self.dynamic_growth_steps) - 1.0);
        let mut next = own.to_vec();
        next[COUNTER] = finite.and(grows.not()).select(counter + 1.0, 0.0);
        next[SCALE] = finite.select(grows.select(scale * 2.0, scale), scale * 0.5);
        next.extend(pick(&moved.state, inner));
        Update { params: pick(&moved.params, params), state: next }
    }

    pub(super) fn finalize<'g>(
        &self,
        scope: Scope<'_>,
        params: &[Var<'g>],
        state: &[Var<'g>],
    ) -> Option<Update<'g>> {
        let (own, inner) = state.split_at_checked(OWN)?;
        let update = self.inner_optimizer.finalize_in(scope.without_attributes(), params, inner)?;
        Some(Update { params: update.params, state: [own, &update.state].concat() })
    }
}
