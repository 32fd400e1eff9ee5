//! A vector for each id.

use super::lora::Lora;
use crate::config::setters;
use crate::constraints::Constraint;
use crate::initializers::{Initializer, Ones, RandomUniform};
use crate::lowering::{
    Call, Cx, Flow, Layer, MaskRule, RaggedForm, Sample, SampleInput, WeightSpec, WeightTree,
    Weights,
};
use crate::regularizers::Regularizer;
use crate::{Error, Result};
use cornu_ir::{DType, Spec, Var};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Table of trained vectors: gives the row of each id.
///
/// # Shapes
/// x (B, …) of ids below V, embeddings (V, D), y (B, …, D); with `mask_zero` the mask is `x ≠ 0`.
///
/// # Source
/// keras/src/layers/core/embedding.py, Keras 3.15.1. Differs: an id outside 0..V gives zeros;
/// quantized tables have 8 bits only.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{Embedding, LayerRef};
/// use ndarray::{arr2, arr3};
/// let layer = LayerRef::new(Embedding::new(3, 2));
/// layer.apply(&arr2(&[[0i32]]))?; // The first call makes the weights.
/// layer.set_weights(&[Array::from(arr2(&[[0.0f32, 0.0], [1.0, 2.0], [3.0, 4.0]]))])?;
/// let y = layer.apply(&arr2(&[[2i32, 1]]))?;
/// assert_eq!(y, Array::from(arr3(&[[[3.0f32, 4.0], [1.0, 2.0]]])));
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Embedding {
    /// Number of ids, V: ids are 0 to V − 1.
    pub input_dim: usize,
    /// Length of each vector, D.
    pub output_dim: usize,
    /// Initializer of the table.
    pub embeddings_initializer: Initializer,
    /// Regularizer of the table.
    pub embeddings_regularizer: Option<Regularizer>,
    /// Regularizer of the output.
    pub activity_regularizer: Option<Regularizer>,
    /// Constraint on the table.
    pub embeddings_constraint: Option<Constraint>,
    /// Masks the timesteps whose id is 0, which then stands for padding.
    pub mask_zero: bool,
    /// Setting kept for Keras's files; without effect in cornu.
    pub quantization_config: Option<Value>,
    /// LoRA: a product of two low-rank matrices, trained instead of the table.
    #[serde(flatten)]
    pub lora: Lora,
    /// True if the table is stored as 8-bit whole numbers with a scale (V). Set by the dtype policy
    /// `int8_from_float32`.
    #[serde(skip_serializing)]
    pub int8: bool,
}

/// Keras's names of the matrices beside the table.
const OF_TABLE: [&str; 2] = ["lora_embeddings_a", "lora_embeddings_b"];

impl Default for Embedding {
    fn default() -> Self {
        Self {
            input_dim: 0,
            output_dim: 0,
            embeddings_initializer: RandomUniform::default().into(),
            embeddings_regularizer: None,
            activity_regularizer: None,
            embeddings_constraint: None,
            mask_zero: false,
            quantization_config: None,
            lora: Lora::default(),
            int8: false,
        }
    }
}

impl Embedding {
    /// Returns a layer that maps ids below `input_dim` to vectors of length `output_dim`.
    pub fn new(input_dim: usize, output_dim: usize) -> Self {
        Self { input_dim, output_dim, ..Self::default() }
    }

    /// Sets whether timesteps with id 0 are masked.
    pub fn mask_zero(mut self, on: bool) -> Self {
        self.mask_zero = on;
        self
    }

    /// The table, with what LoRA learned beside it.
    pub(super) fn table<'g>(&self, w: &Weights<'g>) -> Var<'g> {
        self.lora.plain().adapted(w, w.var("embeddings"), OF_TABLE)
    }
}

setters!(Embedding {
    some_into activity_regularizer: Regularizer,
});

weight_setters!([Embedding] embeddings);

impl Layer for Embedding {
    settings!("Embedding");

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        call.input()?;
        if self.input_dim == 0 || self.output_dim == 0 {
            return Err(Error::argument(
                "",
                "input_dim and output_dim must be at least 1",
                format!("{} and {}", self.input_dim, self.output_dim),
            ));
        }
        let table = WeightSpec::new(
            "embeddings",
            &[self.input_dim, self.output_dim],
            &self.embeddings_initializer,
        );
        let table =
            table.regularizer(&self.embeddings_regularizer).constraint(&self.embeddings_constraint);
        if self.int8 {
            let scale =
                WeightSpec::new("embeddings_scale", &[self.input_dim], &Ones {}.into()).fixed();
            return Ok(WeightTree::of(vec![table.int8(), scale]));
        }
        let adapted = self.lora.plain().weights(
            table,
            OF_TABLE,
            &self.embeddings_regularizer,
            &self.embeddings_constraint,
        )?;
        Ok(WeightTree::of([vec![adapted.kernel], adapted.factors].concat()))
    }

    fn lower<'g>(
        &self,
        _: &Cx<'g>,
        w: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let x = call.input()?.value;
        let ids = x.cast(DType::I32);
        let mut y = self.table(w).gather(ids);
        if let Some(scale) = w.get("embeddings_scale") {
            y = y / scale.gather(ids).expand_dims(-1);
        }
        let mask = self.mask_zero.then(|| if x.dtype() == DType::Bool { x } else { x.ne(0.0) });
        Ok(vec![Flow::masked(y, mask)])
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Own
    }

    fn ragged_form(&self) -> RaggedForm {
        RaggedForm::ByTimestep(2)
    }

    fn n_ids(&self) -> Option<usize> {
        Some(self.input_dim)
    }

    fn activity_regularizer(&self) -> Option<&Regularizer> {
        self.activity_regularizer.as_ref()
    }

    fn samples() -> Vec<Sample> {
        let on = |config| Sample::new(config).on([SampleInput::ids([None], 5)]);
        vec![
            on(json!({"input_dim": 5, "output_dim": 3})),
            on(json!({"input_dim": 5, "output_dim": 3, "mask_zero": true})),
        ]
    }
}
