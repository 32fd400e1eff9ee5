//! What an optimizer remembers, in the order in which Keras saves it.

use super::learning_rate::LearningRate;
use super::rule::{Initial, Slot, SlotInitial, UpdateRule};
use super::weights::{Attributes, VarInfo};
use cornu_ir::{Builder, DType, Tensor, Var};

/// Variable of an optimizer.
#[derive(Clone, Debug, PartialEq)]
pub struct StateSpec {
    /// Name, as `dense_kernel_momentum`.
    pub name: String,
    /// Dims of the variable.
    pub shape: Vec<usize>,
    /// Element type.
    pub dtype: DType,
    /// First value.
    pub initial: Initial,
}

impl StateSpec {
    pub(super) fn scalar(name: &str, dtype: DType, initial: Initial) -> Self {
        Self { name: name.into(), shape: vec![], dtype, initial }
    }

    /// Returns the first value, given those of the trainable weights.
    pub fn first_value(&self, weights: &[Tensor]) -> Tensor {
        match self.initial {
            Initial::Zeros => Tensor::zeros(self.dtype, &self.shape),
            Initial::CopyOf(i) => {
                weights.get(i).cloned().unwrap_or_else(|| Tensor::zeros(self.dtype, &self.shape))
            }
            Initial::Value(x) => {
                let n = self.shape.iter().product();
                match self.dtype {
                    DType::F64 => Tensor::new(&self.shape, vec![x; n]),
                    DType::F32 => Tensor::new(&self.shape, vec![x as f32; n]),
                    DType::I32 => Tensor::new(&self.shape, vec![x as i32; n]),
                    DType::I64 => Tensor::new(&self.shape, vec![x as i64; n]),
                    DType::Bool => Tensor::new(&self.shape, vec![(x != 0.0) as u8; n]),
                }
            }
        }
    }
}

/// Where a remembered thing stands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// Among the variables.
    At(usize),
    /// Nowhere: this number at each step.
    Anew(DType, f64),
}

impl Place {
    /// Returns the present value.
    pub fn value<'g>(&self, builder: &'g Builder, state: &[Var<'g>]) -> Var<'g> {
        match *self {
            Self::At(i) => state[i],
            Self::Anew(dtype, x) => builder.scalar(dtype, x),
        }
    }
}

/// Where each thing stands among an optimizer's variables.
pub(super) struct Layout {
    pub specs: Vec<StateSpec>,
    /// The learning rate; absent with a schedule.
    pub rate: Option<usize>,
    /// The moving average of each weight.
    pub averages: Option<Vec<usize>>,
    /// The accumulated gradient of each weight.
    pub accumulators: Option<Vec<usize>>,
    /// The slots of each weight.
    pub slots: Vec<Vec<Place>>,
    pub shared: Vec<Place>,
}

/// The iteration stands first.
pub(super) const ITERATION: usize = 0;
/// Then the learning rate, but for a schedule's.
pub(super) const RATE: usize = 1;

/// What every optimizer has before it knows the weights: iteration, and a learning rate that is a
/// number.
pub(super) fn first(rate: &LearningRate) -> Vec<StateSpec> {
    let mut specs = vec![StateSpec::scalar("iteration", DType::I32, Initial::Zeros)];
    if let LearningRate::Number(x) = rate {
        // In Keras this variable has the global float type, whatever the weights have.
        specs.push(StateSpec::scalar("learning_rate", DType::F32, Initial::Value(*x)));
    }
    specs
}

/// The layout of a rule's variables for the trainable weights.
pub(super) fn layout(rule: &dyn UpdateRule, vars: &[VarInfo], attributes: Attributes) -> Layout {
    let settings = rule.settings();
    let mut specs = first(settings.learning_rate);
    let rate = (specs.len() > RATE).then_some(RATE);
    let like = |specs: &mut Vec<StateSpec>, name| {
        vars.iter().map(|v| push(specs, spec(Slot::like(name, v), Some((0, v))))).collect()
    };
    let averages = settings.use_ema.then(|| like(&mut specs, "average"));
    let accumulators =
        settings.accumulation_steps().map(|_| like(&mut specs, "gradient_accumulator"));
    let mut place = |slot: Slot, of| match slot.initial {
        SlotInitial::Value(x) if slot.is_attribute && attributes == Attributes::Lost => {
            Place::Anew(slot.dtype, x)
        }
        _ => Place::At(push(&mut specs, spec(slot, of))),
    };
    let mut slots = vec![Vec::new(); vars.len()];
    let mut groups: Vec<_> = vars.iter().map(|v| rule.slots(v).into_iter()).collect();
    for _ in 0..groups.iter().map(ExactSizeIterator::len).max().unwrap_or(0) {
        for (i, v) in vars.iter().enumerate() {
            for slot in groups[i].next().into_iter().flatten() {
                slots[i].push(place(slot, Some((i, v))));
            }
        }
    }
    let shared = rule.shared(vars).into_iter().map(|s| place(s, None)).collect();
    Layout { specs, rate, averages, accumulators, slots, shared }
}

fn push(specs: &mut Vec<StateSpec>, s: StateSpec) -> usize {
    specs.push(s);
    specs.len() - 1
}

fn spec(slot: Slot, of: Option<(usize, &VarInfo)>) -> StateSpec {
    let initial = match (slot.initial, of) {
        (SlotInitial::Value(x), _) => Initial::Value(x),
        (SlotInitial::Weight, Some((i, _))) => Initial::CopyOf(i),
        (SlotInitial::Zeros | SlotInitial::Weight, _) => Initial::Zeros,
    };
    let name = of.map_or_else(
        || slot.name.to_owned(),
        |(_, v)| format!("{}_{}", v.path.replace('/', "_"), slot.name),
    );
    StateSpec { name, shape: slot.shape, dtype: slot.dtype, initial }
}
