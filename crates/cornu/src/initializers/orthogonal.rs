//! Orthogonal matrices.

use super::variance::seeded;
use super::{Draw, Initialize, own_draw};
use crate::config::setters;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Initializer of a matrix with orthonormal columns (or rows, if it is wider than tall), from the
/// QR factors of a random normal matrix (Saxe et al. 2014, arXiv:1312.6120).
///
/// ```
/// use cornu::extend::{Draw, Initialize};
/// use cornu::initializers::Orthogonal;
/// let w = Orthogonal::default().values(&[2, 2], &mut Draw::new(0, 0))?;
/// let (length, product) = (w[0] * w[0] + w[2] * w[2], w[0] * w[1] + w[2] * w[3]);
/// assert!((length - 1.0).abs() < 1e-6 && product.abs() < 1e-6);
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Orthogonal {
    /// Seed of the initializer; `None` to draw from the model's seed.
    pub seed: Option<Value>,
    /// Factor by which the orthogonal matrix is multiplied.
    pub gain: f64,
}

impl Default for Orthogonal {
    fn default() -> Self {
        Self { seed: None, gain: 1.0 }
    }
}

seeded!(Orthogonal);
setters!(Orthogonal { plain gain: f64 });

impl Initialize for Orthogonal {
    fn values(&self, shape: &[usize], draw: &mut Draw) -> Result<Vec<f64>> {
        let [field @ .., n_cols] = shape else {
            return Err(Error::argument(
                "Orthogonal",
                "a weight of rank 2 or more is needed",
                format!("{shape:?}"),
            ));
        };
        if field.is_empty() {
            return Err(Error::argument(
                "Orthogonal",
                "a weight of rank 2 or more is needed",
                format!("{shape:?}"),
            ));
        }
        let n_rows: usize = field.iter().product();
        let (tall, wide) = (n_rows.max(*n_cols), n_rows.min(*n_cols));
        let mut own = own_draw(&self.seed);
        let draw = own.as_mut().unwrap_or(draw);
        // Columns made orthonormal one after the other (twice, against rounding): the Q of QR with
        // a positive diagonal in R.
        let mut columns: Vec<Vec<f64>> = Vec::with_capacity(wide);
        while columns.len() < wide {
            let mut v: Vec<f64> = (0..tall).map(|_| draw.normal()).collect();
            for _ in 0..2 {
                for c in &columns {
                    let dot: f64 = c.iter().zip(&v).map(|(a, b)| a * b).sum();
                    v.iter_mut().zip(c).for_each(|(x, c)| *x -= dot * c);
                }
            }
            let norm = v.iter().map(|x| x * x).sum::<f64>().sqrt();
            if norm > 1e-8 {
                v.iter_mut().for_each(|x| *x /= norm);
                columns.push(v);
            }
        }
        let at = |r: usize, c: usize| if n_rows < *n_cols { columns[r][c] } else { columns[c][r] };
        Ok((0..n_rows)
            .flat_map(|r| (0..*n_cols).map(move |c| (r, c)))
            .map(|(r, c)| self.gain * at(r, c))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shorter_side_is_orthonormal() {
        for shape in [[3usize, 7], [7, 3], [4, 4]] {
            let m =
                Orthogonal { seed: None, gain: 2.0 }.values(&shape, &mut Draw::new(1, 0)).unwrap();
            let row = |i: usize| -> Vec<f64> {
                if shape[0] <= shape[1] {
                    m[i * shape[1]..(i + 1) * shape[1]].to_vec()
                } else {
                    (0..shape[0]).map(|r| m[r * shape[1] + i]).collect()
                }
            };
            let n = shape[0].min(shape[1]);
            for i in 0..n {
                for j in 0..n {
                    let dot: f64 = row(i).iter().zip(row(j)).map(|(a, b)| a * b).sum();
                    assert!(
                        (dot - if i == j { 4.0 } else { 0.0 }).abs() < 1e-12,
                        "{shape:?} {i} {j}: {dot}"
                    );
                }
            }
        }
    }
}
