//! Product of two inputs, summed over an axis of each.

use crate::config::setters;
use crate::constraints::Axes;
use crate::lowering::{Call, Cx, Flow, Layer, Sample, SampleInput, WeightTree, Weights};
use crate::{Error, Result};
use cornu_ir::composites::unit_length_within;
use cornu_ir::spec::product;
use cornu_ir::{Spec, Var};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Product of two inputs, sample by sample, summed over an axis of each.
///
/// # Shapes
/// x₁ (B, …, D, …) and x₂ (B, …, D, …), y (B, other axes of x₁, other axes of x₂), or (B, 1) if
/// there are no others.
///
/// # Source
/// keras/src/layers/merging/dot.py, Keras 3.15.1.
///
/// ```
/// use cornu::data::Array;
/// use cornu::{Dot, LayerRef};
/// use ndarray::arr2;
/// let (a, b) = (arr2(&[[1.0f32, 2.0]]), arr2(&[[3.0f32, 5.0]]));
/// let y = LayerRef::new(Dot::new(1)).apply_all(&[a.into(), b.into()])?;
/// assert_eq!(y[0], Array::from(arr2(&[[13.0f32]]))); // 1 · 3 + 2 · 5
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Dot {
    /// Axis over which the product is summed: one for both inputs, or one for each.
    pub axes: Axes,
    /// True to scale both inputs to length 1 along their axis first, which gives their cosine
    /// similarity.
    pub normalize: bool,
}

impl Default for Dot {
    fn default() -> Self {
        Self { axes: Axes::One(-1), normalize: false }
    }
}

impl Dot {
    /// Returns a product summed over the same axis of both inputs.
    pub fn new(axis: isize) -> Self {
        Self { axes: Axes::One(axis), ..Self::default() }
    }

    /// Returns a product summed over an axis of each input.
    pub fn over(first: isize, second: isize) -> Self {
        Self { axes: Axes::Many(vec![first, second]), ..Self::default() }
    }

    /// Sets whether both inputs are scaled to length 1 along their axis first.
    pub fn normalize(mut self, on: bool) -> Self {
        self.normalize = on;
        self
    }

    fn axes_for(&self, specs: &[Spec]) -> Result<[usize; 2]> {
        let [a, b] = specs else { return Err(Error::shapes("expected exactly two inputs", specs)) };
        if a.rank() < 2 || b.rank() < 2 {
            return Err(Error::shapes("expected inputs of rank 2 or more, batch first", specs));
        }
        let axes = match self.axes.list()[..] {
            [axis] => [axis, axis],
            [x, y] => [x, y],
            _ => {
                return Err(Error::argument(
                    "",
                    "axes must be one axis or two",
                    format!("{:?}", self.axes.list()),
                ));
            }
        };
        let axes = [
            cornu_ir::builder::axis_of(axes[0], a.rank()),
            cornu_ir::builder::axis_of(axes[1], b.rank()),
        ];
        if axes[0] >= a.rank() || axes[1] >= b.rank() || axes.contains(&0) {
            return Err(Error::shapes(
                format!(
                    "axes {:?} must be axes of the inputs other than the batch",
                    self.axes.list()
                ),
                specs,
            ));
        }
        if let (Some(x), Some(y)) = (a.dims[axes[0]], b.dims[axes[1]])
            && x != y
        {
            return Err(Error::shapes(
                format!(
                    "the axes summed over must have equal numbers (axis {} has {x}, axis {} has \
                        {y})",
                    axes[0], axes[1]
                ),
                specs,
            ));
        }
        Ok(axes)
    }
}

setters!(Dot {
    into axes: Axes,
});

impl Layer for Dot {
    settings!("Dot");

    fn weights(&self, call: &Call<Spec>) -> Result<WeightTree> {
        self.axes_for(&call.inputs().into_iter().cloned().collect::<Vec<_>>())?;
        Ok(WeightTree::none())
    }

    fn lower<'g>(
        &self,
        cx: &Cx<'g>,
        _: &Weights<'g>,
        call: &Call<Flow<'g>>,
    ) -> Result<Vec<Flow<'g>>> {
        let values: Vec<Var<'g>> =
            call.inputs().into_iter().map(|f| cx.to_float(f.value)).collect();
        let axes = self.axes_for(&values.iter().map(Var::spec).collect::<Vec<_>>())?;
        let unit = |i: usize| {
            if self.normalize {
                unit_length_within(values[i], &[axes[i] as isize], 1e-7)
            } else {
                values[i]
            }
        };
        let (x, y) = (unit(0), unit(1));
        let rest = |rank: usize, axis: usize| (1..rank).filter(move |&i| i != axis);
        let (order_x, order_y): (Vec<usize>, Vec<usize>) = (
            std::iter::once(0).chain(rest(x.rank(), axes[0])).chain([axes[0]]).collect(),
            [0, axes[1]].into_iter().chain(rest(y.rank(), axes[1])).collect(),
        );
        let (x, y) = (x.transpose(&order_x), y.transpose(&order_y));
        let (xd, yd) = (x.dims(), y.dims());
        let (rows, columns) = (&xd[1..xd.len() - 1], &yd[2..]);
        let x = x.reshape(&[xd[0], product(rows), xd[xd.len() - 1]]);
        let y = y.reshape(&[yd[0], yd[1], product(columns)]);
        let z = x.matmul(y);
        let mut dims = [&[z.dim(0)], rows, columns].concat();
        if dims.len() == 1 {
            dims.push(Some(1));
        }
        Ok(vec![z.reshape(&dims).into()])
    }

    fn samples() -> Vec<Sample> {
        vec![
            Sample::new(json!({"axes": 1})).on([SampleInput::sequence(), SampleInput::sequence()]),
            Sample::new(json!({"axes": -1, "normalize": true}))
                .on([SampleInput::floats([4]), SampleInput::floats([4])]),
        ]
    }
}
