//! The sequence of a call: its mask, its end, its initial states.

use super::call::{Arg, Call};
use super::flow::{Flow, both};
use crate::{Error, Result};
use cornu_ir::Var;

/// The mask that a call's outputs carry on: the keyword argument, or what the input carries.
pub fn mask_of<'g>(call: &Call<Flow<'g>>) -> Option<Var<'g>> {
    call.kwarg_value("mask").map(|m| m.value).or_else(|| call.inputs().first().and_then(|x| x.mask))
}

/// The mask that a call heeds. As in Keras, a layer called with tensors besides its input does not
/// look for the mask that the input carries: beside `initial_state` it must be given. The ends of
/// sequences of unequal length always count; packed rows hold nothing past them.
pub fn mask_heeded<'g>(call: &Call<Flow<'g>>) -> Option<Var<'g>> {
    let alone = call.arg(1, "initial_state").is_none_or(|a| a.flatten().is_empty());
    let mask = mask_of(call).filter(|_| alone || call.kwarg_value("mask").is_some());
    if is_packed(call) { mask } else { both(mask, ends_of(call)) }
}

/// Whether the sequence of a call comes in packed rows.
pub fn is_packed(call: &Call<Flow<'_>>) -> bool {
    call.inputs().first().is_some_and(|x| x.packed)
}

/// Where the sequences of a call end, when their lengths are unequal.
pub fn ends_of<'g>(call: &Call<Flow<'g>>) -> Option<Var<'g>> {
    call.inputs().first().and_then(|x| x.ends)
}

/// The sequence and the initial states of a call: `initial_state=`, the second argument, or further
/// inputs in the first.
pub fn sequence_and_states<V: Clone>(call: &Call<V>) -> Result<(V, Vec<V>)> {
    let inputs = call.inputs();
    let Some(x) = inputs.first() else {
        return Err(Error::argument("", "expected a sequence", "no input"));
    };
    let given = call.arg(1, "initial_state").map(Arg::flatten).unwrap_or_default();
    let states = if given.is_empty() { inputs[1..].to_vec() } else { given };
    Ok(((*x).clone(), states.into_iter().cloned().collect()))
}
