//! Events of a run as lines of JSON, and how far it came.

use crate::console::Console;
use cornu::Logs;
use cornu::Result;
use cornu::callbacks::{Callback, Run};
use cornu::extend::value_json;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Values by their keys.
pub fn logs_json(logs: &Logs) -> Value {
    Value::Object(logs.iter().map(|(k, v)| (k.clone(), value_json(v))).collect::<Map<_, _>>())
}

/// Counts steps, and writes an event for each epoch where JSON is asked for.
pub struct Events {
    /// Where events go; none where no JSON is asked for.
    pub json: Option<Console>,
    /// Steps begun.
    pub steps: Arc<AtomicUsize>,
}

impl Callback for Events {
    fn on_train_batch_begin(&mut self, _: &mut Run<'_>, _: usize) -> Result<()> {
        self.steps.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn on_epoch_end(&mut self, run: &mut Run<'_>, epoch: usize, logs: &mut Logs) -> Result<()> {
        if let Some(console) = &self.json {
            console.json(&json!({
                "event": "epoch", "epoch": epoch + 1, "epochs": run.epochs,
                "logs": logs_json(logs),
            }));
        }
        Ok(())
    }

    fn reads_batches(&self) -> bool {
        false
    }
}
