//! Lines on the host's terminal. Those of [`number`] and [`text`] are made without `core::fmt` and without a division of
//! 64 bits, which would be 3 KiB of the image; [`Terminal`] takes `write!` where size does not matter.

use core::fmt::{self, Write};

use crate::file::{File, HostError};

/// The host's standard output.
#[derive(Debug)]
pub struct Terminal(File);

impl Terminal {
    /// Opens it.
    ///
    /// # Errors
    /// The host has none.
    pub fn open() -> Result<Self, HostError> {
        File::create(c":tt").map(Self)
    }
}

impl Write for Terminal {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write(text.as_bytes()).map_err(|HostError(_)| fmt::Error)
    }
}

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

/// Prints a line with `core::fmt`.
#[macro_export]
macro_rules! print_line {
    ($($format:tt)*) => {
        $crate::console::formatted_line(::core::format_args!($($format)*))
    };
}

/// Prints a line; see [`print_line!`](crate::print_line).
pub fn formatted_line(line: fmt::Arguments<'_>) {
    if let Ok(mut terminal) = Terminal::open() {
        // A terminal that does not take the line has nowhere to say so.
        writeln!(terminal, "{line}").ok();
    }
}

fn line(name: &str, value: &[u8]) {
    if let Ok(Terminal(mut file)) = Terminal::open() {
        for part in [name.as_bytes(), b" ", value, b"\n"] {
            file.write(part).ok();
        }
    }
}
