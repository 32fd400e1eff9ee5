//! Sums of products written as letters for axes.

use crate::spec::ShapeError;
use crate::spec::{Dim, product};
use crate::var::Var;

/// A sum of products by Einstein's rule: `ab,bc->ac` is a matrix product. One or two values; a
/// letter stands once in each. `...` stands for the axes that the letters leave. A broken rule is
/// kept by the builder.
///
/// ```
/// use cornu_ir::{Builder, DType, Spec, Tensor, composites::einsum, interpret::interpret};
/// let b = Builder::new();
/// let x = b.input("x", Spec::known(DType::F64, &[2, 3]));
/// let w = b.input("w", Spec::known(DType::F64, &[3]));
/// b.output("y", einsum("ab,b->a", &[x, w]));
/// let rows = Tensor::new(&[2, 3], vec![0.0f64, 1.0, 2.0, 3.0, 4.0, 5.0]);
/// let ins = [rows, Tensor::new(&[3], vec![1.0f64, 0.0, 2.0])];
/// assert_eq!(interpret(&b.finish().unwrap(), &ins)[0].to_f64(), vec![4.0, 13.0]);
/// ```
pub fn einsum<'g>(equation: &str, values: &[Var<'g>]) -> Var<'g> {
    match Terms::parse(equation, values) {
        Ok(t) => t.product(values),
        Err(rule) => {
            let specs: Vec<_> = values.iter().map(Var::spec).collect();
            values[0].builder().fail(ShapeError::new(
                &format!("einsum `{equation}`"),
                rule,
                &specs,
            ));
            values[0]
        }
    }
}

struct Terms {
    ins: Vec<Vec<char>>,
    out: Vec<char>,
}

