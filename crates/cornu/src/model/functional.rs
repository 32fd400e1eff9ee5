//! A model as a graph of layers: what Keras's Functional holds, reads and writes.

use super::reference::{Nest, TensorRef, arg_from_json, arg_to_json, legacy_arg};
use super::running_order::running_order;
use super::symbol::infer_with;
use crate::config::short;
use crate::layers::{Arg, Call, Cx, Flow, Layer, LayerRef, MaskRule, WeightTree, Weights};
use crate::{Error, Result};
use cornu_ir::{DType, Dim, Spec};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// The entry of a model: its shape with the batch, and its type.
/// Source: keras/src/layers/core/input_layer.py, Keras 3.15.1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct InputLayer {
    /// Dims, batch first; `None` where not known.
    #[serde(alias = "batch_input_shape")]
    pub batch_shape: Vec<Dim>,
    /// Keras's name of the type.
    pub dtype: String,
    /// Kept for Keras.
    pub sparse: bool,
    /// Kept for Keras.
    pub ragged: bool,
    /// Name.
    pub name: Option<String>,
    /// Kept for Keras.
    pub optional: bool,
}

impl Default for InputLayer {
    fn default() -> Self {
        Self {
            batch_shape: vec![],
            dtype: "float32".into(),
            sparse: false,
            ragged: false,
            name: None,
            optional: false,
        }
    }
}

impl InputLayer {
    /// Element type and dims of the value in a graph.
    pub fn spec(&self) -> Spec {
        let dtype = match self.dtype.as_str() {
            "float64" => DType::F64,
            "bool" => DType::Bool,
            "int64" | "uint32" | "uint64" => DType::I64,
            d if d.starts_with("int") || d.starts_with("uint") => DType::I32,
            _ => DType::F32,
        };
        Spec::new(dtype, self.batch_shape.clone())
    }
}

/// What a member of a model is.
#[derive(Clone, Debug)]
pub enum MemberKind {
    /// An entry.
    Input(InputLayer),
    /// A layer, or an operation of `keras.ops`.
    Layer(LayerRef),
}

/// A member of a model: an entry or a layer, with its calls.
#[derive(Clone, Debug)]
pub struct Member {
    /// Name, unique in the model.
    pub name: String,
    /// What it is.
    pub kind: MemberKind,
    /// Its calls in the model, in order. An entry has none.
    pub calls: Vec<Call<TensorRef>>,
    /// Specs of the outputs of each call; an entry has one call in this sense.
    pub outputs: Vec<Vec<Spec>>,
    /// Its weights.
    pub tree: WeightTree,
}

impl Member {
    /// Class, in Keras's word.
    pub fn class(&self) -> &'static str {
        match &self.kind {
            MemberKind::Input(_) => "InputLayer",
            MemberKind::Layer(l) => l.class(),
        }
    }

    /// The stem of its group in a weights file.
    fn stem(&self) -> String {
        match &self.kind {
            MemberKind::Input(_) => "input_layer".into(),
            MemberKind::Layer(l) => l.rule().stem(),
        }
    }

    /// Whether Keras counts it among the layers of the model (operations are not).
    pub fn is_layer(&self) -> bool {
        match &self.kind {
            MemberKind::Input(_) => true,
            MemberKind::Layer(l) => !l.rule().module().starts_with("keras.src.ops"),
        }
    }
}

/// A model as a graph of layers.
///
/// # Source
/// keras/src/models/functional.py and keras/src/ops/function.py, Keras 3.15.1.
#[derive(Clone, Debug)]
pub struct Functional {
    /// Members in Keras's order: by depth, then as the outputs reach them.
    pub members: Vec<Member>,
    /// The calls in the order in which Keras runs them: member, call.
    pub order: Vec<(usize, usize)>,
    /// Structure of the inputs.
    pub inputs: Nest,
    /// Structure of the outputs.
    pub outputs: Nest,
    /// Specs of the outputs, flattened.
    pub output_specs: Vec<Spec>,
}

/// A member before its calls have been checked.
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) kind: MemberKind,
    pub(super) calls: Vec<Call<TensorRef>>,
}

