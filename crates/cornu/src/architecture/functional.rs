//! A model as a graph of layers: its members, their calls, and how they are lowered.

use super::input_layer::InputLayer;
use super::running_order::running_order;
use super::symbol::{Output, infer_with};
use super::tensor_ref::{Nest, TensorRef};
use crate::lowering::{Arg, Call, Cx, Flow, LayerRef, WeightTree, Weights};
use crate::{Error, Result};
use cornu_ir::Spec;
use std::collections::HashMap;

/// Kind of a member of a model: an input or a layer.
#[derive(Clone, Debug)]
pub enum MemberKind {
    /// An input.
    Input(InputLayer),
    /// A layer, or an operation of `keras.ops`.
    Layer(LayerRef),
}

/// Member of a model: an input or a layer, with its calls.
#[derive(Clone, Debug)]
pub struct Member {
    /// Name, unique in the model.
    pub name: String,
    /// Input or layer.
    pub kind: MemberKind,
    /// Calls of the layer in the model, in order. An input has none.
    pub calls: Vec<Call<TensorRef>>,
    /// Types and dims of the outputs of each call; an input counts as one call.
    pub outputs: Vec<Vec<Spec>>,
    /// Weights of the layer.
    pub tree: WeightTree,
}

impl Member {
    /// Returns Keras's name of the class.
    pub fn class(&self) -> &str {
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

    /// Returns the number of ids, for a layer that reads ids.
    pub fn n_ids(&self) -> Option<usize> {
        match &self.kind {
            MemberKind::Input(_) => None,
            MemberKind::Layer(l) => l.rule().n_ids(),
        }
    }

    /// True if Keras counts the member as a layer; operations are not counted.
    pub fn is_layer(&self) -> bool {
        match &self.kind {
            MemberKind::Input(_) => true,
            MemberKind::Layer(l) => !l.rule().is_operation(),
        }
    }
}

/// Graph of the layers of a model.
///
/// # Source
/// keras/src/models/functional.py and keras/src/ops/function.py, Keras 3.15.1.
#[derive(Clone, Debug)]
pub struct Functional {
    /// Inputs and layers in Keras's order: by depth, then in the order in which the outputs reach
    /// them.
    pub members: Vec<Member>,
    /// Calls in the order in which Keras runs them: member, call.
    pub order: Vec<(usize, usize)>,
    /// Structure of the inputs.
    pub inputs: Nest,
    /// Structure of the outputs.
    pub outputs: Nest,
    /// Types and dims of the outputs, flattened.
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
        let mut done: Vec<Vec<Option<Vec<Output>>>> = Vec::new();
        for d in &drafts {
            let outputs = match &d.kind {
                MemberKind::Input(i) => {
                    vec![Some(vec![Output { spec: i.spec(), mask: None }])]
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
                    let masks = call.try_map(|t| output(t).map(|o| o.mask.clone()))?;
                    if !built[m] {
                        members[m].tree = layer.weight_tree(&specs)?;
                        built[m] = true;
                    }
                    done[m][c] = Some(infer_with(&layer, &members[m].tree, &specs, &masks)?);
                    for (argument, hint) in specs.unread() {
                        log::warn!(
                            "{} `{}`: the argument `{argument}` of its call has no effect{hint}",
                            layer.class(),
                            members[m].name
                        );
                    }
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

    /// Returns the members that Keras counts as layers, with their groups in a weights file:
    /// `lstm`, `lstm_1`, …
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
    pub(crate) fn tree(&self, with_inputs: bool) -> WeightTree {
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
    pub(super) fn inputs_by_name<'g>(&self, call: &Call<Flow<'g>>) -> Option<Vec<Flow<'g>>> {
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
        let none = Weights::bind(&WeightTree::none(), &[]);
        for (m, c) in &self.order {
            let MemberKind::Layer(layer) = &self.members[*m].kind else { continue };
            let call = self.members[*m].calls[*c].map(|t| values[t.member][t.call][t.output]);
            let call = layer.with_values(cx, call)?;
            let own = groups.get(m).map_or(&none, |g| w.child(&format!("layers/{g}")));
            values[*m][*c] = layer.lower(cx, own, &call)?;
            let marks = call.kwarg("mask").map(Arg::flatten_all).unwrap_or_default();
            for ((i, t), mask) in self.members[*m].calls[*c].inputs().iter().enumerate().zip(marks)
            {
                let given = &mut values[t.member][t.call][t.output];
                if let Some(mask) = mask.filter(|_| layer.rule().leaves_mask_on(i, &given.spec())) {
                    given.mask = Some(mask.value);
                }
            }
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
