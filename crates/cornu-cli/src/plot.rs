//! The curves of a run as SVG.

use crate::failure::Failure;
use cornu::History;
use plotters::prelude::*;
use std::path::Path;

/// Draws each measure of a history over the epochs, training and validation together.
pub fn curves(path: &Path, history: &History) -> Result<(), Failure> {
    let mut svg = String::new();
    draw(&mut svg, history).map_err(|e| Failure::failed(format!("{}: {e}", path.display())))?;
    cornu::saving::atomic::write(path, svg.as_bytes()).map_err(cornu::Error::from)?;
    Ok(())
}

fn draw(svg: &mut String, history: &History) -> Result<(), Box<dyn std::error::Error>> {
    let keys: Vec<&String> = history.values.keys().filter(|k| !k.starts_with("val_")).collect();
    let (width, height) = (720u32, 320u32);
    let root = SVGBackend::with_string(svg, (width, height * keys.len().max(1) as u32))
        .into_drawing_area();
    root.fill(&WHITE)?;
    for (area, key) in root.split_evenly((keys.len().max(1), 1)).iter().zip(&keys) {
        let train = history.get(key).unwrap_or_default();
        let val = history.get(&format!("val_{key}"));
        let finite = || train.iter().chain(val.iter().flatten()).copied().filter(|x| x.is_finite());
        let (low, high) =
            finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(x), b.max(x)));
        let margin = ((high - low) * 0.05).max(1e-9);
        let range = if low <= high { low - margin..high + margin } else { 0.0..1.0 };
        let mut chart = ChartBuilder::on(area)
            .caption(key.as_str(), ("sans-serif", 18))
            .margin(10)
            .x_label_area_size(30)
            .y_label_area_size(60)
            .build_cartesian_2d(1f64..train.len().max(2) as f64, range)?;
        chart.configure_mesh().x_desc("epoch").draw()?;
        let points = |v: &[f64]| {
            v.iter()
                .enumerate()
                .filter(|(_, y)| y.is_finite())
                .map(|(i, y)| (i as f64 + 1.0, *y))
                .collect::<Vec<_>>()
        };
        chart
            .draw_series(LineSeries::new(points(&train), &BLUE))?
            .label("training")
            .legend(|(x, y)| PathElement::new([(x, y), (x + 16, y)], BLUE));
        if let Some(v) = val {
            chart
                .draw_series(LineSeries::new(points(&v), &RED))?
                .label("validation")
                .legend(|(x, y)| PathElement::new([(x, y), (x + 16, y)], RED));
        }
        chart.configure_series_labels().background_style(WHITE).border_style(BLACK).draw()?;
    }
    root.present()?;
    Ok(())
}
