//! Classes of a user's own in every family: trained, saved, opened again with a registry.

use cornu::callbacks::{Callback, Run};
use cornu::data::Array;
use cornu::extend::*;
use cornu::optimizers::LearningRate;
use cornu::optimizers::schedules::Schedule;
use cornu::{Compile, CompiledModel, Dense, Fit, Input, Logs, Model, Opened, Predict, Result};
use ndarray::{Array2, array};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// y = x · gamma, a number for each feature.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Scale {
    start: f64,
}

impl Layer for Scale {
    fn class(&self) -> &'static str {
        "Scale"
    }

    fn registered_name(&self) -> Option<&'static str> {
        Some("mine>Scale")
    }

    fn config(&self) -> Value {
        serde_json::to_value(self).unwrap()
    }

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        let features = known_dim(call.input()?, -1, "features")?;
        let start = Halves { start: self.start }.into();
        Ok(WeightTree::of(vec![WeightSpec::new("gamma", &[features], &start)]))
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        w: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        Ok(vec![Flow::new(cx.to_float(call.input()?.value) * w.var("gamma"))])
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Halves {
    start: f64,
}
cornu::class!(Halves = "mine>Halves");

impl Initialize for Halves {
    fn values(&self, shape: &[usize], _: &mut Draw) -> Result<Vec<f64>> {
        Ok((0..shape.iter().product()).map(|i| self.start / (i + 1) as f64).collect())
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Cauchy {
    factor: f64,
}
cornu::class!(Cauchy = "mine>Cauchy");

impl Regularize for Cauchy {
    fn of<'g>(&self, x: Var<'g>) -> Var<'g> {
        (x.square() + 1.0).log().sum_all() * self.factor
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Below {
    most: f64,
}
cornu::class!(Below = "mine>Below");

impl Constrain for Below {
    fn of<'g>(&self, w: Var<'g>) -> Var<'g> {
        w.minimum(self.most)
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Quantile {
    q: f64,
}
cornu::class!(Quantile = "mine>Quantile");

impl LossFunction for Quantile {
    fn values<'g>(&self, _: &Cx<'g>, y_true: Var<'g>, y_pred: Var<'g>) -> Result<Values<'g>> {
        let e = y_true - y_pred;
        Ok((e * self.q).maximum(e * (self.q - 1.0)).mean(&[-1], false).into())
    }
}

/// The largest error.
#[derive(Debug, Serialize, Deserialize)]
struct Bias {}
cornu::class!(Bias = "mine>Bias");

impl MetricFunction for Bias {
    fn name(&self) -> &str {
        "bias"
    }

    fn partials<'g>(
        &self,
        _: &Cx<'g>,
        y_true: Var<'g>,
        y_pred: Var<'g>,
        _: Option<Var<'g>>,
        _: Option<Var<'g>>,
    ) -> Result<Vec<Var<'g>>> {
        Ok(vec![(y_pred - y_true).sum_all(), y_true.ones_like().sum_all()])
    }

    fn result(&self, totals: &[Vec<f64>]) -> MetricValue {
        MetricValue::Number(totals[0][0] / totals[1][0])
    }

    fn direction(&self) -> Option<Direction> {
        None
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Warmup {
    peak: f64,
}
cornu::class!(Warmup = "mine>Warmup");

impl ScheduleFunction for Warmup {
    fn of<'g>(&self, step: Var<'g>) -> Var<'g> {
        ((step + 1.0) / 10.0).minimum(1.0) * self.peak
    }
}

/// `w ← w - lr · sign(m)`, `m ← β m + (1 - β) g`.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Signum {
    learning_rate: LearningRate,
    beta: f64,
}
cornu::class!(Signum = "mine>Signum");

