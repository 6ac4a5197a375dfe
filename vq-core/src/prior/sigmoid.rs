//! The logistic function and the hyperbolic tangent as integers: a table and straight lines between its points.
//!
//! Arguments are in 1/4096, results in 1/32768. No result is further than 3 steps from the exact one, or 5 for `tanh`,
//! but where the table ends: from an argument of 10 on (5 for `tanh`) the result stays.

/// `round(2^15 / (1 + exp(−i / 16)))`, the table of the specification, up to an argument of 10.
const TABLE: [u16; 161] = [
    16384, 16896, 17407, 17916, 18421, 18923, 19420, 19912, 20397, 20874, 21344, 21804, 22255, 22696, 23127, 23547,
    23955, 24352, 24737, 25110, 25471, 25819, 26155, 26479, 26790, 27090, 27377, 27653, 27917, 28169, 28411, 28642,
    28862, 29072, 29272, 29462, 29644, 29816, 29979, 30135, 30282, 30422, 30555, 30680, 30799, 30912, 31018, 31119,
    31214, 31304, 31389, 31469, 31545, 31616, 31684, 31747, 31807, 31864, 31917, 31968, 32015, 32060, 32102, 32141,
    32179, 32214, 32247, 32278, 32307, 32335, 32361, 32385, 32408, 32430, 32450, 32469, 32487, 32504, 32520, 32535,
    32549, 32562, 32574, 32586, 32597, 32607, 32617, 32626, 32635, 32643, 32650, 32657, 32664, 32670, 32676, 32682,
    32687, 32692, 32696, 32701, 32705, 32709, 32712, 32716, 32719, 32722, 32725, 32727, 32730, 32732, 32734, 32736,
    32738, 32740, 32742, 32743, 32745, 32746, 32747, 32749, 32750, 32751, 32752, 32753, 32754, 32755, 32756, 32756,
    32757, 32758, 32758, 32759, 32759, 32760, 32760, 32761, 32761, 32762, 32762, 32762, 32763, 32763, 32763, 32764,
    32764, 32764, 32764, 32765, 32765, 32765, 32765, 32765, 32766, 32766, 32766, 32766, 32766, 32766, 32766, 32766,
    32767,
];

/// Where an argument of 0 stands in [`BOTH_SIDES`].
pub(crate) const MIDDLE: usize = 256;

/// The table for arguments from −16 to 16, so that no sign is looked at and sums of two numbers of 16 bits need no limits. Two entries
/// are read together; the last one stands once more for the sake of words.
#[allow(clippy::indexing_slicing, reason = "in a constant: an index outside would not compile")]
pub(crate) static BOTH_SIDES: [i16; 2 * MIDDLE + 2] = {
    let mut sides = [0; 2 * MIDDLE + 2];
    let mut place = 0;
    while place < sides.len() {
        let distance = place.abs_diff(MIDDLE);
        let value = TABLE[if distance < TABLE.len() { distance } else { TABLE.len() - 1 }] as i16;
        // The other side in 16 bits: 32768 less the value.
        sides[place] = if place < MIDDLE { i16::MIN.wrapping_sub(value) } else { value };
        place += 1;
    }
    sides
};

/// Arguments count as no more than this, and no less than its negative.
pub(crate) const REACH: i32 = 1 << 16;

/// `1 / (1 + exp(−x))`: 1..=32767, never falling.
#[inline]
#[must_use]
pub fn sigmoid(x: i32) -> i32 {
    let x = x.clamp(-REACH, REACH - 1);
    let place = (x >> 8) as usize & (2 * MIDDLE - 1) ^ MIDDLE;
    // Both are always there.
    let low = BOTH_SIDES.get(place).copied().map_or(0, i32::from);
    let high = BOTH_SIDES.get(place + 1).copied().map_or(0, i32::from);
    // A half rounds away from the middle, on both sides.
    low + (((high - low) * (x & 255) + 128 + (x >> 31)) >> 8)
}

/// `tanh(x)`: −32766..=32766, never falling.
#[inline]
#[must_use]
pub fn tanh(x: i32) -> i32 {
    sigmoid(x.saturating_mul(2)) * 2 - (1 << 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_specification() {
        for (i, entry) in TABLE.iter().enumerate() {
            let exact = 32768.0 / (1.0 + (-(i as f64) / 16.0).exp());
            assert_eq!(f64::from(*entry), exact.round(), "entry {i}");
        }
    }

    #[test]
    fn close_to_the_exact_functions_and_never_falling() {
        let (mut sigmoid_before, mut tanh_before) = (0, -32768);
        for x in -60_000..=60_000 {
            let argument = f64::from(x) / 4096.0;
            let (s, t) = (sigmoid(x), tanh(x));
            assert!((f64::from(s) - 32768.0 / (1.0 + (-argument).exp())).abs() <= 3.0, "sigmoid of {argument}: {s}");
            assert!((f64::from(t) - 32768.0 * argument.tanh()).abs() <= 5.0, "tanh of {argument}: {t}");
            assert!(s >= sigmoid_before && t >= tanh_before);
            (sigmoid_before, tanh_before) = (s, t);
        }
    }

    /// Straight lines on the side above zero, and the other side as what is left of one: the words of the specification.
    #[test]
    fn both_sides_are_one_table() {
        for x in -70_000i32..=70_000 {
            let magnitude = x.abs().min(160 << 8);
            let (place, within) = ((magnitude >> 8) as usize, magnitude & 255);
            let [low, high] = [place, (place + 1).min(160)].map(|place| i32::from(TABLE[place]));
            let value = low + (((high - low) * within + 128) >> 8);
            assert_eq!(sigmoid(x), if x < 0 { 32768 - value } else { value }, "{x}");
        }
    }

    #[test]
    fn the_ends_stay_inside() {
        for (x, s) in [(i32::MIN, 1), (i32::MAX, 32767), (160 << 8, 32767), (-160 << 8, 1)] {
            assert_eq!(sigmoid(x), s);
            assert_eq!(tanh(x), 2 * s - 32768);
        }
    }
}
