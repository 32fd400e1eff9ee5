//! Pointwise functions of two values of equal spec: a table with the function and its two
//! derivatives in each row.

use super::expect_inputs;
use crate::op::{At, Primitive, Sample, sample_numbers};
use crate::ops::unary::Real;
use crate::spec::{DType, ShapeError, Spec};
use crate::tensor::{Tensor, View, ViewMut};
use crate::var::{Operand, Var};

macro_rules! binary_table {
    ($(
        #[doc = $doc:literal]
        $F:ident $name:ident
        float |$a:ident, $b:ident| $f:expr,
        int |$m:ident, $n:ident| $i:expr,
        grad |$x:ident, $y:ident, $o:ident, $d:ident| $gx:expr, $gy:expr;
    )*) => {
        /// The pointwise functions of two values.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum BinaryFn {
            $(#[doc = $doc] $F),*
        }

        impl BinaryFn {
            /// All of them.
            pub const ALL: &'static [BinaryFn] = &[$(BinaryFn::$F),*];

            /// Name, as printed.
            pub const fn name(self) -> &'static str {
                match self {
                    $(BinaryFn::$F => stringify!($name)),*
                }
            }

            /// The function over slices of floats, the choice made once.
            pub fn map<T: Real>(self, x: &[T], y: &[T], out: &mut [T]) {
                match self {
                    $(BinaryFn::$F => {
                        for ((o, &$a), &$b) in out.iter_mut().zip(x).zip(y) {
                            *o = $f;
                        }
                    })*
                }
            }

            /// The function of two floats.
            pub fn of<T: Real>(self, x: T, y: T) -> T {
                match self {
                    $(BinaryFn::$F => {
                        let ($a, $b) = (x, y);
                        $f
                    })*
                }
            }

            /// The function of two integers.
            pub fn of_i64(self, x: i64, y: i64) -> i64 {
                match self {
                    $(BinaryFn::$F => {
                        let ($m, $n) = (x, y);
                        $i
                    })*
                }
            }

            fn derivatives<'g>(
                self,
                x: Var<'g>,
                y: Var<'g>,
                o: Var<'g>,
                d: Var<'g>,
            ) -> [Option<Var<'g>>; 2] {
                match self {
                    $(BinaryFn::$F => {
                        let ($x, $y, $o, $d) = (x, y, o, d);
                        [$gx, $gy]
                    })*
                }
            }
        }

        impl<'g> Var<'g> {
            $(#[doc = $doc]
            pub fn $name(self, other: impl Operand<'g>) -> Var<'g> {
                self.binary(BinaryFn::$F, other)
            })*
        }
    };
}

/// `d` where `take`, half of it where the two are equal: the subgradient that JAX takes at ties.
fn share<'g>(x: Var<'g>, y: Var<'g>, take: Var<'g>, d: Var<'g>) -> Var<'g> {
    let tie = x.eq(y).cast(d.dtype()) * 0.5;
    d * (take.cast(d.dtype()) + tie)
}

/// Remainder with the divisor's sign, 0 for the divisor 0.
fn floor_mod(m: i64, n: i64) -> i64 {
    match n {
        0 => 0,
        n => m.rem_euclid(n) + if n < 0 && m.rem_euclid(n) != 0 { n } else { 0 },
    }
}

