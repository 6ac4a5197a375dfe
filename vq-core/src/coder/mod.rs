//! From symbols to bytes, spending on each symbol what a prior says it is worth.
//!
//! [`range`] is the coder. Symbols come in order, one at a time, and a hop that does not fit is taken back by restoring
//! the encoder's state, which is a few words.

pub mod range;
