//! Comparisons of two values of equal spec, giving bool.

use super::expect_inputs;
use crate::op::{At, Primitive, Sample, sample_numbers};
use crate::spec::{DType, ShapeError, Spec};
use crate::tensor::{Element, Tensor, View, ViewMut};
use crate::var::{Operand, Var};
use crate::with_type;

macro_rules! compare_table {
    ($(#[doc = $doc:literal] $F:ident $name:ident |$a:ident, $b:ident| $f:expr;)*) => {
        /// The comparisons.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum CompareFn {
            $(#[doc = $doc] $F),*
        }

        impl CompareFn {
            /// All of them.
            pub const ALL: &'static [CompareFn] = &[$(CompareFn::$F),*];

            /// Name, as printed.
            pub const fn name(self) -> &'static str {
                match self {
                    $(CompareFn::$F => stringify!($name)),*
                }
            }

            /// The comparison over slices, the choice made once.
            pub fn map<T: Element>(self, x: &[T], y: &[T], out: &mut [u8]) {
                match self {
                    $(CompareFn::$F => {
                        for ((o, &$a), &$b) in out.iter_mut().zip(x).zip(y) {
                            *o = ($f) as u8;
                        }
                    })*
                }
            }
        }

        impl<'g> Var<'g> {
            $(#[doc = $doc]
            pub fn $name(self, other: impl Operand<'g>) -> Var<'g> {
                self.compare(CompareFn::$F, other)
            })*
        }
    };
}

compare_table! {
    /// Equal.
    Eq eq |a, b| a == b;
    /// Not equal.
    Ne ne |a, b| a != b;
    /// Below.
    Lt lt |a, b| a < b;
    /// Not above.
    Le le |a, b| a <= b;
    /// Above.
    Gt gt |a, b| a > b;
    /// Not below.
    Ge ge |a, b| a >= b;
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
        with_type!(ins[0].dtype(), T => {
            self.f.map(ins[0].get::<T>(), ins[1].get::<T>(), out.get::<u8>())
        });
    }

    fn samples() -> Vec<Sample<Self>> {
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
