//! The lowering context: what a layer finds when it is lowered.

use super::flow::Flow;
use super::gathered::{Gathered, RowState, States};
use super::packing::Packing;
use super::weights::{Weight, Weights};
use crate::config::DTypePolicy;
use crate::{Error, Result};
use cornu_ir::ops::{Random, RandomKind};
use cornu_ir::spec::product;
use cornu_ir::{Builder, DType, Dim, Spec, Var};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

/// What a layer finds when it is lowered.
#[derive(Clone)]
pub struct Cx<'g> {
    /// The graph written.
    pub builder: &'g Builder,
    /// Whether layers behave as in training.
    pub training: bool,
    /// Samples of the whole batch, of which this graph may hold a shard.
    pub batch: Dim,
    /// How recurrent layers treat their states.
    pub states: States,
    /// The packed rows of sequences of unequal length.
    pub packing: Option<Packing<'g>>,
    /// Whether the layer's recurrent weights have eight bits.
    pub int8: bool,
    /// Whether a layer is lowered as a part of another, which declares its own shape.
    inside: bool,
    float: DType,
    /// How many rows of the values that layers see belong to one sample: the timesteps that a
    /// wrapper put in the batch.
    rows_per_sample: Dim,
    /// Samples of this graph, where the values at hand do not tell by their axis 0.
    samples: Dim,
    gathered: Rc<RefCell<Gathered<'g>>>,
    /// What was encoded before the graph runs, in the order in which the layers that encode are
    /// lowered.
    encoded: Rc<RefCell<VecDeque<Flow<'g>>>>,
}

impl<'g> Cx<'g> {
    /// A new lowering into a graph.
    pub fn new(builder: &'g Builder, training: bool, batch: Dim) -> Self {
        Self {
            builder,
            training,
            batch,
            states: States::default(),
            packing: None,
            int8: false,
            inside: false,
            float: DType::F32,
            rows_per_sample: Some(1),
            samples: None,
            gathered: Rc::default(),
            encoded: Rc::default(),
        }
    }

    /// The same place for a layer with this policy.
    pub fn with_policy(&self, policy: &DTypePolicy) -> Self {
        Self { float: policy.float(), ..self.clone() }
    }

    /// The same place for a layer whose recurrent weights have eight bits, or not.
    pub fn with_int8(&self, int8: bool) -> Self {
        Self { int8, ..self.clone() }
    }

    /// The same place with states treated so.
    pub fn with_states(&self, states: States) -> Self {
        Self { states, ..self.clone() }
    }

    /// The same place with sequences of unequal length in packed rows.
    pub fn with_packing(&self, packing: Packing<'g>) -> Self {
        Self { packing: Some(packing), ..self.clone() }
    }

    /// The same place for layers that are parts of the one lowered.
    pub fn inside(&self) -> Self {
        Self { inside: true, ..self.clone() }
    }

    /// The same place in inference mode.
    pub fn inference(&self) -> Self {
        Self { training: false, ..self.clone() }
    }

    /// The same place for a layer that sees all timesteps of all samples as rows, sample after
    /// sample.
    pub fn with_timesteps(&self, timesteps: Dim) -> Self {
        Self { rows_per_sample: product(&[self.rows_per_sample, timesteps]), ..self.clone() }
    }

    /// The same place for values in packed rows, of so many samples.
    pub fn with_samples(&self, samples: Dim) -> Self {
        Self { samples, ..self.clone() }
    }

    /// Samples of this graph, by a value of it.
    pub fn samples_of(&self, v: Var<'g>) -> usize {
        self.samples.or(v.dims().first().copied().flatten()).unwrap_or(1)
    }

    /// The same place with what layers encoded before the graph runs.
    pub fn with_encoded(&self, encoded: impl IntoIterator<Item = Flow<'g>>) -> Self {
        Self { encoded: Rc::new(RefCell::new(encoded.into_iter().collect())), ..self.clone() }
    }

