//! Every public function of vq-core, called with inputs that the compiler knows nothing of and with results that it may not drop. Linked with a
//! panic handler that does not exist; it is not run. A test of `xtask` holds the calls, `Type::function` or `module::function`, against the
//! functions that there are. What formats errors for people is left out: `core::fmt` panics in theory.
#![no_std]
#![no_main]

mod codec;
mod kernels;
mod model;
mod packet;
mod prior;

use core::hint::black_box;

use firmware_board::{entry, exit};

/// Bytes and numbers of no known value, over one piece of memory each.
struct Opaque<'m> {
    bytes: &'m [u8],
    /// What functions write to.
    output: &'m mut [u8],
    elements: &'m mut [i16],
    number: usize,
}

impl Opaque<'_> {
    fn word(&self) -> u32 {
        black_box(self.number as u32)
    }

    fn half(&self) -> u16 {
        black_box(self.number as u16)
    }

    fn byte(&self) -> u8 {
        black_box(self.number as u8)
    }

    fn flag(&self) -> bool {
        black_box(self.number != 0)
    }
}

/// Keeps a result from being dropped, and the call that gave it.
fn keep<T>(result: T) {
    let _ = black_box(result);
}

#[entry]
fn main() -> ! {
    let (bytes, mut output, mut elements) = ([0; 64], [0; 64], [0; 64]);
    let length = black_box(64);
    let mut opaque = Opaque {
        bytes: black_box(bytes.get(..length).unwrap_or_default()),
        output: black_box(output.get_mut(..length).unwrap_or_default()),
        elements: black_box(elements.get_mut(..length).unwrap_or_default()),
        number: black_box(length),
    };
    kernels::call(&mut opaque);
    packet::call(&mut opaque);
    prior::call(&mut opaque);
    model::call(&mut opaque);
    codec::call(&mut opaque);
    if cfg!(feature = "panics") {
        keep(opaque.bytes[opaque.number]);
    }
    exit(true)
}
