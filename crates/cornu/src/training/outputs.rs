//! Results of programs as arrays of the public API.

use crate::data::{Array, Data};
use crate::{Error, Result};
use cornu_ir::{Buffer, Tensor};
use ndarray::{ArrayD, IxDyn};

/// Rows that stand for the samples `computed`, in the order of the samples `given`.
pub(super) fn in_order_of(given: &[u32], computed: &[u32], rows: Array) -> Result<Array> {
    if given == computed {
        return Ok(rows);
    }
    let mut places = vec![0; given.len()];
    computed
        .iter()
        .enumerate()
        .for_each(|(at, sample)| places[(sample - given[0]) as usize] = at as u32);
    Ok(rows.take(&places)?)
}

/// Sequences (B, T, …) cut at their ends.
pub(super) fn cut(rows: &Array, lengths: &Array) -> Result<Data> {
    let shape = rows.shape();
    let (b, t) = (shape[0], shape[1]);
    let lengths: Vec<usize> = lengths.to_i64()?.iter().map(|n| *n as usize).collect();
    let own: Vec<u32> =
        (0..b).flat_map(|r| (r * t..r * t + lengths[r]).map(|at| at as u32)).collect();
    let steps = rows.clone().reshape(&[&[b * t], &shape[2..]].concat())?.take(&own)?;
    let mut offsets = vec![0];
    lengths.iter().for_each(|n| offsets.push(offsets[offsets.len() - 1] + n));
    Ok(Data::Ragged(crate::data::Ragged::new(steps, offsets)?))
}

/// A tensor as an array of the public API.
pub(crate) fn to_array(t: Tensor) -> Result<Array> {
    let shape = IxDyn(&t.dims);
    let wrong = |e: ndarray::ShapeError| Error::Data(e.to_string());
    Ok(match t.data {
        Buffer::F32(v) => Array::F32(ArrayD::from_shape_vec(shape, v).map_err(wrong)?),
        Buffer::F64(v) => Array::F64(ArrayD::from_shape_vec(shape, v).map_err(wrong)?),
        Buffer::I32(v) => Array::I32(ArrayD::from_shape_vec(shape, v).map_err(wrong)?),
        Buffer::I64(v) => Array::I64(ArrayD::from_shape_vec(shape, v).map_err(wrong)?),
        Buffer::Bool(v) => Array::Bool(
            ArrayD::from_shape_vec(shape, v.into_iter().map(|b| b != 0).collect())
                .map_err(wrong)?,
        ),
    })
}
