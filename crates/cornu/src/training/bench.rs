//! How long a model's training step and prediction take, on random data.

use super::feed::{Steps, Unequal};
use super::runtime::Mode;
use super::step::Examples;
use crate::data::{Array, Data, Ragged};
use crate::initializers::Draw;
use crate::layers::Encoder;
use crate::model::{InputLayer, takes_text};
use crate::{Error, Model, Result};
use cornu_cpu::kernels::product::{Operand, Product, ProductStart, product, product_scratch};
use cornu_ir::{DType, Tensor};
use ndarray::{ArrayD, IxDyn};
use serde::Serialize;
use std::time::Instant;

/// What is timed.
pub struct Bench {
    /// Samples of a batch.
    pub batch_size: usize,
    /// Steps timed.
    pub steps: usize,
    /// Timesteps where the model leaves them open.
    pub timesteps: Option<usize>,
    /// Lengths of the sequences, taken batch by batch.
    pub lengths: Option<Vec<usize>>,
    /// Also the time of each operation.
    pub profile: bool,
}

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Median milliseconds of a training step; none for a model that is not compiled.
    pub train_ms: Option<f64>,
    /// Median milliseconds of a prediction of a batch.
    pub predict_ms: f64,
    /// Microseconds to plan the training step (or the prediction).
    pub plan_us: f64,
    /// Most memory of the process, MB.
    pub peak_rss_mb: f64,
    /// Threads.
    pub threads: usize,
    /// Instruction set of the kernels.
    pub isa: String,
    /// Where a training step on one thread spends its time, largest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub profile: Vec<ProfileRow>,
    /// GFLOP/s that one large matrix product reaches on one thread in the same run, with the profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product_gflops: Option<f64>,
}

/// The calls of one operation in a training step.
#[derive(Clone, Debug, Serialize)]
pub struct ProfileRow {
    /// The operation, or a phase in brackets.
    pub name: String,
    /// Calls.
    pub calls: usize,
    /// Milliseconds of all calls.
    pub ms: f64,
    /// Billions of operations of floating point of their matrix products.
    pub product_gflop: f64,
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(t) = self.train_ms {
            writeln!(f, "training step   {t:.4} ms (median)")?;
        }
        writeln!(f, "prediction      {:.4} ms a batch (median)", self.predict_ms)?;
        writeln!(f, "planning        {:.0} us", self.plan_us)?;
        writeln!(f, "peak memory     {:.1} MB", self.peak_rss_mb)?;
        writeln!(f, "threads         {}, kernels {}", self.threads, self.isa)?;
        let total: f64 = self.profile.iter().map(|r| r.ms).sum();
        for ProfileRow { name, calls, ms, product_gflop } in &self.profile {
            write!(f, "  {name:20} {calls:5} calls {ms:10.4} ms {:5.1} %", 100.0 * ms / total)?;
            match *product_gflop > 0.0 {
                true => writeln!(f, "   products {product_gflop:.4} GFLOP, {:.1} GFLOP/s", product_gflop / ms * 1e3)?,
                false => writeln!(f)?,
            }
        }
        if let Some(rate) = self.product_gflops {
            let gflop: f64 = self.profile.iter().map(|r| r.product_gflop).sum();
            let share = 100.0 * gflop / rate * 1e3 / total;
            writeln!(f, "  matrix products    {gflop:.4} GFLOP a step: {share:.1} % of it at the {rate:.1} GFLOP/s that one large product reaches here")?;
        }
        Ok(())
    }
}

fn median(mut v: Vec<f64>) -> f64 {
    v.sort_by(f64::total_cmp);
    v.get(v.len() / 2).copied().unwrap_or(f64::NAN)
}

impl Bench {
    /// So many steps of batches of so many samples.
    pub fn new(batch_size: usize, steps: usize) -> Self {
        Bench { batch_size, steps, timesteps: None, lengths: None, profile: false }
    }

    /// With timesteps where the model leaves them open.
    pub fn timesteps(self, timesteps: usize) -> Self {
        Bench { timesteps: Some(timesteps), ..self }
    }

