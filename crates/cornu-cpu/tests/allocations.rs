//! No allocation in a step after the first: a counting allocator watches.

#[path = "../benches/two_lstms.rs"]
#[allow(dead_code)]
mod two_lstms;

use cornu_cpu::Threads;
use cornu_ir::Tensor;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use two_lstms::{SMALL, Sizes, Step};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: the system's allocator, counted on the way.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|n| n.set(n.get() + 1));
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations_of_steps(sizes: Sizes) -> (usize, f64, f64) {
    let mut step = Step::new(sizes);
    let threads = Threads::new(1);
    let run = |step: &mut Step| {
        let [x, y] = &step.inputs[..] else { unreachable!("two inputs") };
        step.program.run(&threads, &mut step.store, &[x.view(), y.view()], &mut [step.results[0].view_mut()]);
    };
    run(&mut step);
    let first = step.loss();
    let before = ALLOCATIONS.with(Cell::get);
    (0..50).for_each(|_| run(&mut step));
    (ALLOCATIONS.with(Cell::get) - before, first, step.loss())
}

#[test]
fn a_training_step_allocates_nothing_after_the_first() {
    let (n, first, last) = allocations_of_steps(SMALL);
    assert_eq!(n, 0);
    assert!(last < first, "the loss falls: {first} to {last}");
    let (n, ..) = allocations_of_steps(Sizes { batch: 40, timesteps: 9, features: 3, units: [33, 40] });
    assert_eq!(n, 0, "with several shards");
    let before = ALLOCATIONS.with(Cell::get);
    drop(Tensor::scalar(1.0f32));
    assert!(ALLOCATIONS.with(Cell::get) > before, "the allocator counts");
}
