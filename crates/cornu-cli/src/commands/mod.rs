//! The commands, a file each.

pub mod bench;
pub mod completions;
pub mod convert;
pub mod evaluate;
pub mod explain;
pub mod fit;
pub mod init;
pub mod inspect;
pub mod man;
pub mod predict;
pub mod schema;
pub mod summary;
