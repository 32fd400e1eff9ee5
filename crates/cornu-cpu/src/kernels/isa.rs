//! The instruction set tier: probed once, or forced by the environment variable `CORNU_ISA`.

use std::sync::OnceLock;

/// A tier of kernels. Later ones are faster and need more of the CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Isa {
    /// Plain Rust, on every CPU.
    Portable,
    /// AVX2 with FMA on x86-64.
    Avx2,
    /// AVX-512 (F, VL, DQ, BW) on x86-64.
    Avx512,
}

impl Isa {
    /// The tiers, slowest first.
    pub const ALL: [Isa; 3] = [Isa::Portable, Isa::Avx2, Isa::Avx512];

    /// The name that reports print and `CORNU_ISA` takes.
    pub fn name(self) -> &'static str {
        match self {
            Isa::Portable => "portable",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
        }
    }

    /// Whether this CPU runs the tier.
    pub fn is_supported(self) -> bool {
        match self {
            Isa::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => {
                is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("fma")
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512bw")
            }
            #[cfg(not(target_arch = "x86_64"))]
            Isa::Avx2 | Isa::Avx512 => false,
        }
    }
}

/// The tier in use: the fastest that this CPU has, or the one that `CORNU_ISA` names
/// (`portable`, `avx2`, `avx512`; ignored if the CPU lacks it). Read once in a process.
pub fn isa() -> Isa {
    static ISA: OnceLock<Isa> = OnceLock::new();
    *ISA.get_or_init(|| choose(std::env::var("CORNU_ISA").ok().as_deref()))
}

fn choose(forced: Option<&str>) -> Isa {
    let named = Isa::ALL.into_iter().find(|i| Some(i.name()) == forced && i.is_supported());
    let best = Isa::ALL.into_iter().rev().find(|i| i.is_supported());
    named.or(best).unwrap_or(Isa::Portable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forced_tier_wins_and_an_unknown_one_is_ignored() {
        assert_eq!(choose(Some("portable")), Isa::Portable);
        let best = choose(None);
        assert!(best.is_supported());
        assert_eq!(choose(Some("abacus")), best);
    }
}
