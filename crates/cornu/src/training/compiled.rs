//! What `compile` settles: losses, metrics, optimizer.

use crate::compile::Outputs;
use crate::model::Nest;
use crate::optimizers::{Optimizer, Paced, SavedGroup, VarInfo};
use crate::saving::{Array, ArrayType, Group};
use crate::{Error, Model, Result};
use cornu_cpu::SlotId;
use cornu_ir::interpret::interpret;
use cornu_ir::{Builder, Spec, Tensor, Var};
use serde_json::{Value, json};

/// Settings of `compile`, in Keras's words.
///
/// ```
/// use cornu::Compile;
/// let c = Compile::new("adam", "binary_crossentropy").metrics(["accuracy"]);
/// assert_eq!(c.to_json()["loss"], "binary_crossentropy");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Compile(Value);

impl Compile {
    /// An optimizer and a loss, by Keras's names or as serialized objects.
    pub fn new(optimizer: impl Into<Value>, loss: impl Into<Value>) -> Self {
        Self(json!({
            "optimizer": optimizer.into(), "loss": loss.into(), "loss_weights": null, "metrics": null, "weighted_metrics": null,
            "run_eagerly": false, "steps_per_execution": 1, "jit_compile": true,
        }))
    }

    /// With an optimizer and its settings.
    pub fn optimizer(mut self, optimizer: impl Into<Optimizer>) -> Self {
        self.0["optimizer"] = optimizer.into().to_json();
        self
    }

    /// With a loss and its settings.
    pub fn loss(mut self, loss: impl Into<crate::losses::Loss>) -> Self {
        self.0["loss"] = loss.into().to_json();
        self
    }

    /// With metrics by name.
    pub fn metrics<'a>(mut self, metrics: impl IntoIterator<Item = &'a str>) -> Self {
        self.0["metrics"] = metrics.into_iter().collect();
        self
    }

    /// With any setting of Keras's compile config.
    pub fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0[key] = value.into();
        self
    }

    /// As Keras serializes it.
    pub fn to_json(&self) -> &Value {
        &self.0
    }
}

/// What `compile` settled.
#[derive(Debug)]
pub struct Compiled {
    json: Value,
    /// The optimizer.
    pub optimizer: Optimizer,
    /// Where its variables lie, in the order in which Keras saves them.
    pub(crate) state: Vec<SlotId>,
    /// Whether the settings came with a file: Keras makes the optimizer's variables on loading,
    /// else at the first step.
    pub(crate) from_file: bool,
}

impl Compiled {
    /// Loss, metrics and their weights as Keras's compile config holds them.
    pub fn settings(&self) -> &Value {
        &self.json
    }
}

impl Model {
    /// Settles losses, metrics and optimizer, whose variables start anew.
    pub fn compile(mut self, settings: Compile) -> Result<Self> {
        self.compile_with(settings.0, false)?;
        Ok(self)
    }

    fn compile_with(&mut self, mut json: Value, from_file: bool) -> Result<()> {
        let optimizer = Optimizer::from_json(&json["optimizer"])?;
        let vars = self.trainable_vars();
        optimizer.check(&vars)?;
        json["optimizer"] = optimizer.to_json();
        let weights: Vec<Tensor> =
            self.trainable().map(|i| self.store.view(self.slots[i]).to_tensor()).collect();
        let specs = optimizer.state(&vars);
        let state = specs.iter().map(|s| self.store.push(&s.first_value(&weights))).collect();
        self.runtime.forget();
        self.compiled = Some(Compiled { json, optimizer, state, from_file });
        Ok(())
    }

