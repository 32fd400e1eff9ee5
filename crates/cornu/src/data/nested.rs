//! Nested JSON lists of numbers, strings or booleans, read straight into one flat column.

use super::array::{Array, filled};
use super::axes::shape_text;
use super::error::{DataError, Result};
use super::ragged::Ragged;
use super::source::Data;
use serde::de::{DeserializeSeed, Deserializer, Error, SeqAccess, Visitor};
use std::fmt;

/// Beyond this, float64 and with it this column no longer holds every integer.
const MAX_EXACT: i64 = 1 << 53;
const MAX_DEPTH: usize = 8;

/// The values of one key over all lines, with the shape of each.
#[derive(Debug, Default)]
pub(crate) struct NestedColumn {
    numbers: Vec<f64>,
    texts: Vec<String>,
    has_float: bool,
    has_int: bool,
    has_bool: bool,
    shapes: Vec<Vec<usize>>,
    /// The line of each sample, for messages.
    lines: Vec<usize>,
}

impl NestedColumn {
    /// The number of samples so far.
    pub(crate) fn n_samples(&self) -> usize {
        self.shapes.len()
    }

    /// A seed that reads the next sample, which stands in `line`.
    pub(crate) fn next_sample(&mut self, line: usize) -> SampleSeed<'_> {
        SampleSeed { column: self, line }
    }

    /// The place of the first NaN: the line, and the index in its sample.
    fn first_missing(&self) -> Option<(usize, usize)> {
        let at = self.numbers.iter().position(|v| !v.is_finite())?;
        let mut start = 0;
        for (shape, line) in self.shapes.iter().zip(&self.lines) {
            let n: usize = shape.iter().product();
            if at < start + n {
                let timestep = if shape.len() > 1 {
                    (at - start) / shape[1..].iter().product::<usize>()
                } else {
                    at - start
                };
                return Some((*line, timestep));
            }
            start += n;
        }
        None
    }

    /// The samples as a rectangle if all have one shape, else ragged in their first axis.
    pub(crate) fn finish(mut self, who: &str, key: &str, allow_non_finite: bool) -> Result<Data> {
        let wrong = |line: usize, rule: String, received: String| {
            Err(DataError::invalid(format!("{who}, line {line}, `{key}`"), rule, received))
        };
        if !allow_non_finite && let Some((line, timestep)) = self.first_missing() {
            let rule =
                "every value must be a finite number; fill the gap or drop the series.".to_owned();
            return wrong(line, rule, format!("a missing value at timestep {timestep}"));
        }
        // An empty series says nothing about its features: it takes the shape of the others.
        let model = self.shapes.iter().find(|s| s.first() != Some(&0)).cloned();
        if let Some(model) = &model {
            for shape in
                self.shapes.iter_mut().filter(|s| s.first() == Some(&0) && !model.is_empty())
            {
                *shape = model.clone();
                shape[0] = 0;
            }
        }
        let first = self.shapes[0].clone();
        let rest = |s: &[usize]| s.get(1..).map(<[usize]>::to_vec);
        if let Some(i) =
            self.shapes.iter().position(|s| s.len() != first.len() || rest(s) != rest(&first))
        {
            let rule = format!(
                "every series must have the axes (timesteps, features) of line {}, {}, but for the \
                    timesteps.",
                self.lines[0],
                shape_text(&first)
            );
            return wrong(self.lines[i], rule, shape_text(&self.shapes[i]));
        }
        let n_rows: usize = self.shapes.iter().map(|s| s.first().copied().unwrap_or(1)).sum();
        let mut shape = vec![n_rows];
        shape.extend(first.iter().skip(1));
        let kinds = [self.has_float || self.has_int, self.has_bool, !self.texts.is_empty()];
        if kinds.iter().filter(|&&k| k).count() > 1 {
            return Err(DataError::invalid(
                format!("{who}, `{key}`"),
                "must hold numbers, strings or booleans, not a mixture.",
                "a mixture",
            ));
        }
        let values = if !self.texts.is_empty() {
            Array::Str(filled(&shape, self.texts))
        } else if self.has_bool {
            Array::Bool(filled(&shape, self.numbers.iter().map(|&v| v != 0.0).collect()))
        } else if self.has_int && !self.has_float {
            Array::I64(filled(&shape, self.numbers.iter().map(|&v| v as i64).collect()))
        } else {
            Array::F64(filled(&shape, self.numbers))
        };
        if first.is_empty() {
            return Ok(Data::Dense(values));
        }
        let mut offsets = vec![0];
        for shape in &self.shapes {
            offsets.push(offsets[offsets.len() - 1] + shape[0]);
        }
        Ok(Data::from_series(Ragged::new(values, offsets)?))
    }
}

