//! The commands, a file each.

pub mod bench;
pub mod evaluate;
pub mod fit;
pub mod predict;
