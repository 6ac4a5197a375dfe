//! Images of one size, as bytes.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::hexadecimal::hexadecimal;

/// The size of every image of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageShape {
    /// 1 for grey, 3 for colour.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl ImageShape {
    /// Rows times columns.
    #[must_use]
    pub fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// Bytes of an image.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.channels * self.pixels()
    }
}

impl std::fmt::Display for ImageShape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}×{}×{}", self.height, self.width, self.channels)
    }
}

/// Images of one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSet {
    /// Their size.
    pub shape: ImageShape,
    /// Their bytes, `[images, channels, height, width]`.
    pub pixels: Vec<u8>,
    /// Where each came from.
    pub names: Vec<String>,
}

impl ImageSet {
    /// How many images there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The bytes of image `index`, `[channels, height, width]`.
    #[must_use]
    pub fn image(&self, index: usize) -> &[u8] {
        let bytes = self.shape.bytes();
        self.pixels.get(index * bytes..(index + 1) * bytes).unwrap_or_default()
    }

    /// The images for which `keep` holds, by their index.
    #[must_use]
    pub fn filter(&self, mut keep: impl FnMut(usize) -> bool) -> Self {
        let kept: Vec<usize> = (0..self.len()).filter(|&index| keep(index)).collect();
        Self {
            shape: self.shape,
            pixels: kept.iter().flat_map(|&index| self.image(index)).copied().collect(),
            names: kept.iter().map(|&index| self.names[index].clone()).collect(),
        }
    }

    /// A part of the images for training, and the rest, spread evenly over the set, to be held out. Images of one name, the pieces of a picture, stay
    /// together.
    ///
    /// Neighbours in a sorted list are often alike, and folders of classes come one after the other: a part from the end would
    /// hold out whole classes.
    #[must_use]
    pub fn split(&self, held_out: f64) -> (Self, Self) {
        let so_far = |index: usize| (index as f64 * held_out + 0.5).floor();
        let mut pictures = vec![0; self.len()];
        for index in 1..self.len() {
            pictures[index] = pictures[index - 1] + usize::from(self.names[index] != self.names[index - 1]);
        }
        let is_held_out = |index: usize| so_far(pictures[index] + 1) > so_far(pictures[index]);
        (self.filter(|index| !is_held_out(index)), self.filter(is_held_out))
    }

    /// Without the images that `other` holds too, pixel for pixel.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let there: HashSet<&[u8]> = (0..other.len()).map(|index| other.image(index)).collect();
        self.filter(|index| !there.contains(self.image(index)))
    }

    /// SHA-256 of the bytes, in hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> String {
        hexadecimal(&Sha256::digest(&self.pixels))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(count: u8) -> ImageSet {
        let shape = ImageShape { channels: 1, height: 1, width: 2 };
        let names = (0..count).map(|index| index.to_string()).collect();
        ImageSet { shape, pixels: (0..count).flat_map(|index| [index, 255 - index]).collect(), names }
    }

    #[test]
    fn the_held_out_part_is_spread_evenly_and_never_trained_on() {
        let set = numbered(100);
        let (training, held_out) = set.split(0.2);
        assert_eq!((training.len(), held_out.len()), (80, 20));
        assert!(held_out.names.windows(2).all(|pair| {
            let [a, b] = [&pair[0], &pair[1]].map(|name| name.parse::<i32>().unwrap());
            b - a == 5
        }));
        assert_eq!(held_out.without(&training), held_out);
        assert_eq!((set.split(0.0).0.len(), set.split(0.0).1.len()), (100, 0));
    }

    #[test]
    fn pieces_of_a_picture_are_held_out_together() {
        let mut set = numbered(40);
        set.names = (0..40).map(|index| format!("picture {}", index / 4)).collect();
        let (training, held_out) = set.split(0.2);
        assert_eq!((training.len(), held_out.len()), (32, 8));
        assert!(held_out.names.iter().all(|name| !training.names.contains(name)), "{:?}", held_out.names);
    }

    #[test]
    fn images_that_are_in_both_are_left_out() {
        let (all, some) = (numbered(10), numbered(4));
        let rest = all.without(&some);
        assert_eq!(rest.names, ["4", "5", "6", "7", "8", "9"]);
        assert_eq!(rest.image(0), [4, 251]);
        assert_ne!(rest.sha256(), all.sha256());
    }
}
