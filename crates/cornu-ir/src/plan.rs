//! The plan: where each value of a concrete graph lies in memory, decided once.
//!
//! Inputs lie where the caller has them; constants in a pool of their own; everything else in one
//! arena whose parts are used again as soon as the last reader of a value has run. A reshape is the
//! value it reshapes.

use crate::graph::{Graph, Node, Op, Source};
use crate::var::ValueId;

/// Every part of the arena starts at a multiple of this, a cache line and the widest vector.
pub const ALIGN_BYTES: usize = 64;

/// Where a value lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the caller's buffer for this input.
    Input(usize),
    /// In the caller's buffer for this output.
    Output(usize),
    /// In the tensor of the constant node of this index.
    Constant(usize),
    /// In the arena, from this byte.
    Arena(usize),
    /// Nowhere: nothing reads it.
    Nowhere,
}

/// What the caller promises about an output's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputPlace {
    /// The plan keeps the value where it likes until the run ends.
    Kept,
    /// The caller's own buffer, apart from all inputs.
    Own,
    /// The buffer of this input, which the output replaces.
    Replaces(usize),
}

/// One operation to run.
#[derive(Clone, Debug)]
pub struct Step {
    /// Index of the node in the graph.
    pub node: usize,
    /// Scratch memory of this step: first byte in the arena and number of bytes.
    pub scratch: (usize, usize),
}

/// A graph laid out.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The graph.
    pub graph: Graph,
    /// Where each value lies.
    pub places: Vec<Place>,
    /// What is run, in order.
    pub steps: Vec<Step>,
    /// Bytes of the arena.
    pub arena_bytes: usize,
    /// Outputs that must be copied to their buffer when the steps are done.
    pub copies: Vec<usize>,
    /// For each output the input whose buffer it replaces.
    replaced: Vec<Option<usize>>,
}

/// Free parts of the arena, by first byte.
#[derive(Default)]
struct Arena {
    free: Vec<(usize, usize)>,
    bytes: usize,
}

impl Arena {
    fn take(&mut self, bytes: usize) -> usize {
        let bytes = bytes.next_multiple_of(ALIGN_BYTES).max(ALIGN_BYTES);
        // The smallest part that holds it.
        let best = self
            .free
            .iter()
            .enumerate()
            .filter(|(_, (_, n))| *n >= bytes)
            .min_by_key(|(_, (_, n))| *n)
            .map(|(i, _)| i);
        if let Some(i) = best {
            let (at, n) = self.free[i];
            if n == bytes {
                self.free.remove(i);
            } else {
                self.free[i] = (at + bytes, n - bytes);
            }
            return at;
        }
        // A free part at the end grows.
        if let Some(i) = self.free.iter().position(|(at, n)| at + n == self.bytes) {
            let (at, _) = self.free.remove(i);
            self.bytes = at + bytes;
            return at;
        }
        self.bytes += bytes;
        self.bytes - bytes
    }

    fn give(&mut self, at: usize, bytes: usize) {
        let bytes = bytes.next_multiple_of(ALIGN_BYTES).max(ALIGN_BYTES);
        let i = self.free.partition_point(|(a, _)| *a < at);
        self.free.insert(i, (at, bytes));
        if i + 1 < self.free.len() && at + bytes == self.free[i + 1].0 {
            self.free[i].1 += self.free.remove(i + 1).1;
        }
        if i > 0 && self.free[i - 1].0 + self.free[i - 1].1 == at {
            self.free[i - 1].1 += self.free.remove(i).1;
        }
    }
}

/// Bytes of a value of a concrete graph.
pub fn value_bytes(graph: &Graph, v: ValueId) -> usize {
    let s = graph.spec(v);
    s.n_elements().expect("a concrete graph") * s.dtype.size_bytes()
}

/// Whether a node may write an output over an input: it reads each element of that memory only to
/// make the same element.
fn reads_in_step(n: &Node, root: &[usize], old: usize) -> bool {
    let Op::Fused(chain) = &n.op else { return false };
    n.ins.iter().enumerate().all(|(i, v)| root[v.0 as usize] != old || chain.reads_in_step(i))
}

/// Whether an operation hands on its first input's memory untouched.
fn is_alias(op: &Op) -> bool {
    matches!(op, Op::Reshape(_) | Op::StopGradient(_))
}

