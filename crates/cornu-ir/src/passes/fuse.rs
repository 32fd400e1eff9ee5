//! Fusion: pointwise operations that hand values of one length to each other become one.
//!
//! Chains stay open while the nodes are walked in order. A node that reads a chain without joining
//! it closes the chain, which is written out at that point; so open chains never depend on each
//! other and may be joined freely.

use crate::graph::{Graph, Node, ValueId};
use crate::op::Op;
use crate::ops::{Constant, Fused, Instr, Reach, Reshape, Scan};
use crate::passes::Rewriter;
use crate::spec::{DType, Dim, Spec};
use crate::tensor::Tensor;
use crate::with_type;
use std::sync::Arc;

/// Operations of a chain at most.
const MOST_CODE: usize = 48;
/// Inputs of a chain at most.
const MOST_INPUTS: usize = 24;

/// Elements up to which a repeated number is kept as a tensor instead of being written in every
/// run.
const MOST_CONSTANT: usize = 1 << 14;

/// Fuses chains of pointwise operations, and the bodies of scans in themselves. A graph with
/// unknown dims stays as it is.
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

/// A chain being collected.
struct Chain {
    n: usize,
    inputs: Vec<(ValueId, Reach)>,
    /// Operations whose registers are numbered apart from the inputs until the chain is closed.
    code: Vec<Instr>,
    /// For each operation: the old value it makes (`None` for a number) and how often the chain
    /// reads it.
    made: Vec<(Option<ValueId>, u32)>,
    open: bool,
    /// The chain that took this one in, and how far its registers moved.
    joined: Option<(usize, u16)>,
}

