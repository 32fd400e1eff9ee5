//! A forecast of the next hour's load from the last two days: windows over a CSV, validation,
//! early stopping, the best model kept in a file, the forecast plotted.
//! The guide's page `batch` explains the shapes; `forecasting/make.py` made `load.csv`.
//!
//!     cargo run --release -p cornu --features plot --example forecasting

use cornu::data::{StandardScaler, Windows, read};
use cornu::optimizers::Adam;
use cornu::prelude::*;
use cornu::report::LinePlot;
use ndarray::s;

const HOURS: usize = 48;
const TEST: usize = 10 * 24;

fn main() -> cornu::Result<()> {
    // A table (hours, features): load and temperature.
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/forecasting/load.csv");
    let table = read(file)?.inputs.remove(0).1;
    let n = table.n_samples() as u32;
    let first_test = n - TEST as u32;
    let train: Vec<u32> = (0..first_test).collect();
    let test: Vec<u32> = (first_test - HOURS as u32..n).collect();

    // Scaled by what the training hours hold, so that the test hours stay unseen.
    let scaler = StandardScaler::fit(table.take(&train)?)?;
    let (train, test) =
        (scaler.transform(table.take(&train)?)?, scaler.transform(table.take(&test)?)?);
    let windows = Windows::new(HOURS).horizon(1).target_columns([0]);
    let (train, test) = (windows.over(&train)?, windows.over(&test)?);

    let inputs = Input::new([HOURS, 2]); // (None, 48, 2)
    let outputs = Dense::new(1).call(&Gru::new(24).call(&inputs)?)?; // (None, 1)
    let mut model = Model::new(&inputs, &outputs)?
        .compile(Compile::new(Adam::new(0.01), "mse").metrics(["mae"]))?;
    let folder = std::env::temp_dir();
    let best = folder.join("forecast.keras");
    let fit = Fit::new()
        .epochs(12)
        .validation_split(0.2)
        .callback(EarlyStopping::new("val_loss").patience(3))
        .callback(ModelCheckpoint::new(&best).save_best_only(true))
        .verbose(2);
    // The windows bring their targets along: y is `()`.
    let history = model.fit(&train, (), fit)?;
    history.plot(folder.join("training.svg"))?;

    let model = CompiledModel::open(&best)?;
    let logs = model.evaluate(&test, (), Evaluate::new())?;
    println!("mean absolute error: {:.2} MW", logs["mae"].number() * scaler.scale()[0]);

    // Back to MW, and beside what the same hour of the day before had been.
    let forecast = model.predict(&test, Predict::new())?;
    let forecast = scaler.inverse_feature(0, forecast.f32()?.iter().copied())?;
    let measured = table.values().to_f32()?.slice(s![first_test as usize.., 0]).to_vec();
    for hour in [0, 6, 12, 18] {
        println!("{hour:>2}:00  {:.1} MW, measured {:.1} MW", forecast[hour], measured[hour]);
    }
    LinePlot::new("load in MW")
        .x_label("hour")
        .line("measured", measured)
        .line("forecast", forecast)
        .save(folder.join("forecast.svg"))?;
    println!("wrote training.svg, forecast.svg and forecast.keras to {}", folder.display());
    Ok(())
}
