//! The threads of a run.

use rayon::prelude::*;

/// How many threads a run may use. One thread is the caller's own and needs no pool.
///
/// Results never depend on the number: work is cut by shapes alone.
#[derive(Debug)]
pub struct Threads {
    n: usize,
    pool: Option<rayon::ThreadPool>,
}

impl Threads {
    /// A pool of `n` threads; 0 counts as 1, and a system that refuses the threads leaves 1.
    pub fn new(n: usize) -> Self {
        let n = n.max(1);
        let build = || {
            rayon::ThreadPoolBuilder::new()
                .num_threads(n)
                .thread_name(|i| format!("cornu-{i}"))
                .build()
                .ok()
        };
        let pool = if n > 1 { build() } else { None };
        Self { n: if pool.is_some() { n } else { 1 }, pool }
    }

    /// As many threads as the machine has.
    pub fn all() -> Self {
        Self::new(std::thread::available_parallelism().map_or(1, |n| n.get()))
    }

    /// Number of threads.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Calls `f` with each item.
    pub(crate) fn each<T: Send>(&self, items: &mut [T], f: impl Fn(&mut T) + Sync + Send) {
        match &self.pool {
            Some(pool) if items.len() > 1 => {
                pool.install(|| items.par_iter_mut().with_max_len(1).for_each(f))
            }
            _ => items.iter_mut().for_each(f),
        }
    }

    /// Calls `f` with parts `start, end` of `0..n`, each but the last `part` long.
    pub(crate) fn parts(&self, n: usize, part: usize, f: impl Fn(usize, usize) + Sync + Send) {
        match &self.pool {
            Some(pool) if n > part => pool.install(|| {
                (0..n.div_ceil(part))
                    .into_par_iter()
                    .with_max_len(1)
                    .for_each(|i| f(i * part, ((i + 1) * part).min(n)))
            }),
            _ => f(0, n),
        }
    }
}
