//! A service over many series, each at its own time.

use super::feed::BufferOf;
use super::runtime::{Runtime, random_key};
use super::shards::{Out, Seams, shard_program};
use crate::layers::{LayerRef, States};
use crate::model::takes_text;
use crate::{Error, Model, Result};
use cornu_cpu::{Fetch, Program, SlotId, Store};
use cornu_ir::{DType, Spec, Tensor, View, ViewMut, with_type};
use std::collections::HashMap;
use std::ops::Range;

/// Many streams through one model: each brings its timesteps one at a time, and its states are kept
/// under its number. Streams that come together run as one batch.
///
/// A step gives, to the bit, what [`Model::predict`] gives at that timestep for the series so far.
/// It allocates nothing but for a stream that comes for the first time.
///
/// # Shapes
/// A timestep (F), or (n, F) of n streams, row after row; what comes out likewise, (U) or (n, U).
///
/// ```
/// use cornu::training::Streams;
/// use cornu::{Input, Lstm, Model};
/// let inputs = Input::new([None, Some(1)]);
/// let mut streams = Streams::new(Model::new(&inputs, &Lstm::new(2).call(&inputs)?)?, 8)?;
/// let (mut first, mut second) = ([0.0; 2], [0.0; 4]);
/// streams.step(7, &[0.5], &mut first)?;
/// // Stream 7 goes on while stream 9 begins.
/// streams.step_many(&[9, 7], &[0.5, -1.0], &mut second)?;
/// assert_eq!(second[..2], first);
/// assert_ne!(second[2..], first);
/// # Ok::<(), cornu::Error>(())
/// ```
pub struct Streams {
    model: Model,
    /// Programs for 1, 2, 4, … streams at once.
    lanes: Vec<Lane>,
    /// Where each stream's states lie.
    places: HashMap<u64, usize>,
    free: Vec<usize>,
    kept: Vec<Tensor>,
    /// The call in which each place was last used.
    turns: Vec<u64>,
    turn: u64,
    key: Tensor,
    n_in: usize,
    n_out: usize,
}

/// A program for so many streams at once.
struct Lane {
    rows: usize,
    program: Program,
    states: Vec<SlotId>,
    x: Tensor,
    y: Tensor,
}

impl Streams {
    /// A service of a model that runs up to `most` streams at once; more are run in turns.
    ///
    /// # Errors
    /// A model whose output at a timestep takes more than the timesteps up to it (a layer that
    /// walks backwards, pools or convolves over time, attends); several entries or outputs.
    pub fn new(mut model: Model, most: usize) -> Result<Self> {
        step_by_step(&model.layer)?;
        let inputs = model.inputs();
        let ([(name, entry)], [_]) = (&inputs[..], model.output_specs()) else {
            return Err(Error::Unsupported(
                "streams of a model of several inputs or outputs".into(),
            ));
        };
        if takes_text(entry) {
            return Err(Error::Unsupported("streams of text".into()));
        }
        let mut step = entry.spec();
        let by_time = step.rank() > 2 || step.dims.get(1) == Some(&None);
        if by_time {
            step.dims[1] = Some(1);
        }
        if !by_time || step.dims[1..].contains(&None) {
            return Err(Error::shapes(
                format!(
                    "input `{name}`: a sequence (batch, timesteps, features) of known features is \
                        needed"
                ),
                &[entry.spec()],
            ));
        }
        let n_lanes = most.max(1).next_power_of_two().trailing_zeros() as usize + 1;
        let mut lanes = Vec::with_capacity(n_lanes);
        for rows in (0..n_lanes).map(|i| 1 << i) {
            step.dims[0] = Some(rows);
            lanes.push(Lane::new(&mut model, &step)?);
        }
        let width = |slot: &SlotId| {
            model.store.spec(*slot).numbers().unwrap_or_default()[1..].iter().product()
        };
        let kept = lanes[0]
            .states
            .iter()
            .map(|s| Tensor::zeros(model.store.spec(*s).dtype, &[0, width(s)]))
            .collect();
        let (n_in, n_out) = (lanes[0].x.n_elements(), lanes[0].y.n_elements());
        let key = random_key(0, 0);
        // The first run of a program takes the memory that it keeps.
        for l in &mut lanes {
            l.program.run(
                model.runtime.threads(),
                &mut model.store,
                &[l.x.view(), key.view()],
                &mut [l.y.view_mut()],
            );
        }
        Ok(Self {
            model,
            lanes,
            places: HashMap::new(),
            free: vec![],
            kept,
            turns: vec![],
            turn: 0,
            key,
            n_in,
            n_out,
        })
    }