/// Reads one sample into its column.
pub(crate) struct SampleSeed<'a> {
    column: &'a mut NestedColumn,
    line: usize,
}

impl<'de> DeserializeSeed<'de> for SampleSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> std::result::Result<(), D::Error> {
        let mut axes = Axes::default();
        deserializer.deserialize_any(Nested { column: self.column, axes: &mut axes, depth: 0 })?;
        self.column.shapes.push(axes.lengths.into_iter().map(|l| l.unwrap_or(0)).collect());
        self.column.lines.push(self.line);
        Ok(())
    }
}

/// What is known of the shape of a sample while it is read.
#[derive(Default)]
struct Axes {
    lengths: Vec<Option<usize>>,
    /// The depth at which values stand, once one was seen.
    leaf: Option<usize>,
}

struct Nested<'a> {
    column: &'a mut NestedColumn,
    axes: &'a mut Axes,
    depth: usize,
}

impl Nested<'_> {
    fn leaf<E: Error>(&mut self) -> std::result::Result<(), E> {
        if *self.axes.leaf.get_or_insert(self.depth) != self.depth {
            return Err(E::custom(
                "lists and values stand side by side; every timestep must have the same features",
            ));
        }
        Ok(())
    }

    fn number<E: Error>(mut self, value: f64) -> std::result::Result<(), E> {
        self.leaf()?;
        self.column.numbers.push(value);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Nested<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> std::result::Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Nested<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a number, a string, a boolean or nested lists of them")
    }

    fn visit_f64<E: Error>(self, value: f64) -> std::result::Result<(), E> {
        self.column.has_float = true;
        self.number(value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> std::result::Result<(), E> {
        if !(-MAX_EXACT..=MAX_EXACT).contains(&value) {
            return Err(E::custom(format!("the integer {value} is beyond 2^53; renumber the ids")));
        }
        self.column.has_int = true;
        self.number(value as f64)
    }

    fn visit_u64<E: Error>(self, value: u64) -> std::result::Result<(), E> {
        match i64::try_from(value) {
            Ok(value) => self.visit_i64(value),
            Err(_) => {
                Err(E::custom(format!("the integer {value} is beyond 2^53; renumber the ids")))
            }
        }
    }

    fn visit_bool<E: Error>(self, value: bool) -> std::result::Result<(), E> {
        self.column.has_bool = true;
        self.number(f64::from(u8::from(value)))
    }

    fn visit_unit<E: Error>(self) -> std::result::Result<(), E> {
        self.column.has_float = true;
        self.number(f64::NAN)
    }

    fn visit_str<E: Error>(mut self, value: &str) -> std::result::Result<(), E> {
        self.leaf()?;
        self.column.texts.push(value.to_owned());
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<(), A::Error> {
        let Nested { column, axes, depth } = self;
        if depth == MAX_DEPTH {
            return Err(A::Error::custom(format!("lists are nested deeper than {MAX_DEPTH}")));
        }
        if axes.leaf.is_some_and(|leaf| leaf <= depth) {
            return Err(A::Error::custom(
                "lists and values stand side by side; every timestep must have the same features",
            ));
        }
        if axes.lengths.len() == depth {
            axes.lengths.push(None);
        }
        let mut n = 0;
        while list.next_element_seed(Nested { column, axes, depth: depth + 1 })?.is_some() {
            n += 1;
        }
        match axes.lengths[depth] {
            Some(before) if before != n => {
                let axis = if depth == 1 { "features" } else { "values" };
                Err(A::Error::custom(format!(
                    "every timestep must have the {before} {axis} of the first; one has {n}"
                )))
            }
            _ => {
                axes.lengths[depth] = Some(n);
                Ok(())
            }
        }
    }
}
