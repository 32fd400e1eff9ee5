//! Rectangles or packed rows: in which of the two a layer takes sequences of unequal length.

use super::call::{Arg, Call};
use super::context::Cx;
use super::flow::Flow;
use cornu_ir::Var;
use serde_json::Value;

/// In which form a layer takes sequences of unequal length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Filled up to rectangles (B, T, …).
    Padded,
    /// Timestep by timestep: packed rows do as well, where all inputs have at least so many axes.
    ByTimestep(usize),
    /// Either: the layer itself sees which it got.
    Either,
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

    /// A value with the axes (B, T, …).
    pub fn padded(&self, f: Flow<'g>) -> Flow<'g> {
        let Some(p) = self.packing.filter(|_| f.packed) else { return f };
        Flow {
            value: p.unpack(f.value),
            mask: f.mask.map(|m| p.unpack(m)),
            ends: Some(p.own),
            packed: false,
        }
    }

    /// A value in packed rows (1, N, …), if its sequences end where those of the batch do.
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
    pub(super) fn in_form(&self, call: &Call<Flow<'g>>, form: Form) -> Call<Flow<'g>> {
        if form == Form::Either
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
            Form::ByTimestep(least) if !arrays => call
                .try_map(|f| self.in_rows(*f).filter(|f| f.value.rank() >= least).ok_or(()))
                .ok(),
            _ => None,
        };
        rows.unwrap_or_else(|| call.map(|f| self.padded(*f)))
    }
}
