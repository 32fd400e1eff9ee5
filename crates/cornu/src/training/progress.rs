//! The progress of a run: a bar on a terminal, a line an epoch elsewhere.

use super::bar::Bar;
use super::history::Logs;
use crate::data::{BatchMaker, Cost};
use crate::metrics::MetricValue;
use std::io::IsTerminal;
use std::time::Instant;

/// Shows a run as Keras's verbose does: 0 nothing, 1 a bar (lines where there is no terminal), 2 a
/// line an epoch.
pub(crate) struct Progress {
    verbose: u8,
    bar: Option<Bar>,
    started: Instant,
    epochs: usize,
    steps: usize,
    /// Of the fastest epoch.
    timesteps_per_s: f64,
}

impl Progress {
    pub(crate) fn new(verbose: u8, epochs: usize) -> Self {
        Self { verbose, bar: None, started: Instant::now(), epochs, steps: 0, timesteps_per_s: 0.0 }
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
                eprintln!("Epoch {}/{}", epoch + 1, self.epochs);
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
            None => eprintln!("{message}"),
        }
    }

    pub(crate) fn step(&self, step: usize, logs: &Logs) {
        if let Some(bar) = &self.bar {
            bar.set(step + 1, text(logs));
        }
    }

    pub(crate) fn epoch_end(
        &mut self,
        epoch: usize,
        samples: usize,
        cost: Option<&Cost>,
        logs: &Logs,
    ) {
        if self.verbose == 0 {
            return;
        }
        if let Some(bar) = self.bar.take() {
            bar.clear();
        }
        let seconds = self.started.elapsed().as_secs_f64();
        self.timesteps_per_s = self
            .timesteps_per_s
            .max(cost.map_or(0.0, |c| c.real_timesteps as f64 / seconds.max(1e-9)));
        let per_step = per_step(seconds / self.steps.max(1) as f64);
        eprintln!(
            "Epoch {}/{} - {}/{} - {samples} samples - {seconds:.2}s - {per_step}/step - {}",
            epoch + 1,
            self.epochs,
            self.steps,
            self.steps,
            text(logs)
        );
    }
}

impl Progress {
    /// What each way to make batches of sequences of unequal length costs an epoch, the one used
    /// first, with its speed.
    pub(crate) fn train_end(&self, used: BatchMaker, costs: &[(BatchMaker, Cost)]) {
        if self.verbose == 0 {
            return;
        }
        for (maker, c) in costs {
            let speed = if *maker == used {
                format!(" - {:.0} real timesteps/s", self.timesteps_per_s)
            } else {
                String::new()
            };
            let share = 100.0 * c.padding_share;
            eprintln!(
                "batches {} - {} steps - {} real timesteps - {share:.1} % padding if padded{speed}",
                maker.name(),
                c.n_steps,
                c.real_timesteps
            );
        }
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
