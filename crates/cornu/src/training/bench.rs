//! Benchmarks: times of a model's training step and prediction, on random data.

use super::assembly::Batch;
pub use super::bench_report::{RaggedEpoch, Report};
use super::compiled_model::{CompiledModel, ModelRef};
use super::examples::Examples;
use super::machine::{peak_rss_mb, product_rate};
use super::step::{ProfileRow, Stepping};
use super::unequal::Unequal;
use crate::data::{Array, BatchMaker, Cost, Data, IntoData, Ragged};
use crate::initializers::Draw;
use crate::lowering::Encoder;
use crate::model::{InputLayer, takes_text};
use crate::runtime::Mode;
use crate::{Error, Model, Result};
use cornu_ir::DType;
use ndarray::{ArrayD, IxDyn};
use std::time::Instant;

/// Settings of a benchmark of a model.
pub struct Bench {
    /// Number of samples of a batch.
    pub batch_size: usize,
    /// Number of steps timed.
    pub steps: usize,
    /// Number of timesteps, for inputs that leave it open.
    pub timesteps: Option<usize>,
    /// Lengths of the sequences, taken batch by batch; the list is repeated to fill the last batch.
    pub lengths: Option<Vec<usize>>,
    /// True to report the time of each operation too.
    pub profile: bool,
}

