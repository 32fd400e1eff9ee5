//! Weights between a model and the groups of a file.

use super::model::Model;
use super::own_groups::{OwnGroups, older_path};
use crate::architecture::MemberKind;
use crate::legacy::{Origin, Wanted, converted};
use crate::lowering::WeightTree;
use crate::saving::{Array, ArrayType, Group, NamedArrays};
use crate::{Error, Result};
use cornu_cpu::SlotId;
use cornu_ir::{DType, Tensor};

/// A tensor for an array of a file.
pub(crate) fn to_tensor(a: &Array, dtype: DType) -> Result<Tensor> {
    Ok(match dtype {
        DType::F64 => Tensor::new(a.shape(), a.to_f64()?),
        DType::I32 => {
            Tensor::new(a.shape(), a.to_i64()?.into_iter().map(|x| x as i32).collect::<Vec<_>>())
        }
        DType::I64 => Tensor::new(a.shape(), a.to_i64()?),
        _ => Tensor::new(a.shape(), a.to_f32()?),
    })
}

/// An array of a file for a tensor.
pub(crate) fn to_file_array(t: &Tensor, float: ArrayType) -> Result<Array> {
    Ok(match t.dtype() {
        DType::F32 => Array::from_f32_as(float, &t.dims, t.view().get::<f32>())?,
        DType::F64 => Array::from_f64(&t.dims, t.view().get::<f64>())?,
        DType::I32 => Array::new(
            ArrayType::I32,
            t.dims.clone(),
            t.view().get::<i32>().iter().flat_map(|x| x.to_le_bytes()).collect(),
        )?,
        DType::I64 => Array::new(
            ArrayType::I64,
            t.dims.clone(),
            t.view().get::<i64>().iter().flat_map(|x| x.to_le_bytes()).collect(),
        )?,
        DType::Bool => Array::new(ArrayType::Bool, t.dims.clone(), t.view().get::<u8>().to_vec())?,
    })
}

/// An array of eight bits for whole numbers.
pub(crate) fn int8_array(t: &Tensor) -> Result<Array> {
    let bytes = t.to_f64().iter().map(|x| x.clamp(-127.0, 127.0) as i8 as u8).collect();
    Ok(Array::new(ArrayType::I8, t.dims.clone(), bytes)?)
}

impl Model {
    /// Takes the weights of a group as Keras's weights files hold them.
    ///
    /// # Errors
    /// A weight is missing or of another shape; the model keeps all its weights then.
    pub(crate) fn read_weights(&self, root: &Group) -> Result<()> {
        let mut values = Vec::with_capacity(self.variables().len());
        let groups = OwnGroups::of(self.tree());
        for v in self.variables() {
            if v.spec.lora.is_some() {
                // Files hold what LoRA learned within the kernel.
                values.push(Tensor::zeros(v.spec.dtype(), &v.spec.shape));
                continue;
            }
            let path = v.file_path();
            let array = v.places().find_map(|(group, index)| {
                let path = format!("{group}/vars/{index}");
                let found = root.get(&path).or_else(|| root.get(&older_path(&path)));
                found.or_else(|| root.get(&format!("{}/vars/{index}", groups.older(group)?)))
            });
            let array = array.ok_or_else(|| {
                let held = groups.held(&path, root);
                Error::Config(format!(
                    "weights: `{path}` is missing; the file belongs to another model{held}"
                ))
            })?;
            values.push(self.checked(v, &path, array)?);
        }
        groups.check_all_taken(self.variables(), root)?;
        self.replace_weights(&values);
        Ok(())
    }

    pub(crate) fn checked(&self, v: &super::Variable, path: &str, array: &Array) -> Result<Tensor> {
        if array.shape() != v.spec.shape {
            return Err(Error::Config(format!(
                "weights: `{path}` must have shape {:?}. Received: {:?}",
                v.spec.shape,
                array.shape()
            )));
        }
        to_tensor(array, v.spec.dtype())
    }

