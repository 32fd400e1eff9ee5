//! A call of a kernel: shapes and addresses of the values that it reads and makes.

use crate::body::BodyRun;
use crate::memory::{view_at, view_mut_at};
use crate::threads::Threads;
use cornu_ir::{DType, Op, Spec, View, ViewMut};

/// Type and dims of a value, all numbers.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) dtype: DType,
    pub(crate) dims: Vec<usize>,
    pub(crate) n: usize,
}

impl Shape {
    pub(crate) fn of(spec: &Spec) -> Shape {
        let dims = spec.numbers().expect("a concrete graph");
        Shape { dtype: spec.dtype, n: dims.iter().product(), dims }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.n * self.dtype.size_bytes()
    }
}

/// What a kernel is called with. Values are named by their numbers in the graph.
pub(crate) struct Call<'a> {
    pub(crate) op: &'a Op,
    pub(crate) shapes: &'a [Shape],
    /// Address of each value; null where a value lies nowhere.
    pub(crate) addresses: &'a [*mut u8],
    pub(crate) ins: &'a [u32],
    pub(crate) outs: &'a [u32],
    /// As many bytes as the kernel's `scratch_bytes` said, on a cache line.
    pub(crate) scratch: *mut u8,
    /// Memory for what the kernel packs of its weights, on a cache line; null if it packs none.
    pub(crate) kept: *mut u8,
    /// True if a run before packed the same weights there.
    pub(crate) is_kept: bool,
    /// Threads that the kernel may use.
    pub(crate) threads: Option<&'a Threads>,
    /// The run of the graph that the kernel runs inside its step, if it has one.
    pub(crate) body: Option<&'a mut (dyn BodyRun + 'static)>,
}

impl<'a> Call<'a> {
    #[inline]
    pub(crate) fn in_shape(&self, i: usize) -> &'a Shape {
        &self.shapes[self.ins[i] as usize]
    }

    #[inline]
    pub(crate) fn out_shape(&self, i: usize) -> &'a Shape {
        &self.shapes[self.outs[i] as usize]
    }

    #[inline]
    pub(crate) fn in_address(&self, i: usize) -> *const u8 {
        self.addresses[self.ins[i] as usize]
    }

    /// Null when nothing reads the output.
    #[inline]
    pub(crate) fn out_address(&self, i: usize) -> *mut u8 {
        self.addresses[self.outs[i] as usize]
    }

    /// An input as a view.
    ///
    /// # Safety
    /// The input's address holds initialized elements of its shape, which nothing writes during
    /// `'a`.
    pub(crate) unsafe fn view(&self, i: usize) -> View<'a> {
        let s = self.in_shape(i);
        // SAFETY: the address holds the elements of the shape, unwritten during 'a.
        unsafe { view_at(s.dtype, &s.dims, s.n, self.in_address(i)) }
    }

    /// An output as a view to be written; `None` when nothing reads the output.
    ///
    /// # Safety
    /// The output's address, unless null, is writable for the elements of its shape, and nothing
    /// else reads or writes them during `'a`: the output is taken once and lies over no input that
    /// is read.
    pub(crate) unsafe fn view_mut(&self, i: usize) -> Option<ViewMut<'a>> {
        let (s, at) = (self.out_shape(i), self.out_address(i));
        // SAFETY: the address is writable for the elements of the shape and for this view alone.
        (!at.is_null()).then(|| unsafe { view_mut_at(s.dtype, &s.dims, s.n, at) })
    }
}
