//! Muon: momentum made orthogonal, for matrices; AdamW for everything else.

use super::VarInfo;
use super::adam::Moments;
use super::define::{optimizer, shared_settings};
use super::rule::{Moved, Slot, Step, UpdateRule};
use super::settings::{Settings, patterns};
use crate::Result;
use cornu_ir::Var;

optimizer! {
    /// Matrices: `m ← m + g + (μ-1)·m`, `x` = `g + μ·m` (Nesterov) or `m`, over its norm; some
    /// rounds of `A = x·xᵀ, x ← a·x + (b·A + c·A·A)·x`; `w ← w - lr·x·√max(rows, columns)·rate`.
    /// Others: AdamW.
    ///
    /// Source: keras/src/optimizers/muon.py, Keras 3.15.1.
    pub struct Muon("muon", learning_rate = 0.001, weight_decay = Some(0.004)) {
        /// AdamW's `β₁`.
        adam_beta_1: f64 = 0.9,
        /// AdamW's `β₂`.
        adam_beta_2: f64 = 0.999,
        /// Added to AdamW's root.
        epsilon: f64 = 1e-7,
        /// Regular expressions: a weight in whose path one is found is moved by AdamW.
        exclude_layers: Vec<String> = Vec::new(),
        /// `a` of the iteration.
        muon_a: f64 = 3.4445,
        /// `b` of the iteration.
        muon_b: f64 = -4.7750,
        /// `c` of the iteration.
        muon_c: f64 = 2.0315,
        /// AdamW's learning rate in parts of Muon's.
        #[serde(serialize_with = "crate::config::whole")]
        adam_lr_ratio: f64 = 1.0,
        /// Part of the momentum that stays at each step, `μ`.
        momentum: f64 = 0.95,
        /// Rounds of the iteration.
        ns_steps: u32 = 5,
        /// Whether the gradient counts as taken after the momentum's movement.
        nesterov: bool = true,
        /// Whether embeddings are moved by AdamW.
        exclude_embeddings: bool = true,
        /// Decay of the weights that AdamW moves.
        adam_weight_decay: Option<f64> = Some(0.004),
        /// Size of a step in parts of its matrix's longer side's root; `null` leaves it.
        rms_rate: Option<f64> = Some(0.2),
    }
}

impl Muon {
    fn is_adams(&self, var: &VarInfo) -> bool {
        let excluded = || {
            patterns("Muon exclude_layers", &self.exclude_layers)
                .is_ok_and(|all| all.iter().any(|e| e.is_match(&var.path)))
        };
        var.shape.len() != 2
            || self.exclude_embeddings && var.path.to_lowercase().contains("embedding")
            || excluded()
    }

    /// The nearest orthogonal matrix, roughly, by Newton and Schulz's iteration.
    fn orthogonal<'g>(&self, x: Var<'g>, tall: bool) -> Var<'g> {
        let mut x = if tall { x.swap_axes(-1, -2) } else { x };
        x = x / (x.square().sum_all().sqrt() + 1e-7);
        for _ in 0..self.ns_steps {
            let a = x.matmul_with(x, false, true);
            let b = self.muon_b * a + (self.muon_c * a).matmul(a);
            x = self.muon_a * x + b.matmul(x);
        }
        if tall { x.swap_axes(-1, -2) } else { x }
    }
}

impl UpdateRule for Muon {
    shared_settings!();

    fn check(&self) -> Result<()> {
        patterns("Muon exclude_layers", &self.exclude_layers).map(drop)
    }

    fn slots(&self, var: &VarInfo) -> Vec<Vec<Slot>> {
        let mut slots = vec![Slot::like("momentum", var)];
        if self.is_adams(var) {
            slots.push(Slot::like("velocity", var));
        }
        vec![slots]
    }

    fn decay(&self, var: &VarInfo, settings: &Settings<'_>) -> Option<f64> {
        if self.is_adams(var) { self.adam_weight_decay } else { settings.weight_decay }
    }

    fn step<'g>(&self, at: &Step<'_, 'g>) -> Moved<'g> {
        if at.slots.len() == 2 {
            let moments = Moments {
                beta_1: self.adam_beta_1,
                beta_2: self.adam_beta_2,
                epsilon: self.epsilon,
            };
            return moments.step(at, at.rate * self.adam_lr_ratio);
        }
        let (g, m) = (at.gradient, at.slots[0]);
        let m = m + (g + m * (self.momentum - 1.0));
        let ahead = if self.nesterov { g + self.momentum * m } else { m };
        let (rows, columns) = (at.var.shape[0], at.var.shape[1]);
        let mut movement = at.rate * self.orthogonal(ahead, rows > columns);
        if let Some(rate) = self.rms_rate {
            movement = movement * (rows.max(columns) as f64).sqrt() * rate;
        }
        Moved { weight: at.weight - movement, slots: vec![m] }
    }
}
