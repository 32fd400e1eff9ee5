//! What a matrix product is told: its operands, its start and the sizes of the buffers it packs.

/// Columns of the widest panel of any tier; buffers of packed panels are sized by it.
pub(crate) const WIDEST_PANEL: usize = 32;
/// Depth of the deepest block of any tier, and rows of the tallest block of packed `a`; buffers of
/// packed rows are sized by them.
const DEEPEST: usize = 512;
const TALLEST: usize = 14 * 24;

/// What an element starts from.
#[derive(Clone, Copy)]
pub(crate) enum Start {
    /// 0.
    Zero,
    /// Its column's element of a row of N.
    Row(*const f32),
    /// What `c` holds.
    Sum,
}

/// A strided view: element `(i, j)` at `ptr + i * rs + j * cs`.
#[derive(Clone, Copy)]
pub(crate) struct View {
    pub(crate) ptr: *const f32,
    pub(crate) rs: usize,
    pub(crate) cs: usize,
}

impl View {
    /// Rows of `ld` elements.
    pub(crate) fn rows(ptr: *const f32, ld: usize) -> Self {
        View { ptr, rs: ld, cs: 1 }
    }
    /// The transpose.
    pub(crate) fn t(self) -> Self {
        View { ptr: self.ptr, rs: self.cs, cs: self.rs }
    }
}

/// Columns `0..n` of rows of `ld` elements.
#[derive(Clone, Copy)]
pub(crate) struct Rows {
    pub(crate) ptr: *const f32,
    pub(crate) rows: usize,
    pub(crate) n: usize,
    pub(crate) ld: usize,
}

impl Rows {
    /// Columns `from..from + n` of them.
    pub(crate) fn columns(self, from: usize, n: usize) -> Rows {
        Rows { ptr: self.ptr.wrapping_add(from), n, ..self }
    }
}

/// The right operand.
#[derive(Clone, Copy)]
pub(crate) enum Right {
    /// Rows of `ld` elements, used where they are.
    Rows {
        /// First element.
        ptr: *const f32,
        /// Elements from a row to the next.
        ld: usize,
    },
    /// Panels made by `pack_rows`.
    Panels(*const f32),
}

/// One product.
pub(crate) struct Matmul {
    pub(crate) m: usize,
    pub(crate) n: usize,
    pub(crate) k: usize,
    pub(crate) a: View,
    pub(crate) b: Right,
    pub(crate) c: *mut f32,
    pub(crate) ldc: usize,
    pub(crate) start: Start,
    /// `left_len(k)` elements.
    pub(crate) left: *mut f32,
    /// Take the columns of one or two rows from the far end: what the last such product read last
    /// is still near.
    pub(crate) from_end: bool,
}

/// Elements that `pack_rows` writes for a (K, N) operand, whatever the tier.
pub(crate) fn panels_len(k: usize, n: usize) -> usize {
    k * n.next_multiple_of(WIDEST_PANEL)
}

/// Elements of scratch that a product of depth `k` takes for its left operand.
pub(crate) fn left_len(k: usize) -> usize {
    (TALLEST + 16) * k.min(DEEPEST) + WIDEST_PANEL
}
