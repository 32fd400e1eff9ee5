//! `.npy`, numpy's array file: header and body, every type but objects.
//!
//! Source: `numpy/lib/format.py` of numpy 2 (format versions 1.0, 2.0, 3.0).

use super::array::{Array, filled};
use super::axes::shape_text;
use super::error::{DataError, Result};
use super::loaded::{Loaded, ReadOptions};
use super::source::Data;
use ndarray::{ArrayD, IxDyn, ShapeBuilder};
use std::path::Path;

const MAGIC: &[u8] = b"\x93NUMPY";
/// Numpy leaves room for the first axis to grow to this many digits.
const GROWTH_DIGITS: usize = 21;
const ALIGNMENT: usize = 64;
/// Far above any header numpy writes for a plain array.
const MAX_HEADER_BYTES: usize = 1 << 16;

/// The type of the values as the header names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Descr {
    kind: u8,
    item_bytes: usize,
    big_endian: bool,
}

/// What the header says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Header {
    descr: Descr,
    fortran_order: bool,
    shape: Vec<usize>,
    /// Where the body begins.
    pub(crate) start: usize,
    /// How long the body is, from the shape alone: to be held against the bytes that are there.
    pub(crate) body_bytes: usize,
}

fn invalid(rule: impl Into<String>, received: impl Into<String>) -> DataError {
    DataError::invalid("npy", rule, received)
}

/// The number of bytes before the body, once at least 12 bytes are known.
pub(crate) fn header_bytes(head: &[u8]) -> Result<usize> {
    if head.len() < 10 || &head[..6] != MAGIC {
        return Err(invalid(
            "the file must begin as numpy.save writes it.",
            format!("{} bytes of another kind", head.len()),
        ));
    }
    let (start, length) = match head[6] {
        1 => (10, u16::from_le_bytes([head[8], head[9]]) as usize),
        2 | 3 if head.len() >= 12 => {
            (12, u32::from_le_bytes([head[8], head[9], head[10], head[11]]) as usize)
        }
        2 | 3 => return Err(invalid("the header must be complete.", "a file cut short")),
        v => return Err(invalid("the format version must be 1, 2 or 3.", v.to_string())),
    };
    if length > MAX_HEADER_BYTES {
        return Err(invalid(
            format!("the header must be at most {MAX_HEADER_BYTES} bytes."),
            length.to_string(),
        ));
    }
    Ok(start + length)
}

