//! Streaming inference over many series, each at its own time.

use super::feed::BufferOf;
use super::shards::ShardWriter;
use super::task::{Finish, Lowering, Out, ShardBody, Stage, Task};
use crate::lowering::{Cx, Flow, LayerRef, States};
use crate::model::takes_text;
use crate::runtime::{BatchShape, Mode, random_key};
use crate::{Error, Model, Result};
use cornu_cpu::{Fetch, Program, Store, Threads, Workspace};
use cornu_ir::{DType, Spec, Tensor, View, ViewMut, with_type};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// Streaming inference: many series through one model, each one timestep at a time. The states of
/// each series are kept under its number. Series that come together run as one batch.
///
/// A step returns the same bits as [`Model::predict`] at that timestep of the series so far. It
/// allocates memory only at the first timestep of a series.
///
/// # Shapes
/// A timestep (F), or (n, F) of n series, one row for each; outputs (U) or (n, U).
///
/// ```
/// use cornu::Streams;
/// use cornu::{Input, Lstm, Model};
/// let inputs = Input::new([None, Some(1)]);
/// let mut streams = Streams::new(Model::new(&inputs, &Lstm::new(2).call(&inputs)?)?, 8)?;
/// let (mut first, mut second) = ([0.0; 2], [0.0; 4]);
/// streams.step(7, &[0.5], &mut first)?;
/// // Series 7 continues while series 9 starts.
/// streams.step_many(&[9, 7], &[0.5, -1.0], &mut second)?;
/// assert_eq!(second[..2], first);
/// assert_ne!(second[2..], first);
/// # Ok::<(), cornu::Error>(())
/// ```
pub struct Streams {
    model: Model,
    threads: Arc<Threads>,
    workspace: Workspace,
    /// Programs for 1, 2, 4, … streams at once.
    lanes: Vec<Lane>,
    /// Where each stream's states lie.
    places: HashMap<u64, usize>,
    free: Vec<usize>,
    kept: Vec<Tensor>,
    /// The call in which each place was last used.
    turns: Vec<u64>,
    turn: u64,
    n_in: usize,
    n_out: usize,
}

/// A program for so many streams at once.
struct Lane {
    rows: usize,
    program: Program,
    store: Store,
    /// The timesteps, the key of random numbers, the states.
    inputs: Vec<Tensor>,
    /// The outputs, then the states.
    results: Vec<Tensor>,
    /// Memory for views of both, empty between runs.
    views: (Vec<View<'static>>, Vec<ViewMut<'static>>),
}

/// The memory of an empty vector, for elements of another lifetime: collecting a vector's own
/// iterator takes its place.
macro_rules! recycled {
    ($vec:expr) => {{
        let mut vec = std::mem::take(&mut $vec);
        vec.clear();
        vec.into_iter().map(|_| unreachable!("it is empty")).collect::<Vec<_>>()
    }};
}

impl Lane {
    /// Runs the program.
    fn run(&mut self, threads: &Threads, workspace: &mut Workspace) {
        let mut views: Vec<View<'_>> = recycled!(self.views.0);
        views.extend(self.inputs.iter().map(Tensor::view));
        let mut results: Vec<ViewMut<'_>> = recycled!(self.views.1);
        results.extend(self.results.iter_mut().map(Tensor::view_mut));
        self.program.run(threads, workspace, &self.store, &views, &mut results);
        self.views = (recycled!(views), recycled!(results));
    }
}

/// The outputs of one timestep.
struct Timestep {
    output: Option<Spec>,
}

impl Task for Timestep {
    fn lowering(&self) -> Lowering {
        Lowering {
            mode: Mode::Predict,
            n_entries: 1,
            whole: false,
            states: States { stretch: None, kept: true },
            threads: None,
        }
    }

    fn outputs<'g>(
        &mut self,
        _: &Cx<'g>,
        body: ShardBody<'g>,
        _: &[Flow<'g>],
    ) -> Result<Vec<Out<'g>>> {
        let value = body.lowered.outputs[0].value;
        self.output = Some(value.spec());
        Ok(vec![Out { name: "output".into(), value, fetch: Fetch::Rows(0) }])
    }

    fn finish(&self, samples: usize) -> Result<Finish> {
        let mut output = self.output.clone().unwrap_or_else(|| Spec::known(DType::F32, &[0]));
        output.dims[0] = Some(samples);
        Ok(Finish { update: None, results: vec![output], partial_counts: vec![], ended: vec![] })
    }
}

