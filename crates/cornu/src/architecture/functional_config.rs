//! A model as a layer, and as Keras writes it.

use super::container::Container;
use super::functional::{Draft, Functional, MemberKind, masked_as_told};
use super::input_layer::{InputLayer, dtype_name, read_input};
use super::tensor_ref::{Nest, TensorRef, arg_from_json, arg_to_json, legacy_arg};
use crate::config::short;
use crate::lowering::{
    Call, Cx, Flow, FromConfig, Layer, LayerRef, MaskRule, RaggedForm, Registry, WeightTree,
    Weights,
};
use crate::{Error, Result};
use cornu_ir::Spec;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

impl FromConfig for Functional {
    fn from_config(config: &Value, registry: &Registry) -> Result<Self> {
        let field = |key: &str| {
            config.get(key).ok_or_else(|| Error::Config(format!("Functional: `{key}` is missing")))
        };
        let list = field("layers")?
            .as_array()
            .ok_or_else(|| Error::Config("Functional: `layers` must be a list".into()))?;
        let mut names: HashMap<&str, usize> = HashMap::new();
        let mut kinds = Vec::new();
        for v in list {
            let name = v.get("name").or_else(|| v.pointer("/config/name")).and_then(Value::as_str);
            let name = name.ok_or_else(|| {
                Error::Config(format!("Functional: a layer without a name. Received: {}", short(v)))
            })?;
            if names.insert(name, kinds.len()).is_some() {
                return Err(Error::Config(format!(
                    "Functional: two layers are named `{name}`; every layer needs its own name"
                )));
            }
            kinds.push(match v.get("class_name").and_then(Value::as_str) {
                Some("InputLayer") => MemberKind::Input(read_input(v)?),
                _ => MemberKind::Layer(LayerRef::from_json(v, registry)?),
            });
        }
        let n_calls: Vec<usize> = list
            .iter()
            .map(|v| v.get("inbound_nodes").and_then(Value::as_array).map_or(0, Vec::len))
            .collect();
        let mut last_call: HashMap<String, usize> = HashMap::new();
        list.iter()
            .filter_map(|v| v.get("inbound_nodes"))
            .chain(config.get("output_layers"))
            .for_each(|v| note_calls(v, &mut last_call));
        let is_keras_2 = list
            .iter()
            .filter_map(|v| v.get("inbound_nodes").and_then(Value::as_array))
            .flatten()
            .any(Value::is_array);
        let member = |name: &str| {
            names.get(name).copied().ok_or_else(|| {
                Error::Config(format!("Functional: `{name}` is read but is no layer of the model"))
            })
        };
        let container = |m: usize| match &kinds[m] {
            MemberKind::Layer(l) => l.as_container(),
            MemberKind::Input(_) => None,
        };
        let find = |name: &str, call: usize, output: usize| -> Result<TensorRef> {
            let member = member(name)?;
            // Keras 2 counts the call that made a nested model as its first: then a call beyond the
            // last one is read somewhere.
            let shifted = is_keras_2
                && container(member).is_some()
                && last_call.get(name).is_some_and(|c| *c == n_calls[member]);
            Ok(TensorRef { member, call: call - (shifted && call > 0) as usize, output })
        };
        // Keras 3 counts it for a nested Functional among the inputs and outputs alone.
        let find_end = |name: &str, call: usize, output: usize| -> Result<TensorRef> {
            let t = find(name, call, output)?;
            let counted =
                !is_keras_2 && matches!(container(t.member), Some(Container::Functional(_)));
            let last = n_calls[t.member].saturating_sub(1);
            Ok(if counted {
                TensorRef { call: t.call.checked_sub(1).unwrap_or(last), ..t }
            } else {
                t
            })
        };
        let mut calls = Vec::new();
        for v in list {
            let nodes = v
                .get("inbound_nodes")
                .and_then(Value::as_array)
                .map(Vec::as_slice)
                .unwrap_or_default();
            calls.push(nodes.iter().map(|n| read_call(n, &find)).collect::<Result<Vec<_>>>()?);
        }
        let (inputs, outputs) = (
            Nest::from_json(field("input_layers")?, &find_end)?,
            Nest::from_json(field("output_layers")?, &find_end)?,
        );
        let mut names_by_index: Vec<&str> = vec![""; kinds.len()];
        names.iter().for_each(|(n, i)| names_by_index[*i] = n);
        let named = names_by_index.into_iter().map(str::to_string);
        let drafts = kinds
            .into_iter()
            .zip(calls)
            .zip(named)
            .map(|((kind, calls), name)| Draft { name, kind, calls })
            .collect();
        Self::assemble(drafts, inputs, outputs)
    }

    fn understood(&self, config: &Value) -> Value {
        config.clone()
    }
}

/// Notes the largest call of each layer that is read anywhere in nodes or outputs: `["layer", call,
/// output, …]`.
fn note_calls(v: &Value, last: &mut HashMap<String, usize>) {
    match v {
        Value::Array(items) => {
            if let [Value::String(name), Value::Number(call), Value::Number(_), ..] = &items[..] {
                let call = call.as_u64().unwrap_or(0) as usize;
                last.entry(name.clone()).and_modify(|c| *c = call.max(*c)).or_insert(call);
            }
            items.iter().for_each(|i| note_calls(i, last));
        }
        Value::Object(map) => map.values().for_each(|i| note_calls(i, last)),
        _ => {}
    }
}

