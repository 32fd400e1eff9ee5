//! The state of an optimizer in a legacy file.

use crate::Result;
use crate::legacy::{Origin, Remembered, Wanted, converted, optimizer_variables};
use crate::model::to_tensor;
use crate::saving::{Array, ArrayType, Group, NamedArrays};
use crate::training::CompiledModel;
use cornu_ir::Tensor;

impl CompiledModel {
    /// Takes the optimizer's variables that a legacy file of this origin lists. True if they were
    /// taken.
    pub(super) fn read_legacy_optimizer(
        &self,
        origin: &Origin,
        arrays: &NamedArrays,
    ) -> Result<bool> {
        let n_groups = self.n_state_groups();
        let taken = match origin.is_before_keras_3() {
            _ if n_groups != 1 => None,
            false => self.one_for_one(arrays)?,
            true => self.of_keras_2(origin, arrays)?,
        };
        let Some(values) = taken else { return Ok(false) };
        for (variable, value) in self.state().iter().zip(values) {
            if let Some(value) = value {
                variable.set(&value);
            }
        }
        Ok(true)
    }

    /// Takes the optimizer's variables of a `.keras` file of tf.keras: those of Keras 3 but for the
    /// learning rate, which stands in the config.
    pub(super) fn read_optimizer_of_keras_2(&self, group: &Group) -> Result<bool> {
        let Some(vars) = group.group("vars") else { return Ok(true) };
        let state = self.state();
        let mut arrays = vars.arrays.clone();
        let has_rate = self.state_names().get(1).is_some_and(|name| name == "learning_rate");
        if has_rate && !arrays.is_empty() && arrays.len() < state.len() {
            let rate = state[1].tensor().to_f64()[0];
            arrays.insert(1, ("learning_rate".into(), Array::from_f64(&[], &[rate])?));
        }
        // SGD without momentum kept one all the same.
        arrays.truncate(state.len());
        let Some(values) = self.one_for_one(&arrays)? else { return Ok(false) };
        for (variable, value) in state.iter().zip(values) {
            value.iter().for_each(|value| variable.set(value));
        }
        Ok(true)
    }

    /// The arrays as the optimizer's variables, if they are, one for one.
    fn one_for_one(&self, arrays: &NamedArrays) -> Result<Option<Vec<Option<Tensor>>>> {
        let mut values = Vec::with_capacity(arrays.len());
        for (variable, (_, array)) in self.state().iter().zip(arrays) {
            let spec = variable.spec();
            if array.shape() != spec.numbers().unwrap_or_default() {
                return Ok(None);
            }
            values.push(Some(to_tensor(array, spec.dtype)?));
        }
        Ok((arrays.len() == self.state().len()).then_some(values))
    }

    /// The arrays of Keras 1 or 2 by what they are.
    fn of_keras_2(
        &self,
        origin: &Origin,
        arrays: &NamedArrays,
    ) -> Result<Option<Vec<Option<Tensor>>>> {
        let weights = self.trained_weights();
        let class = self.settings()["optimizer"]["class_name"].as_str().unwrap_or("").to_string();
        let names: Vec<&str> = arrays.iter().map(|(name, _)| name.as_str()).collect();
        let scalars: Vec<bool> = arrays.iter().map(|(_, a)| a.shape().is_empty()).collect();
        let n = if origin.is_keras_1() { n_of_keras_1(&weights) } else { weights.len() };
        let Some(kinds) = optimizer_variables(&class, &names, &scalars, n) else { return Ok(None) };
        let state_names = self.state_names();
        let at = |name: &str| state_names.iter().position(|n| n == name);
        let mut values: Vec<Option<Tensor>> = vec![None; state_names.len()];
        let mut slots: Vec<(&'static str, NamedArrays)> = Vec::new();
        for (kind, (name, array)) in kinds.into_iter().zip(arrays) {
            let spec = |i: usize| self.state()[i].spec();
            match kind {
                Remembered::Iteration => {
                    let number = Array::from_f64(&[], &array.to_f64()?)?;
                    values[0] = Some(to_tensor(&cast(&number)?, spec(0).dtype)?);
                }
                Remembered::MomentumProduct => {
                    if let Some(i) = at("variable") {
                        values[i] = Some(to_tensor(array, spec(i).dtype)?);
                    }
                }
                Remembered::OfWeight(slot, _) => {
                    let entry = (name.clone(), array.clone());
                    match slots.iter_mut().find(|(s, _)| *s == slot) {
                        Some((_, own)) => own.push(entry),
                        None => slots.push((slot, vec![entry])),
                    }
                }
            }
        }
        for (slot, own) in slots {
            let places: Vec<Option<usize>> = weights
                .iter()
                .map(|w| at(&format!("{}_{slot}", w.path.replace('/', "_"))))
                .collect();
            if places.iter().all(Option::is_none) {
                // What this optimizer does not keep, as the zeros of an SGD without momentum.
                continue;
            }
            let plain = own.iter().zip(&weights).all(|((_, a), w)| a.shape() == w.spec.shape);
            if !origin.is_keras_1() && !plain {
                return Ok(None);
            }
            let wanted: Vec<Wanted<'_>> = weights
                .iter()
                .map(|w| Wanted { class: &w.class, name: &w.spec.name, shape: &w.spec.shape })
                .collect();
            let Ok(own) = converted(origin, slot, &wanted, &own) else { return Ok(None) };
            for (place, (_, array)) in places.into_iter().zip(&own) {
                let Some(i) = place else { continue };
                let spec = self.state()[i].spec();
                if array.shape() != spec.numbers().unwrap_or_default() {
                    return Ok(None);
                }
                values[i] = Some(to_tensor(array, spec.dtype)?);
            }
        }
        Ok(Some(values))
    }
}

/// How many arrays Keras 1 kept for these weights: an LSTM had twelve, a GRU nine.
fn n_of_keras_1(weights: &[&crate::model::Variable]) -> usize {
    let gates = |w: &&crate::model::Variable| match w.class.as_str() {
        "LSTM" => 4,
        "GRU" => 3,
        _ => 1,
    };
    weights.iter().map(gates).sum()
}

/// A number as a whole one of 64 bits.
fn cast(number: &Array) -> Result<Array> {
    let x = number.to_f64()?.first().copied().unwrap_or(0.0) as i64;
    Ok(Array::new(ArrayType::I64, vec![], x.to_le_bytes().to_vec())?)
}
