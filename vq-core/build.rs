//! Chooses the kernels by the target's name.
//!
//! Not by `cfg(target_feature)`: stable compilers hide Arm's features from it and bootstrapped ones show them, so the
//! same firmware would be fast or slow depending on who built it.

use std::env;

fn main() {
    println!("cargo:rustc-check-cfg=cfg(kernels, values(none(), \"dsp\", \"armv7m\", \"armv6m\", \"rv32im\"))");
    println!("cargo:rustc-check-cfg=cfg(optional_dsp)");
    println!("cargo:rustc-check-cfg=cfg(host, values(none(), \"x86\"))");
    println!("cargo:rustc-check-cfg=cfg(compressed)");
    println!("cargo:rerun-if-changed=build.rs");
    let target = env::var("TARGET").unwrap_or_default();
    let has_dsp_feature = env::var_os("CARGO_FEATURE_CORTEX_M33_DSP").is_some();
    // What a processor can do is asked at run time, which takes the standard library.
    if target.starts_with("x86_64") && env::var_os("CARGO_FEATURE_STD").is_some() {
        println!("cargo:rustc-cfg=host");
        println!("cargo:rustc-cfg=host=\"x86\"");
    }
    if let Some(form) = form(&target, has_dsp_feature) {
        println!("cargo:rustc-cfg=kernels");
        println!("cargo:rustc-cfg=kernels=\"{form}\"");
        // The letters behind riscv32 are the extensions.
        if form == "rv32im"
            && target.trim_start_matches("riscv32").split('-').next().is_some_and(|core| core.contains('c'))
        {
            println!("cargo:rustc-cfg=compressed");
        }
        if form == "dsp" && target.starts_with("thumbv8m") {
            println!("cargo:rustc-cfg=optional_dsp");
        }
    }
}

/// The form for a target; none where the portable one is all there is. DSP instructions are optional in Armv8-M.
fn form(target: &str, has_dsp_feature: bool) -> Option<&'static str> {
    match target.split('-').next()? {
        "thumbv7em" => Some("dsp"),
        "thumbv6m" | "thumbv8m.base" => Some("armv6m"),
        "thumbv8m.main" if has_dsp_feature => Some("dsp"),
        "thumbv7m" | "thumbv8m.main" => Some("armv7m"),
        core if core.starts_with("riscv32im") => Some("rv32im"),
        _ => None,
    }
}
