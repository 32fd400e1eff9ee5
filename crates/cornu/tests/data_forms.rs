//! Data in every form that `fit`, `evaluate` and `predict` take, and data sets read batch by batch.

use cornu::data::{Array, ArrayInfo, Data, DataError, DataSet, IntoData, Ragged, Rows};
use cornu::{
    Compile, CompiledModel, Dense, Embedding, Evaluate, Fit, Input, Lstm, Model, Predict,
    Rescaling, Symbol,
};
use ndarray::{Array2, Array3, array};
use std::collections::{BTreeMap, HashMap};

/// Twice each of two features.
fn twice() -> Model {
    let x = Input::named("x", [2]);
    Model::new(&x, &Rescaling::new(2.0, 0.0).call(&x).unwrap()).unwrap()
}

/// The first of two inputs, and zeros.
fn two_inputs() -> Model {
    let (a, b) = (Input::named("a", [1]), Input::named("b", [1]));
    let of = |x: &Symbol, w: f64| Rescaling::new(w, 0.0).call(x).unwrap();
    Model::new([&a, &b], [&of(&a, 1.0), &of(&b, 0.0)]).unwrap()
}

fn series_model() -> Model {
    let x = Input::new([None, Some(2)]);
    Model::new(&x, &Lstm::new(3).call(&x).unwrap()).unwrap().seed(1).unwrap()
}

fn predicted<'a>(model: &Model, x: impl IntoData<'a>) -> Vec<f32> {
    let y = model.predict(x, Predict::new()).unwrap();
    y.output(0).unwrap().f32().unwrap().iter().copied().collect()
}

fn refused<'a>(model: &Model, x: impl IntoData<'a>) -> String {
    model.predict(x, Predict::new()).unwrap_err().to_string()
}

#[test]
fn a_table_in_every_form() {
    let model = twice();
    let table = array![[1.0f32, 2.0], [3.0, 4.0]];
    let want = [2.0, 4.0, 6.0, 8.0];
    assert_eq!(predicted(&model, &table), want);
    assert_eq!(predicted(&model, table.clone()), want);
    assert_eq!(predicted(&model, table.view()), want);
    assert_eq!(predicted(&model, table.t().t()), want);
    assert_eq!(predicted(&model, table.clone().into_dyn()), want);
    assert_eq!(predicted(&model, table.clone().into_shared()), want);
    assert_eq!(predicted(&model, table.mapv(f64::from)), want);
    assert_eq!(predicted(&model, table.mapv(|v| v as i64).view()), want);
    assert_eq!(predicted(&model, table.mapv(|v| v as u8)), want);
    assert_eq!(predicted(&model, table.mapv(|v| v > 1.0)), [0.0, 2.0, 2.0, 2.0]);
    assert_eq!(predicted(&model, vec![[1.0f32, 2.0], [3.0, 4.0]]), want);
    assert_eq!(predicted(&model, vec![[1.0f32, 2.0], [3.0, 4.0]]), want);
    assert_eq!(predicted(&model, [[1.0f64, 2.0], [3.0, 4.0]]), want);
    assert_eq!(predicted(&model, &[[1i32, 2], [3, 4]][..]), want);
    assert_eq!(predicted(&model, vec![vec![1.0f32, 2.0], vec![3.0, 4.0]]), want);
    assert_eq!(predicted(&model, &[vec![1.0f32, 2.0], vec![3.0, 4.0]][..]), want);
    assert_eq!(predicted(&model, vec![array![1.0f32, 2.0], array![3.0, 4.0]]), want);
    assert_eq!(predicted(&model, vec![Data::from(&table)]), want);
    assert_eq!(predicted(&model, Data::from(&table)), want);
    assert_eq!(predicted(&model, Array::from(&table)), want);
    assert_eq!(predicted(&model, [("x", &table)]), want);
    assert_eq!(
        predicted(&model, model.predict(&table, Predict::new()).map(|_| &table).unwrap()),
        want
    );
    // A view in another order means the same numbers.
    let columns = array![[1.0f32, 3.0], [2.0, 4.0]];
    assert_eq!(predicted(&model, columns.t()), want);
    assert_eq!(predicted(&model, columns.t()), want);
}

