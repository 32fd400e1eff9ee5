//! Curves as SVG.

use crate::data::DataError;
use crate::training::History;
use crate::{Error, Result};
use plotters::prelude::*;
use std::error::Error as StdError;
use std::ops::Range;
use std::path::Path;

/// A plot of lines over one axis: a series with its forecast, a measure by length.
///
/// ```
/// use cornu::report::LinePlot;
/// let svg = LinePlot::new("temperature")
///     .line("measured", [20.0, 20.5, 21.0])
///     .line_from("forecast", 3, [21.4, 21.7])
///     .to_svg()?;
/// assert!(svg.starts_with("<svg") && svg.contains("forecast"));
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct LinePlot {
    title: String,
    x_label: String,
    first_x: f64,
    lines: Vec<(String, Vec<(f64, f64)>)>,
}

/// The size of one plot in pixels.
const SIZE: (u32, u32) = (720, 320);

impl LinePlot {
    /// A plot without lines.
    pub fn new(title: &str) -> Self {
        let x_label = "timestep".to_owned();
        Self { title: title.to_owned(), x_label, first_x: 0.0, lines: vec![] }
    }

    /// What the horizontal axis shows; `timestep` without it.
    pub fn x_label(mut self, label: &str) -> Self {
        self.x_label = label.to_owned();
        self
    }

    /// Adds a line of values at 0, 1, 2, …
    pub fn line<V: Into<f64>>(self, name: &str, values: impl IntoIterator<Item = V>) -> Self {
        self.line_from(name, 0, values)
    }

    /// Adds a line of values from a timestep on. What is not finite is left out.
    pub fn line_from<V: Into<f64>>(
        mut self,
        name: &str,
        first: usize,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        let first = first as f64 + self.first_x;
        let points = values
            .into_iter()
            .enumerate()
            .map(|(i, y)| (first + i as f64, y.into()))
            .filter(|(_, y): &(f64, f64)| y.is_finite());
        self.lines.push((name.to_owned(), points.collect()));
        self
    }

    /// Returns the plot as SVG.
    ///
    /// # Errors
    /// No line.
    pub fn to_svg(&self) -> Result<String> {
        if self.lines.is_empty() {
            let rule = "at least one line is needed.";
            return Err(DataError::invalid(format!("plot `{}`", self.title), rule, "none").into());
        }
        svg(std::slice::from_ref(self))
    }

    /// Writes the plot as an SVG file.
    ///
    /// # Errors
    /// No line; a file system that fails.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        Ok(crate::saving::atomic::write(path.as_ref(), self.to_svg()?.as_bytes())?)
    }

    fn draw<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, plotters::coord::Shift>,
    ) -> std::result::Result<(), Box<dyn StdError>>
    where
        B::ErrorType: 'static,
    {
        let points = || self.lines.iter().flat_map(|(_, points)| points);
        let mut chart = ChartBuilder::on(area)
            .caption(&self.title, ("sans-serif", 18))
            .margin(10)
            .x_label_area_size(30)
            .y_label_area_size(60)
            .build_cartesian_2d(
                self.first_x..points().map(|p| p.0).fold(self.first_x + 1.0, f64::max),
                range(points().map(|p| p.1)),
            )?;
        chart.configure_mesh().x_desc(&self.x_label).draw()?;
        let colours = [BLUE, RED, GREEN, MAGENTA, CYAN, BLACK];
        for (i, (name, points)) in self.lines.iter().enumerate() {
            let colour = colours[i % colours.len()];
            chart
                .draw_series(LineSeries::new(points.iter().copied(), &colour))?
                .label(name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour));
        }
        chart.configure_series_labels().background_style(WHITE).border_style(BLACK).draw()?;
        Ok(())
    }
}

/// The range of an axis: all values, and a little more.
fn range(values: impl Iterator<Item = f64>) -> Range<f64> {
    let (low, high) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), y| (low.min(y), high.max(y)));
    let margin = ((high - low) * 0.05).max(1e-9);
    if low <= high { low - margin..high + margin } else { 0.0..1.0 }
}

/// Plots one below the other.
fn svg(plots: &[LinePlot]) -> Result<String> {
    let mut svg = String::new();
    let drawn = (|| {
        let (width, height) = SIZE;
        let n = plots.len().max(1);
        let root =
            SVGBackend::with_string(&mut svg, (width, height * n as u32)).into_drawing_area();
        root.fill(&WHITE)?;
        for (area, plot) in root.split_evenly((n, 1)).iter().zip(plots) {
            plot.draw(area)?;
        }
        root.present()?;
        Ok(())
    })();
    drawn.map_err(|e: Box<dyn StdError>| Error::Data(format!("plot: {e}")))?;
    Ok(svg)
}

impl History {
    /// Returns the curves of each measure over the epochs as SVG, training and validation together.
    ///
    /// ```
    /// use cornu::{Compile, Dense, Fit, Input, Model};
    /// let x = Input::new([1]);
    /// let mut model =
    ///     Model::new(&x, &Dense::new(1).call(&x)?)?.compile(Compile::new("sgd", "mse"))?;
    /// let data = [[0.0f32], [1.0], [2.0], [3.0]];
    /// let fit = Fit::new().epochs(3).validation_split(0.25).verbose(0);
    /// let svg = model.fit(&data, &data, fit)?.to_svg()?;
    /// assert!(svg.contains("loss") && svg.contains("validation"));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    ///
    /// # Errors
    /// None of its own.
    pub fn to_svg(&self) -> Result<String> {
        let keys = self.values.keys().filter(|key| !key.starts_with("val_"));
        let plots: Vec<LinePlot> = keys
            .map(|key| {
                let plot = LinePlot { first_x: 1.0, ..LinePlot::new(key).x_label("epoch") };
                let plot = plot.line("training", self.get(key).unwrap_or_default());
                match self.get(&format!("val_{key}")) {
                    Some(values) => plot.line("validation", values),
                    None => plot,
                }
            })
            .collect();
        svg(&plots)
    }

    /// Writes the curves of each measure over the epochs as an SVG file.
    ///
    /// # Errors
    /// A file system that fails.
    pub fn plot(&self, path: impl AsRef<Path>) -> Result<()> {
        Ok(crate::saving::atomic::write(path.as_ref(), self.to_svg()?.as_bytes())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_without_finite_values_are_drawn() {
        let svg = LinePlot::new("a").line("b", [f64::NAN, f64::INFINITY]).to_svg().unwrap();
        assert!(svg.ends_with("</svg>\n") || svg.ends_with("</svg>"));
        let e = LinePlot::new("a").to_svg().unwrap_err().to_string();
        assert!(e.contains("plot `a`: at least one line"), "{e}");
        assert!(History::default().to_svg().unwrap().contains("<svg"));
    }
}