    /// The weights as the groups of a weights file: a group for each layer, also for those without
    /// weights.
    pub(crate) fn write_weights(&self) -> Result<Group> {
        self.write_values(&self.tensors())
    }

    /// As [`Model::write_weights`], of values that the weights had at one time.
    pub(crate) fn write_values(&self, values: &[Tensor]) -> Result<Group> {
        let mut root = Group::default();
        write_groups(self.tree(), "", &mut root);
        let float = ArrayType::from_name(self.as_layer().policy().variable_name())
            .unwrap_or(ArrayType::F32);
        for (i, v) in self.variables().iter().enumerate().filter(|(_, v)| v.spec.lora.is_none()) {
            let value = self.merged(i, values);
            let array =
                if v.spec.int8 { int8_array(&value)? } else { to_file_array(&value, float)? };
            for (group, index) in v.places() {
                root.insert(&format!("{group}/vars/{index}"), array.clone())?;
            }
        }
        write_again(self.tree(), "", &mut root)?;
        self.write_idf_weights(&mut root)?;
        Ok(root)
    }

    /// Where A and B of LoRA stand, if this weight is the kernel beside which they learn.
    fn factors(&self, i: usize) -> Option<[usize; 2]> {
        let own = |k: &usize| self.variables()[*k].group == self.variables()[i].group;
        let factors: Vec<usize> = (i + 1..self.variables().len())
            .take_while(own)
            .filter(|k| self.variables()[*k].spec.lora.is_some())
            .collect();
        // The kernel is the first of its layer.
        factors.try_into().ok().filter(|_| self.variables()[i].index == 0)
    }

    /// Writes apart what files hold as one sum: each kernel with LoRA, and its matrices.
    pub(crate) fn write_apart(&self, values: &[Tensor], group: &mut Group) -> Result<()> {
        for (kernel, [a, b]) in
            (0..self.variables().len()).filter_map(|i| Some((i, self.factors(i)?)))
        {
            for i in [kernel, a, b] {
                let array = to_file_array(&values[i], ArrayType::F32)?;
                group.insert(&format!("lora/{i}"), array)?;
            }
        }
        Ok(())
    }

    /// Takes what [`Model::write_apart`] wrote.
    pub(crate) fn read_apart(&self, group: &Group) -> Result<()> {
        let mut values = Vec::new();
        for (name, array) in group.group("lora").iter().flat_map(|g| &g.arrays) {
            let i = name.parse().ok().filter(|i| *i < self.variables().len());
            let i: usize = i.ok_or_else(|| {
                Error::Config(format!(
                    "weights: no weight has the number `{name}`; the file belongs to another model"
                ))
            })?;
            values.push((SlotId(i), self.checked(&self.variables()[i], name, array)?));
        }
        let mut store = self.store().write();
        values.iter().for_each(|(slot, value)| store.replace(*slot, value));
        Ok(())
    }

    /// A weight with what LoRA learned beside it.
    fn merged(&self, i: usize, values: &[Tensor]) -> Tensor {
        let value = values[i].clone();
        let Some([a, b]) = self.factors(i) else { return value };
        let scale = self.variables()[a].spec.lora.unwrap_or(1.0);
        let [a, b] = [a, b].map(|k| &values[k]);
        let (rank, columns) = (b.dims[0], b.dims[1]);
        let (a, b, mut sum) = (a.to_f64(), b.to_f64(), value.to_f64());
        for (row, a) in sum.chunks_mut(columns.max(1)).zip(a.chunks(rank.max(1))) {
            for (j, w) in row.iter_mut().enumerate() {
                *w +=
                    scale * a.iter().enumerate().map(|(k, a)| a * b[k * columns + j]).sum::<f64>();
            }
        }
        match value.dtype() {
            DType::F64 => Tensor::new(&value.dims, sum),
            _ => Tensor::new(&value.dims, sum.into_iter().map(|x| x as f32).collect()),
        }
    }