fn median(mut v: Vec<f64>) -> f64 {
    v.sort_by(f64::total_cmp);
    v.get(v.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Rounds of epochs timed at least: unequal and equal lengths in turn.
const MIN_ROUNDS: usize = 5;

impl Bench {
    /// Returns a benchmark of a number of steps, with batches of a number of samples.
    pub fn new(batch_size: usize, steps: usize) -> Self {
        Bench { batch_size, steps, timesteps: None, lengths: None, profile: false }
    }

    /// Sets the number of timesteps, for inputs that leave it open.
    pub fn timesteps(self, timesteps: usize) -> Self {
        Bench { timesteps: Some(timesteps), ..self }
    }

    /// Times predictions of a model and, if it is compiled, training steps.
    pub fn run<'a>(&self, model: impl Into<ModelRef<'a>>) -> Result<Report> {
        let model = model.into();
        let (compiled, model) = (model.compiled(), model.model());
        let x = self.inputs(model)?;
        let n = self.batch_size * self.n_batches();
        let rows: Vec<u32> = (0..n as u32).collect();
        let mut train_ms = None;
        let mut plan_us = 0.0;
        let (mut profile, mut epochs) = (vec![], vec![]);
        if let Some(model) = compiled {
            let y = self.targets(model, &x, n)?;
            let mut epoch = Epoch::new(
                model,
                &x,
                &y,
                rows.chunks(self.batch_size).map(<[u32]>::to_vec).collect(),
            )?;
            let mut times = Vec::new();
            // A round to warm up and plan, then the rounds timed.
            for round in 0..1 + self.steps.div_ceil(self.n_batches()) {
                let steps = epoch.run(model)?;
                if round > 0 {
                    times.extend(steps);
                }
            }
            train_ms = Some(median(times));
            plan_us = model.programs.last_plan_s() * 1e6;
            if self.profile {
                profile = epoch.profile(model)?;
            }
            if x.iter().any(|d| d.lengths().is_some()) {
                epochs = self.epochs(model, &x, n)?;
            }
        }
        let fed = model.feed_inputs(x[..].into_data()?)?;
        let mut batch = Batch::default();
        let mut times = Vec::new();
        for round in 0..1 + self.steps.div_ceil(self.n_batches()) {
            for chunk in rows.chunks(self.batch_size) {
                let t = Instant::now();
                model.predict_batch(&fed, chunk, &mut batch, Unequal::Known)?;
                if round > 0 {
                    times.push(t.elapsed().as_secs_f64() * 1e3);
                }
            }
        }
        if train_ms.is_none() {
            plan_us = model.runtime().programs.last_plan_s() * 1e6;
        }
        let threads = model.runtime().threads().n();
        let isa = cornu_cpu::kernels::isa::isa().name().to_string();
        let product_gflops = self.profile.then(product_rate);
        Ok(Report {
            train_ms,
            predict_ms: median(times),
            plan_us,
            peak_rss_mb: peak_rss_mb(),
            threads,
            isa,
            epochs,
            profile,
            product_gflops,
        })
    }

    /// Times epochs of the lengths as they come and by length, in turn with epochs of their mean
    /// length.
    fn epochs(&self, model: &CompiledModel, x: &[Data], n: usize) -> Result<Vec<RaggedEpoch>> {
        let lengths: Vec<usize> = x.iter().find_map(Data::lengths).unwrap_or_default();
        let timesteps: usize = lengths.iter().sum();
        let mean = ((timesteps as f64 / n as f64).round() as usize).max(1);
        let even = self.inputs_of(model, Some(&vec![mean; n]))?;
        let in_order = BatchMaker::AsTheyCome.plan_epoch(None, n, self.batch_size, 0, 0)?;
        let even_targets = self.targets(model, &even, n)?;
        let mut equal = Epoch::new(model, &even, &even_targets, in_order)?;
        let mut found = Vec::new();
        for maker in [BatchMaker::AsTheyCome, BatchMaker::Bucket] {
            let plan = maker.plan_epoch(Some(&lengths), n, self.batch_size, 0, 0)?;
            let cost = Cost::of(&plan, Some(&lengths));
            let y = self.targets(model, x, n)?;
            let mut unequal = Epoch::new(model, x, &y, plan)?;
            let (mut of_unequal, mut of_equal) = (vec![], vec![]);
            for round in 0..1 + MIN_ROUNDS.max(self.steps.div_ceil(cost.n_steps.max(1))) {
                let (a, b) = (unequal.run(model)?, equal.run(model)?);
                if round > 0 {
                    of_unequal.push(a.iter().sum());
                    of_equal.push(b.iter().sum());
                }
            }
            let (epoch_ms, equal_epoch_ms) = (median(of_unequal), median(of_equal));
            found.push(RaggedEpoch {
                batches: maker.name(),
                steps: cost.n_steps,
                timesteps,
                padding_share: cost.padding_share,
                epoch_ms,
                timesteps_per_s: timesteps as f64 / epoch_ms * 1e3,
                equal_epoch_ms,
                ratio: (epoch_ms / timesteps as f64) / (equal_epoch_ms / (mean * n) as f64),
            });
        }
        Ok(found)
    }

    /// Batches of data made: as many as the lengths fill, else one.
    fn n_batches(&self) -> usize {
        self.lengths.as_ref().map_or(1, |l| (l.len() / self.batch_size).max(1))
    }

    /// Returns random data for the inputs of a model.
    pub fn inputs(&self, model: &Model) -> Result<Vec<Data>> {
        self.inputs_of(model, self.lengths.as_deref())
    }

    fn inputs_of(&self, model: &Model, lengths: Option<&[usize]>) -> Result<Vec<Data>> {
        let mut draw = Draw::new(1, 0);
        let ids = embedding_rows(model);
        let reads = model.reads()?;
        let input = |(at, (name, i)): (usize, &(String, InputLayer))| {
            let reader = reads
                .iter()
                .find(|r| r.entries.contains(&at))
                .and_then(|r| r.layer.rule().as_encoder());
            match reader {
                Some(encoder) if takes_text(i) => self.texts(name, i, encoder, &mut draw),
                _ => self.input(name, i, lengths, ids, &mut draw),
            }
        };
        model.inputs().iter().enumerate().map(input).collect()
    }

    /// Texts of words that their reader knows.
    fn texts(
        &self,
        name: &str,
        input: &InputLayer,
        encoder: &dyn Encoder,
        draw: &mut Draw,
    ) -> Result<Data> {
        let mut below = |n: usize| (draw.uniform() * n as f64) as usize;
        let shape = self.shape(name, &input.batch_shape[1..])?;
        let texts = (0..shape.iter().product())
            .map(|_| encoder.example(&mut below, self.timesteps))
            .collect::<Result<Vec<_>>>()?;
        Ok(Data::Dense(Array::Str(
            ArrayD::from_shape_vec(IxDyn(&shape), texts).map_err(|e| Error::Data(e.to_string()))?,
        )))
    }

    /// The dims of all samples, open ones as asked for.
    fn shape(&self, name: &str, dims: &[Option<usize>]) -> Result<Vec<usize>> {
        let open = |d: &Option<usize>| {
            d.or(self.timesteps).ok_or_else(|| {
                Error::argument(
                    format!("input `{name}`"),
                    "its timesteps are open: give --timesteps",
                    "None",
                )
            })
        };
        std::iter::once(Ok(self.batch_size * self.n_batches()))
            .chain(dims.iter().map(open))
            .collect()
    }

    fn input(
        &self,
        name: &str,
        input: &InputLayer,
        lengths: Option<&[usize]>,
        ids: Option<usize>,
        draw: &mut Draw,
    ) -> Result<Data> {
        let dims = &input.batch_shape[1..];
        let whole = input.spec().dtype != DType::F32 && input.spec().dtype != DType::F64
            || (ids.is_some() && dims.len() == 1);
        let mut number = |_: usize| match ids.filter(|_| whole) {
            // Id 0 stands for padding: a sequence's own ids begin with 1.
            Some(n) => (1.0 + draw.uniform() * n.saturating_sub(1) as f64)
                .floor()
                .min(n.saturating_sub(1) as f64) as f32,
            None if whole => (draw.uniform() * 2.0).floor() as f32,
            None => draw.normal() as f32,
        };
        let n = self.batch_size * self.n_batches();
        if let (Some(lengths), Some(None)) = (lengths.filter(|l| !l.is_empty()), dims.first()) {
            let inner: Vec<usize> = dims[1..].iter().map(|d| d.unwrap_or(1)).collect();
            let width: usize = inner.iter().product();
            let mut offsets = vec![0];
            lengths
                .iter()
                .cycle()
                .take(n)
                .for_each(|l| offsets.push(offsets[offsets.len() - 1] + l));
            let total = offsets[offsets.len() - 1];
            let shape: Vec<usize> = std::iter::once(total).chain(inner).collect();
            let values =
                ArrayD::from_shape_vec(IxDyn(&shape), (0..total * width).map(number).collect())
                    .map_err(|e| Error::Data(e.to_string()))?;
            return Ok(Data::Ragged(Ragged::new(Array::F32(values), offsets)?));
        }
        let shape = self.shape(name, dims)?;
        let total = shape.iter().product::<usize>();
        let values: Vec<f32> = (0..total).map(&mut number).collect();
        Ok(Data::Dense(Array::F32(
            ArrayD::from_shape_vec(IxDyn(&shape), values)
                .map_err(|e| Error::Data(e.to_string()))?,
        )))
    }

    fn targets(&self, model: &CompiledModel, x: &[Data], n: usize) -> Result<Vec<Data>> {
        let unequal = x
            .iter()
            .find_map(|d| if let Data::Ragged(r) = d { Some(r.offsets().to_vec()) } else { None });
        let mut draw = Draw::new(2, 0);
        let outputs = model.named_outputs();
        let compiled = model.resolve(&outputs.specs)?;
        let mut all = Vec::new();
        for (i, spec) in outputs.specs.iter().enumerate() {
            let sparse = compiled
                .losses
                .iter()
                .find(|l| l.output == i)
                .is_some_and(|l| l.loss.takes_class_ids());
            let mut shape: Vec<usize> = std::iter::once(n)
                .chain(spec.dims.iter().skip(1).map(|d| d.or(self.timesteps).unwrap_or(1)))
                .collect();
            let classes = shape.last().copied().unwrap_or(1);
            if sparse && shape.len() > 2 {
                shape.pop();
            } else if sparse && let Some(last) = shape.last_mut() {
                *last = 1;
            }
            // A target by timestep has the lengths of the sequences.
            let offsets = unequal.clone().filter(|_| spec.rank() > 2 && spec.dims[1].is_none());
            if let Some(offsets) = &offsets {
                shape.remove(0);
                shape[0] = offsets[n];
            }
            let total = shape.iter().product::<usize>();
            let values: Vec<f32> = (0..total)
                .map(|_| {
                    if sparse {
                        (draw.uniform() * classes as f64).floor() as f32
                    } else {
                        draw.uniform() as f32
                    }
                })
                .collect();
            let array = ArrayD::from_shape_vec(IxDyn(&shape), values)
                .map_err(|e| Error::Data(e.to_string()))?;
            let array =
                if sparse { Array::I32(array.mapv(|x| x as i32)) } else { Array::F32(array) };
            all.push(match offsets {
                Some(offsets) => Data::Ragged(Ragged::new(array, offsets)?),
                None => Data::Dense(array),
            });
        }
        Ok(all)
    }
}

/// The batches of an epoch of training.
struct Epoch<'a> {
    examples: Examples<'a>,
    compiled: crate::compile::Compiled,
    plan: Vec<Vec<u32>>,
    batch: Batch,
}

