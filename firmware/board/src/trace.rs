//! Marks a region of a program for a reader of the emulator's instruction trace.

use core::hint::black_box;
use core::sync::atomic::{Ordering, compiler_fence};

/// Runs `work` between calls of `trace_begin` and `trace_end`, which a reader finds in the trace by the image's symbols.
pub fn region<R>(work: impl FnOnce() -> R) -> R {
    trace_begin();
    compiler_fence(Ordering::SeqCst);
    let result = work();
    compiler_fence(Ordering::SeqCst);
    trace_end();
    result
}

// What they do is different, because the linker may put functions that do the same into one place.

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn trace_begin() {
    black_box(1);
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn trace_end() {
    black_box(2);
}
