//! The sequence of a call: its mask, its end, its initial states.

use super::call::{Arg, Call};
use super::flow::{Flow, both};
use crate::{Error, Result};
use cornu_ir::{DType, Var};

/// Returns the mask that a call's outputs carry on: the keyword argument, or the input's mask.
pub fn mask_of<'g>(call: &Call<Flow<'g>>) -> Option<Var<'g>> {
    call.kwarg_value("mask").map(|m| m.value).or_else(|| call.inputs().first().and_then(|x| x.mask))
}

/// Returns the mask that a recurrent layer applies. As in Keras, a layer called with
/// `initial_state` ignores the input's own mask; the mask must be an argument. The ends of
/// sequences of unequal length always count; packed rows hold nothing past them.
///
/// The result has the axes (batch, timesteps): of a mask (batch, timesteps, parts) a timestep counts
/// where any of its parts does (keras/src/backend/jax/rnn.py, Keras 3.15.1).
///
/// # Errors
/// A mask with other axes; in Keras's unrolled loop also one of several parts.
pub fn mask_heeded<'g>(call: &Call<Flow<'g>>, unroll: bool) -> Result<Option<Var<'g>>> {
    let alone = call.arg(1, "initial_state").is_none_or(|a| a.flatten().is_empty());
    let mask = mask_of(call).filter(|_| alone || call.kwarg_value("mask").is_some());
    let mask = mask.map(|m| match m.rank() {
        2 => Ok(m),
        3 if unroll && m.dim(2) != Some(1) => Err(Error::shapes(
            "with unroll=True the mask must have the axes (batch, timesteps)",
            &[m.spec()],
        )),
        3 => Ok(m.cast(DType::Bool).any(&[-1], false)),
        _ => Err(Error::shapes(
            "the mask must have the axes (batch, timesteps) or (batch, timesteps, parts)",
            &[m.spec()],
        )),
    });
    let mask = mask.transpose()?;
    Ok(if is_packed(call) { mask } else { both(mask, ends_of(call)) })
}

/// True if the sequence of a call is in packed rows.
pub fn is_packed(call: &Call<Flow<'_>>) -> bool {
    call.inputs().first().is_some_and(|x| x.packed)
}

/// Returns the mask of sequence ends of a call, if the lengths are unequal.
pub fn ends_of<'g>(call: &Call<Flow<'g>>) -> Option<Var<'g>> {
    call.inputs().first().and_then(|x| x.ends)
}

/// Returns the sequence and the initial states of a call: `initial_state=`, the second argument, or
/// further inputs in the first.
pub fn sequence_and_states<V: Clone>(call: &Call<V>) -> Result<(V, Vec<V>)> {
    let inputs = call.inputs();
    let Some(x) = inputs.first() else {
        return Err(Error::argument("", "expected a sequence", "no input"));
    };
    let given = call.arg(1, "initial_state").map(Arg::flatten).unwrap_or_default();
    let states = if given.is_empty() { inputs[1..].to_vec() } else { given };
    Ok(((*x).clone(), states.into_iter().cloned().collect()))
}
