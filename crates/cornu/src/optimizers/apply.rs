//! One step of training, around an optimizer's own rule: accumulation, clipping, decay,
//! constraints, moving averages.
//!
//! Source: keras/src/optimizers/base_optimizer.py and keras/src/backend/jax/optimizer.py, Keras
//! 3.15.1.

use super::clipping::clip;
use super::learning_rate::LearningRate;
use super::rule::{Step, UpdateRule};
use super::settings::{Settings, patterns};
use super::state::{ITERATION, Layout, Place, layout};
use super::weights::{Scope, Update};
use cornu_ir::{DType, ShapeError, Var};

/// The learning rate of this step, f32.
pub(super) fn learning_rate<'g>(
    rule: &dyn UpdateRule,
    layout: &Layout,
    state: &[Var<'g>],
) -> Var<'g> {
    match (rule.settings().learning_rate, layout.rate) {
        (LearningRate::Schedule(s), _) => s.of(state[ITERATION]),
        (LearningRate::Number(_), Some(i)) => state[i],
        (LearningRate::Number(x), None) => state[ITERATION].builder().scalar(DType::F32, *x),
    }
}

/// The weights and the state after one step.
pub(super) fn apply<'g>(
    rule: &dyn UpdateRule,
    scope: Scope<'_>,
    params: &[Var<'g>],
    gradients: &[Var<'g>],
    state: &[Var<'g>],
) -> Update<'g> {
    let settings = rule.settings();
    let vars = scope.vars;
    let layout = layout(rule, vars, scope.attributes);
    let unchanged = Update { params: params.to_vec(), state: state.to_vec() };
    let Some(iteration) = state.first().copied() else { return unchanged };
    let builder = iteration.builder();
    if layout.specs.len() != state.len()
        || vars.len() != params.len()
        || vars.len() != gradients.len()
    {
        let rule = format!(
            "one weight and one gradient for each of {} variables and a state of {} values are \
                needed",
            vars.len(),
            layout.specs.len()
        );
        let received = format!(
            "{} weights, {} gradients, {} values of state",
            params.len(),
            gradients.len(),
            state.len()
        );
        builder.fail(ShapeError { op: "optimizer".into(), rule, received });
        return unchanged;
    }
    let excluded = match patterns("exclude_from_weight_decay", settings.exclude_from_weight_decay) {
        Ok(found) => found,
        Err(e) => {
            builder.fail(ShapeError {
                op: "optimizer".into(),
                rule: e.to_string(),
                received: settings.exclude_from_weight_decay.join(", "),
            });
            return unchanged;
        }
    };

    let mut next = state.to_vec();
    let mut weights = params.to_vec();
    let mut gradients = gradients.to_vec();
    if let Some(factor) = settings.loss_scale_factor {
        gradients.iter_mut().for_each(|g| *g = *g / factor);
    }
    // With accumulation, whether this step moves anything, and how many updates came before.
    let mut moves = None;
    let mut updates = iteration;
    if let (Some(n), Some(accumulators)) = (settings.accumulation_steps(), &layout.accumulators) {
        let now = (iteration + 1.0).floor_mod(n).eq(0.0);
        for (g, &at) in gradients.iter_mut().zip(accumulators) {
            let sum = *g + state[at];
            next[at] = now.select(sum.zeros_like(), sum);
            *g = sum / n;
        }
        moves = Some(now);
        updates = iteration / n;
    }
    let choose =
        |new: Var<'g>, old: Var<'g>| moves.map_or(new, |now: Var<'g>| now.select(new, old));

    let gradients = clip(&gradients, &settings);
    let rate = learning_rate(rule, &layout, state);
    let at = |places: &[Place]| places.iter().map(|p| p.value(builder, state)).collect::<Vec<_>>();
    let mut keep = |places: &[Place], new: &[Var<'g>]| {
        for (place, &new) in places.iter().zip(new) {
            if let Place::At(i) = *place {
                next[i] = choose(new, state[i]);
            }
        }
    };
    let shared = rule.renew(&at(&layout.shared), updates);
    keep(&layout.shared, &shared);
    for (i, var) in vars.iter().enumerate() {
        let (old, rate) = (params[i], rate.cast(params[i].dtype()));
        let decay =
            rule.decay(var, &settings).filter(|_| !excluded.iter().any(|e| e.is_match(&var.name)));
        let weight = decay.map_or(old, |d| old - old * d * rate);
        let slots = at(&layout.slots[i]);
        let moved = rule.step(&Step {
            var,
            weight,
            gradient: gradients[i].cast(old.dtype()),
            slots: &slots,
            shared: &shared,
            rate,
            updates,
        });
        weights[i] = choose(moved.weight, old);
        keep(&layout.slots[i], &moved.slots);
    }
    if let Some(averages) = &layout.averages {
        average(&settings, averages, updates, &mut weights, &mut next);
    }
    for (w, var) in weights.iter_mut().zip(vars) {
        if let Some(constraint) = &var.constraint {
            *w = constraint.of(*w);
        }
    }
    next[ITERATION] = iteration + 1.0;
    Update { params: weights, state: next }
}

/// Moves the averages towards the weights (they start as the weights), and puts them in the
/// weights' place every so many steps.
fn average<'g>(
    settings: &Settings<'_>,
    averages: &[usize],
    updates: Var<'g>,
    weights: &mut [Var<'g>],
    next: &mut [Var<'g>],
) {
    let overwrites = settings
        .ema_overwrite_frequency
        .filter(|&n| n > 0)
        .map(|n| (updates + 1.0).floor_mod(f64::from(n)).eq(0.0));
    for (w, &at) in weights.iter_mut().zip(averages) {
        let momentum = updates.ne(0.0).cast(w.dtype()) * settings.ema_momentum;
        next[at] = momentum * next[at] + (1.0 - momentum) * *w;
        if let Some(now) = overwrites {
            *w = now.select(next[at], *w);
        }
    }
}

/// What is left to do when training ends: the averages take the weights' place.
pub(super) fn finalize<'g>(
    rule: &dyn UpdateRule,
    scope: Scope<'_>,
    state: &[Var<'g>],
) -> Option<Update<'g>> {
    let averages = layout(rule, scope.vars, scope.attributes).averages?;
    let params = averages.iter().map(|&i| state.get(i).copied()).collect::<Option<Vec<_>>>()?;
    Some(Update { params, state: state.to_vec() })
}
