//! `cornu init`: a first RUN.toml.

use crate::console::Console;
use crate::failure::Failure;

/// Write
#[derive(clap::Args)]
pub struct Args {}

pub fn run(_: Args, _: &Console) -> Result<(), Failure> {
    Ok(())
}
