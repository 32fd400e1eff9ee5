//! Fusion: pointwise operations that hand values of one length to each other become one.
//!
//! Chains stay open while the nodes are walked in order. A node that reads a chain without joining
//! it closes the chain, which is written out at that point; so open chains never depend on each
//! other and may be joined freely.

use super::chain::Chain;
use super::rewrite::Rewriter;
use crate::graph::{Graph, Node, Op};
use crate::ops::{Broadcast, Constant, Instr, Reach, Reshape};
use crate::spec::{DType, Dim, Spec};
use crate::tensor::Tensor;
use crate::var::ValueId;
use crate::with_type;

/// Elements up to which a repeated number is kept as a tensor instead of being written in every
/// run.
const MOST_CONSTANT: usize = 1 << 14;

/// Fuses chains of pointwise operations. A graph with unknown dims stays as it is.
pub fn fuse(graph: &Graph) -> Graph {
    if !graph.is_concrete() {
        return graph.clone();
    }
    let mut f = Fuser {
        old: graph,
        r: Rewriter::new(graph),
        known: vec![Known::Unseen; graph.values.len()],
        laid: vec![None; graph.values.len()],
        uses: eventual_uses(graph),
        chains: Vec::new(),
    };
    for p in &graph.inputs {
        f.known[p.value.0 as usize] = Known::At(f.r.get(p.value));
    }
    for n in &graph.nodes {
        f.node(n);
    }
    for p in &graph.outputs {
        let v = f.materialize(p.value);
        f.r.bind(p.value, v);
    }
    f.r.finish(graph)
}

/// What is known of an old value.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Known {
    Unseen,
    /// It is this new value, perhaps under other dims.
    At(ValueId),
    /// It is a register of an open chain, perhaps under other dims.
    In(usize, u16),
    /// It is a number everywhere.
    Number(DType, f64),
    /// It reads an old value so.
    Repeats(ValueId, Reach),
}

struct Fuser<'a> {
    old: &'a Graph,
    r: Rewriter,
    known: Vec<Known>,
    /// The new value with exactly an old value's dims, once there is one.
    laid: Vec<Option<ValueId>>,
    uses: Vec<u32>,
    chains: Vec<Chain>,
}

fn numbers(spec: &Spec) -> Vec<usize> {
    spec.numbers().expect("a concrete graph")
}

/// How often each value is read at last, through reshapes.
fn eventual_uses(graph: &Graph) -> Vec<u32> {
    let mut uses = vec![0; graph.values.len()];
    graph.outputs.iter().for_each(|p| uses[p.value.0 as usize] += 1);
    for n in graph.nodes.iter().rev() {
        let each = if is_alias(graph, n) { uses[n.outs[0].0 as usize] } else { 1 };
        n.ins.iter().for_each(|v| uses[v.0 as usize] += each);
    }
    uses
}

/// Whether a node gives the elements of its input as they are.
fn is_alias(graph: &Graph, n: &Node) -> bool {
    match n.op {
        Op::Reshape(_) | Op::StopGradient(_) => true,
        Op::Broadcast(_) => graph.spec(n.ins[0]).n_elements() == graph.spec(n.outs[0]).n_elements(),
        _ => false,
    }
}

/// The reach of a value broadcast to dims, if its kept axes stand together.
fn reach(own: &[Dim], dims: &[Dim]) -> Option<Reach> {
    let number = |d: &Dim| d.expect("a concrete graph");
    let lead = dims.len() - own.len();
    let repeated = |i: usize| i < lead || (number(&own[i - lead]) == 1 && number(&dims[i]) != 1);
    let kept = |i: &usize| !repeated(*i) && number(&dims[*i]) != 1;
    let Some(first) = (0..dims.len()).find(kept) else { return Some(Reach { hold: 1, period: 1 }) };
    let last = (0..dims.len()).rfind(kept).unwrap_or(first);
    if (first..=last).any(repeated) {
        return None;
    }
    let size = |r: &[Dim]| r.iter().map(number).product();
    Some(Reach { hold: size(&dims[last + 1..]), period: size(&dims[first..=last]) })
}

