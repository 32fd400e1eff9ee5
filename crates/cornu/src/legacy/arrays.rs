//! Arrays of weights as Keras 3 holds them.
//!
//! Source: `preprocess_weights_for_loading` of keras/engine/saving.py, Keras 2.2.4, and of
//! keras/src/saving/legacy/hdf5_format.py, Keras 2.15: what a file holds is told by its shapes.

use super::origin::Origin;
use crate::saving::{Array, NamedArrays};
use crate::{Error, Result};
use ndarray::{ArrayD, Axis, IxDyn, concatenate};

/// A weight of a layer that takes an array of a file.
pub(crate) struct Wanted<'a> {
    /// Keras's class of the layer, the innermost one.
    pub(crate) class: &'a str,
    /// Keras's name of the weight.
    pub(crate) name: &'a str,
    /// Its shape.
    pub(crate) shape: &'a [usize],
}

/// Gates of a recurrent layer, in the order of its arrays in Keras 1; `None` for other layers.
///
/// Keras 1 wrote an LSTM's gates as i, c, f, o.
fn gates(class: &str) -> Option<&'static [usize]> {
    match class {
        "LSTM" | "LSTMCell" => Some(&[0, 2, 1, 3]),
        "GRU" | "GRUCell" => Some(&[0, 1, 2]),
        _ => None,
    }
}

