//! Values that outlive a run and that any number of stores may hold: weights, the state of an
//! optimizer, moving statistics, states of stateful layers.

use crate::lock_set::LockSet;
use crate::memory::{Block, address, view_at, view_mut_at};
use cornu_ir::spec::{DType, Spec};
use cornu_ir::{Tensor, View, ViewMut};
use std::cell::UnsafeCell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A value on cache lines of its own. Clones are handles of the same value.
///
/// Variables that one [`Store`](crate::Store) holds share one lock, with all variables of every
/// store that holds one of them.
///
/// ```
/// use cornu_cpu::{Store, Variable};
/// use cornu_ir::Tensor;
/// let w = Variable::new(&Tensor::new(&[2], vec![1.0f32, 2.0]));
/// let (a, b) = (Store::of([w.clone()]), Store::of([w.clone()]));
/// a.write().view_mut(0.into()).get::<f32>()[1] = 5.0;
/// assert_eq!(b.read().view(0.into()).get::<f32>(), [1.0, 5.0]);
/// assert_eq!(w.tensor().to_f64(), [1.0, 5.0]);
/// ```
#[derive(Clone)]
pub struct Variable(Arc<Inner>);

struct Inner {
    dtype: DType,
    dims: Vec<usize>,
    n: usize,
    set: Arc<LockSet>,
    /// Another number after each write, which no other variable ever has; 0 before the first.
    stamp: AtomicU64,
    /// The elements; none before the first write.
    value: UnsafeCell<Option<Block>>,
}

// SAFETY: the value is read under the read lock of its set and written under the write lock, by the
// methods of `Access`, which takes the locks, and by programs, which hold one.
unsafe impl Send for Inner {}
// SAFETY: as above.
unsafe impl Sync for Inner {}

/// The source of stamps.
static LAST_STAMP: AtomicU64 = AtomicU64::new(0);

impl Variable {
    /// A variable that holds a copy of a value.
    pub fn new(value: &Tensor) -> Self {
        let variable = Self::unset(value.dtype(), &value.dims);
        variable.set(value);
        variable
    }

    /// A variable that has no value yet and takes no memory for one.
    pub fn unset(dtype: DType, dims: &[usize]) -> Self {
        Self(Arc::new(Inner {
            dtype,
            dims: dims.to_vec(),
            n: dims.iter().product(),
            set: Arc::default(),
            stamp: AtomicU64::new(0),
            value: UnsafeCell::new(None),
        }))
    }

    /// Whether it has a value.
    pub fn is_set(&self) -> bool {
        self.stamp() != 0
    }

    /// Element type, which never changes.
    pub fn dtype(&self) -> DType {
        self.0.dtype
    }

    /// Dims, which never change.
    pub fn dims(&self) -> &[usize] {
        &self.0.dims
    }

    /// Type and dims.
    pub fn spec(&self) -> Spec {
        Spec::known(self.dtype(), self.dims())
    }

    /// A copy of the value.
    ///
    /// # Panics
    /// It has none yet.
    pub fn tensor(&self) -> Tensor {
        let _lock = self.set_of().read();
        // SAFETY: the set is locked for reading while the view lives.
        unsafe { self.view() }.to_tensor()
    }

    /// Gives it a value.
    ///
    /// # Panics
    /// The value is of another type or other dims.
    pub fn set(&self, value: &Tensor) {
        let _lock = self.set_of().write();
        // SAFETY: the set is locked for writing.
        unsafe { self.replace(value) }
    }

    /// True if both are handles of one variable.
    pub fn is(&self, other: &Variable) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// A number that is the variable's own as long as it lives.
    pub fn id(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// What tells whether it was written since: no two variables, and no two values of one, have
    /// the same stamp.
    pub(crate) fn stamp(&self) -> u64 {
        self.0.stamp.load(Ordering::Acquire)
    }

    /// Notes that it was written.
    pub(crate) fn note_write(&self) {
        let stamp = LAST_STAMP.fetch_add(1, Ordering::Relaxed) + 1;
        self.0.stamp.store(stamp, Ordering::Release);
    }

    /// The set of variables whose lock is this one's.
    pub(crate) fn set_of(&self) -> &Arc<LockSet> {
        &self.0.set
    }

    /// The first byte.
    ///
    /// # Panics
    /// It has no value yet.
    ///
    /// # Safety
    /// The variable's set is locked.
    unsafe fn start(&self) -> *mut u8 {
        // SAFETY: writers of the block hold the write lock; this thread holds one of both.
        let block = unsafe { &*self.0.value.get() };
        block.as_ref().expect("a variable that has a value").start()
    }

    /// The first byte, where type and number of elements are these.
    ///
    /// # Panics
    /// The variable is of another type or size, or has no value.
    ///
    /// # Safety
    /// The variable's set is locked.
    pub(crate) unsafe fn address(&self, dtype: DType, n: usize) -> *mut u8 {
        assert!(
            self.dtype() == dtype && self.0.n == n,
            "the program was made for {n} elements of {dtype}. Received: {}{:?}",
            self.dtype(),
            self.dims()
        );
        // SAFETY: the set is locked.
        unsafe { self.start() }
    }

    /// The value.
    ///
    /// # Panics
    /// It has none yet.
    ///
    /// # Safety
    /// The variable's set is locked, and nothing writes the value while the view lives.
    pub(crate) unsafe fn view(&self) -> View<'_> {
        // SAFETY: the set is locked; the block holds `n` elements of the type.
        unsafe { view_at(self.dtype(), self.dims(), self.0.n, self.start()) }
    }

    /// The value, to be changed.
    ///
    /// # Panics
    /// It has none yet.
    ///
    /// # Safety
    /// The variable's set is locked for writing by this thread, and nothing else uses the value
    /// while the view lives.
    pub(crate) unsafe fn view_mut(&self) -> ViewMut<'_> {
        self.note_write();
        // SAFETY: nothing else uses the value; the block holds `n` elements of the type.
        unsafe { view_mut_at(self.dtype(), self.dims(), self.0.n, self.start()) }
    }

    /// Takes on a value of the same type and dims.
    ///
    /// # Panics
    /// The value is of another type or other dims.
    ///
    /// # Safety
    /// The variable's set is locked for writing by this thread, and no view of the value lives.
    pub(crate) unsafe fn replace(&self, from: &Tensor) {
        assert!(
            self.dtype() == from.dtype() && self.dims() == from.dims,
            "a variable of {}{:?} takes no {}{:?}",
            self.dtype(),
            self.dims(),
            from.dtype(),
            from.dims
        );
        let bytes = self.0.n * self.dtype().size_bytes();
        // SAFETY: nothing else uses the value.
        let block = unsafe { &mut *self.0.value.get() }.get_or_insert_with(|| Block::new(bytes));
        // SAFETY: both hold as many bytes of the same type, in memory of their own.
        unsafe { std::ptr::copy_nonoverlapping(address(&from.view()), block.start(), bytes) }
        self.note_write();
    }
}

impl PartialEq for Variable {
    fn eq(&self, other: &Self) -> bool {
        self.is(other)
    }
}

impl Eq for Variable {}

impl fmt::Debug for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Variable({} {:#x})", self.dtype(), self.id())
    }
}

impl From<&Tensor> for Variable {
    fn from(value: &Tensor) -> Self {
        Self::new(value)
    }
}
