//! The value a callback watches, and which of two is the better.
//!
//! Source: keras/src/callbacks/monitor_callback.py, Keras 3.15.1.

use super::Run;
use crate::metrics::MetricValue;
use crate::training::Logs;
use crate::{Error, Result};

/// Which values are better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Better {
    Less,
    Greater,
}

/// What a watching callback remembers.
#[derive(Default)]
pub(super) struct Monitor {
    better: Option<Better>,
    /// The best value so far.
    pub(super) best: Option<f64>,
    warned: bool,
}

impl Monitor {
    /// Which values are better, settled once: by the mode, or for `auto` by the metric's own word.
    pub(super) fn settle(
        &mut self,
        who: &str,
        monitor: &str,
        mode: &str,
        run: &mut Run<'_>,
    ) -> Result<()> {
        if self.better.is_some() {
            return Ok(());
        }
        if !["auto", "min", "max"].contains(&mode) {
            run.say(&format!("{who} mode '{mode}' is unknown, fallback to auto mode."));
        }
        let name = monitor.strip_prefix("val_").unwrap_or(monitor);
        let by_name = (name == "loss").then_some(Better::Less);
        let by_metric = || {
            run.metrics
                .iter()
                .filter(|m| m.metric.name() == name)
                .filter_map(|m| m.metric.more_is_better())
                .next_back()
        };
        self.better = match mode {
            "min" => Some(Better::Less),
            "max" => Some(Better::Greater),
            _ => by_metric()
                .map(|more| if more { Better::Greater } else { Better::Less })
                .or(by_name),
        };
        match self.better {
            Some(_) => Ok(()),
            None => Err(Error::argument(
                who,
                "whether more or less of the monitored value is better is not known: set mode \
                    to \"min\" or \"max\"",
                format!("monitor `{monitor}`, mode \"auto\""),
            )),
        }
    }

    /// Whether a value is better than another by more than `min_delta`; any is better than none.
    /// Compared in 32 bits, as Keras does.
    pub(super) fn improves(&self, value: f64, reference: Option<f64>, min_delta: f64) -> bool {
        let Some(reference) = reference else { return true };
        match self.better {
            Some(Better::Greater) => (value - min_delta.abs()) as f32 > reference as f32,
            _ => ((value + min_delta.abs()) as f32) < reference as f32,
        }
    }

    /// The value watched; where it is missing, a warning says so once.
    pub(super) fn value(
        &mut self,
        who: &str,
        monitor: &str,
        logs: &Logs,
        run: &mut Run<'_>,
        warning: &str,
    ) -> Result<Option<f64>> {
        match logs.get(monitor) {
            Some(MetricValue::Number(x)) => Ok(Some(*x)),
            Some(MetricValue::List(items)) => Err(Error::argument(
                who,
                format!("the monitored value `{monitor}` must be one number"),
                format!("{} numbers", items.len()),
            )),
            None => {
                if !self.warned {
                    self.warned = true;
                    let there = logs.keys().cloned().collect::<Vec<_>>().join(",");
                    run.say(&format!(
                        "{warning} metric `{monitor}` which is not available. \
                        Available metrics are: {there}"
                    ));
                }
                Ok(None)
            }
        }
    }
}