    /// Times a model.
    pub fn run(&self, model: &mut Model) -> Result<Report> {
        let x = self.inputs(model)?;
        let fed = model.feed_inputs(&x)?;
        let n = self.batch_size * self.n_batches();
        let rows: Vec<u32> = (0..n as u32).collect();
        let unequal = Unequal::Pad(0.0);
        let mut train_ms = None;
        let mut plan_us = 0.0;
        let mut profile = vec![];
        if model.compiled.is_some() {
            let y = self.targets(model, n)?;
            let examples = Examples::new(model, &x[..], &y[..], None)?;
            let compiled = model.resolve_for(&examples)?;
            let mut buffers = examples.buffers();
            let layout = examples.layout();
            let mut times = Vec::new();
            // A round to warm up and plan, then the rounds timed.
            for round in 0..1 + self.steps.div_ceil(self.n_batches()) {
                for chunk in rows.chunks(self.batch_size) {
                    let t = Instant::now();
                    examples.gather(chunk, &mut buffers, unequal)?;
                    model.run_batch(Mode::Train, &compiled, &layout, &buffers)?;
                    if round > 0 {
                        times.push(t.elapsed().as_secs_f64() * 1e3);
                    }
                }
            }
            train_ms = Some(median(times));
            plan_us = model.runtime.last_plan_s * 1e6;
            if self.profile {
                profile = model.profile_batch(&compiled, &layout, &buffers)?;
            }
        }
        let mut batches: Vec<Tensor> = fed.iter().map(super::feed::Fed::empty_batch).collect();
        let mut times = Vec::new();
        for round in 0..1 + self.steps.div_ceil(self.n_batches()) {
            for chunk in rows.chunks(self.batch_size) {
                let t = Instant::now();
                let steps = Steps::of(&fed, chunk, unequal)?;
                for (f, b) in fed.iter().zip(&mut batches) {
                    f.gather(chunk, b, steps.timesteps, 0.0);
                }
                model.predict_batch(&batches, false)?;
                if round > 0 {
                    times.push(t.elapsed().as_secs_f64() * 1e3);
                }
            }
        }
        if train_ms.is_none() {
            plan_us = model.runtime.last_plan_s * 1e6;
        }
        let threads = model.runtime.threads().n();
        let isa = cornu_cpu::kernels::isa::isa().name().to_string();
        let product_gflops = self.profile.then(product_rate);
        Ok(Report { train_ms, predict_ms: median(times), plan_us, peak_rss_mb: peak_rss_mb(), threads, isa, profile, product_gflops })
    }

    /// Batches of data made: as many as the lengths fill, else one.
    fn n_batches(&self) -> usize {
        self.lengths.as_ref().map_or(1, |l| (l.len() / self.batch_size).max(1))
    }

    /// Random data for the inputs of a model.
    pub fn inputs(&self, model: &Model) -> Result<Vec<Data>> {
        let mut draw = Draw::new(1, 0);
        let ids = embedding_rows(model);
        let reads = model.reads()?;
        let input = |(at, (name, i)): (usize, &(String, InputLayer))| {
            let reader = reads.iter().find(|r| r.entries.contains(&at)).and_then(|r| r.layer.rule().as_encoder());
            match reader {
                Some(encoder) if takes_text(i) => self.texts(name, i, encoder, &mut draw),
                _ => self.input(name, i, ids, &mut draw),
            }
        };
        model.inputs().iter().enumerate().map(input).collect()
    }

    /// Texts of words that their reader knows.
    fn texts(&self, name: &str, input: &InputLayer, encoder: &dyn Encoder, draw: &mut Draw) -> Result<Data> {
        let mut below = |n: usize| (draw.uniform() * n as f64) as usize;
        let shape = self.shape(name, &input.batch_shape[1..])?;
        let texts = (0..shape.iter().product()).map(|_| encoder.example(&mut below, self.timesteps)).collect::<Result<Vec<_>>>()?;
        Ok(Data::Dense(Array::Str(ArrayD::from_shape_vec(IxDyn(&shape), texts).map_err(|e| Error::Data(e.to_string()))?)))
    }

    /// The dims of all samples, open ones as asked for.
    fn shape(&self, name: &str, dims: &[Option<usize>]) -> Result<Vec<usize>> {
        let open = |d: &Option<usize>| {
            d.or(self.timesteps).ok_or_else(|| Error::argument(format!("input `{name}`"), "its timesteps are open: give --timesteps", "None"))
        };
        std::iter::once(Ok(self.batch_size * self.n_batches())).chain(dims.iter().map(open)).collect()
    }

