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

/// Lowering context: the graph that layers write into, the mode, and the losses and updates of the
/// layers.
#[derive(Clone)]
pub struct Cx<'g> {
    /// The graph that the layers write.
    pub builder: &'g Builder,
    /// True in training mode.
    pub training: bool,
    /// Number of samples of the whole batch, of which this graph may hold a shard.
    pub batch: Dim,
    /// How recurrent layers treat their states.
    pub states: States,
    /// The packed rows of sequences of unequal length.
    pub packing: Option<Packing<'g>>,
    /// True if the layer's recurrent weights have eight bits.
    pub int8: bool,
    /// True if merging layers of Keras 2 join masks by the rule of Keras 3.
    pub(crate) masks_of_keras_3: bool,
    /// True if the layer is lowered as a part of another layer, which declares its own shape.
    inside: bool,
    float: DType,
    /// Rows of axis 0 that belong to one sample: 1, or the timesteps that a wrapper moved into the
    /// batch axis.
    rows_per_sample: Dim,
    /// Number of samples of this graph, set where axis 0 of the values does not tell it.
    samples: Dim,
    gathered: Rc<RefCell<Gathered<'g>>>,
    /// Values that preprocessing layers encoded before the graph runs, in the order in which these
    /// layers are lowered.
    encoded: Rc<RefCell<VecDeque<Flow<'g>>>>,
}

impl<'g> Cx<'g> {
    /// Creates the context for lowering a model into a graph.
    pub fn new(builder: &'g Builder, training: bool, batch: Dim) -> Self {
        Self {
            builder,
            training,
            batch,
            states: States::default(),
            packing: None,
            int8: false,
            masks_of_keras_3: false,
            inside: false,
            float: DType::F32,
            rows_per_sample: Some(1),
            samples: None,
            gathered: Rc::default(),
            encoded: Rc::default(),
        }
    }

    /// Copy of this context with another dtype policy.
    pub fn with_policy(&self, policy: &DTypePolicy) -> Self {
        Self { float: policy.float(), ..self.clone() }
    }

    /// Copy of this context for a layer whose recurrent weights have eight bits, or not.
    pub fn with_int8(&self, int8: bool) -> Self {
        Self { int8, ..self.clone() }
    }

    /// Copy of this context in which all masks are joined by the rule of Keras 3.
    pub(crate) fn with_masks_of_keras_3(&self) -> Self {
        Self { masks_of_keras_3: true, ..self.clone() }
    }

    /// Copy of this context with other rules for the states of recurrent layers.
    pub fn with_states(&self, states: States) -> Self {
        Self { states, ..self.clone() }
    }

    /// Copy of this context for a batch in packed rows.
    pub fn with_packing(&self, packing: Packing<'g>) -> Self {
        Self { packing: Some(packing), ..self.clone() }
    }

    /// Copy of this context for layers inside the layer that is lowered.
    pub fn inside(&self) -> Self {
        Self { inside: true, ..self.clone() }
    }

    /// Copy of this context in inference mode.
    pub fn inference(&self) -> Self {
        Self { training: false, ..self.clone() }
    }

    /// Copy of this context for a layer that sees each timestep of each sample as a row of the
    /// batch, sample after sample.
    pub fn with_timesteps(&self, timesteps: Dim) -> Self {
        Self { rows_per_sample: product(&[self.rows_per_sample, timesteps]), ..self.clone() }
    }

    /// Copy of this context for values in packed rows, with the number of samples.
    pub fn with_samples(&self, samples: Dim) -> Self {
        Self { samples, ..self.clone() }
    }

    /// Returns the number of samples of this graph; `v` is one of its values.
    pub fn samples_of(&self, v: Var<'g>) -> usize {
        self.samples.or(v.dims().first().copied().flatten()).unwrap_or(1)
    }

    /// Copy of this context with the values that preprocessing layers encoded.
    pub fn with_encoded(&self, encoded: impl IntoIterator<Item = Flow<'g>>) -> Self {
        Self { encoded: Rc::new(RefCell::new(encoded.into_iter().collect())), ..self.clone() }
    }