impl Functional {
    /// Checks members and calls, infers all shapes and finds an order to run them in.
    pub(super) fn assemble(drafts: Vec<Draft>, inputs: Nest, outputs: Nest) -> Result<Self> {
        let mut names = HashMap::new();
        for (i, d) in drafts.iter().enumerate() {
            if let Some(first) = names.insert(d.name.clone(), i) {
                return Err(Error::Config(format!(
                    "model: the name `{}` is used by members {first} and {i}; every layer needs \
                        its own",
                    d.name
                )));
            }
        }
        let mut members: Vec<Member> = Vec::with_capacity(drafts.len());
        let mut done: Vec<Vec<Option<Vec<super::symbol::Output>>>> = Vec::new();
        for d in &drafts {
            let outputs = match &d.kind {
                MemberKind::Input(i) => {
                    vec![Some(vec![super::symbol::Output { spec: i.spec(), masked: false }])]
                }
                MemberKind::Layer(_) => vec![None; d.calls.len()],
            };
            done.push(outputs);
        }
        for d in drafts {
            members.push(Member {
                name: d.name,
                kind: d.kind,
                calls: d.calls,
                outputs: vec![],
                tree: WeightTree::none(),
            });
        }
        let mut order = Vec::new();
        let mut built = vec![false; members.len()];
        loop {
            let (before, mut waiting) = (order.len(), None);
            for m in 0..members.len() {
                let MemberKind::Layer(layer) = members[m].kind.clone() else { continue };
                for c in 0..members[m].calls.len() {
                    if done[m][c].is_some() {
                        continue;
                    }
                    let call = &members[m].calls[c];
                    let ready = call
                        .values()
                        .iter()
                        .all(|t| done[t.member].get(t.call).is_some_and(Option::is_some));
                    if !ready {
                        waiting = Some(members[m].name.clone());
                        break;
                    }
                    let output = |t: &TensorRef| {
                        let outs = done[t.member][t.call].as_ref().expect("checked above");
                        outs.get(t.output).ok_or_else(|| {
                            Error::Config(format!(
                                "model: `{}` has {} outputs, asked for output {}",
                                members[t.member].name,
                                outs.len(),
                                t.output
                            ))
                        })
                    };
                    let specs = call.try_map(|t| output(t).map(|o| o.spec.clone()))?;
                    let masked = call.try_map(|t| output(t).map(|o| o.masked))?;
                    if !built[m] {
                        members[m].tree = layer.weights(&specs)?;
                        built[m] = true;
                    }
                    done[m][c] = Some(infer_with(&layer, &members[m].tree, &specs, &masked)?);
                    order.push((m, c));
                }
            }
            match waiting {
                None => break,
                Some(name) if order.len() == before => {
                    return Err(Error::Config(format!(
                        "model: layer `{name}` waits for itself or for a value that nothing gives; \
                            the graph must have no cycle"
                    )));
                }
                Some(_) => {}
            }
        }
        for (m, outs) in members.iter_mut().zip(done) {
            m.outputs = outs
                .into_iter()
                .flatten()
                .map(|o| o.into_iter().map(|o| o.spec).collect())
                .collect();
        }
        let mut output_specs = Vec::new();
        for t in inputs.flatten().into_iter().chain(outputs.flatten()) {
            let spec = members[t.member].outputs.get(t.call).and_then(|o| o.get(t.output));
            let spec = spec.ok_or_else(|| {
                Error::Config(format!(
                    "model: `{}` has no output {} of call {}",
                    members[t.member].name, t.output, t.call
                ))
            })?;
            output_specs.push(spec.clone());
        }
        output_specs.drain(..inputs.flatten().len());
        let order = running_order(&outputs.flatten(), &order, |(m, c)| {
            members[m].calls.get(c).map(Call::values).unwrap_or_default()
        });
        Ok(Self { members, order, inputs, outputs, output_specs })
    }

    /// A chain of layers after one entry.
    pub(super) fn chain(input: InputLayer, layers: &[(String, LayerRef)]) -> Result<Self> {
        let name = input.name.clone().unwrap_or_else(|| "input_layer".into());
        let mut drafts = vec![Draft { name, kind: MemberKind::Input(input), calls: vec![] }];
        for (i, (name, layer)) in layers.iter().enumerate() {
            let from = TensorRef { member: i, call: 0, output: 0 };
            drafts.push(Draft {
                name: name.clone(),
                kind: MemberKind::Layer(layer.clone()),
                calls: vec![Call::one(from)],
            });
        }
        let at = |member| Nest::One(TensorRef { member, call: 0, output: 0 });
        Self::assemble(drafts, at(0), at(layers.len()))
    }

