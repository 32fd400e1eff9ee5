//! Comparisons of two values of equal spec, giving bool.

use super::expect_inputs;
use crate::builder::Var;
use crate::op::{At, Primitive, Sample, ShapeError, sample_numbers};
use crate::spec::{DType, Spec};
use crate::tensor::{Element, Tensor, View, ViewMut};
use crate::with_type;

/// The comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum CompareFn {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl CompareFn {
    /// All of them.
    pub const ALL: &'static [CompareFn] =
        &[CompareFn::Eq, CompareFn::Ne, CompareFn::Lt, CompareFn::Le, CompareFn::Gt, CompareFn::Ge];

    /// Name, as printed.
    pub const fn name(self) -> &'static str {
        match self {
            CompareFn::Eq => "eq",
            CompareFn::Ne => "ne",
            CompareFn::Lt => "lt",
            CompareFn::Le => "le",
            CompareFn::Gt => "gt",
            CompareFn::Ge => "ge",
        }
    }

    /// The comparison over slices, the choice made once.
    pub fn map<T: Element>(self, a: &[T], b: &[T], out: &mut [u8]) {
        fn each<T: Copy>(a: &[T], b: &[T], out: &mut [u8], f: impl Fn(T, T) -> bool) {
            for ((o, &a), &b) in out.iter_mut().zip(a).zip(b) {
                *o = f(a, b) as u8;
            }
        }
        match self {
            CompareFn::Eq => each(a, b, out, |a, b| a == b),
            CompareFn::Ne => each(a, b, out, |a, b| a != b),
            CompareFn::Lt => each(a, b, out, |a, b| a < b),
            CompareFn::Le => each(a, b, out, |a, b| a <= b),
            CompareFn::Gt => each(a, b, out, |a, b| a > b),
            CompareFn::Ge => each(a, b, out, |a, b| a >= b),
        }
    }
}

/// A comparison of two values of equal spec.
#[derive(Clone, Debug, PartialEq)]
pub struct Compare {
    /// Which.
    pub f: CompareFn,
}

impl Primitive for Compare {
    fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
        expect_inputs(self.f.name(), ins, 2)?;
        if !ins[0].agrees(&ins[1]) {
            return Err(ShapeError::new(
                self.f.name(),
                "two values of one type and shape are needed",
                ins,
            ));
        }
        let dims = ins[0].dims.iter().zip(&ins[1].dims).map(|(a, b)| a.or(*b)).collect::<Vec<_>>();
        Ok(vec![Spec::new(DType::Bool, dims)])
    }

    fn vjp<'g>(&self, _: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
        vec![None, None]
    }

    fn eval(&self, ins: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
        let Some(out) = &mut outs[0] else { return };
        with_type!(ins[0].dtype(), T => self.f.map(ins[0].get::<T>(), ins[1].get::<T>(), out.get::<u8>()));
    }

    fn samples() -> Vec<Sample> {
        let floats = CompareFn::ALL.iter().map(|&f| {
            Sample::new(Compare { f }, vec![sample_numbers(&[5], 31), sample_numbers(&[5], 32)])
        });
        let ints = CompareFn::ALL.iter().map(|&f| {
            Sample::new(
                Compare { f },
                vec![Tensor::new(&[3], vec![1i32, 2, 3]), Tensor::new(&[3], vec![2i32, 2, 2])],
            )
        });
        floats.chain(ints).collect()
    }
}
