//! Numbers as Keras's configs hold them.

/// Writes a number as an integer where it is whole: Keras keeps counts of steps as they were given.
pub(crate) fn whole<S: serde::Serializer>(x: &f64, s: S) -> Result<S::Ok, S::Error> {
    if x.fract() == 0.0 && x.abs() < 9e15 {
        s.serialize_i64(*x as i64)
    } else {
        s.serialize_f64(*x)
    }
}
