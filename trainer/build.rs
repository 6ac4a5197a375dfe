//! Lets the programs and tests of this crate find libtorch where they were built, with nothing exported.

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    if std::env::var_os("CARGO_FEATURE_TRAIN").is_some()
        && let Some(libtorch) = std::env::var_os("LIBTORCH")
    {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{}/lib", libtorch.to_string_lossy());
    }
}
