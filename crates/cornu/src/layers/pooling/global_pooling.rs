//! Maximum and mean over all timesteps.

use crate::Result;
use crate::config::setters;
use crate::layers::geometry::DataFormat;
use crate::lowering::{
    Call, Cx, Flow, Layer, RaggedForm, WeightTree, Weights, both, ends_of, expect_rank, mask_of,
};
use cornu_ir::Spec;
use serde::{Deserialize, Serialize};

/// Maximum of each channel over all timesteps. A mask is ignored and not passed on.
///
/// # Shapes
/// x (B, T, C), y (B, C), with `keepdims` (B, 1, C); with `channels_first` x (B, C, T), y (B, C) or
/// (B, C, 1).
///
/// # Source
/// keras/src/layers/pooling/global_max_pooling1d.py, Keras 3.15.1.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{GlobalMaxPooling1d, LayerRef};
/// use ndarray::{arr2, arr3};
/// let x = arr3(&[[[1.0f32], [3.0], [2.0], [4.0]]]);
/// let y = LayerRef::new(GlobalMaxPooling1d::new()).apply(&x)?;
/// assert_eq!(y, Array::from(arr2(&[[4.0f32]])));
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GlobalMaxPooling1d {
    /// Order of the axes: channels last or channels first.
    pub data_format: DataFormat,
    /// True if the time axis is kept, with length 1.
    pub keepdims: bool,
}

/// Mean of each channel over all timesteps, or over the unmasked ones.
///
/// # Shapes
/// x (B, T, C), y (B, C), with `keepdims` (B, 1, C); with `channels_first` x (B, C, T), y (B, C) or
/// (B, C, 1).
///
/// # Source
/// keras/src/layers/pooling/global_average_pooling1d.py, Keras 3.15.1.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{GlobalAveragePooling1d, LayerRef};
/// use ndarray::{arr2, arr3};
/// let x = arr3(&[[[1.0f32], [3.0], [2.0], [4.0]]]);
/// let y = LayerRef::new(GlobalAveragePooling1d::new()).apply(&x)?;
/// assert_eq!(y, Array::from(arr2(&[[2.5f32]])));
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GlobalAveragePooling1d {
    /// Order of the axes: channels last or channels first.
    pub data_format: DataFormat,
    /// True if the time axis is kept, with length 1.
    pub keepdims: bool,
}

impl GlobalMaxPooling1d {
    /// Returns the layer with channels last.
    pub fn new() -> Self {
        Self::default()
    }
}

impl GlobalAveragePooling1d {
    /// Returns the layer with channels last.
    pub fn new() -> Self {
        Self::default()
    }
}

setters!(GlobalMaxPooling1d {
    plain data_format: DataFormat,
    plain keepdims: bool,
});

impl Layer for GlobalMaxPooling1d {
    settings!("GlobalMaxPooling1D");

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        expect_rank(call.input()?, 3..=3, "(batch, timesteps, channels)")?;
        Ok(WeightTree::none())
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        _: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let x = cx.to_float(call.input()?.value);
        // Keras leaves a mask out of account; what is past the end of a sequence never counts.
        let time = [self.data_format.time_axis()];
        let Some(own) = ends_of(call).map(|e| self.data_format.by_step(e)) else {
            return Ok(vec![x.max(&time, self.keepdims).into()]);
        };
        let largest = own.select(x, f64::NEG_INFINITY).max(&time, self.keepdims);
        Ok(vec![own.any(&time, self.keepdims).select(largest, 0.0).into()])
    }

    fn tells_ends(&self) -> bool {
        true
    }

    fn ragged_form(&self) -> RaggedForm {
        RaggedForm::Padded
    }
}

setters!(GlobalAveragePooling1d {
    plain data_format: DataFormat,
    plain keepdims: bool,
});

impl Layer for GlobalAveragePooling1d {
    settings!("GlobalAveragePooling1D");

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        expect_rank(call.input()?, 3..=3, "(batch, timesteps, channels)")?;
        Ok(WeightTree::none())
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        _: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        // Of one channel the dense sum takes several timesteps at a time: the rectangle has its
        // bits.
        let flow = *call.input()?;
        let by_rows = flow.packed
            && self.data_format == DataFormat::ChannelsLast
            && flow.value.dim(-1) != Some(1);
        let in_rows = if by_rows { call.try_map(|f| cx.in_rows(*f).ok_or(())).ok() } else { None };
        let packing = cx.packing.filter(|_| in_rows.is_some());
        let call = &in_rows.unwrap_or_else(|| call.map(|f| cx.padded(*f)));
        let x = cx.to_float(call.input()?.value);
        let time = [self.data_format.time_axis()];
        let ends = ends_of(call);
        let Some(mask) = both(mask_of(call), ends) else {
            return Ok(vec![x.mean(&time, self.keepdims).into()]);
        };
        let counts = self.data_format.by_step(mask.cast(cornu_ir::DType::Bool));
        let sum = |v: cornu_ir::Var<'g>| match packing {
            Some(p) if self.keepdims => p.sum(v).expand_dims(1),
            Some(p) => p.sum(v),
            None => v.sum(&time, self.keepdims),
        };
        let (sum, n) = (sum(counts.select(x, 0.0)), sum(counts.cast(x.dtype())));
        // An empty sequence has the mean 0; a mask that leaves nothing gives Keras's NaN.
        let n = if ends.is_some() { n.maximum(1.0) } else { n };
        Ok(vec![(sum / n).into()])
    }

    fn tells_ends(&self) -> bool {
        true
    }

    fn ragged_form(&self) -> RaggedForm {
        RaggedForm::Either
    }
}
