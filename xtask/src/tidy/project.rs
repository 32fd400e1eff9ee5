//! What the rules hold about this project: limits, names, lists.

/// Lines that a file holds at most, comments counted.
pub(super) const LINES: usize = 400;

/// Columns that a line holds at most.
pub(super) const COLUMNS: usize = 100;

/// File names that say nothing of what a file holds.
pub(super) const EMPTY_NAMES: &[&str] =
    &["utils", "util", "common", "base", "helpers", "helper", "misc"];

/// The one crate that may hold `unsafe`.
pub(super) const UNSAFE_CRATE: &str = "crates/cornu-cpu";

/// What exists stands in one list: each `impl TRAIT for TYPE` of a folder names a TYPE of the list
/// `MACRO! { … }`.
pub(super) struct Family {
    pub(super) folder: &'static str,
    pub(super) implements: &'static str,
    /// File of the list.
    pub(super) file: &'static str,
    pub(super) list: &'static str,
}

/// The lists.
pub(super) const FAMILIES: &[Family] = &[
    Family {
        folder: "crates/cornu-ir/src/ops/",
        implements: "Primitive",
        file: "crates/cornu-ir/src/graph.rs",
        list: "primitives",
    },
    Family {
        folder: "crates/cornu/src/layers/",
        implements: "Layer",
        file: "crates/cornu/src/layers/mod.rs",
        list: "layers",
    },
    Family {
        folder: "crates/cornu/src/losses/",
        implements: "LossFunction",
        file: "crates/cornu/src/losses/mod.rs",
        list: "family",
    },
    Family {
        folder: "crates/cornu/src/metrics/",
        implements: "MetricFunction",
        file: "crates/cornu/src/metrics/mod.rs",
        list: "family",
    },
    Family {
        folder: "crates/cornu/src/optimizers/",
        implements: "UpdateRule",
        file: "crates/cornu/src/optimizers/mod.rs",
        list: "family",
    },
    Family {
        folder: "crates/cornu/src/initializers/",
        implements: "Initialize",
        file: "crates/cornu/src/initializers/mod.rs",
        list: "family",
    },
];
