//! A model with meanings of Keras 2 in the form that gives the same numbers in Keras 3.

use crate::legacy::{Origin, hard_sigmoid, keras2_masks};
use crate::lowering::Cx;
use crate::model::{Variable, lower_model, to_file_array, to_tensor};
use crate::saving::Group;
use crate::{Error, Model, Result};
use cornu_ir::passes::{cse, dce};
use cornu_ir::{Builder, DType, Graph, Spec, Tensor};
use serde_json::Value;

/// The value with marked columns times a factor.
fn scaled(v: &Variable, value: &Tensor, factor: f64) -> Tensor {
    let columns = &v.spec.hard_sigmoid_columns;
    let n = v.spec.shape.last().copied().unwrap_or(0);
    if columns.is_empty() || n == 0 {
        return value.clone();
    }
    let mut values = value.to_f64();
    for row in values.chunks_mut(n) {
        for (from, to) in columns {
            row[*from..*to].iter_mut().for_each(|x| *x *= factor);
        }
    }
    match value.dtype() {
        DType::F64 => Tensor::new(&value.dims, values),
        _ => Tensor::new(&value.dims, values.into_iter().map(|x| x as f32).collect()),
    }
}

/// A weight's value as files of Keras 3 hold it.
pub(super) fn in_keras_3(v: &Variable, value: &Tensor) -> Tensor {
    scaled(v, value, hard_sigmoid::SCALE)
}

/// A weight's value from that in a file of Keras 3.
pub(super) fn of_keras_3(v: &Variable, value: Tensor) -> Tensor {
    scaled(v, &value, 1.0 / hard_sigmoid::SCALE)
}

impl Model {
    /// The config and the weights of a file for Keras 3.
    ///
    /// # Errors
    /// A meaning of Keras 2 that no file of Keras 3 can hold.
    pub(super) fn rewrite_for_keras_3(
        &self,
        config: &mut Value,
        weights: &mut Group,
    ) -> Result<()> {
        if hard_sigmoid::is_in(config) {
            hard_sigmoid::rewrite(config)?;
            self.scale_for_keras_3(weights)?;
            if self.runtime().is_untold_of_form() {
                log::warn!(
                    "the model has the hard_sigmoid of Keras 2, clip(0.2 x + 0.5, 0, 1); it is \
                     saved with that of Keras 3 and the weights before it times 1.2, which gives \
                     the same numbers. Training goes on otherwise from such a file: penalties and \
                     the state of the optimizer are not scaled"
                );
            }
        }
        if keras2_masks::is_in(config) {
            self.check_masks_of_keras_3()?;
            keras2_masks::remove(config);
        }
        Ok(())
    }

    /// Scales the weights of a file for Keras 3.
    pub(super) fn scale_for_keras_3(&self, weights: &mut Group) -> Result<()> {
        self.scale(weights, hard_sigmoid::SCALE)
    }

    /// Takes the weights of a file that was written by this Keras.
    ///
    /// # Errors
    /// A weight is missing or of another shape; the model keeps all its weights then.
    pub(super) fn read_weights_of(&self, weights: &mut Group, origin: &Origin) -> Result<()> {
        if !origin.is_before_keras_3() {
            self.scale(weights, 1.0 / hard_sigmoid::SCALE)?;
        }
        self.read_weights(weights)
    }

    fn scale(&self, weights: &mut Group, factor: f64) -> Result<()> {
        let marked = |v: &&Variable| !v.spec.hard_sigmoid_columns.is_empty();
        for v in self.variables().iter().filter(marked) {
            for (group, index) in v.places() {
                let path = format!("{group}/vars/{index}");
                let Some(array) = weights.get(&path).filter(|a| a.shape() == v.spec.shape) else {
                    continue;
                };
                let value = scaled(v, &to_tensor(array, v.spec.dtype())?, factor);
                let array = to_file_array(&value, array.dtype())?;
                weights.take(&path);
                weights.insert(&path, array)?;
            }
        }
        Ok(())
    }

    /// Fails where a merging layer joins masks by the rule of Keras 2 and the rule of Keras 3 would
    /// give other numbers: where its inputs have masks of their own, or some have none.
    fn check_masks_of_keras_3(&self) -> Result<()> {
        let graph = |in_keras_3: bool| -> Result<Graph> {
            let builder = Builder::new();
            let cx = Cx::new(&builder, false, None);
            let cx = if in_keras_3 { cx.with_masks_of_keras_3() } else { cx };
            let specs: Vec<Spec> = self.inputs().iter().map(|(_, entry)| entry.spec()).collect();
            let lowered = lower_model(&cx, self.as_layer(), self.tree(), &specs, None)?;
            for (i, output) in lowered.outputs.iter().enumerate() {
                builder.output(format!("y{i}"), output.value);
                if let Some(mask) = output.mask {
                    builder.output(format!("mask{i}"), mask);
                }
            }
            let graph = builder.finish().map_err(Error::from)?;
            Ok(cse(&dce(&graph)))
        };
        if graph(false)? == graph(true)? {
            return Ok(());
        }
        Err(Error::Unsupported(
            "the masks of this model are those of Keras 2, where a merged mask is true where all \
             masks of the inputs are, and Rescaling, Normalization and Identity give none on; \
             Keras 3 would compute others and so other numbers; save the weights alone"
                .into(),
        ))
    }
}
