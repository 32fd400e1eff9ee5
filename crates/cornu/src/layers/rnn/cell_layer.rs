//! Cells as layers, and the weights and config of layers over a cell.

use crate::config::snake_case;
use crate::lowering::{
    Arg, Call, Cell, Cx, Dropped, Flow, Layer, LayerRef, MaskRule, Sample, WeightTree, Weights,
    expect_rank, known_dim, sequence_and_states,
};
use crate::{Error, Result};
use cornu_ir::{Spec, Var};
use serde_json::{Map, Value};

/// Returns the cell that a layer is.
pub fn cell_of(layer: &LayerRef) -> Result<&dyn Cell> {
    let received = || format!("a layer of class {}", layer.class());
    layer.rule().as_cell().ok_or_else(|| {
        Error::argument(
            "",
            "expected a cell (LSTMCell, GRUCell, SimpleRNNCell, \
            StackedRNNCells or one of your own)",
            received(),
        )
    })
}

impl<C: Cell + 'static> Layer for C {
    fn class(&self) -> &str {
        Cell::class(self)
    }

    fn config(&self) -> Value {
        Cell::config(self)
    }

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        let inputs = call.inputs();
        let x = inputs.first().ok_or_else(|| {
            Error::argument("", "expected one timestep of a sequence", "no input")
        })?;
        Cell::weights(self, x)
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        w: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let inputs = call.inputs();
        let Some(x) = inputs.first() else {
            return Err(Error::argument("", "expected one timestep of a sequence", "no input"));
        };
        let x = cx.to_float(x.value);
        let given = call.arg(1, "states").map(Arg::flatten).unwrap_or_default();
        let given = if given.is_empty() { inputs[1..].to_vec() } else { given };
        let states: Vec<Var<'g>> = given.iter().map(|s| cx.to_float(s.value)).collect();
        let n = self.state_dims(&x.spec())?.len();
        if states.len() != n {
            return Err(Error::argument(
                "",
                format!("expected a step and {n} states"),
                format!("{} states", states.len()),
            ));
        }
        let dropped = if cx.training {
            self.draw(cx, &x.spec())?
        } else {
            vec![Dropped::default(); self.n_dropped()]
        };
        let (y, next) = self.step(w, &dropped, x, &states)?;
        Ok(std::iter::once(y).chain(next).map(Flow::new).collect())
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Drop
    }

    fn module(&self) -> &str {
        Cell::module(self)
    }

    fn registered_name(&self) -> Option<&str> {
        Cell::registered_name(self)
    }

    fn samples() -> Vec<Sample> {
        C::samples()
    }

    fn inner(&self) -> Vec<(&'static str, &LayerRef)> {
        Cell::inner(self)
    }

    fn as_cell(&self) -> Option<&dyn Cell> {
        Some(self)
    }
}

/// Returns the spec of one timestep of a sequence (B, T, …) for a cell; fails unless there are as
/// many axes as it takes.
pub fn step_spec(cell: &dyn Cell, x: &Spec) -> Result<Spec> {
    let rank = cell.step_rank() + 1;
    let axes = if rank == 3 {
        "(batch, timesteps, features)"
    } else {
        "(batch, timesteps, …, channels)"
    };
    expect_rank(x, rank..=rank, axes)?;
    let mut dims = x.dims.clone();
    dims.remove(1);
    Ok(Spec::new(x.dtype, dims))
}

/// Returns the weights of a layer that runs a cell: the cell's, inside.
pub fn weights(cell: &dyn Cell, call: &Call<Spec>) -> Result<WeightTree> {
    let (x, _) = sequence_and_states(call)?;
    let weights = cell.weights(&step_spec(cell, &x)?)?;
    Ok(WeightTree::inside([("cell", WeightTree { label: snake_case(cell.class()), ..weights })]))
}

/// U and F of a cell whose weights are made for steps (B, F).
pub fn units_and_features(units: usize, x: &Spec) -> Result<(usize, usize)> {
    if units == 0 {
        return Err(Error::argument("", "units must be at least 1", units));
    }
    Ok((units, known_dim(x, -1, "features")?))
}

/// Returns the config of a layer that has its cell's settings as its own, in Keras's order, but for
/// those it omits.
pub fn flat_config(settings: impl serde::Serialize, omitted: &[&str]) -> Value {
    let Value::Object(mut all) =
        crate::config::to_value(&settings).expect("plain settings serialize")
    else {
        unreachable!("settings are a map")
    };
    let mut moved = ["unit_forget_bias", "activity_regularizer"]
        .map(|key| all.shift_remove(key).map(|value| (key, value)));
    let mut ordered = Map::new();
    for (key, value) in all.into_iter().filter(|(k, _)| !omitted.contains(&k.as_str())) {
        let next = ["bias_initializer", "bias_regularizer"].iter().position(|k| *k == key);
        ordered.insert(key, value);
        ordered.extend(next.and_then(|i| moved[i].take()).map(|(k, v)| (k.to_string(), v)));
    }
    Value::Object(ordered)
}
