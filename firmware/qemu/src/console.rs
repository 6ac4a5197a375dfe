//! Lines on the host's terminal. Without `core::fmt`, whose number formatting can panic as far as the linker knows.

use cortex_m_semihosting::hio;

/// Digits of `u64::MAX`.
const DIGITS: usize = 20;

/// Prints `name value`.
pub fn number(name: &str, value: u64) {
    let mut digits = [0; DIGITS];
    line(name, decimal(value, &mut digits));
}

/// Prints `name text`.
pub fn text(name: &str, text: &str) {
    line(name, text.as_bytes());
}

fn line(name: &str, value: &[u8]) {
    if let Ok(mut terminal) = hio::hstdout() {
        // A terminal that does not take the line has nowhere to say so.
        for part in [name.as_bytes(), b" ", value, b"\n"] {
            terminal.write_all(part).ok();
        }
    }
}

fn decimal(mut value: u64, digits: &mut [u8; DIGITS]) -> &[u8] {
    let mut first = DIGITS;
    for (place, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
        first = place;
        if value == 0 {
            break;
        }
    }
    digits.get(first..).unwrap_or(&[])
}