/// Registers at and above this number are operations, below it inputs.
const FIRST_CODE: u16 = 1 << 15;

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
            let Some((into, shift)) = self.chains[c].joined else { break };
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
            Op::Unary(_) | Op::Binary(_) | Op::Compare(_) | Op::Select(_) | Op::Cast(_)
                if self.n_elements(out) > 0 =>
            {
                self.join(n)
            }
            Op::Scan(scan) => {
                let body = Arc::new(super::run((*scan.body).clone()));
                self.copy(n, Scan { body, ..scan.clone() }.into());
            }
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
                with_type!(dtype, T => value.view_mut().get::<T>().fill(number.view().get::<T>()[0]));
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
        self.r.push(
            crate::ops::Broadcast { dims: spec.dims.clone() }.into(),
            vec![v],
            [spec.clone()],
        )[0]
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
                Some(t)
                    if self.fits(t, self.chains[c].code.len() + 4, self.chains[c].inputs.len()) =>
                {
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
        if let Some(t) = target.filter(|&t| !self.fits(t, 4, 3)) {
            self.close(t);
            target = None;
        }
        let t = target.unwrap_or_else(|| {
            self.chains.push(Chain {
                n: size,
                inputs: vec![],
                code: vec![],
                made: vec![],
                open: true,
                joined: None,
            });
            self.chains.len() - 1
        });
        let mut read = [0u16; 3];
        for (k, v) in n.ins.iter().enumerate() {
            read[k] = self.register(t, *v);
        }
        let [a, b, c] = read;
        let instr = match &n.op {
            Op::Unary(op) => Instr::Unary(op.f, a),
            Op::Binary(op) => Instr::Binary(op.f, a, b),
            Op::Compare(op) => Instr::Compare(op.f, a, b),
            Op::Cast(op) => Instr::Cast(op.dtype, a),
            _ => Instr::Select(a, b, c),
        };
        let register = self.chains[t].push(instr, Some(n.outs[0]));
        self.known[n.outs[0].0 as usize] = Known::In(t, register);
    }

    /// Whether a chain can take in so many operations and inputs more.
    fn fits(&self, t: usize, n_code: usize, n_inputs: usize) -> bool {
        self.chains[t].code.len() + n_code <= MOST_CODE
            && self.chains[t].inputs.len() + n_inputs <= MOST_INPUTS
    }

    /// The register of chain `t` that holds an old value.
    fn register(&mut self, t: usize, v: ValueId) -> u16 {
        let (new, reach) = match self.get(v) {
            Known::In(c, register) if c == t => {
                let at = (register - FIRST_CODE) as usize;
                self.chains[t].made[at].1 += 1;
                return register;
            }
            Known::Number(dtype, x) => {
                let same = |i: &Instr| matches!(i, Instr::Number(d, y) if *d == dtype && y.to_bits() == x.to_bits());
                let chain = &mut self.chains[t];
                return match chain.code.iter().position(same) {
                    Some(i) => FIRST_CODE + i as u16,
                    None => chain.push(Instr::Number(dtype, x), None),
                };
            }
            Known::Repeats(x, reach) => (self.materialize(x), reach),
            Known::At(id) => (id, Reach { hold: 1, period: self.chains[t].n }),
            Known::In(..) | Known::Unseen => {
                (self.materialize(v), Reach { hold: 1, period: self.chains[t].n })
            }
        };
        let chain = &mut self.chains[t];
        let at = chain.inputs.iter().position(|i| *i == (new, reach)).unwrap_or_else(|| {
            chain.inputs.push((new, reach));
            chain.inputs.len() - 1
        });
        at as u16
    }

    /// Puts open chain `from` behind open chain `into`.
    fn merge(&mut self, from: usize, into: usize) {
        let (inputs, code, made) = {
            let c = &mut self.chains[from];
            c.open = false;
            (
                std::mem::take(&mut c.inputs),
                std::mem::take(&mut c.code),
                std::mem::take(&mut c.made),
            )
        };
        let chain = &mut self.chains[into];
        let shift = chain.code.len() as u16;
        let places: Vec<u16> = inputs
            .into_iter()
            .map(|i| {
                chain.inputs.iter().position(|have| *have == i).unwrap_or_else(|| {
                    chain.inputs.push(i);
                    chain.inputs.len() - 1
                }) as u16
            })
            .collect();
        let place = |r: u16| if r >= FIRST_CODE { r + shift } else { places[r as usize] };
        chain.code.extend(code.iter().map(|i| renumbered(i, place)));
        chain.made.extend(made);
        self.chains[from].joined = Some((into, shift));
    }

    /// Writes a chain out.
    fn close(&mut self, c: usize) {
        let chain = &mut self.chains[c];
        if !chain.open {
            return;
        }
        chain.open = false;
        let (inputs, code, made) = (
            std::mem::take(&mut chain.inputs),
            std::mem::take(&mut chain.code),
            std::mem::take(&mut chain.made),
        );
        let n_inputs = inputs.len() as u16;
        let place = |r: u16| if r >= FIRST_CODE { r - FIRST_CODE + n_inputs } else { r };
        let mut outputs = Vec::new();
        let mut given = Vec::new();
        for (i, (value, inside)) in made.iter().enumerate() {
            if let Some(v) = value.filter(|v| self.uses[v.0 as usize] > *inside) {
                outputs.push((i as u16 + n_inputs, numbers(self.old.spec(v))));
                given.push(v);
            }
        }
        let op = Fused {
            n: self.chains[c].n,
            inputs: inputs.iter().map(|i| i.1).collect(),
            code: code.iter().map(|i| renumbered(i, place)).collect(),
            outputs,
        };
        let specs: Vec<Spec> = given.iter().map(|v| self.old.spec(*v).clone()).collect();
        let outs = self.r.push(op.into(), inputs.into_iter().map(|i| i.0).collect(), specs);
        // Every old value that was a register of this chain, reshapes of it included, is now a
        // value.
        let of_register: Vec<Option<ValueId>> = {
            let mut new = given.iter().zip(&outs);
            made.iter()
                .map(|(value, inside)| {
                    value
                        .filter(|v| self.uses[v.0 as usize] > *inside)
                        .and_then(|_| new.next().map(|(_, n)| *n))
                })
                .collect()
        };
        for v in 0..self.known.len() {
            if let Known::In(at, register) = self.get(ValueId(v as u32))
                && at == c
                && let Some(new) = of_register[(register - FIRST_CODE) as usize]
            {
                self.known[v] = Known::At(new);
            }
        }
    }
}

impl Chain {
    fn push(&mut self, instr: Instr, value: Option<ValueId>) -> u16 {
        self.code.push(instr);
        self.made.push((value, 0));
        FIRST_CODE + (self.code.len() - 1) as u16
    }
}

fn renumbered(i: &Instr, place: impl Fn(u16) -> u16) -> Instr {
    match *i {
        Instr::Number(..) => *i,
        Instr::Unary(f, a) => Instr::Unary(f, place(a)),
        Instr::Binary(f, a, b) => Instr::Binary(f, place(a), place(b)),
        Instr::Compare(f, a, b) => Instr::Compare(f, place(a), place(b)),
        Instr::Select(c, a, b) => Instr::Select(place(c), place(a), place(b)),
        Instr::Cast(t, a) => Instr::Cast(t, place(a)),
    }
}
