//! Classes of the author's own in a model's file: the flags by which commands open them.

use crate::failure::Failure;
use cornu::extend::Registry;
use std::path::PathBuf;

/// How classes of the author's own are read.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct OwnClasses {
    /// An extension file (.toml or .json), which says how classes of the author's own compute;
    /// repeat it for several.
    #[arg(long = "extension", value_name = "EXT.toml")]
    pub extensions: Vec<PathBuf>,
    /// Take classes of keras.io's examples and of Chollet's book for what they are there, where
    /// settings and weights fit; what is assumed is printed.
    #[arg(long)]
    pub assume: bool,
}

impl OwnClasses {
    /// The registry with these classes.
    ///
    /// # Errors
    /// An extension file that cannot be read.
    pub fn registry(&self) -> Result<Registry, Failure> {
        let mut registry = Registry::new();
        for path in &self.extensions {
            registry = registry.extension(path)?;
        }
        Ok(if self.assume { registry.assume() } else { registry })
    }
}
