//! The order in which Keras runs the calls of a model.
//!
//! It matters where a call changes what later ones find: MultiHeadAttention takes the masks off its
//! inputs.
//!
//! Source: `map_graph` and `Function._run_through_graph` of keras/src/ops/function.py, Keras
//! 3.15.1.

use super::tensor_ref::TensorRef;
use std::collections::{HashMap, HashSet};

/// One call: member, number.
pub(super) type Place = (usize, usize);

/// Calls by depth, the longest way to an output, those of one depth as the way back from the
/// outputs meets them; then the calls that no output needs, in the order given, in which each call
/// finds its inputs. `reads` tells what a call reads.
pub(super) fn running_order<'m>(
    outputs: &[TensorRef],
    ready: &[Place],
    reads: impl Fn(Place) -> Vec<&'m TensorRef>,
) -> Vec<Place> {
    let mut met = Vec::new();
    let mut finished: HashSet<Place> = HashSet::new();
    for output in outputs {
        visit((output.member, output.call), &reads, &mut finished, &mut met);
    }
    let mut depth_of_member: HashMap<usize, usize> = HashMap::new();
    let mut depths: HashMap<Place, usize> = HashMap::new();
    let mut noted = Vec::new();
    for &at in met.iter().rev() {
        let own = *depths.entry(at).or_insert_with(|| {
            noted.push(at);
            0
        });
        let deepest = depth_of_member.entry(at.0).or_insert(0);
        *deepest = own.max(*deepest);
        let depth = *deepest;
        depths.insert(at, depth);
        for t in reads(at) {
            let before = (t.member, t.call);
            let d = depths.entry(before).or_insert_with(|| {
                noted.push(before);
                0
            });
            *d = (*d).max(depth + 1);
        }
    }
    noted.sort_by_key(|at| std::cmp::Reverse(depths[at]));
    let known: HashSet<Place> = ready.iter().copied().collect();
    let mut order: Vec<Place> = noted.into_iter().filter(|at| known.contains(at)).collect();
    order.extend(ready.iter().filter(|at| !finished.contains(at)));
    if each_finds_its_inputs(&order, &known, &reads) { order } else { ready.to_vec() }
}

/// Depth first to a call, what it reads before itself; without recursion, for models may be deep.
fn visit<'m>(
    from: Place,
    reads: &impl Fn(Place) -> Vec<&'m TensorRef>,
    finished: &mut HashSet<Place>,
    met: &mut Vec<Place>,
) {
    let mut begun: HashSet<Place> = HashSet::new();
    let mut stack = vec![];
    let mut enter = |stack: &mut Vec<(Place, usize)>, finished: &HashSet<Place>, at: Place| {
        if !finished.contains(&at) && begun.insert(at) {
            stack.push((at, 0));
        }
    };
    enter(&mut stack, finished, from);
    while let Some((at, next)) = stack.last_mut() {
        let read = reads(*at).get(*next).map(|t| (t.member, t.call));
        *next += 1;
        match read {
            Some(before) => enter(&mut stack, finished, before),
            None => {
                let (at, _) = stack.pop().expect("not empty");
                finished.insert(at);
                met.push(at);
            }
        }
    }
}

fn each_finds_its_inputs<'m>(
    order: &[Place],
    known: &HashSet<Place>,
    reads: &impl Fn(Place) -> Vec<&'m TensorRef>,
) -> bool {
    let mut done: HashSet<Place> = HashSet::new();
    order.iter().all(|at| {
        let found = reads(*at)
            .iter()
            .all(|t| !known.contains(&(t.member, t.call)) || done.contains(&(t.member, t.call)));
        done.insert(*at);
        found
    })
}
