//! The training loop: losses, schedule, checkpoints, resume, metrics.
