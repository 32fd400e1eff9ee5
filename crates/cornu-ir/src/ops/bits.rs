//! Whole numbers bit by bit, and the bits of floats as whole numbers.

use super::expect_inputs;
use crate::op::{At, Primitive, Sample, sample_numbers};
use crate::spec::{DType, ShapeError, Spec};
use crate::tensor::{Tensor, View, ViewMut};
use crate::var::Var;

/// Functions of two whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum BitsFn {
    And,
    Or,
    Xor,
    /// To the left; bits that leave the type are lost.
    Left,
    /// To the right, the sign coming in.
    Right,
    /// Greatest common divisor, not negative.
    Gcd,
}

impl BitsFn {
    /// All of them.
    pub const ALL: &'static [BitsFn] =
        &[BitsFn::And, BitsFn::Or, BitsFn::Xor, BitsFn::Left, BitsFn::Right, BitsFn::Gcd];

    /// The function.
    pub fn of(self, x: i64, y: i64) -> i64 {
        let by = || u32::try_from(y).unwrap_or(u32::MAX);
        match self {
            BitsFn::And => x & y,
            BitsFn::Or => x | y,
            BitsFn::Xor => x ^ y,
            BitsFn::Left => x.checked_shl(by()).unwrap_or(0),
            BitsFn::Right => x >> by().min(63),
            BitsFn::Gcd => {
                let (mut a, mut b) = (x.unsigned_abs(), y.unsigned_abs());
                while b != 0 {
                    (a, b) = (b, a % b);
                }
                a as i64
            }
        }
    }
}

/// A function of two whole numbers or, but for shifts and divisors, of two truth values.
#[derive(Clone, Debug, PartialEq)]
pub struct Bits {
    /// Which.
    pub f: BitsFn,
}

impl Primitive for Bits {
    fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
        expect_inputs("bits", ins, 2)?;
        let of_bool =
            ins[0].dtype == DType::Bool && matches!(self.f, BitsFn::And | BitsFn::Or | BitsFn::Xor);
        if !ins[0].agrees(&ins[1]) || !(ins[0].dtype.is_int() || of_bool) {
            return Err(ShapeError::new(
                "bits",
                "two values of whole numbers of one type and shape are needed",
                ins,
            ));
        }
        let dims = ins[0].dims.iter().zip(&ins[1].dims).map(|(a, b)| a.or(*b)).collect::<Vec<_>>();
        Ok(vec![Spec::new(ins[0].dtype, dims)])
    }

    fn vjp<'g>(&self, _: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
        vec![None, None]
    }

    fn eval(&self, ins: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
        let Some(out) = &mut outs[0] else { return };
        macro_rules! each {
            ($T:ty) => {
                for ((o, &a), &b) in
                    out.get::<$T>().iter_mut().zip(ins[0].get::<$T>()).zip(ins[1].get::<$T>())
                {
                    *o = self.f.of(a as i64, b as i64) as $T;
                }
            };
        }
        match ins[0].dtype() {
            DType::I32 => each!(i32),
            DType::I64 => each!(i64),
            _ => each!(u8),
        }
    }

    fn samples() -> Vec<Sample<Self>> {
        let numbers = || {
            vec![Tensor::new(&[4], vec![7i32, -7, 12, 0]), Tensor::new(&[4], vec![2i32, 1, 18, 40])]
        };
        BitsFn::ALL.iter().map(|&f| Sample::new(Bits { f }, numbers())).collect()
    }
}

/// The bits of a float as a whole number of its width, and the other way round.
#[derive(Clone, Debug, PartialEq)]
pub struct Bitcast;

impl Bitcast {
    /// The type that the bits of another are read as.
    pub fn of(dtype: DType) -> DType {
        match dtype {
            DType::F32 => DType::I32,
            DType::F64 => DType::I64,
            DType::I32 => DType::F32,
            DType::I64 => DType::F64,
            DType::Bool => DType::Bool,
        }
    }
}

impl Primitive for Bitcast {
    fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
        expect_inputs("bitcast", ins, 1)?;
        Ok(vec![Spec::new(Bitcast::of(ins[0].dtype), ins[0].dims.clone())])
    }

    fn vjp<'g>(&self, _: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
        vec![None]
    }

    fn eval(&self, ins: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
        let Some(out) = &mut outs[0] else { return };
        match ins[0].dtype() {
            DType::F32 => out
                .get::<i32>()
                .iter_mut()
                .zip(ins[0].get::<f32>())
                .for_each(|(o, x)| *o = x.to_bits() as i32),
            DType::F64 => out
                .get::<i64>()
                .iter_mut()
                .zip(ins[0].get::<f64>())
                .for_each(|(o, x)| *o = x.to_bits() as i64),
            DType::I32 => out
                .get::<f32>()
                .iter_mut()
                .zip(ins[0].get::<i32>())
                .for_each(|(o, x)| *o = f32::from_bits(*x as u32)),
            DType::I64 => out
                .get::<f64>()
                .iter_mut()
                .zip(ins[0].get::<i64>())
                .for_each(|(o, x)| *o = f64::from_bits(*x as u64)),
            DType::Bool => out.get::<u8>().copy_from_slice(ins[0].get::<u8>()),
        }
    }

    fn samples() -> Vec<Sample<Self>> {
        vec![
            Sample::new(Bitcast, vec![sample_numbers(&[5], 301)]),
            Sample::new(Bitcast, vec![Tensor::new(&[2], vec![1_065_353_216i32, 0])]),
        ]
    }
}
