//! From symbols to a graph of layers: Keras's order of members and calls.
//!
//! Source: `map_graph` of keras/src/ops/function.py, Keras 3.15.1: layers stand by depth (the
//! longest way to an output), those of one depth as a walk from the outputs meets them.

use super::functional::{Draft, Functional, MemberKind};
use super::input_layer::InputLayer;
use super::nodes::Nodes;
use super::symbol::{CallNode, Maker, Symbol};
use super::tensor_ref::{Nest, TensorRef};
use crate::lowering::LayerRef;
use crate::{Error, Result};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Identity of what makes values: an entry by its address, a layer by its number.
type Key = (bool, u64);

fn key(node: &Arc<CallNode>) -> Key {
    match &node.maker {
        Maker::Input(i) => (true, Arc::as_ptr(i) as u64),
        Maker::Layer(l) => (false, l.id()),
    }
}

#[derive(Default)]
struct Trace {
    /// Calls, each after those it reads.
    calls: Vec<Arc<CallNode>>,
    finished: HashSet<*const CallNode>,
    /// When the walk first met each maker.
    met: HashMap<Key, usize>,
}

impl Trace {
    /// Depth first from an output, without recursion: models may be deep.
    fn visit(&mut self, output: &Arc<CallNode>) {
        let mut stack: Vec<(Arc<CallNode>, usize)> = vec![];
        let enter = |t: &mut Trace, stack: &mut Vec<(Arc<CallNode>, usize)>, n: &Arc<CallNode>| {
            if !t.finished.contains(&Arc::as_ptr(n))
                && !stack.iter().any(|(m, _)| Arc::ptr_eq(m, n))
            {
                let next = t.met.len();
                t.met.entry(key(n)).or_insert(next);
                stack.push((n.clone(), 0));
            }
        };
        enter(self, &mut stack, output);
        while let Some((node, at)) = stack.last_mut() {
            let read = node.call.values().get(*at).map(|s| s.node.clone());
            *at += 1;
            match read {
                Some(n) => enter(self, &mut stack, &n),
                None => {
                    let (node, _) = stack.pop().expect("not empty");
                    self.finished.insert(Arc::as_ptr(&node));
                    self.calls.push(node);
                }
            }
        }
    }
}

/// The graph of layers between symbols.
pub(crate) fn trace(
    inputs: &[Symbol],
    outputs: &[Symbol],
    one_input: bool,
    one_output: bool,
) -> Result<(Functional, Nodes)> {
    let mut t = Trace::default();
    outputs.iter().for_each(|o| t.visit(&o.node));
    for s in inputs {
        if !matches!(s.node.maker, Maker::Input(_)) {
            return Err(Error::argument(
                "Model",
                "inputs must be made by Input",
                format!("the output of layer `{}`", maker_name(&s.node)),
            ));
        }
        let next = t.met.len();
        t.met.entry(key(&s.node)).or_insert(next);
        if t.finished.insert(Arc::as_ptr(&s.node)) {
            t.calls.push(s.node.clone());
        }
    }
    let given: HashSet<Key> = inputs.iter().map(|s| key(&s.node)).collect();
    if let Some(n) =
        t.calls.iter().find(|n| matches!(n.maker, Maker::Input(_)) && !given.contains(&key(n)))
    {
        return Err(Error::argument(
            "Model",
            "the outputs depend on an Input that is not among the inputs",
            maker_name(n),
        ));
    }
    // The depth of a maker is the longest way from one of its calls to an output.
    let mut depth_of_call: HashMap<*const CallNode, usize> = HashMap::new();
    let mut depth: HashMap<Key, usize> = HashMap::new();
    for n in t.calls.iter().rev() {
        let own = depth_of_call.get(&Arc::as_ptr(n)).copied().unwrap_or(0);
        let d = depth.entry(key(n)).or_insert(0);
        *d = own.max(*d);
        let d = *d;
        depth_of_call.insert(Arc::as_ptr(n), d);
        for s in n.call.values() {
            let e = depth_of_call.entry(Arc::as_ptr(&s.node)).or_insert(0);
            *e = (*e).max(d + 1);
        }
    }
    let mut makers: Vec<Key> = depth.keys().copied().collect();
    makers.sort_by_key(|k| (std::cmp::Reverse(depth[k]), t.met[k]));
    let index: HashMap<Key, usize> = makers.iter().enumerate().map(|(i, k)| (*k, i)).collect();
    let mut calls: Vec<Vec<&Arc<CallNode>>> = vec![vec![]; makers.len()];
    t.calls.iter().for_each(|n| calls[index[&key(n)]].push(n));
    let place: HashMap<*const CallNode, (usize, usize)> = calls
        .iter()
        .enumerate()
        .flat_map(|(m, c)| c.iter().enumerate().map(move |(i, n)| (Arc::as_ptr(n), (m, i))))
        .collect();
    let reference = |s: &Symbol| {
        let (member, call) = place[&Arc::as_ptr(&s.node)];
        TensorRef { member, call, output: s.index }
    };
    let names = names(&makers, &calls)?;
    let drafts = calls
        .iter()
        .zip(names)
        .map(|(c, name)| match &c[0].maker {
            Maker::Input(i) => {
                Draft { name, kind: MemberKind::Input(InputLayer::clone(i)), calls: vec![] }
            }
            Maker::Layer(l) => Draft {
                name,
                kind: MemberKind::Layer(l.clone()),
                calls: c.iter().map(|n| n.call.map(reference)).collect(),
            },
        })
        .collect();
    let nest = |symbols: &[Symbol], one: bool| match symbols {
        [s] if one => Nest::One(reference(s)),
        many => Nest::List(many.iter().map(|s| Nest::One(reference(s))).collect()),
    };
    let nodes = Nodes(calls.iter().map(|c| c.iter().map(|n| Arc::clone(n)).collect()).collect());
    let graph = Functional::assemble(drafts, nest(inputs, one_input), nest(outputs, one_output))?;
    Ok((graph, nodes))
}

