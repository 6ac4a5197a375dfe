//! Signals in and out: recordings, their file formats, splits.
