//! How a layer of an author's own class runs: its calls one after the other.

use super::layer::ExtensionLayer;
use super::members::{Kind, within};
use super::plan::{Plan, Ref, Step};
use super::values::Values;
use crate::architecture::infer_with;
use crate::lowering::{
    Arg, Call, Cx, Flow, Layer, LayerRef, MaskRule, RaggedForm, WeightTree, Weights,
};
use crate::{Error, Result};
use cornu_ir::ops::Iota;
use cornu_ir::{DType, Dim, Spec};
use serde_json::Value;

impl ExtensionLayer {
    /// The argument of each input; `None` for one that the call leaves out.
    ///
    /// # Errors
    /// More arguments than inputs; an input without one, but for masks.
    fn bound<V: Clone>(&self, call: &Call<V>) -> Result<Vec<Option<Arg<V>>>> {
        let names = self.inputs();
        let is_mask = |name: &str| name == "mask" || name.ends_with("_mask");
        let n_values = names.iter().filter(|n| !is_mask(n)).count();
        let args: Vec<Arg<V>> = match &call.args[..] {
            [Arg::List(items)] if n_values > 1 && items.len() == n_values => items.clone(),
            args => args.to_vec(),
        };
        if args.len() > names.len() {
            let rule = format!("expected at most {} arguments ({})", names.len(), names.join(", "));
            return Err(Error::argument("", rule, args.len()));
        }
        let null = |a: &Arg<V>| matches!(a, Arg::Json(Value::Null));
        let one = |(i, name): (usize, &String)| {
            let given = args.get(i).or_else(|| call.kwarg(name)).filter(|a| !null(a)).cloned();
            if given.is_none() && !is_mask(name) {
                let rule = format!("the argument `{name}` is missing");
                return Err(Error::argument("", rule, format!("{} arguments", args.len())));
            }
            Ok(given)
        };
        names.iter().enumerate().map(one).collect()
    }

    /// Runs the steps. `run` gives the values of one; a call of an operation on a value that is
    /// absent is absent, too.
    fn walk<V: Copy>(
        &self,
        plan: &Plan,
        inputs: Vec<Option<V>>,
        run: &mut dyn FnMut(usize, &Step, &Call<V>, &mut Values<V>) -> Result<Vec<V>>,
    ) -> Result<Values<V>> {
        let mut values = Values { inputs, steps: vec![None; plan.steps.len()] };
        for (i, step) in plan.steps.iter().enumerate() {
            let member = &plan.members[step.member];
            let here = |e: Error| within(e, &format!("{} member `{}`", self.class, member.name));
            let Some(call) = values.call(&step.call).map_err(here)? else { continue };
            let outputs = run(i, step, &call, &mut values).map_err(here)?;
            if let Some((name, hint)) = call.unread().into_iter().next() {
                let rule = format!("the call has no argument of this name{hint}");
                return Err(here(Error::argument("", rule, format!("`{name}`"))));
            }
            values.steps[i] = Some(outputs);
        }
        Ok(values)
    }
}

/// One value of an argument.
fn single<V>(arg: Option<Arg<V>>) -> Result<Option<V>> {
    match arg {
        None => Ok(None),
        Some(Arg::Value(v)) => Ok(Some(v)),
        Some(_) => Err(Error::argument("", "each argument is one value", "a list or a constant")),
    }
}

impl Layer for ExtensionLayer {
    fn class(&self) -> &str {
        &self.class
    }

    fn config(&self) -> Value {
        Value::Object(self.config.clone())
    }

    fn module(&self) -> &str {
        &self.module
    }

    fn registered_name(&self) -> Option<&str> {
        self.registered.as_deref()
    }