    /// For each layer with weights, which of the model's they are, in Keras's legacy order.
    pub(crate) fn legacy_order(&self) -> Vec<(usize, Vec<usize>)> {
        let own = |(member, group): (usize, String)| {
            let prefix = format!("layers/{group}");
            let within = format!("{prefix}/");
            let is_own = |i: &usize| {
                let mut places = self.variables()[*i].places();
                places.any(|(group, _)| group == prefix || group.starts_with(&within))
            };
            let mut own: Vec<usize> = (0..self.variables().len()).filter(is_own).collect();
            if let MemberKind::Layer(l) = &self.graph().members[member].kind
                && l.is_trainable()
            {
                // The trainable weights stand before the others.
                own.sort_by_key(|i| !self.variables()[*i].trainable);
            }
            (member, own)
        };
        self.graph().groups().into_iter().map(own).filter(|(_, own)| !own.is_empty()).collect()
    }

    /// The arrays that a legacy file of this origin lists for a layer, for the layer's weights of
    /// these numbers.
    ///
    /// # Errors
    /// More or fewer arrays than the layer has weights.
    pub(crate) fn legacy_arrays(
        &self,
        origin: &Origin,
        layer: &str,
        own: &[usize],
        arrays: &NamedArrays,
    ) -> Result<NamedArrays> {
        let wanted = |i: &usize| {
            let v = &self.variables()[*i];
            Wanted { class: &v.class, name: &v.spec.name, shape: &v.spec.shape }
        };
        converted(origin, layer, &own.iter().map(wanted).collect::<Vec<_>>(), arrays)
    }

    /// Takes the weights of a legacy file: by layer name, in Keras's legacy order.
    pub(crate) fn read_legacy_weights(
        &self,
        origin: &Origin,
        layers: &[(String, NamedArrays)],
    ) -> Result<()> {
        let mut values: Vec<Option<Tensor>> = vec![None; self.variables().len()];
        for (member, own) in self.legacy_order() {
            let m = &self.graph().members[member];
            let arrays = layers.iter().find(|(n, _)| *n == m.name).map(|(_, a)| a);
            let arrays = arrays.ok_or_else(|| {
                Error::Config(format!("weights: the file has none for layer `{}`", m.name))
            })?;
            let arrays = self.legacy_arrays(origin, &m.name, &own, arrays)?;
            for (i, (name, a)) in own.iter().zip(&arrays) {
                values[*i] = Some(self.checked(&self.variables()[*i], name, a)?);
            }
        }
        let values = values.into_iter().enumerate().map(|(i, t)| {
            t.ok_or_else(|| {
                let path = self.variables()[i].file_path();
                Error::Config(format!("weights: `{path}` is missing"))
            })
        });
        self.replace_weights(&values.collect::<Result<Vec<_>>>()?);
        Ok(())
    }
}

/// Makes the groups of a layer and of those inside it; each has a `vars`, be it empty, that notes
/// the layer's name.
fn write_groups(tree: &WeightTree, path: &str, root: &mut Group) {
    let name =
        if tree.label.is_empty() { path.rsplit('/').next().unwrap_or("") } else { &tree.label };
    root.group_mut(&join(path, "vars")).name = Some(name.into());
    for (child, inside) in &tree.children {
        write_groups(inside, &join(path, child), root);
    }
}

/// Writes the weights that files hold a second time.
fn write_again(tree: &WeightTree, path: &str, root: &mut Group) -> Result<()> {
    if let Some((child, number)) = &tree.held_twice
        && let Some(array) = root.get(&join(path, &format!("{child}/vars/{number}"))).cloned()
    {
        root.insert(&join(path, "vars/0"), array)?;
    }
    tree.children
        .iter()
        .try_for_each(|(child, inside)| write_again(inside, &join(path, child), root))
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.into() } else { format!("{path}/{name}") }
}
