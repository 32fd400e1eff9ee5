//! The one walk over strided memory from which transpose, slice, broadcast, pad, concat and their
//! gradients are made.

/// Row-major strides of dims, in elements.
pub fn strides(dims: &[usize]) -> Vec<usize> {
    let mut s = vec![1; dims.len()];
    for i in (0..dims.len().saturating_sub(1)).rev() {
        s[i] = s[i + 1] * dims[i + 1];
    }
    s
}

/// A walk over `dims` where axis `i` moves `strides[i]` elements (negative walks backwards, 0
/// repeats).
#[derive(Clone, Debug)]
pub struct Walk {
    /// Dims walked.
    pub dims: Vec<usize>,
    /// Elements moved per axis.
    pub strides: Vec<isize>,
    /// First element.
    pub offset: isize,
}

impl Walk {
    /// Calls `f(k, at)` for the k-th contiguous position and its place `at` in the strided memory,
    /// row by row: `f` gets runs along the last axis as `(k, at, stride, length)`.
    pub fn rows(&self, mut f: impl FnMut(usize, isize, isize, usize)) {
        if self.dims.contains(&0) {
            return;
        }
        let rank = self.dims.len();
        if rank == 0 {
            return f(0, self.offset, 1, 1);
        }
        let (n, stride) = (self.dims[rank - 1], self.strides[rank - 1]);
        let mut index = vec![0usize; rank - 1];
        let (mut k, mut at) = (0usize, self.offset);
        loop {
            f(k, at, stride, n);
            k += n;
            let mut axis = rank - 1;
            loop {
                if axis == 0 {
                    return;
                }
                axis -= 1;
                index[axis] += 1;
                at += self.strides[axis];
                if index[axis] < self.dims[axis] {
                    break;
                }
                at -= self.strides[axis] * self.dims[axis] as isize;
                index[axis] = 0;
            }
        }
    }

    /// `dst[k] = src[at]` for every position.
    pub fn read<T: Copy>(&self, src: &[T], dst: &mut [T]) {
        self.rows(|k, at, stride, n| {
            let dst = &mut dst[k..k + n];
            match stride {
                1 => dst.copy_from_slice(&src[at as usize..at as usize + n]),
                0 => dst.fill(src[at as usize]),
                _ => {
                    let mut p = at;
                    for d in dst {
                        *d = src[p as usize];
                        p += stride;
                    }
                }
            }
        });
    }

    /// `dst[at] = src[k]` for every position.
    pub fn write<T: Copy>(&self, src: &[T], dst: &mut [T]) {
        self.rows(|k, at, stride, n| {
            let mut p = at;
            for s in &src[k..k + n] {
                dst[p as usize] = *s;
                p += stride;
            }
        });
    }
}
