//! What the rules hold about this project: limits, names, lists, and the exceptions with their
//! reasons.

/// Lines of code a file should have at most.
pub(super) const LINES: usize = 400;

/// Lines of code no file may pass.
pub(super) const HARD_LINES: usize = 600;

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
        list: "losses",
    },
    Family {
        folder: "crates/cornu/src/metrics/",
        implements: "MetricFunction",
        file: "crates/cornu/src/metrics/mod.rs",
        list: "metrics",
    },
    Family {
        folder: "crates/cornu/src/optimizers/",
        implements: "Rule",
        file: "crates/cornu/src/optimizers/mod.rs",
        list: "optimizers",
    },
    Family {
        folder: "crates/cornu/src/initializers/",
        implements: "Initialize",
        file: "crates/cornu/src/initializers/mod.rs",
        list: "family",
    },
];

/// A module that may import one that stands below it: the two hold one another, and neither order
/// reads better.
pub(super) struct Allowance {
    /// A module, or all inside one: `cornu_cpu::kernels::*`.
    pub(super) from: &'static str,
    pub(super) to: &'static str,
    pub(super) reason: &'static str,
}

const fn allow(from: &'static str, to: &'static str, reason: &'static str) -> Allowance {
    Allowance { from, to, reason }
}

/// The exceptions to the reading order.
pub(super) const ALLOWANCES: &[Allowance] = &[
    allow(
        "cornu_cpu::kernels::*",
        "cornu_cpu::kernels::table",
        "a kernel asks the table for its tier, the table holds the kernels",
    ),
    allow(
        "cornu_cpu::kernels::simd",
        "cornu_cpu::kernels::activation",
        "a register's methods that stay out of line name what they look up",
    ),
    allow(
        "cornu_cpu::kernels::simd",
        "cornu_cpu::kernels::matmul",
        "a register's methods that stay out of line name what they look up",
    ),
    allow(
        "cornu_cpu::kernels::lstm::lanes",
        "cornu_cpu::kernels::lstm::backward",
        "the cell is written once for both layouts",
    ),
    allow(
        "cornu_cpu::dense",
        "cornu_cpu::kernel",
        "a kernel is told its call, and the list of kernels names them",
    ),
    allow(
        "cornu_cpu::recurrent",
        "cornu_cpu::kernel",
        "a kernel is told its call, and the list of kernels names them",
    ),
    allow(
        "cornu_cpu::kernel",
        "cornu_cpu::scan",
        "the kernel of Scan holds the kernels of its body",
    ),
    allow("cornu::error", "cornu::saving", "the crate's error holds those of its parts"),
    allow("cornu::saving::hdf5_read", "cornu::saving::hdf5_links", "one reader in three files"),
    allow("cornu::saving::hdf5_text", "cornu::saving::hdf5_read", "one reader in three files"),
    allow(
        "cornu::metrics::settings",
        "cornu::metrics::mean",
        "a macro names where its expansion finds the mean",
    ),
    allow(
        "cornu::optimizers::settings",
        "cornu::optimizers::rule",
        "a macro names where its expansion finds the check",
    ),
    allow(
        "cornu::model",
        "cornu::training",
        "a model carries how it was compiled and its programs",
    ),
    allow(
        "cornu_cli::run_file",
        "cornu_cli::commands",
        "a run file is read into the arguments of fit",
    ),
];
