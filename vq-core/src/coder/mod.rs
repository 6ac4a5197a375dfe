//! From symbols to bytes.
//!
//! [`fixed`] writes every code with the bits that its alphabet needs. A coder that spends what a prior says a code is
//! worth takes the same place: symbols come in order, one at a time, and a hop that does not fit is taken back.

pub mod fixed;
