//! Arrays of data sets, read batch by batch and checked.

use crate::data::{SetArray, left_out, read_rows};
use crate::{Error, Result};
use cornu_ir::tensor::Slice;
use cornu_ir::{Buffer, DType};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// An array of a data set that is read batch by batch.
pub(super) struct Reader<'a> {
    array: SetArray<'a>,
    /// Who is named in errors.
    who: String,
    state: Mutex<Reading>,
}

/// What a reader keeps from batch to batch.
pub(super) struct Reading {
    /// Sequences of a batch on their way into it; keeps its memory.
    pub(super) buffer: Buffer,
    /// What the numbers of each batch must be.
    pub(super) ranges: Vec<Range>,
}

/// Whole numbers from 0 and below `n`, or the one that is ignored.
#[derive(Clone)]
pub(super) struct Range {
    pub(super) who: String,
    pub(super) what: &'static str,
    pub(super) n: usize,
    pub(super) ignored: Option<i64>,
}

impl<'a> Reader<'a> {
    /// A reader of an array in the type of the model; `who` names it in errors.
    pub(super) fn new(who: &str, array: SetArray<'a>, dtype: DType) -> Self {
        let state = Reading { buffer: Buffer::zeros(dtype, 0), ranges: vec![] };
        Self { array, who: who.to_owned(), state: Mutex::new(state) }
    }

    /// What is kept from batch to batch, for this thread alone.
    pub(super) fn state(&self) -> MutexGuard<'_, Reading> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads samples, which must be `expected` numbers, into a buffer.
    pub(super) fn read(&self, rows: &[u32], expected: usize, buffer: &mut Buffer) -> Result<()> {
        Ok(read_rows(&self.array, rows, expected, buffer).map_err(|e| e.within(&self.who))?)
    }

    /// Checks the numbers of a batch; `sample` finds the sample among `rows` that holds a number.
    pub(super) fn check(
        &self,
        ranges: &[Range],
        numbers: Slice<'_>,
        rows: &[u32],
        sample: impl Fn(usize) -> usize,
    ) -> Result<()> {
        let first = self.array.rows.start;
        let of_set = |at: usize| first + rows[sample(at)] as usize;
        ranges.iter().try_for_each(|range| range.check(numbers, of_set))
    }
}

impl Range {
    /// Fails on a number out of the range; `sample` finds the sample of a number.
    // The element type is a parameter of the macro's branches: for one of them the cast is idle.
    #[allow(clippy::unnecessary_cast)]
    pub(super) fn check(&self, numbers: Slice<'_>, sample: impl Fn(usize) -> usize) -> Result<()> {
        let wrong = |x: f64| x.is_nan() || x < 0.0 || x >= self.n as f64;
        let view = cornu_ir::View { dims: &[], data: numbers };
        let found = cornu_ir::with_type!(view.dtype(), T => {
            let mut values = view.get::<T>().iter().map(|x| *x as f64).enumerate();
            values.find(|(_, x)| wrong(*x) && self.ignored != Some(*x as i64))
        });
        let Some((at, x)) = found else { return Ok(()) };
        let (who, what, last) = (&self.who, self.what, self.n.saturating_sub(1));
        Err(Error::Data(format!(
            "{who}: {what} must be whole numbers from 0 to {last}{}. Received: {x} at sample {}",
            if what == "labels" { left_out(x as i64) } else { String::new() },
            sample(at)
        )))
    }
}

/// The elements of a buffer.
pub(super) fn slice_of(buffer: &Buffer) -> Slice<'_> {
    match buffer {
        Buffer::F32(v) => Slice::F32(v),
        Buffer::F64(v) => Slice::F64(v),
        Buffer::I32(v) => Slice::I32(v),
        Buffer::I64(v) => Slice::I64(v),
        Buffer::Bool(v) => Slice::Bool(v),
    }
}
