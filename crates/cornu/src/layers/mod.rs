//! The layers, by Keras's families: a file each, one `mod` line in its family, and one line in the
//! list from which registry, documentation and tests derive.

/// The two methods of [`Layer`] that are alike for layers whose fields are Keras's config keys.
macro_rules! settings {
    ($class:literal) => {
        fn class(&self) -> &'static str {
            $class
        }

        fn config(&self) -> serde_json::Value {
            crate::config::to_value(self).expect("plain settings serialize")
        }
    };
}

/// The builder methods of weights: initializer, regularizer and constraint of each, of a layer or
/// of a part of it. `weight_setters!([Lstm.cell] kernel, bias)`.
macro_rules! weight_setters {
    ($at:tt $($weight:ident),+) => { $(weight_setters!(@ $weight $at);)+ };
    (@ kernel [$($at:tt)+]) => {
        crate::config::setters!($($at)+ {
            into kernel_initializer: crate::initializers::Initializer,
            some_into kernel_regularizer: crate::regularizers::Regularizer,
            some_into kernel_constraint: crate::constraints::Constraint,
        });
    };
    (@ recurrent [$($at:tt)+]) => {
        crate::config::setters!($($at)+ {
            into recurrent_initializer: crate::initializers::Initializer,
            some_into recurrent_regularizer: crate::regularizers::Regularizer,
            some_into recurrent_constraint: crate::constraints::Constraint,
        });
    };
    (@ bias [$($at:tt)+]) => {
        crate::config::setters!($($at)+ {
            into bias_initializer: crate::initializers::Initializer,
            some_into bias_regularizer: crate::regularizers::Regularizer,
            some_into bias_constraint: crate::constraints::Constraint,
        });
    };
    (@ depthwise [$($at:tt)+]) => {
        crate::config::setters!($($at)+ {
            into depthwise_initializer: crate::initializers::Initializer,
            some_into depthwise_regularizer: crate::regularizers::Regularizer,
            some_into depthwise_constraint: crate::constraints::Constraint,
        });
    };
    (@ pointwise [$($at:tt)+]) => {
        crate::config::setters!($($at)+ {
            into pointwise_initializer: crate::initializers::Initializer,
            some_into pointwise_regularizer: crate::regularizers::Regularizer,
            some_into pointwise_constraint: crate::constraints::Constraint,
        });
    };
    (@ beta [$($at:tt)+]) => {
        crate::config::setters!($($at)+ {
            into beta_initializer: crate::initializers::Initializer,
            some_into beta_regularizer: crate::regularizers::Regularizer,
            some_into beta_constraint: crate::constraints::Constraint,
        });
    };
    (@ gamma [$($at:tt)+]) => {
        crate::config::setters!($($at)+ {
            into gamma_initializer: crate::initializers::Initializer,
            some_into gamma_regularizer: crate::regularizers::Regularizer,
            some_into gamma_constraint: crate::constraints::Constraint,
        });
    };
    (@ embeddings [$($at:tt)+]) => {
        crate::config::setters!($($at)+ {
            into embeddings_initializer: crate::initializers::Initializer,
            some_into embeddings_regularizer: crate::regularizers::Regularizer,
            some_into embeddings_constraint: crate::constraints::Constraint,
        });
    };
    (@ alpha [$($at:tt)+]) => {
        crate::config::setters!($($at)+ {
            into alpha_initializer: crate::initializers::Initializer,
            some_into alpha_regularizer: crate::regularizers::Regularizer,
            some_into alpha_constraint: crate::constraints::Constraint,
        });
    };
}

pub(crate) mod geometry;
mod core;
mod activation;
mod merging;
mod regularization;
mod reshaping;
pub(crate) mod convolution;
pub(crate) mod pooling;
mod rnn;
mod normalization;
mod attention;
mod preprocessing;

