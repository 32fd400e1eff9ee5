//! Sums of the columns of a matrix.

use super::{operands::Rows, simd::Simd};

/// `sums (n) = [sums +] 1^T a (rows, n)`.
///
/// # Safety
/// `a` is readable for its rows and columns; `sums` is writable, and with `add` readable, for its
/// columns, apart from `a`.
#[inline(always)]
pub(crate) unsafe fn column_sums<S: Simd>(s: S, a: Rows, sums: *mut f32, add: bool) {
    let Rows { ptr: a, rows, n, ld } = a;
    let l = S::LANES;
    let mut j = 0;
    // SAFETY: whole or masked registers of columns below n, rows below `rows`.
    unsafe {
        while j + 4 * l <= n {
            let mut acc = [s.splat(0.0); 4];
            for r in 0..rows {
                let p = a.add(r * ld + j);
                for v in 0..4 {
                    acc[v] = s.add(acc[v], s.load(p.add(v * l)));
                }
            }
            for v in 0..4 {
                let p = sums.add(j + v * l);
                s.store(p, if add { s.add(acc[v], s.load(p)) } else { acc[v] });
            }
            j += 4 * l;
        }
        while j < n {
            let m = s.mask((n - j).min(l));
            let mut acc = s.splat(0.0);
            for r in 0..rows {
                acc = s.add(acc, s.load_masked(a.add(r * ld + j), m));
            }
            let p = sums.add(j);
            s.store_masked(p, m, if add { s.add(acc, s.load_masked(p, m)) } else { acc });
            j += l;
        }
    }
}
