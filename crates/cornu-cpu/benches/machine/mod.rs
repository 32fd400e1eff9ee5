//! What the machine can do: multiply-adds on registers, bytes of a copy.

use std::hint::black_box;
use std::time::Instant;

/// Seconds of the fastest of some calls, as many as a fifth of a second holds.
pub fn best_s(mut f: impl FnMut()) -> f64 {
    f();
    let (start, mut best) = (Instant::now(), f64::INFINITY);
    while start.elapsed().as_millis() < 200 {
        let t = Instant::now();
        f();
        best = best.min(t.elapsed().as_secs_f64());
    }
    best
}

/// GB/s read and written.
pub fn copy_rate(bytes: usize) -> f64 {
    let (from, mut to) = (vec![1u8; bytes], vec![0u8; bytes]);
    2.0 * bytes as f64 / best_s(|| black_box(&mut to).copy_from_slice(black_box(&from))) / 1e9
}

/// Names and GFLOP/s of the multiply-add instructions there are, the widest of f32 first.
pub fn rates() -> Vec<(&'static str, f64)> {
    let mut rates = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        const ROUNDS: usize = 20_000;
        let mut rate = |name, flops: usize, f: unsafe fn(usize)| {
            // SAFETY: each is asked for below where the CPU has its instructions.
            rates.push((
                name,
                (ROUNDS * x86::CHAINS * flops) as f64 / best_s(|| unsafe { f(ROUNDS) }) / 1e9,
            ));
        };
        if is_x86_feature_detected!("avx512f") {
            rate("`vfmadd231ps`, 512 bits of f32", 32, x86::fma_512);
        }
        if is_x86_feature_detected!("fma") {
            rate("`vfmadd231ps`, 256 bits of f32", 16, x86::fma_256);
        }
        if is_x86_feature_detected!("avx512bf16") {
            rate("`vdpbf16ps`, 512 bits of bf16", 64, x86::bf16_512);
        }
        if is_x86_feature_detected!("avx512vnni") {
            rate("`vpdpbusd`, 512 bits of i8", 128, x86::i8_512);
        }
    }
    if rates.is_empty() {
        // No instruction known by name: the chain that the compiler makes of plain code.
        let mut sums = [0.0f32; 64];
        let s = best_s(|| {
            (0..1000).for_each(|_| {
                black_box(&mut sums).iter_mut().for_each(|x| *x = x.mul_add(0.5, 0.25))
            })
        });
        rates.push(("plain code, f32", 2.0 * 64.0 * 1000.0 / s / 1e9));
    }
    rates
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::asm;

    /// Chains that do not wait for each other.
    pub const CHAINS: usize = 12;

    macro_rules! chains {
        ($name:ident, $op:literal, $r:literal) => {
            /// # Safety
            /// The CPU has the instruction.
            pub unsafe fn $name(rounds: usize) {
                // SAFETY: registers alone are written, all named.
                unsafe {
                    asm!(
                        "vpxor xmm14, xmm14, xmm14",
                        "2:",
                        concat!($op, " ", $r, "0, ", $r, "14, ", $r, "14"),
                        concat!($op, " ", $r, "1, ", $r, "14, ", $r, "14"),
                        concat!($op, " ", $r, "2, ", $r, "14, ", $r, "14"),
                        concat!($op, " ", $r, "3, ", $r, "14, ", $r, "14"),
                        concat!($op, " ", $r, "4, ", $r, "14, ", $r, "14"),
                        concat!($op, " ", $r, "5, ", $r, "14, ", $r, "14"),
                        concat!($op, " ", $r, "6, ", $r, "14, ", $r, "14"),
                        concat!($op, " ", $r, "7, ", $r, "14, ", $r, "14"),
                        concat!($op, " ", $r, "8, ", $r, "14, ", $r, "14"),
                        concat!($op, " ", $r, "9, ", $r, "14, ", $r, "14"),
                        concat!($op, " ", $r, "10, ", $r, "14, ", $r, "14"),
                        concat!($op, " ", $r, "11, ", $r, "14, ", $r, "14"),
                        "dec {n}",
                        "jnz 2b",
                        n = inout(reg) rounds => _,
                        out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _, out("xmm4") _,
                        out("xmm5") _, out("xmm6") _, out("xmm7") _, out("xmm8") _, out("xmm9") _,
                        out("xmm10") _, out("xmm11") _, out("xmm14") _,
                        options(nomem, nostack),
                    );
                }
            }
        };
    }
    chains!(fma_512, "vfmadd231ps", "zmm");
    chains!(fma_256, "vfmadd231ps", "ymm");
    chains!(bf16_512, "vdpbf16ps", "zmm");
    chains!(i8_512, "vpdpbusd", "zmm");
}