impl Terms {
    fn parse(equation: &str, values: &[Var<'_>]) -> Result<Self, &'static str> {
        let compact: String = equation.chars().filter(|c| !c.is_whitespace()).collect();
        let (left, right) = compact.split_once("->").ok_or("the equation must hold `->`")?;
        let sides: Vec<&str> = left.split(',').collect();
        if sides.len() != values.len() || values.len() > 2 {
            return Err("one or two values are needed, as many as the equation names");
        }
        // Axes under `...` get letters of their own, counted from the last.
        let n_letters = |s: &str| s.replace("...", "").chars().count();
        let elided = |s: &str, v: &Var<'_>| {
            if s.contains("...") { v.rank().checked_sub(n_letters(s)) } else { Some(0) }
        };
        let most = sides.iter().zip(values).filter_map(|(s, v)| elided(s, v)).max().unwrap_or(0);
        let dots: Vec<char> =
            (0..most).map(|i| char::from_u32('α' as u32 + i as u32).unwrap_or('?')).collect();
        let spell = |s: &str, n: usize| -> Vec<char> {
            let (before, after) = s.split_once("...").unwrap_or((s, ""));
            let dots = if s.contains("...") { &dots[dots.len() - n..] } else { &[] };
            before.chars().chain(dots.iter().copied()).chain(after.chars()).collect()
        };
        let mut ins = Vec::new();
        for (s, v) in sides.iter().zip(values) {
            let n = elided(s, v).ok_or("a value has fewer axes than the equation names")?;
            let letters = spell(s, n);
            if letters.len() != v.rank() {
                return Err("a value must have the axes that the equation names");
            }
            ins.push(letters);
        }
        let out = spell(right, most);
        let once = |l: &[char]| l.iter().enumerate().all(|(i, c)| !l[..i].contains(c));
        if !ins.iter().all(|l| once(l))
            || !once(&out)
            || !out.iter().all(|c| ins.iter().any(|l| l.contains(c)))
        {
            return Err(
                "a letter must stand once in each value, and those of the result in some value",
            );
        }
        Ok(Self { ins, out })
    }

    fn product<'g>(&self, values: &[Var<'g>]) -> Var<'g> {
        // What stands in one value alone and not in the result is summed first.
        let mut letters = self.ins.clone();
        let mut values = values.to_vec();
        for i in 0..values.len() {
            let other = if values.len() == 2 { letters[1 - i].clone() } else { Default::default() };
            let alone = |c: &char| !self.out.contains(c) && !other.contains(c);
            let axes: Vec<isize> = (0..letters[i].len())
                .filter(|&a| alone(&letters[i][a]))
                .map(|a| a as isize)
                .collect();
            values[i] = values[i].sum(&axes, false);
            letters[i].retain(|c| !alone(c));
        }
        let ordered = |v: Var<'g>, from: &[char], to: &[char]| {
            let perm: Vec<usize> = to
                .iter()
                .map(|c| from.iter().position(|d| d == c).expect("the same letters"))
                .collect();
            v.transpose(&perm)
        };
        let [a, b] = values[..] else { return ordered(values[0], &letters[0], &self.out) };
        let (la, lb) = (&letters[0], &letters[1]);
        let pick = |from: &[char], f: &dyn Fn(&char) -> bool| -> Vec<char> {
            from.iter().copied().filter(|c| f(c)).collect()
        };
        let both = pick(la, &|c| lb.contains(c) && self.out.contains(c));
        let summed = pick(la, &|c| lb.contains(c) && !self.out.contains(c));
        let rows = pick(la, &|c| !lb.contains(c));
        let columns = pick(lb, &|c| !la.contains(c));
        let dims = |v: Var<'g>, from: &[char], of: &[char]| -> Vec<Dim> {
            let own = v.dims();
            of.iter()
                .map(|c| own[from.iter().position(|d| d == c).expect("one of its letters")])
                .collect()
        };
        let known = |c: &[char]| -> Vec<Dim> {
            dims(a, la, c).into_iter().zip(dims(b, lb, c)).map(|(x, y)| x.or(y)).collect()
        };
        for c in both.iter().chain(&summed) {
            if let (Some(x), Some(y)) = (dims(a, la, &[*c])[0], dims(b, lb, &[*c])[0])
                && x != y
            {
                let specs = [a.spec(), b.spec()];
                a.builder().fail(ShapeError::new(
                    "einsum",
                    format!("axes of one letter must have one number (`{c}` is {x} and {y})"),
                    &specs,
                ));
                return a;
            }
        }
        let (lead, k) = (known(&both), product(&known(&summed)));
        let (row_dims, column_dims) = (dims(a, la, &rows), dims(b, lb, &columns));
        let x = ordered(a, la, &[&both[..], &rows, &summed].concat());
        let y = ordered(b, lb, &[&both[..], &summed, &columns].concat());
        let (x_dims, y_dims) = ([product(&row_dims), k], [k, product(&column_dims)]);
        let z = if both.is_empty() {
            x.reshape(&x_dims).matmul(y.reshape(&y_dims))
        } else {
            let n = product(&lead);
            x.reshape(&[&[n], &x_dims[..]].concat())
                .matmul(y.reshape(&[&[n], &y_dims[..]].concat()))
        };
        let made = [&both[..], &rows, &columns].concat();
        ordered(z.reshape(&[lead, row_dims, column_dims].concat()), &made, &self.out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interpret::interpret;
    use crate::op::sample_numbers;
    use crate::{Builder, Spec, Tensor};

    fn run(equation: &str, dims: &[&[usize]]) -> Tensor {
        let b = Builder::new();
        let ins: Vec<Tensor> =
            dims.iter().enumerate().map(|(i, d)| sample_numbers(d, i as u64 + 1)).collect();
        let vars: Vec<Var<'_>> =
            ins.iter().map(|t| b.input("x", Spec::known(t.dtype(), &t.dims))).collect();
        b.output("y", einsum(equation, &vars));
        interpret(&b.finish().unwrap(), &ins).remove(0)
    }

    /// The definition: a loop over all letters.
    fn plain(equation: &str, dims: &[&[usize]]) -> Vec<f64> {
        let (left, out) = equation.split_once("->").unwrap();
        let sides: Vec<Vec<char>> = left.split(',').map(|s| s.chars().collect()).collect();
        let mut size = std::collections::BTreeMap::new();
        sides
            .iter()
            .zip(dims)
            .for_each(|(s, d)| size.extend(s.iter().copied().zip(d.iter().copied())));
        let values: Vec<Vec<f64>> = dims
            .iter()
            .enumerate()
            .map(|(i, d)| sample_numbers(d, i as u64 + 1).to_f64())
            .collect();
        let all: Vec<char> = size.keys().copied().collect();
        let index = |letters: &[char], at: &[usize]| {
            letters
                .iter()
                .fold(0, |k, c| k * size[c] + at[all.iter().position(|d| d == c).unwrap()])
        };
        let out: Vec<char> = out.chars().collect();
        let mut y = vec![0.0; out.iter().map(|c| size[c]).product()];
        for n in 0..all.iter().map(|c| size[c]).product::<usize>() {
            let mut rest = n;
            let at: Vec<usize> = all
                .iter()
                .map(|c| {
                    let i = rest % size[c];
                    rest /= size[c];
                    i
                })
                .collect();
            y[index(&out, &at)] +=
                sides.iter().zip(&values).map(|(s, v)| v[index(s, &at)]).product::<f64>();
        }
        y
    }

    #[test]
    fn equals_the_plain_loop() {
        let cases: [(&str, &[&[usize]]); 6] = [
            ("abc,cde->abde", &[&[2, 3, 4], &[4, 2, 3]]),
            ("abc,bcd->abd", &[&[2, 3, 4], &[3, 4, 2]]),
            ("bquh,bkuh->buqk", &[&[2, 3, 2, 4], &[2, 5, 2, 4]]),
            ("buqk,bkuh->bquh", &[&[2, 2, 3, 5], &[2, 5, 2, 4]]),
            ("ab,cd->db", &[&[2, 3], &[4, 2]]),
            ("abc->ca", &[&[2, 3, 4]]),
        ];
        for (equation, dims) in cases {
            let (got, want) = (run(equation, dims).to_f64(), plain(equation, dims));
            assert!(
                got.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-12)
                    && got.len() == want.len(),
                "{equation}"
            );
        }
    }

    #[test]
    fn dots_stand_for_the_other_axes() {
        assert_eq!(
            run("...x,xy->...y", &[&[2, 3, 4], &[4, 5]]),
            run("abx,xy->aby", &[&[2, 3, 4], &[4, 5]])
        );
        assert_eq!(
            run("ab...,bc->ac...", &[&[2, 3, 4], &[3, 5]]),
            run("abd,bc->acd", &[&[2, 3, 4], &[3, 5]])
        );
    }

    #[test]
    fn a_broken_equation_is_an_error() {
        for equation in ["ab,bc", "aab,bc->ac", "ab,bc->ad", "abcd,bc->ac", "ab->a"] {
            let b = Builder::new();
            let x = b.input("x", Spec::known(crate::DType::F64, &[2, 3]));
            let w = b.input("w", Spec::known(crate::DType::F64, &[3, 2]));
            einsum(equation, &[x, w]);
            assert!(b.check().is_err(), "{equation}");
        }
    }
}
