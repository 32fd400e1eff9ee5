//! Matrix product.

use super::expect_inputs;
use crate::op::{At, Primitive, Sample, count, sample_numbers};
use crate::spec::{ShapeError, Spec};
use crate::tensor::{View, ViewMut};
use crate::var::Var;
use crate::with_float;

/// Matrix product over the last two axes of two values with equal leading dims, either side's last
/// two axes exchanged first.
#[derive(Clone, Debug, PartialEq)]
pub struct MatMul {
    /// The left side is stored (…, K, M).
    pub transpose_a: bool,
    /// The right side is stored (…, N, K).
    pub transpose_b: bool,
}

/// The numbers of a product: `batch` products of (m, k) by (k, n).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatMulDims {
    /// Products.
    pub batch: usize,
    /// Rows of the result.
    pub m: usize,
    /// Columns of the result.
    pub n: usize,
    /// Terms of each sum.
    pub k: usize,
}

impl MatMul {
    /// The numbers of the product of values of these dims.
    pub fn dims(&self, a: &[usize], b: &[usize]) -> MatMulDims {
        let r = a.len();
        let (m, k) = if self.transpose_a { (a[r - 1], a[r - 2]) } else { (a[r - 2], a[r - 1]) };
        let n = if self.transpose_b { b[r - 2] } else { b[r - 1] };
        MatMulDims { batch: a[..r - 2].iter().product(), m, n, k }
    }
}

impl Primitive for MatMul {
    fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
        expect_inputs("matmul", ins, 2)?;
        let (a, b) = (&ins[0], &ins[1]);
        let r = a.rank();
        let fail = |rule: &str| Err(ShapeError::new("matmul", rule, ins));
        if r < 2 || b.rank() != r || a.dtype != b.dtype || !a.dtype.is_float() {
            return fail("two float values of one rank, at least 2, are needed");
        }
        let (m, ka) = if self.transpose_a {
            (a.dims[r - 1], a.dims[r - 2])
        } else {
            (a.dims[r - 2], a.dims[r - 1])
        };
        let (kb, n) = if self.transpose_b {
            (b.dims[r - 1], b.dims[r - 2])
        } else {
            (b.dims[r - 2], b.dims[r - 1])
        };
        let same = |x: &Option<usize>, y: &Option<usize>| x.is_none() || y.is_none() || x == y;
        if !same(&ka, &kb) || !a.dims[..r - 2].iter().zip(&b.dims[..r - 2]).all(|(x, y)| same(x, y))
        {
            return fail("the dims summed over and the leading dims must be equal");
        }
        let mut dims: Vec<_> =
            a.dims[..r - 2].iter().zip(&b.dims[..r - 2]).map(|(x, y)| x.or(*y)).collect();
        dims.extend([m, n]);
        Ok(vec![Spec::new(a.dtype, dims)])
    }

    fn vjp<'g>(&self, at: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
        let (a, b, d) = (at.ins[0], at.ins[1], at.grad());
        let product = |x: Var<'g>, y: Var<'g>, transpose_a, transpose_b| {
            d.builder().apply1(MatMul { transpose_a, transpose_b }, &[x, y])
        };
        let da = if self.transpose_a {
            product(b, d, self.transpose_b, true)
        } else {
            product(d, b, false, !self.transpose_b)
        };
        let db = if self.transpose_b {
            product(d, a, true, self.transpose_a)
        } else {
            product(a, d, !self.transpose_a, false)
        };
        vec![Some(da), Some(db)]
    }

    fn eval(&self, ins: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
        let Some(out) = &mut outs[0] else { return };
        let MatMulDims { batch, m, n, k } = self.dims(ins[0].dims, ins[1].dims);
        with_float!(ins[0].dtype(), T => {
            let (a, b, c) = (ins[0].get::<T>(), ins[1].get::<T>(), out.get::<T>());
            for p in 0..batch {
                let (a, b, c) = (&a[p * m * k..], &b[p * k * n..], &mut c[p * m * n..]);
                for i in 0..m {
                    for j in 0..n {
                        let term = |l: usize| {
                            let x = if self.transpose_a { a[l * m + i] } else { a[i * k + l] };
                            let y = if self.transpose_b { b[j * k + l] } else { b[l * n + j] };
                            x * y
                        };
                        c[i * n + j] = (0..k).map(term).sum();
                    }
                }
            }
        });
    }

    fn samples() -> Vec<Sample<Self>> {
        let mut cases = Vec::new();
        for transpose_a in [false, true] {
            for transpose_b in [false, true] {
                let a = if transpose_a { [2, 4, 3] } else { [2, 3, 4] };
                let b = if transpose_b { [2, 5, 4] } else { [2, 4, 5] };
                cases.push(Sample::new(
                    MatMul { transpose_a, transpose_b },
                    vec![sample_numbers(&a, 171), sample_numbers(&b, 172)],
                ));
            }
        }
        cases.push(Sample::new(
            MatMul { transpose_a: false, transpose_b: false },
            vec![sample_numbers(&[1, 17], 173), sample_numbers(&[17, 9], 174)],
        ));
        cases
    }

    fn flops(&self, ins: &[&Spec], outs: &[&Spec]) -> f64 {
        let rank = ins[0].rank();
        let k = ins[0].dims[if self.transpose_a { rank - 2 } else { rank - 1 }];
        2.0 * count(outs[0]) * k.unwrap_or(0) as f64
    }

    fn product_flops(&self, ins: &[&Spec], outs: &[&Spec], _: &[bool]) -> f64 {
        self.flops(ins, outs)
    }
}
