//! Ctrl-C and SIGTERM while a model is trained.

use crate::failure::Failure;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The first signal asks training to end after its batch; a second one ends the process at once.
pub struct Interrupt {
    stop: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
}

impl Interrupt {
    /// Watches for signals from now on.
    ///
    /// # Errors
    /// The system allows no handler.
    pub fn watch() -> Result<Self, Failure> {
        let (stop, signal) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let register = |number: i32| -> std::io::Result<()> {
            // In this order: the first signal finds the flag down, the second finds it up.
            flag::register_conditional_shutdown(number, 128 + number, stop.clone())?;
            flag::register_usize(number, signal.clone(), number as usize)?;
            flag::register(number, stop.clone()).map(drop)
        };
        register(SIGINT)
            .and_then(|()| register(SIGTERM))
            .map_err(|e| Failure::failed(format!("signals cannot be watched: {e}")))?;
        Ok(Self { stop, signal })
    }

    /// The flag that the first signal sets.
    pub fn request(&self) -> Arc<AtomicBool> {
        self.stop.clone()
    }

    /// The exit code of the signal that came: 130 or 143.
    pub fn exit_code(&self) -> Option<u8> {
        match self.signal.load(Ordering::Relaxed) {
            0 => None,
            number => Some(128 + number as u8),
        }
    }
}
