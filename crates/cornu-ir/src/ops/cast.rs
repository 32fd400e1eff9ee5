//! The same numbers in another type.

use super::expect_inputs;
use crate::op::{At, Primitive, Sample, sample_numbers};
use crate::spec::{DType, ShapeError, Spec};
use crate::tensor::{Tensor, View, ViewMut};
use crate::var::Var;
use crate::with_type;

/// A cast. Floats to integers truncate and saturate; anything to bool is "not 0".
#[derive(Clone, Debug, PartialEq)]
pub struct Cast {
    /// The type to cast to.
    pub dtype: DType,
}

impl Primitive for Cast {
    fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
        expect_inputs("cast", ins, 1)?;
        Ok(vec![Spec::new(self.dtype, ins[0].dims.clone())])
    }

    fn vjp<'g>(&self, at: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
        let from = at.ins[0].dtype();
        vec![(from.is_float() && self.dtype.is_float()).then(|| at.grad().cast(from))]
    }

    fn eval(&self, ins: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
        let Some(out) = &mut outs[0] else { return };
        with_type!(ins[0].dtype(), S => {
            let x = ins[0].get::<S>();
            if self.dtype == DType::Bool {
                for (o, x) in out.get::<u8>().iter_mut().zip(x) {
                    *o = (*x != S::default()) as u8;
                }
            } else {
                with_type!(self.dtype, T => for (o, x) in out.get::<T>().iter_mut().zip(x) {
                    *o = *x as T;
                });
            }
        });
    }

    fn samples() -> Vec<Sample<Self>> {
        vec![
            Sample::new(Cast { dtype: DType::I32 }, vec![sample_numbers(&[6], 51)]),
            Sample::new(Cast { dtype: DType::F64 }, vec![Tensor::new(&[3], vec![1i32, -2, 0])]),
            Sample::new(
                Cast { dtype: DType::Bool },
                vec![Tensor::new(&[3], vec![1.5f64, 0.0, -2.0])],
            ),
        ]
    }
}
