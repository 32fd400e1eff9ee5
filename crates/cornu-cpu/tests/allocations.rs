//! No allocation in a step after the first.

#[path = "../benches/two_lstms.rs"]
#[allow(dead_code)]
mod two_lstms;

use cornu_cpu::Threads;
use cornu_ir::Tensor;
use two_lstms::{SMALL, Sizes, Step};

fn allocations_of_steps(sizes: Sizes) -> (u64, f64, f64) {
    let mut step = Step::new(sizes);
    let threads = Threads::new(1);
    let run = |step: &mut Step| {
        let [x, y] = &step.inputs[..] else { unreachable!("two inputs") };
        step.program.run(
            &threads,
            &mut step.workspace,
            &step.store,
            &[x.view(), y.view()],
            &mut [step.results[0].view_mut()],
        );
    };
    run(&mut step);
    let first = step.loss();
    let counted = allocation_counter::measure(|| (0..50).for_each(|_| run(&mut step)));
    (counted.count_total, first, step.loss())
}

#[test]
fn a_training_step_allocates_nothing_after_the_first() {
    let (n, first, last) = allocations_of_steps(SMALL);
    assert_eq!(n, 0);
    assert!(last < first, "the loss falls: {first} to {last}");
    let (n, ..) =
        allocations_of_steps(Sizes { batch: 40, timesteps: 9, features: 3, units: [33, 40] });
    assert_eq!(n, 0, "with several shards");
    assert_ne!(
        allocation_counter::measure(|| drop(std::hint::black_box(Tensor::scalar(1.0f32))))
            .count_total,
        0,
        "the allocator counts"
    );
}
