//! How a layer takes sequences of unequal length: refused, padded or in packed rows.

use super::call::{Arg, Call};
use super::context::Cx;
use super::flow::Flow;
use crate::activations::Activation;
use cornu_ir::Var;
use serde_json::Value;

/// How a layer handles a batch of sequences of unequal length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RaggedForm {
    /// Refused with an error: the layer's outputs depend on the number of timesteps.
    Refused,
    /// Padded to (B, T, …). The layer uses [`Flow::ends`]: results do not depend on padding.
    Padded,
    /// By timestep, padded or in packed rows, if all inputs have at least this many axes.
    ByTimestep(usize),
    /// Padded or in packed rows; the layer distinguishes them by [`Flow::packed`].
    Either,
}

impl RaggedForm {
    /// Returns `ByTimestep` for a layer along these axes of (batch, timesteps, features) if they
    /// are axes of features, else `Refused`.
    pub fn along_features(axes: &[isize]) -> Self {
        let features = axes.iter().all(|a| *a == -1 || *a >= 2);
        if features { Self::ByTimestep(3) } else { Self::Refused }
    }

    /// True if the layer takes sequences whose values have this many axes. With fewer than a layer
    /// that works timestep by timestep needs, the axis of time stands where it looks for features.
    pub(super) fn takes_rank(self, rank: usize) -> bool {
        match self {
            Self::Refused => false,
            Self::ByTimestep(least) => rank >= least,
            Self::Padded | Self::Either => true,
        }
    }

    /// Returns the form of an activation: a pointwise one takes (batch, timesteps), too.
    pub fn of_activation(activation: &Activation) -> Self {
        let along_time = |config: &Value| {
            !config["shared_axes"].as_array().is_some_and(|axes| axes.contains(&1.into()))
        };
        if activation.prelu().is_some_and(along_time) {
            return Self::Refused;
        }
        match &activation.axes()[..] {
            [] => Self::ByTimestep(2),
            axes => Self::along_features(axes),
        }
    }

    /// Returns the form with an activation of the outputs.
    pub fn with_activation(self, activation: &Activation) -> Self {
        if Self::of_activation(activation) == Self::Refused { Self::Refused } else { self }
    }
}

impl<'g> Cx<'g> {
    /// Data that come in packed rows (N, …).
    pub fn of_rows(&self, v: Var<'g>) -> Flow<'g> {
        Flow {
            value: v.expand_dims(0),
            mask: None,
            ends: self.packing.map(|p| p.live),
            packed: true,
        }
    }

    /// Returns a value with the axes (B, T, …).
    pub fn padded(&self, f: Flow<'g>) -> Flow<'g> {
        let Some(p) = self.packing.filter(|_| f.packed) else { return f };
        Flow {
            value: p.unpack(f.value),
            mask: f.mask.map(|m| p.unpack(m)),
            ends: Some(p.own),
            packed: false,
        }
    }

    /// Returns a value in packed rows (1, N, …), if its sequences have the lengths of the batch.
    pub fn in_rows(&self, f: Flow<'g>) -> Option<Flow<'g>> {
        let p = self.packing?;
        match f.ends {
            _ if f.packed => Some(f),
            Some(ends) if ends.id() == p.own.id() => Some(Flow {
                value: p.pack(f.value),
                mask: f.mask.map(|m| p.pack(m)),
                ends: Some(p.live),
                packed: true,
            }),
            _ => None,
        }
    }

    /// A call in the form that its layer takes.
    pub(super) fn in_form(&self, call: &Call<Flow<'g>>, form: RaggedForm) -> Call<Flow<'g>> {
        if form == RaggedForm::Either
            || self.packing.is_none()
            || call.values().iter().all(|f| f.ends.is_none())
        {
            return call.clone();
        }
        // A constant with axes may stretch over those of batch and time.
        let is_array =
            |a: &Arg<Flow<'g>>| matches!(a, Arg::Json(Value::Array(_) | Value::Object(_)));
        let arrays = call.args.iter().chain(call.kwargs.iter().map(|(_, a)| a)).any(is_array);
        let rows = match form {
            RaggedForm::ByTimestep(least) if !arrays => call
                .try_map(|f| self.in_rows(*f).filter(|f| f.value.rank() >= least).ok_or(()))
                .ok(),
            _ => None,
        };
        rows.unwrap_or_else(|| call.map(|f| self.padded(*f)))
    }
}
