//! Batch makers: which samples go together, in which order.

use super::error::{DataError, Result};
use super::shuffle::{shuffle, stream};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

/// Way to put the samples of an epoch into batches.
///
/// Every sample occurs exactly once. The batches depend only on lengths, batch size, seed and
/// epoch.
///
/// ```
/// use cornu::data::{BatchMaker, Cost};
/// let lengths = [9, 2, 3, 8];
/// let plan = BatchMaker::parse("bucket")?.plan_epoch(Some(&lengths), 4, 2, 0, 0)?;
/// let cost = Cost::of(&plan, Some(&lengths));
/// assert_eq!((cost.n_steps, cost.real_timesteps, cost.padded_timesteps), (2, 22, 24));
/// let plan = BatchMaker::AsTheyCome.plan_epoch(Some(&lengths), 4, 2, 0, 0)?;
/// assert_eq!(Cost::of(&plan, Some(&lengths)).padding_share, 12.0 / 34.0);
/// # Ok::<(), cornu::data::DataError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchMaker {
    /// Takes samples in the order of the data.
    AsTheyCome,
    /// Shuffles the samples in each epoch, by the seed.
    Shuffle,
    /// Puts series of similar length together; order of series and batches depends on the seed.
    Bucket,
    /// Puts only series of equal length together; the last batch of a length may be smaller.
    EqualLength,
    /// Fills each batch up to a number of timesteps, padding included; a longer series is a batch
    /// of its own.
    TokenBudget(usize),
    /// Takes one series for each batch, in an order that depends on the seed.
    BatchSizeOne,
}

/// Names and descriptions of all batch makers. `token-budget` takes a number of timesteps:
/// `token-budget(4096)`.
pub const BATCH_MAKERS: &[(&str, &str)] = &[
    ("as-they-come", "in the order of the data"),
    ("shuffle", "in a random order, drawn anew each epoch from the seed"),
    ("bucket", "series of similar length together, in a seeded order"),
    ("equal-length", "each batch of one length, with smaller batches left over"),
    ("token-budget(N)", "as many series as fit N timesteps"),
    ("batch-size-1", "one series a batch"),
];

/// A bucket ends where its longest series would exceed its shortest by this share.
const BUCKET_SPREAD: f64 = 0.1;

impl BatchMaker {
    /// Returns the batch maker of a name.
    ///
    /// # Errors
    /// An unknown name; `token-budget` without a number above 0.
    pub fn parse(name: &str) -> Result<Self> {
        Ok(match name {
            "as-they-come" => Self::AsTheyCome,
            "shuffle" => Self::Shuffle,
            "bucket" => Self::Bucket,
            "equal-length" => Self::EqualLength,
            "batch-size-1" => Self::BatchSizeOne,
            _ => {
                let budget = name
                    .strip_prefix("token-budget(")
                    .and_then(|rest| rest.strip_suffix(')'))
                    .and_then(|n| n.trim().replace('_', "").parse().ok())
                    .filter(|&n: &usize| n > 0);
                let Some(n) = budget else {
                    let names: Vec<&str> = BATCH_MAKERS.iter().map(|(name, _)| *name).collect();
                    let rule = format!("must be one of {}.", names.join(", "));
                    return Err(DataError::invalid("batch maker", rule, format!("`{name}`")));
                };
                Self::TokenBudget(n)
            }
        })
    }

    /// Returns the name that [`BatchMaker::parse`] reads.
    pub fn name(self) -> String {
        match self {
            Self::AsTheyCome => "as-they-come".to_owned(),
            Self::Shuffle => "shuffle".to_owned(),
            Self::Bucket => "bucket".to_owned(),
            Self::EqualLength => "equal-length".to_owned(),
            Self::TokenBudget(n) => format!("token-budget({n})"),
            Self::BatchSizeOne => "batch-size-1".to_owned(),
        }
    }

    /// Returns the samples of each batch of an epoch.
    ///
    /// `lengths` are the timesteps of each sample; without them all samples have the same length.
    ///
    /// # Errors
    /// A batch size of 0, lengths of another number than the samples, more than 2^32 - 1 samples.
    pub fn plan_epoch(
        self,
        lengths: Option<&[usize]>,
        n_samples: usize,
        batch_size: usize,
        seed: u64,
        epoch: u64,
    ) -> Result<Vec<Vec<u32>>> {
        if batch_size == 0 {
            return Err(DataError::invalid("batch size", "must be at least 1.", "0"));
        }
        if let Some(lengths) = lengths.filter(|l| l.len() != n_samples) {
            let rule = format!("one length for each of the {n_samples} samples is needed.");
            return Err(DataError::invalid("lengths", rule, lengths.len().to_string()));
        }
        let Ok(n) = u32::try_from(n_samples) else {
            let rule = "an epoch holds at most 4,294,967,295 samples.";
            return Err(DataError::invalid("batch maker", rule, n_samples.to_string()));
        };
        let mut rng = stream(seed, b"batch", epoch);
        let mut rows: Vec<u32> = (0..n).collect();
        if self != Self::AsTheyCome {
            shuffle(&mut rows, &mut rng);
        }
        let length = |row: &u32| lengths.map_or(1, |l| l[*row as usize]);
        let mut batches = match self {
            Self::AsTheyCome | Self::Shuffle => return Ok(chunks(&rows, batch_size)),
            Self::BatchSizeOne => return Ok(chunks(&rows, 1)),
            Self::Bucket => buckets(rows, batch_size, &length, &mut rng),
            Self::EqualLength => {
                let mut groups: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
                for row in rows {
                    groups.entry(length(&row)).or_default().push(row);
                }
                groups.values().flat_map(|group| chunks(group, batch_size)).collect()
            }
            Self::TokenBudget(budget) => within_budget(rows, budget, &length),
        };
        shuffle(&mut batches, &mut rng);
        Ok(batches)
    }
}