    /// What the layer that is lowered now has encoded.
    pub fn encoded(&self) -> Result<Flow<'g>> {
        let next = self.encoded.borrow_mut().pop_front();
        next.ok_or_else(|| {
            Error::Unsupported(
                "this layer must read an entry of the model, not inside a wrapper".into(),
            )
        })
    }

    /// The float type of the layer.
    pub fn float(&self) -> DType {
        self.float
    }

    /// A value in the layer's float type; ints and bools are cast.
    pub fn to_float(&self, v: Var<'g>) -> Var<'g> {
        v.cast(self.float)
    }

    /// Adds a penalty: this shard's part, so that the sum over shards is the penalty.
    pub fn add_loss(&self, loss: Var<'g>) {
        self.gathered.borrow_mut().losses.push(loss);
    }

    /// Says what a weight is after the batch. The value must be the same on every shard.
    pub fn update(&self, weight: &Weight<'g>, value: Var<'g>) {
        let updates = &mut self.gathered.borrow_mut().updates;
        updates.retain(|(number, _)| *number != weight.number);
        updates.push((weight.number, value));
    }

    /// What a weight is here: as the layers before have left it.
    pub fn current(&self, weight: &Weight<'g>) -> Var<'g> {
        self.gathered
            .borrow()
            .updates
            .iter()
            .find(|(number, _)| *number == weight.number)
            .map_or(weight.value, |(_, v)| *v)
    }

    /// Weights with the values that [`Cx::update`] gave them so far: for a layer that is called
    /// again in the same batch.
    pub fn updated(&self, w: &Weights<'g>) -> Weights<'g> {
        let g = self.gathered.borrow();
        let now = |v: &Weight<'g>| {
            g.updates
                .iter()
                .rev()
                .find(|(n, _)| *n == v.number)
                .map_or(v.value, |(_, value)| *value)
        };
        let vars = w.vars.iter().map(|v| Weight { value: now(v), ..v.clone() }).collect();
        let children = w.children.iter().map(|(n, c)| (n.clone(), self.updated(c))).collect();
        Weights { vars, children, states: w.states.clone(), ..*w }
    }

    /// Says that rows of the batch meet: the batch must not be cut.
    pub fn keep_whole(&self) {
        self.gathered.borrow_mut().whole = true;
    }

    /// The same where one of these axes of a value of this rank is the batch's.
    pub(crate) fn keep_whole_along(&self, axes: &[isize], rank: usize) {
        if axes.iter().any(|a| cornu_ir::builder::axis_of(*a, rank) == 0) {
            self.keep_whole();
        }
    }

    /// Before there are data, a value of the dims that Keras declares for a layer where they are
    /// not those of its result.
    pub fn declared(&self, v: Var<'g>, dims: &[Dim]) -> Var<'g> {
        if self.batch.is_none() && !self.inside {
            self.builder.full(v.dtype(), dims, 0.0)
        } else {
            v
        }
    }

    /// The sum over all shards of the batch.
    pub fn cross_sum(&self, v: Var<'g>) -> Var<'g> {
        self.builder.apply1(cornu_ir::ops::CrossSum, &[v])
    }

    /// Random numbers whose axis 0 is the batch.
    pub fn random(&self, kind: RandomKind, dims: &[Dim]) -> Var<'g> {
        // Numbers are drawn by sample, so that they do not depend on how the batch is cut.
        if let (Some(k @ 2..), Some(Some(rows))) = (self.rows_per_sample, dims.first())
            && rows % k == 0
        {
            let by_sample = Self { rows_per_sample: Some(1), ..self.clone() };
            return by_sample
                .random(kind, &[&[Some(rows / k), Some(k)], &dims[1..]].concat())
                .reshape(dims);
        }
        let (key, row, salt) = {
            let mut g = self.gathered.borrow_mut();
            let scalar = || Spec::known(DType::I64, &[]);
            let (key, row) = *g.random.get_or_insert_with(|| {
                (
                    self.builder.input("random_key", scalar()),
                    self.builder.input("first_row", scalar()),
                )
            });
            g.n_random += 1;
            (key, row, g.n_random)
        };
        self.builder
            .apply1(Random { kind, dtype: self.float, dims: dims.to_vec(), salt }, &[key, row])
    }

    /// 1 / (1 − rate) where kept, 0 where dropped: what dropout multiplies by.
    pub fn dropout_mask(&self, rate: f64, dims: &[Dim]) -> Var<'g> {
        if rate >= 1.0 {
            return self.builder.full(self.float, dims, 0.0);
        }
        let keep = self.random(RandomKind::Uniform, dims).ge(rate).cast(self.float);
        keep / (1.0 - rate)
    }

    /// A state kept from batch to batch, before this batch. `w` are the weights that the layer is
    /// lowered with. What comes after the batch must be given with [`Cx::set_state`].
    pub fn state(&self, w: &Weights<'g>, index: usize, dims: &[Dim]) -> Var<'g> {
        let before =
            self.builder.input(format!("state_{}_{index}", w.first), Spec::new(self.float, dims));
        self.gathered.borrow_mut().states.push(RowState {
            key: (w.first, index),
            before,
            after: before,
            held: w.states.clone().unwrap_or_default(),
        });
        before
    }

    /// What a state is after the batch.
    pub fn set_state(&self, w: &Weights<'g>, index: usize, after: Var<'g>) {
        let mut g = self.gathered.borrow_mut();
        if let Some(s) = g.states.iter_mut().find(|s| s.key == (w.first, index)) {
            s.after = after;
        }
    }

    /// Takes what was gathered.
    pub fn take_gathered(&self) -> Gathered<'g> {
        self.gathered.take()
    }
}
