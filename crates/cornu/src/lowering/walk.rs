//! How a recurrent layer runs along its sequences.

use serde::{Deserialize, Serialize};

/// How a recurrent layer walks and what it gives, in Keras's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Walk {
    /// Every timestep's output, not only the last.
    pub return_sequences: bool,
    /// The states beside the output.
    pub return_state: bool,
    /// From the last timestep to the first.
    pub go_backwards: bool,
    /// The state of each row goes on to the next batch.
    pub stateful: bool,
    /// Accepted; it changes nothing but what stands at masked timesteps: [`Walk::zeroes`],
    /// [`Walk::holds_state`].
    pub unroll: bool,
    /// 0 at masked timesteps, instead of the output before.
    pub zero_output_for_mask: bool,
}

impl Walk {
    /// Whether 0 stands at masked timesteps. Keras's unrolled loop on JAX leaves the setting aside.
    pub fn zeroes(self) -> bool {
        self.zero_output_for_mask && (!self.unroll || self.stateful)
    }

    /// Whether the first state stands at masked timesteps before the first that counts; otherwise 0
    /// does, as in Keras's unrolled loop and in its loop on TensorFlow, the back end on which
    /// layers keep their state.
    pub fn holds_state(self) -> bool {
        !self.unroll && !self.stateful
    }
}
