//! Passes from graph to graph, in the order in which they run.

mod rewrite;
mod simplify;
mod cse;
mod dce;
mod chain;
mod fuse;

pub use cse::cse;
pub use dce::dce;
pub use fuse::fuse;
pub use rewrite::Rewriter;
pub use simplify::simplify;

use crate::graph::{Graph, Op};
use std::sync::Arc;

/// A pass: the same values computed otherwise.
pub type Pass = fn(&Graph) -> Graph;

/// All passes with their names, in order.
pub const PASSES: &[(&str, Pass)] =
    &[("simplify", simplify), ("cse", cse), ("dce", dce), ("fuse", fuse)];

/// Runs all passes, then all of them on the bodies of scans. Debug builds verify the graph after
/// each.
pub fn run(graph: Graph) -> Graph {
    let mut done = PASSES.iter().fold(graph, |graph, (name, pass)| {
        let next = pass(&graph);
        if cfg!(debug_assertions)
            && let Err(e) = crate::verify::verify(&next)
        {
            panic!("pass {name} broke the graph: {e}\n{next}");
        }
        next
    });
    if done.is_concrete() {
        for n in &mut done.nodes {
            if let Op::Scan(scan) = &mut n.op {
                scan.body = Arc::new(run((*scan.body).clone()));
            }
        }
    }
    done
}
