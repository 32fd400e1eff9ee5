//! One batch through loss, metrics, gradients and update, as a program.

use super::feed::{Batch, EpochLoss, Fed, IntoData, Unequal, views};
use super::runtime::{Mode, Prepared, prepare, random_key, scalar_spec};
use super::shards::{Out, Seams, ShardBody, count_shards, shard_program};
use crate::compile;
use crate::data::Data;
use crate::layers::{Cx, Flow, States};
use crate::optimizers::VarInfo;
use crate::{Error, Model, Result};
use cornu_cpu::{Feed, Fetch, Part};
use cornu_ir::grad::gradient;
use cornu_ir::{Builder, DType, Spec, Tensor, Var};
use serde::Serialize;
use std::time::Instant;

/// Examples of a model: inputs, targets and, where given, weights of the samples.
pub struct Examples {
    pub(crate) inputs: Vec<Fed>,
    pub(crate) targets: Vec<Fed>,
    /// One for each output, or none.
    pub(crate) weights: Vec<Option<Fed>>,
    /// Whether the place of a sample in its batch matters: a stateful layer goes on with the state
    /// of the same place.
    in_order: bool,
}

impl Examples {
    /// Checks and casts data for a model. Weights are for one output, or one set for each.
    pub(crate) fn new(
        model: &Model,
        x: impl IntoData,
        y: impl IntoData,
        w: Option<Vec<Data>>,
    ) -> Result<Self> {
        let inputs = model.feed_inputs(&x.into_data())?;
        let n = inputs.first().map_or(0, Fed::n_samples);
        let y = y.into_data();
        let n_outputs = model.output_specs().len();
        let names = model.output_names();
        let targets: Vec<Fed> = y
            .iter()
            .enumerate()
            .map(|(i, d)| {
                let dtype = match d.dtype() {
                    "int32" => DType::I32,
                    "int64" => DType::I64,
                    "float64"
                        if model.output_specs().get(i).is_some_and(|s| s.dtype == DType::F64) =>
                    {
                        DType::F64
                    }
                    _ => DType::F32,
                };
                let who = names
                    .get(i)
                    .map_or(format!("target {i}"), |n| format!("target of output `{n}`"));
                Fed::new(&who, d, dtype)
            })
            .collect::<Result<_>>()?;
        let mut weights: Vec<Option<Fed>> = Vec::new();
        for (i, d) in w.iter().flatten().enumerate() {
            weights.push(Some(Fed::new(&format!("sample weights {i}"), d, DType::F32)?));
        }
        // One set of weights serves all outputs, as in Keras.
        if weights.len() == 1 && n_outputs > 1 {
            let one = w.iter().flatten().next().expect("counted above");
            for _ in 1..n_outputs {
                weights.push(Some(Fed::new("sample weights", one, DType::F32)?));
            }
        }
        weights.resize_with(n_outputs, || None);
        let counts = targets
            .iter()
            .map(|t| ("targets", t))
            .chain(weights.iter().flatten().map(|w| ("sample weights", w)));
        for (what, f) in counts {
            if f.n_samples() != n {
                return Err(Error::Data(format!(
                    "{what}: the inputs hold {n} samples (axis 0), so must they. Received: {}",
                    f.n_samples()
                )));
            }
        }
        if n == 0 {
            return Err(Error::Data("the data hold no sample (axis 0 is empty)".into()));
        }
        Ok(Self { inputs, targets, weights, in_order: model.is_stateful() })
    }

    /// Samples.
    pub fn n_samples(&self) -> usize {
        self.inputs.first().map_or(0, Fed::n_samples)
    }

    /// Timesteps of each sample, when the first input is ragged.
    pub(crate) fn lengths(&self) -> Option<Vec<usize>> {
        self.inputs.iter().find_map(Fed::lengths)
    }

