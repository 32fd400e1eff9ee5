//! The matrix product for everything else than cells: strided operands, one thread.

use super::{
    isa::isa,
    operands::{Matmul, Right, Start, View, left_len, panels_len},
    scratch::Scratch,
    simd::Simd,
    tier::on_each_tier,
};

/// Depth and columns of the right operand that are packed at a time.
const BLOCK: (usize, usize) = (512, 1024);
/// Rows up to which the right operand is read where it lies.
const FEW_ROWS: usize = 8;

/// A matrix in a slice: element `(i, j)` at `i * row_stride + j * column_stride`.
#[derive(Clone, Copy, Debug)]
pub struct Operand<'a> {
    /// The elements.
    pub data: &'a [f32],
    /// From a row to the next.
    pub row_stride: usize,
    /// From a column to the next.
    pub column_stride: usize,
}

impl<'a> Operand<'a> {
    /// Rows of `columns` elements, one after another.
    pub fn rows(data: &'a [f32], columns: usize) -> Self {
        Operand { data, row_stride: columns, column_stride: 1 }
    }

    /// The transpose of rows of `columns` elements: column `j` of it is row `j` of those.
    pub fn transposed(data: &'a [f32], columns: usize) -> Self {
        Operand { data, row_stride: 1, column_stride: columns }
    }

    fn reaches(&self, rows: usize, columns: usize) -> usize {
        if rows == 0 || columns == 0 {
            0
        } else {
            (rows - 1) * self.row_stride + (columns - 1) * self.column_stride + 1
        }
    }

    fn view(&self, row: usize, column: usize) -> View {
        View {
            ptr: self
                .data
                .as_ptr()
                .wrapping_add(row * self.row_stride + column * self.column_stride),
            rs: self.row_stride,
            cs: self.column_stride,
        }
    }
}

/// What every element of a product starts from.
#[derive(Clone, Copy, Debug)]
pub enum ProductStart<'a> {
    /// 0.
    Zero,
    /// (N): a bias.
    Row(&'a [f32]),
    /// What `c` holds.
    Sum,
}

/// `c (M, N) = start + a (M, K) b (K, N)`.
#[derive(Clone, Copy, Debug)]
pub struct Product<'a> {
    /// M
    pub m: usize,
    /// N
    pub n: usize,
    /// K
    pub k: usize,
    /// (M, K)
    pub a: Operand<'a>,
    /// (K, N)
    pub b: Operand<'a>,
    /// What is added to.
    pub start: ProductStart<'a>,
}

/// Elements of scratch that [`product`] takes for any M.
pub fn product_scratch(n: usize, k: usize) -> usize {
    left_len(k) + panels_len(k.min(BLOCK.0), n.min(BLOCK.1)) + 32
}

/// Writes the product to the rows of `c`.
///
/// Every element is one chain of multiply-adds over ascending k, so a row of `c` is the same bits
/// whatever the other rows of `a` and their number.
///
/// ```
/// use cornu_cpu::kernels::product::{Operand, Product, ProductStart, product, product_scratch};
/// let (a, b) = ([1.0, 2.0, 3.0, 4.0], [1.0, 0.0, 1.0, 1.0]);
/// let start = ProductStart::Row(&[10.0, 20.0]);
/// let job = Product { m: 2, n: 2, k: 2, a: Operand::rows(&a, 2), b: Operand::rows(&b, 2), start };
/// let mut c = [0.0; 4];
/// product(&job, &mut c, &mut vec![0.0; product_scratch(2, 2)]);
/// assert_eq!(c, [13.0, 22.0, 17.0, 24.0]);
/// ```
///
/// # Panics
/// If a slice is too short for its shape.
pub fn product(job: &Product<'_>, c: &mut [f32], scratch: &mut [f32]) {
    let &Product { m, n, k, a, b, start } = job;
    assert!(
        a.data.len() >= a.reaches(m, k),
        "product: a must hold ({m}, {k}). Received: {} elements",
        a.data.len()
    );
    assert!(
        b.data.len() >= b.reaches(k, n),
        "product: b must hold ({k}, {n}). Received: {} elements",
        b.data.len()
    );
    assert!(c.len() >= m * n, "product: c must hold ({m}, {n}). Received: {} elements", c.len());
    if let ProductStart::Row(row) = start {
        assert!(
            row.len() >= n,
            "product: the row to start from must hold {n}. Received: {} elements",
            row.len()
        );
    }
    let needed = product_scratch(n, k);
    assert!(
        scratch.len() >= needed,
        "product: scratch must hold {needed}. Received: {} elements",
        scratch.len()
    );
    // SAFETY: a supported tier; every length was checked.
    unsafe { product_on(isa(), job, c, scratch) }
}

