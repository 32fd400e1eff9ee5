//! Settings between serde and Keras's JSON, with the floats that JSON has no numbers for: `NaN`,
//! `Infinity` and `-Infinity`, held as [`json`] holds them.

use crate::saving::json;
use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde::ser::{self, Serialize};
use serde_json::{Error, Map, Value};

/// Reads settings from JSON.
///
/// # Errors
/// A value of another type than its setting.
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, Error> {
    T::deserialize(Setting(value))
}

/// Returns settings as JSON.
///
/// # Errors
/// What serde cannot write as JSON, as a map whose keys are no text.
///
/// ```
/// use cornu::extend::to_value;
/// use cornu::saving::json;
/// #[derive(serde::Serialize)]
/// struct Clip {
///     at: f64,
/// }
/// let written = to_value(&Clip { at: f64::INFINITY })?;
/// assert_eq!(json::write(&written), r#"{"at": Infinity}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn to_value(settings: &(impl Serialize + ?Sized)) -> Result<Value, Error> {
    settings.serialize(Writer)
}

/// A value of a config on its way into a setting.
struct Setting(Value);

impl IntoDeserializer<'_, Error> for Setting {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Setting {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Array(items) => {
                let mut items = SeqDeserializer::new(items.into_iter().map(Setting));
                let read = visitor.visit_seq(&mut items)?;
                items.end()?;
                Ok(read)
            }
            Value::Object(items) => {
                let mut items =
                    MapDeserializer::new(items.into_iter().map(|(key, v)| (key, Setting(v))));
                let read = visitor.visit_map(&mut items)?;
                items.end()?;
                Ok(read)
            }
            plain => plain.deserialize_any(visitor),
        }
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match (&self.0, json::float(&self.0)) {
            (Value::Object(_), Some(x)) => visitor.visit_f64(x),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// Writes a setting.
struct Writer;

/// A list or a map on its way into JSON.
struct Parts {
    list: Vec<Value>,
    map: Map<String, Value>,
    key: String,
    is_map: bool,
    /// The variant of an enum around it.
    variant: Option<&'static str>,
}

impl Parts {
    fn new(is_map: bool, variant: Option<&'static str>) -> Self {
        Self { list: vec![], map: Map::new(), key: String::new(), is_map, variant }
    }

    fn push(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
        self.list.push(to_value(value)?);
        Ok(())
    }

    fn insert(&mut self, key: &str, value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
        self.map.insert(key.into(), to_value(value)?);
        Ok(())
    }

    fn end(self) -> Result<Value, Error> {
        let parts = if self.is_map { Value::Object(self.map) } else { Value::Array(self.list) };
        Ok(self.variant.map_or(parts.clone(), |name| of_variant(name, parts)))
    }
}

/// The value of a variant of an enum, under its name.
fn of_variant(name: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(name.to_string(), value)]))
}

macro_rules! parts {
    ($($Trait:ident $method:ident;)*) => {$(
        impl ser::$Trait for Parts {
            type Ok = Value;
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.push(value)
            }

            fn end(self) -> Result<Value, Error> {
                Parts::end(self)
            }
        }
    )*};
    (named $($Trait:ident)*) => {$(
        impl ser::$Trait for Parts {
            type Ok = Value;
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), Error> {
                self.insert(key, value)
            }

            fn end(self) -> Result<Value, Error> {
                Parts::end(self)
            }
        }
    )*};
}

parts! {
    SerializeSeq serialize_element;
    SerializeTuple serialize_element;
    SerializeTupleStruct serialize_field;
    SerializeTupleVariant serialize_field;
}
parts!(named SerializeStruct SerializeStructVariant);

impl ser::SerializeMap for Parts {
    type Ok = Value;
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.key = match to_value(key)? {
            Value::String(key) => key,
            other => return Err(ser::Error::custom(format!("key must be a string, not {other}"))),
        };
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let key = std::mem::take(&mut self.key);
        self.insert(&key, value)
    }

    fn end(self) -> Result<Value, Error> {
        Parts::end(self)
    }
}

macro_rules! plain {
    ($($method:ident $T:ty;)*) => {$(
        fn $method(self, v: $T) -> Result<Value, Error> {
            serde_json::to_value(v)
        }
    )*};
}

impl ser::Serializer for Writer {
    type Ok = Value;
    type Error = Error;
    type SerializeSeq = Parts;
    type SerializeTuple = Parts;
    type SerializeTupleStruct = Parts;
    type SerializeTupleVariant = Parts;
    type SerializeMap = Parts;
    type SerializeStruct = Parts;
    type SerializeStructVariant = Parts;

    plain! {
        serialize_bool bool;
        serialize_i8 i8;
        serialize_i16 i16;
        serialize_i32 i32;
        serialize_i64 i64;
        serialize_u8 u8;
        serialize_u16 u16;
        serialize_u32 u32;
        serialize_u64 u64;
        serialize_char char;
        serialize_str &str;
        serialize_bytes &[u8];
    }

    fn serialize_f32(self, v: f32) -> Result<Value, Error> {
        if v.is_finite() { serde_json::to_value(v) } else { self.serialize_f64(v.into()) }
    }

    fn serialize_f64(self, v: f64) -> Result<Value, Error> {
        Ok(json::value_of(v))
    }

    fn serialize_none(self) -> Result<Value, Error> {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, Error> {
        to_value(value)
    }

    fn serialize_unit(self) -> Result<Value, Error> {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Value, Error> {
        Ok(Value::Null)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<Value, Error> {
        Ok(Value::String(variant.into()))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Value, Error> {
        to_value(value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Value, Error> {
        Ok(of_variant(variant, to_value(value)?))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Parts, Error> {
        Ok(Parts::new(false, None))
    }

    fn serialize_tuple(self, _: usize) -> Result<Parts, Error> {
        Ok(Parts::new(false, None))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Parts, Error> {
        Ok(Parts::new(false, None))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Parts, Error> {
        Ok(Parts::new(false, Some(variant)))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Parts, Error> {
        Ok(Parts::new(true, None))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Parts, Error> {
        Ok(Parts::new(true, None))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Parts, Error> {
        Ok(Parts::new(true, Some(variant)))
    }
}