impl UpdateRule for Signum {
    fn settings(&self) -> Settings<'_> {
        Settings::new("signum", &self.learning_rate)
    }

    fn with_learning_rate(&self, rate: f64) -> cornu::optimizers::Optimizer {
        Signum { learning_rate: rate.into(), ..self.clone() }.into()
    }

    fn slots(&self, var: &VarInfo) -> Vec<Vec<Slot>> {
        vec![vec![Slot::like("momentum", var)]]
    }

    fn step<'g>(&self, at: &Step<'_, 'g>) -> Moved<'g> {
        let m = at.slots[0] * self.beta + at.gradient * (1.0 - self.beta);
        Moved { weight: at.weight - m.sign() * at.rate, slots: vec![m] }
    }
}

/// Counts epochs.
struct Count(std::rc::Rc<std::cell::Cell<usize>>);

impl Callback for Count {
    fn on_epoch_end(&mut self, _: &mut Run<'_>, epoch: usize, _: &mut Logs) -> Result<()> {
        self.0.set(epoch + 1);
        Ok(())
    }
}

fn registry() -> Registry {
    Registry::new()
        .layer::<Scale>("mine>Scale")
        .initializer::<Halves>("mine>Halves")
        .regularizer::<Cauchy>("mine>Cauchy")
        .constraint::<Below>("mine>Below")
        .loss::<Quantile>("mine>Quantile")
        .metric::<Bias>("mine>Bias")
        .schedule::<Warmup>("mine>Warmup")
        .optimizer::<Signum>("mine>Signum")
}

fn model() -> Model {
    let x = Input::new([3]);
    let h = LayerRef::new(Scale { start: 1.0 }).call(&x).unwrap();
    let y = Dense::new(1)
        .kernel_initializer(Halves { start: 0.5 })
        .kernel_regularizer(Cauchy { factor: 0.01 })
        .kernel_constraint(Below { most: 0.6 })
        .call(&h)
        .unwrap();
    Model::new(&x, &y).unwrap()
}

fn data() -> (Array2<f32>, Array2<f32>) {
    let x = Array2::from_shape_fn((32, 3), |(i, j)| ((i * 7 + j * 5) % 11) as f32 / 11.0);
    let y = Array2::from_shape_fn((32, 1), |(i, _)| 2.0 * x[[i, 0]] - x[[i, 1]]);
    (x, y)
}

fn compile() -> Compile {
    let rate: LearningRate = Schedule::from(Warmup { peak: 0.01 }).into();
    Compile::new(Signum { learning_rate: rate, beta: 0.9 }, Quantile { q: 0.7 })
        .metrics((Bias {}, "mae"))
}

#[test]
fn own_classes_train_and_come_back_from_files() {
    let (x, y) = data();
    let epochs = std::rc::Rc::new(std::cell::Cell::new(0));
    let mut compiled = model().compile(compile()).unwrap();
    let fit = || Fit::new().batch_size(8).epochs(3).shuffle(false).verbose(0);
    let history = compiled.fit(&x, &y, fit().callback(Count(epochs.clone()))).unwrap();
    assert_eq!(epochs.get(), 3);
    let losses = history.get("loss").unwrap();
    assert!(losses[2] < losses[0], "{losses:?}");
    assert!(history.get("bias").is_some() && history.get("mae").is_some());
    let kernel = compiled.layer("dense").unwrap().weights()[0].to_f32().unwrap().to_owned();
    assert!(kernel.iter().all(|w| *w <= 0.6), "{kernel}");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.keras");
    compiled.save(&path).unwrap();
    let mut opened = CompiledModel::open_with(&path, &registry()).unwrap();
    let predict = |m: &Model| m.predict(&x, Predict::new()).unwrap();
    assert_eq!(predict(&opened), predict(&compiled));
    // Training goes on where it stopped, to the bit.
    let more = |m: &mut CompiledModel| m.fit(&x, &y, fit()).unwrap().get("loss").unwrap();
    assert_eq!(more(&mut opened), more(&mut compiled));
    assert_eq!(opened.weights(), compiled.weights());
}