fn maker_name(n: &Arc<CallNode>) -> String {
    match &n.maker {
        Maker::Input(i) => i.name.clone().unwrap_or_else(|| "input_layer".into()),
        Maker::Layer(l) => l.shown_name(),
    }
}

/// Operations that Keras makes of its own when it opens a file through which masks flow. It names
/// them itself, and two of one name are an error there: no layer of a model with masks is given
/// such a name.
const MASK_OPERATIONS: &[&str] =
    &["any", "concatenate", "expand_dims", "logical_or", "not_equal", "ones_like", "zeros_like"];

/// Names for all makers: those given, and for the others the class's name with a counter, in order
/// of creation.
fn names(makers: &[Key], calls: &[Vec<&Arc<CallNode>>]) -> Result<Vec<String>> {
    let given: Vec<Option<String>> = calls
        .iter()
        .map(|c| match &c[0].maker {
            Maker::Input(i) => i.name.clone(),
            Maker::Layer(l) => l.given_name().map(str::to_string),
        })
        .collect();
    let mut order: Vec<usize> = (0..makers.len()).collect();
    // Entries keep the order in which the walk met them; layers the order in which they were made.
    order.sort_by_key(|&i| (!makers[i].0, if makers[i].0 { i as u64 } else { makers[i].1 }));
    let masks_flow = calls.iter().flatten().any(|n| n.outputs.iter().any(|o| o.mask.is_some()));
    let bases: Vec<String> = calls
        .iter()
        .map(|c| match &c[0].maker {
            Maker::Input(_) => "input_layer".to_string(),
            Maker::Layer(l)
                if masks_flow && MASK_OPERATIONS.contains(&l.rule().stem().as_str()) =>
            {
                format!("{}_layer", l.rule().stem())
            }
            Maker::Layer(l) => l.rule().stem(),
        })
        .collect();
    Ok(unique_names(&given, &bases, &order))
}

/// Fills in missing names: base, base_1, base_2, … leaving out those given.
pub(super) fn unique_names(
    given: &[Option<String>],
    bases: &[String],
    order: &[usize],
) -> Vec<String> {
    let taken: HashSet<&String> = given.iter().flatten().collect();
    let mut count: HashMap<&String, usize> = HashMap::new();
    let mut names: Vec<String> = vec![String::new(); given.len()];
    for &i in order {
        names[i] = given[i].clone().unwrap_or_else(|| {
            loop {
                let n = count.entry(&bases[i]).or_default();
                let name = if *n == 0 { bases[i].clone() } else { format!("{}_{n}", bases[i]) };
                *n += 1;
                if !taken.contains(&name) {
                    break name;
                }
            }
        });
    }
    names
}

/// Names for layers in a list.
pub(super) fn names_in_order(layers: &[LayerRef]) -> Vec<String> {
    let given: Vec<Option<String>> =
        layers.iter().map(|l| l.given_name().map(str::to_string)).collect();
    let bases: Vec<String> = layers.iter().map(|l| l.rule().stem()).collect();
    unique_names(&given, &bases, &(0..layers.len()).collect::<Vec<_>>())
}
