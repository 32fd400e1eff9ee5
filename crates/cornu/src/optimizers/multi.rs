//! MultiOptimizer: several optimizers, each for some of the weights.

use super::pattern::Pattern;
use super::state::first;
use super::{Initial, Optimizer, Scope, StateSpec, Update, VarInfo};
use crate::config::{object, parts};
use crate::{Error, Result};
use cornu_ir::{DType, ShapeError, Var};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};
use std::ops::Range;

/// Map from weights to optimizers: by the weight's path, by a regular expression that matches the
/// whole path, or by default.
///
/// Source: keras/src/optimizers/multi_optimizer.py, Keras 3.15.1. Differs: expressions have no
/// look-around, and their classes (`\w`, `\d`) are of ASCII.
#[derive(Clone, Debug, PartialEq)]
pub struct OptimizerMap {
    /// Optimizer of the weights that no entry matches.
    pub default_optimizer: Box<Optimizer>,
    /// Paths or regular expressions, with their optimizers. Two expressions that match the same
    /// path are an error.
    pub optimizer_map: Vec<(String, Optimizer)>,
}

impl OptimizerMap {
    /// Returns a map with one optimizer for all weights.
    pub fn new(default: impl Into<Optimizer>) -> Self {
        Self { default_optimizer: Box::new(default.into()), optimizer_map: Vec::new() }
    }

    /// Adds an optimizer for the weights of a path or an expression.
    pub fn with(mut self, path: impl Into<String>, optimizer: impl Into<Optimizer>) -> Self {
        self.optimizer_map.push((path.into(), optimizer.into()));
        self
    }

    /// Which optimizer moves a weight; the default is the last.
    fn number(&self, expressions: &[Pattern], path: &str) -> Result<usize> {
        if let Some(i) = self.optimizer_map.iter().position(|(key, _)| key == path) {
            return Ok(i);
        }
        let mut found = (0..expressions.len()).filter(|i| expressions[*i].is_match(path));
        match (found.next(), found.next()) {
            (None, _) => Ok(self.optimizer_map.len()),
            (Some(i), None) => Ok(i),
            (Some(i), Some(j)) => {
                let received = format!(
                    "`{}` and `{}` match `{path}`",
                    self.optimizer_map[i].0, self.optimizer_map[j].0
                );
                Err(Error::argument(
                    "OptimizerMap",
                    "at most one expression may match a weight's path; write the expressions \
                        narrower",
                    received,
                ))
            }
        }
    }

    fn expressions(&self) -> Result<Vec<Pattern>> {
        let rule = "each key must be a path or a regular expression without look-around";
        let whole = |(key, _): &(String, Optimizer)| {
            Pattern::new("OptimizerMap", rule, &format!("^(?:{key})$"))
        };
        self.optimizer_map.iter().map(whole).collect()
    }
}

/// Several optimizers in one: each weight is updated by the optimizer that the map gives for its
/// path. Each optimizer has its own learning rate, step count and variables, and clips the norms of
/// its own weights.
///
/// There is no single learning rate: callbacks read and set the rate of each inner optimizer.
///
/// Source: keras/src/optimizers/multi_optimizer.py, Keras 3.15.1.
///
/// ```
/// use cornu::optimizers::{Adam, MultiOptimizer, Optimizer, OptimizerMap, Sgd};
/// let map = OptimizerMap::new(Sgd::default().momentum(0.9)).with("encoder/.*", Adam::default());
/// let both = Optimizer::from(MultiOptimizer::new(map));
/// let map = &both.to_json()["config"]["optimizer_map"]["config"]["optimizer_map"];
/// assert_eq!(map["encoder/.*"]["class_name"], "Adam");
/// // Its own count and rate, then those of Adam and of SGD, which have no weights here.
/// assert_eq!(both.state(&[]).len(), 6);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct MultiOptimizer {
    /// Name of the optimizer.
    pub name: String,
    /// Map from weights to optimizers.
    pub optimizer_map: OptimizerMap,
    /// Fixed loss scale, for all inner optimizers.
    pub loss_scale_factor: Option<f64>,
}

/// Its own variables: iteration, and a learning rate that nothing reads. Those of the optimizers
/// within follow.
const OWN: usize = 2;

/// One of the optimizers within.
pub(super) struct Part<'a> {
    pub optimizer: &'a Optimizer,
    /// The weights that it moves.
    pub weights: Vec<usize>,
    pub vars: Vec<VarInfo>,
    /// Where its variables stand.
    pub places: Range<usize>,
}

