//! The nets of `vq-core::nn` in tch, built from the same [`crate::architecture`] description.
