//! What the machine reaches and what the process takes of it.

use cornu_cpu::kernels::product::{Operand, Product, ProductStart, product, product_scratch};
use std::time::Instant;

/// GFLOP/s that the best of some large matrix products reaches on one thread.
pub(super) fn product_rate() -> f64 {
    const SIZE: usize = 512;
    let (a, b, mut c) =
        (vec![0.5f32; SIZE * SIZE], vec![0.25f32; SIZE * SIZE], vec![0.0f32; SIZE * SIZE]);
    let mut scratch = vec![0.0f32; product_scratch(SIZE, SIZE)];
    let job = Product {
        m: SIZE,
        n: SIZE,
        k: SIZE,
        a: Operand::rows(&a, SIZE),
        b: Operand::rows(&b, SIZE),
        start: ProductStart::Zero,
    };
    let once = |_| {
        let start = Instant::now();
        product(&job, &mut c, &mut scratch);
        start.elapsed().as_secs_f64()
    };
    let best_s = (0..20).map(once).fold(f64::INFINITY, f64::min);
    2.0 * (SIZE * SIZE * SIZE) as f64 / best_s / 1e9
}

/// The most memory the process had, from the kernel's own account.
pub(super) fn peak_rss_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    line.and_then(|l| l.split_whitespace().next())
        .and_then(|n| n.parse::<f64>().ok())
        .map_or(f64::NAN, |kb| kb / 1024.0)
}
