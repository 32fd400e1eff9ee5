//! The pointwise functions over tiles.
//!
//! Additions to roots are rounded as IEEE 754 says, so they give the same bits on every tier; exp
//! and its kin come from the vector math of the tier.

use super::tile::{Operands, TileFn, choose, each, slice, slice_mut};
use crate::kernels::map::{Map, map};
use cornu_ir::ops::{BinaryFn, CompareFn, Instr, UnaryFn};
use cornu_ir::tensor::Element;
use cornu_ir::{DType, with_type};

/// The function of an instruction whose first value operand has a type.
pub(super) fn tile_fn(instr: &Instr, dtype: DType) -> TileFn {
    match (instr, dtype) {
        (Instr::Unary(f, _), DType::F32) => unary_f32(*f),
        (Instr::Unary(..), _) => unary_f64,
        (Instr::Binary(f, ..), DType::F32) => binary_f32(*f, Numbers::None),
        (Instr::Binary(..), DType::F64) => binary_f64,
        (Instr::Binary(..), DType::I32) => binary_int::<i32>,
        (Instr::Binary(..), DType::I64) => binary_int::<i64>,
        (Instr::Binary(..), DType::Bool) => binary_bool,
        (Instr::Compare(f, ..), DType::F32) => compare_f32(*f),
        (Instr::Compare(..), t) => with_type!(t, T => compare::<T>),
        (Instr::Select(..), t) => match t.size_bytes() {
            1 => select::<u8>,
            4 => select_4,
            _ => select::<u64>,
        },
        (Instr::Cast(to, _), from) => cast_fn(from, *to),
        (Instr::Number(..), _) => unreachable!("numbers are filled in before the tiles"),
    }
}

/// Input and output of a unary function.
///
/// # Safety
/// `o.a` holds `o.n` elements of T and `o.out` is writable for as many, apart from `o.a`.
unsafe fn unary_slices<T: Element>(o: Operands, f: impl FnOnce(&[T], &mut [T])) {
    // SAFETY: both hold n elements of T, apart from each other.
    unsafe { f(slice(o.a, o.n), slice_mut(o.out, o.n)) }
}

/// A vector function over a tile.
///
/// # Safety
/// `o.a` holds `o.n` f32 and `o.out` is writable for as many, apart from `o.a`.
unsafe fn mapped(which: Map, o: Operands) {
    // SAFETY: `TileFn` asks for operands of these types, apart from each other.
    unsafe { unary_slices::<f32>(o, |x, y| map(which, x, y)) }
}

fn unary_f32(f: UnaryFn) -> TileFn {
    macro_rules! vector {
        ($M:ident) => {{
            /// # Safety
            /// As [`TileFn`] says, for a unary function of f32.
            unsafe fn run(_: &Instr, o: Operands) {
                // SAFETY: `TileFn` asks for these operands.
                unsafe { mapped(Map::$M, o) }
            }
            run
        }};
    }
    match f {
        UnaryFn::Neg => choose!(|x: f32| -> f32 { -x }),
        UnaryFn::Abs => choose!(|x: f32| -> f32 { x.abs() }),
        UnaryFn::Sqrt => choose!(|x: f32| -> f32 { x.sqrt() }),
        UnaryFn::Rsqrt => choose!(|x: f32| -> f32 { 1.0 / x.sqrt() }),
        UnaryFn::Relu => choose!(|x: f32| -> f32 { if x > 0.0 || x.is_nan() { x } else { 0.0 } }),
        UnaryFn::Sign => choose!(|x: f32| -> f32 {
            if x > 0.0 {
                1.0
            } else if x < 0.0 {
                -1.0
            } else {
                x
            }
        }),
        UnaryFn::Floor => choose!(|x: f32| -> f32 { x.floor() }),
        UnaryFn::Ceil => choose!(|x: f32| -> f32 { x.ceil() }),
        UnaryFn::Round => choose!(|x: f32| -> f32 { x.round_ties_even() }),
        UnaryFn::IsNan => choose!(|x: f32| -> f32 { if x.is_nan() { 1.0 } else { 0.0 } }),
        UnaryFn::Exp => vector!(Exp),
        UnaryFn::Expm1 => vector!(Expm1),
        UnaryFn::Log => vector!(Log),
        UnaryFn::Tanh => vector!(Tanh),
        UnaryFn::Sigmoid => vector!(Sigmoid),
        UnaryFn::Softplus => vector!(Softplus),
        UnaryFn::Erf => vector!(Erf),
        _ => unary_by_table,
    }
}