impl Header {
    /// Reads the header at the head of `bytes`.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Header> {
        let start = header_bytes(bytes)?;
        let first = if bytes[6] == 1 { 10 } else { 12 };
        let Some(text) = bytes.get(first..start) else {
            return Err(invalid("the header must be complete.", "a file cut short"));
        };
        let text = String::from_utf8_lossy(text);
        let value = |key: &str| -> Result<&str> {
            [format!("'{key}':"), format!("\"{key}\":")]
                .iter()
                .find_map(|k| text.find(k.as_str()).map(|at| text[at + k.len()..].trim_start()))
                .ok_or_else(|| {
                    invalid(format!("the header must hold `{key}`."), text.trim().to_owned())
                })
        };
        let descr = Descr::parse(value("descr")?)?;
        let order = value("fortran_order")?;
        let fortran_order = match () {
            () if order.starts_with("True") => true,
            () if order.starts_with("False") => false,
            () => {
                return Err(invalid(
                    "`fortran_order` must be True or False.",
                    text.trim().to_owned(),
                ));
            }
        };
        let shape = parse_shape(value("shape")?)?;
        // Axes of length 0 count as 1, so that no product of the others can wrap behind them.
        let n_bytes = shape.iter().try_fold(descr.item_bytes, |n, &d| n.checked_mul(d.max(1)));
        let Some(n_bytes) = n_bytes.filter(|&n| n <= isize::MAX as usize) else {
            return Err(invalid("the shape must be one that memory can hold.", shape_text(&shape)));
        };
        let body_bytes = if shape.contains(&0) { 0 } else { n_bytes };
        Ok(Header { descr, fortran_order, shape, start, body_bytes })
    }

    /// The array, from exactly the bytes of its body.
    pub(crate) fn decode(&self, body: &[u8]) -> Result<Array> {
        let Descr { kind, item_bytes, big_endian } = self.descr;
        macro_rules! numbers {
            ($ty:ty) => {{
                const N: usize = size_of::<$ty>();
                let items = body.chunks_exact(N).map(|c| {
                    let mut item = [0u8; N];
                    item.copy_from_slice(c);
                    if big_endian { <$ty>::from_be_bytes(item) } else { <$ty>::from_le_bytes(item) }
                });
                items
            }};
        }
        Ok(match (kind, item_bytes) {
            (b'b', 1) => Array::Bool(self.shaped(body.iter().map(|&b| b != 0).collect())),
            #[cfg(not(feature = "float16"))]
            (b'f', 2) => {
                let rule = "float16 is read by builds of cornu with the feature `float16`.";
                return Err(DataError::unsupported("npy", rule, "a build without it"));
            }
            #[cfg(feature = "float16")]
            (b'f', 2) => Array::F32(
                self.shaped(numbers!(u16).map(|b| half::f16::from_bits(b).to_f32()).collect()),
            ),
            (b'f', 4) => Array::F32(self.shaped(numbers!(f32).collect())),
            (b'f', 8) => Array::F64(self.shaped(numbers!(f64).collect())),
            (b'i', 1) => {
                Array::I32(self.shaped(body.iter().map(|&b| i32::from(b as i8)).collect()))
            }
            (b'i', 2) => Array::I32(self.shaped(numbers!(i16).map(i32::from).collect())),
            (b'i', 4) => Array::I32(self.shaped(numbers!(i32).collect())),
            (b'i', 8) => Array::I64(self.shaped(numbers!(i64).collect())),
            (b'u', 1) => Array::I32(self.shaped(body.iter().map(|&b| i32::from(b)).collect())),
            (b'u', 2) => Array::I32(self.shaped(numbers!(u16).map(i32::from).collect())),
            (b'u', 4) => Array::I64(self.shaped(numbers!(u32).map(i64::from).collect())),
            (b'u', 8) => {
                let values: std::result::Result<Vec<i64>, u64> =
                    numbers!(u64).map(|v| i64::try_from(v).map_err(|_| v)).collect();
                let rule = "uint64 values must be below 2^63, for they are held as int64.";
                Array::I64(self.shaped(values.map_err(|v| invalid(rule, v.to_string()))?))
            }
            (b'S', n) => {
                let texts: Vec<String> = body
                    .chunks_exact(n)
                    .map(|c| String::from_utf8_lossy(until_nul(c)).into_owned())
                    .collect();
                Array::Str(self.shaped(texts))
            }
            (b'U', n) => {
                let text = |item: &[u8]| -> Result<String> {
                    let chars = item.chunks_exact(4).map(|c| {
                        let code = [c[0], c[1], c[2], c[3]];
                        if big_endian { u32::from_be_bytes(code) } else { u32::from_le_bytes(code) }
                    });
                    let mut codes: Vec<u32> = chars.collect();
                    while codes.last() == Some(&0) {
                        codes.pop();
                    }
                    codes
                        .into_iter()
                        .map(|code| {
                            char::from_u32(code).ok_or_else(|| {
                                invalid("text must be Unicode.", format!("{code:#x}"))
                            })
                        })
                        .collect()
                };
                Array::Str(self.shaped(body.chunks_exact(n).map(text).collect::<Result<Vec<_>>>()?))
            }
            _ => return Err(self.descr.refused()),
        })
    }

    fn shaped<T: Clone>(&self, values: Vec<T>) -> ArrayD<T> {
        if !self.fortran_order {
            return filled(&self.shape, values);
        }
        let columns_first = ArrayD::from_shape_vec(IxDyn(&self.shape).f(), values)
            .expect("the body has the shape's size");
        columns_first.as_standard_layout().into_owned()
    }
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
    &bytes[..end]
}

