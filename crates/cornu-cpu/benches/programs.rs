//! Training steps, products, chains and updates, next to what the crate `gemm` and plain copies
//! reach in the same run.
#![allow(missing_docs)]

mod two_lstms;

use cornu_cpu::{Feed, Fetch, Part, Program, ProgramSpec, Store, Threads, Workspace};
use cornu_ir::{Builder, DType, Graph, Spec, Tensor, passes};
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use two_lstms::{SMALL, Sizes, Step, numbers};

fn main() {
    for (name, sizes) in [("small", SMALL), ("rows", ROWS)] {
        let mut step = Step::new(sizes);
        let views: Vec<_> = step.inputs.iter().map(Tensor::view).collect();
        let mut total: Vec<(&str, usize, f64)> = Vec::new();
        for _ in 0..100 {
            let mut outs: Vec<_> = step.results.iter_mut().map(Tensor::view_mut).collect();
            for (op, n, s) in
                step.program.profile(&mut step.workspace, &step.store, &views, &mut outs)
            {
                match total.iter_mut().find(|t| t.0 == op) {
                    Some(t) => (t.1, t.2) = (t.1 + n, t.2 + s),
                    None => total.push((op, n, s)),
                }
            }
        }
        println!("{name}, a step by operation:");
        total
            .iter()
            .for_each(|(op, n, s)| println!("  {op:<10} {:>4} calls {:>9.2} us", n / 100, s * 1e4));
    }
    divan::main();
}

const ROWS: Sizes = Sizes { batch: 128, timesteps: 50, features: 28, units: [128, 64] };

#[divan::bench(args = [("small", 1), ("rows", 1), ("rows", 2)])]
fn step(bencher: Bencher<'_, '_>, (name, n_threads): (&str, usize)) {
    let mut step = Step::new(if name == "small" { SMALL } else { ROWS });
    let threads = Threads::new(n_threads);
    bencher.bench_local(|| {
        let [x, y] = &step.inputs[..] else { unreachable!("two inputs") };
        step.program.run(
            &threads,
            &mut step.workspace,
            &step.store,
            &[x.view(), y.view()],
            &mut [step.results[0].view_mut()],
        );
    });
}

fn program(graph: Graph) -> (Program, Store) {
    let mut store = Store::new();
    let spec = |v| -> Spec { graph.spec(v).clone() };
    let slots: Vec<_> = graph
        .inputs
        .iter()
        .enumerate()
        .map(|(i, p)| store.push(&numbers(&spec(p.value).numbers().unwrap(), i as u64)))
        .collect();
    let n_out = graph.outputs.len();
    let mut fetches: Vec<Fetch> =
        slots[..n_out.min(slots.len())].iter().map(|s| Fetch::State(*s)).collect();
    if graph.outputs.len() == 1
        && graph.spec(graph.outputs[0].value) != graph.spec(graph.inputs[0].value)
    {
        fetches = vec![Fetch::State(
            store
                .push(&Tensor::zeros(DType::F32, &spec(graph.outputs[0].value).numbers().unwrap())),
        )];
    }
    let part = Part { feeds: slots.iter().map(|s| Feed::State(*s)).collect(), fetches, graph };
    (Program::from(ProgramSpec { update: Some(part), ..ProgramSpec::default() }), store)
}

const PRODUCTS: [(usize, usize, usize); 6] = [
    (10, 4, 1),
    (1, 256, 512),
    (32, 128, 512),
    (512, 128, 512),
    (1024, 512, 512),
    (1024, 1024, 1024),
];

#[divan::bench(args = PRODUCTS)]
fn product(bencher: Bencher<'_, '_>, (m, k, n): (usize, usize, usize)) {
    let b = Builder::new();
    let known = |d: &[usize]| Spec::known(DType::F32, d);
    b.output("y", b.input("a", known(&[m, k])).matmul(b.input("b", known(&[k, n]))));
    let mut workspace = Workspace::default();
    let (mut program, store) = program(b.finish().unwrap());
    let threads = Threads::new(1);
    bencher
        .counter(ItemsCount::new(2 * m * k * n))
        .bench_local(|| program.run(&threads, &mut workspace, &store, &[], &mut []));
}

#[divan::bench(args = PRODUCTS)]
fn product_by_gemm(bencher: Bencher<'_, '_>, (m, k, n): (usize, usize, usize)) {
    let (a, b, mut c) = (vec![0.5f32; m * k], vec![0.25f32; k * n], vec![0.0f32; m * n]);
    bencher.counter(ItemsCount::new(2 * m * k * n)).bench_local(|| {
        // SAFETY: three matrices of these sizes, row by row.
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
                gemm::Parallelism::None,
            );
        }
    });
}

const LENGTHS: [usize; 3] = [100, 20_000, 2_560_000];

#[divan::bench(args = [(100, 1), (20_000, 1), (2_560_000, 1), (2_560_000, 2)])]
fn adam(bencher: Bencher<'_, '_>, (n, n_threads): (usize, usize)) {
    let b = Builder::new();
    let known = |d: &[usize]| Spec::known(DType::F32, d);
    let [w, m, v, g] = ["w", "m", "v", "g"].map(|name| b.input(name, known(&[n])));
    let m_next = m + (g - m) * 0.1;
    let v_next = v + (g * g - v) * 0.001;
    b.output("w", w - m_next * 1e-3 / (v_next.sqrt() + 1e-7));
    b.output("m", m_next);
    b.output("v", v_next);
    let mut workspace = Workspace::default();
    let (mut program, store) = program(passes::run(b.finish().unwrap()));
    let threads = Threads::new(n_threads);
    bencher
        .counter(BytesCount::new(7 * 4 * n))
        .bench_local(|| program.run(&threads, &mut workspace, &store, &[], &mut []));
}

#[divan::bench(args = LENGTHS)]
fn gelu(bencher: Bencher<'_, '_>, n: usize) {
    let b = Builder::new();
    let x = b.input("x", Spec::known(DType::F32, &[n]));
    b.output("y", x * 0.5 * ((x * std::f64::consts::FRAC_1_SQRT_2).erf() + 1.0));
    let mut workspace = Workspace::default();
    let (mut program, store) = program(passes::run(b.finish().unwrap()));
    let threads = Threads::new(1);
    bencher
        .counter(BytesCount::new(2 * 4 * n))
        .bench_local(|| program.run(&threads, &mut workspace, &store, &[], &mut []));
}

#[divan::bench(args = LENGTHS)]
fn copy(bencher: Bencher<'_, '_>, n: usize) {
    let (x, mut y) = (vec![0.5f32; n], vec![0.0f32; n]);
    bencher
        .counter(BytesCount::new(2 * 4 * n))
        .bench_local(|| divan::black_box(&mut y).copy_from_slice(divan::black_box(&x)));
}
