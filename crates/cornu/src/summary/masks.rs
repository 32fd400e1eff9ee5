//! What each layer does with a mask, and where one is lost before a loss that needs it.
//!
//! Found out by lowering: a layer uses a mask when what it gives depends on it in the graph it
//! writes.

use super::rows::is_mask_argument;
use crate::lowering::{Call, Cx, Flow, LayerRef, WeightTree, Weights};
use crate::model::{MemberKind, TensorRef};
use crate::{Model, Result};
use cornu_ir::{Builder, Spec, ValueId};
use std::collections::HashSet;
use std::fmt;

/// Use of masks by a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MaskFlow {
    /// True if the layer makes a new mask.
    pub made: bool,
    /// True if the outputs depend on a mask.
    pub used: bool,
    /// True if the mask of an input is passed on.
    pub passed: bool,
    /// True if the mask of an input is dropped, unused or although the output has timesteps.
    pub dropped: bool,
}

impl fmt::Display for MaskFlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [
            (self.made, "made"),
            (self.used, "used"),
            (self.passed, "passed"),
            (self.dropped, "dropped"),
        ];
        let words: Vec<&str> = words.into_iter().filter(|(is, _)| *is).map(|(_, w)| w).collect();
        f.write_str(if words.is_empty() { "-" } else { "" })?;
        f.write_str(&words.join(", "))
    }
}

/// Report on the masks of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct MaskReport {
    /// Use of masks by each member of the graph.
    pub members: Vec<MaskFlow>,
    /// Warnings for outputs with timesteps whose mask a layer dropped.
    pub warnings: Vec<String>,
}

/// One value between layers.
#[derive(Clone, Default)]
struct Carried {
    mask: Option<Spec>,
    /// The member that dropped the mask of these timesteps.
    lost_at: Option<usize>,
}

impl MaskReport {
    /// Returns the report on a model.
    pub fn of(model: &Model) -> Result<Self> {
        let graph = model.graph();
        let mut members = vec![MaskFlow::default(); graph.members.len()];
        let mut values: Vec<Vec<Vec<Carried>>> = graph
            .members
            .iter()
            .map(|m| m.outputs.iter().map(|o| vec![Carried::default(); o.len()]).collect())
            .collect();
        for &(m, c) in &graph.order {
            let member = &graph.members[m];
            let MemberKind::Layer(layer) = &member.kind else { continue };
            let call = &member.calls[c];
            let specs = call.map(|t| graph.members[t.member].outputs[t.call][t.output].clone());
            let carried = |t: &TensorRef| &values[t.member][t.call][t.output];
            let seen =
                lowered(layer, &member.tree, &specs, &call.map(|t| carried(t).mask.clone()))?;
            // A value that came without its mask loses nothing more; which layer lost it stays
            // known.
            let lost_before = data_values(call)
                .into_iter()
                .filter(|t| carried(t).mask.is_none())
                .find_map(|t| carried(t).lost_at);
            for (i, out) in seen.outputs.iter().enumerate() {
                let temporal = member.is_layer() && has_timesteps(&member.outputs[c][i]);
                let is_masked = out.mask.is_some();
                let ends = seen.mask_came && !is_masked;
                let flow = &mut members[m];
                flow.used |= out.used;
                flow.made |= is_masked && !out.mask_came;
                flow.passed |= is_masked && out.mask_came;
                flow.dropped |= ends && (temporal || !out.used);
                let lost_at = if ends && temporal {
                    Some(m)
                } else {
                    lost_before.filter(|_| temporal || !member.is_layer())
                };
                values[m][c][i] =
                    Carried { mask: out.mask.clone(), lost_at: lost_at.filter(|_| !is_masked) };
            }
        }
        let mut warnings = Vec::new();
        for t in graph.outputs.flatten() {
            if let Some(at) = values[t.member][t.call][t.output].lost_at {
                let (by, output) = (&graph.members[at], &graph.members[t.member].name);
                let cure = "the loss counts masked timesteps there too; use a layer that passes \
                    masks on, or weigh the timesteps (sample_weight)";
                warnings.push(format!(
                    "layer `{}` ({}) drops the mask before output `{output}`: {cure}",
                    by.name,
                    by.class()
                ));
            }
        }
        Ok(Self { members, warnings })
    }
}

/// The values a call computes with; masks that Keras hands over are none.
fn data_values(call: &Call<TensorRef>) -> Vec<&TensorRef> {
    let kwargs = call.kwargs.iter().filter(|(k, _)| !is_mask_argument(k)).map(|(_, a)| a);
    call.args.iter().chain(kwargs).flat_map(|a| a.flatten()).collect()
}

/// Whether a value has an axis of timesteps, on which a loss would want a mask.
fn has_timesteps(s: &Spec) -> bool {
    s.rank() >= 3 || (s.rank() == 2 && s.dims[1].is_none())
}

struct Seen {
    mask_came: bool,
    outputs: Vec<SeenOutput>,
}

struct SeenOutput {
    mask: Option<Spec>,
    /// The mask depends on a mask that came in.
    mask_came: bool,
    /// The value does.
    used: bool,
}

/// Lowers a call on symbols and follows what depends on the masks that came in.
fn lowered(
    layer: &LayerRef,
    tree: &WeightTree,
    specs: &Call<Spec>,
    masks: &Call<Option<Spec>>,
) -> Result<Seen> {
    let b = Builder::new();
    let cx = Cx::new(&b, false, None);
    let mut weights = Vec::new();
    tree.walk("", true, &mut |_, _, _, w| {
        weights.push((weights.len(), b.input(&*w.name, Spec::known(w.dtype(), &w.shape))))
    });
    let weights = Weights::bind(tree, &weights);
    let mut masks = masks.values().into_iter();
    let mut came: HashSet<ValueId> = HashSet::new();
    let flows = specs.map(|s| {
        let value = b.input("x", s.clone());
        let mask = masks.next().cloned().flatten().map(|m| b.input("mask", m));
        came.extend(mask.map(|m| m.id()));
        Flow::masked(value, mask)
    });
    for (_, arg) in flows.kwargs.iter().filter(|(k, _)| is_mask_argument(k)) {
        came.extend(arg.flatten().iter().map(|f| f.value.id()));
    }
    let outs = layer.lower(&cx, &weights, &flows)?;
    let mut depends = came.clone();
    for node in &b.graph().nodes {
        if node.ins.iter().any(|v| depends.contains(v)) {
            depends.extend(node.outs.iter().copied());
        }
    }
    let outputs = outs.iter().map(|o| SeenOutput {
        mask: o.mask.map(|m| m.spec()),
        mask_came: o.mask.is_some_and(|m| depends.contains(&m.id())),
        used: depends.contains(&o.value.id()),
    });
    Ok(Seen { mask_came: !came.is_empty(), outputs: outputs.collect() })
}
