//! The notice that a build without optimization is slow.

use std::sync::Once;

/// Tells once, at the first training of a process, that the kernels were compiled without
/// optimization; not with `verbose(0)`.
pub(super) fn unoptimized(verbose: u8) {
    static TOLD: Once = Once::new();
    if let Some(notice) = notice(cornu_cpu::OPT_LEVEL, verbose) {
        TOLD.call_once(|| eprintln!("{notice}"));
    }
}

/// The notice for an `opt-level` of cargo's, where there is one to give.
fn notice(opt_level: &str, verbose: u8) -> Option<&'static str> {
    (opt_level == "0" && verbose > 0).then_some(
        "note: cornu was compiled without optimization and trains up to 200 times slower. \
         Add to Cargo.toml:\n\n    [profile.dev.package.\"*\"]\n    opt-level = 3\n\n\
         or build with --release. (In a workspace that holds cornu itself name the packages: \
         cornu, cornu-ir, cornu-cpu.)",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_without_optimization_is_told_how_to_mend_it() {
        let text = notice("0", 1).unwrap();
        assert!(text.contains("[profile.dev.package.\"*\"]\n    opt-level = 3"), "{text}");
        assert_eq!(notice("0", 0), None);
        for level in ["1", "2", "3", "s", "z"] {
            assert_eq!(notice(level, 2), None);
        }
    }
}
