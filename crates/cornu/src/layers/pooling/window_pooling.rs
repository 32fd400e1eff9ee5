//! Maximum and mean of windows along time.

use crate::layers::geometry::{DataFormat, Extent, Padding, ends_of_windows};
use crate::lowering::{
    Call, Cx, Flow, Layer, RaggedForm, Sample, WeightTree, Weights, ends_of, expect_rank,
};
use crate::{Error, Result};
use cornu_ir::ops::{Iota, Windows};
use cornu_ir::{DType, Dim, Spec, Var};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

macro_rules! pooling_layers {
    ($($Type:ident $class:literal $doc:literal $file:literal $pooled:ident;)*) => {$(
        #[doc = $doc]
        ///
        /// # Shapes
        /// x (B, T, C), y (B, T', C): T' = ⌊(T − pool_size) / strides⌋ + 1, or ⌈T / strides⌉ with
        /// padding `same`; with `channels_first` (B, C, T).
        ///
        /// # Source
        #[doc = concat!("keras/src/layers/pooling/", $file, ".py, Keras 3.15.1.")]
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct $Type {
            /// Timesteps in a window.
            pub pool_size: Extent,
            /// Timesteps from the start of one window to the next; by default `pool_size`.
            pub strides: Option<Extent>,
            /// Padding: `valid` (none) or `same`; padding does not count in the result.
            pub padding: Padding,
            /// Order of the axes: channels last or channels first.
            pub data_format: DataFormat,
        }

        impl Default for $Type {
            fn default() -> Self {
                Self {
                    pool_size: Extent(2),
                    strides: None,
                    padding: Padding::Valid,
                    data_format: DataFormat::default(),
                }
            }
        }

        impl $Type {
            /// Returns a layer with windows of `pool_size` timesteps that do not overlap.
            pub fn new(pool_size: usize) -> Self {
                Self { pool_size: Extent(pool_size), ..Self::default() }
            }

            /// Sets the timesteps from the start of one window to the next.
            pub fn strides(mut self, strides: usize) -> Self {
                self.strides = Some(Extent(strides));
                self
            }

            /// Sets the padding: `valid` leaves out windows that do not fit.
            pub fn padding(mut self, padding: Padding) -> Self {
                self.padding = padding;
                self
            }

            /// Sets the order of the axes: channels last or channels first.
            pub fn data_format(mut self, data_format: DataFormat) -> Self {
                self.data_format = data_format;
                self
            }

            fn pool(&self) -> Pool {
                Pool {
                    length: self.pool_size.0,
                    stride: self.strides.unwrap_or(self.pool_size).0,
                    padding: self.padding,
                    data_format: self.data_format,
                }
            }
        }

        impl Layer for $Type {
            fn class(&self) -> &'static str {
                $class
            }

            fn config(&self) -> Value {
                let p = self.pool();
                json!({
                    "pool_size": [p.length],
                    "padding": p.padding,
                    "strides": [p.stride],
                    "data_format": p.data_format,
                })
            }

            fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
                self.pool().check(call.input()?)?;
                Ok(WeightTree::none())
            }

            fn lower<'g>(
                &self,
                cx: &Cx<'g>,
                _: &Weights<'g>,
                call: &Call<Flow<'g>>,
            ) -> Result<Vec<Flow<'g>>> {
                let x = cx.to_float(call.input()?.value);
                let pool = self.pool();
                pool.check(&x.spec())?;
                let x = self.data_format.exchange(x);
                let ends = ends_of(call);
                let y = pool.$pooled(x, ends);
                let ends = ends.map(|e| ends_of_windows(e, pool.padding, pool.length, pool.stride));
                // Windows past an end hold nothing.
                let y = ends.map_or(y, |e| e.expand_dims(2).select(y, 0.0));
                Ok(vec![Flow::new(self.data_format.exchange(y)).ending(ends)])
            }

            fn ragged_form(&self) -> RaggedForm {
                self.padding.ragged_form(self.pool().stride)
            }

            fn tells_ends(&self) -> bool {
                true
            }

            fn samples() -> Vec<Sample> {
                Sample::each([
                    json!({"pool_size": [2]}),
                    json!({"pool_size": [3], "strides": [2]}),
                    json!({"pool_size": [3], "strides": [1], "padding": "same"}),
                    json!({"pool_size": [2], "padding": "same"}),
                ])
            }
        }
    )*};
}

