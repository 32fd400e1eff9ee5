//! The optimizer Muon.

use super::VarInfo;
use super::adam::Moments;
use super::define::{optimizer, shared_settings};
use super::rule::{Moved, Slot, Step, UpdateRule};
use super::settings::{Settings, patterns};
use crate::Result;
use cornu_ir::Var;

optimizer! {
    /// Muon: orthogonalized momentum for matrices, AdamW for all other weights.
    ///
    /// Matrices: `m ← m + g + (μ-1)·m`, `x` = `g + μ·m` (Nesterov) or `m`, over its norm; some
    /// rounds of `A = x·xᵀ, x ← a·x + (b·A + c·A·A)·x`; `w ← w - lr·x·√max(rows, columns)·rate`.
    /// Others: AdamW.
    ///
    /// Source: keras/src/optimizers/muon.py, Keras 3.15.1.
    ///
    /// ```
    /// use cornu::Stepper;
    /// use cornu::optimizers::Muon;
    /// use ndarray::arr1;
    /// let mut optimizer = Stepper::new(Muon::new(0.5), [arr1(&[1.0f32])])?;
    /// optimizer.apply([arr1(&[1.0f32])])?; // the gradient
    /// assert!((optimizer.weights()[0].to_f64()?[[0]] - 0.498).abs() < 1e-4); // a vector: AdamW
    /// # Ok::<(), cornu::Error>(())
    /// ```
    pub struct Muon("muon", learning_rate = 0.001, weight_decay = Some(0.004)) {
        /// Decay rate `β₁` of AdamW.
        adam_beta_1: f64 = 0.9,
        /// Decay rate `β₂` of AdamW.
        adam_beta_2: f64 = 0.999,
        /// Small number added to the root of AdamW.
        epsilon: f64 = 1e-7,
        /// Regular expressions: AdamW updates the weights whose path contains a match.
        exclude_layers: Vec<String> = Vec::new(),
        /// Coefficient `a` of the Newton-Schulz iteration.
        muon_a: f64 = 3.4445,
        /// Coefficient `b` of the Newton-Schulz iteration.
        muon_b: f64 = -4.7750,
        /// Coefficient `c` of the Newton-Schulz iteration.
        muon_c: f64 = 2.0315,
        /// Learning rate of AdamW divided by that of Muon.
        #[serde(serialize_with = "crate::config::whole")]
        adam_lr_ratio: f64 = 1.0,
        /// Decay rate `μ` of the momentum.
        momentum: f64 = 0.95,
        /// Number of Newton-Schulz iterations.
        ns_steps: u32 = 5,
        /// True for Nesterov momentum.
        nesterov: bool = true,
        /// True if AdamW updates embeddings.
        exclude_embeddings: bool = true,
        /// Weight decay of the weights that AdamW updates.
        adam_weight_decay: Option<f64> = Some(0.004),
        /// Factor of the step, times the root of the longer side of the matrix; `None` for no
        /// factor.
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
