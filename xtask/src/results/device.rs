//! Tables of what is committed of the emulated cores.

use super::Piece;
use crate::bench::{goals, rungs};
use crate::project::Project;
use crate::size;

/// Instructions of the layers and of every rung, and sizes of the codec.
pub(super) fn pieces(project: &Project) -> Vec<Piece> {
    let told = |text: anyhow::Result<String>| text.map_err(|error| format!("{error:#}"));
    vec![
        Piece::table("firmware/kernels/README.md", "kernels", told(goals::table(project))),
        Piece::table("docs/priors.md", "rungs", told(rungs::table(project))),
        Piece::table("docs/results.md", "sizes", told(size::committed_table(project))),
    ]
}
