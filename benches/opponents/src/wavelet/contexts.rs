//! The context of a level: how large its surroundings are.
//!
//! Two surroundings are known to a decoder: the three levels before it in its own band and packet, in nine classes, and its parent, which
//! covers the same time in the next coarser band, in three.

use crate::adaptive::{MAGNITUDE_CLASSES, magnitude_class};

/// Contexts that there are.
pub(super) const CONTEXTS: usize = MAGNITUDE_CLASSES * PARENTS;

/// Classes of a parent's magnitude: zero, one, more.
const PARENTS: usize = 3;

/// The context of the level at `index` of `band`, from the levels since `first` and from its parent; bands without parents have none.
pub(super) fn context(band: &[i64], parents: &[i64], first: usize, index: usize) -> usize {
    let before = |distance: usize| {
        let earlier = index.checked_sub(distance).filter(|&earlier| earlier >= first);
        earlier.map_or(0, |earlier| band[earlier].unsigned_abs())
    };
    let surroundings = 2 * before(1) + before(2) + before(3);
    let parent = parents.get(index / 2).map_or(0, |parent| parent.unsigned_abs().min(PARENTS as u64 - 1));
    magnitude_class(surroundings) + MAGNITUDE_CLASSES * parent as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_before_counts_twice_and_the_level_itself_not_at_all() {
        let magnitude = |band: [i64; 4]| context(&band, &[], 0, 3);
        assert_eq!(magnitude([0, 0, 0, 99]), 0);
        assert_eq!(magnitude([0, 0, -1, 0]), 1);
        assert_eq!(magnitude([2, 0, 0, 0]), 1);
        assert_eq!(magnitude([1, 0, 1, 0]), 2);
        assert_eq!(magnitude([0, 64, 0, 0]), 7);
        assert_eq!(magnitude([1, -64, 0, 0]), 8);
    }

    #[test]
    fn before_the_first_level_there_are_zeros() {
        let band = [5, 5, 5];
        assert_eq!([0, 1, 2].map(|index| context(&band, &[], 0, index)), [0, 4, 5]);
        assert_eq!([1, 2].map(|index| context(&band, &[], 1, index)), [0, 4]);
    }

    #[test]
    fn two_levels_share_a_parent() {
        let parents = [0, -1, 7];
        let classes = [0, 1, 2, 3, 4, 5].map(|index| context(&[0; 6], &parents, 0, index) / MAGNITUDE_CLASSES);
        assert_eq!(classes, [0, 0, 1, 1, 2, 2]);
    }

    #[test]
    fn the_largest_surroundings_have_the_last_context() {
        assert_eq!(context(&[1_000_000; 4], &[9, 9], 0, 3), CONTEXTS - 1);
    }
}
