//! The symbols of a model's graph: what its layers give, to build other models from.

use super::functional::{Functional, Member, MemberKind};
use super::input_layer::InputLayer;
use super::symbol::{CallNode, Input, Symbol};
use super::tensor_ref::TensorRef;
use crate::{Error, Result};
use std::sync::Arc;

/// The calls of a graph as symbols have them: for each member, in the order of its calls.
pub(crate) struct Nodes(pub(super) Vec<Vec<Arc<CallNode>>>);

impl Nodes {
    /// The nodes of a graph that was not made from symbols: its layers called again on new entries.
    ///
    /// # Errors
    /// A call that fails, which that of the graph did not.
    pub(crate) fn of(graph: &Functional) -> Result<Self> {
        let entry = |member: &Member| match &member.kind {
            MemberKind::Input(i) => {
                let layer = InputLayer { name: Some(member.name.clone()), ..i.clone() };
                vec![Some(Input::of(layer).node)]
            }
            MemberKind::Layer(_) => vec![None; member.calls.len()],
        };
        let mut nodes: Vec<Vec<Option<Arc<CallNode>>>> = graph.members.iter().map(entry).collect();
        for (m, c) in &graph.order {
            let member = &graph.members[*m];
            let MemberKind::Layer(layer) = &member.kind else { continue };
            let call = member.calls[*c].map(|t| Symbol {
                node: nodes[t.member][t.call].clone().expect("calls run after those they read"),
                index: t.output,
            });
            nodes[*m][*c] = layer.called(call)?.into_iter().next().map(|s| s.node);
        }
        let whole = nodes.into_iter().map(|calls| calls.into_iter().collect::<Option<Vec<_>>>());
        let whole = whole.collect::<Option<Vec<_>>>();
        whole.map(Self).ok_or_else(|| Error::Config("a layer of the model gives no output".into()))
    }

    /// The symbol of a value of the graph.
    pub(crate) fn symbol(&self, t: TensorRef) -> Symbol {
        Symbol { node: self.0[t.member][t.call].clone(), index: t.output }
    }

    /// The symbols that a member gives, over all its calls.
    pub(crate) fn of_member(&self, member: usize) -> Vec<Symbol> {
        let of_node = |node: &Arc<CallNode>| {
            let outputs = 0..node.outputs.len();
            outputs.map(|index| Symbol { node: node.clone(), index }).collect::<Vec<_>>()
        };
        self.0[member].iter().flat_map(of_node).collect()
    }
}
