//! The methods of `Simd` with long bodies: compiled once for each tier, not once for each caller.

/// Writes those methods inside an `impl Simd`: `outlined!(tier, "its features")`.
macro_rules! outlined {
    ($tier:ty $(, $features:literal)?) => {
        /// # Safety
        /// `b` is readable for (K, N); `dst` is writable for N rounded up to two registers, times
        /// `depth`, less what stands before the first row, apart from `b`; `k` rows stay within
        /// `depth`.
        #[inline(always)]
        unsafe fn pack(
            self,
            k: usize,
            n: usize,
            b: $crate::kernels::operands::View,
            depth: usize,
            dst: *mut f32,
        ) {
            /// # Safety
            /// The CPU has the tier's instructions; the rest as `pack_rows` asks.
            $(#[target_feature(enable = $features)])?
            #[inline(never)]
            unsafe fn outlined(
                s: $tier,
                k: usize,
                n: usize,
                b: $crate::kernels::operands::View,
                depth: usize,
                dst: *mut f32,
            ) {
                // SAFETY: `Simd::pack` asks for what `pack_rows` asks.
                unsafe { $crate::kernels::packing::pack_rows(s, k, n, b, depth, dst) }
            }
            // SAFETY: a value of the tier proves the instructions; `Simd::pack` asks for the rest.
            unsafe { outlined(self, k, n, b, depth, dst) }
        }
        /// # Safety
        /// `a` is readable for its rows and columns; `sums` is writable for its columns, apart from
        /// `a`.
        #[inline(always)]
        unsafe fn column_sums(
            self,
            a: $crate::kernels::operands::Rows,
            sums: *mut f32,
            add: bool,
        ) {
            /// # Safety
            /// The CPU has the tier's instructions; the rest as `column_sums` asks.
            $(#[target_feature(enable = $features)])?
            #[inline(never)]
            unsafe fn outlined(
                s: $tier,
                a: $crate::kernels::operands::Rows,
                sums: *mut f32,
                add: bool,
            ) {
                // SAFETY: `Simd::column_sums` asks for what the function asks.
                unsafe { $crate::kernels::column_sums::column_sums(s, a, sums, add) }
            }
            // SAFETY: a value of the tier proves the instructions; the method asks for the rest.
            unsafe { outlined(self, a, sums, add) }
        }
        /// # Safety
        /// The pointers of `job` are readable and writable for its shapes, and what is written lies
        /// apart from all that is read.
        #[inline(always)]
        unsafe fn matmul(self, job: &$crate::kernels::operands::Matmul) {
            /// # Safety
            /// The CPU has the tier's instructions; the rest as `matmul::run` asks.
            $(#[target_feature(enable = $features)])?
            #[inline(never)]
            unsafe fn outlined(s: $tier, job: &$crate::kernels::operands::Matmul) {
                // SAFETY: `Simd::matmul` asks for what `matmul::run` asks.
                unsafe { $crate::kernels::matmul::run(s, job) }
            }
            // SAFETY: a value of the tier proves the instructions; the method asks for the rest.
            unsafe { outlined(self, job) }
        }
    };
}
pub(crate) use outlined;
