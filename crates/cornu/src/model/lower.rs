//! A model as a graph once batch and timesteps are numbers.

use crate::architecture::{Container, Functional, InputLayer, MemberKind};
use crate::lowering::{Call, Cx, Flow, LayerRef, Packing, WeightTree, Weights};
use crate::{Error, Result};
use cornu_ir::{DType, Dim, Spec, Var};

/// Model lowered into a graph.
pub struct LoweredModel<'g> {
    /// The outputs, flattened, each with its mask.
    pub outputs: Vec<Flow<'g>>,
    /// The weights as inputs of the graph, in the order of the model's variables.
    pub weights: Vec<Var<'g>>,
    /// The data as inputs of the graph.
    pub inputs: Vec<Var<'g>>,
    /// Packed rows of sequences of unequal length, whose mask is an input of the graph.
    pub packing: Option<Packing<'g>>,
}

/// Inputs whose sequences of unequal length are in packed rows.
pub struct PackedEntries<'a> {
    /// Number of samples, B, and largest number of timesteps, T.
    pub batch_and_timesteps: [usize; 2],
    /// Number of rows, N.
    pub rows: usize,
    /// True for each input in packed rows.
    pub entries: &'a [bool],
}

/// Whether an entry takes text.
pub(crate) fn takes_text(entry: &InputLayer) -> bool {
    entry.dtype == "string"
}

fn text_dims(entry: &InputLayer, inputs: &[Spec]) -> Vec<Dim> {
    let batch = inputs.first().and_then(|s| s.dims[0]);
    std::iter::once(batch).chain(entry.batch_shape.iter().skip(1).map(|d| d.or(Some(1)))).collect()
}

/// Lowers a model into a graph, for inputs of these types and dims: those of numeric inputs, then
/// those that layers have encoded. Graph inputs are in this order: data, weights, others.
///
/// With `packed`, some inputs are sequences of unequal length in packed rows (N, …). Their mask of
/// sequence ends (B, T) is a graph input after the data.
pub fn lower_model<'g>(
    cx: &Cx<'g>,
    layer: &LayerRef,
    tree: &WeightTree,
    inputs: &[Spec],
    packed: Option<&PackedEntries<'_>>,
) -> Result<LoweredModel<'g>> {
    let b = cx.builder;
    let data: Vec<Var<'g>> =
        inputs.iter().enumerate().map(|(i, s)| b.input(format!("x{i}"), s.clone())).collect();
    let packing = packed.map(|p| {
        Packing::new(b.input("own", Spec::known(DType::Bool, &p.batch_and_timesteps)), p.rows)
    });
    let cx = &packing.map_or_else(|| cx.clone(), |p| cx.with_packing(p));
    let numbers = tree.numbers();
    let (mut weights, mut values) = (Vec::new(), Vec::with_capacity(numbers.len()));
    tree.walk("", true, &mut |group, _, _, w| {
        let number = numbers[values.len()];
        if number == weights.len() {
            weights.push(b.input(format!("{group}/{}", w.name), Spec::known(w.dtype(), &w.shape)));
        }
        values.push((number, weights[number]));
    });
    let bound = Weights::bind(tree, &values);
    let in_rows = |i: usize| packed.is_some_and(|p| p.entries[i]);
    let mut flows = data
        .iter()
        .enumerate()
        .map(|(i, v)| if in_rows(i) { cx.of_rows(*v) } else { Flow::new(*v) });
    // In place of text stands a value that nothing reads; what was encoded of it comes after the
    // entries of numbers.
    let entries = |g: &Functional| {
        g.inputs.flatten().into_iter().map(|t| g.members[t.member].kind.clone()).collect::<Vec<_>>()
    };
    let entries = layer.as_container().and_then(Container::graph).map(entries).unwrap_or_default();
    let call: Vec<Flow<'g>> = entries
        .iter()
        .filter_map(|entry| match entry {
            MemberKind::Input(i) if takes_text(i) => {
                Some(b.scalar(DType::F32, 0.0).broadcast_to(&text_dims(i, inputs)).into())
            }
            _ => flows.next(),
        })
        .collect();
    let outputs =
        layer.lower(&cx.with_encoded(flows.collect::<Vec<_>>()), &bound, &Call::list(call))?;
    b.check().map_err(Error::from)?;
    Ok(LoweredModel { outputs, weights, inputs: data, packing })
}
