//! Several cells stacked to one.

use super::cell_layer::cell_of;
use crate::config::snake_case;
use crate::lowering::{
    Call, Cell, Cx, Dropped, FromConfig, LayerRef, Registry, Sample, SampleInput, WeightTree,
    Weights,
};
use crate::{Error, Result};
use cornu_ir::{Dim, Spec, Var};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Stack of cells that works as one cell: at each timestep, the output of one is the input of the
/// next.
///
/// # Shapes
/// x (B, F); the states are those of all cells, in order; the output is that of the last cell.
///
/// # Source
/// keras/src/layers/rnn/stacked_rnn_cells.py, Keras 3.15.1.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{LayerRef, Rnn, SimpleRnnCell, StackedRnnCells};
/// use ndarray::{arr2, arr3};
/// let sum = SimpleRnnCell::new(1).activation("linear");
/// let sum = sum.kernel_initializer("ones").recurrent_initializer("ones");
/// let stack = StackedRnnCells::new([sum.clone().name("lower"), sum.name("upper")]);
/// let y = LayerRef::new(Rnn::new(stack)).apply(&arr3(&[[[1.0f32], [1.0], [1.0]]]))?;
/// assert_eq!(y, Array::from(arr2(&[[6.0f32]]))); // sums 1, 2, 3; their sums 1, 3, 6
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct StackedRnnCells {
    /// The cells; the first takes the input.
    pub cells: Vec<LayerRef>,
}

impl FromConfig for StackedRnnCells {
    fn from_config(config: &Value, registry: &Registry) -> Result<Self> {
        let cells = config.get("cells").and_then(Value::as_array);
        let cells = cells.ok_or_else(|| Error::Config("`cells` must be a list".into()))?;
        let cells = cells.iter().map(|c| LayerRef::from_json(c, registry));
        Ok(Self { cells: cells.collect::<Result<_>>()? })
    }
}

impl StackedRnnCells {
    /// Returns a stack of cells; the first takes the input.
    pub fn new(cells: impl IntoIterator<Item = impl Into<LayerRef>>) -> Self {
        Self { cells: cells.into_iter().map(Into::into).collect() }
    }

    /// The groups of the cells' weights, as Keras's files name them.
    fn groups(&self) -> Vec<String> {
        let mut seen: HashMap<String, usize> = HashMap::new();
        let group = |c: &LayerRef| {
            let base = snake_case(c.class());
            let n = seen.entry(base.clone()).or_default();
            *n += 1;
            if *n == 1 { format!("cells/{base}") } else { format!("cells/{base}_{}", *n - 1) }
        };
        self.cells.iter().map(group).collect()
    }

    /// Each cell with the spec of its step, for steps x of the lowest.
    fn walk<'a, T>(
        &'a self,
        x: &Spec,
        mut f: impl FnMut(&'a LayerRef, &'a dyn Cell, &Spec) -> Result<T>,
    ) -> Result<Vec<T>> {
        if self.cells.is_empty() {
            return Err(Error::argument("", "expected at least one cell", 0));
        }
        let mut x = x.clone();
        let mut all = vec![];
        for layer in &self.cells {
            let cell = cell_of(layer)?;
            all.push(f(layer, cell, &x)?);
            x = Spec::new(x.dtype, [&x.dims[..1], &cell.output_dims(&x)?].concat());
        }
        Ok(all)
    }
}

impl Cell for StackedRnnCells {
    fn class(&self) -> &'static str {
        "StackedRNNCells"
    }

    fn config(&self) -> Value {
        json!({"cells": self.cells})
    }

    fn weights(&self, x: &Spec) -> Result<WeightTree> {
        let trees = self.walk(x, |layer, _, x| layer.weight_tree(&Call::one(x.clone())))?;
        Ok(WeightTree::inside(self.groups().into_iter().zip(trees)))
    }

    fn state_dims(&self, x: &Spec) -> Result<Vec<Vec<Dim>>> {
        Ok(self.walk(x, |_, cell, x| cell.state_dims(x))?.concat())
    }

    fn output_dims(&self, x: &Spec) -> Result<Vec<Dim>> {
        let mut all = self.walk(x, |_, cell, x| cell.output_dims(x))?;
        Ok(all.pop().expect("a walk meets a cell"))
    }

    fn output_state(&self, x: &Spec) -> Result<usize> {
        let counts =
            self.walk(x, |_, cell, x| Ok((cell.state_dims(x)?.len(), cell.output_state(x)?)))?;
        let (last, below) = counts.split_last().expect("a walk meets a cell");
        Ok(below.iter().map(|(n, _)| n).sum::<usize>() + last.1)
    }

    fn step_rank(&self) -> usize {
        self.cells.first().and_then(|l| l.rule().as_cell()).map_or(2, |c| c.step_rank())
    }

    fn step<'g>(
        &self,
        w: &Weights<'g>,
        dropped: &[Dropped<'g>],
        x: Var<'g>,
        states: &[Var<'g>],
    ) -> Result<(Var<'g>, Vec<Var<'g>>)> {
        let (mut x, mut states, mut dropped) = (x, states, dropped);
        let mut next = vec![];
        for (layer, group) in self.cells.iter().zip(self.groups()) {
            let cell = cell_of(layer)?;
            let (own, above) = states.split_at(cell.state_dims(&x.spec())?.len());
            let (own_dropped, dropped_above) = dropped.split_at(cell.n_dropped());
            let (y, of_cell) = cell.step(w.child(&group), own_dropped, x, own)?;
            next.extend(of_cell);
            (x, states, dropped) = (y, above, dropped_above);
        }
        Ok((x, next))
    }

    fn draw<'g>(&self, cx: &Cx<'g>, x: &Spec) -> Result<Vec<Dropped<'g>>> {
        Ok(self.walk(x, |_, cell, x| cell.draw(cx, x))?.concat())
    }

    fn n_dropped(&self) -> usize {
        self.cells.iter().filter_map(|l| l.rule().as_cell()).map(|c| c.n_dropped()).sum()
    }

    fn samples() -> Vec<Sample> {
        let cell =
            |class: &str, units: usize| json!({"class_name": class, "config": {"units": units}});
        vec![Sample::new(json!({"cells": [cell("GRUCell", 3), cell("SimpleRNNCell", 2)]})).on([
            SampleInput::floats([4]),
            SampleInput::floats([3]),
            SampleInput::floats([2]),
        ])]
    }
}