    /// Reads Keras's config.
    pub fn from_config(config: &Value) -> Result<Self> {
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
                _ => MemberKind::Layer(LayerRef::from_json(v)?),
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
            MemberKind::Layer(l) => l.rule().as_container(),
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
                !is_keras_2 && matches!(container(t.member), Some(super::Container::Functional(_)));
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

    /// The members that Keras counts as layers, with their group in a weights file: `lstm`,
    /// `lstm_1`, …
    pub fn groups(&self) -> Vec<(usize, String)> {
        let mut seen: HashMap<String, usize> = HashMap::new();
        let layers = self.members.iter().enumerate().filter(|(_, m)| m.is_layer());
        layers
            .map(|(i, m)| {
                let base = m.stem();
                let n = seen.entry(base.clone()).or_default();
                *n += 1;
                (i, if *n == 1 { base } else { format!("{base}_{}", *n - 1) })
            })
            .collect()
    }

    /// The weights of all members, grouped as Keras's files group them.
    pub(super) fn tree(&self, with_inputs: bool) -> WeightTree {
        let children = self
            .groups()
            .into_iter()
            .filter(|(i, _)| with_inputs || matches!(self.members[*i].kind, MemberKind::Layer(_)));
        WeightTree::inside(children.map(|(i, group)| {
            let m = &self.members[i];
            (format!("layers/{group}"), WeightTree { label: m.name.clone(), ..m.tree.clone() })
        }))
    }

    /// The inputs of a call that names them, where the model itself holds its entries as a list.
    fn inputs_by_name<'g>(&self, call: &Call<Flow<'g>>) -> Option<Vec<Flow<'g>>> {
        let Some(Arg::Dict(given)) =
            call.args.first().filter(|_| !matches!(self.inputs, Nest::Dict(_)))
        else {
            return None;
        };
        let named = |t: &TensorRef| {
            given.iter().find(|(name, _)| *name == self.members[t.member].name).map(|(_, a)| a)
        };
        let one = |a: &Arg<Flow<'g>>| if let Arg::Value(f) = a { Some(*f) } else { None };
        self.inputs.flatten().iter().map(|t| named(t).and_then(one)).collect()
    }

    /// Lowers all calls for values of the inputs.
    pub(super) fn lower_values<'g>(
        &self,
        cx: &Cx<'g>,
        w: &Weights<'g>,
        inputs: &[Flow<'g>],
    ) -> Result<Vec<Flow<'g>>> {
        let entries = self.inputs.flatten();
        if entries.len() != inputs.len() {
            return Err(Error::argument(
                "",
                format!("expected {} inputs", entries.len()),
                format!("{} inputs", inputs.len()),
            ));
        }
        let mut values: Vec<Vec<Vec<Flow<'g>>>> =
            self.members.iter().map(|m| vec![vec![]; m.calls.len().max(1)]).collect();
        for (t, v) in entries.iter().zip(inputs) {
            values[t.member][t.call] = vec![*v];
        }
        let groups: HashMap<usize, String> = self.groups().into_iter().collect();
        let none = Weights { vars: vec![], children: vec![], trainable: true, first: 0 };
        for (m, c) in &self.order {
            let MemberKind::Layer(layer) = &self.members[*m].kind else { continue };
            let call = self.members[*m].calls[*c].map(|t| values[t.member][t.call][t.output]);
            let own = groups.get(m).map_or(&none, |g| w.child(&format!("layers/{g}")));
            values[*m][*c] = layer.lower(cx, own, &call)?;
            if layer.rule().takes_masks_off() {
                for t in self.members[*m].calls[*c].values() {
                    values[t.member][t.call][t.output].mask = None;
                }
            }
        }
        Ok(self.outputs.flatten().iter().map(|t| values[t.member][t.call][t.output]).collect())
    }
}

/// Inputs with the masks that a call hands over in place of those they carry; where one is null the
/// input keeps its own.
pub(super) fn masked_as_told<'g>(
    cx: &Cx<'g>,
    inputs: Vec<Flow<'g>>,
    call: &Call<Flow<'g>>,
) -> Vec<Flow<'g>> {
    let masks = call.kwarg("mask").map(Arg::flatten_all).unwrap_or_default();
    let with = |x: Flow<'g>, m: &Flow<'g>| {
        let (x, m) = if x.packed == m.packed { (x, *m) } else { (cx.padded(x), cx.padded(*m)) };
        Flow { mask: Some(m.value), ..x }
    };
    inputs
        .into_iter()
        .enumerate()
        .map(|(i, x)| masks.get(i).copied().flatten().map_or(x, |m| with(x, m)))
        .collect()
}

/// Reads an entry of either spelling (Keras 2 wrote `batch_input_shape`).
pub(super) fn read_input(v: &Value) -> Result<InputLayer> {
    let config = v.get("config").cloned().unwrap_or_default();
    let mut input: InputLayer =
        serde_json::from_value(config).map_err(|e| Error::Config(format!("InputLayer: {e}")))?;
    if input.name.is_none() {
        input.name = v.get("name").and_then(Value::as_str).map(str::to_string);
    }
    if input
        .batch_shape
        .iter()
        .flatten()
        .try_fold(1usize, |n, d| n.checked_mul(*d))
        .is_none_or(|n| n > 1 << 40)
    {
        return Err(Error::Config(format!(
            "InputLayer: the shape {} is too large",
            cornu_ir::spec::dims_text(&input.batch_shape)
        )));
    }
    Ok(input)
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
        return Ok(Call { args, kwargs });
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
    Ok(Call { kwargs, ..call })
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
            json!({"shape": spec.dims, "dtype": dtype, "keras_history": [name(t.member), t.call, t.output]})
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
            let counted = matches!(&self.members[t.member].kind, MemberKind::Layer(l) if l.class() == "Functional");
            json!([name(t.member), t.call + counted as usize, t.output])
        };
        json!({"layers": layers, "input_layers": self.inputs.to_json(&end), "output_layers": self.outputs.to_json(&end)})
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

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Own
    }

    fn as_container(&self) -> Option<super::Container<'_>> {
        Some(super::Container::Functional(self))
    }
}

/// Keras's name of an element type.
pub(crate) fn dtype_name(dtype: DType) -> &'static str {
    match dtype {
        DType::F32 => "float32",
        DType::F64 => "float64",
        DType::I32 => "int32",
        DType::I64 => "int64",
        DType::Bool => "bool",
    }
}
