//! microvq's codec.
#![no_std]
#![forbid(unsafe_code)]
