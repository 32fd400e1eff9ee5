//! The progress of a run: a bar on a terminal, a line an epoch elsewhere.

use super::bar::Bar;
use super::history::Logs;
use crate::metrics::MetricValue;
use std::io::{IsTerminal, Write};
use std::time::Instant;

/// Shows a run as Keras's verbose does: 0 nothing, 1 a bar (lines where there is no terminal), 2 a
/// line an epoch.
pub(crate) struct Progress {
    verbose: u8,
    bar: Option<Bar>,
    started: Instant,
    epochs: usize,
    steps: usize,
}

/// Writes a line to standard error. One that nobody reads any more must not end the run.
fn line(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

impl Progress {
    pub(crate) fn new(verbose: u8, epochs: usize) -> Self {
        Self { verbose, bar: None, started: Instant::now(), epochs, steps: 0 }
    }

    pub(crate) fn epoch_begin(&mut self, epoch: usize, steps: usize) {
        self.started = Instant::now();
        self.steps = steps;
        if self.verbose == 0 {
            return;
        }
        if self.verbose == 1 && std::io::stderr().is_terminal() {
            self.bar = Bar::new(steps);
            if self.bar.is_some() {
                line(&format!("Epoch {}/{}", epoch + 1, self.epochs));
            }
        }
    }

    /// Whether the values of a step are shown.
    pub(crate) fn shows_steps(&self) -> bool {
        self.bar.is_some()
    }

    /// Prints a message past the bar.
    pub(crate) fn print(&self, message: &str) {
        match &self.bar {
            Some(bar) => bar.print_past(message),
            None => line(message),
        }
    }

    pub(crate) fn step(&self, step: usize, logs: &Logs) {
        if let Some(bar) = &self.bar {
            bar.set(step + 1, text(logs));
        }
    }

    /// Takes the bar away.
    pub(crate) fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.clear();
        }
    }

    pub(crate) fn epoch_end(&mut self, epoch: usize, samples: usize, logs: &Logs) {
        if self.verbose == 0 {
            return;
        }
        self.clear();
        let seconds = self.started.elapsed().as_secs_f64();
        let per_step = per_step(seconds / self.steps.max(1) as f64);
        line(&format!(
            "Epoch {}/{} - {}/{} - {samples} samples - {seconds:.2}s - {per_step}/step - {}",
            epoch + 1,
            self.epochs,
            self.steps,
            self.steps,
            text(logs)
        ));
    }
}

fn per_step(s: f64) -> String {
    if s >= 1.0 {
        format!("{s:.1}s")
    } else if s >= 1e-3 {
        format!("{:.0}ms", s * 1e3)
    } else {
        format!("{:.0}us", s * 1e6)
    }
}

fn text(logs: &Logs) -> String {
    let number =
        |x: f64| if x.abs() > 1e-3 || x == 0.0 { format!("{x:.4}") } else { format!("{x:.4e}") };
    let value = |v: &MetricValue| match v {
        MetricValue::Number(x) => number(*x),
        MetricValue::List(items) => {
            format!("[{}]", items.iter().map(|x| number(*x)).collect::<Vec<_>>().join(", "))
        }
    };
    logs.iter().map(|(k, v)| format!("{k}: {}", value(v))).collect::<Vec<_>>().join(" - ")
}
