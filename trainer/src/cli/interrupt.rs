//! Ctrl-C, and what a system sends in its place: what is running ends in an order that loses nothing.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::exit;

use crate::train::{predictor, prior};

/// What a shell adds to the number of the signal that ended a program.
const ENDED_BY_SIGNAL: i32 = 128;

/// A flag that the first signal sets; the second ends the program.
///
/// # Errors
/// If the system has no signals or threads left.
pub(super) fn stop_on_interrupt() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    listen(Arc::clone(&stop)).context("cannot listen for Ctrl-C")?;
    Ok(stop)
}

fn listen(stop: Arc<AtomicBool>) -> io::Result<()> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    let answer = move || {
        for signal in signals.forever() {
            if stop.swap(true, Ordering::Relaxed) {
                // Not as a program ends by itself: libtorch's threads would still run while what they use is torn down.
                exit(ENDED_BY_SIGNAL + signal);
            }
            eprintln!("\nStopping after this step; again to stop at once.");
        }
    };
    std::thread::Builder::new().name("signals".into()).spawn(answer).map(drop)
}

/// Whether an error says no more than that a prior or a predictor was told to stop.
pub(super) fn is_stop(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(prior::FitError::Stopped))
        || matches!(error.downcast_ref(), Some(predictor::FitError::Stopped))
}
