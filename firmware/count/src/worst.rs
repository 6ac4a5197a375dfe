//! The worst of many small pieces of work: found by the clock, and found again by its place in a trace.

use firmware_board::clock::CLOCK_HERTZ;
use firmware_board::meter::{Meter, Name};
use firmware_board::{arguments, print_line, trace};

/// Looks for it.
pub(crate) struct Worst<'m> {
    meter: &'m Meter,
    /// In a trace: the place of the piece that is its region.
    traced: Option<u32>,
    place: u32,
    ticks: u64,
    worst: u32,
}

impl<'m> Worst<'m> {
    /// Begins. `number` counts those that began: in a trace the command line names a place for each of them.
    pub(crate) fn new(meter: &'m Meter, number: &mut usize) -> Self {
        *number += 1;
        Self { meter, traced: arguments::number(*number), place: 0, ticks: 0, worst: 0 }
    }

    /// Does a piece of work.
    pub(crate) fn take<R>(&mut self, work: impl FnOnce() -> R) -> R {
        let place = self.place;
        self.place += 1;
        match self.meter {
            Meter::Clock(clock) => {
                let mut ticks = 0;
                let result = clock.measure(&mut ticks, work);
                if ticks > self.ticks {
                    (self.ticks, self.worst) = (ticks, place);
                }
                result
            }
            Meter::Trace if self.traced == Some(place) => trace::region(work),
            Meter::Trace => work(),
        }
    }

    /// Prints the case as the meter does, and `place` of the piece.
    pub(crate) fn print(self, name: Name<'_>) {
        let instructions = self.ticks * 1_000_000_000 / u64::from(CLOCK_HERTZ);
        print_line!("{}{} compiler {} 0", name.0, name.1, instructions);
        print_line!("place {}", self.worst);
    }
}
