//! Lets the tests find libtorch: built with the whole workspace, `vq-trainer` is linked with training and all.

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    if let Some(libtorch) = std::env::var_os("LIBTORCH") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{}/lib", libtorch.to_string_lossy());
    }
}