    /// Numbers of a timestep.
    pub fn n_in(&self) -> usize {
        self.n_in
    }

    /// Numbers that come out of a timestep.
    pub fn n_out(&self) -> usize {
        self.n_out
    }

    /// Streams whose states are kept.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether no stream has come yet.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Ends a stream: its states are forgotten, and it begins anew when it comes again. Tells
    /// whether it was there.
    pub fn end(&mut self, stream: u64) -> bool {
        let place = self.places.remove(&stream);
        self.free.extend(place);
        place.is_some()
    }

    /// The model, when the service is over.
    pub fn into_model(self) -> Model {
        self.model
    }

    /// One timestep `x` (F) of a stream; its output goes to `y` (U).
    ///
    /// # Errors
    /// As [`Streams::step_many`].
    pub fn step(&mut self, stream: u64, x: &[f32], y: &mut [f32]) -> Result<()> {
        self.step_many(&[stream], x, y)
    }

    /// One timestep of each of several streams, `x` (n, F) and `y` (n, U) in their order.
    ///
    /// # Errors
    /// A stream that comes twice; numbers that are not n times those of a timestep. Nothing has
    /// happened then.
    pub fn step_many(&mut self, streams: &[u64], x: &[f32], y: &mut [f32]) -> Result<()> {
        let n = streams.len();
        if x.len() != n * self.n_in || y.len() != n * self.n_out {
            let rule = format!(
                "{n} streams bring {n} × {} numbers and take {n} × {}",
                self.n_in, self.n_out
            );
            return Err(Error::argument("streams", rule, format!("{} and {}", x.len(), y.len())));
        }
        self.turn += 1;
        for stream in streams {
            let place = self.place(*stream);
            if std::mem::replace(&mut self.turns[place], self.turn) == self.turn {
                return Err(Error::argument(
                    "streams",
                    "each may come once in a call: its timesteps follow one another",
                    format!("stream {stream} twice"),
                ));
            }
        }
        let mut at = 0;
        while at < n {
            let left = n - at;
            let lane =
                self.lanes.iter().position(|l| l.rows >= left).unwrap_or(self.lanes.len() - 1);
            let rows = at..at + left.min(self.lanes[lane].rows);
            at = rows.end;
            self.run(
                lane,
                &streams[rows.clone()],
                &x[rows.start * self.n_in..],
                &mut y[rows.start * self.n_out..],
            );
        }
        Ok(())
    }

    /// The place of a stream's states, which are 0 when it is new.
    fn place(&mut self, stream: u64) -> usize {
        if let Some(place) = self.places.get(&stream) {
            return *place;
        }
        let place = self.free.pop().unwrap_or(self.turns.len());
        self.places.insert(stream, place);
        if place == self.turns.len() {
            self.turns.push(0);
        }
        for k in &mut self.kept {
            let width = k.dims[1];
            k.dims[0] = k.dims[0].max(place + 1);
            with_type!(k.dtype(), T => {
                let values: &mut Vec<T> = BufferOf::vec(&mut k.data);
                values.resize(values.len().max((place + 1) * width), T::default());
                values[place * width..(place + 1) * width].fill(T::default());
            });
        }
        self.turns[place] = 0;
        place
    }

