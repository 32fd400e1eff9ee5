//! The kernels beside the machine: what share of the multiply-adds and of the memory traffic that
//! this CPU can do, both measured in the same run, and beside the crate `gemm` on the same shapes.
//! One thread. Prints the tables of `benches/RESULTS.md`.
//!
//! `cargo bench -p cornu-cpu --bench roofline`
#![allow(missing_docs)]

mod lstm_workloads;
mod machine;

use cornu_cpu::kernels::product::{Operand, Product, ProductStart, product, product_scratch};
use lstm_workloads::{Lstm, names, values};
use machine::{best_s, copy_rate, rates};

/// M, N, K: long products, recurrent steps of 64, 32, 16 and 1 rows, weight gradients.
const SHAPES: [(usize, usize, usize); 11] = [
    (1024, 1024, 1024),
    (512, 2048, 512),
    (512, 512, 128),
    (64, 2048, 512),
    (32, 2048, 512),
    (32, 512, 2048),
    (64, 512, 128),
    (16, 512, 128),
    (1, 2048, 512),
    (1, 256, 64),
    (512, 2048, 3200),
];

fn main() {
    let rates = rates();
    let peak = rates[0].1;
    println!("## Kernels on one thread\n\nWhat the instructions reach on registers alone: ");
    rates.iter().for_each(|(name, gflops)| println!("- {name}: {gflops:.0} GFLOP/s"));
    println!(
        "\nMatrix products, GFLOP/s:\n\n| M x N x K | cornu | share of the peak | `gemm` | cornu / \
            `gemm` |\n|---|---|---|---|---|"
    );
    for (m, n, k) in SHAPES {
        let flops = 2.0 * (m * n * k) as f64;
        let (a, b, mut c) = (values(m * k, 1.0), values(k * n, 1.0), vec![0.0f32; m * n]);
        let mut scratch = vec![0.0; product_scratch(n, k)];
        let job = Product {
            m,
            n,
            k,
            a: Operand::rows(&a, k),
            b: Operand::rows(&b, n),
            start: ProductStart::Zero,
        };
        // In turn, so that what disturbs one disturbs the other.
        let (mut ours, mut theirs) = (f64::INFINITY, f64::INFINITY);
        for _ in 0..3 {
            ours = ours.min(best_s(|| product(&job, &mut c, &mut scratch)));
            theirs = theirs.min(best_s(|| by_gemm(m, n, k, &a, &b, &mut c)));
        }
        let (ours, theirs) = (flops / ours / 1e9, flops / theirs / 1e9);
        println!(
            "| {m} x {n} x {k} | {ours:.0} | {:.0} % | {theirs:.0} | {:.2} |",
            100.0 * ours / peak,
            ours / theirs
        );
    }
    println!("\nLSTM over whole sequences, products and gates, GFLOP/s of the products:\n");
    println!(
        "| sizes | predict | share of the peak | forward | backward | share of the peak |\n\
            |---|---|---|---|---|---|"
    );
    for name in names() {
        let mut lstm = Lstm::new(name);
        let flops = lstm.flops() as f64;
        let predict = flops / best_s(|| lstm.forward(false)) / 1e9;
        let forward = flops / best_s(|| lstm.forward(true)) / 1e9;
        let backward = 2.0 * flops / best_s(|| lstm.backward()) / 1e9;
        let share = |x: f64| 100.0 * x / peak;
        println!(
            "| {name} | {predict:.1} | {:.0} % | {forward:.1} | {backward:.1} | {:.0} % |",
            share(predict),
            share(backward)
        );
    }
    println!(
        "\nMemory, GB/s read and written by a plain copy: {:.1} of 1 MB, {:.1} of 64 MB",
        copy_rate(1 << 20),
        copy_rate(64 << 20)
    );
}

fn by_gemm(m: usize, n: usize, k: usize, a: &[f32], b: &[f32], c: &mut [f32]) {
    let one = gemm::Parallelism::None;
    // SAFETY: row-major matrices of these sizes.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.as_mut_ptr(),
            1,
            n as isize,
            false,
            a.as_ptr(),
            1,
            k as isize,
            b.as_ptr(),
            1,
            n as isize,
            0.0,
            1.0,
            false,
            false,
            false,
            one,
        );
    }
}
