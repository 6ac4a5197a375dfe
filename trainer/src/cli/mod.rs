//! The subcommands of `vq`, one file each.
