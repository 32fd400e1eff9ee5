//! Pooling to a given number of timesteps.

use crate::layers::geometry::{DataFormat, Extent};
use crate::lowering::{
    Call, Cx, Flow, Layer, Sample, SampleInput, WeightTree, Weights, expect_rank,
};
use crate::{Error, Result};
use cornu_ir::builder::stack;
use cornu_ir::{Spec, Var};
use serde::{Deserialize, Serialize};

macro_rules! adaptive_layers {
    ($($Type:ident $class:literal $doc:literal $file:literal |$part:ident| $pool:expr;)*) => {$(
        #[doc = $doc]
        ///
        /// # Shapes
        /// x (B, T, C), y (B, n, C): window i of n reaches from ⌊i T / n⌋ to ⌈(i + 1) T / n⌉; with
        /// `channels_first` (B, C, T).
        ///
        /// # Source
        #[doc = concat!("keras/src/layers/pooling/", $file, ".py, Keras 3.15.1.")]
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct $Type {
            /// Number of output timesteps, n.
            pub output_size: Extent,
            /// Order of the axes: channels last or channels first.
            pub data_format: DataFormat,
        }

        impl Default for $Type {
            fn default() -> Self {
                Self { output_size: Extent(1), data_format: DataFormat::default() }
            }
        }

        impl $Type {
            /// Returns a layer that pools to `output_size` timesteps.
            pub fn new(output_size: usize) -> Self {
                Self { output_size: Extent(output_size), ..Self::default() }
            }

            /// Sets the order of the axes: channels last or channels first.
            pub fn data_format(mut self, data_format: DataFormat) -> Self {
                self.data_format = data_format;
                self
            }
        }

        impl Layer for $Type {
            settings!($class);

            fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
                expect_rank(call.input()?, 3..=3, "(batch, timesteps, channels)")?;
                match self.output_size.0 {
                    1..=65536 => Ok(WeightTree::none()),
                    n => Err(Error::argument("", "output_size must lie between 1 and 65536", n)),
                }
            }

            fn lower<'g>(
                &self,
                cx: &Cx<'g>,
                _: &Weights<'g>,
                call: &Call<Flow<'g>>,
            ) -> Result<Vec<Flow<'g>>> {
                let x = self.data_format.exchange(cx.to_float(call.input()?.value));
                let y = adapt(x, self.output_size.0, |$part| $pool)?;
                Ok(vec![self.data_format.exchange(y).into()])
            }

            fn samples() -> Vec<Sample> {
                let config = serde_json::json!({"output_size": [2]});
                vec![Sample::new(config).on([SampleInput::floats([5, 4])])]
            }
        }
    )*};
}

adaptive_layers! {
    AdaptiveAveragePooling1d "AdaptiveAveragePooling1D"
        "Means of n windows that together cover all timesteps.\n\n```\n\
        use cornu::data::Array;\n\
        use cornu::{LayerRef, AdaptiveAveragePooling1d};\n\
        use ndarray::arr3;\n\
        let x = arr3(&[[[1.0f32], [3.0], [2.0], [4.0]]]);\n\
        let y = LayerRef::new(AdaptiveAveragePooling1d::new(2)).apply(&x)?;\n\
        assert_eq!(y, Array::from(arr3(&[[[2.0f32], [3.0]]])));\n\
        # Ok::<(), cornu::Error>(())\n```"
        "adaptive_average_pooling1d" |part| part.mean(&[1], false);
    AdaptiveMaxPooling1d "AdaptiveMaxPooling1D"
        "Maxima of n windows that together cover all timesteps.\n\n```\n\
        use cornu::data::Array;\n\
        use cornu::{LayerRef, AdaptiveMaxPooling1d};\n\
        use ndarray::arr3;\n\
        let x = arr3(&[[[1.0f32], [3.0], [2.0], [4.0]]]);\n\
        let y = LayerRef::new(AdaptiveMaxPooling1d::new(2)).apply(&x)?;\n\
        assert_eq!(y, Array::from(arr3(&[[[3.0f32], [4.0]]])));\n\
        # Ok::<(), cornu::Error>(())\n```"
        "adaptive_max_pooling1d" |part| part.max(&[1], false);
}

fn adapt<'g>(x: Var<'g>, n: usize, pool: impl Fn(Var<'g>) -> Var<'g>) -> Result<Var<'g>> {
    let Some(t) = x.dim(1) else {
        return Ok(x.reshape(&[x.dim(0), Some(n), x.dim(2)]));
    };
    if t == 0 {
        return Err(Error::shapes("at least one timestep is needed", &[x.spec()]));
    }
    let parts: Vec<Var<'g>> =
        (0..n).map(|i| pool(x.slice(1, i * t / n, ((i + 1) * t).div_ceil(n)))).collect();
    Ok(stack(&parts, 1))
}