impl Streams {
    /// Returns a streaming model that runs up to `most` series at once; more are run one batch
    /// after the other.
    ///
    /// # Errors
    /// A model whose output at a timestep depends on more than the timesteps up to it (a layer that
    /// runs backwards, pools or convolves over time, or attends); several inputs or outputs.
    pub fn new(model: Model, most: usize) -> Result<Self> {
        step_by_step(model.as_layer())?;
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
            lanes.push(Lane::new(&model, &step)?);
        }
        let kept = lanes[0].results[1..]
            .iter()
            .map(|s| Tensor::zeros(s.dtype(), &[0, s.dims[1..].iter().product()]))
            .collect();
        let (n_in, n_out) = (lanes[0].inputs[0].n_elements(), lanes[0].results[0].n_elements());
        let (threads, mut workspace) = (model.runtime().threads(), model.runtime().workspace());
        // The first run of a program takes the memory that it keeps.
        lanes.iter_mut().for_each(|l| l.run(&threads, &mut workspace));
        Ok(Self {
            model,
            threads,
            workspace,
            lanes,
            places: HashMap::new(),
            free: vec![],
            kept,
            turns: vec![],
            turn: 0,
            n_in,
            n_out,
        })
    }

    /// Returns the number of inputs of a timestep.
    pub fn n_in(&self) -> usize {
        self.n_in
    }

    /// Returns the number of outputs of a timestep.
    pub fn n_out(&self) -> usize {
        self.n_out
    }

    /// Returns the number of series whose states are kept.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// True if no states are kept.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Removes the states of a series and returns true if there were any. The next timestep of the
    /// series starts from zero states.
    pub fn end(&mut self, stream: u64) -> bool {
        let place = self.places.remove(&stream);
        self.free.extend(place);
        place.is_some()
    }

    /// Returns the model.
    pub fn into_model(self) -> Model {
        self.model
    }

    /// Runs one timestep `x` (F) of a series and writes its output to `y` (U).
    ///
    /// # Errors
    /// As [`Streams::step_many`].
    pub fn step(&mut self, stream: u64, x: &[f32], y: &mut [f32]) -> Result<()> {
        self.step_many(&[stream], x, y)
    }

    /// Runs one timestep of each of several series, `x` (n, F), and writes their outputs to `y` (n,
    /// U).
    ///
    /// # Errors
    /// A series that occurs twice; a number of values that is not n times that of a timestep. No
    /// state is changed then.
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
        let Self { threads, workspace, lanes, places, kept, n_in, n_out, .. } = self;
        let lane = &mut lanes[lane];
        let n = streams.len();
        let batch = &mut lane.inputs[0];
        with_type!(batch.dtype(), T => {
            let rows: &mut Vec<T> = BufferOf::vec(&mut batch.data);
            rows.iter_mut().zip(&x[..n * *n_in]).for_each(|(to, from)| *to = *from as T);
        });
        for (state, kept) in lane.inputs[2..].iter_mut().zip(kept.iter()) {
            let places = streams.iter().enumerate().map(|(row, s)| (places[s], row));
            copy_rows(kept.view(), state.view_mut(), places);
        }
        lane.run(threads, workspace);
        for (state, kept) in lane.results[1..].iter().zip(kept.iter_mut()) {
            let places = streams.iter().enumerate().map(|(row, s)| (row, places[s]));
            copy_rows(state.view(), kept.view_mut(), places);
        }
        let result = &lane.results[0];
        with_type!(result.dtype(), T => {
            let view = result.view();
            let values = view.get::<T>();
            y[..n * *n_out].iter_mut().zip(values).for_each(|(to, from)| *to = *from as f32);
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
    fn new(model: &Model, step: &Spec) -> Result<Self> {
        let rows = step.dims[0].unwrap_or(1);
        let stage = Stage { model, tree: model.tree(), store: model.store() };
        let mut task = Timestep { output: None };
        let shape = BatchShape::of(vec![step.clone()]);
        let shards = ShardWriter::new(stage, &shape, &mut task)?.write()?;
        let zeros = |s: &Spec| Tensor::zeros(s.dtype, &s.numbers().unwrap_or_default());
        let states = shards.kept.into_iter().map(|s| {
            let dims = std::iter::once(Some(rows)).chain(s.dims.into_iter().skip(1));
            zeros(&Spec::new(s.dtype, dims.collect::<Vec<_>>()))
        });
        let states: Vec<Tensor> = states.collect();
        let output = task.finish(rows)?.results.iter().map(zeros).collect::<Vec<_>>();
        Ok(Self {
            rows,
            program: Program::from(shards.spec),
            store: shards.store,
            inputs: [vec![zeros(step), random_key(0, 0)], states.clone()].concat(),
            results: [output, states].concat(),
            views: (vec![], vec![]),
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
