//! Families: closed lists of small configurable objects (initializers, losses, optimizers, …) that
//! Keras writes alike.

/// Makes an enum of the family's members and their reading and writing in Keras's form.
///
/// `family!(pub enum Name = "what", "keras.module" { "Class" | "alias"… => Type, … })`. A member is
/// a serde struct whose fields are Keras's config keys. Reads a serialized object, or the class
/// name or an alias as a string, which stands for the defaults.
#[macro_export]
macro_rules! family {
    ($(#[$meta:meta])* pub enum $Enum:ident = $what:literal, $module:literal {
        $($class:literal $(| $alias:literal)* => $Type:ident),* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        pub enum $Enum { $(#[allow(missing_docs)] $Type($Type)),* }

        impl $Enum {
            /// Classes in Keras's words.
            pub const CLASSES: &'static [&'static str] = &[$($class),*];

            /// The member of a class with a config.
            pub fn from_class(class: &str, config: serde_json::Value) -> $crate::Result<Self> {
                match class {
                    $($class $(| $alias)* => {
                        serde_json::from_value::<$Type>(config).map(Self::$Type).map_err(|e| {
                            $crate::Error::Config(format!("{} {}: {e}", $what, $class))
                        })
                    })*
                    _ => {
                        let known = Self::CLASSES.join(", ");
                        let what = format!("{} `{class}`; there are {known}", $what);
                        Err($crate::Error::Unsupported(what))
                    }
                }
            }

            /// Reads what Keras writes: an object, or a name.
            pub fn from_json(v: &serde_json::Value) -> $crate::Result<Self> {
                match v {
                    serde_json::Value::String(name) => {
                        let found = Self::CLASSES
                            .iter()
                            .find(|c| **c == name || $crate::config::snake_case(c) == *name);
                        Self::from_class(found.copied().unwrap_or(name), serde_json::json!({}))
                    }
                    _ => {
                        let parts = $crate::config::parts($what, v)?;
                        Self::from_class(parts.class, parts.config)
                    }
                }
            }

            /// Class in Keras's word.
            pub fn class(&self) -> &'static str {
                match self { $(Self::$Type(_) => $class),* }
            }

            /// As Keras serializes it.
            pub fn to_json(&self) -> serde_json::Value {
                let config = match self { $(Self::$Type(x) => serde_json::to_value(x)),* };
                let config = config.expect("plain settings serialize");
                $crate::config::object($module, self.class(), config)
            }
        }

        $(impl From<$Type> for $Enum {
            fn from(x: $Type) -> Self { Self::$Type(x) }
        })*

        impl serde::Serialize for $Enum {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                self.to_json().serialize(s)
            }
        }

        impl<'de> serde::Deserialize<'de> for $Enum {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let v = serde_json::Value::deserialize(d)?;
                Self::from_json(&v).map_err(serde::de::Error::custom)
            }
        }

        impl TryFrom<&str> for $Enum {
            type Error = $crate::Error;
            fn try_from(name: &str) -> $crate::Result<Self> {
                Self::from_json(&serde_json::Value::String(name.into()))
            }
        }
    };
}
