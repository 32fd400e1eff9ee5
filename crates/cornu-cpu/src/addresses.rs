//! Addresses of whole values and of a shard's rows of them, with their types and dims checked.

use crate::memory::{address, address_mut};
use crate::variable::Variable;
use cornu_ir::{DType, View, ViewMut};

/// Bytes of one row of a value of these dims.
fn row_bytes(dtype: DType, dims: &[usize]) -> usize {
    dims[1..].iter().product::<usize>() * dtype.size_bytes()
}

/// Panics unless rows `first_row..` of a value are `dims` of a type.
fn check_rows(
    what: &str,
    k: usize,
    (has, has_dims): (DType, &[usize]),
    (dtype, dims): (DType, &[usize]),
    first_row: usize,
) {
    let fits = has == dtype
        && has_dims.len() == dims.len()
        && !dims.is_empty()
        && has_dims[1..] == dims[1..]
        && first_row + dims[0] <= has_dims[0];
    assert!(
        fits,
        "{what} {k}: the program takes rows {first_row}.. of {dtype} for {dims:?}. Received: \
         {has}{has_dims:?}"
    );
}

/// Panics unless a value holds so many elements of a type.
fn check_whole(what: &str, k: usize, has: (DType, &[usize]), dtype: DType, n: usize) {
    assert!(
        has.0 == dtype && has.1.iter().product::<usize>() == n,
        "{what} {k}: the program has {n} elements of {dtype}. Received: {}{:?}",
        has.0,
        has.1
    );
}

/// A shard's rows of an input.
pub(crate) fn input_rows(
    v: &View<'_>,
    k: usize,
    dtype: DType,
    dims: &[usize],
    first_row: usize,
) -> *const u8 {
    check_rows("input", k, (v.dtype(), v.dims), (dtype, dims), first_row);
    address(v).wrapping_add(first_row * row_bytes(dtype, dims))
}

/// An input.
pub(crate) fn input(v: &View<'_>, k: usize, dtype: DType, n: usize) -> *const u8 {
    check_whole("input", k, (v.dtype(), v.dims), dtype, n);
    address(v)
}

/// A shard's rows of a result.
pub(crate) fn result_rows(
    v: &mut ViewMut<'_>,
    k: usize,
    dtype: DType,
    dims: &[usize],
    first_row: usize,
) -> *mut u8 {
    check_rows("result", k, (v.dtype(), v.dims), (dtype, dims), first_row);
    address_mut(v).wrapping_add(first_row * row_bytes(dtype, dims))
}

/// A result.
pub(crate) fn result(v: &mut ViewMut<'_>, k: usize, dtype: DType, n: usize) -> *mut u8 {
    check_whole("result", k, (v.dtype(), v.dims), dtype, n);
    address_mut(v)
}

/// A shard's rows of a variable.
///
/// # Safety
/// The variable's set is locked.
pub(crate) unsafe fn variable_rows(
    v: &Variable,
    k: usize,
    dtype: DType,
    dims: &[usize],
    first_row: usize,
) -> *mut u8 {
    // SAFETY: the set is locked.
    unsafe {
        let has_dims = v.dims();
        check_rows("variable", k, (v.dtype(), has_dims), (dtype, dims), first_row);
        v.address(dtype, has_dims.iter().product()).wrapping_add(first_row * row_bytes(dtype, dims))
    }
}
