//! A layer on arrays.

use crate::data::{Array, array_of, tensor_of};
use crate::lowering::{Call, Cx, Flow, LayerRef, Weights};
use crate::model::variables;
use crate::{Error, Result};
use cornu_ir::{DType, Tensor};

/// The type in which a graph takes an array.
pub(super) fn graph_type(array: &Array) -> Result<DType> {
    Ok(match array {
        Array::F32(_) => DType::F32,
        Array::F64(_) => DType::F64,
        Array::I32(_) => DType::I32,
        Array::I64(_) => DType::I64,
        Array::Bool(_) => DType::Bool,
        Array::Str(_) => {
            return Err(Error::argument("apply", "expected numbers", "strings"));
        }
    })
}

/// An array as a tensor of its own type.
pub(super) fn tensor(array: &Array) -> Result<Tensor> {
    tensor_of(array, graph_type(array)?)
}

impl LayerRef {
    /// Applies the layer to an array, as in a prediction, and returns its first output. The first
    /// call initializes the weights.
    ///
    /// # Errors
    /// An array that the layer does not take; a preprocessing layer of strings, which needs a
    /// model.
    ///
    /// ```
    /// use cornu::data::Array;
    /// use cornu::{Dense, LayerRef};
    /// use ndarray::{arr1, arr2};
    /// let layer = LayerRef::new(Dense::new(1).kernel_initializer("ones"));
    /// let y = layer.apply(&arr2(&[[1.0f32, 2.0], [3.0, 4.0]]))?;
    /// assert_eq!(y, Array::from(arr2(&[[3.0f32], [7.0]])));
    /// layer.set_weights(&[Array::from(arr2(&[[1.0f32], [0.0]])), Array::from(arr1(&[0.5f32]))])?;
    /// assert_eq!(layer.apply(&arr2(&[[1.0f32, 2.0]]))?, Array::from(arr2(&[[1.5f32]])));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    pub fn apply(&self, x: impl Into<Array>) -> Result<Array> {
        Ok(self.apply_all(&[x.into()])?.remove(0))
    }

    /// Applies the layer to its inputs, and returns all its outputs.
    ///
    /// # Errors
    /// As [`LayerRef::apply`].
    pub fn apply_all(&self, inputs: &[Array]) -> Result<Vec<Array>> {
        let here = |e: Error| e.of_layer(self.class(), &self.shown_name());
        if self.rule().as_encoder().is_some() {
            let rule = "a preprocessing layer reads raw data, which a model hands it; make a model \
                with Input and this layer";
            return Err(here(Error::argument("", rule, "apply")));
        }
        let x = inputs.iter().map(tensor).collect::<Result<Vec<_>>>().map_err(here)?;
        let specs = match &x[..] {
            [one] => Call::one(one.spec()),
            several => Call::list(several.iter().map(Tensor::spec)),
        };
        let tree = self.weight_tree(&specs)?;
        let weights = variables(&tree)?;
        for (i, weight) in weights.iter().enumerate().filter(|(_, w)| !w.value.is_set()) {
            weight.value.set(&weight.first_value(0, i)?);
        }
        let numbers = tree.numbers();
        let n_inputs = x.len();
        let values: Vec<Tensor> =
            x.iter().cloned().chain(weights.iter().map(|w| w.value.tensor())).collect();
        let batch = x.first().and_then(|x| x.dims.first().copied());
        let outputs = self.programs().run(&values, |builder, vars| {
            let cx = Cx::new(builder, false, batch);
            let bound: Vec<_> = numbers.iter().map(|n| (*n, vars[n_inputs + n])).collect();
            let bound = Weights::bind(&tree, &bound);
            let flows: Vec<Flow<'_>> = vars[..n_inputs].iter().map(|v| Flow::new(*v)).collect();
            let call = match flows[..] {
                [one] => Call::one(one),
                _ => Call::list(flows.iter().copied()),
            };
            Ok(self.lower(&cx, &bound, &call)?.into_iter().map(|f| f.value).collect())
        })?;
        Ok(outputs.iter().map(array_of).collect())
    }
}