/// Functions that have no vector form.
///
/// # Safety
/// `i` is a unary function. The operands that it reads hold `o.n` elements of f32, and `o.out` is
/// writable for as many of its own type, apart from them.
unsafe fn unary_by_table(i: &Instr, o: Operands) {
    let Instr::Unary(f, _) = i else { unreachable!("chosen for a unary function") };
    // SAFETY: `TileFn` asks for operands of these types, apart from each other.
    unsafe { unary_slices::<f32>(o, |x, y| f.map(x, y)) }
}

/// # Safety
/// `i` is a unary function. The operands that it reads hold `o.n` elements of f64, and `o.out` is
/// writable for as many of its own type, apart from them.
unsafe fn unary_f64(i: &Instr, o: Operands) {
    let Instr::Unary(f, _) = i else { unreachable!("chosen for a unary function") };
    // SAFETY: `TileFn` asks for operands of these types, apart from each other.
    unsafe { unary_slices::<f64>(o, |x, y| f.map(x, y)) }
}

/// A function of two tiles, of a number and a tile, of a tile and a number.
macro_rules! binary_forms {
    ($side:ident, |$a:ident, $b:ident| $e:expr) => {
        match $side {
            Numbers::None => choose!(|$a: f32, $b: f32| -> f32 { $e }),
            Numbers::First => choose!(|one $a: f32, $b: f32| -> f32 { $e }),
            Numbers::Second => choose!(|$a: f32, one $b: f32| -> f32 { $e }),
        }
    };
}

/// Which operand of a function of two f32 is one number for the whole tile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Numbers {
    None,
    First,
    Second,
}

/// Whether a function of two f32 has forms that take a number for an operand.
pub(super) fn takes_numbers(f: BinaryFn) -> bool {
    matches!(
        f,
        BinaryFn::Add
            | BinaryFn::Sub
            | BinaryFn::Mul
            | BinaryFn::Div
            | BinaryFn::Max
            | BinaryFn::Min
    )
}

/// The function over tiles of a function of two f32.
pub(super) fn binary_f32(f: BinaryFn, numbers: Numbers) -> TileFn {
    match f {
        BinaryFn::Add => binary_forms!(numbers, |a, b| a + b),
        BinaryFn::Sub => binary_forms!(numbers, |a, b| a - b),
        BinaryFn::Mul => binary_forms!(numbers, |a, b| a * b),
        BinaryFn::Div => binary_forms!(numbers, |a, b| a / b),
        BinaryFn::Max => binary_forms!(numbers, |a, b| if a > b || a.is_nan() { a } else { b }),
        BinaryFn::Min => binary_forms!(numbers, |a, b| if a < b || a.is_nan() { a } else { b }),
        BinaryFn::Mod => choose!(|a: f32, b: f32| -> f32 { a - b * (a / b).floor() }),
        BinaryFn::Pow => choose!(|a: f32, b: f32| -> f32 { a.powf(b) }),
        BinaryFn::Atan2 => choose!(|a: f32, b: f32| -> f32 { a.atan2(b) }),
    }
}

/// # Safety
/// `i` is a binary function. The operands that it reads hold `o.n` elements of f64, and `o.out` is
/// writable for as many of its own type, apart from them.
unsafe fn binary_f64(i: &Instr, o: Operands) {
    let Instr::Binary(f, ..) = i else { unreachable!("chosen for a binary function") };
    // SAFETY: `TileFn` asks for operands of these types, apart from each other.
    unsafe { f.map(slice::<f64>(o.a, o.n), slice(o.b, o.n), slice_mut(o.out, o.n)) }
}

/// # Safety
/// `i` is a binary function. The operands that it reads hold `o.n` elements of T, and `o.out` is
/// writable for as many of its own type, apart from them.
unsafe fn binary_int<T: Element + Into<i64> + TryFrom<i64>>(i: &Instr, o: Operands) {
    let Instr::Binary(f, ..) = i else { unreachable!("chosen for a binary function") };
    // SAFETY: `TileFn` asks for operands of these types, apart from each other.
    let (x, y, out) =
        unsafe { (slice::<T>(o.a, o.n), slice::<T>(o.b, o.n), slice_mut::<T>(o.out, o.n)) };
    for ((o, &a), &b) in out.iter_mut().zip(x).zip(y) {
        *o = wrapped(f.of_i64(a.into(), b.into()));
    }
}

/// The low bits of an i64, as `as` takes them.
fn wrapped<T: Element + TryFrom<i64>>(x: i64) -> T {
    let x = if size_of::<T>() == 4 { i64::from(x as i32) } else { x };
    T::try_from(x).unwrap_or_default()
}

