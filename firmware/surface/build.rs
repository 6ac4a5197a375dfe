//! Links for a board.

fn main() {
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
}
