//! The layer that runs a cell over the timesteps.

use super::cell_layer::{cell_of, step_spec};
use super::run_cell::run;
use super::settings::walk_settings;
use crate::Result;
use crate::config::setters;
use crate::lowering::{
    Call, Cx, Flow, FromConfig, Layer, LayerRef, MaskRule, RaggedForm, Recurrent, Registry, Sample,
    Walk, WeightTree, Weights, read_settings, sequence_and_states,
};
use crate::regularizers::Regularizer;
use cornu_ir::Spec;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Recurrent layer of any cell: runs a [`Cell`](crate::extend::Cell) over the timesteps.
///
/// # Shapes
/// x (B, T, …); the output is that of the cell (B, …), or (B, T, …) with `return_sequences`; with
/// `return_state` also the states.
///
/// # Source
/// keras/src/layers/rnn/rnn.py and keras/src/backend/jax/rnn.py, Keras 3.15.1.
///
/// ```
/// use cornu::{GruCell, Input, LstmCell, Rnn, StackedRnnCells};
/// let x = Input::new([20, 1]);
/// let (lower, upper) = (GruCell::new(4).name("lower"), LstmCell::new(3).name("upper"));
/// let cells = StackedRnnCells::new([lower, upper]);
/// assert_eq!(Rnn::new(cells).return_sequences(true).call(&x)?.shape_text(), "(None, 20, 3)");
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rnn {
    /// Direction, outputs and state of the layer.
    #[serde(flatten)]
    pub walk: Walk,
    /// The cell: weights and formula of one timestep.
    pub cell: LayerRef,
    /// Regularizer of the output.
    #[serde(skip)]
    pub activity_regularizer: Option<Regularizer>,
}

/// Settings other than the cell.
#[derive(Deserialize)]
struct Settings {
    #[serde(flatten)]
    walk: Walk,
    activity_regularizer: Option<Regularizer>,
}

setters!(Rnn {
    some_into activity_regularizer: Regularizer,
});

impl FromConfig for Rnn {
    fn from_config(config: &Value, registry: &Registry) -> Result<Self> {
        let cell = registry.layer_of(config, "cell")?;
        let Settings { walk, activity_regularizer } = read_settings(config)?;
        Ok(Self { walk, cell, activity_regularizer })
    }
}

impl Rnn {
    /// Returns the recurrent layer of a cell.
    pub fn new(cell: impl Into<LayerRef>) -> Self {
        Self { walk: Walk::default(), cell: cell.into(), activity_regularizer: None }
    }
}

walk_settings!(Rnn);

impl Layer for Rnn {
    settings!("RNN");

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        let (x, _) = sequence_and_states(call)?;
        let step = step_spec(cell_of(&self.cell)?, &x)?;
        Ok(WeightTree::inside([("cell", self.cell.weight_tree(&Call::one(step))?)]))
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        w: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        run(cell_of(&self.cell)?, self.walk, cx, w, call)
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Own
    }

    fn ragged_form(&self) -> RaggedForm {
        RaggedForm::Either
    }

    fn activity_regularizer(&self) -> Option<&Regularizer> {
        self.activity_regularizer.as_ref()
    }

    fn as_recurrent(&self) -> Option<&dyn Recurrent> {
        Some(self)
    }

    fn inner(&self) -> Vec<(&'static str, &LayerRef)> {
        vec![("cell", &self.cell)]
    }

    fn samples() -> Vec<Sample> {
        let cell = |class: &str| json!({"class_name": class, "config": {"units": 3}});
        let cells = json!({"cells": [cell("GRUCell"), cell("LSTMCell")]});
        let stacked = json!({"class_name": "StackedRNNCells", "config": cells});
        Sample::each([
            json!({"cell": cell("GRUCell"), "return_sequences": true}),
            json!({"cell": stacked}),
        ])
    }
}