impl Descr {
    fn parse(value: &str) -> Result<Descr> {
        let quote = value.chars().next().filter(|c| matches!(c, '\'' | '"'));
        let Some(name) = quote.and_then(|q| value[1..].split_once(q)).map(|(name, _)| name) else {
            let rule =
                "records (structured dtypes) are not read; save each field as an array of its own.";
            return Err(invalid(rule, value.chars().take(60).collect::<String>()));
        };
        let unknown =
            || invalid("the dtype must be float, int, uint, bool or text.", format!("`{name}`"));
        let (order, rest) = match name.as_bytes() {
            [order @ (b'<' | b'>' | b'|' | b'='), rest @ ..] => (*order, rest),
            rest => (b'|', rest),
        };
        let (&kind, digits) = rest.split_first().ok_or_else(unknown)?;
        let digits = std::str::from_utf8(digits).map_err(|_| unknown())?;
        if kind == b'O' {
            return Err(Descr { kind, item_bytes: 8, big_endian: false }.refused());
        }
        let count: usize = digits.parse().map_err(|_| unknown())?;
        let item_bytes =
            if kind == b'U' { count.checked_mul(4).ok_or_else(unknown)? } else { count };
        let descr = Descr { kind, item_bytes, big_endian: order == b'>' };
        let known = matches!(
            (kind, item_bytes),
            (b'b', 1) | (b'f', 2 | 4 | 8) | (b'i' | b'u', 1 | 2 | 4 | 8) | (b'S' | b'U', 1..)
        );
        if known { Ok(descr) } else { Err(descr.refused()) }
    }

    fn refused(self) -> DataError {
        let (what, cure) = match self.kind {
            b'O' => (
                "object arrays hold pickled Python objects, which are never loaded",
                "save numbers or fixed-width text; series of unequal length as .npz with `values` \
                    and `offsets`",
            ),
            b'c' => {
                ("complex numbers are not read", "save real and imaginary part as two features")
            }
            b'M' | b'm' => (
                "dates and durations are not read",
                "save them as numbers, such as days since the first",
            ),
            b'f' => ("extended floats are not read", "save with .astype(\"float64\")"),
            _ => ("this dtype is not read", "save as float32, float64, int32, int64, bool or text"),
        };
        invalid(
            format!("{what}; {cure}."),
            format!("dtype {}{}", self.kind as char, self.item_bytes),
        )
    }
}

fn parse_shape(value: &str) -> Result<Vec<usize>> {
    let wrong = || {
        invalid(
            "`shape` must be a tuple of whole numbers.",
            value.chars().take(60).collect::<String>(),
        )
    };
    let inner = value.strip_prefix('(').and_then(|v| v.split_once(')')).ok_or_else(wrong)?.0;
    let fields = inner.split(',').map(|f| f.trim().trim_end_matches('L')).filter(|f| !f.is_empty());
    let shape: Vec<usize> =
        fields.map(|f| f.parse().map_err(|_| wrong())).collect::<Result<_>>()?;
    if shape.len() > 32 {
        return Err(wrong());
    }
    Ok(shape)
}

/// Decodes the bytes of a `.npy` file.
///
/// # Errors
/// A header that numpy would not write, more values than the file has bytes for, an unsupported
/// dtype.
pub fn decode(bytes: &[u8]) -> Result<Array> {
    let header = Header::parse(bytes)?;
    let present = bytes.len() - header.start;
    if present < header.body_bytes {
        let rule = format!(
            "shape {} needs {} bytes of values; the file is cut short or forged.",
            shape_text(&header.shape),
            header.body_bytes
        );
        return Err(invalid(rule, format!("{present} bytes")));
    }
    header.decode(&bytes[header.start..header.start + header.body_bytes])
}

