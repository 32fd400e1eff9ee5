//! Examples: inputs, targets and weights of samples, checked and cast.

use super::assembly::Sets;
use super::feed::Fed;
use super::unequal::EpochLoss;
use crate::compile;
use crate::config::did_you_mean;
use crate::data::{Arrays, IntoData, Values, by_names};
use crate::{Error, Model, Result};
use cornu_ir::{DType, Spec};
use std::mem::take;

/// Inputs, targets and optional sample weights, checked for a model.
pub struct Examples<'a> {
    pub(crate) inputs: Vec<Fed<'a>>,
    pub(crate) targets: Vec<Fed<'a>>,
    /// One for each output, or none.
    pub(crate) weights: Vec<Option<Fed<'a>>>,
    /// Whether the place of a sample in its batch matters: a stateful layer goes on with the state
    /// of the same place.
    in_order: bool,
}

impl<'a> Examples<'a> {
    /// Checks and casts data for a model. Weights are for one output, or one set for each; targets
    /// and weights that are not given are those of the inputs' data set.
    pub(crate) fn new(
        model: &Model,
        x: impl IntoData<'a>,
        y: impl IntoData<'a>,
        w: Option<Arrays<'a>>,
    ) -> Result<Self> {
        let (mut x, y) = (x.into_data()?, y.into_data()?);
        let (of_set, weights_of_set) = (take(&mut x.targets), take(&mut x.weights));
        if !y.targets.is_empty() || !y.weights.is_empty() {
            let rule = "targets are arrays; a data set with targets is given as the inputs";
            return Err(Error::argument("targets", rule, "a data set"));
        }
        let y = one_of("targets", y.arrays, of_set)?;
        let w = one_of("sample weights", w.map_or(vec![], |w| w.arrays), weights_of_set)?;
        let inputs = model.feed_inputs(x)?;
        let n = inputs.first().map_or(0, Fed::n_samples);
        let outputs = model.named_outputs();
        let names: Vec<String> =
            (0..outputs.len()).map(|i| outputs.called(i).to_string()).collect();
        let target = |(i, d): (usize, Values<'a>)| {
            let dtype = match d.dtype() {
                "int32" => DType::I32,
                "int64" => DType::I64,
                "float64" if model.output_specs().get(i).is_some_and(|s| s.dtype == DType::F64) => {
                    DType::F64
                }
                _ => DType::F32,
            };
            let who =
                names.get(i).map_or(format!("target {i}"), |n| format!("target of output `{n}`"));
            if d.dtype() == "string" {
                return Err(Error::argument(
                    who,
                    "targets are numbers; give the number of each class (from 0 on, in the order \
                     of `Model::set_class_names`), or a 1 in its place of several",
                    "strings",
                ));
            }
            Fed::new(&who, d, dtype)
        };
        let y = by_names(y, &names, "targets")?;
        let targets: Vec<Fed<'a>> = y.into_iter().enumerate().map(target).collect::<Result<_>>()?;
        let weights = weights_of(w, &names)?;
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

    /// Returns the number of samples.
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

/// What is given, or what the data set of the inputs brings along.
fn one_of<T>(what: &str, given: Vec<T>, of_set: Vec<T>) -> Result<Vec<T>> {
    if !given.is_empty() && !of_set.is_empty() {
        let rule = "the data set of the inputs brings them along; give them once";
        return Err(Error::argument(what, rule, "both"));
    }
    Ok(if given.is_empty() { of_set } else { given })
}

/// The sample weights of each output; one set of weights serves all outputs, as in Keras.
fn weights_of<'a>(
    given: Vec<(Option<String>, Values<'a>)>,
    names: &[String],
) -> Result<Vec<Option<Fed<'a>>>> {
    let mut weights: Vec<Option<Fed<'a>>> = names.iter().map(|_| None).collect();
    let fed = |i: usize, d: Values<'a>| Fed::new(&format!("sample weights {i}"), d, DType::F32);
    if let ([(None, one)], 2..) = (&given[..], names.len()) {
        weights.iter_mut().try_for_each(|w| fed(0, one.clone()).map(|f| *w = Some(f)))?;
        return Ok(weights);
    }
    for (i, (name, d)) in given.into_iter().enumerate() {
        let at = match &name {
            None => i,
            Some(name) => names.iter().position(|n| n == name).ok_or_else(|| {
                let near = did_you_mean(name, names.iter().map(String::as_str));
                let rule = format!("the model has the outputs {}", names.join(", "));
                Error::argument("sample weights", rule, format!("`{name}`{near}"))
            })?,
        };
        let Some(place) = weights.get_mut(at) else {
            let rule = format!("one set, or one for each of the {} outputs", names.len());
            return Err(Error::argument("sample weights", rule, format!("{} sets", at + 1)));
        };
        if place.replace(fed(at, d)?).is_some() {
            let rule = "each output has one set";
            return Err(Error::argument("sample weights", rule, format!("`{}` twice", names[at])));
        }
    }
    Ok(weights)
}
