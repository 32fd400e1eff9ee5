//! The mark of layers whose masks are those of Keras 1 and 2.
//!
//! Keras 1 and 2 made a merged mask true where all masks that there are were; Keras 3 makes it true
//! where any is, and drops it where an input has none. Some layers, which have the mark beside
//! their settings, gave no mask on.

use super::layer_entry::each_layer;
use serde_json::Value;

/// The setting that marks a layer.
pub(crate) const MARK: &str = "keras2_masks";

/// True if a layer of the config has the mark.
pub(crate) fn is_in(config: &Value) -> bool {
    match config {
        Value::Array(items) => items.iter().any(is_in),
        Value::Object(members) => members.contains_key(MARK) || members.values().any(is_in),
        _ => false,
    }
}

/// Removes all marks.
pub(crate) fn remove(config: &mut Value) {
    let unmark = each_layer(config, &mut |layer| {
        layer.take(MARK);
        layer.unmark(MARK);
        Ok(())
    });
    unmark.expect("removing a mark cannot fail");
}
