//! The state of an optimizer in files.

use super::compiled_model::CompiledModel;
use crate::model::{to_file_array, to_tensor};
use crate::optimizers::SavedGroup;
use crate::saving::{ArrayType, Group};
use crate::{Error, Result};
use cornu_cpu::SlotId;
use cornu_ir::Tensor;
use cornu_ir::spec::dims_text;

impl CompiledModel {
    /// In how many groups files hold the optimizer's variables: one for each optimizer within.
    pub(crate) fn n_state_groups(&self) -> usize {
        self.optimizer.groups(&self.vars).len()
    }

    /// The names of the optimizer's variables, in the order of files.
    pub(crate) fn state_names(&self) -> Vec<String> {
        self.optimizer.state(&self.vars).into_iter().map(|spec| spec.name).collect()
    }

    /// The weights that the optimizer moves.
    pub(crate) fn trained_weights(&self) -> Vec<&crate::model::Variable> {
        self.trainable.iter().map(|i| &self.variables()[*i]).collect()
    }

    /// Takes the state of the optimizer from a file's group `optimizer`. Of a group with another
    /// number of variables nothing is taken, as in Keras: a file of a model that was never trained
    /// holds the first ones only, which say no more than the config.
    ///
    /// # Errors
    /// A variable of another shape; nothing is taken then.
    pub(crate) fn read_optimizer_state(&self, group: &Group) -> Result<()> {
        let mut values = Vec::new();
        for SavedGroup { path, name, places } in self.optimizer.groups(&self.vars) {
            let Some(vars) = group.group(&path) else { continue };
            let (n, m) = (places.len(), vars.arrays.len());
            if n != m {
                if vars.arrays.iter().any(|(_, a)| !a.shape().is_empty()) {
                    log::warn!(
                        "the state of optimizer `{name}` is not taken from the file: it \
                         has {n} variables, the file {m}"
                    );
                }
                continue;
            }
            for (place, (name, array)) in places.zip(&vars.arrays) {
                let spec = self.state()[place].spec();
                if array.shape() != spec.numbers().unwrap_or_default() {
                    return Err(Error::Config(format!(
                        "optimizer: variable {name} must have shape {}. Received: {:?}",
                        dims_text(&spec.dims),
                        array.shape()
                    )));
                }
                let slot = SlotId(self.variables().len() + place);
                values.push((slot, to_tensor(array, spec.dtype)?));
            }
        }
        let mut store = self.store().write();
        values.iter().for_each(|(slot, t): &(SlotId, Tensor)| store.replace(*slot, t));
        Ok(())
    }

    /// Writes values of the optimizer's variables into a file.
    pub(crate) fn write_optimizer_state(&self, state: &[Tensor], root: &mut Group) -> Result<()> {
        for SavedGroup { path, name, places } in self.optimizer.groups(&self.vars) {
            root.group_mut(&format!("optimizer/{path}")).name = Some(name);
            for (i, value) in state[places].iter().enumerate() {
                let array = to_file_array(value, ArrayType::F32)?;
                root.insert(&format!("optimizer/{path}/{i}"), array)?;
            }
        }
        Ok(())
    }
}
