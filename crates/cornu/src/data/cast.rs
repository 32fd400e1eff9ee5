//! From one type to another, as numpy's `astype` does where the value has a meaning there.

use super::array::Array;
use super::axes::position_text;
use super::error::{DataError, Result};
use ndarray::{ArrayD, CowArray, IxDyn};

/// Array after a cast: borrowed if it already had the type, owned otherwise.
pub type Cast<'a, T> = CowArray<'a, T, IxDyn>;

impl Array {
    /// Returns the values as `float32`, rounded to the nearest.
    ///
    /// # Errors
    /// Strings.
    pub fn to_f32(&self) -> Result<Cast<'_, f32>> {
        Ok(match self {
            Array::F32(a) => CowArray::from(a.view()),
            Array::F64(a) => a.mapv(|v| v as f32).into(),
            Array::I32(a) => a.mapv(|v| v as f32).into(),
            Array::I64(a) => a.mapv(|v| v as f32).into(),
            Array::Bool(a) => a.mapv(|v| f32::from(u8::from(v))).into(),
            Array::Str(a) => return Err(text(a, "float32")),
        })
    }

    /// Returns the values as `float64`.
    ///
    /// # Errors
    /// Strings.
    pub fn to_f64(&self) -> Result<Cast<'_, f64>> {
        Ok(match self {
            Array::F32(a) => a.mapv(f64::from).into(),
            Array::F64(a) => CowArray::from(a.view()),
            Array::I32(a) => a.mapv(f64::from).into(),
            Array::I64(a) => a.mapv(|v| v as f64).into(),
            Array::Bool(a) => a.mapv(|v| f64::from(u8::from(v))).into(),
            Array::Str(a) => return Err(text(a, "float64")),
        })
    }

    /// Returns the values as `int32`; fractions are cut off, as numpy and Keras do.
    ///
    /// # Errors
    /// Strings, NaN, and what int32 cannot hold, with the position.
    ///
    /// ```
    /// use cornu::data::Array;
    /// assert_eq!(Array::from([2.9f32, -1.5]).to_i32()?.as_slice().unwrap(), [2, -1]);
    /// let e = Array::from(ndarray::array![[0.0f32, f32::NAN]]).to_i32().unwrap_err();
    /// assert_eq!(
    ///     e.to_string(),
    ///     "cast to int32: ids and labels must be numbers of that range. \
    ///      Received: NaN at sample 0, feature 1."
    /// );
    /// # Ok::<(), cornu::data::DataError>(())
    /// ```
    pub fn to_i32(&self) -> Result<Cast<'_, i32>> {
        const RANGE: (f64, f64) = (-2_147_483_649.0, 2_147_483_648.0);
        Ok(match self {
            Array::F32(a) => whole(a, RANGE, "int32")?.mapv(|v| v as i32).into(),
            Array::F64(a) => whole(a, RANGE, "int32")?.mapv(|v| v as i32).into(),
            Array::I32(a) => CowArray::from(a.view()),
            Array::I64(a) => match a.iter().position(|&v| i32::try_from(v).is_err()) {
                Some(at) => return Err(misfit(a.iter().nth(at), at, a.shape(), "int32")),
                None => a.mapv(|v| v as i32).into(),
            },
            Array::Bool(a) => a.mapv(i32::from).into(),
            Array::Str(a) => return Err(text(a, "int32")),
        })
    }

    /// Returns the values as `int64`; fractions are cut off, as numpy and Keras do.
    ///
    /// # Errors
    /// Strings, NaN, and what int64 cannot hold, with the position.
    pub fn to_i64(&self) -> Result<Cast<'_, i64>> {
        // The largest f64 below -2^63 is -2^63 - 2048, so -2^63 itself must be let through.
        const RANGE: (f64, f64) = (-9_223_372_036_854_777_856.0, 9_223_372_036_854_775_808.0);
        Ok(match self {
            Array::F32(a) => whole(a, RANGE, "int64")?.mapv(|v| v as i64).into(),
            Array::F64(a) => whole(a, RANGE, "int64")?.mapv(|v| v as i64).into(),
            Array::I32(a) => a.mapv(i64::from).into(),
            Array::I64(a) => CowArray::from(a.view()),
            Array::Bool(a) => a.mapv(i64::from).into(),
            Array::Str(a) => return Err(text(a, "int64")),
        })
    }

    /// Returns true for each value other than 0; NaN counts as true.
    ///
    /// # Errors
    /// Strings.
    pub fn to_bool(&self) -> Result<Cast<'_, bool>> {
        Ok(match self {
            Array::F32(a) => a.mapv(|v| v != 0.0).into(),
            Array::F64(a) => a.mapv(|v| v != 0.0).into(),
            Array::I32(a) => a.mapv(|v| v != 0).into(),
            Array::I64(a) => a.mapv(|v| v != 0).into(),
            Array::Bool(a) => CowArray::from(a.view()),
            Array::Str(a) => return Err(text(a, "bool")),
        })
    }

    /// Returns the values in another type, by Keras's name.
    ///
    /// Half precision becomes `float32`, integers up to 16 bits become `int32`, wider ones `int64`.
    ///
    /// # Errors
    /// An unknown name; values that the type cannot hold.
    pub fn cast(&self, dtype: &str) -> Result<Array> {
        Ok(match dtype {
            "float32" | "float16" | "bfloat16" => Array::F32(self.to_f32()?.into_owned()),
            "float64" => Array::F64(self.to_f64()?.into_owned()),
            "int8" | "int16" | "int32" | "uint8" | "uint16" => {
                Array::I32(self.to_i32()?.into_owned())
            }
            "int64" | "uint32" | "uint64" => Array::I64(self.to_i64()?.into_owned()),
            "bool" => Array::Bool(self.to_bool()?.into_owned()),
            "string" if matches!(self, Array::Str(_)) => self.clone(),
            "string" => {
                let rule = "text cannot be made from numbers here; give strings.";
                return Err(DataError::invalid("cast to string", rule, self.dtype()));
            }
            other => {
                let rule = "dtype must be float16, bfloat16, float32, float64, (u)int8 to \
                    (u)int64, bool or string.";
                return Err(DataError::invalid("cast", rule, format!("`{other}`")));
            }
        })
    }
}