/// A pointwise operation as one of a chain that reads these registers; `None` for any other.
fn instr(op: &Op, [a, b, c]: [u16; 3]) -> Option<Instr> {
    Some(match op {
        Op::Unary(op) => Instr::Unary(op.f, a),
        Op::Binary(op) => Instr::Binary(op.f, a, b),
        Op::Compare(op) => Instr::Compare(op.f, a, b),
        Op::Select(_) => Instr::Select(a, b, c),
        Op::Cast(op) => Instr::Cast(op.dtype, a),
        _ => return None,
    })
}

/// The number that a constant is everywhere, if `f64` holds it.
fn splat(c: &Constant) -> Option<Known> {
    let (dtype, n) = (c.value.dtype(), c.value.n_elements());
    let x = if n == 1 { c.value.to_f64()[0] } else { return None };
    let back = Tensor::scalar_of(dtype, x);
    (back.data == c.value.data || x.is_nan()).then_some(Known::Number(dtype, x))
}

impl Fuser<'_> {
    fn n_elements(&self, v: ValueId) -> usize {
        self.old.spec(v).n_elements().expect("a concrete graph")
    }

    /// What is known of an old value, its chain followed to the one that took it in.
    fn get(&mut self, v: ValueId) -> Known {
        let mut k = self.known[v.0 as usize];
        while let Known::In(c, register) = k {
            let Some((into, shift)) = self.chains[c].joined() else { break };
            k = Known::In(into, register + shift);
        }
        self.known[v.0 as usize] = k;
        k
    }

    fn node(&mut self, n: &Node) {
        let out = n.outs[0];
        match &n.op {
            Op::Reshape(_) | Op::StopGradient(_) => self.known[out.0 as usize] = self.get(n.ins[0]),
            Op::Constant(c) if splat(c).is_some() => {
                self.known[out.0 as usize] = splat(c).expect("seen above")
            }
            Op::Broadcast(_) => self.broadcast(n),
            op if instr(op, [0; 3]).is_some() && self.n_elements(out) > 0 => self.join(n),
            op => self.copy(n, op.clone()),
        }
    }

    /// A node that is no part of a chain.
    fn copy(&mut self, n: &Node, op: Op) {
        let ins: Vec<ValueId> = n.ins.iter().map(|v| self.materialize(*v)).collect();
        let outs = self.r.push(op, ins, n.outs.iter().map(|v| self.old.spec(*v).clone()));
        for (o, new) in n.outs.iter().zip(outs) {
            self.known[o.0 as usize] = Known::At(new);
            self.laid[o.0 as usize] = Some(new);
        }
    }

    fn broadcast(&mut self, n: &Node) {
        let (x, out) = (n.ins[0], n.outs[0]);
        let source = self.get(x);
        let found = reach(&self.old.spec(x).dims, &self.old.spec(out).dims);
        let known = match (source, found) {
            _ if is_alias(self.old, n) => source,
            (Known::Number(..), _) => source,
            (Known::Repeats(..), _) | (_, None) => return self.copy(n, n.op.clone()),
            (_, Some(reach)) => Known::Repeats(x, reach),
        };
        self.known[out.0 as usize] = known;
    }

    /// A new value with the dims of an old one.
    fn materialize(&mut self, v: ValueId) -> ValueId {
        if let Some(id) = self.laid[v.0 as usize] {
            return id;
        }
        let spec = self.old.spec(v).clone();
        let id = match self.get(v) {
            Known::Unseen => unreachable!("inputs stand before uses"),
            Known::At(id) => id,
            Known::In(c, _) => {
                self.close(c);
                return self.materialize(v);
            }
            Known::Number(dtype, x) if spec.n_elements().is_some_and(|n| n <= MOST_CONSTANT) => {
                let mut value = Tensor::zeros(dtype, &numbers(&spec));
                let number = Tensor::scalar_of(dtype, x);
                with_type!(dtype, T => {
                    value.view_mut().get::<T>().fill(number.view().get::<T>()[0])
                });
                self.r.push(Constant { value }.into(), vec![], [spec.clone()])[0]
            }
            Known::Number(dtype, x) => {
                let scalar = self.r.push(
                    Constant { value: Tensor::scalar_of(dtype, x) }.into(),
                    vec![],
                    [Spec::known(dtype, &[])],
                )[0];
                self.stretch(scalar, &spec)
            }
            Known::Repeats(x, reach) => {
                // Dims in which the reach is a broadcast whatever reshapes lie between.
                let n = spec.n_elements().expect("a concrete graph");
                let plain = [n / (reach.hold * reach.period).max(1), reach.period, reach.hold];
                let source = self.materialize(x);
                let own = Spec::known(spec.dtype, &[reach.period, 1]);
                let source = self.reshape(source, &own);
                self.stretch(source, &Spec::known(spec.dtype, &plain))
            }
        };
        let id = self.reshape(id, &spec);
        self.laid[v.0 as usize] = Some(id);
        id
    }

    fn reshape(&mut self, v: ValueId, spec: &Spec) -> ValueId {
        if self.r.graph.spec(v).dims == spec.dims {
            return v;
        }
        self.r.push(Reshape { dims: spec.dims.clone() }.into(), vec![v], [spec.clone()])[0]
    }

    fn stretch(&mut self, v: ValueId, spec: &Spec) -> ValueId {
        if self.r.graph.spec(v).dims == spec.dims {
            return v;
        }
        self.r.push(Broadcast { dims: spec.dims.clone() }.into(), vec![v], [spec.clone()])[0]
    }

    /// Adds a pointwise node to the chain of its inputs, or to a new one.
    fn join(&mut self, n: &Node) {
        let size = self.n_elements(n.outs[0]);
        // What it reads from elsewhere is written out first: that may close chains, never the ones
        // it joins.
        for v in &n.ins {
            match self.get(*v) {
                Known::Repeats(x, _) => {
                    self.materialize(x);
                }
                Known::In(c, _) => {
                    debug_assert_eq!(self.chains[c].n, size, "pointwise inputs are of one length")
                }
                _ => {}
            }
        }
        let mut target: Option<usize> = None;
        for v in &n.ins {
            let Known::In(c, _) = self.get(*v) else { continue };
            target = match target {
                Some(t) if t == c => Some(t),
                Some(t) if self.chains[t].fits_chain(&self.chains[c]) => {
                    self.merge(c, t);
                    Some(t)
                }
                Some(t) => {
                    self.close(c);
                    Some(t)
                }
                None => Some(c),
            };
        }
        if let Some(t) = target.filter(|&t| !self.chains[t].fits(4, 3)) {
            self.close(t);
            target = None;
        }
        let t = target.unwrap_or_else(|| {
            self.chains.push(Chain::new(size));
            self.chains.len() - 1
        });
        let mut read = [0u16; 3];
        for (k, v) in n.ins.iter().enumerate() {
            read[k] = self.register(t, *v);
        }
        let instr = instr(&n.op, read).expect("only pointwise operations join");
        let register = self.chains[t].push(instr, Some(n.outs[0]));
        self.known[n.outs[0].0 as usize] = Known::In(t, register);
    }

    /// The register of chain `t` that holds an old value.
    fn register(&mut self, t: usize, v: ValueId) -> u16 {
        let (new, reach) = match self.get(v) {
            Known::In(c, register) if c == t => {
                self.chains[t].read(register);
                return register;
            }
            Known::Number(dtype, x) => return self.chains[t].number(dtype, x),
            Known::Repeats(x, reach) => (self.materialize(x), reach),
            Known::At(id) => (id, Reach { hold: 1, period: self.chains[t].n }),
            Known::In(..) | Known::Unseen => {
                (self.materialize(v), Reach { hold: 1, period: self.chains[t].n })
            }
        };
        self.chains[t].input(new, reach)
    }

    /// Puts open chain `from` behind open chain `into`.
    fn merge(&mut self, from: usize, into: usize) {
        let chain = std::mem::take(&mut self.chains[from]);
        let n = chain.n;
        let shift = self.chains[into].take_in(chain);
        self.chains[from] = Chain::gone(n, into, shift);
    }

    /// Writes a chain out.
    fn close(&mut self, c: usize) {
        if !self.chains[c].is_open {
            return;
        }
        let chain = std::mem::take(&mut self.chains[c]);
        self.chains[c].n = chain.n;
        let (op, inputs, given) = chain.close(&self.uses, |v| numbers(self.old.spec(v)));
        let specs: Vec<Spec> = given.values.iter().map(|v| self.old.spec(*v).clone()).collect();
        let outs = self.r.push(op.into(), inputs, specs);
        // Every old value that was a register of this chain, reshapes of it included, is now a
        // value.
        for v in 0..self.known.len() {
            if let Known::In(at, register) = self.get(ValueId(v as u32))
                && at == c
                && let Some(output) = given.output_of(register)
            {
                self.known[v] = Known::At(outs[output]);
            }
        }
    }
}