impl Part<'_> {
    fn of<'g>(&self, all: &[Var<'g>]) -> Vec<Var<'g>> {
        self.weights.iter().map(|i| all[*i]).collect()
    }

    /// Its variables. Of one without weights Keras makes those alone that need none.
    fn specs(&self, scope: Scope<'_>) -> Vec<StateSpec> {
        if self.weights.is_empty() {
            self.optimizer.learning_rate().map(first).unwrap_or_default()
        } else {
            self.optimizer.state_in(scope.of(&self.vars))
        }
    }
}

impl MultiOptimizer {
    /// Returns a MultiOptimizer of a map, with Keras's defaults.
    pub fn new(map: OptimizerMap) -> Self {
        Self { name: "multi_optimizer".into(), optimizer_map: map, loss_scale_factor: None }
            .settled()
    }

    /// Sets the fixed loss scale.
    pub fn loss_scale_factor(mut self, factor: f64) -> Self {
        self.loss_scale_factor = Some(factor);
        self.settled()
    }

    /// The factor of the loss handed to those within.
    pub(super) fn settled(mut self) -> Self {
        let factor = self.loss_scale_factor;
        self.each_mut().for_each(|o| *o = o.clone().with_loss_scale_factor(factor));
        self
    }

    /// Those within in Keras's order: the map's, then the default.
    fn each(&self) -> impl Iterator<Item = &Optimizer> {
        self.optimizer_map
            .optimizer_map
            .iter()
            .map(|(_, o)| o)
            .chain([&*self.optimizer_map.default_optimizer])
    }

    fn each_mut(&mut self) -> impl Iterator<Item = &mut Optimizer> {
        self.optimizer_map
            .optimizer_map
            .iter_mut()
            .map(|(_, o)| o)
            .chain([&mut *self.optimizer_map.default_optimizer])
    }

    pub(super) fn check(&self, vars: &[VarInfo]) -> Result<()> {
        let keys = &self.optimizer_map.optimizer_map;
        if let Some(i) =
            (1..keys.len()).find(|i| keys[..*i].iter().any(|(key, _)| *key == keys[*i].0))
        {
            return Err(Error::argument("OptimizerMap", "each key may stand once", &keys[i].0));
        }
        for inner in self.each() {
            if !matches!(inner, Optimizer::Rule(_)) {
                return Err(Error::argument(
                    "OptimizerMap",
                    "an optimizer within must move weights itself; wrap the MultiOptimizer",
                    inner.class(),
                ));
            }
            if let Optimizer::Rule(rule) = inner
                && rule.settings().loss_scale_factor != self.loss_scale_factor
            {
                let rule = "an optimizer within must take the loss_scale_factor of the \
                    MultiOptimizer: implement UpdateRule::with_loss_scale_factor";
                return Err(Error::argument("MultiOptimizer", rule, inner.class()));
            }
            inner.check(&[])?;
        }
        self.assigned(vars).map(drop)
    }

    /// For each weight which of those within moves it.
    fn assigned(&self, vars: &[VarInfo]) -> Result<Vec<usize>> {
        let expressions = self.optimizer_map.expressions()?;
        vars.iter().map(|v| self.optimizer_map.number(&expressions, &v.path)).collect()
    }

