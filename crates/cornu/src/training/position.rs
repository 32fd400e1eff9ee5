//! The position of a run: epoch, step and the sums of the epoch so far.

use super::compiled_model::CompiledModel;
use super::history::Running;
use crate::model::{to_file_array, to_tensor};
use crate::saving::{Array, ArrayType, Group};
use crate::{Error, Result};
use cornu_ir::{DType, Tensor};

/// Position in a training run: the next step, and the sums of the current epoch.
#[derive(Clone, Debug, Default)]
pub struct Position {
    /// Epoch, counted from 0.
    pub epoch: usize,
    /// Number of training steps done in the epoch.
    pub step: usize,
    /// Sums over those steps.
    pub(crate) running: Running,
}

impl Position {
    /// Returns the position at the start of an epoch.
    pub fn at(epoch: usize) -> Self {
        Self { epoch, ..Self::default() }
    }

    /// Writes it into a group of a file.
    pub(crate) fn write(&self, group: &mut Group) -> Result<()> {
        let (layout, sums) = self.running.flat();
        group.insert("epoch", Array::i64_scalar(self.epoch as i64))?;
        group.insert("step", Array::i64_scalar(self.step as i64))?;
        group.insert(
            "layout",
            Array::new(
                ArrayType::I64,
                vec![layout.len()],
                layout.iter().flat_map(|n| (*n as i64).to_le_bytes()).collect(),
            )?,
        )?;
        Ok(group.insert("sums", Array::from_f64(&[sums.len()], &sums)?)?)
    }

    /// Takes it from a group of a file.
    pub(crate) fn read(group: &Group) -> Result<Self> {
        let broken = || {
            Error::Config(
                "backup: the position of the run (epoch, step, layout, sums) cannot be \
                read; delete the backup to start anew"
                    .into(),
            )
        };
        let numbers = |name: &str| -> Result<Vec<usize>> {
            let values = group.get(name).ok_or_else(broken)?.to_i64()?;
            values.into_iter().map(|n| usize::try_from(n).map_err(|_| broken())).collect()
        };
        let one = |name: &str| numbers(name)?.first().copied().ok_or_else(broken);
        let sums = group.get("sums").ok_or_else(broken)?.to_f64()?;
        let running = Running::from_flat(&numbers("layout")?, &sums).ok_or_else(broken)?;
        Ok(Self { epoch: one("epoch")?, step: one("step")?, running })
    }
}

impl CompiledModel {
    /// Writes what a run carries besides the weights of a file and the optimizer: its place in the
    /// random numbers, the states of stateful layers, and kernels apart from what LoRA learns
    /// beside them.
    pub(crate) fn write_runtime(&self, weights: &[Tensor], group: &mut Group) -> Result<()> {
        let runtime = self.runtime();
        group.insert("seed", Array::i64_scalar(runtime.seed() as i64))?;
        group.insert("n_steps", Array::i64_scalar(runtime.n_steps() as i64))?;
        for (layer, states) in self.tree().states() {
            for (state, rows, variable) in states.all() {
                let array = to_file_array(&variable.tensor(), ArrayType::F32)?;
                group.insert(&format!("states/{layer}_{state}_{rows}"), array)?;
            }
        }
        self.write_apart(weights, group)
    }

    /// Takes what [`CompiledModel::write_runtime`] wrote.
    pub(crate) fn read_runtime(&self, group: &Group) -> Result<()> {
        let broken = || {
            Error::Config(
                "backup: the state of the run (seed, n_steps, states) cannot be read; \
                delete the backup to start anew"
                    .into(),
            )
        };
        let one = |name: &str| -> Result<u64> {
            let values = group.get(name).ok_or_else(broken)?.to_i64()?;
            Ok(values.first().copied().ok_or_else(broken)? as u64)
        };
        let (seed, n_steps) = (one("seed")?, one("n_steps")?);
        let mut states = Vec::new();
        for (name, array) in group.group("states").iter().flat_map(|g| &g.arrays) {
            let key: Vec<usize> = name.split('_').filter_map(|n| n.parse().ok()).collect();
            let [layer, state, rows] = key[..] else { return Err(broken()) };
            let dtype = if array.dtype() == ArrayType::F64 { DType::F64 } else { DType::F32 };
            states.push((layer, state, rows, to_tensor(array, dtype)?));
        }
        self.read_apart(group)?;
        let runtime = self.runtime();
        runtime.set_seed(seed);
        runtime.set_n_steps(n_steps);
        for (layer, held) in self.tree().states() {
            let own = states.iter().filter(|(first, ..)| *first == layer);
            own.for_each(|(_, state, rows, value)| held.set(*state, *rows, value));
        }
        Ok(())
    }
}