/// Reads one inbound node: `{"args": …, "kwargs": …}`, or a list of `[layer, call, output,
/// {kwargs}]` as Keras 2 wrote it.
fn read_call(
    node: &Value,
    find: &dyn Fn(&str, usize, usize) -> Result<TensorRef>,
) -> Result<Call<TensorRef>> {
    if let Some(args) = node.get("args").and_then(Value::as_array) {
        let args = args.iter().map(|a| arg_from_json(a, find)).collect::<Result<_>>()?;
        let kwargs = node.get("kwargs").and_then(Value::as_object);
        let kwargs = kwargs
            .into_iter()
            .flatten()
            .map(|(k, v)| Ok((k.clone(), arg_from_json(v, find)?)))
            .collect::<Result<_>>()?;
        return Ok(Call::new(args, kwargs));
    }
    let items = node.as_array().ok_or_else(|| {
        Error::Config(format!(
            "Functional: an inbound node that cannot be read. Received: {}",
            short(node)
        ))
    })?;
    // Keras 2 wrote one call either as a list of tensors or, for one tensor, as the tensor itself.
    let tensors: Vec<&Value> = if items.first().is_some_and(Value::is_string) {
        vec![node]
    } else {
        items.iter().collect()
    };
    let mut values = Vec::new();
    let mut kwargs = Vec::new();
    for t in tensors {
        let Nest::One(one) = Nest::from_json(t, find)? else {
            return Err(Error::Config(format!(
                "Functional: an inbound node that cannot be read. Received: {}",
                short(node)
            )));
        };
        values.push(one);
        for (k, v) in t.get(3).and_then(Value::as_object).into_iter().flatten() {
            kwargs.push((k.clone(), legacy_arg(v, find)?));
        }
    }
    let call = if let [one] = values[..] { Call::one(one) } else { Call::list(values) };
    Ok(Call::new(call.args, kwargs))
}

impl Layer for Functional {
    fn class(&self) -> &'static str {
        "Functional"
    }

    fn module(&self) -> &'static str {
        "keras.src.models.functional"
    }

    fn registered_name(&self) -> Option<&'static str> {
        Some("Functional")
    }

    fn common_keys(&self) -> &'static [&'static str] {
        &["name", "trainable"]
    }

    fn config(&self) -> Value {
        let name = |m: usize| self.members[m].name.clone();
        let tensor = |t: TensorRef| {
            let spec = &self.members[t.member].outputs[t.call][t.output];
            let dtype = match &self.members[t.member].kind {
                MemberKind::Input(i) => i.dtype.as_str(),
                MemberKind::Layer(_) => dtype_name(spec.dtype),
            };
            let history = json!([name(t.member), t.call, t.output]);
            json!({"shape": spec.dims, "dtype": dtype, "keras_history": history})
        };
        let layers: Vec<Value> = self
            .members
            .iter()
            .map(|m| {
                let mut v = match &m.kind {
                    MemberKind::Input(i) => crate::config::object(
                        "keras.layers",
                        "InputLayer",
                        json!(InputLayer { name: Some(m.name.clone()), ..i.clone() }),
                    ),
                    MemberKind::Layer(l) => l.to_json_named(&m.name),
                };
                let nodes = m.calls.iter().map(|c| {
                    let args: Vec<Value> = c.args.iter().map(|a| arg_to_json(a, &tensor)).collect();
                    let kwargs: Map<String, Value> = c
                        .kwargs
                        .iter()
                        .map(|(k, a)| (k.clone(), arg_to_json(a, &tensor)))
                        .collect();
                    json!({"args": args, "kwargs": kwargs})
                });
                v["name"] = json!(m.name);
                v["inbound_nodes"] = Value::Array(nodes.collect());
                v
            })
            .collect();
        let end = |t: TensorRef| {
            let counted = match &self.members[t.member].kind {
                MemberKind::Layer(l) => matches!(l.as_container(), Some(Container::Functional(_))),
                MemberKind::Input(_) => false,
            };
            json!([name(t.member), t.call + counted as usize, t.output])
        };
        let (inputs, outputs) = (self.inputs.to_json(&end), self.outputs.to_json(&end));
        json!({"layers": layers, "input_layers": inputs, "output_layers": outputs})
    }

    fn weights(&self, _: &Call<Spec>) -> Result<WeightTree> {
        Ok(self.tree(true))
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        w: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let inputs = self
            .inputs_by_name(call)
            .unwrap_or_else(|| call.inputs().into_iter().copied().collect());
        self.lower_values(cx, w, &masked_as_told(cx, inputs, call))
    }

    fn leaves_mask_on(&self, input: usize, given: &Spec) -> bool {
        // What Keras casts or reshapes first is another array.
        self.inputs.flatten().get(input).is_some_and(|t| {
            let own = &self.members[t.member].outputs[t.call][t.output];
            own.dtype == given.dtype && own.rank() == given.rank()
        })
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Own
    }

    fn ragged_form(&self) -> RaggedForm {
        RaggedForm::Either
    }

    fn tells_ends(&self) -> bool {
        true
    }

    fn contained(&self) -> Vec<&LayerRef> {
        let layers = self.members.iter().filter_map(|m| match &m.kind {
            MemberKind::Layer(l) => Some(l),
            MemberKind::Input(_) => None,
        });
        layers.collect()
    }
}
