//! What the styles of a summary share: columns and where they end.

use super::wrap::Align;
use crate::Error;

/// Style of a summary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// Style of Keras 3: boxes.
    #[default]
    Keras,
    /// Style of Keras 2: lines of `_` and `=`. Default names are spelled as in Keras 2 (`model`,
    /// `input_1`), and operations that compute masks are left out.
    Classic,
}

/// A column beside Keras's own.
pub(super) struct Extra {
    pub(super) header: &'static str,
    pub(super) align: Align,
    /// Share of the line that stays for the columns before.
    pub(super) rest: f64,
    /// Characters by which the line grows, in the style of Keras 3 and of Keras 2.
    pub(super) growth: (usize, usize),
    pub(super) cells: Vec<String>,
}

/// The columns' ends for a line, from their shares.
pub(super) fn column_ends(shares: &[f64], line_length: usize) -> Vec<usize> {
    shares.iter().map(|p| (p * line_length as f64) as usize).collect()
}

pub(super) fn too_short(line_length: usize) -> Error {
    Error::argument(
        "summary",
        "each column needs at least 4 characters; give a larger line length",
        format!("line length {line_length}"),
    )
}