fn chunks(rows: &[u32], batch_size: usize) -> Vec<Vec<u32>> {
    rows.chunks(batch_size).map(<[u32]>::to_vec).collect()
}

/// Rows in order of length, cut where lengths have grown by the spread, at whole batches; shuffled
/// within.
fn buckets(
    mut rows: Vec<u32>,
    batch_size: usize,
    length: &dyn Fn(&u32) -> usize,
    rng: &mut ChaCha8Rng,
) -> Vec<Vec<u32>> {
    // Stable: rows of one length keep their random order.
    rows.sort_by_key(length);
    let mut batches = Vec::with_capacity(rows.len().div_ceil(batch_size));
    let mut start = 0;
    while start < rows.len() {
        let longest = length(&rows[start]) as f64 * (1.0 + BUCKET_SPREAD) + 1.0;
        let mut end = rows.len().min(start + batch_size);
        while end < rows.len() {
            let next = rows.len().min(end + batch_size);
            if length(&rows[next - 1]) as f64 > longest {
                break;
            }
            end = next;
        }
        shuffle(&mut rows[start..end], rng);
        batches.extend(chunks(&rows[start..end], batch_size));
        start = end;
    }
    batches
}

/// Rows in order of length, each batch filled until it would pad beyond the budget.
fn within_budget(
    mut rows: Vec<u32>,
    budget: usize,
    length: &dyn Fn(&u32) -> usize,
) -> Vec<Vec<u32>> {
    rows.sort_by_key(length);
    let mut batches: Vec<Vec<u32>> = Vec::new();
    let mut batch: Vec<u32> = Vec::new();
    for row in rows {
        // An empty series costs its place in the batch.
        let longest = length(&row).max(1);
        if !batch.is_empty() && longest.saturating_mul(batch.len() + 1) > budget {
            batches.push(std::mem::take(&mut batch));
        }
        batch.push(row);
    }
    if !batch.is_empty() {
        batches.push(batch);
    }
    batches
}

/// Cost of the batches of an epoch: steps and padding.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Cost {
    /// Share of padding in the padded epoch.
    pub padding_share: f64,
    /// Number of batches.
    pub n_steps: usize,
    /// Number of timesteps of all series.
    pub real_timesteps: usize,
    /// Number of timesteps if each batch is padded to its longest series.
    pub padded_timesteps: usize,
}

impl Cost {
    /// Returns the cost of an epoch for each batch maker, the used one first. A token budget that
    /// is not used is the batch size times the longest series.
    ///
    /// # Errors
    /// As [`BatchMaker::plan_epoch`].
    pub fn of_makers(
        lengths: &[usize],
        batch_size: usize,
        used: BatchMaker,
    ) -> Result<Vec<(BatchMaker, Cost)>> {
        let budget = BatchMaker::TokenBudget(
            (batch_size * lengths.iter().copied().max().unwrap_or(0)).max(1),
        );
        let all = [
            BatchMaker::AsTheyCome,
            BatchMaker::Shuffle,
            BatchMaker::Bucket,
            BatchMaker::EqualLength,
            budget,
            BatchMaker::BatchSizeOne,
        ];
        let same = |m: &BatchMaker| std::mem::discriminant(m) == std::mem::discriminant(&used);
        let others = all.into_iter().filter(|m| !same(m));
        let cost = |m: BatchMaker| {
            Ok((
                m,
                Cost::of(
                    &m.plan_epoch(Some(lengths), lengths.len(), batch_size, 0, 0)?,
                    Some(lengths),
                ),
            ))
        };
        std::iter::once(used).chain(others).map(cost).collect()
    }

