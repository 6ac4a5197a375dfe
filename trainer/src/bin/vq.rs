//! The `vq` program.
fn main() {}
