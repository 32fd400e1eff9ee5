//! Summaries: the table of a model's layers, as Keras prints it.

mod wrap;
mod style;
mod rows;
mod memory;
mod boxed;
mod classic;
mod masks;

pub use masks::{MaskFlow, MaskReport};
pub use memory::{Counts, readable_bytes};
pub use style::Style;

use crate::training::{CompiledModel, ModelRef};
use crate::{Model, Result};
use rows::Rows;
use style::Extra;

/// Summary: the table of a model's layers.
///
/// ```
/// use cornu::summary::Summary;
/// use cornu::{Dense, Input, Model};
/// let inputs = Input::new([20, 1]);
/// let model = Model::new(&inputs, &Dense::new(5).call(&inputs)?)?;
/// let text = Summary::new(&model).line_length(80).render()?;
/// assert!(text.contains("│ dense (Dense)") && text.contains("│ (None, 20, 5)"));
/// assert!(text.contains(" 10 │"));
/// assert!(text.ends_with(" Non-trainable params: 0 (0.00 B)\n"));
/// # Ok::<(), cornu::Error>(())
/// ```
///
/// # Source
/// keras/src/utils/summary_utils.py, Keras 3.15.1, with the layout of tables in rich 15;
/// tf_keras/src/utils/layer_utils.py, tf_keras 2.21. Differs: lines longer than the terminal are
/// not cut.
#[derive(Clone, Copy)]
pub struct Summary<'m> {
    model: ModelRef<'m>,
    line_length: Option<usize>,
    columns: usize,
    style: Style,
    masks: bool,
    expand_nested: bool,
    show_trainable: bool,
}

impl<'m> Summary<'m> {
    /// Returns the summary of a model, in the style of Keras 3.
    pub fn new(model: impl Into<ModelRef<'m>>) -> Self {
        Self {
            model: model.into(),
            line_length: None,
            columns: 80,
            style: Style::Keras,
            masks: false,
            expand_nested: false,
            show_trainable: false,
        }
    }

    /// Sets the number of characters in a line; by default as in Keras.
    pub fn line_length(mut self, n: usize) -> Self {
        self.line_length = Some(n);
        self
    }

    /// Sets the number of terminal columns, by default 80; Keras leaves 4 of them free.
    pub fn columns(mut self, n: usize) -> Self {
        self.columns = n;
        self
    }

    /// Sets the style.
    pub fn style(mut self, style: Style) -> Self {
        self.style = style;
        self
    }

    /// Adds a column on masks, and warnings for outputs that have lost their mask.
    pub fn masks(mut self, masks: bool) -> Self {
        self.masks = masks;
        self
    }

    /// Sets whether the layers of inner models are shown.
    pub fn expand_nested(mut self, expand: bool) -> Self {
        self.expand_nested = expand;
        self
    }

    /// Adds a column that shows which layers are trainable.
    pub fn show_trainable(mut self, show: bool) -> Self {
        self.show_trainable = show;
        self
    }

    /// Returns the summary as text.
    ///
    /// # Errors
    /// The line is too short for its columns.
    pub fn render(&self) -> Result<String> {
        let rows = Rows::of(self.model.model(), self.style, self.expand_nested);
        let mut extras = Vec::new();
        if self.show_trainable {
            let cells =
                rows.rows.iter().map(|r| trainable_word(r, self.style).to_string()).collect();
            extras.push(Extra {
                header: "Trainable",
                align: wrap::Align::Center,
                rest: 0.90,
                growth: (12, 11),
                cells,
            });
        }
        let report = self.masks.then(|| MaskReport::of(self.model.model())).transpose()?;
        if let Some(report) = &report {
            let cells = rows
                .rows
                .iter()
                .map(|r| r.member.map_or_else(String::new, |m| report.members[m].to_string()))
                .collect();
            extras.push(Extra {
                header: "Mask",
                align: wrap::Align::Left,
                rest: 0.80,
                growth: (22, 16),
                cells,
            });
        }
        let counts = Counts::of(self.model);
        let mut text = match self.style {
            Style::Keras => boxed::render(&rows, &extras, &counts, self.line_length, self.columns)?,
            Style::Classic => classic::render(&rows, &extras, &counts, self.line_length)?,
        };
        for warning in report.iter().flat_map(|r| &r.warnings) {
            text.push_str(&format!(" Warning: {warning}\n"));
        }
        Ok(text)
    }
}

fn trainable_word(row: &rows::Row, style: Style) -> &'static str {
    match (style, row.has_weights, row.trainable) {
        (Style::Keras, false, _) => "-",
        (_, _, true) => "Y",
        (_, _, false) => "N",
    }
}

impl Model {
    /// Returns the table of the layers as Keras prints it. See [`Summary`] for other widths and
    /// styles.
    pub fn summary(&self) -> String {
        Summary::new(self).render().expect("the default length holds the columns")
    }
}

impl CompiledModel {
    /// Returns the table of the layers with the optimizer's parameters; see [`Model::summary`].
    pub fn summary(&self) -> String {
        Summary::new(self).render().expect("the default length holds the columns")
    }
}

#[cfg(test)]
mod tests;