    /// Returns the cost of batches; without lengths each sample counts as one timestep.
    pub fn of(plan: &[Vec<u32>], lengths: Option<&[usize]>) -> Cost {
        let length = |row: &u32| lengths.map_or(1, |l| l.get(*row as usize).copied().unwrap_or(0));
        let real: usize = plan.iter().flatten().map(length).sum();
        let padded = plan
            .iter()
            .map(|batch| batch.len() * batch.iter().map(length).max().unwrap_or(0))
            .sum();
        let padding_share = if padded == 0 { 0.0 } else { (padded - real) as f64 / padded as f64 };
        Cost { padding_share, n_steps: plan.len(), real_timesteps: real, padded_timesteps: padded }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn makers() -> Vec<BatchMaker> {
        BATCH_MAKERS
            .iter()
            .map(|(name, _)| BatchMaker::parse(&name.replace("(N)", "(50)")).unwrap())
            .collect()
    }

    proptest! {
        #[test]
        fn every_row_once_and_the_same_again(
            lengths in prop::collection::vec(0usize..40, 0..120),
            batch_size in 1usize..40,
            seed: u64,
            epoch in 0u64..3,
        ) {
            for maker in makers() {
                let n_rows = lengths.len();
                let plan_again =
                    || maker.plan_epoch(Some(&lengths), n_rows, batch_size, seed, epoch).unwrap();
                let plan = plan_again();
                let mut rows: Vec<u32> = plan.iter().flatten().copied().collect();
                rows.sort_unstable();
                prop_assert_eq!(rows, (0..lengths.len() as u32).collect::<Vec<_>>());
                prop_assert!(plan.iter().all(|b| !b.is_empty()));
                prop_assert_eq!(&plan, &plan_again());
                let length = |r: &u32| lengths[*r as usize];
                let longest = |b: &Vec<u32>| b.iter().map(length).max().unwrap();
                for batch in &plan {
                    match maker {
                        BatchMaker::TokenBudget(n) => {
                            let n_tokens = batch.len() * longest(batch).max(1);
                            prop_assert!(batch.len() == 1 || n_tokens <= n);
                        }
                        BatchMaker::BatchSizeOne => prop_assert_eq!(batch.len(), 1),
                        BatchMaker::EqualLength => {
                            prop_assert!(batch.len() <= batch_size);
                            prop_assert!(batch.iter().all(|r| length(r) == longest(batch)));
                        }
                        _ => prop_assert!(batch.len() <= batch_size),
                    }
                }
                use BatchMaker::{AsTheyCome, Bucket, Shuffle};
                if matches!(maker, AsTheyCome | Shuffle | Bucket) {
                    prop_assert_eq!(plan.len(), lengths.len().div_ceil(batch_size));
                }
            }
        }
    }

    #[test]
    fn seed_and_epoch_change_the_order() {
        for maker in makers().into_iter().filter(|m| *m != BatchMaker::AsTheyCome) {
            let lengths: Vec<usize> = (0..64).map(|i| i % 7).collect();
            let plan = |seed, epoch| maker.plan_epoch(Some(&lengths), 64, 8, seed, epoch).unwrap();
            assert_ne!(plan(1, 0), plan(2, 0), "{}", maker.name());
            assert_ne!(plan(1, 0), plan(1, 1), "{}", maker.name());
        }
    }

    #[test]
    fn the_order_of_a_seed_is_fixed() {
        let plan = BatchMaker::Shuffle.plan_epoch(None, 8, 8, 42, 0).unwrap();
        assert_eq!(plan, [[6, 4, 1, 3, 2, 7, 5, 0]]);
    }

    #[test]
    fn every_order_of_three_is_as_likely() {
        let mut counts: BTreeMap<Vec<u32>, usize> = BTreeMap::new();
        for seed in 0..6000 {
            let plan = BatchMaker::Shuffle.plan_epoch(None, 3, 3, seed, 0).unwrap();
            *counts.entry(plan[0].clone()).or_default() += 1;
        }
        // Expected 1000 each; five standard deviations are 144.
        assert_eq!(counts.len(), 6);
        assert!(counts.values().all(|&n| (856..=1144).contains(&n)), "{counts:?}");
    }

    #[test]
    fn buckets_pad_far_less_than_chance() {
        let lengths: Vec<usize> = (0..1000).map(|i| 5 + (i * 7919) % 196).collect();
        let cost = |maker: BatchMaker| {
            Cost::of(&maker.plan_epoch(Some(&lengths), 1000, 32, 0, 0).unwrap(), Some(&lengths))
        };
        assert!(cost(BatchMaker::Shuffle).padding_share > 0.4);
        assert!(cost(BatchMaker::Bucket).padding_share < 0.08);
        assert_eq!(cost(BatchMaker::EqualLength).padding_share, 0.0);
        assert_eq!(cost(BatchMaker::Bucket).n_steps, 32);
    }

    #[test]
    fn names_are_parsed_and_wrong_ones_listed() {
        for maker in makers() {
            assert_eq!(BatchMaker::parse(&maker.name()).unwrap(), maker);
        }
        for wrong in ["buckets", "token-budget", "token-budget(0)", "token-budget(x)", ""] {
            let e = BatchMaker::parse(wrong).unwrap_err().to_string();
            assert!(e.contains("equal-length") && e.contains(&format!("`{wrong}`")), "{e}");
        }
        assert!(BatchMaker::Shuffle.plan_epoch(None, 3, 0, 0, 0).is_err());
        assert!(BatchMaker::Shuffle.plan_epoch(Some(&[1]), 3, 1, 0, 0).is_err());
    }
}
