//! Passes from graph to graph, in the order in which they run.

mod cse;
mod dce;
mod fuse;
mod rewrite;
mod simplify;

pub use cse::cse;
pub use dce::dce;
pub use fuse::fuse;
pub use rewrite::Rewriter;
pub use simplify::simplify;

use crate::graph::Graph;

/// A pass: the same values computed otherwise.
pub type Pass = fn(&Graph) -> Graph;

/// All passes with their names, in order.
pub const PASSES: &[(&str, Pass)] =
    &[("simplify", simplify), ("cse", cse), ("dce", dce), ("fuse", fuse)];

/// Runs all passes. Debug builds verify the graph after each.
pub fn run(graph: Graph) -> Graph {
    PASSES.iter().fold(graph, |graph, (name, pass)| {
        let next = pass(&graph);
        if cfg!(debug_assertions)
            && let Err(e) = crate::verify::verify(&next)
        {
            panic!("pass {name} broke the graph: {e}\n{next}");
        }
        next
    })
}
