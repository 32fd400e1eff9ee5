//! Lowering: how layers become graphs.
//!
//! A [`Layer`] writes its operations for a [`Call`] into the graph of a [`Cx`]. Its values are
//! [`Flow`]s, its weights [`Weights`] bound from a [`WeightTree`]. [`LayerRef`] is the layer with
//! its name; a [`Registry`] reads layers from Keras's configs.

mod call;
mod layer_states;
mod weight_tree;
mod weights;
mod flow;
mod sequence;
mod shapes;
mod packing;
pub(crate) mod literal;
mod gathered;
mod context;
mod ragged_form;
mod walk;
mod dropped;
mod whole_cell;
mod preprocess;
mod sample;
mod layer;
mod layer_object;
mod file_class;
mod unknown_settings;
mod layer_config;
mod own_classes;
mod layer_lowering;
mod layer_weights;

pub use call::{Arg, Call};
pub use context::Cx;
pub use dropped::Dropped;
pub(crate) use file_class::{FileClass, ways_out};
pub use flow::Flow;
pub(crate) use flow::both;
pub use gathered::{Gathered, RowState, States};
pub use layer::{Cell, Layer, LayerRef, MaskRule, Recurrent};
pub use layer_config::{FromConfig, Registry};
pub(crate) use layer_config::{INT8_WEIGHTS, read_settings};
pub use packing::{Masked, Packing};
pub use preprocess::{Decoder, Encoder, Lookup};
pub use ragged_form::RaggedForm;
pub use sample::{Sample, SampleInput, SampleValues};
pub(crate) use sequence::{ends_of, is_packed, mask_heeded, mask_of, sequence_and_states};
pub(crate) use shapes::resolve_shape;
pub use shapes::{expect_rank, known_dim};
pub use walk::Walk;
pub use weight_tree::{WeightSpec, WeightTree};
pub use weights::{Weight, Weights};
pub use whole_cell::{WholeCell, WholeRun};
