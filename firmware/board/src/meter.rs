//! What a case of a counting program costs: counted by the board's clock, or left to the reader of the emulator's trace.

use crate::clock::Clock;
use crate::{arguments, print_line, trace};

/// How cases are measured.
#[derive(Debug)]
pub enum Meter {
    /// Each is called until its instructions are known.
    Clock(Clock),
    /// Each is called once, in a region of the trace.
    Trace,
}

impl Meter {
    /// A trace if the program's first argument is 1, and then an empty region of it; otherwise the clock. `None` if that runs already.
    #[must_use]
    pub fn new() -> Option<Self> {
        if arguments::number(0) == Some(1) {
            trace::region(|| {});
            return Some(Self::Trace);
        }
        Clock::start().map(Self::Clock)
    }

    /// Measures a case and prints `name code instructions macs`; a trace's reader counts the instructions itself, and finds 0. `code` says
    /// whose instructions the case spends its time on: `naked` functions', or the `compiler`'s.
    #[inline(always)]
    pub fn measure(&self, name: Name<'_>, code: &str, macs: usize, mut work: impl FnMut()) {
        let instructions = match self {
            Self::Clock(clock) => clock.instructions(work),
            Self::Trace => {
                trace::region(&mut work);
                0
            }
        };
        let Name(shape, suffix) = name;
        print_line!("{}{} {} {} {}", shape, suffix, code, instructions, macs);
    }
}

/// A shape and what of it is computed.
#[derive(Debug, Clone, Copy)]
pub struct Name<'n>(pub &'n str, pub &'n str);

impl<'n> Name<'n> {
    /// `shape` over all its windows, over four of them (`@4`), or over one (`@1`).
    #[must_use]
    pub fn of_windows(shape: &'n str, count: usize, all: usize) -> Self {
        match count {
            _ if count == all => Self(shape, ""),
            1 => Self(shape, "@1"),
            _ => Self(shape, "@4"),
        }
    }
}
