//! Vectors of length 1.

use crate::Var;

/// Brought to length 1 along axes; a vector shorter than `shortest` stays shorter than 1.
pub fn unit_length_within<'g>(x: Var<'g>, axes: &[isize], shortest: f64) -> Var<'g> {
    x * x.square().sum(axes, true).rsqrt().minimum(1.0 / shortest)
}
