//! What runs once after the shards of a step: penalties on the weights, the optimizer.

use super::compiled_model::CompiledModel;
use crate::Result;
use cornu_cpu::{Feed, Fetch, Part, Program, ProgramSpec, SlotId};
use cornu_ir::grad::gradient;
use cornu_ir::{Builder, Spec, Var};

impl CompiledModel {
    /// The update graph of a step: the penalties added to the loss and, with the gradients as the
    /// last of the sums, the weights moved.
    pub(super) fn update_part(&self, sums: &[Spec], n_gradients: usize) -> Result<Part> {
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
        let params: Vec<Var<'_>> = self
            .trainable
            .iter()
            .zip(&self.vars)
            .map(|(i, v)| {
                feeds.push(Feed::State(SlotId(*i)));
                b.input(v.path.clone(), Spec::known(v.dtype, &v.shape))
            })
            .collect();
        let mut fetches = Vec::new();
        let mut total = values[0];
        let variables = self.variables();
        let penalty = |(k, i): (usize, &usize)| {
            variables[*i].spec.regularizer.as_ref().map(|r| (k, r.of(params[k])))
        };
        let penalties: Vec<(usize, Var<'_>)> =
            self.trainable.iter().enumerate().filter_map(penalty).collect();
        for (_, p) in &penalties {
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
            for (k, p) in penalties {
                let seed = self.optimizer.scale_loss(b.scalar(p.dtype(), 1.0), &[]);
                if let Some(g) = gradient(&[(p, seed)], &[params[k]])[0] {
                    grads[k] = grads[k] + g;
                }
            }
            let specs = self.optimizer.state(&self.vars);
            let state: Vec<Var<'_>> = specs
                .iter()
                .zip(self.state_slots())
                .map(|(s, slot)| {
                    feeds.push(Feed::State(slot));
                    b.input(s.name.clone(), Spec::known(s.dtype, &s.shape))
                })
                .collect();
            if let Some(scale) = self.optimizer.dynamic_scale(&state) {
                grads.iter_mut().for_each(|g| *g = *g * scale.cast(g.dtype()));
            }
            let update = self.optimizer.update(&self.vars, &params, &grads, &state);
            for (v, i) in update.params.iter().zip(&self.trainable) {
                b.output("param", *v);
                fetches.push(Fetch::State(SlotId(*i)));
            }
            for (v, slot) in update.state.iter().zip(self.state_slots()) {
                b.output("state", *v);
                fetches.push(Fetch::State(slot));
            }
        }
        let graph = b.finish()?;
        Ok(Part { graph: cornu_ir::passes::run(graph), feeds, fetches })
    }

    /// Ends the training of the optimizer: where it keeps averages of the weights, they replace the
    /// weights.
    pub(super) fn finalize_weights(&self) -> Result<()> {
        let b = Builder::new();
        let slots: Vec<SlotId> =
            self.trainable.iter().map(|i| SlotId(*i)).chain(self.state_slots()).collect();
        let states = self.optimizer.state(&self.vars);
        let specs = self
            .vars
            .iter()
            .map(|v| Spec::known(v.dtype, &v.shape))
            .chain(states.iter().map(|s| Spec::known(s.dtype, &s.shape)));
        let inputs: Vec<Var<'_>> = specs.map(|s| b.input("value", s)).collect();
        let (params, state) = inputs.split_at(self.vars.len());
        let Some(update) = self.optimizer.finalize(&self.vars, params, state) else {
            return Ok(());
        };
        for v in update.params.iter().chain(&update.state) {
            b.output("value", *v);
        }
        let feeds = slots.iter().map(|s| Feed::State(*s)).collect();
        let fetches = slots.iter().map(|s| Fetch::State(*s)).collect();
        let graph = cornu_ir::passes::run(b.finish()?);
        let update = Some(Part { graph, feeds, fetches });
        let mut program = Program::from(ProgramSpec { update, ..Default::default() });
        let runtime = self.runtime();
        let (threads, mut workspace) = (runtime.threads(), runtime.workspace());
        program.run(&threads, &mut workspace, self.store(), &[], &mut []);
        runtime.give_back(workspace);
        Ok(())
    }
}
