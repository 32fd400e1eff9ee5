//! What is said of the small models.

use super::*;
use crate::data::Ragged;
use crate::{Compile, Dense, Embedding, Input, Lstm};
use ndarray::{Array2, Array3};

fn two_lstm(timesteps: Option<usize>) -> Model {
    let inputs = Input::new([timesteps, Some(1)]);
    let x = Lstm::new(5).return_sequences(true).call(&inputs).unwrap();
    let x = Lstm::new(4).call(&x).unwrap();
    Model::new(&inputs, &Dense::new(1).activation("sigmoid").call(&x).unwrap()).unwrap()
}

#[test]
fn a_rectangle_in_numbers() {
    let model = two_lstm(Some(20)).compile(Compile::new("rmsprop", "binary_crossentropy")).unwrap();
    let e = Explain::new()
        .batch_size(10)
        .epochs(2)
        .data([Array3::<f32>::zeros((100, 20, 1))])
        .of(&model)
        .unwrap();
    let d = e.data.as_ref().unwrap();
    assert_eq!((d.n_samples, d.steps_per_epoch, d.last_batch, d.n_steps), (100, 10, 10, 20));
    assert_eq!(
        (e.memory.weights_bytes, e.memory.gradients_bytes, e.memory.batch_bytes),
        (1220, 1220, Some(800))
    );
    // A velocity for each weight, the iteration and the learning rate.
    assert_eq!(e.memory.optimizer_bytes, Some(1228));
    // At least the two layers' outputs: 10 samples of 20 x 5 and of 4 numbers.
    assert!(e.memory.activations_bytes.unwrap() >= 4 * 10 * (20 * 5 + 4));
    let text = e.to_string();
    let start = "Model `functional`: 305 parameters, 305 trainable.

Input `input_layer` (None, 20, 1) float32
  axis 0  batch        None  chosen by fit; the model itself fixes no batch size
  axis 1  timesteps      20  the model fixes it: every sequence must have 20
  axis 2  features        1  the model fixes it, for weights are made for it

Output `dense` (None, 1) float32
  axis 0  batch        None  one row a sample
  axis 1  features        1  made by the model

Data (100, 20, 1): 100 samples of 20 timesteps of 1 feature.
Batches: batch size 10 makes 10 steps an epoch, the last of 10 samples (as given; the model itself \
        fixes no batch size); 2 epochs make 20 steps.
";
    assert_eq!(&text[..start.len().min(text.len())], start);
}

#[test]
fn a_last_batch_is_smaller() {
    let e = Explain::new()
        .batch_size(30)
        .data([Array3::<f32>::zeros((100, 20, 1))])
        .of(&two_lstm(Some(20)))
        .unwrap();
    let d = e.data.unwrap();
    assert_eq!((d.steps_per_epoch, d.last_batch), (4, 10));
}

#[test]
fn unequal_lengths_show_their_padding() {
    let series =
        Ragged::from_list([2usize, 9, 3, 8].map(|t| Array2::<f32>::zeros((t, 1)))).unwrap();
    let e = Explain::new().batch_size(2).data([series]).of(&two_lstm(None)).unwrap();
    let lengths = e.data.as_ref().unwrap().lengths.as_ref().unwrap();
    assert_eq!((lengths.shortest, lengths.longest, lengths.timesteps), (2, 9, 22));
    let share =
        |name: &str| lengths.batch_makers.iter().find(|b| b.name == name).unwrap().padding_share;
    assert_eq!(share("as-they-come"), 12.0 / 34.0);
    assert_eq!(share("bucket"), 2.0 / 24.0);
    let text = e.to_string();
    assert!(text.contains("4 samples of 2 to 9 timesteps of 1 feature"), "{text}");
    assert!(
        text.contains("axis 1  timesteps    None  any number; unequal ones go in as they are"),
        "{text}"
    );
    assert!(text.contains("on a batch of (2, 9, 1)"), "{text}");
}

#[test]
fn without_data_open_axes_leave_memory_open() {
    let e = Explain::new().of(&two_lstm(None)).unwrap();
    assert_eq!((e.batch.size, e.batch.set_by, e.memory.activations_bytes), (32, "default", None));
    assert!(e.to_string().contains("needs data, for the model leaves axes open"));
}

#[test]
fn ids_are_no_features_and_misfits_are_errors() {
    let inputs = Input::ids([6]);
    let x = Embedding::new(8, 3).call(&inputs).unwrap();
    let model = Model::new(&inputs, &Lstm::new(2).call(&x).unwrap()).unwrap();
    let e = Explain::new().data([Array2::<i32>::zeros((5, 6))]).of(&model).unwrap();
    assert_eq!(e.data.unwrap().words, ["5 samples of 6 timesteps (ids)"]);
    let wrong =
        Explain::new().data([Array2::<i32>::zeros((5, 7))]).of(&model).unwrap_err().to_string();
    assert!(wrong.contains("expected 6 on axis 1"), "{wrong}");
    assert!(Explain::new().batch_size(0).of(&model).is_err());
}
