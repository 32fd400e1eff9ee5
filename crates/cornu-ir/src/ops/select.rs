//! A choice between two values by a bool.

use super::expect_inputs;
use crate::op::{At, Primitive, Sample, sample_numbers};
use crate::spec::{DType, ShapeError, Spec};
use crate::tensor::{Tensor, View, ViewMut};
use crate::var::Var;
use crate::with_type;

/// `condition ? a : b`, all of equal dims. Inputs: condition (bool), a, b.
#[derive(Clone, Debug, PartialEq)]
pub struct Select;

impl Primitive for Select {
    fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
        expect_inputs("select", ins, 3)?;
        let as_bool = Spec::new(DType::Bool, ins[1].dims.clone());
        if ins[0].dtype != DType::Bool || !ins[1].agrees(&ins[2]) || !ins[0].agrees(&as_bool) {
            return Err(ShapeError::new(
                "select",
                "a bool and two values of one type, all of one shape, are needed",
                ins,
            ));
        }
        let dims = (0..ins[1].rank())
            .map(|i| ins[1].dims[i].or(ins[2].dims[i]).or(ins[0].dims[i]))
            .collect::<Vec<_>>();
        Ok(vec![Spec::new(ins[1].dtype, dims)])
    }

    fn vjp<'g>(&self, at: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
        let d = at.grad();
        vec![None, Some(at.ins[0].select(d, 0.0)), Some(at.ins[0].select(d.zeros_like(), d))]
    }

    fn eval(&self, ins: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
        let Some(out) = &mut outs[0] else { return };
        let c = ins[0].get::<u8>();
        with_type!(ins[1].dtype(), T => {
            let (a, b) = (ins[1].get::<T>(), ins[2].get::<T>());
            for (i, o) in out.get::<T>().iter_mut().enumerate() {
                *o = if c[i] != 0 { a[i] } else { b[i] };
            }
        });
    }

    fn samples() -> Vec<Sample<Self>> {
        vec![Sample::new(
            Select,
            vec![
                Tensor::new(&[4], vec![1u8, 0, 0, 1]),
                sample_numbers(&[4], 41),
                sample_numbers(&[4], 42),
            ],
        )]
    }
}
