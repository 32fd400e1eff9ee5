//! The weights of a layer as arrays.

use super::layer::LayerRef;
use crate::data::{Array, array_of, tensor_of};
use crate::{Error, Result};
use cornu_cpu::Variable;
use cornu_ir::spec::dims_text;
use std::sync::PoisonError;

impl LayerRef {
    /// The variables of the layer and of the layers inside it, in Keras's order; none before the
    /// first call.
    fn variables(&self) -> Vec<Variable> {
        let held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut all: Vec<Variable> = Vec::new();
        let inside = self.rule().contained().into_iter().flat_map(LayerRef::variables);
        for variable in held.into_iter().chain(inside) {
            if all.iter().all(|v| v.id() != variable.id()) {
                all.push(variable);
            }
        }
        all
    }

    /// Returns the weights of the layer and of the layers inside it, in Keras's order. A layer that
    /// was not called yet has none.
    ///
    /// ```
    /// use cornu::{Dense, Input, Model};
    /// let dense = Dense::new(2).name("head");
    /// let x = Input::new([3]);
    /// Model::new(&x, &dense.call(&x)?)?;
    /// let shapes: Vec<_> = dense.weights().iter().map(|w| w.shape().to_vec()).collect();
    /// assert_eq!(shapes, [vec![3, 2], vec![2]]);
    /// # Ok::<(), cornu::Error>(())
    /// ```
    pub fn weights(&self) -> Vec<Array> {
        let set = self.variables().into_iter().filter(Variable::is_set);
        set.map(|v| array_of(&v.tensor())).collect()
    }

    /// Sets the weights of the layer and of the layers inside it, in Keras's order. All models with
    /// the layer share them.
    ///
    /// # Errors
    /// A wrong number of weights, or a wrong shape; no weight is set then.
    pub fn set_weights<A: Clone + Into<Array>>(&self, values: &[A]) -> Result<()> {
        let variables = self.variables();
        let who = || format!("{} `{}`", self.class(), self.shown_name());
        if values.len() != variables.len() {
            let rule = match variables.is_empty() {
                true => "a layer has weights once it is called or stands in a model".into(),
                false => format!("the layer has {} weights", variables.len()),
            };
            return Err(Error::argument(who(), rule, values.len()));
        }
        let fitted = variables.iter().zip(values).enumerate().map(|(i, (variable, value))| {
            let (array, spec): (Array, _) = (value.clone().into(), variable.spec());
            if spec.numbers().as_deref() != Some(array.shape()) {
                let rule = format!("weight {i} has shape {}", dims_text(&spec.dims));
                return Err(Error::argument(who(), rule, format!("{:?}", array.shape())));
            }
            tensor_of(&array, spec.dtype)
        });
        let fitted = fitted.collect::<Result<Vec<_>>>()?;
        variables.iter().zip(&fitted).for_each(|(variable, value)| variable.set(value));
        Ok(())
    }
}
