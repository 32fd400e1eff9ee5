//! Functions compiled once for each tier of instructions, the tier chosen at run time.

/// Compiles a kernel that is generic over [`Simd`](super::simd::Simd) for each tier.
///
/// `fn name(a: A, b: B) = path;` makes `unsafe fn name(isa: Isa, a: A, b: B)`, which calls
/// `path(registers of the tier, a, b)` inside a function that has the tier's instructions. It must
/// be called with a supported tier and with what `path` asks for.
macro_rules! on_each_tier {
    ($(#[$meta:meta])* fn $name:ident($($arg:ident: $t:ty),* $(,)?) = $body:path;) => {
        $(#[$meta])*
        unsafe fn $name(isa: $crate::kernels::isa::Isa, $($arg: $t),*) {
            /// # Safety
            /// The CPU has AVX-512 (F, VL, DQ, BW), AVX2 and FMA; the arguments are as the kernel
            /// asks.
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,avx512f,avx512vl,avx512dq,avx512bw")]
            unsafe fn avx512($($arg: $t),*) {
                // SAFETY: the CPU has the instructions, and the arguments are as the kernel asks.
                unsafe { $body($crate::kernels::avx512::Avx512::new_unchecked(), $($arg),*) }
            }
            /// # Safety
            /// The CPU has AVX2 and FMA; the arguments are as the kernel asks.
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            unsafe fn avx2($($arg: $t),*) {
                // SAFETY: the CPU has the instructions, and the arguments are as the kernel asks.
                unsafe { $body($crate::kernels::avx2::Avx2::new_unchecked(), $($arg),*) }
            }
            /// # Safety
            /// The arguments are as the kernel asks.
            #[inline(never)]
            unsafe fn portable($($arg: $t),*) {
                // SAFETY: the arguments are as the kernel asks.
                unsafe { $body($crate::kernels::portable::Portable::new_unchecked(), $($arg),*) }
            }
            debug_assert!(isa.is_supported(), "a tier that this CPU runs");
            // SAFETY: the tier is supported, and the arguments are as the kernel asks.
            unsafe {
                match isa {
                    #[cfg(target_arch = "x86_64")]
                    $crate::kernels::isa::Isa::Avx512 => avx512($($arg),*),
                    #[cfg(target_arch = "x86_64")]
                    $crate::kernels::isa::Isa::Avx2 => avx2($($arg),*),
                    _ => portable($($arg),*),
                }
            }
        }
    };
}
pub(crate) use on_each_tier;

/// Compiles plain loops for each tier: the compiler turns them into the tier's instructions.
macro_rules! by_tier {
    ($($(#[$meta:meta])* fn $name:ident($($arg:ident: $t:ty),* $(,)?) $body:block)*) => {$(
        $(#[$meta])*
        #[inline]
        fn $name($($arg: $t),*) {
            #[inline(always)]
            fn plain($($arg: $t),*) $body
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
            fn avx512($($arg: $t),*) { plain($($arg),*) }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            fn avx2($($arg: $t),*) { plain($($arg),*) }
            match $crate::kernels::isa::isa() {
                // SAFETY: `isa` gives supported tiers alone.
                #[cfg(target_arch = "x86_64")]
                $crate::kernels::isa::Isa::Avx512 => unsafe { avx512($($arg),*) },
                // SAFETY: `isa` gives supported tiers alone.
                #[cfg(target_arch = "x86_64")]
                $crate::kernels::isa::Isa::Avx2 => unsafe { avx2($($arg),*) },
                _ => plain($($arg),*),
            }
        }
    )*};
}
pub(crate) use by_tier;
