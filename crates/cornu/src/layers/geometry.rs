//! Settings of layers with windows along time: extents, padding, order of axes.

use crate::lowering::RaggedForm;
use crate::{Error, Result};
use cornu_ir::{Dim, Var};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Number of timesteps: a kernel, window or stride. Keras reads `3` or `[3]` and writes `[3]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent(pub usize);

/// Numbers of timesteps before and after. Keras reads `1` or `[1, 1]` and writes `[1, 1]`.
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

/// Order of the axes: channels last or channels first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DataFormat {
    /// Channels on the last axis: (B, T, C).
    #[default]
    ChannelsLast,
    /// Channels on axis 1: (B, C, T).
    ChannelsFirst,
}

impl DataFormat {
    /// Returns the axis of the channels.
    pub fn channel_axis(self) -> isize {
        if self == DataFormat::ChannelsLast { -1 } else { 1 }
    }

    /// Returns the axis of the timesteps.
    pub fn time_axis(self) -> isize {
        if self == DataFormat::ChannelsLast { 1 } else { 2 }
    }

    /// Returns values by timestep (B, T) with an axis of 1 for the channels.
    pub fn by_step(self, v: Var<'_>) -> Var<'_> {
        v.expand_dims(if self == DataFormat::ChannelsLast { 2 } else { 1 })
    }

    /// Converts a value between this data format and (batch, timesteps, channels).
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

/// Padding at both ends of the data, for windows that reach over them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// No padding: windows stay inside.
    #[default]
    Valid,
    /// Padding that makes T' = ⌈T / stride⌉; an odd one goes to the end.
    Same,
    /// Padding at the start only, so that no output depends on a later input.
    Causal,
}

impl Padding {
    /// Returns the padding of Keras's name.
    pub fn by_name(name: &str) -> Result<Self> {
        match name.to_lowercase().as_str() {
            "valid" => Ok(Padding::Valid),
            "same" => Ok(Padding::Same),
            "causal" => Ok(Padding::Causal),
            _ => Err(Error::argument("padding", "must be valid, same or causal", name)),
        }
    }

    /// Returns how windows handle sequences of unequal length: their positions must not depend on
    /// the length.
    pub fn ragged_form(self, stride: usize) -> RaggedForm {
        match self {
            Padding::Same if stride > 1 => RaggedForm::Refused,
            _ => RaggedForm::Padded,
        }
    }

    /// Returns the elements of padding before and after `n` elements, for windows of `span`
    /// elements that start every `stride`.
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
