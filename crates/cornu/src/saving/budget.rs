//! How much a file may make its reader do, in proportion to the bytes it has.

use super::FileError;

/// A file of `n` bytes may unfold to this many times `n`, or to [`FLOOR_BYTES`] if that is more.
/// Trained weights compress by a tenth, fresh optimizer slots (zeros) to nothing: a whole model
/// stays below 4.
const EXPANSION: usize = 8;

/// What any file may unfold to, however small it is.
const FLOOR_BYTES: usize = 8 << 20;

/// What is left of an allowance.
#[derive(Debug)]
pub(crate) struct Budget {
    left: usize,
    allowed: usize,
}

impl Budget {
    /// The allowance of bytes of a file of `file_bytes`.
    pub(crate) fn of_file(file_bytes: usize) -> Self {
        Self::exactly(file_bytes.saturating_mul(EXPANSION).max(FLOOR_BYTES))
    }

    /// An allowance of that many.
    pub(crate) fn exactly(allowed: usize) -> Self {
        Budget { left: allowed, allowed }
    }

    /// What may still be spent.
    pub(crate) fn left(&self) -> usize {
        self.left
    }

    /// Spends `amount` on `what`, or refuses the file.
    pub(crate) fn charge(&mut self, amount: usize, what: &str) -> Result<(), FileError> {
        match self.left.checked_sub(amount) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(FileError::refused(
                format!(
                    "a file unfolds to at most {EXPANSION} times its size; this one to {} bytes",
                    self.allowed
                ),
                format!("{what} of {amount} bytes with {} left", self.left),
                "The file is damaged or made to exhaust memory; get it again from its source.",
            )),
        }
    }
}
