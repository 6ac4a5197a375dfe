//! Codebooks: nearest vectors, residual stages, and what keeps them alive.
