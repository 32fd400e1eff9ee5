//! An embedding table that also gives a score for each id.

use super::embedding::Embedding;
use crate::config::setters;
use crate::lowering::{
    Call, Cx, Flow, Layer, MaskRule, RaggedForm, Sample, SampleInput, WeightSpec, WeightTree,
    Weights,
};
use crate::regularizers::Regularizer;
use crate::{Error, Result};
use cornu_ir::Spec;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Embedding that also projects back to ids: called with `reverse` it gives scores `x Eᵀ`, or `x R`
/// with untied weights.
///
/// # Shapes
/// x (B, …) of ids below V, y (B, …, D); with `reverse` x (B, …, D), y (B, …, V). E (V, D), R (D,
/// V).
///
/// # Source
/// keras/src/layers/core/reversible_embedding.py, Keras 3.15.1. LoRA of the table applies in both
/// directions. Differs: no quantized tables; `reverse_dtype` float32 or float64 does not change the
/// type of computation.
///
/// ```
/// use cornu::extend::Arg;
/// use cornu::layers::LayerRef;
/// use cornu::extend::Call;
/// use cornu::{Input, ReversibleEmbedding};
/// let embedding = LayerRef::new(ReversibleEmbedding::new(50, 8));
/// let x = embedding.call(&Input::ids([10]))?;
/// let back = Call::one(x).with("reverse", Arg::Json(true.into()));
/// assert_eq!(embedding.call(back)?.shape_text(), "(None, 10, 50)");
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReversibleEmbedding {
    /// Settings of the embedding table E.
    #[serde(flatten)]
    pub table: Embedding,
    /// True if the reverse projection uses E; false for separate weights R.
    #[serde(default = "tied")]
    pub tie_weights: bool,
    /// Type of the reverse projection; kept for Keras's files.
    pub reverse_dtype: Option<String>,
    /// Bound of the scores: `cap · tanh(score / cap)`.
    pub logit_soft_cap: Option<f64>,
}

fn tied() -> bool {
    true
}

impl ReversibleEmbedding {
    /// Returns a table of `input_dim` vectors of `output_dim` numbers, with tied weights.
    pub fn new(input_dim: usize, output_dim: usize) -> Self {
        Self { table: Embedding::new(input_dim, output_dim), tie_weights: true, ..Self::default() }
    }
}

setters!(ReversibleEmbedding {
    plain tie_weights: bool,
    some_into reverse_dtype: String,
    some logit_soft_cap: f64,
});

impl Layer for ReversibleEmbedding {
    settings!("ReversibleEmbedding");

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        if let Some(d) =
            self.reverse_dtype.as_deref().filter(|d| !["float32", "float64"].contains(d))
        {
            return Err(Error::Unsupported(format!("ReversibleEmbedding with reverse_dtype {d}")));
        }
        let mut tree = self.table.weights(call)?;
        if !self.tie_weights {
            if self.table.lora.rank.is_some() {
                return Err(Error::argument(
                    "",
                    "lora_rank needs tie_weights: Keras builds no other table with LoRA",
                    "tie_weights false",
                ));
            }
            tree.vars.push(WeightSpec::new(
                "reverse_embeddings",
                &[self.table.output_dim, self.table.input_dim],
                &self.table.embeddings_initializer,
            ));
        }
        Ok(tree)
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        w: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        if call.flag("reverse") != Some(true) {
            return self.table.lower(cx, w, call);
        }
        let x = cx.to_float(call.input()?.value);
        let logits = match w.get("reverse_embeddings") {
            Some(r) => x.matmul(r),
            None => x.matmul_with(self.table.table(w), false, true),
        };
        Ok(vec![self.logit_soft_cap.map_or(logits, |cap| (logits / cap).tanh() * cap).into()])
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Own
    }

    fn ragged_form(&self) -> RaggedForm {
        RaggedForm::Padded
    }

    fn is_causal(&self) -> bool {
        true
    }

    fn activity_regularizer(&self) -> Option<&Regularizer> {
        self.table.activity_regularizer.as_ref()
    }

    fn samples() -> Vec<Sample> {
        vec![
            Sample::new(json!({"input_dim": 5, "output_dim": 3})).on([SampleInput::ids([None], 5)]),
        ]
    }
}
