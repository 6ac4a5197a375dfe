//! Lines on the host's terminal. Without `core::fmt` and without a division of 64 bits, which would be 3 KiB of the
//! image.

use cortex_m_semihosting::hio;

/// Prints `name value`, the value in hexadecimal.
pub fn number(name: &str, value: u64) {
    let mut digits = *b"0x0000000000000000";
    for (place, digit) in digits.iter_mut().skip(2).rev().enumerate() {
        let nibble = (value >> (4 * place)) as u8 & 15;
        *digit = if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
    }
    line(name, &digits);
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