#[test]
fn rows_that_make_no_table_are_named() {
    let e = refused(&twice(), vec![vec![1.0f32, 2.0], vec![3.0]]);
    assert!(e.contains("input `x`: axis 1 (features) must have 2 values"), "{e}");
    assert!(e.contains("1 values at sample 1"), "{e}");
    let e = refused(&series_model(), vec![vec![vec![1.0f32, 2.0], vec![3.0]]]);
    assert!(e.starts_with("sample 0: timestep 1: axis 2 (features)"), "{e}");
    let e = refused(&series_model(), Vec::<Vec<[f32; 2]>>::new());
    assert!(e.contains("at least one series"), "{e}");
}

#[test]
fn sequences_in_every_form() {
    let model = series_model();
    let (long, short) = (array![[1.0f32, 2.0], [3.0, 4.0]], array![[5.0f32, 6.0]]);
    let ragged = Ragged::from_list([&long, &short]).unwrap();
    let want = predicted(&model, &ragged);
    assert_eq!(want.len(), 6);
    let nested = vec![vec![[1.0f32, 2.0], [3.0, 4.0]], vec![[5.0, 6.0]]];
    assert_eq!(predicted(&model, &nested[..]), want);
    assert_eq!(predicted(&model, nested), want);
    let vectors = vec![vec![vec![1.0f32, 2.0], vec![3.0, 4.0]], vec![vec![5.0, 6.0]]];
    assert_eq!(predicted(&model, &vectors), want);
    assert_eq!(predicted(&model, vec![long.clone(), short.clone()]), want);
    assert_eq!(predicted(&model, [long.view(), short.view()]), want);
    assert_eq!(predicted(&model, [&long, &short]), want);
    assert_eq!(predicted(&model, Data::from(ragged)), want);
    // One length: a rectangle.
    let equal = vec![vec![[1.0f32, 2.0]], vec![[5.0, 6.0]]];
    let rectangle = Array3::from_shape_vec((2, 1, 2), vec![1.0f32, 2.0, 5.0, 6.0]).unwrap();
    assert_eq!(predicted(&model, &equal), predicted(&model, &rectangle));
}

#[test]
fn several_inputs_by_order_and_by_name() {
    let model = two_inputs();
    let (a, b) = (array![[1.0f32], [2.0]], vec![[3.0f64], [4.0]]);
    let want = [1.0, 2.0];
    assert_eq!(predicted(&model, (&a, &b)), want);
    assert_eq!(predicted(&model, [Data::from(&a), Data::from(&a)]), want);
    assert_eq!(predicted(&model, [("b", &a.mapv(|v| v * 9.0)), ("a", &a)]), want);
    let map = BTreeMap::from([("b", Data::from(&a)), ("a", Data::from(&a))]);
    assert_eq!(predicted(&model, &map), want);
    assert_eq!(predicted(&model, map), want);
    assert_eq!(
        predicted(&model, HashMap::from([("a".to_owned(), &a), ("b".to_owned(), &a)])),
        want
    );
    let e = refused(&model, [("a", &a)]);
    assert!(e.contains("none for `b`"), "{e}");
    let e = refused(&model, [("a", &a), ("B", &a)]);
    assert!(e.contains("knows the names `a`, `b`") && e.contains("did you mean `b`?"), "{e}");
    let e = refused(&model, [("a", &a), ("a", &a)]);
    assert!(e.contains("`a` twice"), "{e}");
    let e = refused(&model, &a);
    assert!(e.contains("has 2 inputs"), "{e}");
}

#[test]
fn outputs_are_typed_and_named() {
    let model = two_inputs();
    let a = array![[1.0f32], [2.0]];
    let y = model.predict((&a, &a), Predict::new()).unwrap();
    assert_eq!(y.len(), 2);
    let name = y.names()[1].clone();
    assert_eq!(y.named(&name).unwrap().f32().unwrap(), array![[0.0f32], [0.0]].into_dyn());
    let e = y.f32().unwrap_err().to_string();
    assert!(e.contains("`output(number)` or `named(name)`"), "{e}");
    let e = y.output(2).unwrap_err().to_string();
    assert!(e.contains("the model has 2 outputs"), "{e}");
    let e = y.output(0).unwrap().i64().unwrap_err().to_string();
    assert!(e.contains("`i64()` gives values of the type int64") && e.contains("float32"), "{e}");

    let x = Input::new([None, Some(2)]);
    let all = Model::new(&x, &Lstm::new(3).return_sequences(true).call(&x).unwrap()).unwrap();
    let series = vec![vec![[1.0f32, 2.0], [3.0, 4.0]], vec![[5.0, 6.0]]];
    let y = all.predict(&series, Predict::new()).unwrap();
    let shapes: Vec<_> = y.sequences().unwrap().iter().map(|s| s.dim()).collect();
    assert_eq!(shapes, [(2, 3), (1, 3)]);
    let e = y.f32().unwrap_err().to_string();
    assert!(e.contains("`sequences()` gives one view for each"), "{e}");
    let one = model.predict((&a, &a), Predict::new()).unwrap();
    assert_eq!(predicted(&twice(), [[1.0f32, 2.0]]), [2.0, 4.0]);
    assert_eq!(predicted(&model, &one), [1.0, 2.0]);
    assert_eq!(
        twice().predict([[1.0f32, 2.0]], Predict::new()).unwrap().into_f32().unwrap().len(),
        2
    );
}