    /// What each loss of a batch is a mean over, where that is not its samples: the timesteps of
    /// targets of unequal length. As the second number the weight of the loss in the total. Empty
    /// where all losses count by samples.
    pub(crate) fn loss_counts(
        &self,
        rows: &[u32],
        compiled: &compile::Compiled,
        by: EpochLoss,
    ) -> Vec<(f64, f64)> {
        if by == EpochLoss::Keras || self.targets.iter().all(|t| t.lengths().is_none()) {
            return vec![];
        }
        let count = |target: usize| {
            self.targets
                .get(target)
                .and_then(|t| t.lengths_of(rows))
                .map_or(rows.len(), |l| l.iter().sum())
        };
        compiled.losses.iter().map(|l| (count(l.target) as f64, l.weight.unwrap_or(1.0))).collect()
    }

    /// Specs of the targets for a batch of so many samples.
    pub(crate) fn target_specs(&self, batch: usize) -> Vec<Spec> {
        self.targets.iter().map(|t| t.spec(batch)).collect()
    }

    /// How the arrays of a batch stand.
    pub(crate) fn layout(&self) -> Layout {
        Layout {
            n_inputs: self.inputs.len(),
            n_targets: self.targets.len(),
            weighted: self.weights.iter().map(Option::is_some).collect(),
        }
    }
}

/// How the arrays of a batch stand: inputs, targets, the weights there are, and last the mask if
/// lengths differ.
pub(crate) struct Layout {
    /// Entries of numbers, and what layers encoded.
    n_inputs: usize,
    n_targets: usize,
    /// Which outputs have weights.
    weighted: Vec<bool>,
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

/// What a batch gave: its loss, the losses of the outputs, partials of the metrics.
#[derive(Clone, Debug, Default)]
pub(crate) struct BatchResult {
    pub(crate) loss: f64,
    pub(crate) losses: Vec<f64>,
    pub(crate) metrics: Vec<Vec<Vec<f64>>>,
}

/// Writes the losses, metrics and gradients of shards.
struct StepWriter<'a> {
    mode: Mode,
    compiled: &'a compile::Compiled,
    layout: &'a Layout,
    settled: &'a super::Compiled,
    names: &'a [String],
    trainable: &'a [usize],
    /// Specs of what was written last: the loss in all, each loss, partials of the metrics,
    /// gradients.
    sums: Vec<Spec>,
    partial_counts: Vec<usize>,
}

impl StepWriter<'_> {
    fn write<'g>(
        &mut self,
        cx: &Cx<'g>,
        body: &ShardBody<'g>,
        further: &[Flow<'g>],
    ) -> Result<Vec<Out<'g>>> {
        let (targets, weights) = further.split_at(self.layout.n_targets);
        let mut given = weights.iter().copied();
        let weights: Vec<Option<Flow<'g>>> =
            self.layout.weighted.iter().map(|w| if *w { given.next() } else { None }).collect();
        let outs = &body.lowered.outputs;
        let parts = self.compiled.loss_parts(cx, self.names, outs, targets, &weights)?;
        let partials = self.compiled.metric_partials(
            cx,
            self.names,
            outs,
            targets,
            &weights,
            self.mode == Mode::Evaluate,
        )?;
        self.partial_counts = partials.iter().map(Vec::len).collect();
        let zero = || cx.builder.scalar(DType::F32, 0.0);
        let total = body
            .gathered
            .losses
            .iter()
            .fold(parts.total, |t, l| Some(t.map_or(*l, |t| t + l.cast(t.dtype()))))
            .unwrap_or_else(zero);
        let mut outs = vec![total];
        outs.extend(parts.each);
        outs.extend(partials.into_iter().flatten());
        if self.mode == Mode::Train {
            let seed =
                self.settled.optimizer.scale_loss(cx.builder.scalar(total.dtype(), 1.0), &[]);
            let params: Vec<Var<'g>> =
                self.trainable.iter().map(|i| body.lowered.weights[*i]).collect();
            let grads = gradient(&[(total, seed)], &params);
            outs.extend(
                grads.into_iter().zip(&params).map(|(g, p)| g.unwrap_or_else(|| p.zeros_like())),
            );
        }
        self.sums = outs.iter().map(Var::spec).collect();
        Ok(outs
            .into_iter()
            .enumerate()
            .map(|(k, value)| Out { name: format!("sum{k}"), value, fetch: Fetch::Sum(k) })
            .collect())
    }
}

