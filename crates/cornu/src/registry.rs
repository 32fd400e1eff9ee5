//! The registry of built-in classes, to which users add their own.

use crate::architecture::{Functional, Sequential};
use crate::constraints::{Constrain, Constraint};
use crate::initializers::{Initialize, Initializer};
use crate::layers::{ALIASES, add_layers};
use crate::losses::{Loss, LossFunction};
use crate::lowering::{FromConfig, Registry};
use crate::metrics::{Metric, MetricFunction};
use crate::ops::Operation;
use crate::optimizers::schedules::{Schedule, ScheduleFunction};
use crate::optimizers::{Optimizer, UpdateRule};
use crate::regularizers::{Regularize, Regularizer};
use serde::de::DeserializeOwned;
use std::sync::LazyLock;

/// The built-in classes, listed once: a registry is a handle of them and the classes added to it.
static BUILTIN: LazyLock<Registry> = LazyLock::new(|| {
    let mut registry = Registry::empty();
    add_layers(&mut registry);
    registry.add::<Sequential>("Sequential");
    registry.add::<Functional>("Functional");
    registry.add::<Functional>("Model");
    for (alias, class) in ALIASES {
        registry.add_alias(alias, class);
    }
    registry.add_alias("GroupedQueryAttention", "GroupQueryAttention");
    Operation::classes().for_each(|c| registry.add_operation(c, Operation::from_config));
    registry.with_shipped()
});

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

macro_rules! families {
    ($($(#[$meta:meta])* $method:ident: $Family:ident of $Trait:ident;)*) => {
        impl Registry {
            $(
                $(#[$meta])*
                pub fn $method<T: $Trait + DeserializeOwned>(mut self, name: &str) -> Self {
                    $Family::add_class::<T>(self.classes_mut(), name);
                    self
                }
            )*
        }
    };
}

families! {
    /// Adds a class of losses under the name that files hold, `package>Class`.
    loss: Loss of LossFunction;
    /// Adds a class of metrics under the name that files hold, `package>Class`.
    metric: Metric of MetricFunction;
    /// Adds a class of optimizers under the name that files hold, `package>Class`.
    optimizer: Optimizer of UpdateRule;
    /// Adds a class of learning rate schedules under the name that files hold, `package>Class`.
    schedule: Schedule of ScheduleFunction;
    /// Adds a class of initializers under the name that files hold, `package>Class`.
    initializer: Initializer of Initialize;
    /// Adds a class of regularizers under the name that files hold, `package>Class`.
    regularizer: Regularizer of Regularize;
    /// Adds a class of constraints under the name that files hold, `package>Class`.
    constraint: Constraint of Constrain;
}

impl Registry {
    /// Returns the registry of the built-in classes: layers, models as layers, operations of
    /// `keras.ops`.
    pub fn new() -> Self {
        BUILTIN.clone()
    }

    /// Adds a class of layers under the name that files hold, `package>Class`. It replaces a class
    /// of the same name.
    pub fn layer<L: FromConfig>(mut self, name: &str) -> Self {
        self.add::<L>(name);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lowering::LayerRef;

    #[test]
    fn legacy_files_name_operations_without_their_module() {
        let registry = Registry::new();
        let module = |class: &str| {
            let config = serde_json::json!({"class_name": class, "config": {"name": "x"}});
            LayerRef::from_json(&config, &registry).map(|layer| layer.rule().module().to_string())
        };
        assert_eq!(module("NotEqual").unwrap(), "keras.src.ops.numpy");
        assert_eq!(module("Add").unwrap(), "keras.layers");
        assert!(module("Unheard").is_err());
    }
}
