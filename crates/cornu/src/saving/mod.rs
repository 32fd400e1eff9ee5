//! Model files as bytes: `.keras`, `.weights.h5`, sharded weights, legacy `.h5`, `safetensors`.
//!
//! Nothing here knows a layer. Every reader yields named arrays and JSON, every writer takes them.
//! A file from outside is never trusted: what it declares is checked against the bytes it has
//! before anything is allocated, it can name no other file, and whatever is wrong with it is a
//! [`FileError`], never a panic.

pub mod atomic;
mod budget;
pub mod error;
pub mod group;
mod hdf5_format;
mod hdf5_text;
mod hdf5_links;
pub mod hdf5_read;
pub mod hdf5_write;
pub mod json;
pub mod archive;
pub mod legacy;
pub mod safetensors;
pub mod sharded;

pub use archive::Archive;
pub use error::FileError;
pub use group::{Array, ArrayType, Attribute, Group};
pub use hdf5_read::is_hdf5;
pub use legacy::{H5File, Legacy, NamedArrays};