    /// Those within, with their weights and variables.
    pub(super) fn parts(&self, scope: Scope<'_>) -> Result<Vec<Part<'_>>> {
        let assigned = self.assigned(scope.vars)?;
        let mut end = OWN;
        let part = |(i, optimizer)| {
            let weights: Vec<usize> = (0..assigned.len()).filter(|w| assigned[*w] == i).collect();
            let vars = weights.iter().map(|w| scope.vars[*w].clone()).collect();
            let mut part = Part { optimizer, weights, vars, places: 0..0 };
            part.places = end..end + part.specs(scope).len();
            end = part.places.end;
            part
        };
        Ok(self.each().enumerate().map(part).collect())
    }

    pub(super) fn state(&self, scope: Scope<'_>) -> Vec<StateSpec> {
        let mut specs = vec![
            StateSpec::scalar("iteration", DType::I32, Initial::Zeros),
            StateSpec::scalar("learning_rate", DType::F32, Initial::Zeros),
        ];
        for part in self.parts(scope).unwrap_or_default() {
            let at = |initial| match initial {
                Initial::CopyOf(i) => Initial::CopyOf(part.weights[i]),
                other => other,
            };
            specs.extend(
                part.specs(scope).into_iter().map(|s| StateSpec { initial: at(s.initial), ..s }),
            );
        }
        specs
    }

    pub(super) fn update<'g>(
        &self,
        scope: Scope<'_>,
        params: &[Var<'g>],
        gradients: &[Var<'g>],
        state: &[Var<'g>],
    ) -> Update<'g> {
        let mut next = Update { params: params.to_vec(), state: state.to_vec() };
        let Some(iteration) = state.first() else { return next };
        let counts = params.len() == scope.vars.len()
            && gradients.len() == params.len()
            && state.len() == self.state(scope).len();
        let parts = match self.parts(scope) {
            Ok(parts) if counts => parts,
            found => {
                let rule = found.err().map_or_else(
                    || {
                        "one weight, one gradient for each variable and the whole state are needed"
                            .into()
                    },
                    |e| e.to_string(),
                );
                let received = format!(
                    "{} weights, {} gradients, {} values of state",
                    params.len(),
                    gradients.len(),
                    state.len()
                );
                iteration.builder().fail(ShapeError { op: "optimizer".into(), rule, received });
                return next;
            }
        };
        for part in parts.iter().filter(|p| !p.weights.is_empty()) {
            let own = &state[part.places.clone()];
            let moved = part.optimizer.update_in(
                scope.of(&part.vars),
                &part.of(params),
                &part.of(gradients),
                own,
            );
            part.weights.iter().zip(&moved.params).for_each(|(i, w)| next.params[*i] = *w);
            next.state[part.places.clone()].copy_from_slice(&moved.state);
        }
        next.state[0] = *iteration + 1.0;
        next
    }

    pub(super) fn finalize<'g>(
        &self,
        scope: Scope<'_>,
        params: &[Var<'g>],
        state: &[Var<'g>],
    ) -> Option<Update<'g>> {
        let mut next = Update { params: params.to_vec(), state: state.to_vec() };
        let mut changes = false;
        for part in self.parts(scope).ok()?.iter().filter(|p| !p.weights.is_empty()) {
            let own = state.get(part.places.clone())?;
            if let Some(done) =
                part.optimizer.finalize_in(scope.of(&part.vars), &part.of(params), own)
            {
                part.weights.iter().zip(&done.params).for_each(|(i, w)| next.params[*i] = *w);
                changes = true;
            }
        }
        changes.then_some(next)
    }

    /// The learning rates of those within as they stand, `at` telling a variable's value.
    pub(super) fn settle_rates(&mut self, scope: Scope<'_>, at: &dyn Fn(usize) -> f64) {
        let places: Vec<usize> =
            self.parts(scope).unwrap_or_default().iter().map(|p| p.places.start).collect();
        self.each_mut()
            .zip(places)
            .for_each(|(o, start)| o.settle_rates(scope.of(&[]), &|i| at(start + i)));
    }
}

impl Serialize for MultiOptimizer {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let map = &self.optimizer_map;
        let entries: Map<String, Value> =
            map.optimizer_map.iter().map(|(key, o)| (key.clone(), o.to_json())).collect();
        let map =
            json!({"default_optimizer": map.default_optimizer.to_json(), "optimizer_map": entries});
        let map = object("keras.optimizers", "OptimizerMap", map);
        let config = json!({
            "optimizer_map": map,
            "loss_scale_factor": self.loss_scale_factor,
            "name": self.name,
        });
        config.serialize(s)
    }
}

impl<'de> Deserialize<'de> for MultiOptimizer {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Read {
            optimizer_map: Value,
            #[serde(default)]
            loss_scale_factor: Option<f64>,
            #[serde(default)]
            name: Option<String>,
        }
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct ReadMap {
            default_optimizer: Box<Optimizer>,
            #[serde(default)]
            optimizer_map: Option<Map<String, Value>>,
        }
        let x = Read::deserialize(d)?;
        let read = || -> Result<Self> {
            let map = parts("MultiOptimizer optimizer_map", &x.optimizer_map)?;
            if map.class != "OptimizerMap" {
                return Err(Error::Unsupported(format!(
                    "a MultiOptimizer whose map is `{}`: it must be an OptimizerMap, for a \
                        function is code",
                    map.class
                )));
            }
            let map: ReadMap = serde_json::from_value(map.config)
                .map_err(|e| Error::Config(format!("OptimizerMap: {e}")))?;
            let entry = |(key, o): (String, Value)| Ok((key, Optimizer::from_json(&o)?));
            let optimizer_map = map
                .optimizer_map
                .unwrap_or_default()
                .into_iter()
                .map(entry)
                .collect::<Result<_>>()?;
            let map = OptimizerMap { default_optimizer: map.default_optimizer, optimizer_map };
            let name = x.name.clone().unwrap_or_else(|| "multi_optimizer".into());
            let made =
                Self { name, optimizer_map: map, loss_scale_factor: x.loss_scale_factor }.settled();
            made.check(&[])?;
            Ok(made)
        };
        read().map_err(serde::de::Error::custom)
    }
}
