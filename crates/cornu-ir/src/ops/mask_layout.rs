//! From a mask to packed rows: which row of the batch each live timestep is, and where each result
//! goes back.

use super::expect_inputs;
use crate::op::{At, Primitive, Sample};
use crate::spec::{DType, ShapeError, Spec, product};
use crate::tensor::{Tensor, View, ViewMut};
use crate::var::Var;

/// The packed layout of a masked batch. Input: mask, bool (B, T), any pattern: masked steps are
/// left out, so the state passes over them as Keras's recurrent layers let it.
///
/// Outputs, all i32: `rows` (B T), for each packed row its place `b T + t` in the batch, -1 beyond
/// the live rows; `batch_sizes` (T); `order` (B), the batch row of each sorted sequence; `places`
/// (B), the sorted place of each batch row; `last` (B T), for each `b T + t` the packed row of the
/// last live step at or before `t` in the order walked, -1 where there is none.
#[derive(Clone, Debug, PartialEq)]
pub struct MaskLayout {
    /// Each sequence is walked from its last step to its first.
    pub reverse: bool,
    /// `last` holds -1 at masked steps instead of the step before.
    pub zero_masked: bool,
}

impl Primitive for MaskLayout {
    fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
        expect_inputs("mask_layout", ins, 1)?;
        if ins[0].dtype != DType::Bool || ins[0].rank() != 2 {
            return Err(ShapeError::new(
                "mask_layout",
                "a bool mask (batch, timesteps) is needed",
                ins,
            ));
        }
        let (b, t) = (ins[0].dims[0], ins[0].dims[1]);
        let all = product(&[b, t]);
        Ok([all, t, b, b, all].map(|n| Spec::new(DType::I32, vec![n])).into())
    }

    fn vjp<'g>(&self, _: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
        vec![None]
    }

    fn eval(&self, ins: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
        let (b, t) = (ins[0].dims[0], ins[0].dims[1]);
        let mask = ins[0].get::<u8>();
        let live = |row: usize| {
            (0..t)
                .map(move |k| if self.reverse { t - 1 - k } else { k })
                .filter(move |k| mask[row * t + k] != 0)
        };
        let lengths: Vec<usize> = (0..b).map(|r| live(r).count()).collect();
        let mut order: Vec<usize> = (0..b).collect();
        order.sort_by_key(|&r| std::cmp::Reverse(lengths[r]));
        let sizes: Vec<usize> =
            (0..t).map(|k| lengths.iter().filter(|&&n| n > k).count()).collect();
        let starts: Vec<usize> =
            sizes.iter().scan(0, |at, n| Some(std::mem::replace(at, *at + n))).collect();
        if let Some(o) = &mut outs[0] {
            let o = o.get::<i32>();
            o.fill(-1);
            for (place, &r) in order.iter().enumerate() {
                live(r).enumerate().for_each(|(k, at)| o[starts[k] + place] = (r * t + at) as i32);
            }
        }
        let mut write = |i: usize, values: &mut dyn Iterator<Item = usize>| {
            if let Some(o) = &mut outs[i] {
                o.get::<i32>().iter_mut().zip(values).for_each(|(o, v)| *o = v as i32);
            }
        };
        write(1, &mut sizes.iter().copied());
        write(2, &mut order.iter().copied());
        let mut places = vec![0; b];
        order.iter().enumerate().for_each(|(place, &r)| places[r] = place);
        write(3, &mut places.iter().copied());
        if let Some(o) = &mut outs[4] {
            let o = o.get::<i32>();
            for r in 0..b {
                let (mut k, mut held) = (0, -1);
                for step in 0..t {
                    let at = r * t + if self.reverse { t - 1 - step } else { step };
                    let alive = mask[at] != 0;
                    if alive {
                        held = (starts[k] + places[r]) as i32;
                        k += 1;
                    }
                    o[at] = if alive || !self.zero_masked { held } else { -1 };
                }
            }
        }
    }

    fn samples() -> Vec<Sample<Self>> {
        let mask = Tensor::new(&[3, 4], vec![1u8, 1, 0, 0, 1, 0, 1, 1, 0, 0, 0, 0]);
        [(false, false), (true, false), (false, true)]
            .map(|(reverse, zero_masked)| {
                Sample::new(MaskLayout { reverse, zero_masked }, vec![mask.clone()])
            })
            .into()
    }

    fn n_outputs(&self) -> usize {
        5
    }
}
