//! A layer of an author's own class, as a graph of built-in layers.

use super::expression::{Settings, each_name};
use super::members::{Source, within};
use super::plan::Plan;
use super::tables::ClassTable;
use crate::lowering::{FileClass, Registry};
use crate::{Error, Result};
use cornu_ir::Dim;
use serde_json::{Map, Value};
use std::sync::{Arc, OnceLock};

/// Settings that every layer has.
const COMMON: [&str; 3] = ["name", "trainable", "dtype"];

/// Makes the table of a class for a config and the shapes of the inputs.
pub(super) type MakeTable =
    dyn Fn(&Map<String, Value>, &[(String, Vec<Dim>)]) -> Result<ClassTable> + Send + Sync;

/// Where the table of a class comes from.
#[derive(Clone)]
pub(super) enum Definition {
    /// An extension file, or a definition that cornu brings along.
    Table(Arc<ClassTable>),
    /// Rust, which makes it from the config: the settings that the class takes, and the table.
    Made { settings: &'static [&'static str], make: Arc<MakeTable> },
}

/// A layer of an author's own class.
pub(super) struct ExtensionLayer {
    /// As the file names the class.
    pub(super) module: String,
    pub(super) class: String,
    pub(super) registered: Option<String>,
    /// The settings of the file, as they stand there, without the common ones.
    pub(super) config: Map<String, Value>,
    pub(super) common: &'static [&'static str],
    definition: Definition,
    /// Name of the extension file.
    origin: Arc<str>,
    dtype: Value,
    registry: Registry,
    pub(super) plan: OnceLock<Plan>,
}

impl std::fmt::Debug for ExtensionLayer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct(&self.class).field("config", &self.config).finish_non_exhaustive()
    }
}

impl ExtensionLayer {
    /// Reads a layer of a file.
    ///
    /// # Errors
    /// Settings that the class does not name, or lacks; members that cannot be made.
    pub(super) fn read(
        file: &FileClass<'_>,
        config: &Value,
        registry: &Registry,
        definition: &Definition,
        origin: &Arc<str>,
    ) -> Result<Self> {
        let whole = config.as_object().cloned().unwrap_or_default();
        let mut own = whole.clone();
        COMMON.iter().for_each(|key| drop(own.shift_remove(*key)));
        let layer = Self {
            module: file.module.to_string(),
            class: file.class.rsplit('>').next().unwrap_or(file.class).to_string(),
            registered: file
                .registered
                .or((file.class.contains('>') || file.module.is_empty()).then_some(file.class))
                .map(str::to_string),
            config: own,
            common: common_keys(&whole),
            definition: definition.clone(),
            origin: origin.clone(),
            dtype: whole.get("dtype").cloned().unwrap_or_default(),
            registry: registry.inside()?,
            plan: OnceLock::new(),
        };
        layer.check_settings().map_err(|e| within(e, origin))?;
        if !layer.needs_shapes() {
            layer.plan_for(&[])?;
        }
        Ok(layer)
    }

    fn needs_shapes(&self) -> bool {
        let Definition::Table(table) = &self.definition else { return true };
        let mut needs = false;
        let mut note = |first: &str, second: &str| {
            needs |= second == "shape" && table.inputs.0.iter().any(|i| i == first);
        };
        table.each_value(&mut |v| each_name(v, &mut note));
        needs
    }

    /// Fails at a setting of the file that the definition does not name.
    fn check_settings(&self) -> Result<()> {
        let mut known: Vec<&str> = Vec::new();
        match &self.definition {
            Definition::Made { settings, .. } => known.extend(*settings),
            Definition::Table(table) => {
                table.each_value(&mut |v| each_name(v, &mut |first, _| known.push(first)));
                known.extend(table.ignored.iter().chain(table.defaults.keys()).map(String::as_str));
            }
        }
        match self.config.keys().find(|key| !known.contains(&key.as_str())) {
            None => Ok(()),
            Some(key) => Err(Error::Config(format!(
                "the definition of `{}` names no setting `{key}`, which the file has; use it as \
                 `${key}`, or list it in `ignored` if it has no effect",
                self.class
            ))),
        }
    }

    /// The plan, made at the first call where it needs the shapes of the inputs.
    pub(super) fn plan_for(&self, shapes: &[(String, Vec<Dim>)]) -> Result<&Plan> {
        if let Some(plan) = self.plan.get() {
            return Ok(plan);
        }
        let table = match &self.definition {
            Definition::Table(table) => table.clone(),
            Definition::Made { make, .. } => Arc::new(make(&self.config, shapes)?),
        };
        let mut config = table.defaults.clone();
        config.extend(self.config.clone());
        let (settings, registry) = (Settings::new(&config, shapes), &self.registry);
        let source = Source { table: &table, settings, dtype: &self.dtype, registry };
        let class = || format!("{}: class `{}`", self.origin, self.class);
        let plan = source.plan().map_err(|e| within(e, &class()))?;
        Ok(self.plan.get_or_init(|| plan))
    }

    /// The plan, which an earlier call made.
    pub(super) fn plan(&self) -> Result<&Plan> {
        self.plan.get().ok_or_else(|| Error::Config("the layer was never called".into()))
    }

    /// Names of the inputs.
    pub(super) fn inputs(&self) -> Vec<String> {
        match &self.definition {
            Definition::Table(table) => table.inputs.0.clone(),
            Definition::Made { .. } => vec!["x".into()],
        }
    }

    /// The mask of the outputs is that of the first input.
    pub(super) fn passes_mask(&self) -> bool {
        match &self.definition {
            Definition::Table(table) => table.mask.as_deref() == Some("pass"),
            Definition::Made { .. } => false,
        }
    }
}

/// Those of the common settings that a config has.
fn common_keys(config: &Map<String, Value>) -> &'static [&'static str] {
    const ALL: [&[&str]; 8] = [
        &[],
        &["name"],
        &["trainable"],
        &["name", "trainable"],
        &["dtype"],
        &["name", "dtype"],
        &["trainable", "dtype"],
        &["name", "trainable", "dtype"],
    ];
    let bit = |(i, key): (usize, &&str)| usize::from(config.contains_key(*key)) << i;
    ALL[COMMON.iter().enumerate().map(bit).sum::<usize>()]
}
