//! Little-endian numbers at fixed places of a byte slice, without a panic: past the end everything reads as zero.
//!
//! Callers check lengths first; the zero only keeps the compiler from emitting a panic for the impossible case.

use bytemuck::Pod;

/// The `N` bytes at `offset`, or zeros where the slice ends before them.
pub(crate) const fn array_at<const N: usize>(bytes: &[u8], offset: usize) -> [u8; N] {
    match bytes.split_at_checked(offset) {
        Some((_, rest)) => match rest.first_chunk::<N>() {
            Some(chunk) => *chunk,
            None => [0; N],
        },
        None => [0; N],
    }
}

/// The byte at `offset`.
pub(crate) const fn u8_at(bytes: &[u8], offset: usize) -> u8 {
    u8::from_le_bytes(array_at(bytes, offset))
}

/// The 16-bit number at `offset`.
pub(crate) const fn u16_at(bytes: &[u8], offset: usize) -> u16 {
    u16::from_le_bytes(array_at(bytes, offset))
}

/// The signed 16-bit number at `offset`.
pub(crate) const fn i16_at(bytes: &[u8], offset: usize) -> i16 {
    i16::from_le_bytes(array_at(bytes, offset))
}

/// The 32-bit number at `offset`.
pub(crate) const fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, offset))
}

/// The signed 32-bit number at `offset`.
pub(crate) const fn i32_at(bytes: &[u8], offset: usize) -> i32 {
    i32::from_le_bytes(array_at(bytes, offset))
}

/// The `N` words at `offset` of bytes that are aligned as words are, or zeros where the bytes end before them or are not.
///
/// Fields of what comes back are single loads on every core; numbers at any place are put together byte by byte on those that cannot load them.
#[inline(always)]
pub(crate) fn words_at<const N: usize>(bytes: &[u8], offset: usize) -> &[u32; N]
where
    [u32; N]: Pod,
{
    words(bytes, offset).unwrap_or(&[0; N])
}

/// The same, if they are there.
#[inline(always)]
pub(crate) fn words<const N: usize>(bytes: &[u8], offset: usize) -> Option<&[u32; N]>
where
    [u32; N]: Pod,
{
    bytemuck::try_from_bytes(bytes.get(offset..)?.get(..N * 4)?).ok()
}

/// A zero that the compiler does not know: memory is filled with it in a loop, in place of a call of its `memset` of 160 bytes.
#[inline(always)]
pub(crate) fn zero<T: Default>() -> T {
    core::hint::black_box(T::default())
}

/// The low half of a word.
pub(crate) const fn low(word: u32) -> u16 {
    word as u16
}

/// The high half of a word.
pub(crate) const fn high(word: u32) -> u16 {
    (word >> 16) as u16
}

/// Byte `place` of a word.
pub(crate) const fn byte(word: u32, place: u32) -> u8 {
    (word >> (8 * place)) as u8
}

/// Copies `value` to `offset` of a record under construction.
pub(crate) fn put<const N: usize>(record: &mut [u8], offset: usize, value: [u8; N]) {
    if let Some(target) = record.get_mut(offset..).and_then(|rest| rest.first_chunk_mut::<N>()) {
        *target = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_little_endian_and_zero_past_the_end() {
        let bytes = [1, 2, 3, 4, 0xff];
        assert_eq!(u16_at(&bytes, 1), 0x0302);
        assert_eq!(u32_at(&bytes, 0), 0x0403_0201);
        assert_eq!(u8_at(&bytes, 4), 0xff);
        assert_eq!(u32_at(&bytes, 2), 0);
        assert_eq!(u16_at(&bytes, usize::MAX), 0);
    }
}
