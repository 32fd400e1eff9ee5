//! Macros for the settings that recurrent layers and cells have in common, and for the layers that
//! have a cell's settings as their own.

/// Builder methods of a layer with a field `walk`.
macro_rules! walk_settings {
    ($Type:ident) => {
        impl $Type {
            /// Returns the output of every timestep, not only the last.
            pub fn return_sequences(mut self, on: bool) -> Self {
                self.walk.return_sequences = on;
                self
            }

            /// Returns the last states after the output.
            pub fn return_state(mut self, on: bool) -> Self {
                self.walk.return_state = on;
                self
            }

            /// Processes the sequence from the last timestep to the first.
            pub fn go_backwards(mut self, on: bool) -> Self {
                self.walk.go_backwards = on;
                self
            }

            /// Keeps the state of each row for the next batch.
            pub fn stateful(mut self, on: bool) -> Self {
                self.walk.stateful = on;
                self
            }

            /// Outputs 0 at masked timesteps, instead of repeating the previous output.
            pub fn zero_output_for_mask(mut self, on: bool) -> Self {
                self.walk.zero_output_for_mask = on;
                self
            }
        }

        impl crate::lowering::Recurrent for $Type {
            fn walk(&self) -> crate::lowering::Walk {
                self.walk
            }

            fn walking(&self, walk: crate::lowering::Walk) -> Box<dyn crate::lowering::Layer> {
                Box::new(Self { walk, ..self.clone() })
            }
        }
    };
}

/// The constructor of a cell of units.
macro_rules! cell_settings {
    ($Type:ident) => {
        impl $Type {
            /// Returns a cell of `units` units with Keras's defaults.
            pub fn new(units: usize) -> Self {
                Self { units, ..Self::default() }
            }
        }
    };
}

/// The constructor of a layer of units with a field `cell`.
macro_rules! units_settings {
    ($Type:ident, $Cell:ident) => {
        impl $Type {
            /// Returns a layer of `units` units with Keras's defaults.
            pub fn new(units: usize) -> Self {
                Self { cell: $Cell::new(units), ..Self::default() }
            }
        }
    };
}

/// The `impl Layer` of a layer over a cell whose settings it has as its own: class, the settings
/// that its config omits, and whether Keras makes the cell with the layer's `trainable`.
macro_rules! layer_of_cell {
    ($Type:ident, $class:literal, omits $omitted:expr, trainable_with_layer: $passes:literal,
     samples: $samples:expr) => {
        walk_settings!($Type);

        impl crate::lowering::Layer for $Type {
            fn class(&self) -> &'static str {
                $class
            }

            fn config(&self) -> serde_json::Value {
                crate::layers::rnn::cell_layer::flat_config(self, &$omitted)
            }

            fn weights(
                &self,
                call: &crate::lowering::Call<cornu_ir::Spec>,
            ) -> crate::Result<crate::lowering::WeightTree> {
                crate::layers::rnn::cell_layer::weights(&self.cell, call)
            }

            fn lower<'g>(
                &self,
                cx: &crate::lowering::Cx<'g>,
                w: &crate::lowering::Weights<'g>,
                call: &crate::lowering::Call<crate::lowering::Flow<'g>>,
            ) -> crate::Result<Vec<crate::lowering::Flow<'g>>> {
                crate::layers::rnn::run_cell::run(&self.cell, self.walk, cx, w, call)
            }

            fn mask_rule(&self) -> crate::lowering::MaskRule {
                crate::lowering::MaskRule::Own
            }

            fn ragged_form(&self) -> crate::lowering::RaggedForm {
                crate::lowering::RaggedForm::Either
            }

            fn activity_regularizer(&self) -> Option<&crate::regularizers::Regularizer> {
                self.activity_regularizer.as_ref()
            }

            fn as_recurrent(&self) -> Option<&dyn crate::lowering::Recurrent> {
                Some(self)
            }

            fn passes_trainable_on(&self) -> bool {
                $passes
            }

            fn samples() -> Vec<crate::lowering::Sample> {
                $samples
            }
        }
    };
}

pub(super) use {cell_settings, layer_of_cell, units_settings, walk_settings};
