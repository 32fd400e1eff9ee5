//! Class weights in `fit`: class ids weigh sample by sample, or timestep by timestep.

use cornu::data::{ClassWeights, Data};
use cornu::{Compile, CompiledModel, Dense, Fit, Input, Lstm, Model};
use ndarray::{Array2, Array3};

fn model() -> CompiledModel {
    let x = Input::new([4, 3]);
    let h = Lstm::new(3).return_sequences(true).call(&x).unwrap();
    let y = Dense::new(3).activation("softmax").call(&h).unwrap();
    Model::new(&x, &y)
        .unwrap()
        .seed(3)
        .unwrap()
        .compile(Compile::new("sgd", "sparse_categorical_crossentropy"))
        .unwrap()
}

#[test]
fn class_ids_of_timesteps_weigh_step_by_step() {
    let x =
        Array3::from_shape_fn((6, 4, 3), |(b, t, f)| ((b * 7 + t * 3 + f) % 5) as f32 / 2.0 - 1.0);
    let y = Array2::from_shape_fn((6, 4), |(b, t)| ((b + 2 * t) % 3) as i32);
    let of = |class: i32| [0.2f32, 1.0, 3.0][class as usize];
    let options = || Fit::new().batch_size(4).epochs(2).shuffle(false).verbose(0);
    let (x, w) = (Data::from(x), Data::from(y.mapv(of)));
    let y = Data::from(y);
    let by_class = model()
        .fit(&x, &y, options().class_weight(ClassWeights::from([(0, 0.2), (2, 3.0)])))
        .unwrap();
    let by_hand = model().fit(&x, &y, options().sample_weight(&w)).unwrap();
    assert_eq!(by_class.get("loss").unwrap(), by_hand.get("loss").unwrap());
}
