//! The folder a training run leaves behind: what is in it and how it is read back.
