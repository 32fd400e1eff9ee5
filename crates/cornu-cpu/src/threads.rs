//! The threads of a run.

use crate::fork_join::{ForkJoin, start_thread};
use rayon::prelude::*;

/// Bytes of a thread's stack. A kernel compiled without optimization takes more than the 2 MB that
/// threads have by default.
const STACK_BYTES: usize = 8 << 20;

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
                .stack_size(STACK_BYTES)
                .start_handler(|_| start_thread())
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

    /// The pool, but not on a thread of a rayon pool of the caller's: such a thread would run other
    /// jobs while it waits, and one that asks for a lock that this run holds would wait for itself.
    fn pool(&self) -> Option<&rayon::ThreadPool> {
        self.pool.as_ref().filter(|_| rayon::current_thread_index().is_none())
    }

    /// Calls `f` with each item.
    pub(crate) fn each<T: Send>(&self, items: &mut [T], f: impl Fn(&mut T) + Sync + Send) {
        match self.pool() {
            Some(pool) if items.len() > 1 => {
                let fork = ForkJoin::fork();
                pool.install(|| {
                    items.par_iter_mut().with_max_len(1).for_each(|item| fork.task(|| f(item)))
                });
                fork.join();
            }
            _ => items.iter_mut().for_each(f),
        }
    }

    /// Calls `f` with parts `start, end` of `0..n`, each but the last `part` long.
    pub(crate) fn parts(&self, n: usize, part: usize, f: impl Fn(usize, usize) + Sync + Send) {
        match self.pool() {
            Some(pool) if n > part => {
                let fork = ForkJoin::fork();
                pool.install(|| {
                    (0..n.div_ceil(part))
                        .into_par_iter()
                        .with_max_len(1)
                        .for_each(|i| fork.task(|| f(i * part, ((i + 1) * part).min(n))))
                });
                fork.join();
            }
            _ => f(0, n),
        }
    }
}
