//! Models used as layers.

use super::functional::Functional;
use super::sequential::Sequential;
use crate::lowering::LayerRef;
use std::any::Any;

/// Model that is used as a layer.
#[derive(Clone, Copy, Debug)]
pub enum Container<'a> {
    /// A graph of layers.
    Functional(&'a Functional),
    /// A chain of layers.
    Sequential(&'a Sequential),
}

impl<'a> Container<'a> {
    /// Returns the graph of layers; `None` for a Sequential without a known input shape.
    pub fn graph(self) -> Option<&'a Functional> {
        match self {
            Container::Functional(f) => Some(f),
            Container::Sequential(s) => s.chain(),
        }
    }
}

impl LayerRef {
    /// Returns the model, if the layer is one.
    pub fn as_container(&self) -> Option<Container<'_>> {
        let rule: &dyn Any = self.rule();
        let sequential = || rule.downcast_ref().map(Container::Sequential);
        rule.downcast_ref().map(Container::Functional).or_else(sequential)
    }
}
