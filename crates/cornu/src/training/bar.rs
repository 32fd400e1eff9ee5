//! The bar of an epoch on a terminal.

#[cfg(feature = "progress")]
use indicatif::{ProgressBar, ProgressStyle};

/// A bar of the steps of an epoch; there is none without the feature `progress`.
pub(super) struct Bar {
    #[cfg(feature = "progress")]
    bar: ProgressBar,
}

#[cfg(feature = "progress")]
impl Bar {
    pub(super) fn new(steps: usize) -> Option<Self> {
        let style =
            ProgressStyle::with_template("{pos}/{len} {bar:20.green/white} {elapsed} {msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(steps as u64).with_style(style.progress_chars("━━─"));
        Some(Self { bar })
    }

    pub(super) fn set(&self, steps_done: usize, message: String) {
        self.bar.set_position(steps_done as u64);
        self.bar.set_message(message);
    }

    pub(super) fn print_past(&self, message: &str) {
        self.bar.suspend(|| eprintln!("{message}"));
    }

    pub(super) fn clear(self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(not(feature = "progress"))]
impl Bar {
    pub(super) fn new(_: usize) -> Option<Self> {
        None
    }

    pub(super) fn set(&self, _: usize, _: String) {}

    pub(super) fn print_past(&self, message: &str) {
        eprintln!("{message}");
    }

    pub(super) fn clear(self) {}
}
