//! Examples: inputs, targets and weights of samples, checked and cast.

use super::assembly::Sets;
use super::feed::Fed;
use super::into_data::{EpochLoss, IntoData};
use crate::compile;
use crate::data::Data;
use crate::{Error, Model, Result};
use cornu_ir::{DType, Spec};
use std::borrow::Cow;

/// Examples of a model: inputs, targets and, where given, weights of the samples.
pub struct Examples {
    pub(crate) inputs: Vec<Fed>,
    pub(crate) targets: Vec<Fed>,
    /// One for each output, or none.
    pub(crate) weights: Vec<Option<Fed>>,
    /// Whether the place of a sample in its batch matters: a stateful layer goes on with the state
    /// of the same place.
    in_order: bool,
}

impl Examples {
    /// Checks and casts data for a model. Weights are for one output, or one set for each.
    pub(crate) fn new<'a>(
        model: &Model,
        x: impl IntoData<'a>,
        y: impl IntoData<'a>,
        w: Option<&[Data]>,
    ) -> Result<Self> {
        let inputs = model.feed_inputs(x.into_data())?;
        let n = inputs.first().map_or(0, Fed::n_samples);
        let y = y.into_data();
        let n_outputs = model.output_specs().len();
        let names = model.output_names();
        let targets: Vec<Fed> = y
            .into_iter()
            .enumerate()
            .map(|(i, d)| {
                let dtype = match d.dtype() {
                    "int32" => DType::I32,
                    "int64" => DType::I64,
                    "float64"
                        if model.output_specs().get(i).is_some_and(|s| s.dtype == DType::F64) =>
                    {
                        DType::F64
                    }
                    _ => DType::F32,
                };
                let who = names
                    .get(i)
                    .map_or(format!("target {i}"), |n| format!("target of output `{n}`"));
                if d.dtype() == "string" {
                    return Err(Error::argument(
                        who,
                        "targets are numbers; give the number of each class (from 0 on, in the \
                         order of `Model::set_class_names`), or a 1 in its place of several",
                        "strings",
                    ));
                }
                Fed::new(&who, d, dtype)
            })
            .collect::<Result<_>>()?;
        let mut weights: Vec<Option<Fed>> = Vec::new();
        let w = w.unwrap_or_default();
        for (i, d) in w.iter().enumerate() {
            let who = format!("sample weights {i}");
            weights.push(Some(Fed::new(&who, Cow::Borrowed(d), DType::F32)?));
        }
        // One set of weights serves all outputs, as in Keras.
        if let [one] = w {
            for _ in 1..n_outputs {
                weights.push(Some(Fed::new("sample weights", Cow::Borrowed(one), DType::F32)?));
            }
        }
        weights.resize_with(n_outputs, || None);
        let counts = targets
            .iter()
            .map(|t| ("targets", t))
            .chain(weights.iter().flatten().map(|w| ("sample weights", w)));
        for (what, f) in counts {
            if f.n_samples() != n {
                return Err(Error::Data(format!(
                    "{what}: the inputs hold {n} samples (axis 0), so must they. Received: {}",
                    f.n_samples()
                )));
            }
        }
        if n == 0 {
            return Err(Error::Data("the data hold no sample (axis 0 is empty)".into()));
        }
        Ok(Self { inputs, targets, weights, in_order: model.is_stateful() })
    }

    /// Samples.
    pub fn n_samples(&self) -> usize {
        self.inputs.first().map_or(0, Fed::n_samples)
    }

    /// Timesteps of each sample, when the first input is ragged.
    pub(crate) fn lengths(&self) -> Option<Vec<usize>> {
        self.inputs.iter().find_map(Fed::lengths)
    }

    /// What each loss of a batch is a mean over, where that is not its samples: the timesteps of
    /// targets of unequal length. As the second number the weight of the loss in the total. Empty
    /// where all losses count by samples.
    pub(crate) fn loss_counts(
        &self,
        rows: &[u32],
        compiled: &compile::Compiled,
        by: EpochLoss,
    ) -> Vec<(f64, f64)> {
        if by == EpochLoss::Keras || self.targets.iter().all(|t| t.lengths().is_none()) {
            return vec![];
        }
        let count = |target: usize| {
            self.targets
                .get(target)
                .and_then(|t| t.lengths_of(rows))
                .map_or(rows.len(), |l| l.iter().sum())
        };
        compiled.losses.iter().map(|l| (count(l.target) as f64, l.weight.unwrap_or(1.0))).collect()
    }

    /// Specs of the targets for a batch of so many samples.
    pub(crate) fn target_specs(&self, batch: usize) -> Vec<Spec> {
        self.targets.iter().map(|t| t.spec(batch)).collect()
    }

    /// The data sets, from which batches are put together.
    pub(crate) fn sets(&self) -> Sets<'_> {
        let further = self.targets.iter().chain(self.weights.iter().flatten()).collect();
        Sets { inputs: &self.inputs, further, in_order: self.in_order }
    }

    /// How the arrays of a batch stand.
    pub(crate) fn layout(&self) -> Layout {
        Layout {
            n_inputs: self.inputs.len(),
            n_targets: self.targets.len(),
            weighted: self.weights.iter().map(Option::is_some).collect(),
        }
    }
}

/// How the arrays of a batch stand: inputs, targets, the weights there are, and last the mask if
/// lengths differ.
#[derive(Clone)]
pub(crate) struct Layout {
    /// Entries of numbers, and what layers encoded.
    pub(super) n_inputs: usize,
    pub(super) n_targets: usize,
    /// Which outputs have weights.
    pub(super) weighted: Vec<bool>,
}