/// Sample `i` of `x` and `y`; sequences of `lengths[i]` timesteps where there are lengths.
struct Held {
    x: Array2<f32>,
    y: Array2<f32>,
    lengths: Option<Vec<usize>>,
}

impl Held {
    fn first(&self, sample: usize) -> usize {
        self.lengths.as_ref().map_or(sample, |l| l[..sample].iter().sum())
    }
}

impl DataSet for Held {
    fn n_samples(&self) -> usize {
        self.y.nrows()
    }

    fn arrays(&self) -> Vec<ArrayInfo> {
        let x = ArrayInfo::input("float32", [self.x.ncols()]);
        let x = if self.lengths.is_some() { x.sequences() } else { x };
        vec![x, ArrayInfo::target("float32", [self.y.ncols()])]
    }

    fn lengths(&self, array: usize) -> Option<Vec<usize>> {
        self.lengths.clone().filter(|_| array == 0)
    }

    fn read(&self, array: usize, rows: &[u32], into: &mut Rows<'_>) -> Result<(), DataError> {
        for &row in rows {
            let (first, n) = match (array, &self.lengths) {
                (0, Some(lengths)) => (self.first(row as usize), lengths[row as usize]),
                _ => (row as usize, 1),
            };
            let from = if array == 0 { &self.x } else { &self.y };
            for step in first..first + n {
                into.extend(from.row(step).as_slice().unwrap())?;
            }
        }
        Ok(())
    }
}

fn compiled(model: Model) -> CompiledModel {
    model.compile(Compile::new("adam", "mse")).unwrap()
}

fn table(rows: usize, columns: usize) -> Array2<f32> {
    Array2::from_shape_fn((rows, columns), |(i, j)| ((i * 7 + j * 3) % 11) as f32 / 11.0 - 0.4)
}

fn dense_model() -> CompiledModel {
    let x = Input::new([3]);
    compiled(Model::new(&x, &Dense::new(2).call(&x).unwrap()).unwrap().seed(3).unwrap())
}

#[test]
fn a_data_set_trains_to_the_bit_as_its_arrays() {
    let set = Held { x: table(23, 3), y: table(23, 2), lengths: None };
    let (mut by_arrays, mut by_set) = (dense_model(), dense_model());
    let fit = || Fit::new().epochs(3).batch_size(4).validation_split(0.25).verbose(0);
    let history = by_arrays.fit(&set.x, &set.y, fit()).unwrap();
    assert_eq!(by_set.fit(&set, (), fit()).unwrap(), history);
    assert_eq!(history.values["val_loss"].len(), 3);
    let want = by_arrays.predict(&set.x, Predict::new()).unwrap();
    assert_eq!(by_set.predict(&set, Predict::new().batch_size(5)).unwrap(), want);
    let want = by_arrays.evaluate(&set.x, &set.y, Evaluate::new()).unwrap();
    assert_eq!(by_set.evaluate(&set, (), Evaluate::new()).unwrap(), want);
    let fit = fit().validation_split(0.0).validation_data(&set, ());
    assert_eq!(by_set.fit(&set, (), fit).unwrap().values["val_loss"].len(), 3);
}

