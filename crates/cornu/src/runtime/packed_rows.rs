//! Sequences of unequal length on their way into a batch: which go into which shard, and how many
//! rows they are planned for.
//!
//! A shard holds the timesteps of its sequences without padding, in the order of
//! `cornu_ir::ops::MaskLayout`: those of step 0, longest sequence first, then those of step 1, and
//! so on. Every shard of a batch is planned for as many rows, a little more than the fullest has,
//! so that batches of about one size share a program.

use std::cmp::Reverse;

/// How the sequences of a batch stand in packed rows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PackedRows {
    /// T: no sequence has more timesteps.
    pub(crate) timesteps: usize,
    /// N of each shard.
    pub(crate) rows: usize,
    /// Samples of each shard.
    pub(crate) shards: Vec<usize>,
}

impl PackedRows {
    /// All sequences in one shard.
    pub(crate) fn whole(lengths: &[usize]) -> Self {
        let timesteps = grained(lengths.iter().copied().max().unwrap_or(0));
        Self { timesteps, rows: grained(lengths.iter().sum()), shards: vec![lengths.len()] }
    }

    /// So many shards, and the sequences in the order in which they fill them. With `in_order` that
    /// is the order in which they come.
    pub(crate) fn dealt(lengths: &[usize], n_shards: usize, in_order: bool) -> (Self, Vec<usize>) {
        let n_shards = n_shards.clamp(1, lengths.len().max(1));
        let mut hands: Vec<Vec<usize>> = vec![vec![]; n_shards];
        if in_order {
            let rows = lengths.len().div_ceil(n_shards);
            (0..lengths.len()).for_each(|i| hands[i / rows].push(i));
            hands.retain(|h| !h.is_empty());
        } else {
            let mut by_length: Vec<usize> = (0..lengths.len()).collect();
            by_length.sort_by_key(|&i| Reverse(lengths[i]));
            // There and back again, so that each shard gets long and short sequences alike.
            let turns = (0..n_shards).chain((0..n_shards).rev()).cycle();
            by_length.into_iter().zip(turns).for_each(|(i, hand)| hands[hand].push(i));
        }
        let timesteps = grained(lengths.iter().copied().max().unwrap_or(0));
        let shards: Vec<usize> = hands.iter().map(Vec::len).collect();
        let fullest = hands.iter().map(|h| h.iter().map(|&i| lengths[i]).sum()).max().unwrap_or(0);
        (Self { timesteps, rows: grained(fullest), shards }, hands.concat())
    }

    /// B.
    pub(crate) fn batch(&self) -> usize {
        self.shards.iter().sum()
    }

    /// Rows of all shards.
    pub(crate) fn all_rows(&self) -> usize {
        self.rows * self.shards.len()
    }

    /// Calls with the row, the sample and the timestep of each row that is a sequence's own.
    /// `lengths` are in the order of the shards.
    pub(crate) fn each(&self, lengths: &[usize], mut place: impl FnMut(usize, usize, usize)) {
        let mut first = 0;
        for (k, &n) in self.shards.iter().enumerate() {
            let mut order: Vec<usize> = (first..first + n).collect();
            order.sort_by_key(|&i| Reverse(lengths[i]));
            let mut row = k * self.rows;
            let mut live = n;
            for t in 0.. {
                while live > 0 && lengths[order[live - 1]] <= t {
                    live -= 1;
                }
                if live == 0 {
                    break;
                }
                for &sample in &order[..live] {
                    place(row, sample, t);
                    row += 1;
                }
            }
            first += n;
        }
    }
}

/// A number of timesteps or rows rounded up by less than a sixteenth (or to 8), so that there are
/// few different ones to plan for.
fn grained(n: usize) -> usize {
    let grain = (n.max(1).next_power_of_two() / 32).max(8);
    n.max(1).next_multiple_of(grain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_in_the_order_of_the_layout() {
        let (rows, order) = PackedRows::dealt(&[2, 5, 1, 3], 2, false);
        assert_eq!((order.clone(), &rows.shards[..]), (vec![1, 2, 3, 0], &[2, 2][..]));
        assert_eq!((rows.timesteps, rows.rows), (8, 8));
        let lengths: Vec<usize> = order.iter().map(|&i| [2, 5, 1, 3][i]).collect();
        let mut places = vec![];
        rows.each(&lengths, |row, sample, t| places.push((row, sample, t)));
        let first = [(0, 0, 0), (1, 1, 0), (2, 0, 1), (3, 0, 2), (4, 0, 3), (5, 0, 4)];
        let second = [(8, 2, 0), (9, 3, 0), (10, 2, 1), (11, 3, 1), (12, 2, 2)];
        assert_eq!(places, [&first[..], &second[..]].concat());
    }

    #[test]
    fn shards_are_even_and_few_sizes_are_planned() {
        let lengths: Vec<usize> = (0..40).map(|i| 5 + (i * 37) % 190).collect();
        let (rows, order) = PackedRows::dealt(&lengths, 3, false);
        let mut sums = vec![];
        let mut at = 0;
        for n in &rows.shards {
            sums.push(order[at..at + n].iter().map(|&i| lengths[i]).sum::<usize>());
            at += n;
        }
        let (low, high) = (sums.iter().min().unwrap(), sums.iter().max().unwrap());
        assert!(
            high - low <= 190 && rows.rows >= *high && rows.rows * 15 <= high * 16,
            "{sums:?} {}",
            rows.rows
        );
        assert_eq!(PackedRows::dealt(&lengths, 3, true).1, (0..40).collect::<Vec<_>>());
        assert_eq!(
            PackedRows::dealt(&[0, 0], 4, false).0,
            PackedRows { timesteps: 8, rows: 8, shards: vec![1, 1] }
        );
    }
}
