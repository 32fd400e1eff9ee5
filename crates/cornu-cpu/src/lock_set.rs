//! One read-write lock for all variables that some program uses together.

use parking_lot::{ArcRwLockReadGuard, ArcRwLockWriteGuard, RawRwLock, RwLock};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// Held while variables of a set are read.
pub(crate) type ReadLock = ArcRwLockReadGuard<RawRwLock, ()>;
/// Held while variables of a set are written.
pub(crate) type WriteLock = ArcRwLockWriteGuard<RawRwLock, ()>;

/// A set of variables under one lock. Sets that are joined share the lock of one of them, the root.
#[derive(Debug, Default)]
pub(crate) struct LockSet {
    lock: Arc<RwLock<()>>,
    /// The set that this one was joined to, written once under the locks of both.
    joined_to: OnceLock<Arc<LockSet>>,
    /// How many sets were joined to this one. The smaller is joined to the larger, so that the way
    /// to a root is short.
    n_joined: AtomicUsize,
}

impl LockSet {
    /// The set whose lock counts.
    fn root(self: &Arc<Self>) -> Arc<Self> {
        let mut set = self;
        while let Some(next) = set.joined_to.get() {
            set = next;
        }
        set.clone()
    }

    /// Waits until nothing writes the variables of the set, and keeps it so.
    pub(crate) fn read(self: &Arc<Self>) -> ReadLock {
        loop {
            let root = self.root();
            let guard = root.lock.read_arc();
            // The root may have been joined to another set while this thread waited.
            if root.joined_to.get().is_none() {
                return guard;
            }
        }
    }

    /// Waits until nothing reads or writes the variables of the set, and keeps it so.
    pub(crate) fn write(self: &Arc<Self>) -> WriteLock {
        loop {
            let root = self.root();
            let guard = root.lock.write_arc();
            if root.joined_to.get().is_none() {
                return guard;
            }
        }
    }

    /// Puts two sets under one lock. Waits until nothing uses the variables of either.
    pub(crate) fn join(self: &Arc<Self>, other: &Arc<Self>) {
        loop {
            let (mut first, mut second) = (self.root(), other.root());
            if Arc::ptr_eq(&first, &second) {
                return;
            }
            // Two threads that join the same sets take the locks in the same order.
            if Arc::as_ptr(&first) > Arc::as_ptr(&second) {
                std::mem::swap(&mut first, &mut second);
            }
            let _first = first.lock.write_arc();
            let _second = second.lock.write_arc();
            if first.joined_to.get().is_none() && second.joined_to.get().is_none() {
                let size = |set: &LockSet| set.n_joined.load(Ordering::Relaxed);
                let (root, other) = if size(&first) < size(&second) {
                    (&second, &first)
                } else {
                    (&first, &second)
                };
                root.n_joined.fetch_add(size(other) + 1, Ordering::Relaxed);
                // Nobody else sets it: both locks are held.
                let _ = other.joined_to.set(root.clone());
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn joined_sets_share_one_lock() {
        let sets: Vec<Arc<LockSet>> = (0..4).map(|_| Arc::default()).collect();
        sets[0].join(&sets[1]);
        sets[2].join(&sets[3]);
        let guard = sets[0].write();
        assert!(sets[2].root().lock.try_read().is_some());
        assert!(sets[1].root().lock.try_read().is_none());
        drop(guard);
        sets[3].join(&sets[1]);
        let guard = sets[2].read();
        assert!(sets[0].root().lock.try_write().is_none());
        drop(guard);
        assert!(sets[0].root().lock.try_write().is_some());
    }

    #[test]
    fn threads_that_join_and_write_exclude_each_other() {
        let sets: Vec<Arc<LockSet>> = (0..8).map(|_| Arc::default()).collect();
        let (inside, total) = (AtomicUsize::new(0), AtomicUsize::new(0));
        (1..8).for_each(|i| sets[0].join(&sets[i]));
        let late: Vec<Arc<LockSet>> = (0..4).map(|_| Arc::default()).collect();
        std::thread::scope(|s| {
            for t in 0..4 {
                let (sets, late, inside, total) = (&sets, &late, &inside, &total);
                s.spawn(move || {
                    for k in 0..200 {
                        if k == 100 {
                            late[t].join(&sets[t]);
                        }
                        let _guard = sets[(t + k) % 8].write();
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        total.fetch_add(1, Ordering::SeqCst);
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(total.into_inner(), 800);
        assert!(late.iter().all(|l| Arc::ptr_eq(&l.root(), &sets[0].root())));
    }
}