impl Model {
    /// Copies samples of examples into a batch of a mode.
    pub(crate) fn assemble(
        &mut self,
        mode: Mode,
        compiled: &compile::Compiled,
        examples: &Examples,
        samples: &[u32],
        batch: &mut Batch,
        unequal: Unequal,
    ) -> Result<()> {
        let layout = examples.layout();
        let further: Vec<&Fed> =
            examples.targets.iter().chain(examples.weights.iter().flatten()).collect();
        batch.gather(
            &examples.inputs,
            &further,
            samples,
            unequal,
            examples.in_order,
            |specs, in_rows, whole| {
                let outputs = self.outputs();
                let trainable: Vec<usize> = self.trainable().collect();
                self.need_compiled()?;
                let settled = self.compiled.as_ref().expect("checked above");
                let (layer, tree, slots, store) =
                    (&self.layer, &self.tree, &self.slots, &mut self.store);
                self.runtime.cut(mode, whole, |runtime| {
                    let (names, sums, partial_counts) = (&outputs.names, vec![], vec![]);
                    let mut writer = StepWriter {
                        mode,
                        compiled,
                        layout: &layout,
                        settled,
                        names,
                        trainable: &trainable,
                        sums,
                        partial_counts,
                    };
                    let states = States { stretch: runtime.stretch(), kept: false };
                    let (packed, whole) = (Some((whole, in_rows)), compiled.couples_rows(&outputs));
                    let seams = Seams {
                        layer,
                        tree,
                        slots,
                        specs,
                        n_entries: layout.n_inputs,
                        training: mode == Mode::Train,
                        packed,
                        whole,
                        states,
                        threads: None,
                    };
                    count_shards(runtime, store, &seams, &mut |cx, body, further| {
                        writer.write(cx, &body, further)
                    })
                })
            },
        )
    }

    /// Runs one batch: evaluation, or a training step.
    pub(crate) fn run_batch(
        &mut self,
        mode: Mode,
        compiled: &compile::Compiled,
        layout: &Layout,
        batch: &Batch,
    ) -> Result<BatchResult> {
        let mut result = BatchResult::default();
        self.with_program(mode, compiled, layout, batch, |prepared, threads, store, inputs| {
            let mut results: Vec<_> = prepared.results.iter_mut().map(Tensor::view_mut).collect();
            prepared.program.run(threads, store, inputs, &mut results);
            let values: Vec<Vec<f64>> = prepared.results.iter().map(Tensor::to_f64).collect();
            let n_losses = compiled.losses.len();
            let mut partials = values[1 + n_losses..].iter().cloned();
            result = BatchResult {
                loss: values[0][0],
                losses: values[1..1 + n_losses].iter().map(|v| v[0]).collect(),
                metrics: prepared
                    .partial_counts
                    .iter()
                    .map(|n| partials.by_ref().take(*n).collect())
                    .collect(),
            };
        })?;
        Ok(result)
    }