pub use self::core::lora::Lora;
pub use crate::lowering::LayerRef;
use crate::lowering::{Layer, Registry, Sample};
pub use geometry::{DataFormat, Extent, Padding, Pair};
pub use preprocessing::category_encoding::OutputMode;
pub use preprocessing::text_vectorization::{Split, Standardize};
pub use preprocessing::vocabulary::LookupMode;
pub use rnn::bidirectional::MergeMode;

/// Declares the layers: module, class in Keras's word, type. Registry, documentation and
/// conformance tests derive from this list.
macro_rules! layers {
    ($($family:ident::$module:ident: $($class:literal => $Type:ident),+;)*) => {
        $(pub use self::$family::$module::{$($Type),+};)*

        /// Keras's names of all layer classes.
        pub const CLASSES: &[&str] = &[$($($class),+),*];

        impl Sample {
            /// Returns the samples of all layers by class, for the conformance tests.
            pub fn of_layers() -> Vec<(&'static str, Vec<Sample>)> {
                vec![$($(($class, <$Type as Layer>::samples())),+),*]
            }
        }

        /// Adds the layers to a registry.
        pub(crate) fn add_layers(registry: &mut Registry) {
            $($(registry.add::<$Type>($class);)+)*
        }

        $($(impl $Type {
            /// Calls a new layer with these settings on symbols, and returns its output symbol.
            ///
            /// # Errors
            /// Inputs or settings that the layer does not take; a layer of several outputs.
            pub fn call(
                self,
                inputs: impl $crate::architecture::IntoCall,
            ) -> $crate::Result<$crate::architecture::Symbol> {
                LayerRef::new(self).call(inputs)
            }

            /// Calls a new layer with these settings on symbols, and returns all its output
            /// symbols: with `return_state` the output and the states.
            ///
            /// # Errors
            /// Inputs or settings that the layer does not take.
            pub fn call_all(
                self,
                inputs: impl $crate::architecture::IntoCall,
            ) -> $crate::Result<Vec<$crate::architecture::Symbol>> {
                LayerRef::new(self).call_all(inputs)
            }

            /// Returns a layer with these settings and a dtype policy, by Keras's name: `float32`,
            /// `float64`, `mixed_bfloat16` …
            pub fn dtype(self, policy: impl Into<$crate::config::DTypePolicy>) -> LayerRef {
                LayerRef::new(self).dtype(policy)
            }

            /// Returns a layer with these settings and a name, to be called, shared or put into a
            /// model.
            pub fn name(self, name: impl Into<String>) -> LayerRef {
                LayerRef::new(self).name(name)
            }
        })+)*
    };
}

