//! What older versions of Keras wrote, in the words of Keras 3: configs of layers and arrays of
//! weights, before anything else reads them.

mod origin;
mod notes;
mod layer_entry;
mod keras1;
mod keras1_merge;
pub(crate) mod hard_sigmoid;
pub(crate) mod keras2_masks;
mod keras2;
mod calls;
mod translate;
mod optimizer;
mod arrays;

pub(crate) use arrays::{Wanted, converted};
pub(crate) use notes::Notes;
pub(crate) use optimizer::{
    Remembered, of_today as optimizer_of_today, variables as optimizer_variables,
};
pub(crate) use origin::Origin;
pub(crate) use translate::translated;
