//! The architecture of a model: symbols, the graph of layers that they make, and the layers that
//! are models.

mod input_layer;
mod symbol;
mod tensor_ref;
mod running_order;
mod functional;
mod nodes;
mod trace;
mod into_layers;
mod sequential;
mod container;
mod functional_config;

pub use container::Container;
pub use functional::{Functional, Member, MemberKind};
pub use input_layer::InputLayer;
pub(crate) use input_layer::dtype_name;
pub use into_layers::IntoLayers;
pub(crate) use nodes::Nodes;
pub use sequential::Sequential;
pub use symbol::{Input, IntoCall, IntoSymbols, Symbol};
pub(crate) use symbol::{Maker, infer_with};
pub use tensor_ref::{Nest, TensorRef};
pub(crate) use trace::trace;
