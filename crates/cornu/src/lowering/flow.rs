//! The values that pass from layer to layer, with their masks.

use cornu_ir::{DType, Spec, Var};

/// A value on its way through the layers, with the mask that Keras hangs on it.
#[derive(Clone, Copy, Debug)]
pub struct Flow<'g> {
    /// The value.
    pub value: Var<'g>,
    /// bool (B, T): which timesteps count.
    pub mask: Option<Var<'g>>,
    /// bool (B, T): which timesteps are a sequence's own, where a batch holds sequences of unequal
    /// length. No result depends on what stands past an end, whatever Keras makes of a mask.
    pub ends: Option<Var<'g>>,
    /// Whether value, mask and ends stand in the batch's packed rows, with the axes (1, N, …) for
    /// (B, T, …): see [`Packing`](super::Packing).
    pub packed: bool,
}

impl<'g> Flow<'g> {
    /// A value without a mask.
    pub fn new(value: Var<'g>) -> Self {
        Self { value, mask: None, ends: None, packed: false }
    }

    /// A value with a mask.
    pub fn masked(value: Var<'g>, mask: Option<Var<'g>>) -> Self {
        Self { value, mask, ends: None, packed: false }
    }

    /// The same, with the ends of its sequences.
    pub fn ending(self, ends: Option<Var<'g>>) -> Self {
        Self { ends, ..self }
    }

    /// What leaves out both masked timesteps and those past the ends.
    pub fn counted(&self) -> Option<Var<'g>> {
        both(self.mask, self.ends)
    }

    /// What was made of it step by step, with 0 past the ends of its sequences.
    pub fn own(&self, v: Var<'g>) -> Var<'g> {
        self.ends.map_or(v, |e| (2..v.rank()).fold(e, |e, _| e.expand_dims(-1)).select(v, 0.0))
    }

    /// Its spec.
    pub fn spec(&self) -> Spec {
        self.value.spec()
    }
}

/// True where two masks (B, T) are; one alone counts as it is.
pub(crate) fn both<'g>(a: Option<Var<'g>>, b: Option<Var<'g>>) -> Option<Var<'g>> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.cast(DType::Bool).and(b.cast(DType::Bool))),
        (a, b) => a.or(b),
    }
}

impl<'g> From<Var<'g>> for Flow<'g> {
    fn from(value: Var<'g>) -> Self {
        Self::new(value)
    }
}