#[test]
fn a_data_set_of_sequences_trains_to_the_bit_as_its_arrays() {
    let lengths: Vec<usize> = (0..12).map(|i| i % 5 + 1).collect();
    let n = lengths.iter().sum();
    let set = Held { x: table(n, 2), y: table(12, 3), lengths: Some(lengths.clone()) };
    let first = |i: usize| lengths[..i].iter().sum::<usize>();
    let series: Vec<Array2<f32>> = (0..12)
        .map(|i| set.x.slice(ndarray::s![first(i)..first(i) + lengths[i], ..]).to_owned())
        .collect();
    for unequal in [cornu::Unequal::Known, cornu::Unequal::Pad(0.0)] {
        let (mut a, mut b) = (compiled(series_model()), compiled(series_model()));
        let fit = || Fit::new().epochs(2).batch_size(5).unequal(unequal).verbose(0);
        assert_eq!(a.fit(&series[..], &set.y, fit()).unwrap(), b.fit(&set, (), fit()).unwrap());
        let of = |m: &Model| m.predict(&series[..], Predict::new()).unwrap();
        assert_eq!(of(&a), of(&b));
        assert_eq!(b.predict(&set, Predict::new()).unwrap(), of(&b));
    }
}

/// A set whose `read` gives what the fields say.
struct Wrong {
    ids: Vec<i64>,
}

impl DataSet for Wrong {
    fn n_samples(&self) -> usize {
        3
    }

    fn arrays(&self) -> Vec<ArrayInfo> {
        vec![ArrayInfo::input("int64", [1])]
    }

    fn read(&self, _: usize, _: &[u32], into: &mut Rows<'_>) -> Result<(), DataError> {
        into.extend(&self.ids)
    }
}

#[test]
fn what_a_data_set_reads_is_checked() {
    let x = Input::ids([1]);
    let model = Model::new(&x, &Embedding::new(4, 2).call(&x).unwrap()).unwrap();
    assert!(model.predict(&Wrong { ids: vec![0, 3, 1] }, Predict::new()).is_ok());
    let e = refused(&model, &Wrong { ids: vec![0, 4, 1] });
    assert!(e.contains("from 0 to 3. Received: 4 at sample 1"), "{e}");
    let e = refused(&model, &Wrong { ids: vec![0, 1] });
    assert!(e.contains("must give the 3 numbers of the 3 samples. Received: 2"), "{e}");
}

#[test]
fn weights_and_targets_take_the_same_forms() {
    let mut model = dense_model();
    let (x, y) = (table(6, 3), table(6, 2));
    let rows: Vec<[f32; 2]> = y.rows().into_iter().map(|r| [r[0], r[1]]).collect();
    let w = [1.0f32, 2.0, 0.5, 1.0, 0.0, 3.0];
    let want = model.evaluate(&x, &y, Evaluate::new().sample_weight(w.to_vec())).unwrap();
    assert_eq!(model.evaluate(&x, &rows, Evaluate::new().sample_weight(w)).unwrap(), want);
    let of_f64 = ndarray::Array1::from_iter(w.iter().map(|v| f64::from(*v)));
    assert_eq!(model.evaluate(&x, rows, Evaluate::new().sample_weight(&of_f64)).unwrap(), want);
    let e = model.fit(&x, &y, Fit::new().verbose(0).sample_weight(vec![w.to_vec(), vec![1.0]]));
    assert!(e.is_err());
    let e = model
        .fit(&x, &y, Fit::new().verbose(0).sample_weight(Vec::<Vec<f32>>::new()))
        .unwrap_err()
        .to_string();
    assert!(e.starts_with("sample weights: "), "{e}");
    let e = model.fit(&x, (), Fit::new().verbose(0)).unwrap_err().to_string();
    assert!(e.contains("target"), "{e}");
}

#[test]
fn borrowed_numbers_are_not_copied() {
    let x = Array3::<f32>::zeros((64, 100, 40));
    let model = {
        let input = Input::new([100, 40]);
        let pooled = cornu::GlobalAveragePooling1d::new().call(&input).unwrap();
        Model::new(&input, &pooled).unwrap()
    };
    let options = Predict::new().batch_size(2);
    model.predict(&x, options).unwrap();
    let all = 4 * x.len() as u64;
    let counted = allocation_counter::measure(|| drop(model.predict(&x, options).unwrap()));
    assert!(counted.bytes_max < all / 8, "{} of {all}", counted.bytes_max);
    let data = Data::from(&x);
    let counted = allocation_counter::measure(|| drop(model.predict(&data, options).unwrap()));
    assert!(counted.bytes_max < all / 8, "{} of {all}", counted.bytes_max);
    let copied = allocation_counter::measure(|| drop(model.predict(x.mapv(f64::from), options)));
    assert!(copied.bytes_max > all);
}
