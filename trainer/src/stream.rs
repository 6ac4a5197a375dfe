//! The `.vqs` file: a header and packets, framed so that files can be cut and joined.
