//! Tells the crate how far it is optimized.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let level = std::env::var("OPT_LEVEL").unwrap_or_default();
    println!("cargo::rustc-env=CORNU_OPT_LEVEL={level}");
}
