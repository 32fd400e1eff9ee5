//! A layer under its name: how it is made, named, frozen and asked.

use super::layer::{Layer, LayerObject, LayerRef};
use crate::config::DTypePolicy;
use serde_json::Map;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

impl LayerRef {
    /// An unnamed layer.
    pub fn new(rule: impl Layer + 'static) -> Self {
        Self::with(None, Box::new(rule))
    }

    pub(super) fn with(name: Option<String>, rule: Box<dyn Layer>) -> Self {
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        Self(Arc::new(LayerObject {
            id,
            name,
            trainable: true,
            from_file: false,
            dtype: DTypePolicy::default(),
            beside: Map::new(),
            rule,
        }))
    }

    pub(super) fn edit(self, f: impl FnOnce(&mut LayerObject)) -> Self {
        match Arc::try_unwrap(self.0) {
            Ok(mut object) => {
                f(&mut object);
                Self(Arc::new(object))
            }
            Err(shared) => Self(shared),
        }
    }

    /// With a name. Only before the first call: a layer in use keeps its name.
    pub fn name(self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.edit(|o| o.name = Some(name))
    }

    /// Trainable or frozen. Only before the first call.
    pub fn trainable(self, trainable: bool) -> Self {
        self.edit(|o| o.trainable = trainable)
    }

    /// With a dtype policy. Only before the first call.
    pub fn dtype(self, policy: DTypePolicy) -> Self {
        self.edit(|o| o.dtype = policy)
    }

    /// Identity and order of creation.
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// Class, in Keras's word.
    pub fn class(&self) -> &'static str {
        self.0.rule.class()
    }

    /// The name given, if one was.
    pub fn given_name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// The name given, or the class's.
    pub fn shown_name(&self) -> String {
        self.0.name.clone().unwrap_or_else(|| self.rule().stem())
    }

    /// Whether its weights may be trained.
    pub fn is_trainable(&self) -> bool {
        self.0.trainable
    }

    /// Its dtype policy.
    pub fn policy(&self) -> &DTypePolicy {
        &self.0.dtype
    }

    /// Its settings.
    pub fn rule(&self) -> &dyn Layer {
        &*self.0.rule
    }

    /// Whether it, or a layer inside it at any depth, fulfils a condition.
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
