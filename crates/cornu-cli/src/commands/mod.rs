//! The commands, a file each.

pub mod bench;
pub mod convert;
pub mod evaluate;
pub mod explain;
pub mod fit;
pub mod inspect;
pub mod predict;
pub mod summary;
