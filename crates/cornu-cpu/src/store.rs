//! State between runs: weights, optimizer slots, moving statistics, states of stateful layers.

use crate::memory::{Block, address, view_at, view_mut_at};
use crate::workspace::Workspace;
use cornu_ir::spec::{DType, Spec};
use cornu_ir::{Tensor, View, ViewMut};

/// Index of a slot in its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SlotId(pub usize);

/// Values that outlive a run, each on cache lines of its own, and the memory in which the programs
/// on them work in turn.
///
/// ```
/// use cornu_cpu::Store;
/// use cornu_ir::Tensor;
/// let mut store = Store::new();
/// let w = store.push(&Tensor::new(&[2], vec![1.0f32, 2.0]));
/// store.view_mut(w).get::<f32>()[1] = 5.0;
/// assert_eq!(store.view(w).get::<f32>(), [1.0, 5.0]);
/// ```
#[derive(Debug, Default)]
pub struct Store {
    slots: Vec<Slot>,
    pub(crate) workspace: Workspace,
    /// How often something was written.
    n_writes: u64,
}

/// A store at a time: equal as long as nothing is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoreState {
    n_writes: u64,
    slots: *const Slot,
}

#[derive(Debug)]
struct Slot {
    dtype: DType,
    dims: Vec<usize>,
    n: usize,
    block: Block,
}

impl Store {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// A new slot that holds a copy of a value.
    pub fn push(&mut self, value: &Tensor) -> SlotId {
        let (dtype, n) = (value.dtype(), value.n_elements());
        self.slots.push(Slot {
            dtype,
            dims: value.dims.clone(),
            n,
            block: Block::new(n * dtype.size_bytes()),
        });
        let slot = SlotId(self.slots.len() - 1);
        self.replace(slot, value);
        slot
    }

    /// Number of slots.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is no slot.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Bytes of the memory that the programs share: the most that one of them has asked for.
    pub fn workspace_bytes(&self) -> usize {
        self.workspace.bytes()
    }

    /// Bytes of all values.
    pub fn bytes(&self) -> usize {
        self.slots.iter().map(|s| s.block.bytes()).sum()
    }

    /// What a slot holds.
    pub fn view(&self, slot: SlotId) -> View<'_> {
        let s = &self.slots[slot.0];
        // SAFETY: the block holds `n` elements of the type; the store is borrowed as long as the
        // view.
        unsafe { view_at(s.dtype, &s.dims, s.n, s.block.start()) }
    }

    /// What a slot holds, to be changed.
    pub fn view_mut(&mut self, slot: SlotId) -> ViewMut<'_> {
        self.n_writes += 1;
        let s = &mut self.slots[slot.0];
        // SAFETY: the block holds `n` elements of the type; the store is borrowed mutably as long
        // as the view.
        unsafe { view_mut_at(s.dtype, &s.dims, s.n, s.block.start()) }
    }

    /// Puts another value of the same type in a slot. Other dims are taken on (a stateful layer
    /// meets another batch size).
    pub fn replace(&mut self, slot: SlotId, value: &Tensor) {
        self.n_writes += 1;
        let s = &mut self.slots[slot.0];
        assert_eq!(s.dtype, value.dtype(), "the type of slot {}", slot.0);
        if s.dims != value.dims {
            s.dims.clone_from(&value.dims);
            s.n = value.n_elements();
            s.block = Block::new(s.n * s.dtype.size_bytes());
        }
        // SAFETY: both hold as many bytes of the same type, in memory of their own.
        unsafe {
            std::ptr::copy_nonoverlapping(
                address(&value.view()),
                s.block.start(),
                s.n * s.dtype.size_bytes(),
            )
        }
    }

    /// Type and dims of a slot.
    pub fn spec(&self, slot: SlotId) -> Spec {
        Spec::known(self.slots[slot.0].dtype, &self.slots[slot.0].dims)
    }

    /// What tells whether the store was written since.
    pub(crate) fn state(&self) -> StoreState {
        StoreState { n_writes: self.n_writes, slots: self.slots.as_ptr() }
    }

    /// Notes that a program wrote to slots.
    pub(crate) fn note_write(&mut self) {
        self.n_writes += 1;
    }

    /// The first byte of a slot, whose type and number of elements are checked.
    pub(crate) fn address(&self, slot: SlotId, dtype: DType, n: usize) -> *mut u8 {
        let s = &self.slots[slot.0];
        assert!(
            s.dtype == dtype && s.n == n,
            "slot {}: the program was made for {n} elements of {dtype}. Received: {}{:?}",
            slot.0,
            s.dtype,
            s.dims
        );
        s.block.start()
    }
}
