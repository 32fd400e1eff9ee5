//! Operations that multiply values with each other and sum.

use super::indexing::iota;
use super::op_call::Unequal::Refused;
use super::op_call::{MATH, NN, NUMPY, OpCall, Row, moved};
use crate::lowering::{Arg, literal::promoted};
use crate::{Error, Result};
use cornu_ir::builder::stack;
use cornu_ir::composites::{einsum, softmax};
use cornu_ir::ops::Windows;
use cornu_ir::spec::product;
use cornu_ir::{DType, Dim, Var};
use serde_json::Value;

/// All elements on one axis.
fn flat(x: Var<'_>) -> Var<'_> {
    x.reshape(&[product(&x.dims())])
}

pub static ROWS: &[Row] = &[
    Row("Matmul", NUMPY, Refused, |s| s.matmul()),
    Row("Dot", NUMPY, Refused, |s| s.dot()),
    Row("Einsum", NUMPY, Refused, |s| {
        let v = s.all_float()?;
        if v.is_empty() {
            return Err(s.unsupported("no operands"));
        }
        Ok(vec![einsum(s.text("subscripts")?, &v)])
    }),
    Row("Tensordot", NUMPY, Refused, |s| s.tensordot()),
    Row("Inner", NUMPY, Refused, |s| s.inner()),
    Row("Outer", NUMPY, Refused, |s| {
        let (a, b) = s.operands(0, 1)?;
        if a.rank() != 1 || !s.both_values() {
            s.cx.keep_whole();
        }
        Ok(vec![flat(a).expand_dims(1) * flat(b)])
    }),
    Row("Vdot", NUMPY, Refused, |s| {
        s.cx.keep_whole();
        let (a, b) = s.operands(0, 1)?;
        Ok(vec![(flat(a) * flat(b)).sum(&[0], false)])
    }),
    Row("Kron", NUMPY, Refused, |s| s.kronecker()),
    Row("Cross", NUMPY, Refused, |s| s.cross()),
    Row("CDist", MATH, Refused, |s| s.distances()),
    Row("Correlate", NUMPY, Refused, |s| s.correlate()),
    Row("Corrcoef", NUMPY, Refused, |s| s.correlation()),
    Row("DotProductAttention", NN, Refused, |s| s.attention()),
];

impl<'g> OpCall<'_, 'g> {
    /// Returns the matrix product by numpy's rule.
    pub fn matmul(&self) -> Result<Vec<Var<'g>>> {
        let (a, b) = self.operands(0, 1)?;
        let dtype = a.dtype();
        let (a, b) = (self.as_float(a), self.as_float(b));
        if a.rank() == 0 || b.rank() == 0 {
            return Err(Error::shapes(
                "a matrix product needs values of rank 1 or more",
                &[a.spec(), b.spec()],
            ));
        }
        let (x, y) = (
            if a.rank() == 1 { a.expand_dims(0) } else { a },
            if b.rank() == 1 { b.expand_dims(1) } else { b },
        );
        let mut z = x.matmul(y);
        if b.rank() == 1 {
            z = z.squeeze(-1);
        }
        if a.rank() == 1 {
            z = z.squeeze(if b.rank() == 1 { -1 } else { -2 });
        }
        Ok(vec![z.cast(promoted(dtype, dtype))])
    }

    /// Returns the product of the last axis of the first with the last but one of the second.
    pub fn dot(&self) -> Result<Vec<Var<'g>>> {
        let (a, b) = self.operands(0, 1)?;
        if a.rank() == 0 || b.rank() == 0 {
            return Ok(vec![a * b]);
        }
        if b.rank() <= 2 {
            return self.matmul();
        }
        let letters =
            |from: u8, n: usize| (0..n as u8).map(|i| (from + i) as char).collect::<String>();
        let (x, mut y) = (letters(b'a', a.rank()), letters(b'A', b.rank()));
        let summed = x.chars().last().unwrap_or('a');
        y.replace_range(y.len() - 2..y.len() - 1, &summed.to_string());
        let out: String = x.chars().chain(y.chars()).filter(|c| *c != summed).collect();
        Ok(vec![einsum(&format!("{x},{y}->{out}"), &[self.as_float(a), self.as_float(b)])])
    }

    /// Whether the second argument is written in the config, so that no row of the batch meets
    /// another through it.
    fn both_values(&self) -> bool {
        matches!(self.call.args.get(1), Some(Arg::Json(_)))
    }

    /// Two values summed over pairs of axes.
    fn contract(
        &self,
        a: Var<'g>,
        b: Var<'g>,
        over_a: &[usize],
        over_b: &[usize],
    ) -> Result<Var<'g>> {
        let dtype = a.dtype();
        let same = |i: usize| {
            a.dim(over_a[i] as isize).zip(b.dim(over_b[i] as isize)).is_none_or(|(m, n)| m == n)
        };
        if over_a.len() != over_b.len() || !(0..over_a.len()).all(same) {
            return Err(Error::shapes(
                "the axes summed over must be as many and as long in both values",
                &[a.spec(), b.spec()],
            ));
        }
        if over_a.contains(&0) || !self.both_values() {
            self.cx.keep_whole();
        }
        let rest = |x: Var<'g>, over: &[usize]| {
            (0..x.rank()).filter(|i| !over.contains(i)).collect::<Vec<_>>()
        };
        let (rows, columns) = (rest(a, over_a), rest(b, over_b));
        let dims =
            |x: Var<'g>, of: &[usize]| of.iter().map(|&i| x.dim(i as isize)).collect::<Vec<Dim>>();
        let k = product(
            &dims(a, over_a)
                .into_iter()
                .zip(dims(b, over_b))
                .map(|(m, n)| m.or(n))
                .collect::<Vec<_>>(),
        );
        let x = self
            .as_float(a)
            .transpose(&[&rows[..], over_a].concat())
            .reshape(&[product(&dims(a, &rows)), k]);
        let y = self
            .as_float(b)
            .transpose(&[over_b, &columns].concat())
            .reshape(&[k, product(&dims(b, &columns))]);
        Ok(x.matmul(y).reshape(&[dims(a, &rows), dims(b, &columns)].concat()).cast(dtype))
    }

    fn tensordot(&self) -> Result<Vec<Var<'g>>> {
        let (a, b) = self.operands(0, 1)?;
        let axes = |v: &Value, rank: usize| -> Result<Vec<usize>> {
            let list = v.as_array().cloned().unwrap_or(vec![v.clone()]);
            list.iter()
                .map(|i| {
                    i.as_i64()
                        .ok_or_else(|| self.unsupported("these axes"))
                        .and_then(|i| self.axis(i as isize, rank))
                })
                .collect()
        };
        let (over_a, over_b) = match self.setting("axes") {
            Some(Value::Array(pair)) if pair.len() == 2 => {
                (axes(&pair[0], a.rank())?, axes(&pair[1], b.rank())?)
            }
            other => {
                let n = other
                    .map_or(Some(2), Value::as_u64)
                    .ok_or_else(|| self.unsupported("these axes"))?
                    as usize;
                if n > a.rank() || n > b.rank() {
                    return Err(Error::shapes(
                        format!("values with {n} axes to sum over are needed"),
                        &[a.spec(), b.spec()],
                    ));
                }
                ((a.rank() - n..a.rank()).collect(), (0..n).collect())
            }
        };
        Ok(vec![self.contract(a, b, &over_a, &over_b)?])
    }

    fn inner(&self) -> Result<Vec<Var<'g>>> {
        let (a, b) = self.operands(0, 1)?;
        if a.rank() == 0 || b.rank() == 0 {
            return Ok(vec![a * b]);
        }
        Ok(vec![self.contract(a, b, &[a.rank() - 1], &[b.rank() - 1])?])
    }

    fn kronecker(&self) -> Result<Vec<Var<'g>>> {
        let (mut a, mut b) = self.operands(0, 1)?;
        if !self.both_values() || b.rank() > 0 && b.rank() >= a.rank() && b.dim(0) != Some(1) {
            self.cx.keep_whole();
        }
        (a.rank()..b.rank()).for_each(|_| a = a.expand_dims(0));
        (b.rank()..a.rank()).for_each(|_| b = b.expand_dims(0));
        let (da, db) = (a.dims(), b.dims());
        let apart = |d: &[Dim], first: bool| {
            d.iter()
                .flat_map(|&n| if first { [n, Some(1)] } else { [Some(1), n] })
                .collect::<Vec<Dim>>()
        };
        let y = a.reshape(&apart(&da, true)) * b.reshape(&apart(&db, false));
        Ok(vec![y.reshape(
            &da.iter().zip(&db).map(|(m, n)| m.zip(*n).map(|(m, n)| m * n)).collect::<Vec<_>>(),
        )])
    }

    fn cross(&self) -> Result<Vec<Var<'g>>> {
        let (a, b) = self.operands(0, 1)?;
        let one = self.integer("axis")?;
        let axis = |name: &str, rank: usize| -> Result<usize> {
            self.axis(one.map_or(self.integer(name), |a| Ok(Some(a)))?.unwrap_or(-1), rank)
        };
        let (at_a, at_b) = (axis("axisa", a.rank())?, axis("axisb", b.rank())?);
        self.touches(at_a);
        let (n, m) = (a.dim(at_a as isize), b.dim(at_b as isize));
        if ![n, m].iter().all(|d| matches!(d, Some(2 | 3))) {
            return Err(Error::shapes(
                "vectors of 2 or 3 numbers are needed",
                &[a.spec(), b.spec()],
            ));
        }
        let part = |x: Var<'g>, axis: usize, i: usize| {
            (Some(i) < x.dim(axis as isize)).then(|| x.index(axis as isize, i))
        };
        let (p, q) = (|i| part(a, at_a, i), |i| part(b, at_b, i));
        // A third number that is not there is 0.
        let times = |x: Option<Var<'g>>, y: Option<Var<'g>>| x.zip(y).map(|(x, y)| x * y);
        let less = |x: Option<Var<'g>>, y: Option<Var<'g>>| match (x, y) {
            (Some(x), Some(y)) => Some(x - y),
            (x, y) => x.or(y.map(|y| y * -1.0)),
        };
        let third = less(times(p(0), q(1)), times(p(1), q(0)));
        if (n, m) == (Some(2), Some(2)) {
            return Ok(third.into_iter().collect());
        }
        let parts = [
            less(times(p(1), q(2)), times(p(2), q(1))),
            less(times(p(2), q(0)), times(p(0), q(2))),
            third,
        ];
        let parts: Vec<Var<'g>> = parts.into_iter().flatten().collect();
        let y = stack(&parts, -1);
        let to = axis("axisc", y.rank())?;
        self.touches(to);
        Ok(vec![moved(y, y.rank() - 1, to)])
    }

    /// Distances of all pairs of rows.
    fn distances(&self) -> Result<Vec<Var<'g>>> {
        let (a, b) = self.operands(0, 1)?;
        let (a, b) = (self.as_float(a), self.as_float(b));
        if a.rank() < 2 || b.rank() < 2 {
            return Err(Error::shapes(
                "points (…, points, features) are needed",
                &[a.spec(), b.spec()],
            ));
        }
        if a.rank() == 2 || b.rank() == 2 {
            self.cx.keep_whole();
        }
        let apart = a.expand_dims(-2) - b.expand_dims(-3);
        Ok(vec![apart.square().sum(&[-1], false).sqrt()])
    }

    fn correlate(&self) -> Result<Vec<Var<'g>>> {
        self.cx.keep_whole();
        let (a, b) = self.operands(0, 1)?;
        let (a, b) = (self.as_float(a), self.as_float(b));
        let (Some(n), Some(m), 1, 1) = (a.dim(0), b.dim(0), a.rank(), b.rank()) else {
            return Err(Error::shapes("two values of rank 1 are needed", &[a.spec(), b.spec()]));
        };
        if n == 0 || m == 0 {
            return Err(Error::shapes(
                "two values with elements are needed",
                &[a.spec(), b.spec()],
            ));
        }
        // The shorter one is moved over the longer; where that exchanges them, what comes is
        // backwards.
        let (long, short, length, turned) = if n >= m { (a, b, m, false) } else { (b, a, n, true) };
        let far = length - 1;
        let (low, high) = match self.setting("mode").and_then(Value::as_str).unwrap_or("valid") {
            "valid" => (0, 0),
            "full" => (far, far),
            "same" if turned => (far - far / 2, far / 2),
            "same" => (far / 2 + far % 2, far / 2),
            other => return Err(self.unsupported(format!("mode = {other}"))),
        };
        let windows = self.cx.builder.apply1(
            Windows { axis: 0, length, stride: 1, dilation: 1 },
            &[long.pad(0, low, high, 0.0)],
        );
        let y = windows.matmul(short.expand_dims(-1)).squeeze(-1);
        Ok(vec![if turned { y.reverse(0) } else { y }])
    }

    /// Correlations of the rows of a matrix.
    fn correlation(&self) -> Result<Vec<Var<'g>>> {
        self.cx.keep_whole();
        let x = self.as_float(self.value(0)?);
        let x = if x.rank() < 2 { x.reshape(&[Some(1), product(&x.dims())]) } else { x };
        if x.rank() != 2 {
            return Err(Error::shapes("a value of rank 1 or 2 is needed", &[x.spec()]));
        }
        let centred = x - x.mean(&[1], true);
        let c = centred.matmul_with(centred, false, true) / (x.count(&[1]) - 1.0);
        let n = x.dim(0);
        let own = iota(x, &[n, n], 0).eq(iota(x, &[n, n], 1)).select(c, 0.0).sum(&[1], true).sqrt();
        let y = c / own / own.transpose(&[1, 0]);
        let y = y.clip(-1.0, 1.0);
        Ok(vec![if n == Some(1) { y.reshape(&[]) } else { y }])
    }

    /// `softmax(scale · q kᵀ + bias) v`. Shapes: query (B, T, H, D), key and value (B, S, G, D),
    /// heads H a multiple of G.
    fn attention(&self) -> Result<Vec<Var<'g>>> {
        let [q, k, v] = [0, 1, 2].map(|i| self.value(i).map(|x| self.as_float(x)));
        let (q, k, v) = (q?, k?, v?);
        if self.setting("attn_logits_soft_cap").is_some() {
            return Err(
                self.unsupported("attn_logits_soft_cap, which Keras computes on a TPU alone")
            );
        }
        let heads = q.dim(2).zip(k.dim(2)).filter(|(h, g)| *g > 0 && h % g == 0);
        let Some((heads, groups)) = heads.filter(|_| [q, k, v].iter().all(|x| x.rank() == 4))
        else {
            return Err(Error::shapes(
                "query, key and value must be (batch, timesteps, heads, features), the query's \
                    heads a multiple of the others'",
                &[q.spec(), k.spec(), v.spec()],
            ));
        };
        let spread = |x: Var<'g>| {
            let [b, s, g, d] = x.dims()[..] else { return x };
            let n = Some(heads / groups);
            x.expand_dims(3).broadcast_to(&[b, s, g, n, d]).reshape(&[b, s, Some(heads), d])
        };
        let (k, v) = if heads == groups { (k, v) } else { (spread(k), spread(v)) };
        let number =
            |name: &str, i: usize| self.known_numbers(i, name).map(|t| t.map(|t| t.to_f64()[0]));
        let scale = number("scale", 5)?.unwrap_or(1.0 / q.dim(3).map_or(1.0, |d| d as f64).sqrt());
        let by_head = |x: Var<'g>| x.transpose(&[0, 2, 1, 3]);
        let mut scores = by_head(q).matmul_with(by_head(k), false, true) * scale;
        if let Some(bias) = self.optional(3, "bias")? {
            scores = scores + bias.cast(scores.dtype());
        }
        let mut seen = self.optional(4, "mask")?.map(|m| m.cast(DType::Bool));
        if self.flag("is_causal", false) {
            let dims = [scores.dim(2), scores.dim(3)];
            let earlier = iota(scores, &dims, 0).ge(iota(scores, &dims, 1));
            seen = Some(seen.map_or(earlier, |m| m.and(earlier)));
        }
        if let Some(seen) = seen {
            let lowest =
                if scores.dtype() == DType::F64 { f64::MAX } else { f64::from(f32::MAX) } * -0.7;
            scores = seen.select(scores, lowest);
        }
        Ok(vec![by_head(softmax(scores, &[-1]).matmul(by_head(v)))])
    }
}
