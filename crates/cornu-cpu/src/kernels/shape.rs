//! The sizes that every recurrent kernel is told.

/// The sizes of a recurrent cell and of the batch it meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CellShape {
    /// F
    pub features: usize,
    /// U
    pub units: usize,
    /// B: rows of the states; no timestep has more live rows.
    pub batch: usize,
}
