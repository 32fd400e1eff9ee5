//! Layers one after the other.

use super::functional::{Functional, masked_as_told};
use super::input_layer::{InputLayer, dtype_name, read_input};
use super::trace::names_in_order;
use crate::lowering::{
    Call, Cx, Flow, FromConfig, Layer, LayerRef, MaskRule, RaggedForm, Registry, WeightTree,
    Weights,
};
use crate::{Error, Result};
use cornu_ir::{Dim, Spec};
use serde_json::{Value, json};

/// Layers that read nothing but text.
const READS_TEXT: [&str; 2] = ["TextVectorization", "StringLookup"];

/// Model of layers one after the other. Without an input it takes its shape from the first call.
///
/// # Source
/// keras/src/models/sequential.py, Keras 3.15.1.
#[derive(Clone, Debug)]
pub struct Sequential {
    /// The layers with their names.
    pub layers: Vec<(String, LayerRef)>,
    /// The input, if its shape is known.
    pub input: Option<InputLayer>,
    /// Shape with which Keras built the model, from its config.
    pub build_input_shape: Option<Value>,
    chain: Option<Functional>,
}

impl Sequential {
    /// Returns a model of an input and layers.
    pub fn new(input: Option<InputLayer>, layers: Vec<LayerRef>) -> Result<Self> {
        let names = names_in_order(&layers);
        Self::named(input, names.into_iter().zip(layers).collect(), None)
    }

    fn named(
        input: Option<InputLayer>,
        layers: Vec<(String, LayerRef)>,
        build_input_shape: Option<Value>,
    ) -> Result<Self> {
        let shape = |v: &Value| {
            v.as_array()
                .map(|a| a.iter().map(|d| d.as_u64().map(|d| d as usize)).collect::<Vec<Dim>>())
        };
        let known = input.clone().or_else(|| {
            if let Some(batch_shape) = build_input_shape.as_ref().and_then(shape) {
                return Some(InputLayer { batch_shape, ..InputLayer::default() });
            }
            // A text is one value of a sample: there is no other shape to ask for.
            let (_, first) = layers.first()?;
            let dtype = "string".to_string();
            let text = InputLayer { batch_shape: vec![None], dtype, ..InputLayer::default() };
            let is_inverted = first.rule().config()["invert"] == true;
            (READS_TEXT.contains(&first.class()) && !is_inverted).then_some(text)
        });
        let chain = known.map(|i| Functional::chain(i, &layers)).transpose()?;
        let build_input_shape =
            build_input_shape.or_else(|| input.as_ref().map(|i| json!(i.batch_shape)));
        Ok(Self { layers, input, build_input_shape, chain })
    }

    /// Returns the graph of layers; `None` if the input shape is not known.
    pub fn chain(&self) -> Option<&Functional> {
        self.chain.as_ref()
    }

    fn chain_for(&self, call: &Call<Spec>) -> Result<std::borrow::Cow<'_, Functional>> {
        if let Some(c) = &self.chain {
            return Ok(std::borrow::Cow::Borrowed(c));
        }
        let spec = call.input()?;
        let dtype = dtype_name(spec.dtype).to_string();
        let input = InputLayer { batch_shape: spec.dims.clone(), dtype, ..InputLayer::default() };
        Functional::chain(input, &self.layers).map(std::borrow::Cow::Owned)
    }
}

impl FromConfig for Sequential {
    fn from_config(config: &Value, registry: &Registry) -> Result<Self> {
        // Keras 2 wrote the list of layers alone.
        let list = config.get("layers").unwrap_or(config).as_array();
        let list = list.ok_or_else(|| Error::Config("Sequential: `layers` is missing".into()))?;
        let mut input = None;
        let mut layers = Vec::new();
        for v in list {
            if v.get("class_name").and_then(Value::as_str) == Some("InputLayer") {
                input = Some(read_input(v)?);
                continue;
            }
            // Keras 2 allows the first layer to carry the shape of the input.
            if let Some(shape) = v
                .pointer("/config/batch_input_shape")
                .or_else(|| v.pointer("/config/batch_shape"))
                .filter(|_| input.is_none() && layers.is_empty())
            {
                let batch_shape = shape
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|d| d.as_u64().map(|d| d as usize))
                    .collect();
                input = Some(InputLayer { batch_shape, ..InputLayer::default() });
            }
            layers.push(LayerRef::from_json(v, registry)?);
        }
        let names = names_in_order(&layers);
        let build = config.get("build_input_shape").filter(|b| !b.is_null()).cloned();
        Self::named(input, names.into_iter().zip(layers).collect(), build)
    }

    fn understood(&self, config: &Value) -> Value {
        config.clone()
    }
}

impl Layer for Sequential {
    fn class(&self) -> &'static str {
        "Sequential"
    }

    fn module(&self) -> &'static str {
        "keras"
    }

    fn config(&self) -> Value {
        let input = self.input.iter().map(|i| {
            let name = i.name.clone().unwrap_or_else(|| "input_layer".into());
            crate::config::object(
                "keras.layers",
                "InputLayer",
                json!(InputLayer { name: Some(name), ..i.clone() }),
            )
        });
        let layers: Vec<Value> =
            input.chain(self.layers.iter().map(|(n, l)| l.to_json_named(n))).collect();
        let mut config = json!({"layers": layers});
        if let Some(b) = &self.build_input_shape {
            config["build_input_shape"] = b.clone();
        }
        config
    }

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        Ok(self.chain_for(call)?.tree(false))
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        w: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let chain = self.chain_for(&call.map(Flow::spec))?;
        chain.lower_values(cx, w, &masked_as_told(cx, vec![*call.input()?], call))
    }

    fn leaves_mask_on(&self, input: usize, given: &Spec) -> bool {
        let chain = self.chain_for(&Call::one(given.clone()));
        chain.is_ok_and(|chain| chain.leaves_mask_on(input, given))
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Own
    }

    fn ignores_trainable_of_file(&self) -> bool {
        true
    }

    fn ragged_form(&self) -> RaggedForm {
        RaggedForm::Either
    }

    fn tells_ends(&self) -> bool {
        true
    }

    fn contained(&self) -> Vec<&LayerRef> {
        self.layers.iter().map(|(_, l)| l).collect()
    }
}