    fn input(&self, name: &str, input: &InputLayer, ids: Option<usize>, draw: &mut Draw) -> Result<Data> {
        let dims = &input.batch_shape[1..];
        let whole = input.spec().dtype != DType::F32 && input.spec().dtype != DType::F64 || (ids.is_some() && dims.len() == 1);
        let mut number = |_: usize| if whole { (draw.uniform() * ids.unwrap_or(2) as f64).floor() as f32 } else { draw.normal() as f32 };
        let n = self.batch_size * self.n_batches();
        if let (Some(lengths), Some(None)) = (&self.lengths, dims.first()) {
            let inner: Vec<usize> = dims[1..].iter().map(|d| d.unwrap_or(1)).collect();
            let width: usize = inner.iter().product();
            let lengths = &lengths[..n.min(lengths.len())];
            let mut offsets = vec![0];
            lengths.iter().for_each(|l| offsets.push(offsets[offsets.len() - 1] + l));
            let total = offsets[offsets.len() - 1];
            let shape: Vec<usize> = std::iter::once(total).chain(inner).collect();
            let values = ArrayD::from_shape_vec(IxDyn(&shape), (0..total * width).map(number).collect()).map_err(|e| Error::Data(e.to_string()))?;
            return Ok(Data::Ragged(Ragged::new(Array::F32(values), offsets)?));
        }
        let shape = self.shape(name, dims)?;
        let total = shape.iter().product::<usize>();
        let values: Vec<f32> = (0..total).map(&mut number).collect();
        Ok(Data::Dense(Array::F32(ArrayD::from_shape_vec(IxDyn(&shape), values).map_err(|e| Error::Data(e.to_string()))?)))
    }

    fn targets(&self, model: &Model, n: usize) -> Result<Vec<Data>> {
        let mut draw = Draw::new(2, 0);
        let outputs = model.outputs();
        let compiled = crate::compile::Compiled::resolve(model.need_compiled()?.settings(), &outputs, &outputs.specs)?;
        let mut all = Vec::new();
        for (i, spec) in outputs.specs.iter().enumerate() {
            let class = compiled.losses.iter().find(|l| l.output == i).map_or("", |l| l.loss.class());
            let mut shape: Vec<usize> = std::iter::once(n).chain(spec.dims.iter().skip(1).map(|d| d.or(self.timesteps).unwrap_or(1))).collect();
            let classes = shape.last().copied().unwrap_or(1);
            let sparse = class.starts_with("Sparse");
            if sparse && shape.len() > 2 {
                shape.pop();
            } else if sparse && let Some(last) = shape.last_mut() {
                *last = 1;
            }
            let total = shape.iter().product::<usize>();
            let values: Vec<f32> = (0..total).map(|_| if sparse { (draw.uniform() * classes as f64).floor() as f32 } else { draw.uniform() as f32 }).collect();
            let array = ArrayD::from_shape_vec(IxDyn(&shape), values).map_err(|e| Error::Data(e.to_string()))?;
            all.push(Data::Dense(if sparse { Array::I32(array.mapv(|x| x as i32)) } else { Array::F32(array) }));
        }
        Ok(all)
    }
}

/// GFLOP/s that the best of some large matrix products reaches on one thread.
fn product_rate() -> f64 {
    const SIZE: usize = 512;
    let (a, b, mut c) = (vec![0.5f32; SIZE * SIZE], vec![0.25f32; SIZE * SIZE], vec![0.0f32; SIZE * SIZE]);
    let mut scratch = vec![0.0f32; product_scratch(SIZE, SIZE)];
    let job = Product { m: SIZE, n: SIZE, k: SIZE, a: Operand::rows(&a, SIZE), b: Operand::rows(&b, SIZE), start: ProductStart::Zero };
    let once = |_| {
        let start = Instant::now();
        product(&job, &mut c, &mut scratch);
        start.elapsed().as_secs_f64()
    };
    let best_s = (0..20).map(once).fold(f64::INFINITY, f64::min);
    2.0 * (SIZE * SIZE * SIZE) as f64 / best_s / 1e9
}

/// Rows of the first embedding, when the model has one: ids must be below.
fn embedding_rows(model: &Model) -> Option<usize> {
    model.graph().members.iter().find(|m| m.class() == "Embedding").and_then(|m| m.tree.vars.first()).map(|v| v.shape[0])
}

/// The most memory the process had, from the kernel's own account.
fn peak_rss_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    line.and_then(|l| l.split_whitespace().next()).and_then(|n| n.parse::<f64>().ok()).map_or(f64::NAN, |kb| kb / 1024.0)
}
