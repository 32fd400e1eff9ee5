//! What a graph costs: the sums of what its operations say.

use crate::graph::Graph;
use crate::spec::Spec;
use crate::var::ValueId;

impl Graph {
    /// Operations of floating point of a concrete graph, roughly: see
    /// [`Primitive::flops`](crate::op::Primitive::flops).
    pub fn flops(&self) -> f64 {
        let (mut ins, mut outs) = (Vec::new(), Vec::new());
        let of_node = self.nodes.iter().map(|n| {
            self.specs(&n.ins, &mut ins);
            self.specs(&n.outs, &mut outs);
            n.op.flops(&ins, &outs)
        });
        of_node.sum()
    }

    /// Operations of floating point of the matrix products of each node, with the name of its
    /// operation.
    pub fn product_flops(&self) -> Vec<(&'static str, f64)> {
        let uses = self.use_counts();
        let (mut ins, mut outs, mut read) = (Vec::new(), Vec::new(), Vec::new());
        let of_node = self.nodes.iter().map(|n| {
            self.specs(&n.ins, &mut ins);
            self.specs(&n.outs, &mut outs);
            read.clear();
            read.extend(n.outs.iter().map(|v| uses[v.0 as usize] > 0));
            (n.op.name(), n.op.product_flops(&ins, &outs, &read))
        });
        of_node.collect()
    }

    /// Bytes of the largest weights that some operation reads anew at each timestep.
    pub fn step_bytes(&self) -> usize {
        let mut ins = Vec::new();
        let of_node = self.nodes.iter().map(|n| {
            self.specs(&n.ins, &mut ins);
            n.op.step_bytes(&ins)
        });
        of_node.max().unwrap_or(0)
    }

    fn specs<'a>(&'a self, of: &[ValueId], specs: &mut Vec<&'a Spec>) {
        specs.clear();
        specs.extend(of.iter().map(|v| self.spec(*v)));
    }
}
