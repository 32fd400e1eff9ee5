//! The report of a benchmark, as numbers and text.

use super::step::ProfileRow;
use serde::Serialize;

/// Report of a benchmark.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Median milliseconds of a training step; `None` for a model that is not compiled.
    pub train_ms: Option<f64>,
    /// Median milliseconds of a prediction of a batch.
    pub predict_ms: f64,
    /// Microseconds to plan the training step (or the prediction).
    pub plan_us: f64,
    /// Peak memory of the process, in MB.
    pub peak_rss_mb: f64,
    /// Number of threads.
    pub threads: usize,
    /// Instruction set of the kernels.
    pub isa: String,
    /// Epochs of sequences of unequal length, one for each way to make batches.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub epochs: Vec<RaggedEpoch>,
    /// Time of each operation in a training step on one thread, largest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub profile: Vec<ProfileRow>,
    /// GFLOP/s that one large matrix product reaches on one thread in the same run, with the
    /// profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product_gflops: Option<f64>,
}

/// Time of an epoch of sequences of unequal length, compared with sequences of equal length and as
/// many timesteps.
#[derive(Clone, Debug, Serialize)]
pub struct RaggedEpoch {
    /// Way to make batches.
    pub batches: String,
    /// Number of batches.
    pub steps: usize,
    /// Number of timesteps of all sequences.
    pub timesteps: usize,
    /// Share of padding in the padded epoch.
    pub padding_share: f64,
    /// Median milliseconds of the epoch.
    pub epoch_ms: f64,
    /// Timesteps per second, without padding.
    pub timesteps_per_s: f64,
    /// Median milliseconds of the epoch of equal lengths.
    pub equal_epoch_ms: f64,
    /// Time for each timestep, divided by that of equal lengths.
    pub ratio: f64,
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(t) = self.train_ms {
            writeln!(f, "training step   {t:.4} ms (median)")?;
        }
        writeln!(f, "prediction      {:.4} ms a batch (median)", self.predict_ms)?;
        writeln!(f, "planning        {:.0} us", self.plan_us)?;
        writeln!(f, "peak memory     {:.1} MB", self.peak_rss_mb)?;
        writeln!(f, "threads         {}, kernels {}", self.threads, self.isa)?;
        for e in &self.epochs {
            writeln!(
                f,
                "epoch           {:.3} ms by {}, {:.2}x that of equal lengths ({:.3} ms); {:.0} \
                    timesteps/s, {:.1} % padding",
                e.epoch_ms,
                e.batches,
                e.ratio,
                e.equal_epoch_ms,
                e.timesteps_per_s,
                100.0 * e.padding_share
            )?;
        }
        let total: f64 = self.profile.iter().map(|r| r.ms).sum();
        for ProfileRow { name, calls, ms, product_gflop } in &self.profile {
            write!(f, "  {name:20} {calls:5} calls {ms:10.4} ms {:5.1} %", 100.0 * ms / total)?;
            match *product_gflop > 0.0 {
                true => writeln!(
                    f,
                    "   products {product_gflop:.4} GFLOP, {:.1} GFLOP/s",
                    product_gflop / ms * 1e3
                )?,
                false => writeln!(f)?,
            }
        }
        if let Some(rate) = self.product_gflops {
            let gflop: f64 = self.profile.iter().map(|r| r.product_gflop).sum();
            let share = 100.0 * gflop / rate * 1e3 / total;
            writeln!(
                f,
                "  matrix products    {gflop:.4} GFLOP a step: {share:.1} % of it at the {rate:.1} \
                    GFLOP/s that one large product reaches here"
            )?;
        }
        Ok(())
    }
}
