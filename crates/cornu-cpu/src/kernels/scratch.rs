//! Scratch memory handed out part by part, and optional buffers as pointers.

/// Hands out parts of a scratch slice, each on a cache line of its own.
pub(crate) struct Scratch {
    next: *mut f32,
    left: usize,
}

/// Elements that a part of `len` takes of a [`Scratch`].
pub(crate) fn part_len(len: usize) -> usize {
    len.next_multiple_of(16) + 16
}

impl Scratch {
    pub(crate) fn new(scratch: &mut [f32]) -> Self {
        Scratch { next: scratch.as_mut_ptr(), left: scratch.len() }
    }

    /// The next `len` elements.
    #[inline]
    pub(crate) fn take(&mut self, len: usize) -> *mut f32 {
        let skip = self.next.align_offset(64).min(16);
        let whole = len.next_multiple_of(16) + skip;
        assert!(whole <= self.left, "scratch: too small by {} elements", whole - self.left);
        let part = self.next.wrapping_add(skip);
        self.next = self.next.wrapping_add(whole);
        self.left -= whole;
        part
    }
}

/// The pointer of an optional slice, or null.
pub(crate) fn or_null(x: Option<&[f32]>) -> *const f32 {
    x.map_or(core::ptr::null(), <[f32]>::as_ptr)
}

/// The pointer of an optional slice to be written, or null.
pub(crate) fn or_null_mut(x: &mut Option<&mut [f32]>) -> *mut f32 {
    x.as_mut().map_or(core::ptr::null_mut(), |x| x.as_mut_ptr())
}
