//! Settings of layers that work along time, as Keras reads and writes them: extents, padding, the
//! order of axes.

use crate::lowering::RaggedForm;
use crate::{Error, Result};
use cornu_ir::{Dim, Var};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number along time. Keras takes `3` or `[3]` and writes `[3]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent(pub usize);

/// A number before and one after. Keras takes `1` or `[1, 1]` and writes `[1, 1]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair(pub usize, pub usize);

#[derive(Deserialize)]
#[serde(untagged)]
enum Numbers {
    One(usize),
    Many(Vec<usize>),
}

impl From<usize> for Extent {
    fn from(n: usize) -> Self {
        Extent(n)
    }
}

impl Serialize for Extent {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        [self.0].serialize(s)
    }
}

impl<'de> Deserialize<'de> for Extent {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        match Numbers::deserialize(d)? {
            Numbers::One(n) => Ok(Extent(n)),
            Numbers::Many(v) if v.len() == 1 => Ok(Extent(v[0])),
            Numbers::Many(v) => {
                Err(serde::de::Error::custom(format!("expected one whole number. Received: {v:?}")))
            }
        }
    }
}

impl From<usize> for Pair {
    fn from(n: usize) -> Self {
        Pair(n, n)
    }
}

impl From<(usize, usize)> for Pair {
    fn from((before, after): (usize, usize)) -> Self {
        Pair(before, after)
    }
}

impl Serialize for Pair {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        [self.0, self.1].serialize(s)
    }
}

impl<'de> Deserialize<'de> for Pair {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        match Numbers::deserialize(d)? {
            Numbers::One(n) => Ok(Pair(n, n)),
            Numbers::Many(v) if v.len() == 2 => Ok(Pair(v[0], v[1])),
            Numbers::Many(v) => Err(serde::de::Error::custom(format!(
                "expected one or two whole numbers. Received: {v:?}"
            ))),
        }
    }
}

/// Where the channels stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DataFormat {
    /// (B, T, C).
    #[default]
    ChannelsLast,
    /// (B, C, T).
    ChannelsFirst,
}

impl DataFormat {
    /// The axis of the channels.
    pub fn channel_axis(self) -> isize {
        if self == DataFormat::ChannelsLast { -1 } else { 1 }
    }

    /// The axis of time.
    pub fn time_axis(self) -> isize {
        if self == DataFormat::ChannelsLast { 1 } else { 2 }
    }

    /// A value of each timestep (B, T) along the axes of the data.
    pub fn by_step(self, v: Var<'_>) -> Var<'_> {
        v.expand_dims(if self == DataFormat::ChannelsLast { 2 } else { 1 })
    }

    /// From this order to (B, T, C), or back.
    pub fn exchange<'g>(self, x: Var<'g>) -> Var<'g> {
        if self == DataFormat::ChannelsLast { x } else { x.swap_axes(1, 2) }
    }
}

impl<'de> Deserialize<'de> for DataFormat {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        match Option::<String>::deserialize(d)?.as_deref() {
            None | Some("channels_last") => Ok(DataFormat::ChannelsLast),
            Some("channels_first") => Ok(DataFormat::ChannelsFirst),
            Some(other) => Err(serde::de::Error::custom(format!(
                "data_format must be channels_last or channels_first. Received: {other}"
            ))),
        }
    }
}

/// What stands around the data where windows reach over its ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// Nothing: windows stay inside.
    #[default]
    Valid,
    /// As much as makes T' = ⌈T / stride⌉, the odd one behind.
    Same,
    /// Only before, so that no output sees a later input.
    Causal,
}

impl Padding {
    /// By Keras's name.
    pub fn by_name(name: &str) -> Result<Self> {
        match name.to_lowercase().as_str() {
            "valid" => Ok(Padding::Valid),
            "same" => Ok(Padding::Same),
            "causal" => Ok(Padding::Causal),
            _ => Err(Error::argument("padding", "must be valid, same or causal", name)),
        }
    }

    /// How windows take sequences of unequal length: where those of a sequence lie must not depend
    /// on its length.
    pub fn ragged_form(self, stride: usize) -> RaggedForm {
        match self {
            Padding::Same if stride > 1 => RaggedForm::Refused,
            _ => RaggedForm::Padded,
        }
    }

    /// Elements put before and after `n` of them, for windows that span `span` elements and start
    /// every `stride`.
    pub fn around(self, n: Dim, span: usize, stride: usize) -> (usize, usize) {
        match (self, n) {
            (Padding::Valid, _) => (0, 0),
            (Padding::Causal, _) => (span - 1, 0),
            (Padding::Same, Some(n)) => {
                let total = ((n.div_ceil(stride).max(1) - 1) * stride + span).saturating_sub(n);
                (total / 2, total - total / 2)
            }
            (Padding::Same, None) => (0, span - 1),
        }
    }
}

/// Where sequences of unequal length end after windows along time, when windows of `span` timesteps
/// start every `stride`: a window counts whose last own timestep is there.
pub(crate) fn ends_of_windows(
    ends: Var<'_>,
    padding: Padding,
    span: usize,
    stride: usize,
) -> Var<'_> {
    match padding {
        Padding::Valid => ends.slice_step(1, span - 1, None, stride),
        Padding::Same | Padding::Causal => ends.slice_step(1, 0, None, stride),
    }
}

impl<'de> Deserialize<'de> for Padding {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Padding::by_name(&String::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}
