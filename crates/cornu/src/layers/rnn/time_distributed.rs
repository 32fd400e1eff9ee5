//! A layer applied to every timestep.

use crate::config::setters;
use crate::lowering::{
    Arg, Call, Cx, Flow, FromConfig, Layer, LayerRef, MaskRule, RaggedForm, Registry, Sample,
    WeightTree, Weights, both, expect_rank, mask_of, read_settings,
};
use crate::regularizers::Regularizer;
use crate::{Error, Result};
use cornu_ir::builder::stack;
use cornu_ir::spec::product;
use cornu_ir::{Spec, Var};
use serde::Deserialize;
use serde_json::{Value, json};

/// Wrapper that applies a layer to every timestep, with the same weights.
///
/// # Shapes
/// x (B, T, …), y (B, T, …); the inner layer is applied to (B, …) of each timestep. A mask (B, T,
/// …), the one of the call or else the input's, is handed to the inner layer as (B, …) of each
/// timestep; the output carries it as it came.
///
/// # Source
/// keras/src/layers/rnn/time_distributed.py, Keras 3.15.1. All timesteps are rows of one batch. For
/// a layer that reads across the batch (BatchNormalization in training, MelSpectrogram, whose
/// decibels are relative to the loudest) they are computed one after the other. Differs: the
/// inner layer must not be stateful.
///
/// # Errors
/// A mask whose axes do not start with the batch and the timesteps; as Keras, a mask (B, T) over an
/// inner layer that reads a mask of timesteps of its own, as LSTM.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{Dense, LayerRef, TimeDistributed};
/// use ndarray::arr3;
/// let layer = TimeDistributed::new(Dense::new(1).kernel_initializer("ones"));
/// let y = LayerRef::new(layer).apply(&arr3(&[[[1.0f32, 2.0], [3.0, 4.0]]]))?;
/// assert_eq!(y, Array::from(arr3(&[[[3.0f32], [7.0]]])));
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TimeDistributed {
    /// The layer that is applied.
    pub layer: LayerRef,
    /// Regularizer of the output.
    pub activity_regularizer: Option<Regularizer>,
}

/// Settings other than the layer.
#[derive(Deserialize)]
struct Settings {
    activity_regularizer: Option<Regularizer>,
}

setters!(TimeDistributed {
    some_into activity_regularizer: Regularizer,
});

impl FromConfig for TimeDistributed {
    fn from_config(config: &Value, registry: &Registry) -> Result<Self> {
        let layer = registry.layer_of(config, "layer")?;
        let Settings { activity_regularizer } = read_settings(config)?;
        Ok(Self { layer, activity_regularizer })
    }
}

impl TimeDistributed {
    /// Returns a wrapper that applies `layer` to every timestep.
    pub fn new(layer: impl Into<LayerRef>) -> Self {
        Self { layer: layer.into(), activity_regularizer: None }
    }
}

/// Checks that a mask has the batch and the timesteps of x as its first axes.
fn check_mask(x: &Spec, mask: &Spec) -> Result<()> {
    let differ =
        |axis: usize| matches!((x.dims[axis], mask.dims[axis]), (Some(a), Some(b)) if a != b);
    if mask.rank() < 2 || differ(0) || differ(1) {
        let rule = "the mask must have the axes (batch, timesteps, …) of the input";
        return Err(Error::shapes(rule, &[x.clone(), mask.clone()]));
    }
    Ok(())
}

fn without_time(x: &Spec) -> Result<Spec> {
    expect_rank(x, 3..=usize::MAX, "(batch, timesteps, …)")?;
    let mut dims = x.dims.clone();
    dims.remove(1);
    Ok(Spec::new(x.dtype, dims))
}