impl<'a> Epoch<'a> {
    fn new(
        model: &CompiledModel,
        x: &'a [Data],
        y: &'a [Data],
        plan: Vec<Vec<u32>>,
    ) -> Result<Self> {
        let examples = Examples::new(model, x, y, None)?;
        let compiled = model.resolve_for(&examples)?;
        Ok(Self { batch: Batch::default(), compiled, plan, examples })
    }

    /// Milliseconds of each step.
    fn run(&mut self, model: &CompiledModel) -> Result<Vec<f64>> {
        let mut task = Stepping::new(Mode::Train, model, &self.compiled, &self.examples, None);
        let mut times = Vec::with_capacity(self.plan.len());
        for rows in &self.plan {
            let t = Instant::now();
            task.run(rows, &mut self.batch, Unequal::Known)?;
            times.push(t.elapsed().as_secs_f64() * 1e3);
        }
        Ok(times)
    }

    /// Where the time of the last batch's step goes.
    fn profile(&mut self, model: &CompiledModel) -> Result<Vec<ProfileRow>> {
        let mut task = Stepping::new(Mode::Train, model, &self.compiled, &self.examples, None);
        task.profile(&mut self.batch)
    }
}

/// Number of ids of the first layer that reads ids, when the model has one.
fn embedding_rows(model: &Model) -> Option<usize> {
    model.graph().members.iter().find_map(|m| m.n_ids())
}