/// Encodes an array as a `.npy` file: little endian, C order, the same bytes as `numpy.save`.
///
/// ```
/// use cornu::data::{Array, npy};
/// let a = Array::from(ndarray::array![[1.0f32, 2.0], [3.0, 4.0]]);
/// let bytes = npy::encode(&a);
/// assert_eq!(bytes.len(), 128 + 16);
/// assert_eq!(npy::decode(&bytes)?, a);
/// # Ok::<(), cornu::data::DataError>(())
/// ```
pub fn encode(array: &Array) -> Vec<u8> {
    let longest = match array {
        Array::Str(a) => a.iter().map(|s| s.chars().count()).max().unwrap_or(0).max(1),
        _ => 0,
    };
    let descr = match array {
        Array::F32(_) => "<f4".to_owned(),
        Array::F64(_) => "<f8".to_owned(),
        Array::I32(_) => "<i4".to_owned(),
        Array::I64(_) => "<i8".to_owned(),
        Array::Bool(_) => "|b1".to_owned(),
        Array::Str(_) => format!("<U{longest}"),
    };
    let shape = array.shape();
    let mut header =
        format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {}, }}", shape_text(shape));
    if let Some(first) = shape.first() {
        header.extend(std::iter::repeat_n(
            ' ',
            GROWTH_DIGITS.saturating_sub(first.to_string().len()),
        ));
    }
    // Version 1.0 suffices: 32 axes of 20 digits stay far below 65,535 bytes.
    let head = MAGIC.len() + 4;
    let padding = ALIGNMENT - (head + header.len() + 1) % ALIGNMENT;
    header.extend(std::iter::repeat_n(' ', padding));
    header.push('\n');
    let mut bytes = Vec::with_capacity(head + header.len() + array.len() * 8);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&[1, 0]);
    bytes.extend_from_slice(&(header.len() as u16).to_le_bytes());
    bytes.extend_from_slice(header.as_bytes());
    match array {
        Array::F32(a) => a.iter().for_each(|v| bytes.extend_from_slice(&v.to_le_bytes())),
        Array::F64(a) => a.iter().for_each(|v| bytes.extend_from_slice(&v.to_le_bytes())),
        Array::I32(a) => a.iter().for_each(|v| bytes.extend_from_slice(&v.to_le_bytes())),
        Array::I64(a) => a.iter().for_each(|v| bytes.extend_from_slice(&v.to_le_bytes())),
        Array::Bool(a) => a.iter().for_each(|&v| bytes.push(u8::from(v))),
        Array::Str(a) => {
            for text in a {
                let mut rest = longest;
                for c in text.chars() {
                    bytes.extend_from_slice(&u32::from(c).to_le_bytes());
                    rest -= 1;
                }
                bytes.extend(std::iter::repeat_n(0, rest * 4));
            }
        }
    }
    bytes
}

pub(crate) fn read(path: &Path, _options: &ReadOptions) -> Result<Loaded> {
    let bytes = std::fs::read(path).map_err(|e| DataError::io(path, "read", &e))?;
    if bytes.is_empty() {
        return Err(invalid("the file must hold an array.", "an empty file"));
    }
    let array = decode(&bytes)?;
    array.need_samples("npy")?;
    Ok(Loaded { inputs: vec![("x".to_owned(), Data::Dense(array))], ..Loaded::default() })
}