#[test]
fn a_file_with_own_classes_needs_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.keras");
    model().save(&path).unwrap();
    let error = Model::open(&path).err().unwrap();
    assert!(error.is_unsupported());
    assert!(error.to_string().contains("mine>Scale"), "{error}");
    let error = Opened::read_with(&path, &Registry::new().layer::<Scale>("mine>Scale")).err();
    let error = error.unwrap().to_string();
    assert!(error.contains("Halves"), "{error}");
}

#[test]
fn a_class_of_a_package_is_not_the_builtin_one_of_its_name() {
    let config = serde_json::json!({
        "module": "theirs", "class_name": "Dense", "registered_name": "theirs>Dense",
        "config": {"units": 3},
    });
    assert!(LayerRef::from_json(&config, &Registry::new()).is_err());
}

#[test]
fn two_objects_of_one_class_keep_their_settings() {
    let x = Input::new([1]);
    let (a, b) =
        (Dense::new(1).name("a").call(&x).unwrap(), Dense::new(1).name("b").call(&x).unwrap());
    let model = Model::new(&x, [&a, &b]).unwrap();
    let losses = [("a", Quantile { q: 0.9 }), ("b", Quantile { q: 0.1 })];
    let compiled = model.compile(Compile::new("sgd", losses)).unwrap();
    model
        .set_weights(
            &model
                .weights()
                .iter()
                .map(|w| Array::F32(ndarray::ArrayD::zeros(w.shape())))
                .collect::<Vec<_>>(),
        )
        .unwrap();
    let one = array![[1.0f32]];
    let logs = compiled.evaluate(&one, (&one, &one), cornu::Evaluate::new()).unwrap();
    let value = |key: &str| match &logs[key] {
        MetricValue::Number(x) => *x,
        MetricValue::List(_) => f64::NAN,
    };
    assert!(
        (value("a_loss") - 0.9).abs() < 1e-6 && (value("b_loss") - 0.1).abs() < 1e-6,
        "{logs:?}"
    );
}

#[test]
fn names_that_nothing_has_are_errors_where_they_are_used() {
    let x = Input::new([4]);
    let refused = |y: Result<cornu::Symbol>, hint: &str| {
        let error = y.unwrap_err().to_string();
        assert!(error.contains("Dense `dense`") && error.contains(hint), "{error}");
    };
    refused(Dense::new(2).activation("reluu").call(&x), "did you mean `relu`?");
    refused(
        Dense::new(2).kernel_initializer("glorot_unifrm").call(&x),
        "did you mean `GlorotUniform`?",
    );
    refused(Dense::new(2).kernel_regularizer("l3").call(&x), "regularizer `l3`");
    refused(Dense::new(2).bias_constraint("nonneg_").call(&x), "did you mean `NonNeg`?");
    refused(Dense::new(2).activity_regularizer("l22").call(&x), "regularizer `l22`");
    refused(Dense::new(2).dtype("float46").call(&x), "float32");

    let model = Model::new(&x, &Dense::new(2).call(&x).unwrap()).unwrap();
    let refused = |c: Compile, hint: &str| {
        let error = model.compile(c).err().unwrap().to_string();
        assert!(error.contains(hint), "{error}");
    };
    refused(Compile::new("adm", "mse"), "did you mean `Adam`?");
    refused(Compile::new("adam", "mean_sqared_error"), "did you mean `MeanSquaredError`?");
    refused(Compile::new("adam", "mse").metrics(["acuracy"]), "did you mean `Accuracy`?");
    refused(Compile::new("adam", [("dens", "mse")]), "`dens` is no output");
    refused(Compile::new("adam", "mse").metrics([("dens", ["mae"])]), "`dens` is no output");
    let unknown = serde_json::json!({"class_name": "Adam", "config": {"learning_rat": 1.0}});
    refused(Compile::new(unknown, "mse"), "learning_rat");
}
