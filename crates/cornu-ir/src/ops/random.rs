//! Random numbers by position: element `k` of a stream depends on the key, the salt and `k`, and on
//! nothing else.
//!
//! The first element's position is an input, so that a shard of a batch draws the numbers that the
//! whole batch would have drawn for its rows. The stream is ChaCha8, which is specified bit for
//! bit.

use super::expect_inputs;
use crate::op::{At, Primitive, Sample};
use crate::spec::{DType, Dim, ShapeError, Spec};
use crate::tensor::{Tensor, View, ViewMut};
use crate::var::Var;
use crate::with_float;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RandomKind {
    /// Even in [0, 1).
    Uniform,
    /// Standard normal.
    Normal,
}

/// Random numbers. Inputs: key, i64 (); row, i64 (): the position of the first row.
#[derive(Clone, Debug, PartialEq)]
pub struct Random {
    /// What is drawn.
    pub kind: RandomKind,
    /// F32 or F64.
    pub dtype: DType,
    /// Dims of the result.
    pub dims: Vec<Dim>,
    /// Keeps the streams of one graph apart.
    pub salt: u64,
}

impl Primitive for Random {
    fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
        expect_inputs("random", ins, 2)?;
        if !self.dtype.is_float() || ins.iter().any(|s| s.dtype != DType::I64 || s.rank() != 0) {
            return Err(ShapeError::new(
                "random",
                "a float type, an i64 key and an i64 row are needed",
                ins,
            ));
        }
        Ok(vec![Spec::new(self.dtype, self.dims.clone())])
    }

    fn vjp<'g>(&self, _: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
        vec![None, None]
    }

    fn eval(&self, ins: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
        let Some(out) = &mut outs[0] else { return };
        let (key, row) = (ins[0].get::<i64>()[0] as u64, ins[1].get::<i64>()[0] as u64);
        let row_len: usize = out.dims.iter().skip(1).product();
        let mut rng = ChaCha8Rng::seed_from_u64(key);
        rng.set_stream(self.salt);
        // One 64-bit draw a uniform, two a normal; the word position counts 32-bit words.
        let draws = if self.kind == RandomKind::Uniform { 1 } else { 2 };
        rng.set_word_pos(row as u128 * row_len as u128 * draws * 2);
        let mut unit = move || (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        let mut draw = || match self.kind {
            RandomKind::Uniform => unit(),
            RandomKind::Normal => {
                let (u, v) = (1.0 - unit(), unit());
                (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
            }
        };
        with_float!(self.dtype, T => out.get::<T>().iter_mut().for_each(|o| *o = draw() as T));
    }

    fn samples() -> Vec<Sample<Self>> {
        [RandomKind::Uniform, RandomKind::Normal]
            .map(|kind| {
                let op = Random { kind, dtype: DType::F64, dims: vec![Some(3), Some(5)], salt: 7 };
                Sample::new(op, vec![Tensor::scalar(42i64), Tensor::scalar(2i64)])
            })
            .into()
    }
}
