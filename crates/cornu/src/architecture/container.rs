//! The layers that are models.

use super::functional::Functional;
use super::sequential::Sequential;
use crate::lowering::LayerRef;
use std::any::Any;

/// A layer that is a model.
#[derive(Clone, Copy, Debug)]
pub enum Container<'a> {
    /// A graph of layers.
    Functional(&'a Functional),
    /// Layers one after the other.
    Sequential(&'a Sequential),
}

impl<'a> Container<'a> {
    /// The graph of its layers; none for a Sequential whose input is not known.
    pub fn graph(self) -> Option<&'a Functional> {
        match self {
            Container::Functional(f) => Some(f),
            Container::Sequential(s) => s.chain(),
        }
    }
}

impl LayerRef {
    /// The model inside, for a layer that is a model.
    pub fn as_container(&self) -> Option<Container<'_>> {
        let rule: &dyn Any = self.rule();
        let sequential = || rule.downcast_ref().map(Container::Sequential);
        rule.downcast_ref().map(Container::Functional).or_else(sequential)
    }
}