fn text(a: &ArrayD<String>, dtype: &str) -> DataError {
    let received = match a.iter().next() {
        Some(first) => format!("strings, the first \"{first}\""),
        None => "strings".to_owned(),
    };
    let rule = "text has no value as a number; put a TextVectorization or StringLookup layer \
        before, or encode it.";
    DataError::invalid(format!("cast to {dtype}"), rule, received)
}

fn misfit<T: std::fmt::Display>(
    value: Option<T>,
    at: usize,
    shape: &[usize],
    dtype: &str,
) -> DataError {
    let value = value.map(|v| v.to_string()).unwrap_or_default();
    let received = format!("{value} at {}", position_text(at, shape));
    DataError::invalid(
        format!("cast to {dtype}"),
        "ids and labels must be numbers of that range.",
        received,
    )
}

/// The same floats, once all are known to lie strictly between the bounds.
fn whole<'a, T: Copy + Into<f64> + std::fmt::Display>(
    a: &'a ArrayD<T>,
    (low, high): (f64, f64),
    dtype: &str,
) -> Result<&'a ArrayD<T>> {
    let fits = |v: T| {
        let v: f64 = v.into();
        v > low && v < high
    };
    match a.iter().position(|&v| !fits(v)) {
        Some(at) => Err(misfit(a.iter().nth(at), at, a.shape(), dtype)),
        None => Ok(a),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn floats_are_cut_towards_zero() {
        let a = Array::from(array![-1.9f64, -0.0, 0.99, 3.0]);
        assert_eq!(a.to_i32().unwrap().as_slice().unwrap(), [-1, 0, 0, 3]);
        assert_eq!(a.to_i64().unwrap().as_slice().unwrap(), [-1, 0, 0, 3]);
    }

    #[test]
    fn the_ends_of_the_ranges() {
        let ends = Array::from(array![i32::MIN as f64, i32::MAX as f64]);
        assert_eq!(ends.to_i32().unwrap().as_slice().unwrap(), [i32::MIN, i32::MAX]);
        for bad in [2_147_483_648.0, -2_147_483_649.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
            assert!(Array::from(array![0.0, bad]).to_i32().is_err(), "{bad}");
        }
        assert_eq!(Array::from(array![i64::MIN as f64]).to_i64().unwrap()[[0]], i64::MIN);
        assert!(Array::from(array![i64::MAX as f64]).to_i64().is_err());
        let e = Array::from(array![[1i64, 1 << 40]]).to_i32().unwrap_err().to_string();
        assert!(e.contains("1099511627776 at sample 0, feature 1"), "{e}");
    }

    #[test]
    fn a_right_type_is_borrowed() {
        let a = Array::from(array![1.0f32]);
        assert!(a.to_f32().unwrap().is_view());
        assert!(!a.to_f64().unwrap().is_view());
    }

    #[test]
    fn bools_are_zero_and_one_and_back() {
        let a = Array::from([true, false]);
        assert_eq!(a.to_f32().unwrap().as_slice().unwrap(), [1.0, 0.0]);
        assert_eq!(
            Array::from([0.5f64, 0.0, f64::NAN]).to_bool().unwrap().as_slice().unwrap(),
            [true, false, true]
        );
    }

    #[test]
    fn names_are_kerass() {
        let a = Array::from([1i64, 2]);
        assert_eq!(a.cast("uint8").unwrap().dtype(), "int32");
        assert_eq!(a.cast("bfloat16").unwrap().dtype(), "float32");
        assert!(a.cast("string").is_err());
        assert!(a.cast("f32").unwrap_err().to_string().contains("`f32`"));
        let e = Array::from(["hello"]).cast("float32").unwrap_err().to_string();
        assert!(e.contains("TextVectorization") && e.contains("\"hello\""), "{e}");
    }
}