pooling_layers! {
    MaxPooling1d "MaxPooling1D" "Maximum of each window along time.\n\n```\n\
        use cornu::data::Array;\n\
        use cornu::{LayerRef, MaxPooling1d};\n\
        use ndarray::arr3;\n\
        let x = arr3(&[[[1.0f32], [3.0], [2.0], [4.0]]]);\n\
        let y = LayerRef::new(MaxPooling1d::new(2)).apply(&x)?;\n\
        assert_eq!(y, Array::from(arr3(&[[[3.0f32], [4.0]]])));\n\
        # Ok::<(), cornu::Error>(())\n```" "max_pooling1d" largest;
    AveragePooling1d "AveragePooling1D" "Mean of each window along time.\n\n```\n\
        use cornu::data::Array;\n\
        use cornu::{LayerRef, AveragePooling1d};\n\
        use ndarray::arr3;\n\
        let x = arr3(&[[[1.0f32], [3.0], [2.0], [4.0]]]);\n\
        let y = LayerRef::new(AveragePooling1d::new(2)).apply(&x)?;\n\
        assert_eq!(y, Array::from(arr3(&[[[2.0f32], [3.0]]])));\n\
        # Ok::<(), cornu::Error>(())\n```" "average_pooling1d"
        mean;
}

struct Pool {
    length: usize,
    stride: usize,
    padding: Padding,
    data_format: DataFormat,
}

impl Pool {
    fn check(&self, x: &Spec) -> Result<()> {
        expect_rank(x, 3..=3, "(batch, timesteps, channels)")?;
        if self.length == 0 || self.stride == 0 || self.padding == Padding::Causal {
            return Err(Error::argument(
                "",
                "pool_size and strides must be at least 1, and padding valid or same",
                format!(
                    "pool_size={}, strides={}, padding={:?}",
                    self.length, self.stride, self.padding
                ),
            ));
        }
        let t = x.dims[self.data_format.time_axis() as usize];
        if self.padding == Padding::Valid && t.is_some_and(|t| t < self.length) {
            return Err(Error::shapes(
                format!(
                    "a window of {} timesteps must fit; use a smaller pool_size or padding same",
                    self.length
                ),
                std::slice::from_ref(x),
            ));
        }
        Ok(())
    }

    /// (B, T', K, C), with a value where nothing is.
    fn windows<'g>(&self, x: Var<'g>, value: f64) -> Var<'g> {
        let (low, high) = self.padding.around(x.dim(1), self.length, self.stride);
        x.builder().apply1(
            Windows { axis: 1, length: self.length, stride: self.stride, dilation: 1 },
            &[x.pad(1, low, high, value)],
        )
    }

    /// The first of equals counts, so that it alone gets the gradient.
    fn largest<'g>(&self, x: Var<'g>, ends: Option<Var<'g>>) -> Var<'g> {
        let x = ends.map_or(x, |e| e.expand_dims(2).select(x, f64::NEG_INFINITY));
        let w = self.windows(x, f64::NEG_INFINITY);
        let place = x.builder().apply1(Iota { dtype: DType::I32, dims: w.dims(), axis: 2 }, &[]);
        place.eq(w.argmax(2).expand_dims(2)).select(w, 0.0).sum(&[2], false)
    }

    fn mean<'g>(&self, x: Var<'g>, ends: Option<Var<'g>>) -> Var<'g> {
        let x = ends.map_or(x, |e| e.expand_dims(2).select(x, 0.0));
        let sum = self.windows(x, 0.0).sum(&[2], false);
        if self.padding == Padding::Valid {
            return sum / self.length as f64;
        }
        let steps: [Dim; 3] = [Some(1), x.dim(1), Some(1)];
        let own = ends.map_or_else(
            || x.builder().full(x.dtype(), &steps, 1.0),
            |e| e.expand_dims(2).cast(x.dtype()),
        );
        let n = self.windows(own, 0.0).sum(&[2], false);
        sum / if ends.is_some() { n.maximum(1.0) } else { n }
    }
}
