//! A layer with weights, a loss, a metric and a callback of one's own: a forecast of the 90 %
//! quantile, saved and opened again. The guide's page `own_classes` explains each of them.
//!
//!     cargo run --release -p cornu --example own_classes

use cornu::callbacks::Run;
use cornu::extend::*;
use cornu::prelude::*;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

/// `y = x * sigmoid(gate)`, one gate for each feature: it learns which features count.
#[derive(Debug, Serialize, Deserialize)]
struct FeatureGate {}

impl Layer for FeatureGate {
    cornu::layer_class!("forecast>FeatureGate");

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        let features = known_dim(call.input()?, -1, "features")?;
        let gate = WeightSpec::new("gate", &[features], &initializers::Zeros {}.into());
        Ok(WeightTree::of(vec![gate]))
    }

    fn lower<'g>(&self, cx: &Cx<'g>, w: &Weights<'g>, x: &Call<Flow<'g>>) -> Result<Vec<Flow<'g>>> {
        Ok(vec![(cx.to_float(x.input()?.value) * w.var("gate").sigmoid()).into()])
    }
}

/// `max(q e, (q - 1) e)` of the error `e = y_true - y_pred`: least where a share q lies below.
#[derive(Debug, Serialize, Deserialize)]
struct Quantile {
    q: f64,
}
cornu::class!(Quantile = "forecast>Quantile");

impl LossFunction for Quantile {
    fn values<'g>(&self, _: &Cx<'g>, t: Var<'g>, p: Var<'g>) -> Result<Values<'g>> {
        let e = t - p;
        Ok((e * self.q).maximum(e * (self.q - 1.0)).mean(&[-1], false).into())
    }
}

/// The share of targets that are at most the prediction.
#[derive(Debug, Serialize, Deserialize)]
struct Coverage {}
cornu::class!(Coverage = "forecast>Coverage");

impl MetricFunction for Coverage {
    fn values<'g>(&self, _: &Cx<'g>, t: Var<'g>, p: Var<'g>) -> Result<Values<'g>> {
        Ok(t.le(p).cast(p.dtype()).into())
    }
}

/// Ends training once the loss is low enough.
struct StopBelow(f64);

impl Callback for StopBelow {
    fn on_epoch_end(&mut self, run: &mut Run<'_>, _: usize, logs: &mut Logs) -> Result<()> {
        *run.stop_training = logs["loss"].number() < self.0;
        Ok(())
    }
}

fn main() -> Result<()> {
    // y = 3 x0 + noise; the other three features are noise alone.
    let number = |i: usize| ((i * 7919 + i * i * 104729) % 1000) as f32 / 500.0 - 1.0;
    let x = Array2::from_shape_fn((800, 4), |(b, f)| number(b * 5 + f));
    let y = Array2::from_shape_fn((800, 1), |(b, _)| 3.0 * x[[b, 0]] + number(b * 5 + 4));

    let inputs = Input::new([4]);
    let h = LayerRef::new(FeatureGate {}).name("gate").call(&inputs)?;
    let outputs = Dense::new(1).call(&Dense::new(16).activation("tanh").call(&h)?)?;
    let settings = Compile::new(optimizers::Adam::new(0.01), Quantile { q: 0.9 });
    let mut model = Model::new(&inputs, &outputs)?.compile(settings.metrics([Coverage {}]))?;
    let fit = Fit::new().epochs(60).callback(StopBelow(0.12)).verbose(2);
    model.fit(&x, &y, fit)?;
    println!("gates before sigmoid: {:.2}", model.layer("gate")?.weights()[0].to_f32()?);

    let path = std::env::temp_dir().join("own_classes.keras");
    model.save(&path)?;
    let registry = Registry::new()
        .layer::<FeatureGate>("forecast>FeatureGate")
        .loss::<Quantile>("forecast>Quantile")
        .metric::<Coverage>("forecast>Coverage");
    let opened = CompiledModel::open_with(&path, &registry)?;
    let logs = opened.evaluate(&x, &y, Evaluate::new())?;
    println!("opened: {:.3} of the targets lie below", logs["Coverage"].number());
    Ok(())
}
