//! The built-in registry: all layers, models as layers, operations of `keras.ops`.

use crate::architecture::{Functional, Sequential};
use crate::layers::{ALIASES, add_layers};
use crate::lowering::Registry;
use crate::ops::Operation;

impl Registry {
    /// The registry of all layers, models as layers and operations of `keras.ops`.
    pub fn builtin() -> Self {
        let mut registry = Self::empty();
        add_layers(&mut registry);
        registry.add::<Sequential>("Sequential");
        registry.add::<Functional>("Functional");
        registry.add::<Functional>("Model");
        for (alias, class) in ALIASES {
            registry.add_alias(alias, class);
        }
        registry.add_alias("GroupedQueryAttention", "GroupQueryAttention");
        Operation::classes().for_each(|c| registry.add_operation(c, Operation::from_config));
        registry
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lowering::LayerRef;

    #[test]
    fn legacy_files_name_operations_without_their_module() {
        let registry = Registry::builtin();
        let module = |class: &str| {
            let config = serde_json::json!({"class_name": class, "config": {"name": "x"}});
            LayerRef::from_json(&config, &registry).map(|layer| layer.rule().module())
        };
        assert_eq!(module("NotEqual").unwrap(), "keras.src.ops.numpy");
        assert_eq!(module("Add").unwrap(), "keras.layers");
        assert!(module("Unheard").is_err());
    }
}
