//! The order in which a thread pool runs its tasks, told to valgrind's checker of threads.
//!
//! The pool's threads meet by atomics alone, which the checker does not follow. With the feature
//! `valgrind` it is told that a fork comes before its tasks and they before its join, and to look
//! away while the pool itself is at work. So it finds what two tasks of one fork, or two threads
//! with a fork each, do to the same memory. Without the feature all of this is nothing.

#[cfg(all(feature = "valgrind", target_arch = "x86_64"))]
pub(crate) use told::{ForkJoin, start_thread};
#[cfg(not(all(feature = "valgrind", target_arch = "x86_64")))]
pub(crate) use untold::{ForkJoin, start_thread};

#[cfg(not(all(feature = "valgrind", target_arch = "x86_64")))]
mod untold {
    /// Begins a thread of a pool.
    pub(crate) fn start_thread() {}

    /// One fork of tasks and their join.
    pub(crate) struct ForkJoin;

    impl ForkJoin {
        /// Begins a fork: what the thread did so far comes before all tasks.
        #[inline(always)]
        pub(crate) fn fork() -> Self {
            ForkJoin
        }

        /// Runs a task of the fork.
        #[inline(always)]
        pub(crate) fn task<R>(&self, f: impl FnOnce() -> R) -> R {
            f()
        }

        /// Ends the fork: all tasks come before what the thread does from here on.
        #[inline(always)]
        pub(crate) fn join(self) {}
    }
}

#[cfg(all(feature = "valgrind", target_arch = "x86_64"))]
mod told {
    /// Requests of valgrind's drd: `'H' << 24 | 'G' << 16` or `'D' << 24 | 'R' << 16`, and a
    /// number.
    const HAPPENS_BEFORE: u64 = 0x4847_0000 + 256 + 33;
    const HAPPENS_AFTER: u64 = 0x4847_0000 + 256 + 34;
    const RECORD_LOADS: u64 = 0x4452_0000 + 6;
    const RECORD_STORES: u64 = 0x4452_0000 + 7;

    pub(crate) fn start_thread() {
        record(false);
    }

    pub(crate) struct ForkJoin {
        /// Bytes whose addresses name the fork and the join.
        tags: Box<[u8; 2]>,
    }

    impl ForkJoin {
        pub(crate) fn fork() -> Self {
            let tags = Box::new([0; 2]);
            request(HAPPENS_BEFORE, address(&tags[0]));
            record(false);
            ForkJoin { tags }
        }

        pub(crate) fn task<R>(&self, f: impl FnOnce() -> R) -> R {
            request(HAPPENS_AFTER, address(&self.tags[0]));
            record(true);
            let result = f();
            record(false);
            request(HAPPENS_BEFORE, address(&self.tags[1]));
            result
        }

        pub(crate) fn join(self) {
            request(HAPPENS_AFTER, address(&self.tags[1]));
            record(true);
        }
    }

    fn address(tag: &u8) -> u64 {
        std::ptr::from_ref(tag).addr() as u64
    }

    /// Whether drd records what this thread does to memory.
    fn record(on: bool) {
        request(RECORD_LOADS, on.into());
        request(RECORD_STORES, on.into());
    }

    /// Sends a request to valgrind; does nothing outside it.
    fn request(kind: u64, argument: u64) {
        let words = [kind, argument, 0, 0, 0, 0];
        // SAFETY: the instructions are valgrind's sign for a request: rotations of rdi by 128 bits
        // in all and an exchange of rbx with itself, which change neither; rdx is an output.
        unsafe {
            std::arch::asm!(
                "rol rdi, 3",
                "rol rdi, 13",
                "rol rdi, 61",
                "rol rdi, 51",
                "xchg rbx, rbx",
                in("rax") words.as_ptr(),
                inout("rdx") 0u64 => _,
            );
        }
    }
}
