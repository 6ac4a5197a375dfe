//! What the host wrote on the program's command line.

use core::mem::MaybeUninit;

use semihosting::sys::arm_compat::sys_get_cmdline_uninit;

/// Bytes of a command line that are read.
const LENGTH: usize = 128;

/// The number at place `index` among the decimal numbers on the command line; `None` if there are fewer.
#[must_use]
pub fn number(index: usize) -> Option<u32> {
    let mut buffer = [MaybeUninit::uninit(); LENGTH];
    let line = sys_get_cmdline_uninit(&mut buffer).ok()?;
    let digits = line.split(|byte| !byte.is_ascii_digit()).filter(|word| !word.is_empty()).nth(index)?;
    Some(digits.iter().fold(0, |value, digit| value.wrapping_mul(10).wrapping_add(u32::from(digit - b'0'))))
}
