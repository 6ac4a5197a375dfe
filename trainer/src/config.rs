//! The training configuration: every key documented, unknown keys refused.
