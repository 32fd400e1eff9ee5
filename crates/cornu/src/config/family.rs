//! Families: open lists of small configurable objects (initializers, losses, optimizers, …) that
//! Keras writes alike.

/// Makes the handle of a family: any object of its trait, with reading and writing in Keras's form.
///
/// `family!(pub struct Name(dyn Trait, programs) = "what", "keras.module" { "Class" | "alias"… =>
/// Type, … })`; `programs` is there for what runs alone. A listed type is a serde struct whose
/// fields are Keras's config keys. Reads a serialized object, or the class name or an alias as a
/// string, which stands for the defaults.
macro_rules! family {
    ($(#[$meta:meta])* pub struct $Family:ident(dyn $Trait:ident $(, $programs:ident)?) =
        $what:literal, $module:literal {
        $($class:literal $(| $alias:literal)* => $Type:ident),* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        pub struct $Family {
            object: std::sync::Arc<dyn $Trait>,
            $($programs: $crate::eager::Programs,)?
        }

        impl $Family {
            /// Keras's names of the built-in classes.
            pub const CLASSES: &'static [&'static str] = &[$($class),*];

            /// Every name by which a built-in class is known: classes, their snake case, aliases.
            fn names() -> Vec<String> {
                let classes = [$($class $(, $alias)*),*];
                let snake = Self::CLASSES.iter().map(|c| $crate::config::snake_case(c));
                classes.iter().map(|c| c.to_string()).chain(snake).collect()
            }

            /// Returns the object of a class with a config.
            ///
            /// # Errors
            /// An unknown class, an unknown setting, or an invalid value.
            pub fn from_class(class: &str, config: serde_json::Value) -> $crate::Result<Self> {
                if let Some(own) = $crate::config::read_own::<dyn $Trait>(class, &config) {
                    return own.map(Self::wrap);
                }
                match class {
                    $($class $(| $alias)* => {
                        $crate::config::from_value::<$Type>(config).map(Self::new).map_err(|e| {
                            $crate::Error::Config(format!("{} {}: {e}", $what, $class))
                        })
                    })*
                    _ => {
                        let names = Self::names();
                        let hint =
                            $crate::config::did_you_mean(class, names.iter().map(String::as_str));
                        let known = match hint.is_empty() {
                            true => format!("; there are {}", Self::CLASSES.join(", ")),
                            false => hint,
                        };
                        let what = format!("{} `{class}`{known}", $what);
                        Err($crate::Error::Unsupported(what))
                    }
                }
            }

            /// Returns the object of a class or an alias, with Keras's defaults.
            ///
            /// # Errors
            /// An unknown name; the message names the nearest known one.
            pub fn by_name(name: &str) -> $crate::Result<Self> {
                let found = Self::CLASSES
                    .iter()
                    .find(|c| **c == name || $crate::config::snake_case(c) == *name);
                Self::from_class(found.copied().unwrap_or(name), serde_json::json!({}))
            }

            /// Reads an object from Keras's JSON: a serialized object or a class name.
            ///
            /// # Errors
            /// As [`Self::from_class`].
            pub fn from_json(v: &serde_json::Value) -> $crate::Result<Self> {
                if let serde_json::Value::String(name) = v {
                    return Self::by_name(name);
                }
                let parts = $crate::config::parts($what, v)?;
                let registered = v.get("registered_name").and_then(serde_json::Value::as_str);
                if let Some(own) = registered.and_then(|name| {
                    $crate::config::read_own::<dyn $Trait>(name, &parts.config)
                }) {
                    return own.map(Self::wrap);
                }
                // A class of a package of its own is not the built-in one of the same name. Keras 2
                // registered its own classes as `Custom>Adam`, with the class `Custom>Adam`.
                if let Some(name) = registered.filter(|name| name.contains('>')) {
                    let what = format!(
                        "{} `{}` (registered as `{name}`); a Registry with this class opens it",
                        $what, parts.class
                    );
                    return Err($crate::Error::Unsupported(what));
                }
                Self::from_class(parts.class, parts.config)
            }

            /// Wraps an object.
            pub fn new(object: impl $Trait) -> Self {
                Self::wrap(std::sync::Arc::new(object))
            }

            fn wrap(object: std::sync::Arc<dyn $Trait>) -> Self {
                Self { object, $($programs: Default::default())? }
            }

            $(
                /// The programs by which it runs alone.
                pub(crate) fn $programs(&self) -> &$crate::eager::Programs {
                    &self.$programs
                }
            )?

            /// Returns Keras's name of the class.
            pub fn class(&self) -> &str {
                $crate::config::Configured::class(&*self.object)
            }

            /// Returns the object as Keras serializes it.
            pub fn to_json(&self) -> serde_json::Value {
                $crate::config::serialized(&*self.object)
            }

            /// Returns the object as a `T`, if it is one.
            pub fn downcast_ref<T: 'static>(&self) -> Option<&T> {
                (&*self.object as &dyn std::any::Any).downcast_ref()
            }

            /// Adds a class of the family to a list of users' own classes.
            pub(crate) fn add_class<T: $Trait + serde::de::DeserializeOwned>(
                classes: &mut $crate::config::Classes,
                name: &str,
            ) {
                let class = name.to_string();
                classes.add::<dyn $Trait>(name, move |config| {
                    let read: Result<T, _> = $crate::config::from_value(config.clone());
                    read.map(|x| std::sync::Arc::new(x) as std::sync::Arc<dyn $Trait>).map_err(|e| {
                        $crate::Error::Config(format!("{} {class}: {e}", $what))
                    })
                });
            }
        }

        $(impl $crate::config::Listed for $Type {
            const CLASS: &'static str = $class;
            const MODULE: &'static str = $module;
        })*

        impl std::ops::Deref for $Family {
            type Target = dyn $Trait;
            fn deref(&self) -> &Self::Target { &*self.object }
        }

        impl PartialEq for $Family {
            fn eq(&self, other: &Self) -> bool {
                std::sync::Arc::ptr_eq(&self.object, &other.object)
                    || self.to_json() == other.to_json()
            }
        }

        impl<T: $Trait> From<T> for $Family {
            fn from(object: T) -> Self { Self::new(object) }
        }

        impl serde::Serialize for $Family {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                self.to_json().serialize(s)
            }
        }

        impl<'de> serde::Deserialize<'de> for $Family {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let v = serde_json::Value::deserialize(d)?;
                Self::from_json(&v).map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use family;