/// For each weight the array that it takes, with the name that the file lists it by.
///
/// # Errors
/// More or fewer arrays than the weights take.
pub(crate) fn converted(
    origin: &Origin,
    layer: &str,
    wanted: &[Wanted<'_>],
    arrays: &NamedArrays,
) -> Result<NamedArrays> {
    let count = || {
        Error::Config(format!(
            "weights: layer `{layer}` has {} weights, the file {}",
            wanted.len(),
            arrays.len()
        ))
    };
    let mut rest = arrays.as_slice();
    let mut found = Vec::with_capacity(wanted.len());
    while let Some(first) = wanted.get(found.len()) {
        let ahead = &wanted[found.len()..];
        let has_bias = ahead.get(2).is_some_and(|w| w.name == "bias" && w.class == first.class);
        let n = 2 + usize::from(has_bias);
        let order = gates(first.class).filter(|_| first.name == "kernel" && ahead.len() >= n);
        let Some(order) = order else {
            let ((name, array), others) = rest.split_first().ok_or_else(count)?;
            rest = others;
            found.push((name.clone(), convolution(origin, first, array)?));
            continue;
        };
        let by_gate = origin.is_keras_1()
            && rest.first().is_some_and(|(_, a)| a.shape().last() != first.shape.last());
        let n_arrays = if by_gate { n * order.len() } else { n };
        let (own, others) = rest.split_at_checked(n_arrays).ok_or_else(count)?;
        rest = others;
        found.extend(if by_gate { joined(own, n, order)? } else { recurrent(own, order.len())? });
    }
    if rest.is_empty() { Ok(found) } else { Err(count()) }
}

fn values(array: &Array) -> Result<ArrayD<f64>> {
    let values = ArrayD::from_shape_vec(IxDyn(array.shape()), array.to_f64()?);
    Ok(values.expect("an array has as many values as its shape says"))
}

fn to_array(values: &ArrayD<f64>) -> Result<Array> {
    let flat: Vec<f64> = values.iter().copied().collect();
    Ok(Array::from_f64(values.shape(), &flat)?)
}

/// Joins the arrays of the gates of Keras 1: kernels, recurrent kernels, biases.
fn joined(own: &[(String, Array)], n: usize, order: &[usize]) -> Result<NamedArrays> {
    let part = |kind: usize| {
        let gates = order.iter().map(|gate| values(&own[gate * n + kind].1));
        let gates = gates.collect::<Result<Vec<_>>>()?;
        let views: Vec<_> = gates.iter().map(|g| g.view()).collect();
        let axis = gates[0].ndim().saturating_sub(1);
        let whole = concatenate(Axis(axis), &views).map_err(|e| {
            Error::Config(format!("weights: the gates from `{}` on: {e}", own[0].0))
        })?;
        Ok((own[kind].0.clone(), to_array(&whole)?))
    };
    (0..n).map(part).collect()
}

/// The arrays of a recurrent layer; those of NVIDIA's library are told by the length of the bias,
/// which holds two for each gate.
fn recurrent(own: &[(String, Array)], n_gates: usize) -> Result<NamedArrays> {
    let [kernel, recurrent, bias] = own else { return Ok(own.to_vec()) };
    let units = recurrent.1.shape().first().copied().unwrap_or(0);
    if *bias.1.shape() != [2 * n_gates * units] || units == 0 {
        return Ok(own.to_vec());
    }
    let by_gate = |array: &Array, turn: &dyn Fn(ArrayD<f64>) -> ArrayD<f64>| {
        let whole = values(array)?;
        if whole.ndim() != 2 || whole.shape()[1] != n_gates * units {
            let message = format!("weights: `{}` is no kernel of {units} units", kernel.0);
            return Err(Error::Config(message));
        }
        let gates: Vec<_> =
            whole.axis_chunks_iter(Axis(1), units).map(|g| turn(g.to_owned())).collect();
        let views: Vec<_> = gates.iter().map(|g| g.view()).collect();
        to_array(&concatenate(Axis(1), &views).expect("gates of one shape"))
    };
    // A gate's kernel (F, U) holds the values of its transpose (U, F), row by row, as columns.
    let turned = |gate: ArrayD<f64>| {
        let (features, units) = (gate.shape()[0], gate.shape()[1]);
        let flat: Vec<f64> = gate.iter().copied().collect();
        ArrayD::from_shape_fn(IxDyn(&[features, units]), |at| flat[at[1] * features + at[0]])
    };
    let kernels = by_gate(&kernel.1, &turned)?;
    let recurrents = by_gate(&recurrent.1, &|gate| gate.reversed_axes())?;
    let biases = values(&bias.1)?;
    let flat: Vec<f64> = biases.iter().copied().collect();
    let (input, hidden) = flat.split_at(n_gates * units);
    let bias_array = if n_gates == 4 {
        let sums: Vec<f64> = input.iter().zip(hidden).map(|(a, b)| a + b).collect();
        Array::from_f64(&[n_gates * units], &sums)?
    } else {
        Array::from_f64(&[2, n_gates * units], &flat)?
    };
    let named = [(&kernel.0, kernels), (&recurrent.0, recurrents), (&bias.0, bias_array)];
    Ok(named.into_iter().map(|(name, array)| (name.clone(), array)).collect())
}

/// The kernel of a convolution: that of Keras 1 has an axis more, Theano mirrors it.
fn convolution(origin: &Origin, wanted: &Wanted<'_>, array: &Array) -> Result<Array> {
    if wanted.class != "Conv1D" || wanted.name != "kernel" {
        return Ok(array.clone());
    }
    let of_keras_1 = origin.is_keras_1() && array.shape().len() == 4;
    if !of_keras_1 && !origin.mirrors_kernels() {
        return Ok(array.clone());
    }
    let mut kernel = values(array)?;
    if let (true, [steps, _, filters]) = (of_keras_1, wanted.shape) {
        let shape = kernel.shape();
        // Keras 1.1 kept (filters, features, steps, 1), Keras 1.2 (steps, 1, features, filters).
        if shape[..2] != [*steps, 1] || shape[3] != *filters {
            kernel = kernel.permuted_axes(IxDyn(&[2, 3, 1, 0]));
        }
        if kernel.shape()[1] == 1 {
            kernel = kernel.index_axis(Axis(1), 0).to_owned();
        }
    }
    if origin.mirrors_kernels() {
        kernel.invert_axis(Axis(0));
    }
    to_array(&kernel)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, shape: &[usize], values: &[f32]) -> (String, Array) {
        (name.into(), Array::from_f32(shape, values).unwrap())
    }

    fn kernel<'a>(class: &'a str, shape: &'a [usize]) -> Wanted<'a> {
        Wanted { class, name: "kernel", shape }
    }

    #[test]
    fn kernels_of_theano_are_mirrored() {
        let theano = Origin::of(Some("2.0.8"), Some("theano"), None);
        let arrays = vec![named("k", &[3, 1, 1], &[1.0, 2.0, 3.0])];
        let shape = [3, 1, 1];
        let found = converted(&theano, "c", &[kernel("Conv1D", &shape)], &arrays).unwrap();
        assert_eq!(found[0].1.to_f32().unwrap(), [3.0, 2.0, 1.0]);
        let dense = converted(&theano, "c", &[kernel("Dense", &shape)], &arrays).unwrap();
        assert_eq!(dense[0].1.to_f32().unwrap(), [1.0, 2.0, 3.0]);
        let tensorflow = Origin::of(Some("2.0.8"), Some("tensorflow"), None);
        let kept = converted(&tensorflow, "c", &[kernel("Conv1D", &shape)], &arrays).unwrap();
        assert_eq!(kept[0].1.to_f32().unwrap(), [1.0, 2.0, 3.0]);
    }

    #[test]
    fn gates_of_keras_1_are_joined_as_i_f_c_o() {
        let origin = Origin::of(None, None, None);
        let arrays: NamedArrays = (0..4)
            .flat_map(|gate| {
                let x = gate as f32;
                [
                    named("W", &[1, 1], &[x]),
                    named("U", &[1, 1], &[10.0 + x]),
                    named("b", &[1], &[20.0 + x]),
                ]
            })
            .collect();
        let part =
            |name: &'static str, shape: &'static [usize]| Wanted { class: "LSTM", name, shape };
        let wanted =
            [part("kernel", &[1, 4]), part("recurrent_kernel", &[1, 4]), part("bias", &[4])];
        let found = converted(&origin, "lstm", &wanted, &arrays).unwrap();
        assert_eq!(found[0].1.to_f32().unwrap(), [0.0, 2.0, 1.0, 3.0]);
        assert_eq!(found[2].1.to_f32().unwrap(), [20.0, 22.0, 21.0, 23.0]);
        assert!(converted(&origin, "lstm", &wanted, &arrays[..11].to_vec()).is_err());
    }
}