    /// Returns the value that the layer being lowered encoded before the graph runs.
    pub fn encoded(&self) -> Result<Flow<'g>> {
        let next = self.encoded.borrow_mut().pop_front();
        next.ok_or_else(|| {
            Error::Unsupported(
                "this layer must read an entry of the model, not inside a wrapper".into(),
            )
        })
    }

    /// Returns the float type of the layer.
    pub fn float(&self) -> DType {
        self.float
    }

    /// Casts a value to the layer's float type.
    pub fn to_float(&self, v: Var<'g>) -> Var<'g> {
        v.cast(self.float)
    }

    /// Adds a penalty to the loss: this shard's part, so that the sum over the shards is the
    /// penalty.
    pub fn add_loss(&self, loss: Var<'g>) {
        self.gathered.borrow_mut().losses.push(loss);
    }

    /// Sets the value of a weight after the batch. The value must be the same on every shard.
    pub fn update(&self, weight: &Weight<'g>, value: Var<'g>) {
        let updates = &mut self.gathered.borrow_mut().updates;
        updates.retain(|(number, _)| *number != weight.number);
        updates.push((weight.number, value));
    }

    /// Returns the value of a weight, as the layers lowered so far have updated it.
    pub fn current(&self, weight: &Weight<'g>) -> Var<'g> {
        self.gathered
            .borrow()
            .updates
            .iter()
            .find(|(number, _)| *number == weight.number)
            .map_or(weight.value, |(_, v)| *v)
    }

    /// Returns weights with the values that [`Cx::update`] gave them so far: for a layer that is
    /// called again in the same batch.
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

    /// Marks the batch as one that must not be cut in shards, for its rows depend on each other.
    pub fn keep_whole(&self) {
        self.gathered.borrow_mut().whole = true;
    }

    /// Marks the batch so if one of these axes of a value of this rank is the batch axis.
    pub(crate) fn keep_whole_along(&self, axes: &[isize], rank: usize) {
        if axes.iter().any(|a| cornu_ir::builder::axis_of(*a, rank) == 0) {
            self.keep_whole();
        }
    }

    /// Returns a value with the dims that Keras declares for the layer, while shapes are inferred,
    /// if they differ from those of the result.
    pub fn declared(&self, v: Var<'g>, dims: &[Dim]) -> Var<'g> {
        if self.batch.is_none() && !self.inside {
            self.builder.full(v.dtype(), dims, 0.0)
        } else {
            v
        }
    }

    /// Returns the sum of a value over all shards of the batch.
    pub fn cross_sum(&self, v: Var<'g>) -> Var<'g> {
        self.builder.apply1(cornu_ir::ops::CrossSum, &[v])
    }

    /// Draws random numbers; axis 0 is the batch.
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

    /// Draws the factors of dropout: 1 / (1 − rate) where a value is kept, 0 where it is dropped.
    pub fn dropout_mask(&self, rate: f64, dims: &[Dim]) -> Var<'g> {
        if rate >= 1.0 {
            return self.builder.full(self.float, dims, 0.0);
        }
        let keep = self.random(RandomKind::Uniform, dims).ge(rate).cast(self.float);
        keep / (1.0 - rate)
    }

    /// Returns a state kept from batch to batch, as it is before this batch. `w` are the weights
    /// that the layer is lowered with. The state's next value must be set with [`Cx::set_state`].
    ///
    /// A layer that is called again in the same batch continues with the state of its previous
    /// call. In [`Streams`](crate::Streams) each call has its own state.
    pub fn state(&self, w: &Weights<'g>, index: usize, dims: &[Dim]) -> Var<'g> {
        let key = (w.first, index);
        let before_this_call =
            self.gathered.borrow().states.iter().find(|s| s.key == key).map(|s| s.after);
        if let Some(after) = before_this_call.filter(|_| !self.states.kept) {
            return after;
        }
        let before =
            self.builder.input(format!("state_{}_{index}", w.first), Spec::new(self.float, dims));
        self.gathered.borrow_mut().states.push(RowState {
            key,
            before,
            after: before,
            held: w.states.clone().unwrap_or_default(),
        });
        before
    }

    /// Sets the value of a state after the batch.
    pub fn set_state(&self, w: &Weights<'g>, index: usize, after: Var<'g>) {
        let mut g = self.gathered.borrow_mut();
        if let Some(s) = g.states.iter_mut().rev().find(|s| s.key == (w.first, index)) {
            s.after = after;
        }
    }

    /// Takes the losses, updates and states gathered so far.
    pub fn take_gathered(&self) -> Gathered<'g> {
        self.gathered.take()
    }
}
