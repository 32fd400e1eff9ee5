//! The recurrent kernels on one thread, in floating-point operations a second, beside the rate that
//! the crate `gemm` reaches on the same shapes in the same run.
//!
//! `cargo bench -p cornu-cpu --bench recurrent`; divan prints `Gitem/s`, an item being one
//! operation.
#![allow(missing_docs)]

mod lstm_workloads;

use cornu_cpu::kernels::map::{Map, map};
use divan::{Bencher, counter::ItemsCount};
use lstm_workloads::{Lstm, names, values};

fn main() {
    divan::main();
}

#[divan::bench(args = names())]
fn lstm_predict(bencher: Bencher<'_, '_>, name: &str) {
    let mut lstm = Lstm::new(name);
    bencher.counter(ItemsCount::new(lstm.flops())).bench_local(|| lstm.forward(false));
}

#[divan::bench(args = names())]
fn lstm_forward_training(bencher: Bencher<'_, '_>, name: &str) {
    let mut lstm = Lstm::new(name);
    bencher.counter(ItemsCount::new(lstm.flops())).bench_local(|| lstm.forward(true));
}

#[divan::bench(args = names())]
fn lstm_backward_all(bencher: Bencher<'_, '_>, name: &str) {
    let mut lstm = Lstm::new(name);
    lstm.forward(true);
    bencher.counter(ItemsCount::new(2 * lstm.flops())).bench_local(|| lstm.backward());
}

/// The peak: M, N, K of the products above, with `beta = 1`.
#[divan::bench(args = [
    "1024x1024x1024",
    "32x2048x512",
    "32x512x2048",
    "64x512x128",
    "16x512x128",
    "512x2048x3200",
    "3200x2048x512",
])]
fn gemm_alone(bencher: Bencher<'_, '_>, shape: &str) {
    let dims: Vec<usize> = shape.split('x').filter_map(|d| d.parse().ok()).collect();
    let (m, n, k) = (dims[0], dims[1], dims[2]);
    let (a, b, mut c) = (values(m * k, 1.0), values(k * n, 1.0), vec![0.0f32; m * n]);
    bencher.counter(ItemsCount::new(2 * m * n * k)).bench_local(|| {
        // SAFETY: row-major buffers of those shapes.
        unsafe {
            gemm::gemm(
                m,
                n,
                k,
                c.as_mut_ptr(),
                1,
                n as isize,
                true,
                a.as_ptr(),
                1,
                k as isize,
                b.as_ptr(),
                1,
                n as isize,
                1.0f32,
                1.0f32,
                false,
                false,
                false,
                gemm::Parallelism::None,
            );
        }
    });
}

#[divan::bench(args = ["exp", "log", "tanh", "sigmoid", "erf"])]
fn map_4096(bencher: Bencher<'_, '_>, name: &str) {
    let f = match name {
        "exp" => Map::Exp,
        "log" => Map::Log,
        "tanh" => Map::Tanh,
        "sigmoid" => Map::Sigmoid,
        _ => Map::Erf,
    };
    let (x, mut y) = (values(4096, 3.0), vec![0.0f32; 4096]);
    bencher.counter(ItemsCount::new(4096usize)).bench_local(|| map(f, &x, &mut y));
}