    fn common_keys(&self) -> &'static [&'static str] {
        self.common
    }

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        let arguments = self.bound(call)?;
        let names = self.inputs();
        let shapes: Vec<(String, Vec<Dim>)> = names
            .iter()
            .zip(&arguments)
            .filter_map(|(name, arg)| match arg {
                Some(Arg::Value(spec)) => Some((name.clone(), spec.dims.clone())),
                _ => None,
            })
            .collect();
        let plan = self.plan_for(&shapes)?;
        // Masks change no shape: one that may come is taken as given, so that what reads it is
        // built.
        let time =
            |dims: &[Dim]| Spec::new(DType::Bool, dims.iter().copied().take(2).collect::<Vec<_>>());
        let mask_of = |name: &str| {
            let of = name.strip_suffix("_mask");
            let found = shapes.iter().find(|(n, _)| of.is_none_or(|of| of == n));
            found.map(|(_, dims)| time(dims))
        };
        let mut specs: Vec<Spec> = Vec::new();
        let mut inputs = Vec::new();
        for (name, arg) in names.iter().zip(arguments) {
            let spec = match arg {
                Some(Arg::Value(spec)) => Some(spec),
                Some(_) => single(arg)?,
                None => mask_of(name),
            };
            inputs.push(spec.map(|s| {
                specs.push(s);
                specs.len() - 1
            }));
        }
        let mut trees: Vec<Option<WeightTree>> = vec![None; plan.members.len()];
        self.walk(plan, inputs, &mut |_, step, call, _| {
            let outputs: Vec<Spec> = match &plan.members[step.member].kind {
                Kind::Weight(spec) => vec![Spec::known(spec.dtype(), &spec.shape)],
                Kind::Positions(axis) => {
                    vec![Spec::new(DType::I32, vec![along(&specs[*call.input()?], *axis)?])]
                }
                Kind::Layer(layer) => {
                    let call = call.map(|i| specs[*i].clone());
                    let tree = match &mut trees[step.member] {
                        Some(tree) => tree,
                        none => none.insert(layer.weight_tree(&call)?),
                    };
                    let found = infer_with(layer, tree, &call, &call.map(|_| None))?;
                    found.into_iter().map(|o| o.spec).collect()
                }
            };
            Ok(outputs
                .into_iter()
                .map(|s| {
                    specs.push(s);
                    specs.len() - 1
                })
                .collect())
        })?;
        let mut vars: Vec<_> = Vec::new();
        let mut children = Vec::new();
        for (member, tree) in plan.members.iter().zip(trees) {
            match (&member.kind, tree) {
                (Kind::Weight(spec), _) => vars.push((**spec).clone()),
                (Kind::Layer(layer), Some(tree)) if !layer.rule().is_operation() => {
                    let older_group = member.older_path.clone();
                    children.push((member.path.clone(), WeightTree { older_group, ..tree }));
                }
                _ => {}
            }
        }
        // Keras's files hold the trainable ones first.
        vars.sort_by_key(|w| !w.trainable);
        Ok(WeightTree { vars, children, needs_all: true, ..WeightTree::default() })
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        w: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let plan = self.plan()?;
        let none = Weights::bind(&WeightTree::none(), &[]);
        let names = self.inputs();
        let bound = self.bound(call)?.into_iter().map(single).collect::<Result<Vec<_>>>()?;
        let first_mask = call.kwarg_value("mask").map(|m| m.value);
        let first_mask = first_mask.or_else(|| bound.first().copied().flatten()?.mask);
        let mask_of = |name: &str| match name.strip_suffix("_mask") {
            Some(of) => bound[names.iter().position(|n| n == of)?]?.mask,
            None => first_mask,
        };
        let carried = |(i, name): (usize, &String)| match bound[i] {
            None => mask_of(name).map(Flow::new),
            given => given,
        };
        let inputs: Vec<Option<Flow<'g>>> = names.iter().enumerate().map(carried).collect();
        let values = self.walk(plan, inputs, &mut |_, step, call, values| {
            let member = &plan.members[step.member];
            Ok(match &member.kind {
                Kind::Weight(_) => vec![Flow::new(w.var(&member.name))],
                Kind::Positions(axis) => {
                    let dims = vec![along(&call.input()?.spec(), *axis)?];
                    let iota = Iota { dtype: DType::I32, dims, axis: 0 };
                    vec![Flow::new(cx.builder.apply1(iota, &[]))]
                }
                Kind::Layer(layer) => {
                    let own = match layer.rule().is_operation() {
                        true => &none,
                        false => w.child(&member.path),
                    };
                    let outputs = layer.lower(cx, own, call)?;
                    if layer.rule().takes_masks_off() {
                        values.take_masks_off(&step.call);
                    }
                    outputs
                }
            })
        })?;
        let mask = match (plan.mask, self.passes_mask()) {
            (Some(at), _) => values.get(at)?.map(|f| f.value),
            (None, true) => first_mask,
            (None, false) => None,
        };
        let mut outputs = Vec::new();
        for at in &plan.outputs {
            let missing = || Error::Config("an output needs a mask that the call lacks".into());
            outputs.push(values.get(*at)?.ok_or_else(missing)?);
        }
        if mask.is_some() && !outputs.iter().all(|o| o.mask.is_some()) {
            outputs.iter_mut().for_each(|o| o.mask = o.mask.or(mask));
        }
        Ok(outputs)
    }

    fn mask_rule(&self) -> MaskRule {
        MaskRule::Own
    }

    fn takes_masks_off(&self) -> bool {
        let Some(plan) = self.plan.get() else { return false };
        plan.steps.iter().any(|step| match &plan.members[step.member].kind {
            Kind::Layer(layer) if layer.rule().takes_masks_off() => {
                step.call.values().iter().any(|r| matches!(r, Ref::Input(_)))
            }
            _ => false,
        })
    }

    fn ragged_form(&self) -> RaggedForm {
        RaggedForm::Padded
    }

    fn tells_ends(&self) -> bool {
        true
    }

    fn n_ids(&self) -> Option<usize> {
        let plan = self.plan.get()?;
        plan.steps.iter().find_map(|step| match &plan.members[step.member].kind {
            Kind::Layer(layer) if step.call.args == [Arg::Value(Ref::Input(0))] => {
                layer.rule().n_ids()
            }
            _ => None,
        })
    }

    fn counts_over_batch(&self) -> bool {
        self.contained().iter().any(|l| l.rule().counts_over_batch())
    }

    fn contained(&self) -> Vec<&LayerRef> {
        let members = self.plan.get().into_iter().flat_map(|plan| &plan.members);
        members
            .filter_map(|m| match &m.kind {
                Kind::Layer(layer) => Some(layer),
                _ => None,
            })
            .collect()
    }
}

/// The dim of an axis.
fn along(spec: &Spec, axis: isize) -> Result<Dim> {
    let at = cornu_ir::builder::axis_of(axis, spec.rank());
    spec.dims.get(at).copied().ok_or_else(|| {
        let rule = format!("`positions` needs an input with axis {axis}");
        Error::shapes(rule, std::slice::from_ref(spec))
    })
}
