//! Piecewise constant learning rates.

use super::ScheduleFunction;
use super::numbers::scalar;
use crate::config::whole;
use crate::{Error, Result};
use cornu_ir::Var;
use serde::{Deserialize, Serialize};

/// Piecewise constant learning rate: `values[i]` for the first boundary `i` that the step does not
/// exceed, else the last value.
///
/// ```
/// use cornu::optimizers::schedules::{PiecewiseConstantDecay, Schedule};
/// let s = PiecewiseConstantDecay::new([10.0], [0.5, 0.25])?;
/// let s = Schedule::from(s);
/// assert_eq!((s.at(10), s.at(11)), (0.5, 0.25));
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Read")]
pub struct PiecewiseConstantDecay {
    /// Last step of each value except the last, in rising order; fractions are cut off.
    #[serde(serialize_with = "all_whole")]
    pub boundaries: Vec<f64>,
    /// Learning rates: one more than there are boundaries.
    pub values: Vec<f64>,
    /// Name of the schedule.
    pub name: String,
}

/// The config, before its lengths are compared.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    boundaries: Vec<f64>,
    values: Vec<f64>,
    #[serde(default = "name")]
    name: String,
}

fn name() -> String {
    "PiecewiseConstant".into()
}

fn all_whole<S: serde::Serializer>(x: &[f64], s: S) -> Result<S::Ok, S::Error> {
    struct Whole(f64);
    impl Serialize for Whole {
        fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
            whole(&self.0, s)
        }
    }
    s.collect_seq(x.iter().map(|x| Whole(*x)))
}

impl TryFrom<Read> for PiecewiseConstantDecay {
    type Error = Error;
    fn try_from(x: Read) -> Result<Self> {
        Ok(Self { name: x.name, ..Self::new(x.boundaries, x.values)? })
    }
}

impl PiecewiseConstantDecay {
    /// Returns a schedule of boundaries and values.
    pub fn new(boundaries: impl Into<Vec<f64>>, values: impl Into<Vec<f64>>) -> Result<Self> {
        let (boundaries, values) = (boundaries.into(), values.into());
        if boundaries.is_empty() || boundaries.len() + 1 != values.len() {
            let received = format!("{} boundaries, {} values", boundaries.len(), values.len());
            return Err(Error::argument(
                "PiecewiseConstantDecay",
                "there must be one boundary or more, and one value more than boundaries",
                received,
            ));
        }
        Ok(Self { boundaries, values, name: name() })
    }
}

impl ScheduleFunction for PiecewiseConstantDecay {
    fn of<'g>(&self, step: Var<'g>) -> Var<'g> {
        let last = scalar(step, self.values.last().copied().unwrap_or(0.0));
        self.boundaries
            .iter()
            .zip(&self.values)
            .rev()
            .fold(last, |later, (&until, &x)| step.le(until.trunc()).select(scalar(step, x), later))
    }
}
