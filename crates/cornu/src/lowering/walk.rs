//! How a recurrent layer runs along its sequences.

use serde::{Deserialize, Serialize};

/// Direction, state and outputs of a recurrent layer, under Keras's names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Walk {
    /// True to return the output of every timestep, not only the last.
    pub return_sequences: bool,
    /// True to return the last states after the output.
    pub return_state: bool,
    /// True to process the sequence from the last timestep to the first.
    pub go_backwards: bool,
    /// True to keep the state of each row for the next batch.
    pub stateful: bool,
    /// Keras's `unroll`: changes only the outputs at masked timesteps; see [`Walk::zeroes`] and
    /// [`Walk::holds_state`].
    pub unroll: bool,
    /// True to output 0 at masked timesteps, instead of repeating the previous output.
    pub zero_output_for_mask: bool,
}

impl Walk {
    /// True if masked timesteps output 0. Keras's unrolled loop on JAX ignores the setting.
    pub fn zeroes(self) -> bool {
        self.zero_output_for_mask && (!self.unroll || self.stateful)
    }

    /// True if masked timesteps before the first that counts output the initial state. Otherwise
    /// they output 0, as in Keras's unrolled loop and in its loop on TensorFlow, the back end on
    /// which layers keep their state.
    pub fn holds_state(self) -> bool {
        !self.unroll && !self.stateful
    }
}
