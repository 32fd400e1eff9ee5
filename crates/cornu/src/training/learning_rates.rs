//! Learning rates and moving averages of the optimizer of a compiled model.

use super::compiled_model::CompiledModel;
use crate::optimizers::Paced;
use crate::{Error, Result};
use cornu_cpu::{SlotId, Variable};
use cornu_ir::interpret::interpret;
use cornu_ir::{Builder, Tensor, Var};

impl CompiledModel {
    /// Returns the learning rate variable of the optimizer; `None` with a schedule.
    pub fn learning_rate(&self) -> Option<f64> {
        self.optimizer.learning_rate_index().map(|i| self.state()[i].tensor().to_f64()[0])
    }

    /// Returns the learning rate of the next step, also with a schedule.
    ///
    /// # Errors
    /// A MultiOptimizer, which has no single rate.
    pub fn current_learning_rate(&self) -> Result<f64> {
        let rates = self.learning_rates()?;
        if let [(_, rate)] = rates[..] { Ok(rate) } else { Err(several_rates("reading it")) }
    }

    /// Returns the learning rates of the next step with their keys in logs: `learning_rate`, or
    /// `learning_rate_NAME` for each optimizer of a MultiOptimizer.
    ///
    /// # Errors
    /// A MultiOptimizer within a MultiOptimizer.
    pub fn learning_rates(&self) -> Result<Vec<(String, f64)>> {
        let rate = |paced: Paced<'_>| {
            let values: Vec<Tensor> =
                self.state()[paced.rate_places()].iter().map(Variable::tensor).collect();
            let b = Builder::new();
            let state: Vec<Var<'_>> = values.iter().map(|t| b.input("state", t.spec())).collect();
            let rate = paced
                .optimizer
                .current_learning_rate(&state)
                .ok_or_else(|| several_rates("reading it"))?;
            b.output("learning_rate", rate);
            Ok((paced.key, interpret(&b.finish()?, &values)[0].to_f64()[0]))
        };
        self.optimizer.paced(&self.vars).into_iter().map(rate).collect()
    }

    /// Returns the number of updates that the optimizer has made.
    pub fn iterations(&self) -> u64 {
        self.state()[self.optimizer.iteration_index()].tensor().to_f64()[0] as u64
    }

    /// Sets the learning rate of the next steps.
    ///
    /// # Errors
    /// A MultiOptimizer, which has no single rate; an optimizer with a schedule.
    ///
    /// ```
    /// use cornu::optimizers::Sgd;
    /// use cornu::{Compile, Dense, Input, Model};
    /// let x = Input::new([1]);
    /// let model = Model::new(&x, &Dense::new(1).call(&x)?)?;
    /// let model = model.compile(Compile::new(Sgd::new(0.5), "mse"))?;
    /// model.set_learning_rate(0.25)?;
    /// assert_eq!(model.learning_rate(), Some(0.25));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    pub fn set_learning_rate(&self, rate: f64) -> Result<()> {
        let several = self.optimizer.paced(&self.vars).len() != 1;
        if several { Err(several_rates(rate)) } else { self.set_learning_rate_at(0, rate) }
    }

    /// Sets one of the [`CompiledModel::learning_rates`].
    ///
    /// # Errors
    /// An invalid index; an optimizer with a schedule.
    pub fn set_learning_rate_at(&self, i: usize, rate: f64) -> Result<()> {
        let paced = self.optimizer.paced(&self.vars);
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
        let variable = &self.state()[i];
        variable.set(&Tensor::scalar_of(variable.dtype(), rate));
        Ok(())
    }

    /// Slots of each trainable weight of which the optimizer keeps a moving average, and of that.
    fn averages(&self) -> Result<Vec<(SlotId, SlotId)>> {
        let averages = self.optimizer.averages(&self.vars);
        if averages.is_empty() && !self.trainable.is_empty() {
            return Err(Error::argument(
                "SwapEMAWeights",
                "the optimizer, or one within it, must be made with use_ema",
                "use_ema false",
            ));
        }
        let slots = |(weight, at): (usize, usize)| {
            (SlotId(self.trainable[weight]), SlotId(self.variables().len() + at))
        };
        Ok(averages.into_iter().map(slots).collect())
    }

    /// Exchanges the trainable weights with the optimizer's moving averages of them.
    pub(crate) fn swap_averages(&self) -> Result<()> {
        let averages = self.averages()?;
        let mut store = self.store().write();
        for (weight, average) in averages {
            let [w, a] = [weight, average].map(|slot| store.view(slot).to_tensor());
            store.replace(weight, &a);
            store.replace(average, &w);
        }
        Ok(())
    }

    /// Sets the optimizer's moving averages to the trainable weights.
    pub(crate) fn averages_from_weights(&self) -> Result<()> {
        let averages = self.averages()?;
        let mut store = self.store().write();
        for (weight, average) in averages {
            let value = store.view(weight).to_tensor();
            store.replace(average, &value);
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
