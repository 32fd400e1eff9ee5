//! LoRA: a frozen kernel plus the trained product of two low-rank matrices.

use crate::constraints::Constraint;
use crate::initializers::{HeUniform, Zeros};
use crate::lowering::{WeightSpec, Weights};
use crate::regularizers::Regularizer;
use crate::{Error, Result};
use cornu_ir::Var;
use serde::{Deserialize, Serialize};
use serde_json::Number;

/// Settings of LoRA (Hu et al. 2021, arXiv:2106.09685): the kernel is `W + α/r A B`, with W (…, U)
/// frozen and A (…, r), B (r, U) trained.
///
/// Files hold the sum as the kernel. After opening a file A and B are 0, as in Keras.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Lora {
    /// Rank r; `None` for no LoRA.
    pub rank: Option<usize>,
    /// Factor α; by default r.
    pub alpha: Option<Number>,
}

/// As Keras writes them beside the settings of the layer.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Written {
    #[serde(skip_serializing_if = "Option::is_none")]
    lora_rank: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lora_alpha: Option<Number>,
}

impl From<Written> for Lora {
    fn from(w: Written) -> Self {
        Self { rank: w.lora_rank.filter(|r| *r > 0), alpha: w.lora_alpha }
    }
}

impl From<Lora> for Written {
    fn from(l: Lora) -> Self {
        Self { lora_rank: l.rank, lora_alpha: l.rank.map(|r| l.alpha.unwrap_or(r.into())) }
    }
}

impl Lora {
    /// α/r.
    fn scale(&self) -> f64 {
        let rank = self.rank.unwrap_or(1) as f64;
        self.alpha.as_ref().and_then(Number::as_f64).unwrap_or(rank) / rank
    }

    /// Without α: Keras makes a Dense and an Embedding of its settings without it.
    pub(crate) fn plain(&self) -> Self {
        Self { rank: self.rank, alpha: None }
    }

    /// Returns the settings of LoRA with a rank.
    pub fn of_rank(rank: usize) -> Self {
        Self { rank: Some(rank), alpha: None }
    }

    /// The kernel, fixed where there is LoRA, and the two matrices beside it.
    ///
    /// # Errors
    /// The kernel is projected after each update.
    pub(crate) fn weights(
        &self,
        kernel: WeightSpec,
        names: [&'static str; 2],
        penalty: &Option<Regularizer>,
        projection: &Option<Constraint>,
    ) -> Result<Adapted> {
        let Some(rank) = self.rank else { return Ok(Adapted { kernel, factors: vec![] }) };
        if projection.is_some() || kernel.int8 {
            let received = if kernel.int8 { "a kernel of eight bits" } else { "a constraint" };
            return Err(Error::argument(
                "",
                "lora_rank excludes a constraint of the kernel and kernels of eight bits",
                received,
            ));
        }
        let (last, before) = kernel
            .shape
            .split_last()
            .ok_or_else(|| Error::argument("", "a kernel has axes", "none"))?;
        let a =
            WeightSpec::new(names[0], &[before, &[rank]].concat(), &HeUniform::default().into());
        let b = WeightSpec::new(names[1], &[rank, *last], &Zeros {}.into());
        let factors = [a, b].map(|f| f.regularizer(penalty).lora(self.scale())).into();
        Ok(Adapted { kernel: kernel.fixed(), factors })
    }

    /// The kernel with what was learned beside it.
    pub(crate) fn adapted<'g>(
        &self,
        w: &Weights<'g>,
        kernel: Var<'g>,
        names: [&'static str; 2],
    ) -> Var<'g> {
        match (w.get(names[0]), w.get(names[1])) {
            (Some(a), Some(b)) => kernel + a.matmul(b) * self.scale(),
            _ => kernel,
        }
    }
}

/// A kernel and what LoRA puts beside it.
pub(crate) struct Adapted {
    /// The kernel.
    pub(crate) kernel: WeightSpec,
    /// A and B, or nothing.
    pub(crate) factors: Vec<WeightSpec>,
}

/// Keras's names of the matrices beside a kernel.
pub(crate) const OF_KERNEL: [&str; 2] = ["lora_kernel_a", "lora_kernel_b"];
