//! tract predicting one workload:   peer-tract MODEL.onnx STEPS

use std::time::Instant;
use tract_onnx::prelude::*;

fn main() -> TractResult<()> {
    let args: Vec<String> = std::env::args().collect();
    let [_, path, steps] = &args[..] else { panic!("usage: peer-tract MODEL.onnx STEPS") };
    let model = onnx().model_for_path(path)?.into_optimized()?;
    let fact = model.input_fact(0)?.clone();
    let dims = fact.shape.as_concrete().expect("a graph of known shapes").to_vec();
    let x = match fact.datum_type {
        DatumType::I64 => Tensor::zero::<i64>(&dims)?,
        _ => Tensor::zero::<f32>(&dims)?,
    };
    let model = model.into_runnable()?;
    model.run(tvec!(x.clone().into()))?;
    let mut times = Vec::new();
    for _ in 0..steps.parse::<usize>().expect("a number") {
        let start = Instant::now();
        model.run(tvec!(x.clone().into()))?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    println!("{{\"predict_ms\": {}}}", times[times.len() / 2]);
    Ok(())
}
