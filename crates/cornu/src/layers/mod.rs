//! The layers: a file each, and one list from which the registry derives.

/// The two methods of [`Layer`] that are alike for layers whose fields are Keras's config keys.
macro_rules! settings {
    ($class:literal) => {
        fn class(&self) -> &'static str {
            $class
        }

        fn config(&self) -> serde_json::Value {
            serde_json::to_value(self).expect("plain settings serialize")
        }
    };
}

mod call;
mod weights;
mod packing;
mod lowering;
mod form;
mod cell;
mod recurrent;
mod recurrence;
mod fingerprint;
mod encoder;
mod vocabulary;
mod layer;
mod geometry;
mod convolution;
mod lora;

pub use call::{Arg, Call};
pub use category_encoding::OutputMode;
pub use cell::{Cell, Dropped, WholeCell, WholeRun};
pub use encoder::{Decoder, Encoder};
pub use form::Form;
pub use geometry::{DataFormat, Extent, Padding, Pair};
pub(crate) use layer::INT8_WEIGHTS;
pub use layer::{Layer, LayerRef, MaskRule};
pub use lora::Lora;
pub(crate) use lowering::both;
pub use lowering::{Cx, Flow, Gathered, RowState, States, Weight, Weights, expect_rank, known_dim};
pub use packing::Packing;
pub use recurrence::Recurrent;
pub use recurrent::Walk;
pub use text_vectorization::{Split, Standardize};
pub use vocabulary::{Lookup, LookupMode};
pub use weights::{WeightSpec, WeightTree};

use crate::model::{Functional, Sequential};
use crate::{Error, Result};
use serde_json::Value;

/// Declares the layers: module, class in Keras's word, type. Registry, documentation and
/// conformance tests derive from this list.
macro_rules! layers {
    ($($module:ident: $($class:literal => $Type:ident),+;)*) => {
        $(mod $module; pub use $module::{$($Type),+};)*

        /// Classes in Keras's words.
        pub const CLASSES: &[&str] = &[$($($class),+),*];

        fn by_class(class: &str, config: &Value) -> Option<Result<(Box<dyn Layer>, Value)>> {
            match class {
                $($($class => Some(read::<$Type>(config)),)+)*
                _ => None,
            }
        }

        $($(impl $Type {
            /// Calls the layer on values: makes a new named layer of these settings and a symbol of
            /// what it gives.
            pub fn call(self, inputs: impl $crate::model::IntoCall) -> Result<$crate::model::Symbol> {
                LayerRef::new(self).call(inputs)
            }

            /// The layer with a name, to be called, shared or put into a model.
            pub fn name(self, name: impl Into<String>) -> LayerRef {
                LayerRef::new(self).name(name)
            }
        })+)*
    };
}

layers! {
    dense: "Dense" => Dense;
    activation: "Activation" => Activation;
    lstm_cell: "LSTMCell" => LstmCell;
    gru_cell: "GRUCell" => GruCell;
    simple_rnn_cell: "SimpleRNNCell" => SimpleRnnCell;
    lstm: "LSTM" => Lstm;
    gru: "GRU" => Gru;
    simple_rnn: "SimpleRNN" => SimpleRnn;
    stacked_rnn_cells: "StackedRNNCells" => StackedRnnCells;
    rnn: "RNN" => Rnn;
    conv_lstm_cell: "ConvLSTMCell" => ConvLstmCell;
    conv_lstm1d: "ConvLSTM1D" => ConvLstm1d;
    bidirectional: "Bidirectional" => Bidirectional;
    time_distributed: "TimeDistributed" => TimeDistributed;
    masking: "Masking" => Masking;
    embedding: "Embedding" => Embedding;
    reversible_embedding: "ReversibleEmbedding" => ReversibleEmbedding;
    identity: "Identity" => Identity, "ActivityRegularization" => ActivityRegularization;
    dropout: "Dropout" => Dropout, "SpatialDropout1D" => SpatialDropout1d;
    noise: "GaussianNoise" => GaussianNoise, "GaussianDropout" => GaussianDropout, "AlphaDropout" => AlphaDropout;
    flatten: "Flatten" => Flatten;
    reshape: "Reshape" => Reshape;
    permute: "Permute" => Permute;
    repeat: "RepeatVector" => RepeatVector, "UpSampling1D" => UpSampling1d;
    crop: "Cropping1D" => Cropping1d, "ZeroPadding1D" => ZeroPadding1d;
    merge: "Add" => Add, "Subtract" => Subtract, "Multiply" => Multiply, "Average" => Average, "Maximum" => Maximum, "Minimum" => Minimum;
    concatenate: "Concatenate" => Concatenate;
    dot: "Dot" => Dot;
    pooling: "MaxPooling1D" => MaxPooling1d, "AveragePooling1D" => AveragePooling1d;
    global_pooling: "GlobalMaxPooling1D" => GlobalMaxPooling1d, "GlobalAveragePooling1D" => GlobalAveragePooling1d;
    conv1d: "Conv1D" => Conv1d;
    depthwise_conv1d: "DepthwiseConv1D" => DepthwiseConv1d;
    separable_conv1d: "SeparableConv1D" => SeparableConv1d;
    conv1d_transpose: "Conv1DTranspose" => Conv1dTranspose;
    adaptive_pooling: "AdaptiveAveragePooling1D" => AdaptiveAveragePooling1d, "AdaptiveMaxPooling1D" => AdaptiveMaxPooling1d;
    rectifiers: "ReLU" => Relu, "LeakyReLU" => LeakyRelu, "ELU" => Elu, "PReLU" => Prelu;
    softmax: "Softmax" => Softmax;
    batch_normalization: "BatchNormalization" => BatchNormalization;
    layer_normalization: "LayerNormalization" => LayerNormalization, "RMSNormalization" => RmsNormalization, "UnitNormalization" => UnitNormalization;
    einsum_dense: "EinsumDense" => EinsumDense;
    attention: "Attention" => Attention, "AdditiveAttention" => AdditiveAttention;
    multi_head_attention: "MultiHeadAttention" => MultiHeadAttention;
    grouped_query_attention: "GroupQueryAttention" => GroupQueryAttention;
    spectral_normalization: "SpectralNormalization" => SpectralNormalization;
    rescaling: "Rescaling" => Rescaling, "Normalization" => Normalization;
    category_encoding: "CategoryEncoding" => CategoryEncoding, "Discretization" => Discretization;
    hashing: "Hashing" => Hashing, "HashedCrossing" => HashedCrossing;
    string_lookup: "StringLookup" => StringLookup;
    integer_lookup: "IntegerLookup" => IntegerLookup;
    text_vectorization: "TextVectorization" => TextVectorization;
    spectrogram: "STFTSpectrogram" => StftSpectrogram, "MelSpectrogram" => MelSpectrogram;
    group_normalization: "GroupNormalization" => GroupNormalization;
}

