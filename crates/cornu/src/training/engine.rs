//! Running tasks: the program for a batch found or made, and run.

use super::assembly::{Batch, Sets};
use super::shards::{ShardWriter, Shards};
use super::task::{Lowering, Stage, Task};
use super::unequal::Unequal;
use super::work::product_flops;
use crate::Result;
use crate::runtime::{BatchShape, Execution, Prepared, Programs};
use cornu_cpu::{ProgramLayout, ProgramSpec, Workspace};
use cornu_ir::{Spec, Tensor, View};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Runs the tasks of one stage of a model with the programs that it keeps.
#[derive(Clone, Copy)]
pub(crate) struct Engine<'a> {
    pub(crate) stage: Stage<'a>,
    pub(crate) programs: &'a Programs,
}

/// True if a program is for a task on batches that stand as this one.
fn fits(prepared: &Prepared, lowering: &Lowering, batch: &Batch) -> bool {
    prepared.mode == lowering.mode
        && prepared.stretch == lowering.states.stretch
        && prepared.shape.is_of(&batch.arrays, batch.packed.as_ref(), &batch.in_rows)
}

impl Engine<'_> {
    /// Copies samples into a batch for a task. Sequences of unequal length are packed in as many
    /// shards as the task's graph for the whole batch is worth.
    pub(crate) fn assemble(
        &self,
        task: &mut dyn Task,
        sets: &Sets<'_>,
        samples: &[u32],
        batch: &mut Batch,
        unequal: Unequal,
    ) -> Result<()> {
        let mut whole = None;
        batch.gather(sets, samples, unequal, |shape, packed| {
            let lowering = task.lowering();
            let key = (lowering.mode, lowering.states.stretch, packed.clone());
            self.programs.cut(key, || {
                let (n, shards) = ShardWriter::new(self.stage, shape, task)?.count()?;
                whole = shards;
                Ok(n)
            })
        })?;
        batch.whole = whole;
        Ok(())
    }

    /// Runs a task on a batch and reads its results.
    pub(crate) fn run<R>(
        &self,
        task: &mut dyn Task,
        batch: &mut Batch,
        read: impl FnOnce(&Prepared, &[Tensor]) -> R,
    ) -> Result<R> {
        let threads = self.stage.model.runtime().threads();
        self.with_program(task, batch, |prepared, execution, workspace, inputs| {
            let Execution { program, results } = execution;
            let mut views: Vec<_> = results.iter_mut().map(Tensor::view_mut).collect();
            program.run(&threads, workspace, &prepared.store, inputs, &mut views);
            read(prepared, results)
        })
    }

    /// Runs a task on this thread and tells where its time went: operation or phase, calls,
    /// seconds, operations of floating point of its matrix products.
    pub(crate) fn profile(
        &self,
        task: &mut dyn Task,
        batch: &mut Batch,
    ) -> Result<Vec<(&'static str, usize, f64, f64)>> {
        self.with_program(task, batch, |prepared, execution, workspace, inputs| {
            let Execution { program, results } = execution;
            let mut views: Vec<_> = results.iter_mut().map(Tensor::view_mut).collect();
            let times = program.profile(workspace, &prepared.store, inputs, &mut views);
            let flops = |op: &str| {
                let row = prepared.product_flops.iter().find(|(name, _)| *name == op);
                row.map_or(0.0, |(_, flops)| *flops)
            };
            times.into_iter().map(|(op, calls, s)| (op, calls, s, flops(op))).collect()
        })
    }

    /// Hands on the program of a batch with what it runs on.
    fn with_program<R>(
        &self,
        task: &mut dyn Task,
        batch: &mut Batch,
        run: impl FnOnce(&Prepared, &mut Execution, &mut Workspace, &[View<'_>]) -> R,
    ) -> Result<R> {
        let prepared = self.prepared(task, batch)?;
        let runtime = self.stage.model.runtime();
        let (mut execution, mut workspace) = (prepared.execution(), runtime.workspace());
        let key = runtime.random_key();
        let mut inputs: Vec<View<'_>> = batch.arrays.iter().map(Tensor::view).collect();
        inputs.push(key.view());
        let result = run(&prepared, &mut execution, &mut workspace, &inputs);
        runtime.give_back(workspace);
        prepared.give_back(execution);
        Ok(result)
    }

    /// The program for batches of this shape, made when first asked for.
    fn prepared(&self, task: &mut dyn Task, batch: &mut Batch) -> Result<Arc<Prepared>> {
        let lowering = task.lowering();
        let whole = batch.whole.take();
        let mut hasher = DefaultHasher::new();
        (lowering.mode, lowering.states.stretch).hash(&mut hasher);
        batch.hash_shape(&mut hasher);
        let hash = hasher.finish();
        if let Some(prepared) = self.programs.find(hash, |p| fits(p, &lowering, batch)) {
            return Ok(prepared);
        }
        let started = Instant::now();
        let prepared = self.prepare(task, lowering, batch.shape(), whole)?;
        let plan_s = started.elapsed().as_secs_f64();
        Ok(self.programs.keep(hash, prepared, plan_s, |p| fits(p, &lowering, batch)))
    }

    fn prepare(
        &self,
        task: &mut dyn Task,
        lowering: Lowering,
        shape: BatchShape,
        whole: Option<Shards>,
    ) -> Result<Prepared> {
        let shards = match whole {
            Some(shards) if shape.n_shards() == Some(1) => shards,
            _ => ShardWriter::new(self.stage, &shape, task)?.write()?,
        };
        let finish = task.finish(shape.samples()?)?;
        let spec = ProgramSpec { update: finish.update, ..shards.spec };
        let product_flops = product_flops(&spec);
        let zeros = |s: &Spec| Tensor::zeros(s.dtype, &s.numbers().expect("results of known size"));
        Ok(Prepared {
            mode: lowering.mode,
            stretch: lowering.states.stretch,
            shape,
            layout: Arc::new(ProgramLayout::new(spec)),
            store: shards.store,
            results: finish.results.iter().map(zeros).collect(),
            partial_counts: finish.partial_counts,
            ended: finish.ended,
            product_flops,
            free: Mutex::default(),
        })
    }
}
