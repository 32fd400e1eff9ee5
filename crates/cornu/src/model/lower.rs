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
    /// bool (B, T), an input of the graph: which timesteps are a sequence's own, when they are of unequal length.
    pub mask: Option<Var<'g>>,
}

/// Lowers a model for inputs of these specs. Graph inputs are made in this order: data, weights, then what layers ask for.
///
/// With `timesteps`, entries of so many timesteps carry the mask of sequences of unequal length.
pub fn lower_model<'g>(cx: &Cx<'g>, layer: &LayerRef, tree: &WeightTree, inputs: &[Spec], timesteps: Option<usize>) -> Result<LoweredModel<'g>> {
    let b = cx.builder;
    let data: Vec<Var<'g>> = inputs.iter().enumerate().map(|(i, s)| b.input(format!("x{i}"), s.clone())).collect();
    let mask = timesteps.map(|t| b.input("mask", Spec::new(cornu_ir::DType::Bool, vec![inputs[0].dims[0], Some(t)])));
    let cx = &cx.with_ragged(mask.is_some());
    let mut weights = Vec::new();
    tree.walk("", true, &mut |group, _, _, w| weights.push(b.input(format!("{group}/{}", w.name), Spec::known(w.dtype(), &w.shape))));
    let bound = Weights::bind(tree, &weights, true, &mut 0);
    let masked = |s: &Spec| timesteps.is_some() && s.dims.get(1) == Some(&timesteps);
    let call = Call::list(data.iter().zip(inputs).map(|(v, s)| Flow::masked(*v, mask.filter(|_| masked(s)))));
    let outputs = layer.lower(cx, &bound, &call)?;
    b.check().map_err(Error::from)?;
    Ok(LoweredModel { outputs, weights, inputs: data, mask })
}
