//! A model as a graph once batch and timesteps are numbers.

use crate::layers::{Call, Cx, Flow, LayerRef, WeightTree, Weights};
use crate::{Error, Result};
use cornu_ir::{Spec, Var};

/// A model lowered into a graph.
pub struct LoweredModel<'g> {
    /// The outputs, flattened, each with its mask.
    pub outputs: Vec<Flow<'g>>,
    /// The weights as inputs of the graph, in the order of the model's variables.
    pub weights: Vec<Var<'g>>,
    /// The data as inputs of the graph.
    pub inputs: Vec<Var<'g>>,
}

/// Lowers a model for inputs of these specs. Graph inputs are made in this order: data, weights, then what layers ask for.
pub fn lower_model<'g>(cx: &Cx<'g>, layer: &LayerRef, tree: &WeightTree, inputs: &[Spec]) -> Result<LoweredModel<'g>> {
    let b = cx.builder;
    let data: Vec<Var<'g>> = inputs.iter().enumerate().map(|(i, s)| b.input(format!("x{i}"), s.clone())).collect();
    let mut weights = Vec::new();
    tree.walk("", true, &mut |group, _, _, w| weights.push(b.input(format!("{group}/{}", w.name), Spec::known(w.dtype(), &w.shape))));
    let bound = Weights::bind(tree, &weights, true, &mut 0);
    let call = Call::list(data.iter().map(|v| Flow::new(*v)));
    let outputs = layer.lower(cx, &bound, &call)?;
    b.check().map_err(Error::from)?;
    Ok(LoweredModel { outputs, weights, inputs: data })
}
