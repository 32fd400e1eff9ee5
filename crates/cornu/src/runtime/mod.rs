//! What a model keeps between runs: threads, memory, programs by the shapes of batches.

mod packed_rows;
mod batch_shape;
mod programs;
mod model_runtime;

pub(crate) use batch_shape::BatchShape;
pub(crate) use model_runtime::{Runtime, random_key};
pub(crate) use packed_rows::PackedRows;
pub(crate) use programs::{Execution, Mode, Prepared, Programs};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The contents of a mutex. A thread that panicked left them whole: each is changed in one step.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
