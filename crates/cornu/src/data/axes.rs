//! Axes and positions in words: (sample, timestep, feature).

/// `[3, 2]` as `(3, 2)`, `[3]` as `(3,)`.
pub(crate) fn shape_text(shape: &[usize]) -> String {
    match shape {
        [only] => format!("({only},)"),
        _ => format!("({})", shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
    }
}

/// The place of the `flat`-th value (C order) of an array: `sample 3, timestep 2, feature 0`.
pub(crate) fn position_text(flat: usize, shape: &[usize]) -> String {
    let mut index = vec![0; shape.len()];
    let mut rest = flat;
    for axis in (0..shape.len()).rev() {
        let n = shape[axis].max(1);
        index[axis] = rest % n;
        rest /= n;
    }
    let mut words = Vec::with_capacity(index.len());
    for (axis, i) in index.iter().enumerate() {
        words.push(match (shape.len(), axis) {
            (_, 0) => format!("sample {i}"),
            (2, 1) | (3, 2) => format!("feature {i}"),
            (3, 1) => format!("timestep {i}"),
            _ => format!("index {i} of axis {axis}"),
        });
    }
    if words.is_empty() { "the only value".to_owned() } else { words.join(", ") }
}

/// The place of the `flat`-th value of ragged values (N, F…): the series, its timestep, the
/// feature.
pub(crate) fn ragged_position_text(flat: usize, shape: &[usize], offsets: &[usize]) -> String {
    let width: usize = shape[1..].iter().product::<usize>().max(1);
    let row = flat / width;
    let sample = offsets.partition_point(|&o| o <= row).saturating_sub(1);
    let timestep = row - offsets[sample];
    let mut words = format!("sample {sample}, timestep {timestep}");
    if shape.len() > 1 {
        words.push_str(&format!(", feature {}", flat % width));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_name_their_axes() {
        assert_eq!(position_text(17, &[2, 3, 4]), "sample 1, timestep 1, feature 1");
        assert_eq!(position_text(5, &[2, 3]), "sample 1, feature 2");
        assert_eq!(position_text(1, &[2]), "sample 1");
        assert_eq!(position_text(0, &[]), "the only value");
        assert_eq!(
            ragged_position_text(7, &[5, 2], &[0, 3, 3, 5]),
            "sample 2, timestep 0, feature 1"
        );
        assert_eq!(ragged_position_text(2, &[5], &[0, 3, 3, 5]), "sample 0, timestep 2");
    }

    #[test]
    fn shapes_read_as_tuples() {
        assert_eq!(shape_text(&[]), "()");
        assert_eq!(shape_text(&[4]), "(4,)");
        assert_eq!(shape_text(&[4, 2]), "(4, 2)");
    }
}
