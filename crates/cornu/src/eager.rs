//! Small programs that are made once for each shape of their inputs: how a layer, a loss, a metric
//! or an optimizer runs alone.

use crate::Result;
use cornu_cpu::{Feed, Fetch, Part, Program, ProgramSpec, SlotId, Store, Threads, Workspace};
use cornu_ir::{Builder, Spec, Tensor, Var, passes};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// How many programs are kept.
const MOST_PROGRAMS: usize = 64;

/// Programs by the specs of their inputs. Clones share them.
#[derive(Clone, Default)]
pub struct Programs(Arc<Mutex<HashMap<Vec<Spec>, Arc<Mutex<Ready>>>>>);

impl fmt::Debug for Programs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Programs")
    }
}

/// A program with the variables that its inputs and outputs are.
struct Ready {
    program: Program,
    workspace: Workspace,
    store: Store,
    n_inputs: usize,
}

impl Programs {
    /// Runs a function of graph values on tensors, and returns its results.
    ///
    /// # Errors
    /// As `function`, which is called for the first inputs of these specs.
    pub fn run(
        &self,
        inputs: &[Tensor],
        function: impl for<'g> FnOnce(&'g Builder, &[Var<'g>]) -> Result<Vec<Var<'g>>>,
    ) -> Result<Vec<Tensor>> {
        let specs: Vec<Spec> = inputs.iter().map(Tensor::spec).collect();
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ready = match made.get(&specs) {
            Some(ready) => ready.clone(),
            None => {
                let ready = Arc::new(Mutex::new(Ready::new(&specs, function)?));
                // Inputs of ever new lengths take no ever growing memory.
                if made.len() == MOST_PROGRAMS {
                    made.clear();
                }
                made.insert(specs, ready.clone());
                ready
            }
        };
        drop(made);
        let mut ready = ready.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(ready.run(inputs))
    }
}

impl Ready {
    fn new(
        specs: &[Spec],
        function: impl for<'g> FnOnce(&'g Builder, &[Var<'g>]) -> Result<Vec<Var<'g>>>,
    ) -> Result<Self> {
        let builder = Builder::new();
        let inputs: Vec<Var<'_>> =
            specs.iter().map(|spec| builder.input("input", spec.clone())).collect();
        let outputs = function(&builder, &inputs)?;
        builder.check()?;
        outputs.into_iter().for_each(|value| builder.output("output", value));
        let graph = builder.finish()?;
        let results = graph.outputs.iter().map(|port| graph.spec(port.value).clone());
        let mut store = Store::new();
        let slots: Vec<SlotId> = specs
            .iter()
            .cloned()
            .chain(results)
            .map(|spec| {
                let dims = spec.numbers().expect("shapes of numbers give shapes of numbers");
                store.push(&Tensor::zeros(spec.dtype, &dims))
            })
            .collect();
        let (inputs, outputs) = slots.split_at(specs.len());
        let part = Part {
            graph: passes::run(graph),
            feeds: inputs.iter().map(|&slot| Feed::State(slot)).collect(),
            fetches: outputs.iter().map(|&slot| Fetch::State(slot)).collect(),
        };
        let program = Program::from(ProgramSpec { update: Some(part), ..ProgramSpec::default() });
        Ok(Self { program, workspace: Workspace::default(), store, n_inputs: specs.len() })
    }

    fn run(&mut self, inputs: &[Tensor]) -> Vec<Tensor> {
        for (i, value) in inputs.iter().enumerate() {
            self.store.write().replace(SlotId(i), value);
        }
        self.program.run(&Threads::new(1), &mut self.workspace, &self.store, &[], &mut []);
        let outputs = self.n_inputs..self.store.len();
        outputs.map(|i| self.store.variable(SlotId(i)).tensor()).collect()
    }
}
