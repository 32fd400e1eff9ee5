//! For authors of their own classes: traits of layers, cells, losses, metrics, optimizers,
//! schedules, initializers, regularizers and constraints, and the graph for their formulas.
//!
//! Every class is one type with one trait; [`class!`](crate::class) says how files name it, and a
//! [`Registry`] with the class opens files that hold it. Formulas are written on
//! [`Var`], a value of a graph, with Rust's operators; gradients follow from them.

pub use crate::architecture::{
    Container, Functional, InputLayer, Member, MemberKind, Nest, TensorRef,
};
pub use crate::compile::{Compiled, LossParts, ModelOutputs, OutputLoss, OutputMetric};
pub use crate::config::{
    Classes, Configured, DTypePolicy, did_you_mean, nearest, snake_case, to_value,
};
pub use crate::constraints::Constrain;
pub use crate::initializers::{Draw, Initialize};
pub use crate::losses::{LossFunction, Values};
pub use crate::lowering::{
    Arg, Call, Cell, Cx, Decoder, Dropped, Encoder, Flow, FromConfig, Gathered, Layer, LayerRef,
    Lookup, MaskRule, Masked, Packing, RaggedForm, Recurrent, Registry, RowState, Sample,
    SampleInput, SampleValues, States, Walk, Weight, WeightSpec, WeightTree, Weights, WholeCell,
    WholeRun, expect_rank, known_dim,
};
pub use crate::metrics::{Direction, MetricFunction, MetricValue};
pub use crate::model::{LoweredModel, PackedEntries, Variable, lower_model};
pub use crate::optimizers::schedules::ScheduleFunction;
pub use crate::optimizers::{
    Moved, Settings, Slot, SlotInitial, StateSpec, Step, Update, UpdateRule, VarInfo,
};
pub use crate::regularizers::Regularize;
pub use crate::training::value_json;
pub use cornu_ir::{Builder, DType, Dim, Spec, Tensor, Var};
pub use {cornu_ir, ndarray, serde, serde_json};

/// Declares the name of your own class in files: `class!(Type = "package>Class")`. Its config is
/// the type as serde serializes it.
///
/// ```
/// use cornu::extend::Configured;
///
/// #[derive(Debug, serde::Serialize, serde::Deserialize)]
/// struct Quantile {
///     q: f64,
/// }
/// cornu::class!(Quantile = "forecast>Quantile");
///
/// let quantile = Quantile { q: 0.9 };
/// assert_eq!(quantile.class(), "Quantile");
/// assert_eq!(quantile.registered_name(), Some("forecast>Quantile"));
/// assert_eq!(quantile.config(), serde_json::json!({"q": 0.9}));
/// ```
#[macro_export]
macro_rules! class {
    ($Type:ty = $registered:literal) => {
        impl $crate::extend::Configured for $Type {
            fn class(&self) -> &'static str {
                $registered.rsplit('>').next().unwrap_or($registered)
            }

            fn config(&self) -> $crate::extend::serde_json::Value {
                $crate::extend::to_value(self).expect("plain settings serialize")
            }

            fn registered_name(&self) -> Option<&'static str> {
                Some($registered)
            }
        }
    };
}

/// Writes the methods of [`Layer`] that say how files name a layer of your own:
/// `cornu::layer_class!("package>Class")` inside its `impl Layer`. Its config is what serde writes
/// for the type.
///
/// ```
/// use cornu::extend::{Call, Cx, Flow, Layer, Spec, WeightSpec, WeightTree, Weights, known_dim};
/// use cornu::{Input, LayerRef, initializers::Ones};
///
/// /// `y = x · w`, one weight for each feature.
/// #[derive(Debug, serde::Serialize, serde::Deserialize)]
/// struct Scale {}
///
/// impl Layer for Scale {
///     cornu::layer_class!("shop>Scale");
///
///     fn weights(&self, call: &Call<Spec>) -> cornu::Result<WeightTree> {
///         let features = known_dim(call.input()?, -1, "features")?;
///         Ok(WeightTree::of(vec![WeightSpec::new("w", &[features], &Ones {}.into())]))
///     }
///
///     fn lower<'g>(
///         &self,
///         cx: &Cx<'g>,
///         w: &Weights<'g>,
///         call: &Call<Flow<'g>>,
///     ) -> cornu::Result<Vec<Flow<'g>>> {
///         Ok(vec![(cx.to_float(call.input()?.value) * w.var("w")).into()])
///     }
/// }
///
/// let scale = LayerRef::new(Scale {});
/// assert_eq!(scale.call(&Input::new([3]))?.shape_text(), "(None, 3)");
/// assert_eq!(scale.to_json()["registered_name"], "shop>Scale");
/// # Ok::<(), cornu::Error>(())
/// ```
#[macro_export]
macro_rules! layer_class {
    ($registered:literal) => {
        fn class(&self) -> &'static str {
            $registered.rsplit('>').next().unwrap_or($registered)
        }

        fn config(&self) -> $crate::extend::serde_json::Value {
            $crate::extend::to_value(self).expect("plain settings serialize")
        }

        fn module(&self) -> &'static str {
            ""
        }

        fn registered_name(&self) -> ::core::option::Option<&'static str> {
            ::core::option::Option::Some($registered)
        }
    };
}
