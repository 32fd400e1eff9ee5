//! Values known when the graph is written: a tensor, or 0, 1, 2, … along an axis.

use super::expect_inputs;
use crate::op::{At, Primitive, Sample};
use crate::spec::{DType, Dim, ShapeError, Spec};
use crate::tensor::{Tensor, View, ViewMut};
use crate::var::Var;
use crate::{tensor::Element, with_type};

/// A tensor that is part of the graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    /// The tensor.
    pub value: Tensor,
}

impl Primitive for Constant {
    fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
        expect_inputs("constant", ins, 0)?;
        Ok(vec![self.value.spec()])
    }

    fn vjp<'g>(&self, _: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
        vec![]
    }

    fn eval(&self, _: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
        if let Some(out) = &mut outs[0] {
            with_type!(self.value.dtype(), T => {
                out.get::<T>().copy_from_slice(self.value.view().get::<T>())
            });
        }
    }

    fn samples() -> Vec<Sample<Self>> {
        vec![Sample::new(Constant { value: Tensor::new(&[2], vec![1.5f64, -2.0]) }, vec![])]
    }

    fn flops(&self, _: &[&Spec], _: &[&Spec]) -> f64 {
        0.0
    }
}

/// The index along one axis at every position.
#[derive(Clone, Debug, PartialEq)]
pub struct Iota {
    /// I32 or I64.
    pub dtype: DType,
    /// Dims of the result.
    pub dims: Vec<Dim>,
    /// The axis counted.
    pub axis: usize,
}

impl Primitive for Iota {
    fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
        expect_inputs("iota", ins, 0)?;
        if !self.dtype.is_int() || self.axis >= self.dims.len() {
            return Err(ShapeError::new(
                "iota",
                "an integer type and an axis of the result are needed",
                ins,
            ));
        }
        Ok(vec![Spec::new(self.dtype, self.dims.clone())])
    }

    fn vjp<'g>(&self, _: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
        vec![]
    }

    fn eval(&self, _: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
        let Some(out) = &mut outs[0] else { return };
        let inner: usize = out.dims[self.axis + 1..].iter().product();
        let n = out.dims[self.axis];
        match self.dtype {
            DType::I32 => fill(out.get::<i32>(), inner, n, |i| i as i32),
            _ => fill(out.get::<i64>(), inner, n, |i| i as i64),
        }
    }

    fn samples() -> Vec<Sample<Self>> {
        vec![Sample::new(
            Iota { dtype: DType::I32, dims: vec![Some(2), Some(3), Some(2)], axis: 1 },
            vec![],
        )]
    }
}

fn fill<T: Element>(out: &mut [T], inner: usize, n: usize, of: impl Fn(usize) -> T) {
    for (k, o) in out.iter_mut().enumerate() {
        *o = of(k / inner % n);
    }
}
