//! From a training run to the integer container: lowering, the overflow proof, the self-test.