// A row: the function of floats and of integers; its derivatives by `x` and by `y`, times the
// gradient `d` of the result `o`.
binary_table! {
    /// The sum.
    Add add
        float |a, b| a + b,
        int |m, n| m.wrapping_add(n),
        grad |_x, _y, _o, d| Some(d), Some(d);
    /// The difference.
    Sub sub
        float |a, b| a - b,
        int |m, n| m.wrapping_sub(n),
        grad |_x, _y, _o, d| Some(d), Some(-d);
    /// The product.
    Mul mul
        float |a, b| a * b,
        int |m, n| m.wrapping_mul(n),
        grad |x, y, _o, d| Some(d * y), Some(d * x);
    /// The quotient; of integers rounded so that the remainder is not negative, 0 for divisor 0.
    Div div
        float |a, b| a / b,
        int |m, n| if n == 0 { 0 } else { m.div_euclid(n) },
        grad |_x, y, o, d| Some(d / y), Some(-(d * o / y));
    /// The larger.
    Max maximum
        float |a, b| if a > b || a.is_nan() { a } else { b },
        int |m, n| m.max(n),
        grad |x, y, _o, d| Some(share(x, y, x.gt(y), d)), Some(share(x, y, y.gt(x), d));
    /// The smaller.
    Min minimum
        float |a, b| if a < b || a.is_nan() { a } else { b },
        int |m, n| m.min(n),
        grad |x, y, _o, d| Some(share(x, y, x.lt(y), d)), Some(share(x, y, y.lt(x), d));
    /// To the power.
    Pow pow
        float |a, b| a.powf(b),
        int |m, n| m.wrapping_pow(n.clamp(0, u32::MAX as i64) as u32),
        grad |x, y, o, d|
            Some(d * y * x.pow(y - 1.0)),
            Some(d * o * x.gt(0.0).select(x, 1.0).log());
    /// Remainder with the divisor's sign.
    Mod floor_mod
        float |a, b| a - b * (a / b).floor(),
        int |m, n| floor_mod(m, n),
        grad |x, y, _o, d| Some(d), Some(-(d * (x / y).floor()));
    /// Angle of the point (other, self).
    Atan2 atan2
        float |a, b| a.atan2(b),
        int |_m, _n| 0,
        grad |x, y, _o, d|
            Some(d * y / (x * x + y * y)),
            Some(-(d * x / (x * x + y * y)));
}

/// A pointwise function of two values of equal spec; on bool, `Min` is "and", `Max` is "or".
#[derive(Clone, Debug, PartialEq)]
pub struct Binary {
    /// Which.
    pub f: BinaryFn,
}

impl Primitive for Binary {
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
        Ok(vec![Spec::new(ins[0].dtype, dims)])
    }

    fn vjp<'g>(&self, at: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
        self.f.derivatives(at.ins[0], at.ins[1], at.outs[0], at.grad()).into()
    }

    fn eval(&self, ins: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
        let Some(out) = &mut outs[0] else { return };
        match ins[0].dtype() {
            DType::F32 => self.f.map(ins[0].get::<f32>(), ins[1].get::<f32>(), out.get::<f32>()),
            DType::F64 => self.f.map(ins[0].get::<f64>(), ins[1].get::<f64>(), out.get::<f64>()),
            DType::I32 => {
                for ((o, &a), &b) in
                    out.get::<i32>().iter_mut().zip(ins[0].get::<i32>()).zip(ins[1].get::<i32>())
                {
                    *o = self.f.of_i64(a as i64, b as i64) as i32;
                }
            }
            DType::I64 => {
                for ((o, &a), &b) in
                    out.get::<i64>().iter_mut().zip(ins[0].get::<i64>()).zip(ins[1].get::<i64>())
                {
                    *o = self.f.of_i64(a, b);
                }
            }
            DType::Bool => {
                for ((o, &a), &b) in
                    out.get::<u8>().iter_mut().zip(ins[0].get::<u8>()).zip(ins[1].get::<u8>())
                {
                    *o = (self.f.of_i64(a as i64, b as i64) != 0) as u8;
                }
            }
        }
    }

    fn samples() -> Vec<Sample<Self>> {
        let floats = BinaryFn::ALL.iter().map(|&f| {
            let (mut a, b) = (sample_numbers(&[3, 4], 21), sample_numbers(&[3, 4], 22));
            if let (BinaryFn::Pow, crate::tensor::Buffer::F64(v)) = (f, &mut a.data) {
                v.iter_mut().for_each(|x| *x = x.abs() + 0.2);
            }
            Sample::new(Binary { f }, vec![a, b])
        });
        let ints = [BinaryFn::Add, BinaryFn::Div, BinaryFn::Mod, BinaryFn::Max].map(|f| {
            Sample::new(
                Binary { f },
                vec![
                    Tensor::new(&[4], vec![7i32, -7, 5, 0]),
                    Tensor::new(&[4], vec![2i32, 2, -3, 4]),
                ],
            )
        });
        floats.chain(ints).collect()
    }
}
