//! Clipping of gradients.
//!
//! Source: keras/src/optimizers/base_optimizer.py, Keras 3.15.1.

use super::settings::Settings;
use cornu_ir::Var;

/// Gradients clipped as the settings say: each by its norm, all by their common norm, or each
/// element.
pub(super) fn clip<'g>(gradients: &[Var<'g>], settings: &Settings<'_>) -> Vec<Var<'g>> {
    let above_zero = |x: Option<f64>| x.filter(|&x| x > 0.0);
    if let Some(most) = above_zero(settings.clipnorm) {
        gradients.iter().map(|g| by_norm(*g, most)).collect()
    } else if let Some(most) = above_zero(settings.global_clipnorm) {
        by_global_norm(gradients, most)
    } else if let Some(most) = above_zero(settings.clipvalue) {
        gradients.iter().map(|g| g.clip(-most, most)).collect()
    } else {
        gradients.to_vec()
    }
}

fn by_norm<'g>(g: Var<'g>, most: f64) -> Var<'g> {
    let norm = g.square().sum_all().sqrt();
    g * most / norm.maximum(most)
}

fn by_global_norm<'g>(gradients: &[Var<'g>], most: f64) -> Vec<Var<'g>> {
    let Some(squares) =
        gradients.iter().map(|g| g.square().sum_all()).reduce(|a, b| a + b.cast(a.dtype()))
    else {
        return vec![];
    };
    let norm = squares.sqrt();
    let scale = most * (1.0 / norm).minimum(1.0 / most);
    // An infinite norm must not pass as "scaled to 0": it makes everything NaN.
    #[allow(clippy::eq_op)]
    let scale = scale + (norm - norm);
    gradients.iter().map(|g| *g * scale.cast(g.dtype())).collect()
}
