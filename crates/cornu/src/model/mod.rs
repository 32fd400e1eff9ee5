//! Models: symbols joined by layers, the graph of layers they make, and the model with its weights.

mod reference;
mod symbol;
mod running_order;
mod functional;
mod lower;
mod trace;
mod sequential;
mod variables;
#[allow(clippy::module_inception)]
mod model;
mod encoding;
mod weights_file;
mod vocabularies;
mod open;
mod convert;
mod quantize;

pub use convert::convert;
pub(crate) use functional::dtype_name;
pub use functional::{Functional, InputLayer, Member, MemberKind};
pub(crate) use lower::takes_text;
pub use lower::{LoweredModel, PackedEntries, lower_model};
pub use model::{IntoSymbols, Model};
pub use quantize::{QuantizationLoss, quantize_int8};
pub use reference::{Nest, TensorRef};
pub use sequential::Sequential;
pub use symbol::{Input, IntoCall, Symbol};
pub use variables::Variable;
pub(crate) use weights_file::{to_file_array, to_tensor};

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
