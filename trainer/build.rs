//! Lets the programs and tests that may carry libtorch find it where they were built, with nothing exported.
//!
//! Every package whose binaries or tests can contain the trainer names this file as its build script: a run-time path is
//! an argument of the final link, and building the whole workspace turns the trainer's `train` feature on for all.

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    if let Some(libtorch) = std::env::var_os("LIBTORCH") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{}/lib", libtorch.to_string_lossy());
    }
}
