//! How many parameters a model has, and how many bytes they take in Keras's types.

use crate::lowering::{LayerRef, WeightSpec, WeightTree};
use crate::model::{Container, Functional, MemberKind};
use crate::training::{CompiledModel, ModelRef};
use cornu_ir::DType;
use std::collections::HashSet;

/// Numbers and bytes of parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts {
    /// Number of trainable parameters.
    pub trainable: usize,
    /// Bytes of the trainable parameters.
    pub trainable_bytes: f64,
    /// Number of non-trainable parameters.
    pub fixed: usize,
    /// Bytes of the non-trainable parameters.
    pub fixed_bytes: f64,
    /// Number and bytes of the optimizer's variables, if there are any.
    pub optimizer: Option<(usize, f64)>,
}

impl Counts {
    /// Returns the counts of a model. The optimizer's variables are counted after the first step or
    /// after loading.
    pub fn of<'a>(model: impl Into<ModelRef<'a>>) -> Self {
        let (model, mut c) = (model.into(), Self::default());
        let (layer, tree) = (model.model().as_layer(), model.model().tree());
        let mut seen = HashSet::new();
        walk(layer, tree, true, &mut |trainable, bits, w| {
            // A layer that the model holds twice has its weights once.
            if w.variable.as_ref().is_some_and(|v| !seen.insert(v.id())) {
                return;
            }
            let (n, bytes) = if trainable {
                (&mut c.trainable, &mut c.trainable_bytes)
            } else {
                (&mut c.fixed, &mut c.fixed_bytes)
            };
            *n += w.n_elements();
            *bytes += (w.n_elements() * bits) as f64 / 8.0;
        });
        c.optimizer = model.compiled().and_then(CompiledModel::optimizer_specs).map(|specs| {
            let n = |s: &cornu_ir::Spec| s.n_elements().unwrap_or(0);
            (
                specs.iter().map(n).sum(),
                specs.iter().map(|s| n(s) as f64 * bits_of(s.dtype) as f64 / 8.0).sum(),
            )
        });
        c
    }

    /// Returns number and bytes of all parameters and optimizer variables.
    pub fn total(&self) -> (usize, f64) {
        let (n, bytes) = self.optimizer.unwrap_or_default();
        (self.trainable + self.fixed + n, self.trainable_bytes + self.fixed_bytes + bytes)
    }
}

/// Returns bytes as text in units of 1024: `1.19 KB`.
///
/// ```
/// assert_eq!(cornu::summary::readable_bytes(1220.0, "B"), "1.19 KB");
/// assert_eq!(cornu::summary::readable_bytes(0.0, "Byte"), "0.00 Byte");
/// ```
pub fn readable_bytes(bytes: f64, smallest: &str) -> String {
    let mut x = bytes;
    for unit in [smallest, "KB", "MB", "GB", "TB"] {
        if x < 1024.0 {
            return format!("{x:.2} {unit}");
        }
        x /= 1024.0;
    }
    format!("{x:.2} PB")
}

/// A number with commas between thousands.
pub(super) fn with_commas(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, d) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(d);
    }
    out
}

fn bits_of(dtype: DType) -> usize {
    if dtype == DType::Bool { 1 } else { 8 * dtype.size_bytes() }
}

/// Bits of a weight in the type in which Keras keeps it.
fn weight_bits(w: &WeightSpec, layer: &LayerRef) -> usize {
    match (w.dtype(), layer.policy().variable_name()) {
        (DType::F32, "float16" | "bfloat16") => 16,
        (dtype, _) => bits_of(dtype),
    }
}

/// Calls `f` for each weight with whether it is trained and its bits.
fn walk(
    layer: &LayerRef,
    tree: &WeightTree,
    trainable: bool,
    f: &mut impl FnMut(bool, usize, &WeightSpec),
) {
    tree.vars.iter().for_each(|w| {
        f(trainable && tree.trainable.get() && w.trainable, weight_bits(w, layer), w)
    });
    let trainable = tree.trains_inside(trainable);
    let graph: Option<&Functional> = match layer.as_container() {
        Some(Container::Functional(g)) => Some(g),
        Some(Container::Sequential(s)) => s.chain(),
        None => None,
    };
    let groups = graph.map(|g| g.groups()).unwrap_or_default();
    for (name, child) in &tree.children {
        let member = groups
            .iter()
            .find(|(_, group)| name.strip_prefix("layers/") == Some(group))
            .map(|(i, _)| &graph.expect("groups are of a graph").members[*i].kind);
        let inner = match member {
            Some(MemberKind::Layer(l)) => Some(l),
            _ => layer
                .rule()
                .inner()
                .into_iter()
                .find(|(attribute, _)| attribute == name)
                .map(|(_, l)| l),
        };
        walk(inner.unwrap_or(layer), child, trainable, f);
    }
}
