//! Moving histories and clearing lines: loops of a few bytes in place of the compiler's `memmove` and `memset`, which are made for speed and take
//! a sixth of an encoder's code.

#[cfg(kernels = "rv32im")]
mod riscv;
#[cfg(any(kernels = "armv6m", kernels = "armv7m", kernels = "dsp"))]
mod thumb;

#[cfg(kernels = "rv32im")]
use riscv as form;
#[cfg(any(kernels = "armv6m", kernels = "armv7m", kernels = "dsp"))]
use thumb as form;

/// Moves `count` elements of a slice from one place to another, which may overlap; nothing where they do not lie inside.
pub(crate) fn move_within<E: bytemuck::Pod>(elements: &mut [E], from: usize, to: usize, count: usize) {
    let inside = |place: usize| place.checked_add(count).is_some_and(|end| end <= elements.len());
    if count == 0 || from == to || !inside(from) || !inside(to) {
        return;
    }
    move_inside(elements, from, to, count);
}

/// Clears elements.
pub(crate) fn clear<E: bytemuck::Pod>(elements: &mut [E]) {
    #[cfg(not(kernels))]
    elements.fill(E::zeroed());
    #[cfg(kernels)]
    {
        const { assert!(size_of::<E>().is_multiple_of(2), "elements are cleared by halves of words") };
        if !elements.is_empty() {
            // SAFETY: these are the bytes of the slice, which is not empty.
            unsafe { form::clear_halves(elements.as_mut_ptr().cast(), size_of_val(elements)) }
        }
    }
}

#[cfg(not(kernels))]
fn move_inside<E: bytemuck::Pod>(elements: &mut [E], from: usize, to: usize, count: usize) {
    elements.copy_within(from..from + count, to);
}

#[cfg(kernels)]
fn move_inside<E: bytemuck::Pod>(elements: &mut [E], from: usize, to: usize, count: usize) {
    const { assert!(size_of::<E>().is_multiple_of(2), "elements are moved by halves of words") };
    let start = elements.as_mut_ptr();
    let (source, target) = (start.wrapping_add(from), start.wrapping_add(to));
    // SAFETY: the caller has checked that both runs lie inside the slice, and that there is something to move.
    unsafe { form::move_halves(target.cast(), source.cast_const().cast(), count * size_of::<E>()) }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use proptest::prelude::*;
    use std::vec::Vec;

    use super::*;

    proptest! {
        #[test]
        fn runs_move_and_all_else_stays(length in 0usize..40, from in 0usize..44, to in 0usize..44, count in 0usize..44) {
            let before: Vec<i16> = (0..length as i16).collect();
            let mut after = before.clone();
            move_within(&mut after, from, to, count);
            let inside = from + count <= length && to + count <= length;
            for (place, value) in after.iter().enumerate() {
                let moved = inside && (to..to + count).contains(&place);
                prop_assert_eq!(*value, before[if moved { place - to + from } else { place }]);
            }
        }
    }

    #[test]
    fn what_is_cleared_is_zero() {
        let mut words = [7; 9];
        clear(&mut words[1..8]);
        assert_eq!(words, [7, 0, 0, 0, 0, 0, 0, 0, 7]);
        let mut halves = [7i16; 4];
        clear(&mut halves[1..2]);
        clear::<i16>(&mut []);
        assert_eq!(halves, [7, 0, 7, 7]);
    }
}