layers! {
    core::dense: "Dense" => Dense;
    core::einsum_dense: "EinsumDense" => EinsumDense;
    core::embedding: "Embedding" => Embedding;
    core::reversible_embedding: "ReversibleEmbedding" => ReversibleEmbedding;
    core::identity: "Identity" => Identity;
    core::masking: "Masking" => Masking;
    activation::function: "Activation" => Activation;
    activation::rectifiers:
        "ReLU" => Relu, "LeakyReLU" => LeakyRelu, "ELU" => Elu, "PReLU" => Prelu;
    activation::softmax: "Softmax" => Softmax;
    merging::merge:
        "Add" => Add, "Subtract" => Subtract, "Multiply" => Multiply, "Average" => Average,
        "Maximum" => Maximum, "Minimum" => Minimum;
    merging::concatenate: "Concatenate" => Concatenate;
    merging::dot: "Dot" => Dot;
    regularization::dropout: "Dropout" => Dropout, "SpatialDropout1D" => SpatialDropout1d;
    regularization::noise:
        "GaussianNoise" => GaussianNoise, "GaussianDropout" => GaussianDropout,
        "AlphaDropout" => AlphaDropout;
    regularization::activity_regularization: "ActivityRegularization" => ActivityRegularization;
    reshaping::flatten: "Flatten" => Flatten;
    reshaping::reshape: "Reshape" => Reshape;
    reshaping::permute: "Permute" => Permute;
    reshaping::repeat: "RepeatVector" => RepeatVector, "UpSampling1D" => UpSampling1d;
    reshaping::crop: "Cropping1D" => Cropping1d, "ZeroPadding1D" => ZeroPadding1d;
    convolution::conv1d: "Conv1D" => Conv1d;
    convolution::conv1d_transpose: "Conv1DTranspose" => Conv1dTranspose;
    convolution::depthwise_conv1d: "DepthwiseConv1D" => DepthwiseConv1d;
    convolution::separable_conv1d: "SeparableConv1D" => SeparableConv1d;
    pooling::window_pooling: "MaxPooling1D" => MaxPooling1d, "AveragePooling1D" => AveragePooling1d;
    pooling::global_pooling:
        "GlobalMaxPooling1D" => GlobalMaxPooling1d,
        "GlobalAveragePooling1D" => GlobalAveragePooling1d;
    pooling::adaptive_pooling:
        "AdaptiveAveragePooling1D" => AdaptiveAveragePooling1d,
        "AdaptiveMaxPooling1D" => AdaptiveMaxPooling1d;
    rnn::simple_rnn_cell: "SimpleRNNCell" => SimpleRnnCell;
    rnn::gru_cell: "GRUCell" => GruCell;
    rnn::lstm_cell: "LSTMCell" => LstmCell;
    rnn::simple_rnn: "SimpleRNN" => SimpleRnn;
    rnn::gru: "GRU" => Gru;
    rnn::lstm: "LSTM" => Lstm;
    rnn::stacked_rnn_cells: "StackedRNNCells" => StackedRnnCells;
    rnn::over_time: "RNN" => Rnn;
    rnn::conv_lstm_cell: "ConvLSTMCell" => ConvLstmCell;
    rnn::conv_lstm1d: "ConvLSTM1D" => ConvLstm1d;
    rnn::bidirectional: "Bidirectional" => Bidirectional;
    rnn::time_distributed: "TimeDistributed" => TimeDistributed;
    normalization::batch_normalization: "BatchNormalization" => BatchNormalization;
    normalization::layer_normalization:
        "LayerNormalization" => LayerNormalization, "RMSNormalization" => RmsNormalization,
        "UnitNormalization" => UnitNormalization;
    normalization::group_normalization: "GroupNormalization" => GroupNormalization;
    normalization::spectral_normalization: "SpectralNormalization" => SpectralNormalization;
    attention::single_head: "Attention" => Attention, "AdditiveAttention" => AdditiveAttention;
    attention::multi_head_attention: "MultiHeadAttention" => MultiHeadAttention;
    attention::grouped_query_attention: "GroupQueryAttention" => GroupQueryAttention;
    preprocessing::rescaling: "Rescaling" => Rescaling, "Normalization" => Normalization;
    preprocessing::category_encoding:
        "CategoryEncoding" => CategoryEncoding, "Discretization" => Discretization;
    preprocessing::hashing: "Hashing" => Hashing, "HashedCrossing" => HashedCrossing;
    preprocessing::string_lookup: "StringLookup" => StringLookup;
    preprocessing::integer_lookup: "IntegerLookup" => IntegerLookup;
    preprocessing::text_vectorization: "TextVectorization" => TextVectorization;
    preprocessing::stft_spectrogram: "STFTSpectrogram" => StftSpectrogram;
    preprocessing::mel_spectrogram: "MelSpectrogram" => MelSpectrogram;
}

/// Aliases of layer classes that Keras exports, with the names that its files hold.
pub const ALIASES: &[(&str, &str)] = &[
    ("AvgPool1D", "AveragePooling1D"),
    ("Convolution1D", "Conv1D"),
    ("Convolution1DTranspose", "Conv1DTranspose"),
    ("GlobalAvgPool1D", "GlobalAveragePooling1D"),
    ("GlobalMaxPool1D", "GlobalMaxPooling1D"),
    ("MaxPool1D", "MaxPooling1D"),
    ("SeparableConvolution1D", "SeparableConv1D"),
];
