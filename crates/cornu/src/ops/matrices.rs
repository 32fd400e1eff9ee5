//! Operations on matrices: equations, determinants, factors.

use super::indexing::iota;
use super::op_call::Unequal::Refused;
use super::op_call::{LINALG, MATH, NUMPY, OpCall, Row};
use crate::{Error, Result};
use cornu_ir::ops::{Cholesky, Determinant, Eigen, LinearSolve};
use cornu_ir::{DType, Var};
use serde_json::Value;

pub static ROWS: &[Row] = &[
    Row("Solve", LINALG, Refused, |s| {
        let (a, b) = s.system()?;
        Ok(vec![solved(a, b)])
    }),
    Row("SolveTriangular", LINALG, Refused, |s| {
        let (a, b) = s.system()?;
        Ok(vec![solved(half(a, s.flag("lower", false)), b)])
    }),
    Row("Inv", LINALG, Refused, |s| {
        let a = s.square()?;
        Ok(vec![solved(a, identity(a))])
    }),
    Row("Det", LINALG, Refused, |s| {
        let [sign, log] = s.determinant()?;
        Ok(vec![sign * log.exp()])
    }),
    Row("Slogdet", NUMPY, Refused, |s| s.determinant().map(|d| d.to_vec())),
    Row("Logdet", MATH, Refused, |s| s.log_determinant()),
    Row("Cholesky", LINALG, Refused, |s| {
        let a = s.square()?;
        let l = s.cx.builder.apply1(Cholesky, &[a]);
        Ok(vec![if s.flag("upper", false) { l.swap_axes(-1, -2) } else { l }])
    }),
    Row("CholeskyInverse", LINALG, Refused, |s| s.inverse_of_factor()),
    Row("Qr", LINALG, Refused, |s| s.orthogonal_factors()),
    Row("Eigh", LINALG, Refused, |s| Ok(s.cx.builder.apply(Eigen, &[s.square()?]))),
    Row("SVD", LINALG, Refused, |s| s.singular_values()),
    Row("Pinv", LINALG, Refused, |s| {
        let a = s.matrix(0)?;
        Ok(vec![s.inverse_of_any(a, "rcond")?])
    }),
    Row("Lstsq", LINALG, Refused, |s| s.least_squares()),
    Row("MatrixRank", LINALG, Refused, |s| s.rank_of_matrix()),
];

/// The solution of `a x = b` for a vector or for columns.
fn solved<'g>(a: Var<'g>, b: Var<'g>) -> Var<'g> {
    let vector = b.rank() + 1 == a.rank();
    let b = if vector { b.expand_dims(-1) } else { b };
    let x = a.builder().apply1(LinearSolve, &[a, b]);
    if vector { x.squeeze(-1) } else { x }
}

fn places<'g>(a: Var<'g>) -> (Var<'g>, Var<'g>) {
    let dims = a.dims();
    let last = &dims[dims.len() - 2..];
    (iota(a, last, 0), iota(a, last, 1))
}