    /// Runs a program on its streams' timesteps.
    // The element type is a parameter of the macro's branches: for one of them the cast is idle.
    #[allow(clippy::unnecessary_cast)]
    fn run(&mut self, lane: usize, streams: &[u64], x: &[f32], y: &mut [f32]) {
        let Self { model, lanes, places, kept, key, n_in, n_out, .. } = self;
        let Lane { program, states, x: batch, y: result, .. } = &mut lanes[lane];
        let n = streams.len();
        with_type!(batch.dtype(), T => {
            let rows: &mut Vec<T> = BufferOf::vec(&mut batch.data);
            rows.iter_mut().zip(&x[..n * *n_in]).for_each(|(to, from)| *to = *from as T);
        });
        for (slot, kept) in states.iter().zip(kept.iter()) {
            let (from, to) = (kept.view(), model.store.view_mut(*slot));
            copy_rows(from, to, streams.iter().enumerate().map(|(row, s)| (places[s], row)));
        }
        let Model { runtime, store, .. } = model;
        program.run(
            runtime.threads(),
            store,
            &[batch.view(), key.view()],
            &mut [result.view_mut()],
        );
        for (slot, kept) in states.iter().zip(kept.iter_mut()) {
            copy_rows(
                store.view(*slot),
                kept.view_mut(),
                streams.iter().enumerate().map(|(row, s)| (row, places[s])),
            );
        }
        with_type!(result.dtype(), T => {
            let view = result.view();
            y[..n * *n_out].iter_mut().zip(view.get::<T>()).for_each(|(to, from)| *to = *from as f32);
        });
    }
}

/// Copies rows between values of one type and width: from where, to where.
fn copy_rows(from: View<'_>, mut to: ViewMut<'_>, rows: impl Iterator<Item = (usize, usize)>) {
    let width = from.dims[1..].iter().product::<usize>();
    let span = |row: usize| -> Range<usize> { row * width..(row + 1) * width };
    with_type!(from.dtype(), T => {
        let (from, to) = (from.get::<T>(), to.get::<T>());
        rows.for_each(|(a, b)| to[span(b)].copy_from_slice(&from[span(a)]));
    });
}

impl Lane {
    fn new(model: &mut Model, step: &Spec) -> Result<Self> {
        let rows = step.dims[0].unwrap_or(1);
        let (layer, tree, slots) = (&model.layer, &model.tree, &model.slots);
        let states = States { stretch: None, kept: true };
        let specs = [step.clone()];
        let seams = Seams {
            layer,
            tree,
            slots,
            specs: &specs,
            n_entries: 1,
            training: false,
            packed: None,
            whole: false,
            states,
            threads: None,
        };
        let mut own = Runtime::default();
        let mut result = None;
        let store: &mut Store = &mut model.store;
        let program = shard_program(&mut own, store, &seams, &mut |_, body, _| {
            let y = body.lowered.outputs[0].value;
            result = Some(y.spec());
            Ok(vec![Out { name: "output".into(), value: y, fetch: Fetch::Rows(0) }])
        })?;
        let mut result = result.unwrap_or_else(|| Spec::known(DType::F32, &[rows]));
        result.dims[0] = Some(rows);
        let zeros = |s: &Spec| Tensor::zeros(s.dtype, &s.numbers().unwrap_or_default());
        Ok(Self {
            rows,
            program: Program::new(program),
            states: own.states().into_values().collect(),
            x: zeros(step),
            y: zeros(&result),
        })
    }
}

/// Fails on a layer whose output at a timestep takes more than the timesteps up to it.
fn step_by_step(layer: &LayerRef) -> Result<()> {
    if layer.as_container().is_some() {
        return layer.rule().contained().into_iter().try_for_each(step_by_step);
    }
    if layer.rule().is_causal() {
        return Ok(());
    }
    Err(Error::Unsupported(format!(
        "streams through {} `{}`: what it gives at a timestep takes more than the timesteps up to \
            it",
        layer.class(),
        layer.shown_name()
    )))
}
