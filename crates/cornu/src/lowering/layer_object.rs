//! A layer under its name: how it is made, named, frozen and asked.

use super::layer::{Layer, LayerObject, LayerRef};
use super::layer_states::LayerStates;
use super::weight_tree::Trainable;
use crate::config::DTypePolicy;
use crate::eager::Programs;
use serde_json::Map;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

impl LayerRef {
    /// Returns an unnamed layer.
    pub fn new(rule: impl Layer + 'static) -> Self {
        Self::with(None, Arc::new(rule))
    }

    pub(super) fn with(name: Option<String>, rule: Arc<dyn Layer>) -> Self {
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        Self(Arc::new(LayerObject {
            id,
            name,
            trainable: Trainable::new(true),
            from_file: AtomicBool::new(false),
            dtype: DTypePolicy::default(),
            beside: Map::new(),
            rule,
            held: Mutex::default(),
            states: LayerStates::default(),
            programs: Programs::default(),
        }))
    }

    /// This layer, changed, if nothing else holds it; else a copy that is changed, with weights of
    /// its own.
    pub(super) fn edit(self, f: impl FnOnce(&mut LayerObject)) -> Self {
        let mut object = Arc::try_unwrap(self.0).unwrap_or_else(|shared| LayerObject {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            name: shared.name.clone(),
            trainable: Trainable::new(shared.trainable.get()),
            from_file: AtomicBool::new(shared.from_file.load(Ordering::Relaxed)),
            dtype: shared.dtype.clone(),
            beside: shared.beside.clone(),
            rule: shared.rule.clone(),
            held: Mutex::default(),
            states: LayerStates::default(),
            programs: Programs::default(),
        });
        f(&mut object);
        Self(Arc::new(object))
    }

    /// Returns the layer with a name.
    ///
    /// A layer keeps its name once it is called or held by a clone. Then this returns another layer
    /// of the same settings, with weights of its own.
    pub fn name(self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.edit(|o| o.name = Some(name))
    }

    /// Returns the layer with a dtype policy, by Keras's name; the call fails for an unknown name.
    ///
    /// A layer keeps its policy once it is called or held by a clone. Then this returns another
    /// layer of the same settings, with weights of its own.
    pub fn dtype(self, policy: impl Into<DTypePolicy>) -> Self {
        let policy = policy.into();
        self.edit(|o| o.dtype = policy)
    }

    /// Returns the layer trainable or frozen; see [`LayerRef::set_trainable`].
    pub fn trainable(self, trainable: bool) -> Self {
        self.set_trainable(trainable);
        self
    }

    /// Sets the layer and all layers inside it trainable or frozen. It takes effect at the next
    /// `compile` of a model with the layer.
    ///
    /// # Source
    /// `Layer.trainable` of keras/src/layers/layer.py, Keras 3.15.1.
    pub fn set_trainable(&self, trainable: bool) {
        self.0.trainable.set(trainable);
        self.0.from_file.store(false, Ordering::Relaxed);
        self.rule().contained().iter().for_each(|l| l.set_trainable(trainable));
    }

    /// Returns the number of the layer, in order of creation.
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// Returns Keras's name of the class.
    pub fn class(&self) -> &str {
        self.0.rule.class()
    }

    /// Returns the given name, if there is one.
    pub fn given_name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// Returns the given name, or that of the class.
    pub fn shown_name(&self) -> String {
        self.0.name.clone().unwrap_or_else(|| self.rule().stem())
    }

    /// True if the layer is trainable.
    pub fn is_trainable(&self) -> bool {
        self.0.trainable.get()
    }

    /// Returns the dtype policy.
    pub fn policy(&self) -> &DTypePolicy {
        &self.0.dtype
    }

    /// The programs by which it runs alone.
    pub(crate) fn programs(&self) -> &Programs {
        &self.0.programs
    }

    /// Returns the settings of the layer.
    pub fn rule(&self) -> &dyn Layer {
        &*self.0.rule
    }

    /// True if the layer, or a layer inside it at any depth, satisfies a condition.
    pub fn any(&self, is: &dyn Fn(&LayerRef) -> bool) -> bool {
        is(self) || self.rule().contained().iter().any(|l| l.any(is))
    }
}

impl PartialEq for LayerRef {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<L: Layer + 'static> From<L> for LayerRef {
    fn from(rule: L) -> Self {
        Self::new(rule)
    }
}
