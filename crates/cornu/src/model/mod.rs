//! Models: an architecture with its weights, as it is lowered, opened, converted and saved.

mod lower;
mod variables;
#[allow(clippy::module_inception)]
mod model;
mod parts;
mod input_check;
mod encoding;
mod own_groups;
mod weights_file;
mod vocabularies;
mod class_names;

pub(crate) use crate::architecture::dtype_name;
pub(crate) use crate::architecture::{
    Container, Functional, InputLayer, Member, MemberKind, TensorRef,
};
pub(crate) use class_names::CLASS_NAMES;
pub(crate) use encoding::shaped_text;
pub(crate) use lower::takes_text;
pub use lower::{LoweredModel, PackedEntries, lower_model};
pub use model::Model;
pub(crate) use own_groups::older_path;
pub use variables::Variable;
pub(crate) use variables::variables;
pub(crate) use weights_file::{int8_array, to_file_array, to_tensor};
