//! The members of a class, made with the settings of a config.

use super::expression::Settings;
use super::tables::{CallTable, ClassTable, MemberTable};
use crate::config::{DTypePolicy, did_you_mean, short, snake_case};
use crate::initializers::{GlorotUniform, Initializer, Zeros};
use crate::lowering::{LayerRef, Registry, WeightSpec};
use crate::ops::Operation;
use crate::{Error, Result};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// The most layers that `repeat` makes.
const MAX_REPEAT: usize = 512;

/// What a member is.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Layer(LayerRef),
    Weight(Box<WeightSpec>),
    /// The positions along an axis of its argument.
    Positions(isize),
}

#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Its group in weights files, and that in files of another version.
    pub(super) path: String,
    pub(super) older_path: Option<String>,
}

/// A call before its values are found.
pub(super) struct Draft {
    pub(super) member: usize,
    pub(super) name: String,
    pub(super) inputs: Value,
    pub(super) kwargs: Map<String, Value>,
    /// The layer is called on what this draft gives, in place of its first input.
    pub(super) after: Option<usize>,
}

/// Where the members of a class come from.
pub(super) struct Source<'a> {
    pub(super) table: &'a ClassTable,
    pub(super) settings: Settings<'a>,
    pub(super) dtype: &'a Value,
    pub(super) registry: &'a Registry,
}

