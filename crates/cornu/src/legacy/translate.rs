//! The config of a model, translated layer by layer.

use super::layer_entry::each_layer;
use super::notes::Notes;
use super::origin::Origin;
use super::{calls, keras1, keras1_merge, keras2};
use crate::Result;
use serde_json::Value;
use std::borrow::Cow;

/// The config of a model in the words of Keras 3, with notes of what was changed. A config of
/// Keras 3 stays as it is.
///
/// # Errors
/// A setting or a class that nothing in Keras 3 stands for; the message says which Keras wrote it.
pub(crate) fn translated<'v>(
    config: &'v Value,
    origin: &Origin,
) -> Result<(Cow<'v, Value>, Notes)> {
    let mut notes = Notes::default();
    if !origin.is_before_keras_3() {
        return Ok((Cow::Borrowed(config), notes));
    }
    let mut config = config.clone();
    if origin.is_keras_1() {
        if let Some(functional) = keras1_merge::sequential_of_merge(&config)? {
            config = functional;
        }
        each_layer(&mut config, &mut |layer| {
            keras1_merge::translate(layer, &mut notes)?;
            keras1::translate(layer, &mut notes)
        })?;
    }
    each_layer(&mut config, &mut |layer| {
        calls::initial_states(layer, &mut notes)?;
        calls::causal_attention(layer, &mut notes)?;
        keras2::translate(layer, &mut notes)
    })?;
    Ok((Cow::Owned(config), notes))
}