impl Layer for TimeDistributed {
    fn class(&self) -> &'static str {
        "TimeDistributed"
    }

    fn config(&self) -> Value {
        json!({"layer": self.layer})
    }

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        if self.layer.any(&|l| l.rule().as_recurrent().is_some_and(|r| r.walk().stateful)) {
            return Err(Error::Unsupported("TimeDistributed over a stateful layer".into()));
        }
        let step = without_time(call.input()?)?;
        Ok(WeightTree::inside([("layer", self.layer.weight_tree(&Call::one(step))?)]))
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        w: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let x = *call.input()?;
        without_time(&x.spec())?;
        let (batch, timesteps) = (x.value.dim(0), x.value.dim(1));
        let mask = mask_of(call);
        if let Some(m) = mask {
            check_mask(&x.spec(), &m.spec())?;
        }
        let handed = |call: Call<Flow<'g>>, mask: Option<Var<'g>>| match mask {
            Some(m) => call.with("mask", Arg::Value(Flow::new(m))),
            None => call,
        };
        let w = w.child("layer");
        let by_step = self.reads_across_batch() || (cx.training && self.counts_over_batch());
        if let Some(t) = timesteps.filter(|_| by_step) {
            let mut w = w.clone();
            let mut steps: Vec<Vec<Var<'g>>> = vec![];
            for i in 0..t {
                let one = Call::one(Flow::new(x.value.index(1, i)));
                let mask = both(mask, x.ends).map(|m| m.index(1, i));
                let outs = self.layer.lower_inner(cx, &w, &handed(one, mask))?;
                steps.resize(outs.len(), vec![]);
                steps.iter_mut().zip(outs).for_each(|(s, o)| s.push(o.value));
                w = cx.updated(&w);
            }
            return Ok(steps.iter().map(|s| Flow::masked(stack(s, 1), mask)).collect());
        }
        let rows =
            |v: Var<'g>| v.reshape(&[&[product(&[batch, timesteps])], &v.dims()[2..]].concat());
        let call = handed(Call::one(Flow::new(rows(x.value))), mask.map(rows));
        let outs = self.layer.lower_inner(&cx.with_timesteps(timesteps), w, &call)?;
        let split =
            |y: Flow<'g>| y.value.reshape(&[&[batch, timesteps], &y.value.dims()[1..]].concat());
        Ok(outs.into_iter().map(|y| Flow::masked(split(y), mask)).collect())
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Own
    }

    fn ragged_form(&self) -> RaggedForm {
        if self.reads_across_batch() {
            return RaggedForm::Refused;
        }
        // In training BatchNormalization counts over the batch, timestep by timestep.
        if self.counts_over_batch() { RaggedForm::Padded } else { RaggedForm::ByTimestep(3) }
    }

    fn counts_over_batch(&self) -> bool {
        self.layer.any(&|l| l.rule().counts_over_batch())
    }

    fn reads_across_batch(&self) -> bool {
        self.layer.any(&|l| l.rule().reads_across_batch())
    }

    fn is_causal(&self) -> bool {
        true
    }

    fn activity_regularizer(&self) -> Option<&Regularizer> {
        self.activity_regularizer.as_ref()
    }

    fn inner(&self) -> Vec<(&'static str, &LayerRef)> {
        vec![("layer", &self.layer)]
    }

    fn samples() -> Vec<Sample> {
        let dense = json!({"class_name": "Dense", "config": {"units": 2}});
        let statistics = json!({"class_name": "BatchNormalization", "config": {}});
        Sample::each([json!({"layer": dense}), json!({"layer": statistics})])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MelSpectrogram;
    use crate::data::Array;
    use ndarray::{ArrayD, Axis, IxDyn};

    #[test]
    fn what_reads_across_the_batch_sees_one_timestep() {
        let mel = MelSpectrogram {
            fft_length: 16,
            sequence_stride: 8,
            num_mel_bins: 4,
            sampling_rate: 16.into(),
            min_freq: 0.5,
            max_freq: Some(8.into()),
            top_db: 20.0,
            ..MelSpectrogram::default()
        };
        // The second timestep is so loud that it would hide what is in the first.
        let x = ArrayD::from_shape_fn(IxDyn(&[2, 2, 32]), |at| {
            let level = if at[1] == 0 { 1.0f32 } else { 1e4 };
            level * ((at[2] * (at[0] + 2)) as f32 * 0.7).sin()
        });
        let whole = LayerRef::new(TimeDistributed::new(mel.clone())).apply(&x).unwrap();
        let whole = whole.to_f32().unwrap();
        for step in 0..2 {
            let one = x.index_axis(Axis(1), step).to_owned();
            let alone = LayerRef::new(mel.clone()).apply(&one).unwrap();
            assert_eq!(Array::from(whole.index_axis(Axis(1), step).to_owned()), alone);
        }
    }
}
