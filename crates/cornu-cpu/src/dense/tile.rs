//! Loops over tiles of a chain, compiled for each tier of instructions.

use cornu_ir::ops::Instr;

/// Operands of a function over a tile: up to three inputs and the output, which overlaps none of
/// them.
#[derive(Clone, Copy)]
pub(super) struct Operands {
    pub(super) a: *const u8,
    pub(super) b: *const u8,
    pub(super) c: *const u8,
    pub(super) out: *mut u8,
    pub(super) n: usize,
}

/// A function over a tile.
///
/// # Safety
/// The operands that the instruction reads hold `n` elements of its types (one element where the
/// function takes a number), and the output is writable for `n` of its own, apart from all of them.
pub(super) type TileFn = unsafe fn(&Instr, Operands);

/// An operand as a slice.
///
/// # Safety
/// `at` is aligned for T and holds `n` initialized elements, which nothing writes during `'a`.
#[inline(always)]
pub(super) unsafe fn slice<'a, T>(at: *const u8, n: usize) -> &'a [T] {
    // SAFETY: the address holds n elements, unwritten during 'a.
    unsafe { std::slice::from_raw_parts(at.cast(), n) }
}

/// An output as a slice.
///
/// # Safety
/// `at` is aligned for T and writable for `n` elements, which nothing else reads or writes during
/// `'a`; any bytes are an element of T.
#[inline(always)]
pub(super) unsafe fn slice_mut<'a, T>(at: *mut u8, n: usize) -> &'a mut [T] {
    // SAFETY: the address is writable for n elements and for this slice alone.
    unsafe { std::slice::from_raw_parts_mut(at.cast(), n) }
}

/// A loop over a tile, written over slices so that the compiler knows that nothing overlaps. An
/// operand marked `one` is read once: the same number for every element.
macro_rules! each {
    ($o:ident, |$a:ident: $A:ty| -> $R:ty { $e:expr }) => {{
        #[inline(always)]
        fn go(x: &[$A], out: &mut [$R]) {
            for (o, &$a) in out.iter_mut().zip(x) {
                *o = $e;
            }
        }
        // SAFETY: `TileFn` asks that the operands hold elements of these types, apart.
        unsafe { go(slice($o.a, $o.n), slice_mut($o.out, $o.n)) }
    }};
    ($o:ident, |$a:ident: $A:ty, $b:ident: $B:ty| -> $R:ty { $e:expr }) => {{
        #[inline(always)]
        fn go(x: &[$A], y: &[$B], out: &mut [$R]) {
            for ((o, &$a), &$b) in out.iter_mut().zip(x).zip(y) {
                *o = $e;
            }
        }
        // SAFETY: `TileFn` asks that the operands hold elements of these types, apart.
        unsafe { go(slice($o.a, $o.n), slice($o.b, $o.n), slice_mut($o.out, $o.n)) }
    }};
    ($o:ident, |one $a:ident: $A:ty, $b:ident: $B:ty| -> $R:ty { $e:expr }) => {{
        #[inline(always)]
        fn go($a: $A, y: &[$B], out: &mut [$R]) {
            for (o, &$b) in out.iter_mut().zip(y) {
                *o = $e;
            }
        }
        // SAFETY: `TileFn` asks that the operands hold elements of these types, apart.
        unsafe { go(*$o.a.cast::<$A>(), slice($o.b, $o.n), slice_mut($o.out, $o.n)) }
    }};
    ($o:ident, |$a:ident: $A:ty, one $b:ident: $B:ty| -> $R:ty { $e:expr }) => {{
        #[inline(always)]
        fn go(x: &[$A], $b: $B, out: &mut [$R]) {
            for (o, &$a) in out.iter_mut().zip(x) {
                *o = $e;
            }
        }
        // SAFETY: `TileFn` asks that the operands hold elements of these types, apart.
        unsafe { go(slice($o.a, $o.n), *$o.b.cast::<$B>(), slice_mut($o.out, $o.n)) }
    }};
    ($o:ident, |$a:ident: $A:ty, $b:ident: $B:ty, $c:ident: $C:ty| -> $R:ty { $e:expr }) => {{
        #[inline(always)]
        fn go(x: &[$A], y: &[$B], z: &[$C], out: &mut [$R]) {
            for (((o, &$a), &$b), &$c) in out.iter_mut().zip(x).zip(y).zip(z) {
                *o = $e;
            }
        }
        // SAFETY: `TileFn` asks that the operands hold elements of these types, apart.
        unsafe {
            go(slice($o.a, $o.n), slice($o.b, $o.n), slice($o.c, $o.n), slice_mut($o.out, $o.n))
        }
    }};
}
pub(super) use each;

/// A function over a tile of each tier, the tier's chosen when the chain is laid out.
macro_rules! choose {
    (|$($v:ident $($w:ident)?: $t:ty),*| -> $R:ty { $e:expr }) => {{
        /// # Safety
        /// As [`TileFn`] says, for the types of this function.
        #[inline(always)]
        unsafe fn plain(_: &Instr, o: Operands) { each!(o, |$($v $($w)?: $t),*| -> $R { $e }) }
        /// # Safety
        /// As [`TileFn`] says, for the types of this function, on a CPU with these instructions.
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
        unsafe fn avx512(i: &Instr, o: Operands) {
            // SAFETY: the operands are as `TileFn` says.
            unsafe { plain(i, o) }
        }
        /// # Safety
        /// As [`TileFn`] says, for the types of this function, on a CPU with these instructions.
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,fma")]
        unsafe fn avx2(i: &Instr, o: Operands) {
            // SAFETY: the operands are as `TileFn` says.
            unsafe { plain(i, o) }
        }
        match crate::kernels::isa::isa() {
            #[cfg(target_arch = "x86_64")]
            crate::kernels::isa::Isa::Avx512 => avx512 as TileFn,
            #[cfg(target_arch = "x86_64")]
            crate::kernels::isa::Isa::Avx2 => avx2 as TileFn,
            _ => plain as TileFn,
        }
    }};
}
pub(super) use choose;
