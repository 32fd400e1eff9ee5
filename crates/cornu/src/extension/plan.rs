//! The graph of a class: its members and their calls in order.

use super::expression::is_expression;
use super::members::{Draft, Kind, Member, Source, within};
use crate::config::did_you_mean;
use crate::lowering::{Arg, Call, LayerRef};
use crate::{Error, Result};
use serde_json::Value;
use std::collections::HashMap;

/// A value of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ref {
    /// An input by number.
    Input(usize),
    /// An output of a step.
    Step { step: usize, output: usize },
}

/// One call of a member.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) member: usize,
    pub(super) call: Call<Ref>,
}

/// The members of a class and their calls, each after those whose values it takes.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) members: Vec<Member>,
    pub(super) steps: Vec<Step>,
    pub(super) outputs: Vec<Ref>,
    /// The value that masks the outputs.
    pub(super) mask: Option<Ref>,
}

impl Source<'_> {
    /// Makes the members and orders the calls.
    ///
    /// # Errors
    /// Members that cannot be made, names that nothing has, calls that wait for each other; each
    /// with the member.
    pub(super) fn plan(&self) -> Result<Plan> {
        let (mut members, mut drafts, mut last) = (Vec::new(), Vec::new(), HashMap::new());
        for table in &self.table.members {
            let here = |e: Error| within(e, &format!("member `{}`", table.name));
            self.make(table, &mut members, &mut drafts, &mut last).map_err(here)?;
        }
        let mut names: HashMap<String, usize> = HashMap::new();
        for (i, draft) in drafts.iter().enumerate() {
            let taken = self.table.inputs.0.contains(&draft.name);
            if taken || names.insert(draft.name.clone(), i).is_some() {
                let name = &draft.name;
                return Err(Error::Config(format!("the name `{name}` is used twice")));
            }
        }
        names.extend(last);
        let order = self.order(&drafts, &names)?;
        let mut step_of = vec![0; drafts.len()];
        order.iter().enumerate().for_each(|(at, draft)| step_of[*draft] = at);
        let value = |name: &str| self.find(name, &names, &step_of);
        let mut steps = Vec::new();
        for draft in order.iter().map(|i| &drafts[*i]) {
            let here = |e: Error| within(e, &format!("call `{}`", draft.name));
            let before = draft.after.map(|i| Ref::Step { step: step_of[i], output: 0 });
            let layer = match &members[draft.member].kind {
                Kind::Layer(layer) => Some(layer),
                _ => None,
            };
            let call = self.call(draft, before, layer, &value).map_err(here)?;
            steps.push(Step { member: draft.member, call });
        }
        let outputs = self.table.outputs.0.iter();
        let outputs: Vec<Ref> = outputs.map(|name| value(name)).collect::<Result<_>>()?;
        if outputs.is_empty() {
            return Err(Error::Config("`outputs` names no value".into()));
        }
        let mask = self.table.mask.as_deref().filter(|m| *m != "pass").map(value).transpose()?;
        let plan = Plan { members, steps, outputs, mask };
        plan.check_all_used()?;
        Ok(plan)
    }

    /// The drafts in an order in which each finds its values.
    fn order(&self, drafts: &[Draft], names: &HashMap<String, usize>) -> Result<Vec<usize>> {
        let needs: Vec<Vec<usize>> = drafts
            .iter()
            .map(|d| {
                let mut needs: Vec<usize> = d.after.into_iter().collect();
                let mut note = |name: &str| needs.extend(names.get(base(name)).copied());
                each_text(&d.inputs, &mut note);
                d.kwargs.values().for_each(|v| each_text(v, &mut note));
                needs
            })
            .collect();
        let (mut done, mut order) = (vec![false; drafts.len()], Vec::new());
        while order.len() < drafts.len() {
            let ready = (0..drafts.len()).find(|i| !done[*i] && needs[*i].iter().all(|n| done[*n]));
            let Some(i) = ready else {
                let waiting = (0..drafts.len()).filter(|i| !done[*i]);
                let waiting: Vec<&str> = waiting.map(|i| drafts[i].name.as_str()).collect();
                return Err(Error::Config(format!(
                    "the calls wait for each other's values, a cycle: {}",
                    waiting.join(", ")
                )));
            };
            done[i] = true;
            order.push(i);
        }
        Ok(order)
    }

    /// A value by name: an input, a call, or `name:1` for the second output of a call.
    fn find(&self, name: &str, names: &HashMap<String, usize>, step_of: &[usize]) -> Result<Ref> {
        if let Some(i) = self.table.inputs.0.iter().position(|n| n == name) {
            return Ok(Ref::Input(i));
        }
        let output = name.rsplit_once(':').map_or(Some(0), |(_, k)| k.parse().ok());
        match (names.get(base(name)), output) {
            (Some(draft), Some(output)) => Ok(Ref::Step { step: step_of[*draft], output }),
            _ => {
                let known = self.table.inputs.0.iter().chain(names.keys());
                let mut known: Vec<&str> = known.map(String::as_str).collect();
                known.sort_unstable();
                let hint = did_you_mean(name, known.iter().copied());
                let known = known.join(", ");
                Err(Error::Config(format!("no value is called `{name}`{hint}; there are {known}")))
            }
        }
    }

    fn call(
        &self,
        draft: &Draft,
        before: Option<Ref>,
        layer: Option<&LayerRef>,
        value: &dyn Fn(&str) -> Result<Ref>,
    ) -> Result<Call<Ref>> {
        let mut args = match &draft.inputs {
            Value::Null => vec![],
            Value::Array(items) => {
                items.iter().map(|v| self.arg(v, value)).collect::<Result<Vec<_>>>()?
            }
            one => vec![self.arg(one, value)?],
        };
        if let (Some(before), Some(first)) = (before, args.first_mut()) {
            match first {
                Arg::List(items) if !items.is_empty() => items[0] = Arg::Value(before),
                first => *first = Arg::Value(before),
            }
        }
        let takes_list = layer.is_some_and(|l| takes_a_list(l.class()) && !l.rule().is_operation());
        if takes_list && args.len() > 1 && args.iter().all(|a| matches!(a, Arg::Value(_))) {
            args = vec![Arg::List(args)];
        }
        let kwargs = draft.kwargs.iter().map(|(k, v)| Ok((k.clone(), self.arg(v, value)?)));
        Ok(Call::new(args, kwargs.collect::<Result<_>>()?))
    }

    fn arg(&self, v: &Value, value: &dyn Fn(&str) -> Result<Ref>) -> Result<Arg<Ref>> {
        Ok(match v {
            Value::String(text) if is_expression(text) => Arg::Json(self.settings.value(text)?),
            Value::String(name) => Arg::Value(value(name)?),
            Value::Array(items) if items.iter().any(holds_text) => {
                Arg::List(items.iter().map(|i| self.arg(i, value)).collect::<Result<_>>()?)
            }
            other => Arg::Json(other.clone()),
        })
    }
}

