//! Distortion and rate, each defined once.