impl Plan {
    /// Lays out a concrete graph. `outputs` says where each output goes; `scratch_bytes` how much
    /// scratch a node's kernel wants.
    pub fn new(
        graph: Graph,
        outputs: &[OutputPlace],
        scratch_bytes: &dyn Fn(&Graph, &Node) -> usize,
    ) -> Plan {
        assert!(graph.is_concrete(), "only a graph whose dims are all numbers can be planned");
        assert_eq!(graph.outputs.len(), outputs.len(), "a place for each output");
        let n_values = graph.values.len();
        // The value whose memory a value uses.
        let mut root: Vec<usize> = (0..n_values).collect();
        for n in graph.nodes.iter().filter(|n| is_alias(&n.op)) {
            root[n.outs[0].0 as usize] = root[n.ins[0].0 as usize];
        }
        // The last node that reads each memory.
        let end = graph.nodes.len();
        let mut last_read = vec![None; n_values];
        for (i, n) in graph.nodes.iter().enumerate().filter(|(_, n)| !is_alias(&n.op)) {
            n.ins.iter().for_each(|v| last_read[root[v.0 as usize]] = Some(i));
        }
        let mut places = vec![Place::Nowhere; n_values];
        for (i, p) in graph.inputs.iter().enumerate() {
            places[p.value.0 as usize] = Place::Input(i);
        }
        let mut copies = Vec::new();
        for (i, (p, want)) in graph.outputs.iter().zip(outputs).enumerate() {
            let r = root[p.value.0 as usize];
            let taken = places[r] != Place::Nowhere;
            let direct = match (graph.values[r].source, want) {
                (_, OutputPlace::Kept) | (Source::Input(_), _) => false,
                (Source::Node(n, _), OutputPlace::Own) => {
                    !matches!(graph.nodes[n.0 as usize].op, Op::Constant(_))
                }
                (Source::Node(n, _), OutputPlace::Replaces(input)) => {
                    let old = graph.inputs[*input].value.0 as usize;
                    let maker = &graph.nodes[n.0 as usize];
                    let at = n.0 as usize;
                    let unread_after = last_read[old]
                        .is_none_or(|l| l < at || (l == at && reads_in_step(maker, &root, old)));
                    let handed_out = graph.outputs.iter().any(|q| root[q.value.0 as usize] == old);
                    !matches!(maker.op, Op::Constant(_)) && unread_after && !handed_out
                }
            };
            if direct && !taken {
                places[r] = Place::Output(i);
            } else if *want != OutputPlace::Kept {
                copies.push(i);
            }
            last_read[r] = Some(end);
        }
        let mut arena = Arena::default();
        let mut steps = Vec::new();
        for (i, n) in graph.nodes.iter().enumerate() {
            if is_alias(&n.op) {
                continue;
            }
            if matches!(n.op, Op::Constant(_)) {
                places[n.outs[0].0 as usize] = Place::Constant(i);
                continue;
            }
            let read = |v: &ValueId| last_read[v.0 as usize].is_some();
            if !n.outs.iter().any(read) {
                continue;
            }
            let mut overwritten = Vec::new();
            for v in n.outs.iter().filter(|v| read(v)) {
                if places[v.0 as usize] != Place::Nowhere {
                    continue;
                }
                let bytes = value_bytes(&graph, *v);
                let over = n.ins.iter().map(|u| root[u.0 as usize]).find(|&u| {
                    let dies_here = last_read[u] == Some(i) && matches!(places[u], Place::Arena(_));
                    dies_here
                        && !overwritten.contains(&u)
                        && value_bytes(&graph, ValueId(u as u32)) == bytes
                        && reads_in_step(n, &root, u)
                });
                places[v.0 as usize] = match over {
                    Some(u) => {
                        overwritten.push(u);
                        places[u]
                    }
                    None => Place::Arena(arena.take(bytes)),
                };
            }
            let scratch = scratch_bytes(&graph, n);
            let at = if scratch > 0 { arena.take(scratch) } else { 0 };
            if scratch > 0 {
                arena.give(at, scratch);
            }
            steps.push(Step { node: i, scratch: (at, scratch) });
            let mut done: Vec<usize> = n
                .ins
                .iter()
                .map(|v| root[v.0 as usize])
                .filter(|v| last_read[*v] == Some(i))
                .collect();
            done.sort_unstable();
            done.dedup();
            for v in done.into_iter().filter(|v| !overwritten.contains(v)) {
                if let Place::Arena(at) = places[v] {
                    arena.give(at, value_bytes(&graph, ValueId(v as u32)));
                }
            }
        }
        for v in 0..n_values {
            places[v] = places[root[v]];
        }
        let replaced = outputs
            .iter()
            .map(|o| if let OutputPlace::Replaces(i) = o { Some(*i) } else { None })
            .collect();
        Plan { graph, places, steps, arena_bytes: arena.bytes, copies, replaced }
    }
}

impl Plan {
    /// Whether two values lie in the same memory: an output written over an input.
    pub fn shares(&self, a: ValueId, b: ValueId) -> bool {
        let place = |v: ValueId| self.places[v.0 as usize];
        match (place(a), place(b)) {
            (Place::Arena(x), Place::Arena(y)) => x == y,
            (Place::Output(o), Place::Input(i)) => self.replaced[o] == Some(i),
            _ => false,
        }
    }
}

impl std::fmt::Display for Plan {
    /// The stable textual form: a line a step with the places it reads and writes.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "arena {} bytes", self.arena_bytes)?;
        for s in &self.steps {
            let n = &self.graph.nodes[s.node];
            let at = |v: &ValueId| format!("%{}@{:?}", v.0, self.places[v.0 as usize]);
            let (ins, outs): (Vec<_>, Vec<_>) =
                (n.ins.iter().map(at).collect(), n.outs.iter().map(at).collect());
            writeln!(f, "{} <- {}({})", outs.join(", "), n.op.name(), ins.join(", "))?;
        }
        Ok(())
    }
}
