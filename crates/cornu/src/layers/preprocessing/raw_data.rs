//! Raw data as preprocessing layers read them: strings, and the buckets of hashed values.

use super::fingerprint::{fingerprint64, keyed_hash};
use crate::data::{Array, Data, Ragged};
use crate::{Error, Result};
use ndarray::{ArrayD, IxDyn};
use serde_json::Value;

/// The strings of one input.
pub(super) fn strings<'a>(inputs: &[&'a Data]) -> Result<&'a ArrayD<String>> {
    match inputs {
        [one] => match one.values() {
            Array::Str(text) => Ok(text),
            _ => Err(Error::Data(format!(
                "expected strings. Received: {} {}",
                one.dtype(),
                one.shape_text()
            ))),
        },
        many => Err(Error::argument("", "expected one input", format!("{} inputs", many.len()))),
    }
}

/// Encoded values in the form of the data they come from: a rectangle, or sequences of the same
/// lengths.
pub(super) fn in_form_of(data: &Data, encoded: Data) -> Result<Data> {
    match (data, encoded) {
        (Data::Ragged(r), Data::Dense(values)) => {
            Ok(Data::Ragged(Ragged::new(values, r.offsets().to_vec())?))
        }
        (_, encoded) => Ok(encoded),
    }
}

/// A rectangle of encoded values.
pub(super) fn dense<T>(
    array: impl Fn(ArrayD<T>) -> Array,
    shape: &[usize],
    values: Vec<T>,
) -> Result<Data> {
    let filled =
        ArrayD::from_shape_vec(IxDyn(shape), values).map_err(|e| Error::Data(e.to_string()))?;
    Ok(Data::Dense(array(filled)))
}

/// Values as the texts that are hashed: words as they are, whole numbers in decimal.
pub(super) fn texts(data: &Data) -> Result<Vec<String>> {
    Ok(match data.values() {
        Array::Str(words) => words.iter().cloned().collect(),
        Array::F32(x) => x.iter().map(|x| (*x as i64).to_string()).collect(),
        Array::F64(x) => x.iter().map(|x| (*x as i64).to_string()).collect(),
        whole => whole.to_i64()?.iter().map(i64::to_string).collect(),
    })
}

/// How texts fall into buckets: FarmHash, or SipHash with two keys.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Buckets {
    n: u64,
    keys: Option<(u64, u64)>,
}

impl Buckets {
    /// So many, with a salt as Keras's config holds it: none, a number, or two.
    pub(super) fn new(n: usize, salt: Option<&Value>) -> Result<Self> {
        let number = |v: &Value| v.as_u64();
        let keys = match salt {
            None | Some(Value::Null) => None,
            Some(Value::Array(two)) if two.len() == 2 => Some(number(&two[0]).zip(number(&two[1]))),
            Some(one) => Some(number(one).map(|k| (k, k))),
        };
        let wrong = || {
            Error::argument(
                "",
                "salt must be a whole number or two of them",
                crate::config::short(salt.unwrap_or(&Value::Null)),
            )
        };
        Ok(Self { n: n.max(1) as u64, keys: keys.map(|k| k.ok_or_else(wrong)).transpose()? })
    }

    /// The bucket of a text.
    pub(super) fn of(&self, text: &str) -> i64 {
        let hash = match self.keys {
            None => fingerprint64(text.as_bytes()),
            Some(keys) => keyed_hash(keys, text.as_bytes()),
        };
        (hash % self.n) as i64
    }
}
