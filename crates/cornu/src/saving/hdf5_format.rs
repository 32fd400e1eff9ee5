//! Widths of HDF5, and what is said of a file that breaks its rules.

use super::error::FileError;
use std::fmt::Display;

/// Width of addresses and lengths: eight bytes in every file of `h5py`.
pub(crate) const OFFSET_BYTES: u8 = 8;
pub(crate) const UNDEFINED_ADDRESS: u64 = u64::MAX;

/// The layout class of virtual data sets.
const VIRTUAL_LAYOUT: u8 = 3;

/// What the HDF5 reader says of the file: broken, or beyond the reader.
pub(crate) fn reader_error(error: hdf5_reader::error::Error) -> FileError {
    use hdf5_reader::error::Error;
    let mut cause = &error;
    while let Error::Context { source, .. } = cause {
        cause = source;
    }
    match cause {
        Error::UnsupportedFilter(_) | Error::UnsupportedEncoding(_) => {
            FileError::unsupported(cause.to_string(), "Save it again without compression.")
        }
        Error::UnsupportedLayoutClass(VIRTUAL_LAYOUT) => FileError::refused(
            "weights are kept in the file itself",
            "a virtual data set, whose values are in other files",
            "Save the weights again with Keras or cornu; never load such a file.",
        ),
        _ => broken(cause),
    }
}

/// A rule of HDF5 itself that the file breaks.
pub(crate) fn broken(received: impl Display) -> FileError {
    FileError::refused(
        "the file must be sound HDF5",
        received.to_string(),
        "Save it again, or copy it whole from its source.",
    )
}