    /// Where the time of a training step on one thread goes, largest first.
    pub(crate) fn profile_batch(
        &mut self,
        compiled: &compile::Compiled,
        layout: &Layout,
        batch: &Batch,
    ) -> Result<Vec<ProfileRow>> {
        let mut rows = vec![];
        self.with_program(Mode::Train, compiled, layout, batch, |prepared, _, store, inputs| {
            let mut results: Vec<_> = prepared.results.iter_mut().map(Tensor::view_mut).collect();
            let product_flops = |name: &str| {
                prepared
                    .product_flops
                    .iter()
                    .find(|(op, _)| *op == name)
                    .map_or(0.0, |(_, flops)| *flops)
            };
            let times = prepared.program.profile(store, inputs, &mut results);
            rows = times
                .into_iter()
                .map(|(name, calls, s)| ProfileRow {
                    name: name.into(),
                    calls,
                    ms: s * 1e3,
                    product_gflop: product_flops(name) / 1e9,
                })
                .collect();
        })?;
        Ok(rows)
    }

    /// Finds or makes the program of a batch and hands it on with what it runs on.
    fn with_program(
        &mut self,
        mode: Mode,
        compiled: &compile::Compiled,
        layout: &Layout,
        batch: &Batch,
        run: impl FnOnce(
            &mut Prepared,
            &cornu_cpu::Threads,
            &mut cornu_cpu::Store,
            &[cornu_ir::View<'_>],
        ),
    ) -> Result<()> {
        let key = random_key(self.runtime.seed, self.runtime.n_steps);
        if mode == Mode::Train {
            self.runtime.n_steps += 1;
        }
        let outputs = self.outputs();
        let vars = self.trainable_vars();
        let trainable: Vec<usize> = self.trainable().collect();
        self.need_compiled()?;
        let settled = self.compiled.as_ref().expect("checked above");
        let (layer, tree, slots, store, variables) =
            (&self.layer, &self.tree, &self.slots, &mut self.store, &self.variables);
        let (prepared, threads) = self.runtime.prepared(mode, batch, |runtime| {
            let started = Instant::now();
            let specs = batch.specs();
            let packed = batch.packed.as_ref().map(|p| (p, &batch.in_rows[..]));
            let states = States { stretch: runtime.stretch(), kept: false };
            let whole = compiled.couples_rows(&outputs);
            let seams = Seams {
                layer,
                tree,
                slots,
                specs: &specs,
                n_entries: layout.n_inputs,
                training: mode == Mode::Train,
                packed,
                whole,
                states,
                threads: None,
            };
            let (names, sums, partial_counts) = (&outputs.names, vec![], vec![]);
            let mut writer = StepWriter {
                mode,
                compiled,
                layout,
                settled,
                names,
                trainable: &trainable,
                sums,
                partial_counts,
            };
            let mut program = shard_program(runtime, store, &seams, &mut |cx, body, further| {
                writer.write(cx, &body, further)
            })?;
            let StepWriter { sums, partial_counts, .. } = writer;
            let n_gradients = if mode == Mode::Train { vars.len() } else { 0 };
            let n_values = sums.len() - n_gradients;
            program.update = Some(update_part(
                &sums,
                n_gradients,
                &vars,
                &trainable,
                variables,
                slots,
                settled,
            )?);
            let mut results = sums[..n_values].to_vec();
            results[0] = scalar_spec(sums[0].dtype);
            Ok(Prepared { partial_counts, ..prepare(program, &results, started) })
        })?;
        let mut inputs = views(&batch.arrays);
        inputs.push(key.view());
        run(prepared, threads, store, &inputs);
        Ok(())
    }
}

/// What runs once after the shards: penalties on the weights, and in training the optimizer.
fn update_part(
    sums: &[Spec],
    n_gradients: usize,
    vars: &[VarInfo],
    trainable: &[usize],
    variables: &[crate::model::Variable],
    slots: &[cornu_cpu::SlotId],
    settled: &super::Compiled,
) -> Result<Part> {
    let b = Builder::new();
    let mut feeds = Vec::new();
    let values: Vec<Var<'_>> = sums
        .iter()
        .enumerate()
        .map(|(k, s)| {
            feeds.push(Feed::Sum(k));
            b.input(format!("sum{k}"), s.clone())
        })
        .collect();
    let (values, grads) = values.split_at(sums.len() - n_gradients);
    let params: Vec<Var<'_>> = trainable
        .iter()
        .zip(vars)
        .map(|(i, v)| {
            feeds.push(Feed::State(slots[*i]));
            b.input(v.path.clone(), Spec::known(v.dtype, &v.shape))
        })
        .collect();
    let mut fetches = Vec::new();
    let mut total = values[0];
    let penalised: Vec<(usize, Var<'_>)> = trainable
        .iter()
        .enumerate()
        .filter_map(|(k, i)| variables[*i].spec.regularizer.as_ref().map(|r| (k, r.of(params[k]))))
        .collect();
    for (_, p) in &penalised {
        total = total + p.cast(total.dtype());
    }
    b.output("loss", total);
    fetches.push(Fetch::Value(0));
    for (k, v) in values.iter().enumerate().skip(1) {
        b.output(format!("value{k}"), *v);
        fetches.push(Fetch::Value(k));
    }
    if n_gradients > 0 {
        let mut grads = grads.to_vec();
        for (k, p) in penalised {
            let seed = settled.optimizer.scale_loss(b.scalar(p.dtype(), 1.0), &[]);
            if let Some(g) = gradient(&[(p, seed)], &[params[k]])[0] {
                grads[k] = grads[k] + g;
            }
        }
        let specs = settled.optimizer.state(vars);
        let state: Vec<Var<'_>> = specs
            .iter()
            .zip(&settled.state)
            .map(|(s, slot)| {
                feeds.push(Feed::State(*slot));
                b.input(s.name.clone(), Spec::known(s.dtype, &s.shape))
            })
            .collect();
        if let Some(scale) = settled.optimizer.dynamic_scale(&state) {
            grads.iter_mut().for_each(|g| *g = *g * scale.cast(g.dtype()));
        }
        let update = settled.optimizer.update(vars, &params, &grads, &state);
        for (v, i) in update.params.iter().zip(trainable) {
            b.output("param", *v);
            fetches.push(Fetch::State(slots[*i]));
        }
        for (v, slot) in update.state.iter().zip(&settled.state) {
            b.output("state", *v);
            fetches.push(Fetch::State(*slot));
        }
    }
    let graph = b.finish()?;
    Ok(Part { graph: cornu_ir::passes::run(graph), feeds, fetches })
}

impl Model {
    /// What the optimizer does when `fit` ends: averages take the weights' place.
    pub(crate) fn finalize_weights(&mut self) -> Result<()> {
        let vars = self.trainable_vars();
        let trainable: Vec<usize> = self.trainable().collect();
        let settled = self.need_compiled()?;
        let b = Builder::new();
        let mut feeds = Vec::new();
        let mut slots: Vec<cornu_cpu::SlotId> = trainable.iter().map(|i| self.slots[*i]).collect();
        slots.extend(&settled.state);
        let states = settled.optimizer.state(&vars);
        let specs = vars
            .iter()
            .map(|v| Spec::known(v.dtype, &v.shape))
            .chain(states.iter().map(|s| Spec::known(s.dtype, &s.shape)));
        let inputs: Vec<Var<'_>> = specs
            .zip(&slots)
            .map(|(s, slot)| {
                feeds.push(Feed::State(*slot));
                b.input("value", s)
            })
            .collect();
        let (params, state) = inputs.split_at(vars.len());
        let Some(update) = settled.optimizer.finalize(&vars, params, state) else { return Ok(()) };
        for v in update.params.iter().chain(&update.state) {
            b.output("value", *v);
        }
        let fetches = slots.iter().map(|s| Fetch::State(*s)).collect();
        let graph = b.finish()?;
        let update = Some(Part { graph: cornu_ir::passes::run(graph), feeds, fetches });
        let mut program =
            cornu_cpu::Program::new(cornu_cpu::ProgramSpec { update, ..Default::default() });
        program.run(self.runtime.threads(), &mut self.store, &[], &mut []);
        Ok(())
    }
}