impl Plan {
    /// Fails for a member that no output depends on.
    fn check_all_used(&self) -> Result<()> {
        let mut used = vec![false; self.steps.len()];
        let mut open: Vec<Ref> = self.outputs.iter().chain(&self.mask).copied().collect();
        while let Some(value) = open.pop() {
            let Ref::Step { step, .. } = value else { continue };
            if !std::mem::replace(&mut used[step], true) {
                open.extend(self.steps[step].call.values());
            }
        }
        let idle = |m: &usize| !self.steps.iter().zip(&used).any(|(s, u)| s.member == *m && *u);
        match (0..self.members.len()).find(idle) {
            None => Ok(()),
            Some(m) => Err(Error::Config(format!(
                "member `{}`: no output depends on it; give it `inputs` and use its value, or \
                 leave it out",
                self.members[m].name
            ))),
        }
    }
}

/// Layers whose first argument is a list of values.
fn takes_a_list(class: &str) -> bool {
    [
        "Add",
        "Subtract",
        "Multiply",
        "Average",
        "Maximum",
        "Minimum",
        "Concatenate",
        "Dot",
        "Attention",
        "AdditiveAttention",
    ]
    .contains(&class)
}

/// The name of a call without the number of its output.
fn base(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(base, _)| base)
}

fn holds_text(v: &Value) -> bool {
    match v {
        Value::String(_) => true,
        Value::Array(items) => items.iter().any(holds_text),
        _ => false,
    }
}

fn each_text<'v>(v: &'v Value, f: &mut impl FnMut(&'v str)) {
    match v {
        Value::String(text) => f(text),
        Value::Array(items) => items.iter().for_each(|i| each_text(i, f)),
        _ => {}
    }
}
