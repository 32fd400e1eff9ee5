//! Aligned blocks of bytes: what arenas and stored state are made of.

use cornu_ir::plan::ALIGN_BYTES;
use cornu_ir::tensor::{Slice, SliceMut};
use cornu_ir::{DType, View, ViewMut};
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use std::slice::{from_raw_parts, from_raw_parts_mut};

/// What the system gives zeroed for nothing, at any larger alignment it would be written first.
const CHEAP_ALIGN: usize = 16;

/// Zeroed bytes that start on a cache line.
#[derive(Debug)]
pub(crate) struct Block {
    whole: NonNull<u8>,
    start: *mut u8,
    bytes: usize,
}

// SAFETY: a block owns its bytes, as a `Vec<u8>` does.
unsafe impl Send for Block {}
// SAFETY: a shared block hands out no way to write but through raw pointers, whose users answer for
// it.
unsafe impl Sync for Block {}

impl Block {
    /// `bytes` zeros.
    pub(crate) fn new(bytes: usize) -> Self {
        let layout = Block::layout(bytes);
        // SAFETY: the layout is never empty.
        let whole = NonNull::new(unsafe { alloc_zeroed(layout) })
            .unwrap_or_else(|| handle_alloc_error(layout));
        let skip = whole.as_ptr().addr().next_multiple_of(ALIGN_BYTES) - whole.as_ptr().addr();
        Block { whole, start: whole.as_ptr().wrapping_add(skip), bytes }
    }

    fn layout(bytes: usize) -> Layout {
        Layout::from_size_align(bytes.max(ALIGN_BYTES) + ALIGN_BYTES, CHEAP_ALIGN)
            .expect("a size below the address space")
    }

    /// Number of bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The first byte.
    pub(crate) fn start(&self) -> *mut u8 {
        self.start
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with the same layout.
        unsafe { dealloc(self.whole.as_ptr(), Block::layout(self.bytes)) }
    }
}

/// A view of `n` elements at an address.
///
/// # Safety
/// `at` is aligned for the type and readable for `n` initialized elements, which nothing writes
/// during `'a`.
pub(crate) unsafe fn view_at<'a>(
    dtype: DType,
    dims: &'a [usize],
    n: usize,
    at: *const u8,
) -> View<'a> {
    // SAFETY: `at` is aligned and readable for `n` elements of the type, as this function asks.
    let data = unsafe {
        match dtype {
            DType::F32 => Slice::F32(from_raw_parts(at.cast(), n)),
            DType::F64 => Slice::F64(from_raw_parts(at.cast(), n)),
            DType::I32 => Slice::I32(from_raw_parts(at.cast(), n)),
            DType::I64 => Slice::I64(from_raw_parts(at.cast(), n)),
            DType::Bool => Slice::Bool(from_raw_parts(at, n)),
        }
    };
    View { dims, data }
}

/// A mutable view of `n` elements at an address.
///
/// # Safety
/// `at` is aligned for the type and writable for `n` initialized elements, which nothing else reads
/// or writes during `'a`.
pub(crate) unsafe fn view_mut_at<'a>(
    dtype: DType,
    dims: &'a [usize],
    n: usize,
    at: *mut u8,
) -> ViewMut<'a> {
    // SAFETY: `at` is aligned and writable for `n` elements of the type, which nothing else uses,
    // as this function asks.
    let data = unsafe {
        match dtype {
            DType::F32 => SliceMut::F32(from_raw_parts_mut(at.cast(), n)),
            DType::F64 => SliceMut::F64(from_raw_parts_mut(at.cast(), n)),
            DType::I32 => SliceMut::I32(from_raw_parts_mut(at.cast(), n)),
            DType::I64 => SliceMut::I64(from_raw_parts_mut(at.cast(), n)),
            DType::Bool => SliceMut::Bool(from_raw_parts_mut(at, n)),
        }
    };
    ViewMut { dims, data }
}

/// The address of a view's first element.
pub(crate) fn address(v: &View<'_>) -> *const u8 {
    match v.data {
        Slice::F32(s) => s.as_ptr().cast(),
        Slice::F64(s) => s.as_ptr().cast(),
        Slice::I32(s) => s.as_ptr().cast(),
        Slice::I64(s) => s.as_ptr().cast(),
        Slice::Bool(s) => s.as_ptr(),
    }
}

/// The address of a mutable view's first element.
pub(crate) fn address_mut(v: &mut ViewMut<'_>) -> *mut u8 {
    match &mut v.data {
        SliceMut::F32(s) => s.as_mut_ptr().cast(),
        SliceMut::F64(s) => s.as_mut_ptr().cast(),
        SliceMut::I32(s) => s.as_mut_ptr().cast(),
        SliceMut::I64(s) => s.as_mut_ptr().cast(),
        SliceMut::Bool(s) => s.as_mut_ptr(),
    }
}