    /// Numbers of the weights that an optimizer moves.
    pub(crate) fn trainable(&self) -> impl Iterator<Item = usize> + '_ {
        self.variables.iter().enumerate().filter(|(_, v)| v.trainable).map(|(i, _)| i)
    }

    /// The weights that an optimizer moves, as optimizers see them.
    pub(crate) fn trainable_vars(&self) -> Vec<VarInfo> {
        self.trainable().map(|i| VarInfo::from(&self.variables[i])).collect()
    }

    /// The outputs as losses and metrics are assigned to them.
    pub(crate) fn outputs(&self) -> Outputs {
        let nest = self.output_nest();
        let keys = nest.keys().map(|k| k.into_iter().map(str::to_string).collect());
        debug_assert!(matches!(nest, Nest::One(_) | Nest::List(_) | Nest::Dict(_)));
        Outputs {
            names: self.output_names(),
            keys,
            specs: self.output_specs().to_vec(),
            within: nest.places(),
        }
    }

    /// What `compile` settled, or why training needs it.
    pub(crate) fn need_compiled(&self) -> Result<&Compiled> {
        let name = self.layer.shown_name();
        self.compiled.as_ref().ok_or_else(|| {
            Error::argument(
                format!("model `{name}`"),
                "it must be compiled (optimizer, loss) before it is trained or evaluated",
                "a model that is not compiled",
            )
        })
    }

    /// Compiles with the settings beside a model's config, if there are some.
    pub(crate) fn compile_from_json(&mut self, v: &Value) -> Result<()> {
        match v.get("compile_config").filter(|c| c.get("optimizer").is_some_and(|o| !o.is_null())) {
            Some(c) => self.compile_with(c.clone(), true),
            None => Ok(()),
        }
    }

    /// Specs of the optimizer's variables, once Keras would have made them.
    pub(crate) fn optimizer_specs(&self) -> Option<Vec<Spec>> {
        let made = |c: &&Compiled| c.from_file || self.runtime.n_steps > 0;
        self.compiled
            .as_ref()
            .filter(made)
            .map(|c| c.state.iter().map(|s| self.store.spec(*s)).collect())
    }

    /// The compile config as Keras writes it, the learning rate as it stands.
    pub(crate) fn compile_config(&self) -> Option<Value> {
        let c = self.compiled.as_ref()?;
        let mut json = c.json.clone();
        let at = |i: usize| self.store.view(c.state[i]).to_tensor().to_f64()[0];
        json["optimizer"] =
            c.optimizer.clone().with_learning_rates(&self.trainable_vars(), &at).to_json();
        Some(json)
    }

    /// The learning rate that stands in the optimizer's variables; with a schedule there is none.
    pub fn learning_rate(&self) -> Option<f64> {
        let c = self.compiled.as_ref()?;
        c.optimizer
            .learning_rate_index()
            .map(|i| self.store.view(c.state[i]).to_tensor().to_f64()[0])
    }

    /// The learning rate of the coming step, a schedule's too.
    pub fn current_learning_rate(&self) -> Result<f64> {
        let rates = self.learning_rates()?;
        if let [(_, rate)] = rates[..] { Ok(rate) } else { Err(several_rates("reading it")) }
    }

    /// The learning rates of the coming step, each with its key in logs: one `learning_rate`, or a
    /// `learning_rate_NAME` of each optimizer within a MultiOptimizer.
    pub fn learning_rates(&self) -> Result<Vec<(String, f64)>> {
        let c = self.need_compiled()?;
        let rate = |paced: Paced<'_>| {
            let values: Vec<Tensor> = c.state[paced.rate_places()]
                .iter()
                .map(|slot| self.store.view(*slot).to_tensor())
                .collect();
            let b = Builder::new();
            let state: Vec<Var<'_>> = values.iter().map(|t| b.input("state", t.spec())).collect();
            let rate = paced
                .optimizer
                .current_learning_rate(&state)
                .ok_or_else(|| several_rates("reading it"))?;
            b.output("learning_rate", rate);
            Ok((paced.key, interpret(&b.finish()?, &values)[0].to_f64()[0]))
        };
        c.optimizer.paced(&self.trainable_vars()).into_iter().map(rate).collect()
    }

    /// Updates that the optimizer has made.
    pub fn iterations(&self) -> Result<u64> {
        let c = self.need_compiled()?;
        let steps = self.store.view(c.state[c.optimizer.iteration_index()]).to_tensor().to_f64()[0];
        Ok(steps as u64)
    }

    /// Each trainable weight of which the optimizer keeps a moving average, with it.
    fn averages(&self) -> Result<Vec<(SlotId, SlotId)>> {
        let c = self.need_compiled()?;
        let weights: Vec<usize> = self.trainable().collect();
        let averages = c.optimizer.averages(&self.trainable_vars());
        if averages.is_empty() && !weights.is_empty() {
            return Err(Error::argument(
                "SwapEMAWeights",
                "the optimizer, or one within it, must be made with use_ema",
                "use_ema false",
            ));
        }
        Ok(averages
            .into_iter()
            .map(|(weight, at)| (self.slots[weights[weight]], c.state[at]))
            .collect())
    }

    /// Exchanges the trainable weights with the optimizer's moving averages of them.
    pub(crate) fn swap_averages(&mut self) -> Result<()> {
        for (weight, average) in self.averages()? {
            let (w, a) =
                (self.store.view(weight).to_tensor(), self.store.view(average).to_tensor());
            self.store.replace(weight, &a);
            self.store.replace(average, &w);
        }
        Ok(())
    }

    /// Sets the optimizer's moving averages to the trainable weights.
    pub(crate) fn averages_from_weights(&mut self) -> Result<()> {
        for (weight, average) in self.averages()? {
            let w = self.store.view(weight).to_tensor();
            self.store.replace(average, &w);
        }
        Ok(())
    }

    /// Sets the learning rate for the coming steps.
    pub fn set_learning_rate(&mut self, rate: f64) -> Result<()> {
        let several = |o: &Optimizer| o.paced(&self.trainable_vars()).len() != 1;
        if several(&self.need_compiled()?.optimizer) {
            Err(several_rates(rate))
        } else {
            self.set_learning_rate_at(0, rate)
        }
    }

    /// Sets one of the [`Model::learning_rates`].
    pub fn set_learning_rate_at(&mut self, i: usize, rate: f64) -> Result<()> {
        let c = self.need_compiled()?;
        let paced = c.optimizer.paced(&self.trainable_vars());
        let paced = paced.get(i).ok_or_else(|| {
            Error::argument("learning_rate", "its number must be one of the optimizer's", i)
        })?;
        let i = paced.rate_index().ok_or_else(|| {
            Error::argument(
                "learning_rate",
                "the optimizer follows a schedule, which sets it",
                rate,
            )
        })?;
        let slot = c.state[i];
        let dtype = self.store.spec(slot).dtype;
        self.store.replace(slot, &Tensor::scalar_of(dtype, rate));
        Ok(())
    }

    /// Takes the state of the optimizer from a file's group `optimizer`. Of a group with another
    /// number of variables nothing is taken, as in Keras: a file of a model that was never trained
    /// holds the first ones only, which say no more than the config.
    pub(crate) fn read_optimizer_state(&mut self, group: &Group) -> Result<()> {
        let Some(c) = &self.compiled else { return Ok(()) };
        let mut values = Vec::new();
        for SavedGroup { path, name, places } in c.optimizer.groups(&self.trainable_vars()) {
            let Some(vars) = group.group(&path) else { continue };
            if vars.arrays.len() != places.len() {
                if vars.arrays.iter().any(|(_, a)| !a.shape().is_empty()) {
                    let (n, m) = (places.len(), vars.arrays.len());
                    eprintln!(
                        "warning: the state of optimizer `{name}` is not taken from the file: it \
                            has {n} variables, the file {m}"
                    );
                }
                continue;
            }
            self.read_optimizer_group(&c.state[places], vars, &mut values)?;
        }
        values.iter().for_each(|(slot, t)| self.store.replace(*slot, t));
        Ok(())
    }

    fn read_optimizer_group(
        &self,
        state: &[SlotId],
        vars: &Group,
        values: &mut Vec<(SlotId, Tensor)>,
    ) -> Result<()> {
        for (slot, (name, array)) in state.iter().zip(&vars.arrays) {
            let spec = self.store.spec(*slot);
            if array.shape() != spec.numbers().unwrap_or_default() {
                return Err(Error::Config(format!(
                    "optimizer: variable {name} must have shape {}. Received: {:?}",
                    cornu_ir::spec::dims_text(&spec.dims),
                    array.shape()
                )));
            }
            values.push((*slot, crate::model::to_tensor(array, spec.dtype)?));
        }
        Ok(())
    }

    /// Writes the state of the optimizer into a file.
    pub(crate) fn write_optimizer_state(&self, root: &mut Group) -> Result<()> {
        let Some(c) = &self.compiled else { return Ok(()) };
        for SavedGroup { path, name, places } in c.optimizer.groups(&self.trainable_vars()) {
            root.group_mut(&format!("optimizer/{path}")).name = Some(name);
            for (i, slot) in c.state[places].iter().enumerate() {
                let array: Array = crate::model::to_file_array(
                    &self.store.view(*slot).to_tensor(),
                    ArrayType::F32,
                )?;
                root.insert(&format!("optimizer/{path}/{i}"), array)?;
            }
        }
        Ok(())
    }
}

fn several_rates(received: impl std::fmt::Display) -> Error {
    Error::argument(
        "learning_rate",
        "a MultiOptimizer has none of its own: set it in the optimizers within",
        received,
    )
}