/// What stands at or below the diagonal, or at or above it.
fn half(a: Var<'_>, lower: bool) -> Var<'_> {
    let (row, column) = places(a);
    if lower { row.ge(column) } else { row.le(column) }.select(a, 0.0)
}

fn identity(a: Var<'_>) -> Var<'_> {
    let (row, column) = places(a);
    row.eq(column).cast(a.dtype()).broadcast_to(&a.dims())
}

impl<'g> OpCall<'_, 'g> {
    /// Matrices of floats. Those of rank 2 are not the batch's rows.
    fn matrix(&self, i: usize) -> Result<Var<'g>> {
        let a = self.as_float(self.value(i)?);
        if a.rank() < 2 {
            return Err(Error::shapes("matrices are needed", &[a.spec()]));
        }
        if a.rank() == 2 {
            self.cx.keep_whole();
        }
        Ok(a)
    }

    fn square(&self) -> Result<Var<'g>> {
        let a = self.matrix(0)?;
        if a.dim(-1).zip(a.dim(-2)).is_some_and(|(m, n)| m != n || n > 1 << 10) {
            return Err(Error::shapes(
                "square matrices of at most 1024 rows are needed",
                &[a.spec()],
            ));
        }
        Ok(a)
    }

    fn system(&self) -> Result<(Var<'g>, Var<'g>)> {
        let a = self.square()?;
        let b = self.value(1)?.cast(a.dtype());
        let lead = &a.dims()[..a.rank() - 2];
        // Matrices that are the same for all right sides, or the other way round.
        let b = if b.rank() == a.rank() {
            b.broadcast_to(&[lead, &b.dims()[b.rank() - 2..]].concat())
        } else {
            b
        };
        Ok((a, b))
    }

    fn determinant(&self) -> Result<[Var<'g>; 2]> {
        let d = self.cx.builder.apply(Determinant, &[self.square()?]);
        Ok([d[0], d[1]])
    }

    /// The logarithm of the determinant of symmetric positive definite matrices.
    fn log_determinant(&self) -> Result<Vec<Var<'g>>> {
        let l = self.cx.builder.apply1(Cholesky, &[self.square()?]);
        let (row, column) = places(l);
        Ok(vec![row.eq(column).select(l, 1.0).log().sum(&[-1, -2], false) * 2.0])
    }

    /// The inverse of `l lᵀ` (or of `lᵀ l` where `upper`).
    fn inverse_of_factor(&self) -> Result<Vec<Var<'g>>> {
        let a = self.square()?;
        let upper = self.flag("upper", false);
        let inverse = solved(half(a, !upper), identity(a));
        Ok(vec![if upper {
            inverse.matmul_with(inverse, false, true)
        } else {
            inverse.matmul_with(inverse, true, false)
        }])
    }

    /// Q and R by Householder's mirrors, a column after the other.
    fn orthogonal_factors(&self) -> Result<Vec<Var<'g>>> {
        let a = self.matrix(0)?;
        let (Some(m), Some(n)) = (a.dim(-2), a.dim(-1)) else {
            return Err(Error::shapes("both axes of the matrices must be numbers", &[a.spec()]));
        };
        if m > 64 || n > 64 {
            return Err(self.unsupported("matrices above 64 × 64"));
        }
        let mut square = a.dims();
        let last = square.len() - 1;
        square[last] = Some(m);
        let mut q = identity(self.cx.builder.full(a.dtype(), &square, 0.0));
        let mut r = a;
        for k in 0..n.min(m - 1) {
            let column = r.slice(-1, k, k + 1).slice(-2, k, m);
            let first = column.slice(-2, 0, 1);
            let length = column.square().sum(&[-2], true).sqrt();
            // The first element goes to the other side, so that nothing cancels.
            let to = first.lt(0.0).select(length, -length);
            let mirror = (column - to.pad(-2, 0, m - k - 1, 0.0)).pad(-2, k, 0, 0.0);
            let factor = 2.0 / mirror.square().sum(&[-2], true);
            r = r - mirror.matmul(mirror.matmul_with(r, true, false)) * factor;
            q = q - q.matmul(mirror).matmul_with(mirror, false, true) * factor;
        }
        let r = half(r, false);
        if self.setting("mode").and_then(Value::as_str) == Some("complete") {
            return Ok(vec![q, r]);
        }
        let k = m.min(n);
        Ok(vec![q.slice(-1, 0, k), r.slice(-2, 0, k)])
    }

    /// Returns a norm of matrices on two axes: by columns (1, −1), rows (±∞), or singular values
    /// (2, −2, `nuc`).
    pub fn matrix_norm(&self, name: Option<&str>, p: f64) -> Result<Vec<Var<'g>>> {
        let x = self.as_float(self.value(0)?);
        let axes = self.axes(x.rank())?;
        let [rows, columns] = axes[..] else {
            return Err(self.unsupported("axes that are not two"));
        };
        let rest: Vec<usize> =
            (0..x.rank()).filter(|&i| i as isize != rows && i as isize != columns).collect();
        let m = x.transpose(&[&rest[..], &[rows as usize, columns as usize]].concat());
        let sums = |axis: isize| m.abs().sum(&[axis], false);
        let y = match (name, p) {
            (Some("nuc"), _) => self.decomposed(m)?[1].sum(&[-1], false),
            (_, 1.0) => sums(-2).max(&[-1], false),
            (_, -1.0) => sums(-2).min(&[-1], false),
            (_, f64::INFINITY) => sums(-1).max(&[-1], false),
            (_, f64::NEG_INFINITY) => sums(-1).min(&[-1], false),
            (_, 2.0) => self.decomposed(m)?[1].max(&[-1], false),
            (_, -2.0) => self.decomposed(m)?[1].min(&[-1], false),
            _ => return Err(self.unsupported(format!("ord = {p} of matrices"))),
        };
        if !self.flag("keepdims", false) {
            return Ok(vec![y]);
        }
        let dims: Vec<_> = (0..x.rank())
            .map(|i| if rest.contains(&i) { x.dim(i as isize) } else { Some(1) })
            .collect();
        Ok(vec![y.reshape(&dims)])
    }

    /// U, singular values (falling) and Vᵀ, of the eigenvectors of `aᵀ a` in f64.
    fn decomposed(&self, a: Var<'g>) -> Result<[Var<'g>; 3]> {
        let (Some(m), Some(n)) = (a.dim(-2), a.dim(-1)) else {
            return Err(Error::shapes("both axes of the matrices must be numbers", &[a.spec()]));
        };
        if m.max(n) > 1 << 10 {
            return Err(self.unsupported("matrices above 1024 rows or columns"));
        }
        let turned = m < n;
        let tall = if turned { a.swap_axes(-1, -2) } else { a }.cast(DType::F64);
        let made = self.cx.builder.apply(Eigen, &[tall.matmul_with(tall, true, false)]);
        let (s, v) = (made[0].reverse(-1).maximum(0.0).sqrt(), made[1].reverse(-1));
        let u = tall.matmul(v) / s.expand_dims(-2);
        let back = |x: Var<'g>| x.cast(a.dtype());
        let (u, vt) = if turned { (v, u.swap_axes(-1, -2)) } else { (u, v.swap_axes(-1, -2)) };
        Ok([back(u), back(s), back(vt)])
    }

    fn singular_values(&self) -> Result<Vec<Var<'g>>> {
        let a = self.matrix(0)?;
        let made = self.decomposed(a)?;
        if !self.flag("compute_uv", true) {
            return Ok(vec![made[1]]);
        }
        if self.flag("full_matrices", true) && a.dim(-1) != a.dim(-2) {
            return Err(self.unsupported("full_matrices of matrices that are not square"));
        }
        Ok(made.to_vec())
    }

    /// The inverse of what is not 0 in a matrix.
    fn inverse_of_any(&self, a: Var<'g>, name: &str) -> Result<Var<'g>> {
        let [u, s, vt] = self.decomposed(a)?;
        let most = a.dim(-1).into_iter().chain(a.dim(-2)).max().unwrap_or(1) as f64;
        let eps = if a.dtype() == DType::F64 { f64::EPSILON } else { f64::from(f32::EPSILON) };
        let least = s.max(&[-1], true)
            * self.real(
                name,
                if name == "rcond" && self.class == "Pinv" {
                    10.0 * most * eps
                } else {
                    most * eps
                },
            )?;
        let counts = s.gt(least);
        let inverse = counts.select(1.0 / counts.select(s, 1.0), 0.0);
        let u = counts.expand_dims(-2).select(u, 0.0);
        Ok((vt.swap_axes(-1, -2) * inverse.expand_dims(-2)).matmul_with(u, false, true))
    }

    fn least_squares(&self) -> Result<Vec<Var<'g>>> {
        self.cx.keep_whole();
        let a = self.matrix(0)?;
        let b = self.value(1)?.cast(a.dtype());
        let inverse = self.inverse_of_any(a, "rcond")?;
        Ok(vec![if b.rank() + 1 == a.rank() {
            inverse.matmul(b.expand_dims(-1)).squeeze(-1)
        } else {
            inverse.matmul(b)
        }])
    }

    fn rank_of_matrix(&self) -> Result<Vec<Var<'g>>> {
        let a = self.matrix(0)?;
        let s = self.decomposed(a)?[1];
        let most = a.dim(-1).into_iter().chain(a.dim(-2)).max().unwrap_or(1) as f64;
        let eps = if a.dtype() == DType::F64 { f64::EPSILON } else { f64::from(f32::EPSILON) };
        let counts = match self.setting("tol") {
            Some(_) => s.gt(self.real("tol", 0.0)?),
            None => s.gt(s.max(&[-1], true) * (most * eps)),
        };
        Ok(vec![counts.cast(DType::I32).sum(&[-1], false)])
    }
}