pub(crate) fn write(parts: &[(String, Data)]) -> Result<Vec<u8>> {
    match parts {
        [(_, Data::Dense(array))] => Ok(encode(array)),
        [(name, Data::Ragged(_))] => {
            let rule = "an .npy holds a rectangle; write series of unequal length as .npz, .jsonl \
                or .csv.";
            Err(invalid(rule, format!("ragged `{name}`")))
        }
        _ => Err(invalid(
            "an .npy holds one array; write several as .npz, or each to its own file.",
            parts.len().to_string(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn file(header: &str, body: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend_from_slice(&(header.len() as u16).to_le_bytes());
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(body);
        bytes
    }

    fn error(header: &str, body: &[u8]) -> String {
        decode(&file(header, body)).unwrap_err().to_string()
    }

    #[test]
    fn fortran_order_and_big_endian() {
        let body: Vec<u8> = [1i16, 2, 3, 4, 5, 6].iter().flat_map(|v| v.to_be_bytes()).collect();
        let got =
            decode(&file("{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3), }", &body))
                .unwrap();
        assert_eq!(got, Array::from(array![[1i32, 3, 5], [2, 4, 6]]));
    }

    #[test]
    fn half_floats_and_small_integers_widen() {
        let got = decode(&file(
            "{'descr': '<f2', 'fortran_order': False, 'shape': (2,), }",
            &[0, 0x3c, 0, 0xc0],
        ))
        .unwrap();
        assert_eq!(got, Array::from([1.0f32, -2.0]));
        let got =
            decode(&file("{'descr': '|i1', 'fortran_order': False, 'shape': (2,), }", &[255, 1]))
                .unwrap();
        assert_eq!(got, Array::from([-1i32, 1]));
        assert!(
            error("{'descr': '<u8', 'fortran_order': False, 'shape': (1,), }", &[255; 8])
                .contains("2^63")
        );
    }

    #[test]
    fn text_of_both_kinds() {
        let got =
            decode(&file("{'descr': '|S3', 'fortran_order': False, 'shape': (2,), }", b"ab\0cde"))
                .unwrap();
        assert_eq!(got, Array::from(["ab", "cde"]));
        let texts = Array::from(array![["é", ""], ["xyz", "ß"]]);
        assert_eq!(decode(&encode(&texts)).unwrap(), texts);
    }

    #[test]
    fn forged_shapes_allocate_nothing() {
        let forged = "{'descr': '<f8', 'fortran_order': False, 'shape': (20000000000,), }";
        assert!(error(forged, &[0; 8]).contains("needs 160000000000 bytes"));
        let wrapping =
            "{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904, 8), }";
        assert!(error(wrapping, &[]).contains("memory can hold"));
        let wide = "{'descr': '<U4611686018427387904', 'fortran_order': False, 'shape': (1,), }";
        assert!(error(wide, &[]).contains("dtype"));
        assert!(
            error("{'descr': '<U0', 'fortran_order': False, 'shape': (99999999999999,), }", &[])
                .contains("dtype U0")
        );
        assert!(
            error(
                "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4611686018427387904, 8), }",
                &[]
            )
            .contains("memory")
        );
        assert_eq!(
            decode(&file("{'descr': '<f4', 'fortran_order': True, 'shape': (0, 3), }", &[]))
                .unwrap()
                .shape(),
            [0, 3]
        );
    }

    #[test]
    fn what_has_no_meaning_is_refused_by_name() {
        let e = error("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", &[0; 8]);
        assert!(e.contains("pickled") && e.contains("offsets"), "{e}");
        assert!(
            error("{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", &[0; 8])
                .contains("complex")
        );
        assert!(
            error("{'descr': '<M8[D]', 'fortran_order': False, 'shape': (1,), }", &[0; 8])
                .contains("`<M8[D]`")
        );
        assert!(
            error("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", &[0; 4])
                .contains("records")
        );
        assert!(
            error("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", &[0; 4])
                .contains("whole numbers")
        );
        assert!(decode(b"PK\x03\x04 other").unwrap_err().to_string().contains("numpy.save"));
        assert!(decode(b"\x93NUMPY\x02\x00\xff\xff\xff\xff").is_err());
        assert!(
            decode(b"\x93NUMPY\x01\x00\xff\x00{").unwrap_err().to_string().contains("cut short")
        );
    }

    #[test]
    fn the_header_is_numpys() {
        let bytes = encode(&Array::from(array![[1.5f32], [2.5]]));
        let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }";
        assert_eq!(&bytes[..10], b"\x93NUMPY\x01\x00\x76\x00");
        assert_eq!(bytes[10..128], *format!("{text:<117}\n").as_bytes());
        assert_eq!(bytes[128..], [0, 0, 0xc0, 0x3f, 0, 0, 0x20, 0x40]);
        assert_eq!(
            decode(&encode(&Array::from(ndarray::arr0(2i64)))).unwrap().shape(),
            [0usize; 0]
        );
    }

    #[test]
    fn every_type_comes_back() {
        for a in [
            Array::from(array![[0.1f64], [f64::MAX]]),
            Array::from([i32::MIN, 7]),
            Array::from([i64::MAX]),
            Array::from([true, false, true]),
        ] {
            assert_eq!(decode(&encode(&a)).unwrap(), a);
        }
    }
}
