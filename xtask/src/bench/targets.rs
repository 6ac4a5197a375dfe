//! The targets of the comparison.

use super::cycles::{CORTEX_M0, CORTEX_M3, CORTEX_M4, CycleTable};
use crate::firmware::{
    Board, CORTEX_M0_LARGE, CORTEX_M3_LARGE, CORTEX_M4F, CORTEX_M4F_SMALL, CORTEX_M7, CORTEX_M33, CORTEX_M33_DSP,
    RISC_V,
};

/// A core, the board that it is counted on, and what its manual says of cycles.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    /// Its name in tables and on the command line.
    pub(crate) name: &'static str,
    /// The board.
    pub(crate) board: Board,
    /// The table; none for RISC-V, whose cores differ.
    pub(crate) cycles: Option<CycleTable>,
}

impl PartialEq for Target {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// Every target. The M7 can do two instructions at a time, and no table of Arm's says what an M33 takes: both have the M4's, as an
/// orientation.
pub(crate) const TARGETS: [Target; 8] = [
    Target { name: "m4", board: CORTEX_M4F, cycles: Some(CORTEX_M4) },
    Target { name: "m4-small", board: CORTEX_M4F_SMALL, cycles: Some(CORTEX_M4) },
    Target { name: "m7", board: CORTEX_M7, cycles: Some(CORTEX_M4) },
    Target { name: "m33", board: CORTEX_M33, cycles: Some(CORTEX_M4) },
    Target { name: "m33-dsp", board: CORTEX_M33_DSP, cycles: Some(CORTEX_M4) },
    Target { name: "m3", board: CORTEX_M3_LARGE, cycles: Some(CORTEX_M3) },
    Target { name: "m0", board: CORTEX_M0_LARGE, cycles: Some(CORTEX_M0) },
    Target { name: "rv32", board: RISC_V, cycles: None },
];

/// A target by its name on the command line.
pub(crate) fn by_name(name: &str) -> Result<Target, String> {
    let names = || TARGETS.map(|target| target.name).join(", ");
    TARGETS.into_iter().find(|target| target.name == name).ok_or_else(|| format!("the targets are {}", names()))
}