mod adapting;
mod operation;
pub use operation::Operation;

/// Other names of classes that Keras exports, with the name that its files hold.
pub const ALIASES: &[(&str, &str)] = &[
    ("AvgPool1D", "AveragePooling1D"),
    ("Convolution1D", "Conv1D"),
    ("Convolution1DTranspose", "Conv1DTranspose"),
    ("GlobalAvgPool1D", "GlobalAveragePooling1D"),
    ("GlobalMaxPool1D", "GlobalMaxPooling1D"),
    ("MaxPool1D", "MaxPooling1D"),
    ("SeparableConvolution1D", "SeparableConv1D"),
];

fn read<L: Layer + serde::de::DeserializeOwned + 'static>(
    config: &Value,
) -> Result<(Box<dyn Layer>, Value)> {
    let layer: L =
        serde_json::from_value(config.clone()).map_err(|e| Error::Config(e.to_string()))?;
    let written = layer.config();
    Ok((Box::new(layer), written))
}

/// The layer of a class with a config, and the config it writes.
fn from_class(module: &str, class: &str, config: &Value) -> Result<(Box<dyn Layer>, Value)> {
    match class {
        "Sequential" => {
            Sequential::from_config(config).map(|m| (Box::new(m) as Box<dyn Layer>, config.clone()))
        }
        "Functional" | "Model" => {
            Functional::from_config(config).map(|m| (Box::new(m) as Box<dyn Layer>, config.clone()))
        }
        "Lambda" => Err(Error::Unsupported(
            "Lambda holds code, which a file must not bring along; \
            build the model in Rust with a layer of your own"
                .into(),
        )),
        // Legacy files name a class as its module does, others as it is exported.
        "GroupedQueryAttention" => from_class(module, "GroupQueryAttention", config),
        _ if module.starts_with("keras.src.ops") => Operation::from_config(class, config)
            .map(|o| (Box::new(o) as Box<dyn Layer>, config.clone())),
        _ => match by_class(
            ALIASES.iter().find(|(other, _)| *other == class).map_or(class, |(_, name)| name),
            config,
        ) {
            Some(layer) => layer,
            // Legacy files name no modules: what is no layer is an operation, as those that make a
            // graph's masks are.
            None if module.is_empty() && Operation::classes().any(|c| c == class) => {
                from_class("keras.src.ops", class, config)
            }
            None => Err(Error::Unsupported(format!("layer class `{class}` (module `{module}`)"))),
        },
    }
}

/// Names settings that the file has and cornu's layer has not: they may change results.
fn warn_unknown_keys(class: &str, name: &str, config: &Value, read: &Value, common: &[&str]) {
    const HANDLED: &[&str] = &[
        "name",
        "trainable",
        "dtype",
        "activity_regularizer",
        "batch_input_shape",
        "batch_shape",
        "input_dtype",
        "implementation",
    ];
    let Value::Object(config) = config else { return };
    for (key, value) in config {
        let known = common.contains(&key.as_str())
            || HANDLED.contains(&key.as_str())
            || read.get(key).is_some();
        if !known && !value.is_null() && *value != Value::Bool(false) {
            eprintln!(
                "warning: {class} `{name}`: setting `{key}` = {} is unknown here and has no effect",
                crate::config::short(value)
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legacy_files_name_operations_without_their_module() {
        let module = |class: &str| {
            from_class("", class, &serde_json::json!({"name": "x"}))
                .map(|(layer, _)| layer.module())
        };
        assert_eq!(module("NotEqual").unwrap(), "keras.src.ops.numpy");
        assert_eq!(module("Add").unwrap(), "keras.layers");
        assert!(module("Unheard").is_err());
    }
}
