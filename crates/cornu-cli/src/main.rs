//! The command `cornu`.
fn main() {}
