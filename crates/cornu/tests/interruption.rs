//! A stop request ends training after a batch, and the run goes on from its backup as if it had
//! never stopped.

use cornu::Interruption;
use cornu::callbacks::{BackupAndRestore, EarlyStopping, LambdaCallback};
use cornu::data::Array;
use cornu::{Compile, CompiledModel, Dense, Fit, History, Input, LayerRef, Lstm, Model};
use ndarray::{Array2, Array3};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

fn model() -> CompiledModel {
    let layers = vec![LayerRef::new(Lstm::new(3)), LayerRef::new(Dense::new(1))];
    let model = Model::sequential(&Input::new([4, 2]), layers).unwrap().seed(7).unwrap();
    model.compile(Compile::new("adam", "mse")).unwrap()
}

fn data() -> (Array3<f32>, Array2<f32>) {
    let x = Array3::from_shape_fn((10, 4, 2), |(i, t, f)| ((i * 7 + t * 3 + f) % 11) as f32 / 11.0);
    let y = Array2::from_shape_fn((10, 1), |(i, _)| (i % 3) as f32);
    (x, y)
}

fn options() -> Fit<'static> {
    Fit::new().batch_size(2).epochs(4).seed(3).verbose(0)
}

/// Trains until a stop request comes after so many batches of all epochs.
fn stopped(model: &mut CompiledModel, fit: Fit, after: usize) -> History {
    let (x, y) = data();
    let stop = Arc::new(AtomicBool::new(false));
    let (flag, done) = (stop.clone(), AtomicUsize::new(0));
    let requests = LambdaCallback::new().on_train_batch_end(move |_, _, _| {
        flag.store(done.fetch_add(1, Ordering::Relaxed) + 1 == after, Ordering::Relaxed);
        Ok(())
    });
    model.fit(&x, &y, fit.callback(requests).stop_request(stop)).unwrap()
}

fn trained() -> Vec<Array> {
    let mut model = model();
    let (x, y) = data();
    let history = model.fit(&x, &y, options()).unwrap();
    assert_eq!((history.interrupted, history.epochs.len()), (None, 4));
    model.weights()
}

#[test]
fn training_ends_at_the_batch_with_the_weights_of_that_step() {
    let (x, y) = data();
    let ended = Arc::new(AtomicBool::new(false));
    let told = ended.clone();
    let end = LambdaCallback::new().on_train_end(move |_, _| {
        told.store(true, Ordering::Relaxed);
        Ok(())
    });
    let fit = options()
        .validation_data(&x, &y)
        .callback(EarlyStopping::new("val_loss").restore_best_weights(true))
        .callback(end);
    let mut interrupted = model();
    let history = stopped(&mut interrupted, fit, 7);
    assert_eq!(history.interrupted, Some(Interruption { epoch: 1, steps: 2 }));
    assert_eq!(history.epochs, [0]);
    assert!(!ended.load(Ordering::Relaxed), "a callback was told that training ended");
    // The same seven steps without a request.
    let mut other = model();
    let steps = AtomicUsize::new(0);
    let stops = LambdaCallback::new().on_train_batch_end(move |run, _, _| {
        *run.stop_training = steps.fetch_add(1, Ordering::Relaxed) + 1 == 7;
        Ok(())
    });
    other.fit(&x, &y, options().callback(stops)).unwrap();
    assert_eq!(interrupted.weights(), other.weights());
}

#[test]
fn a_backup_of_an_interrupted_run_is_kept_and_goes_on_to_the_same_bits() {
    let dir = tempfile::tempdir().unwrap();
    let backup = || BackupAndRestore::new(dir.path().join("backup"));
    let history = stopped(&mut model(), options().callback(backup()), 12);
    assert_eq!(history.interrupted, Some(Interruption { epoch: 2, steps: 2 }));
    let (x, y) = data();
    let mut again = model();
    let history = again.fit(&x, &y, options().callback(backup())).unwrap();
    assert_eq!(history.epochs, [2, 3]);
    assert_eq!(again.weights(), trained());
}
