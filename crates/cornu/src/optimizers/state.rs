//! What an optimizer remembers, in the order in which Keras saves it.

use super::rule::{Initial, Rule, Slot, SlotInitial};
use super::{LearningRate, VarInfo};
use cornu_ir::{DType, Tensor};

/// One variable of an optimizer.
#[derive(Clone, Debug, PartialEq)]
pub struct StateSpec {
    /// Name: `dense_kernel_momentum`.
    pub name: String,
    /// Dims.
    pub shape: Vec<usize>,
    /// Type.
    pub dtype: DType,
    /// How it starts.
    pub initial: Initial,
}

impl StateSpec {
    pub(super) fn scalar(name: &str, dtype: DType, initial: Initial) -> Self {
        Self { name: name.into(), shape: vec![], dtype, initial }
    }

    /// Its first value, for the first values of the trainable weights.
    pub fn first_value(&self, weights: &[Tensor]) -> Tensor {
        match self.initial {
            Initial::Zeros => Tensor::zeros(self.dtype, &self.shape),
            Initial::CopyOf(i) => weights.get(i).cloned().unwrap_or_else(|| Tensor::zeros(self.dtype, &self.shape)),
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
    pub slots: Vec<Vec<usize>>,
    pub shared: Vec<usize>,
}

/// The iteration stands first.
pub(super) const ITERATION: usize = 0;

/// The layout of a rule's variables for the trainable weights.
pub(super) fn layout(rule: &dyn Rule, vars: &[VarInfo]) -> Layout {
    let settings = rule.settings();
    let mut specs = vec![StateSpec::scalar("iteration", DType::I32, Initial::Zeros)];
    let rate = match settings.learning_rate {
        LearningRate::Schedule(_) => None,
        // In Keras this variable has the global float type, whatever the weights have.
        LearningRate::Number(x) => Some(push(&mut specs, StateSpec::scalar("learning_rate", DType::F32, Initial::Value(*x)))),
    };
    let like = |specs: &mut Vec<StateSpec>, name| vars.iter().map(|v| push(specs, spec(Slot::like(name, v), Some((0, v))))).collect();
    let averages = settings.use_ema.then(|| like(&mut specs, "average"));
    let accumulators = settings.accumulation_steps().map(|_| like(&mut specs, "gradient_accumulator"));
    let mut slots = vec![Vec::new(); vars.len()];
    let mut groups: Vec<_> = vars.iter().map(|v| rule.slots(v).into_iter()).collect();
    for _ in 0..groups.iter().map(ExactSizeIterator::len).max().unwrap_or(0) {
        for (i, v) in vars.iter().enumerate() {
            for slot in groups[i].next().into_iter().flatten() {
                slots[i].push(push(&mut specs, spec(slot, Some((i, v)))));
            }
        }
    }
    let shared = rule.shared(vars).into_iter().map(|s| push(&mut specs, spec(s, None))).collect();
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
    let name = of.map_or_else(|| slot.name.to_owned(), |(_, v)| format!("{}_{}", v.path.replace('/', "_"), slot.name));
    StateSpec { name, shape: slot.shape, dtype: slot.dtype, initial }
}
