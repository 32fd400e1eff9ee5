//! Wrapper that divides the kernel of a layer by its largest singular value.

use crate::config::setters;
use crate::initializers::TruncatedNormal;
use crate::lowering::{
    Call, Cx, Flow, FromConfig, Layer, LayerRef, MaskRule, Registry, Sample, WeightSpec,
    WeightTree, Weights, read_settings,
};
use crate::{Error, Result};
use cornu_ir::composites::unit_length_within;
use cornu_ir::{Spec, spec::product};
use serde::Deserialize;
use serde_json::{Value, json};

/// Wrapper that divides the kernel of a layer, in training, by its largest singular value, found by
/// power iteration (Miyato et al. 2018, arXiv:1802.05957).
///
/// # Shapes
/// Shapes of the wrapped layer; vector_u (1, last dim of the kernel).
///
/// # Source
/// keras/src/layers/normalization/spectral_normalization.py, Keras 3.15.1, as on its JAX backend:
/// the saved kernel is not the divided one.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{Dense, LayerRef, SpectralNormalization};
/// use ndarray::arr2;
/// let layer = SpectralNormalization::new(Dense::new(1).kernel_initializer("ones"));
/// let y = LayerRef::new(layer).apply(&arr2(&[[1.0f32, 2.0]]))?;
/// assert_eq!(y, Array::from(arr2(&[[3.0f32]]))); // A prediction uses the kernel as it is.
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SpectralNormalization {
    /// The wrapped layer, which has a kernel or embeddings.
    pub layer: LayerRef,
    /// Steps of power iteration for each batch.
    pub power_iterations: usize,
}

/// Settings other than the layer.
#[derive(Deserialize)]
struct Settings {
    #[serde(default = "one")]
    power_iterations: usize,
}

setters!(SpectralNormalization {
    plain power_iterations: usize,
});

impl FromConfig for SpectralNormalization {
    fn from_config(config: &Value, registry: &Registry) -> Result<Self> {
        let layer = registry.layer_of(config, "layer")?;
        let Settings { power_iterations } = read_settings(config)?;
        Ok(Self { layer, power_iterations })
    }
}

fn one() -> usize {
    1
}

impl SpectralNormalization {
    /// Returns a wrapper around a layer.
    pub fn new(layer: impl Into<LayerRef>) -> Self {
        Self { layer: layer.into(), power_iterations: 1 }
    }

    /// The weight that is divided.
    fn kernel_of(tree: &WeightTree) -> Option<&WeightSpec> {
        tree.vars.iter().find(|v| v.name == "kernel" || v.name == "embeddings")
    }
}

impl Layer for SpectralNormalization {
    fn class(&self) -> &'static str {
        "SpectralNormalization"
    }

    fn config(&self) -> Value {
        json!({"layer": self.layer.to_json(), "power_iterations": self.power_iterations})
    }

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        if self.power_iterations == 0 || self.power_iterations > 1000 {
            return Err(Error::argument(
                "",
                "power_iterations must lie between 1 and 1000",
                self.power_iterations,
            ));
        }
        let inner = self.layer.weight_tree(call)?;
        let kernel = Self::kernel_of(&inner).ok_or_else(|| {
            Error::argument(
                "",
                "the layer inside must have a kernel or embeddings",
                self.layer.class(),
            )
        })?;
        let last = kernel.shape.last().copied().unwrap_or(1);
        let start = TruncatedNormal { stddev: 0.02, ..TruncatedNormal::default() };
        let mut tree =
            WeightTree::of(vec![WeightSpec::new("vector_u", &[1, last], &start.into()).fixed()]);
        tree.held_twice = inner
            .vars
            .iter()
            .position(|v| v.name == "kernel" || v.name == "embeddings")
            .map(|i| ("layer".into(), i));
        tree.children.push(("layer".into(), inner));
        Ok(tree)
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        w: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let mut inner = w.child("layer").clone();
        if cx.training {
            let kernel = inner
                .vars
                .iter_mut()
                .find(|v| v.name == "kernel" || v.name == "embeddings")
                .expect("checked with the weights");
            let dims = kernel.value.dims();
            let matrix =
                kernel.value.reshape(&[product(&dims[..dims.len() - 1]), dims[dims.len() - 1]]);
            let state = w.weight("vector_u").expect("declared");
            let before = cx.current(state);
            let (mut u, mut v) = (before, before);
            for _ in 0..self.power_iterations {
                v = unit_length_within(u.matmul_with(matrix, false, true), &[0, 1], 1e-7);
                u = unit_length_within(v.matmul(matrix), &[0, 1], 1e-7);
            }
            let (u, v) = (u.stop_gradient(), v.stop_gradient());
            let sigma = v.matmul(matrix).matmul_with(u, false, true).reshape(&[]);
            let empty = matrix.eq(0.0).all(&[0, 1], false);
            cx.update(state, empty.select(before, u));
            kernel.value = kernel.value / empty.select(sigma.ones_like(), sigma);
        }
        // The outputs have the type of the inputs: those of an Embedding become whole numbers.
        let x = call.input()?.value.dtype();
        let dtype = if x.is_float() { cx.float() } else { x };
        let outs = self.layer.lower(cx, &inner, call)?;
        Ok(outs.into_iter().map(|o| Flow { value: o.value.cast(dtype), ..o }).collect())
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Drop
    }

    fn inner(&self) -> Vec<(&'static str, &LayerRef)> {
        vec![("layer", &self.layer)]
    }

    fn samples() -> Vec<Sample> {
        let dense = json!({"class_name": "Dense", "config": {"units": 3}});
        Sample::each([json!({"layer": dense})])
    }
}