impl Source<'_> {
    /// Makes a member, or several where it repeats, and drafts its calls.
    pub(super) fn make(
        &self,
        table: &MemberTable,
        members: &mut Vec<Member>,
        drafts: &mut Vec<Draft>,
        last: &mut HashMap<String, usize>,
    ) -> Result<()> {
        if table.name.is_empty() {
            return Err(Error::Config("a member needs a `name`".into()));
        }
        let calls = calls_of(table)?;
        let n = match &table.repeat {
            None => 1,
            Some(n) => {
                let n = self.settings.replace(n)?;
                let number = n.as_u64().filter(|n| (1..=MAX_REPEAT as u64).contains(n));
                number.ok_or_else(|| {
                    let rule = format!("`repeat` is a number from 1 to {MAX_REPEAT}");
                    Error::Config(format!("{rule}. Received: {}", short(&n)))
                })? as usize
            }
        };
        if table.repeat.is_some() && (calls.len() != 1 || table.class.is_none()) {
            let rule = "`repeat` is for a layer with one call";
            return Err(Error::Config(rule.into()));
        }
        for i in 0..n {
            let name = match table.repeat {
                Some(_) => format!("{}_{i}", table.name),
                None => table.name.clone(),
            };
            let path = |k: usize| {
                let given = table.path.0.get(k).or((k == 0).then_some(&table.name))?;
                // Keras numbers the layers of a list by their class.
                Some(if i == 0 { given.clone() } else { format!("{given}_{i}") })
            };
            members.push(Member {
                kind: self.kind(table, &name)?,
                path: path(0).unwrap_or_default(),
                older_path: path(1),
                name: name.clone(),
            });
            for (k, call) in calls.iter().enumerate() {
                let own = (k == 0).then(|| name.clone());
                let named = call.name.clone().or(own).ok_or_else(|| {
                    Error::Config("each call after the first needs a `name`".into())
                })?;
                drafts.push(Draft {
                    member: members.len() - 1,
                    name: named,
                    inputs: call.inputs.clone(),
                    kwargs: call.kwargs.clone(),
                    after: (i > 0).then(|| drafts.len() - 1),
                });
            }
        }
        if table.repeat.is_some() {
            last.insert(table.name.clone(), drafts.len() - 1);
        }
        Ok(())
    }

    fn kind(&self, table: &MemberTable, name: &str) -> Result<Kind> {
        let config = self.settings.replace(&Value::Object(table.config.clone()))?;
        match (&table.class, &table.operation, &table.weight, &table.positions) {
            (Some(class), None, None, None) => {
                let config = self.objects(config);
                let layer = self.registry.member(class, config)?;
                Ok(Kind::Layer(layer.name(name)))
            }
            (None, Some(operation), None, None) => {
                let class = Operation::classes()
                    .find(|c| c == operation || snake_case(c) == *operation)
                    .ok_or_else(|| {
                        let all: Vec<String> = Operation::classes().map(snake_case).collect();
                        let hint = did_you_mean(operation, all.iter().map(String::as_str));
                        Error::Unsupported(format!("no operation is called `{operation}`{hint}"))
                    })?;
                Ok(Kind::Layer(LayerRef::new(Operation::new(class, config)?).name(name)))
            }
            (None, None, Some(shape), None) => {
                let dims = self.settings.replace(&Value::Array(shape.clone()))?;
                let dim = |v: &Value| v.as_u64().map(|n| n as usize);
                let dims = dims.as_array().into_iter().flatten().map(dim);
                let dims = dims.collect::<Option<Vec<usize>>>().ok_or_else(|| {
                    Error::Config("`weight` is a shape, a list of whole numbers".into())
                })?;
                let initializer = match &table.initializer {
                    Some(v) => {
                        let v = self.objects(self.settings.replace(v)?);
                        self.registry.classes().scope(|| Initializer::from_json(&v))?
                    }
                    None if dims.len() < 2 => Zeros {}.into(),
                    None => GlorotUniform::default().into(),
                };
                let spec = WeightSpec::new(name.to_string(), &dims, &initializer);
                let fixed = table.trainable == Some(false);
                Ok(Kind::Weight(Box::new(if fixed { spec.fixed() } else { spec })))
            }
            (None, None, None, Some(_)) => Ok(Kind::Positions(table.axis.unwrap_or(1))),
            _ => Err(Error::Config(
                "a member has one of `class`, `operation`, `weight` and `positions`".into(),
            )),
        }
    }

    /// Tables with a `class` as Keras writes objects; layers take the dtype of the class.
    fn objects(&self, v: Value) -> Value {
        match v {
            Value::Array(items) => items.into_iter().map(|i| self.objects(i)).collect(),
            Value::Object(mut map) => {
                let class = map.remove("class");
                let rest = match (map.remove("config"), map.is_empty()) {
                    (Some(config), true) => config,
                    (config, _) => {
                        map.extend(config.map(|c| ("config".to_string(), c)));
                        Value::Object(map)
                    }
                };
                let Value::Object(rest) = rest else { return rest };
                let rest: Map<String, Value> =
                    rest.into_iter().map(|(k, i)| (k, self.objects(i))).collect();
                match class {
                    Some(class) => {
                        let name = class.as_str().unwrap_or("");
                        let config = if self.registry.is_layer(name) {
                            self.with_dtype(Value::Object(rest))
                        } else {
                            Value::Object(rest)
                        };
                        let module = self.registry.is_layer(name).then_some("keras.layers");
                        json!({"module": module, "class_name": class, "config": config})
                    }
                    None => Value::Object(rest),
                }
            }
            other => other,
        }
    }

    fn with_dtype(&self, mut config: Value) -> Value {
        let plain = DTypePolicy::from_json(self.dtype).is_ok_and(|p| p == DTypePolicy::default());
        if !plain && config.get("dtype").is_none() {
            config["dtype"] = self.dtype.clone();
        }
        config
    }
}

/// The calls of a member: a list, or one beside its settings.
fn calls_of(table: &MemberTable) -> Result<Vec<CallTable>> {
    let beside = table.inputs.is_some() || !table.kwargs.is_empty();
    if !table.calls.is_empty() && beside {
        return Err(Error::Config("give `inputs` and `kwargs`, or `calls`; not both".into()));
    }
    Ok(match &table.positions {
        Some(of) => vec![CallTable { inputs: json!(of), ..CallTable::default() }],
        None if table.calls.is_empty() => vec![CallTable {
            name: None,
            inputs: table.inputs.clone().unwrap_or_default(),
            kwargs: table.kwargs.clone(),
        }],
        None => table.calls.clone(),
    })
}

/// The error with where it stands.
pub(super) fn within(e: Error, place: &str) -> Error {
    match e {
        Error::Config(m) => Error::Config(format!("{place}: {m}")),
        Error::Unsupported(m) => Error::Unsupported(format!("{place}: {m}")),
        Error::Argument { who, rule, received } => {
            let who = if who.is_empty() { place.to_string() } else { format!("{place}: {who}") };
            Error::Argument { who, rule, received }
        }
        other => other,
    }
}