on_each_tier! {
    /// [`product`] on a tier.
    ///
    /// # Safety
    /// The CPU supports the tier; the slices have the lengths that [`product`] checks.
    fn product_on(job: &Product<'_>, c: &mut [f32], scratch: &mut [f32]) = run;
}

/// The product on a tier.
///
/// # Safety
/// The operands reach no further than their slices, the start's row holds N, `c` holds (M, N), and
/// `scratch` holds [`product_scratch`].
#[inline(always)]
pub(crate) unsafe fn run<S: Simd>(s: S, job: &Product<'_>, c: &mut [f32], scratch: &mut [f32]) {
    let &Product { m, n, k, a, b, start } = job;
    let mut parts = Scratch::new(scratch);
    let left = parts.take(left_len(k));
    let panels = parts.take(panels_len(k.min(BLOCK.0), n.min(BLOCK.1)));
    let c = c.as_mut_ptr();
    let in_place = b.column_stride == 1 && m <= FEW_ROWS;
    let (depth, columns) = if in_place { (k, n) } else { BLOCK };
    let mut j = 0;
    while j < n {
        let w = columns.min(n - j);
        let mut p = 0;
        loop {
            let d = depth.min(k - p);
            let block = b.view(p, j);
            // SAFETY: blocks inside the shapes; panels of one block.
            unsafe {
                let b = if in_place {
                    Right::Rows { ptr: block.ptr, ld: block.rs }
                } else {
                    s.pack(d, w, block, d, panels);
                    Right::Panels(panels)
                };
                let start = match start {
                    _ if p > 0 => Start::Sum,
                    ProductStart::Zero => Start::Zero,
                    ProductStart::Row(row) => Start::Row(row.as_ptr().add(j)),
                    ProductStart::Sum => Start::Sum,
                };
                let c = c.add(j);
                s.matmul(&Matmul {
                    m,
                    n: w,
                    k: d,
                    a: a.view(0, p),
                    b,
                    c,
                    ldc: n,
                    start,
                    left,
                    from_end: false,
                });
            }
            p += d;
            if p >= k {
                break;
            }
        }
        j += w;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::reference::{Rng, close, tiers};

    #[test]
    fn every_shape_and_stride_is_the_f64_loops_and_rows_stand_alone() {
        let mut rng = Rng(9);
        let shapes = [
            (1, 1, 1),
            (2, 5, 3),
            (10, 1, 4),
            (7, 33, 20),
            (64, 130, 17),
            (1, 300, 70),
            (3, 70, 600),
            (29, 270, 530),
            (340, 20, 9),
            (353, 256, 30),
            (2, 1100, 5),
            (9, 1030, 515),
            (4, 6, 0),
        ];
        for (m, n, k) in shapes {
            let (a, b, row) = (rng.values(m * k, 1.0), rng.values(k * n, 1.0), rng.values(n, 1.0));
            for kind in 0..6 {
                let (a, get_a): (_, fn(usize, usize, usize, usize) -> usize) = if kind % 2 == 0 {
                    (Operand::rows(&a, k), |i, p, _, k| i * k + p)
                } else {
                    (Operand::transposed(&a, m), |i, p, m, _| p * m + i)
                };
                let (b, get_b): (_, fn(usize, usize, usize, usize) -> usize) = if kind < 3 {
                    (Operand::rows(&b, n), |p, j, n, _| p * n + j)
                } else {
                    (Operand::transposed(&b, k), |p, j, _, k| j * k + p)
                };
                let start = match kind % 3 {
                    0 => ProductStart::Zero,
                    1 => ProductStart::Row(&row),
                    _ => ProductStart::Sum,
                };
                let want: Vec<f64> = (0..m * n)
                    .map(|at| {
                        let (i, j) = (at / n, at % n);
                        let sum: f64 = (0..k)
                            .map(|p| {
                                f64::from(a.data[get_a(i, p, m, k)])
                                    * f64::from(b.data[get_b(p, j, n, k)])
                            })
                            .sum();
                        sum + match kind % 3 {
                            0 => 0.0,
                            1 => f64::from(row[j]),
                            _ => 0.5,
                        }
                    })
                    .collect();
                for isa in tiers() {
                    let run = |m: usize, a: Operand<'_>| {
                        let mut c = vec![0.5; m * n + 1];
                        let mut scratch = vec![f32::NAN; product_scratch(n, k)];
                        // SAFETY: a supported tier; lengths by construction.
                        unsafe {
                            product_on(isa, &Product { m, n, k, a, b, start }, &mut c, &mut scratch)
                        };
                        assert_eq!(c[m * n], 0.5);
                        c
                    };
                    let got = run(m, a);
                    close(&format!("{} {m} {n} {k} kind {kind}", isa.name()), &got, &want, 3e-5);
                    let i = rng.below(m);
                    let alone = run(
                        1,
                        Operand { data: &a.data[(i * a.row_stride).min(a.data.len())..], ..a },
                    );
                    assert_eq!(
                        alone[..n],
                        got[i * n..][..n],
                        "{} row {i} of {m} {n} {k}",
                        isa.name()
                    );
                }
            }
        }
    }
}
