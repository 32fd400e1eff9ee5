//! One batch through loss and metrics and, in training, gradients and the optimizer.

use super::assembly::{Batch, Sets};
use super::compiled_model::CompiledModel;
use super::examples::{Examples, Layout};
use super::task::{Finish, Lowering, Out, ShardBody, Task};
use super::unequal::Unequal;
use crate::Result;
use crate::compile::{self, ModelOutputs};
use crate::lowering::{Cx, Flow, States};
use crate::runtime::Mode;
use cornu_cpu::Fetch;
use cornu_ir::grad::gradient;
use cornu_ir::{DType, Spec, Tensor, Var};
use serde::Serialize;
use std::rc::Rc;
use std::sync::atomic::Ordering;

/// The calls of one operation in a training step.
#[derive(Clone, Debug, Serialize)]
pub struct ProfileRow {
    /// The operation, or a phase in brackets.
    pub name: String,
    /// Number of calls.
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

/// The task of evaluating or training on batches of examples: made once for a run.
pub(crate) struct Stepping<'a> {
    model: &'a CompiledModel,
    sets: Rc<Sets<'a>>,
    lowering: Lowering,
    compiled: &'a compile::Compiled,
    layout: Layout,
    names: Vec<String>,
    /// Specs of what was written last: the loss in all, each loss, partials of the metrics,
    /// gradients.
    sums: Vec<Spec>,
    partial_counts: Vec<usize>,
}

impl<'a> Stepping<'a> {
    /// A task of a mode on examples. With `stretch` gradients are cut after so many timesteps.
    pub(crate) fn new(
        mode: Mode,
        model: &'a CompiledModel,
        compiled: &'a compile::Compiled,
        examples: &'a Examples<'a>,
        stretch: Option<usize>,
    ) -> Self {
        let (outputs, layout): (ModelOutputs, _) = (model.named_outputs(), examples.layout());
        let lowering = Lowering {
            mode,
            n_entries: layout.n_inputs,
            whole: compiled.couples_rows(&outputs),
            states: States { stretch, kept: false },
            threads: None,
        };
        let (sets, names) = (Rc::new(examples.sets()), outputs.names);
        let (sums, partial_counts) = (vec![], vec![]);
        Self { model, sets, lowering, compiled, layout, names, sums, partial_counts }
    }

    /// Puts samples of the examples together and runs them as one batch.
    pub(crate) fn run(
        &mut self,
        samples: &[u32],
        batch: &mut Batch,
        unequal: Unequal,
    ) -> Result<BatchResult> {
        let engine = self.model.engine();
        let sets = self.sets.clone();
        engine.assemble(self, &sets, samples, batch, unequal)?;
        let n_losses = self.compiled.losses.len();
        let result = engine.run(self, batch, |prepared, results| {
            let values: Vec<Vec<f64>> = results.iter().map(Tensor::to_f64).collect();
            let mut partials = values[1 + n_losses..].iter().cloned();
            let counts = prepared.partial_counts.iter();
            BatchResult {
                loss: values[0][0],
                losses: values[1..1 + n_losses].iter().map(|v| v[0]).collect(),
                metrics: counts.map(|n| partials.by_ref().take(*n).collect()).collect(),
            }
        })?;
        if self.lowering.mode == Mode::Train {
            self.model.runtime().note_step();
            self.model.has_stepped.store(true, Ordering::Relaxed);
        }
        Ok(result)
    }

    /// Where the time of a step on one thread goes, largest first. The batch was put together by
    /// [`Stepping::run`].
    pub(crate) fn profile(&mut self, batch: &mut Batch) -> Result<Vec<ProfileRow>> {
        let rows = self.model.engine().profile(self, batch)?;
        let row = |(name, calls, s, flops): (&str, usize, f64, f64)| ProfileRow {
            name: name.into(),
            calls,
            ms: s * 1e3,
            product_gflop: flops / 1e9,
        };
        Ok(rows.into_iter().map(row).collect())
    }
}

impl Task for Stepping<'_> {
    fn lowering(&self) -> Lowering {
        self.lowering
    }

    fn outputs<'g>(
        &mut self,
        cx: &Cx<'g>,
        body: ShardBody<'g>,
        further: &[Flow<'g>],
    ) -> Result<Vec<Out<'g>>> {
        let (targets, weights) = further.split_at(self.layout.n_targets);
        let mut given = weights.iter().copied();
        let weights: Vec<Option<Flow<'g>>> =
            self.layout.weighted.iter().map(|w| if *w { given.next() } else { None }).collect();
        let (outs, evaluates) = (&body.lowered.outputs, self.lowering.mode == Mode::Evaluate);
        let parts = self.compiled.loss_parts(cx, &self.names, outs, targets, &weights)?;
        let partials =
            self.compiled.metric_partials(cx, &self.names, outs, targets, &weights, evaluates)?;
        self.partial_counts = partials.iter().map(Vec::len).collect();
        let zero = || cx.builder.scalar(DType::F32, 0.0);
        let add = |t: Option<Var<'g>>, l: &Var<'g>| Some(t.map_or(*l, |t| t + l.cast(t.dtype())));
        let total = body.gathered.losses.iter().fold(parts.total, add).unwrap_or_else(zero);
        let mut outs = vec![total];
        outs.extend(parts.each);
        outs.extend(partials.into_iter().flatten());
        if self.lowering.mode == Mode::Train {
            let one = cx.builder.scalar(total.dtype(), 1.0);
            let seed = self.model.optimizer.scale_loss(one, &[]);
            let params: Vec<Var<'g>> =
                self.model.trainable.iter().map(|i| body.lowered.weights[*i]).collect();
            let grads = gradient(&[(total, seed)], &params);
            outs.extend(
                grads.into_iter().zip(&params).map(|(g, p)| g.unwrap_or_else(|| p.zeros_like())),
            );
        }
        self.sums = outs.iter().map(Var::spec).collect();
        let out = |(k, value)| Out { name: format!("sum{k}"), value, fetch: Fetch::Sum(k) };
        Ok(outs.into_iter().enumerate().map(out).collect())
    }

    fn finish(&self, _: usize) -> Result<Finish> {
        let trains = self.lowering.mode == Mode::Train;
        let n_gradients = if trains { self.model.vars.len() } else { 0 };
        let update = Some(self.model.update_part(&self.sums, n_gradients)?);
        let mut results = self.sums[..self.sums.len() - n_gradients].to_vec();
        results[0] = Spec::known(self.sums[0].dtype, &[]);
        Ok(Finish { update, results, partial_counts: self.partial_counts.clone(), ended: vec![] })
    }
}