/// # Safety
/// `i` is a binary function. The operands that it reads hold `o.n` elements of bool, and `o.out` is
/// writable for as many of its own type, apart from them.
unsafe fn binary_bool(i: &Instr, o: Operands) {
    let Instr::Binary(f, ..) = i else { unreachable!("chosen for a binary function") };
    // SAFETY: `TileFn` asks for operands of these types, apart from each other.
    let (x, y, out) =
        unsafe { (slice::<u8>(o.a, o.n), slice::<u8>(o.b, o.n), slice_mut::<u8>(o.out, o.n)) };
    for ((o, &a), &b) in out.iter_mut().zip(x).zip(y) {
        *o = (f.of_i64(a.into(), b.into()) != 0) as u8;
    }
}

fn compare_f32(f: CompareFn) -> TileFn {
    match f {
        CompareFn::Eq => choose!(|a: f32, b: f32| -> u8 { (a == b) as u8 }),
        CompareFn::Ne => choose!(|a: f32, b: f32| -> u8 { (a != b) as u8 }),
        CompareFn::Lt => choose!(|a: f32, b: f32| -> u8 { (a < b) as u8 }),
        CompareFn::Le => choose!(|a: f32, b: f32| -> u8 { (a <= b) as u8 }),
        CompareFn::Gt => choose!(|a: f32, b: f32| -> u8 { (a > b) as u8 }),
        CompareFn::Ge => choose!(|a: f32, b: f32| -> u8 { (a >= b) as u8 }),
    }
}

/// # Safety
/// `i` is a comparison. The operands that it reads hold `o.n` elements of T, and `o.out` is
/// writable for as many of its own type, apart from them.
unsafe fn compare<T: Element>(i: &Instr, o: Operands) {
    let Instr::Compare(f, ..) = i else { unreachable!("chosen for a comparison") };
    // SAFETY: `TileFn` asks for operands of these types, apart from each other.
    unsafe { f.map(slice::<T>(o.a, o.n), slice(o.b, o.n), slice_mut(o.out, o.n)) }
}

/// # Safety
/// `o.a` holds `o.n` bools, `o.b` and `o.c` as many T, and `o.out` is writable for as many T, apart
/// from them.
unsafe fn select<T: Copy>(_: &Instr, o: Operands) {
    // SAFETY: `TileFn` asks for operands of these types, apart from each other.
    let (c, x, y, out) = unsafe {
        (
            slice::<u8>(o.a, o.n),
            slice::<T>(o.b, o.n),
            slice::<T>(o.c, o.n),
            slice_mut::<T>(o.out, o.n),
        )
    };
    for (((o, &c), &a), &b) in out.iter_mut().zip(c).zip(x).zip(y) {
        *o = if c != 0 { a } else { b };
    }
}

/// Selection by four bytes, the width of f32 and i32.
///
/// # Safety
/// `o.a` holds `o.n` bools, `o.b` and `o.c` as many elements of four bytes, and `o.out` is writable
/// for as many, apart from them.
unsafe fn select_4(i: &Instr, o: Operands) {
    // SAFETY: the function chosen asks for the same operands.
    unsafe { (choose!(|c: u8, a: u32, b: u32| -> u32 { if c != 0 { a } else { b } }))(i, o) }
}

fn cast_fn(from: DType, to: DType) -> TileFn {
    match (from, to) {
        (DType::Bool, DType::F32) => choose!(|x: u8| -> f32 { x as f32 }),
        (DType::I32, DType::F32) => choose!(|x: i32| -> f32 { x as f32 }),
        (DType::F32, DType::I32) => choose!(|x: f32| -> i32 { x as i32 }),
        (from, DType::Bool) => with_type!(from, S => cast_bool::<S>),
        (from, to) => with_type!(from, S => with_type!(to, T => {
            /// # Safety
            /// As [`TileFn`] says, for a cast from S to T.
            unsafe fn run(_: &Instr, o: Operands) {
                each!(o, |x: S| -> T { x as T });
            }
            run as TileFn
        })),
    }
}

/// # Safety
/// `o.a` holds `o.n` elements of S, and `o.out` is writable for as many bools, apart from `o.a`.
unsafe fn cast_bool<S: Element>(_: &Instr, o: Operands) {
    // SAFETY: `TileFn` asks for operands of these types, apart from each other.
    let (x, out) = unsafe { (slice::<S>(o.a, o.n), slice_mut::<u8>(o.out, o.n)) };
    for (o, &x) in out.iter_mut().zip(x) {
        *o = (x != S::default()) as u8;
    }
}
