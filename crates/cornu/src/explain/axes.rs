//! What the axes of inputs and outputs are.

use crate::Model;
use crate::data::Data;
use crate::model::{InputLayer, takes_text};
use cornu_ir::spec::dims_text;
use cornu_ir::{Dim, Spec};
use serde::Serialize;

/// Input or output of a model in a report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// Name of the layer.
    pub name: String,
    /// Shape as Keras prints it.
    pub shape: String,
    /// Element type.
    pub dtype: String,
    /// Axes of the input or output.
    pub axes: Vec<Axis>,
}

/// Axis of an input or output.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Axis {
    /// Name of the axis: `batch`, `timesteps`, `features`.
    pub name: &'static str,
    /// Length of the axis; `None` if the model leaves it open.
    pub size: Option<usize>,
    /// Explanation of the length.
    pub why: String,
}

impl Entry {
    /// An input.
    pub(super) fn input(model: &Model, name: &str, input: &InputLayer) -> Self {
        let (spec, text) = (input.spec(), takes_text(input));
        let axes = if text {
            text_names(spec.rank())
        } else {
            names(spec.rank(), feeds_embedding(model, name))
        };
        let entry = Self::new(name, &spec, &axes, input_why);
        if text { Self { dtype: input.dtype.clone(), ..entry } } else { entry }
    }

    /// An output.
    pub(super) fn output(name: &str, spec: &Spec) -> Self {
        Self::new(name, spec, &names(spec.rank(), false), output_why)
    }

    fn new(name: &str, spec: &Spec, axes: &[&'static str], why: fn(&str, Dim) -> String) -> Self {
        let axes = axes
            .iter()
            .zip(&spec.dims)
            .map(|(name, size)| Axis { name, size: *size, why: why(name, *size) })
            .collect();
        Self {
            name: name.into(),
            shape: dims_text(&spec.dims),
            dtype: crate::model::dtype_name(spec.dtype).into(),
            axes,
        }
    }

    /// Whether it takes strings.
    fn holds_text(&self) -> bool {
        self.dtype == "string"
    }

    /// Whether its sequences hold ids instead of features.
    pub(super) fn holds_ids(&self) -> bool {
        self.axes.len() == 2 && self.axes[1].name == "timesteps"
    }
}

/// Whether an input goes into a layer that reads ids: its last axis counts ids, not features.
fn feeds_embedding(model: &Model, name: &str) -> bool {
    let graph = model.graph();
    let reads = |m: &crate::model::Member| {
        m.calls.iter().any(|c| c.inputs().iter().any(|t| graph.members[t.member].name == name))
    };
    graph.members.iter().any(|m| m.n_ids().is_some() && reads(m))
}

fn names(rank: usize, ids: bool) -> Vec<&'static str> {
    match (rank, ids) {
        (0, _) => vec![],
        (1, _) => vec!["batch"],
        (2, false) => vec!["batch", "features"],
        (2, true) => vec!["batch", "timesteps"],
        (n, _) => {
            let mut names = vec!["batch", "timesteps"];
            names.resize(n - 1, "inner axis");
            names.push("features");
            names
        }
    }
}

fn text_names(rank: usize) -> Vec<&'static str> {
    ["batch", "strings"].into_iter().chain(std::iter::repeat("inner axis")).take(rank).collect()
}

fn input_why(name: &str, size: Dim) -> String {
    match (name, size) {
        ("batch", None) => "chosen by fit; the model itself fixes no batch size".into(),
        ("batch", Some(n)) => format!("the model fixes it: every batch must hold {n} samples"),
        ("timesteps", None) => "any number; unequal ones go in as they are".into(),
        ("timesteps", Some(n)) => format!("the model fixes it: every sequence must have {n}"),
        ("strings", Some(n)) => {
            format!("the model fixes it: every sample must hold {}", count(n, "string"))
        }
        (_, None) => "the data say".into(),
        (_, Some(_)) => "the model fixes it, for weights are made for it".into(),
    }
}

fn output_why(name: &str, size: Dim) -> String {
    match (name, size) {
        ("batch", None) => "one row a sample".into(),
        ("timesteps", None) => "as many as the input has".into(),
        (_, None) => "the data say".into(),
        _ => "made by the model".into(),
    }
}

/// `3 samples`, `1 sample`.
pub(super) fn count(n: usize, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

/// What data hold: `100 samples of 20 timesteps of 1 feature`.
pub(super) fn data_words(d: &Data, entry: &Entry) -> String {
    let samples = count(d.n_samples(), "sample");
    let lengths = d.lengths();
    let timesteps = |dim: Option<usize>| match (dim, &lengths) {
        (Some(t), _) => count(t, "timestep"),
        (None, Some(l)) => format!(
            "{} to {} timesteps",
            l.iter().min().unwrap_or(&0),
            l.iter().max().unwrap_or(&0)
        ),
        (None, None) => "timesteps".into(),
    };
    match &d.sample_shape()[..] {
        [] if !entry.holds_text() => samples,
        [] => format!("{samples} of 1 string"),
        [Some(n)] if entry.holds_text() => format!("{samples} of {}", count(*n, "string")),
        [None] if entry.holds_text() => {
            format!("{samples} of {}", timesteps(None).replace("timestep", "string"))
        }
        [t] if entry.holds_ids() => format!("{samples} of {} (ids)", timesteps(*t)),
        [Some(f)] => format!("{samples} of {}", count(*f, "feature")),
        [t] => format!("{samples} of {}", timesteps(*t)),
        [t, Some(f)] => format!("{samples} of {} of {}", timesteps(*t), count(*f, "feature")),
        [t, inner @ ..] => {
            let inner: Vec<String> =
                inner.iter().map(|d| d.map_or("?".into(), |n| n.to_string())).collect();
            format!("{samples} of {} of ({}) features", timesteps(*t), inner.join(", "))
        }
    }
}
