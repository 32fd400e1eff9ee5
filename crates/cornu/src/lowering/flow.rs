//! The values that pass from layer to layer, with their masks.

use cornu_ir::{DType, Spec, Var};

/// A value that passes from layer to layer, with its mask and the ends of its sequences.
#[derive(Clone, Copy, Debug)]
pub struct Flow<'g> {
    /// The value.
    pub value: Var<'g>,
    /// Keras's mask, bool (B, T): true at the timesteps that count. A mask (B, T, …) tells it for
    /// parts of the timesteps, as the words of sentences.
    pub mask: Option<Var<'g>>,
    /// Mask of sequence ends, bool (B, T): true at real timesteps, in a batch of sequences of
    /// unequal length. No result depends on padding, even where Keras would ignore a mask.
    pub ends: Option<Var<'g>>,
    /// True if value, mask and ends are in packed rows, with the axes (1, N, …) for (B, T, …): see
    /// [`Packing`](super::Packing).
    pub packed: bool,
}

impl<'g> Flow<'g> {
    /// Creates a value without a mask.
    pub fn new(value: Var<'g>) -> Self {
        Self { value, mask: None, ends: None, packed: false }
    }

    /// Creates a value with a mask.
    pub fn masked(value: Var<'g>, mask: Option<Var<'g>>) -> Self {
        Self { value, mask, ends: None, packed: false }
    }

    /// Sets the mask of sequence ends.
    pub fn ending(self, ends: Option<Var<'g>>) -> Self {
        Self { ends, ..self }
    }

    /// Returns the mask that leaves out masked timesteps and those past the ends.
    pub fn counted(&self) -> Option<Var<'g>> {
        both(self.mask, self.ends)
    }

    /// Returns `v`, made of this value timestep by timestep, with 0 past the ends of the sequences.
    pub fn own(&self, v: Var<'g>) -> Var<'g> {
        self.ends.map_or(v, |e| (2..v.rank()).fold(e, |e, _| e.expand_dims(-1)).select(v, 0.0))
    }

    /// Returns element type and dims of the value.
    pub fn spec(&self) -> Spec {
        self.value.spec()
    }
}

/// Joins two masks (B, T, …) by `and`; the one with fewer axes holds for all elements of its own.
/// With one of them absent it returns the other.
pub(crate) fn both<'g>(a: Option<Var<'g>>, b: Option<Var<'g>>) -> Option<Var<'g>> {
    match (a, b) {
        (Some(a), Some(b)) => {
            let rank = a.rank().max(b.rank());
            let whole =
                |m: Var<'g>| (m.rank()..rank).fold(m.cast(DType::Bool), |m, _| m.expand_dims(-1));
            Some(whole(a).and(whole(b)))
        }
        (a, b) => a.or(b),
    }
}

impl<'g> From<Var<'g>> for Flow<'g> {
    fn from(value: Var<'g>) -> Self {
        Self::new(value)
    }
}
