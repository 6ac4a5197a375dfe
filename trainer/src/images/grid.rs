//! A picture of originals over their reconstructions.

use image::{ImageFormat, Rgb, RgbImage};

use super::ImageShape;

/// An image and what came back of it, each `[channels, height, width]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// As it was.
    pub original: Vec<u8>,
    /// As it came back.
    pub rebuilt: Vec<u8>,
}

/// Between images, in pixels.
const SEAM: usize = 2;
const SEAM_COLOUR: Rgb<u8> = Rgb([128, 128, 128]);

/// A PNG of the pairs, `columns` beside one another: in every row of pairs the originals above, the reconstructions below.
#[must_use]
pub fn grid(pairs: &[Pair], shape: ImageShape, columns: usize) -> Vec<u8> {
    let columns = columns.clamp(1, pairs.len().max(1));
    let rows = 2 * pairs.len().div_ceil(columns);
    let side = |count: usize, size: usize| (count * (size + SEAM)).saturating_sub(SEAM) as u32;
    let mut picture = RgbImage::from_pixel(side(columns, shape.width), side(rows, shape.height), SEAM_COLOUR);
    for (index, pair) in pairs.iter().enumerate() {
        for (below, bytes) in [&pair.original, &pair.rebuilt].into_iter().enumerate() {
            let (row, column) = (2 * (index / columns) + below, index % columns);
            let (top, left) = (row * (shape.height + SEAM), column * (shape.width + SEAM));
            for (place, y, x) in (0..shape.pixels()).map(|place| (place, place / shape.width, place % shape.width)) {
                let value = |channel: usize| bytes.get(channel * shape.pixels() + place).copied().unwrap_or(0);
                let last = shape.channels.saturating_sub(1);
                let colour = Rgb([0, 1, 2].map(|channel: usize| value(channel.min(last))));
                picture.put_pixel((left + x) as u32, (top + y) as u32, colour);
            }
        }
    }
    let mut png = std::io::Cursor::new(Vec::new());
    // Writing to memory has no way to fail for a picture of this kind.
    let written = picture.write_to(&mut png, ImageFormat::Png);
    if written.is_ok() { png.into_inner() } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn originals_are_above_their_reconstructions() {
        let pair = |value: u8| Pair { original: vec![value; 4], rebuilt: vec![value + 1; 4] };
        let shape = ImageShape { channels: 1, height: 2, width: 2 };
        let png = grid(&[pair(10), pair(20), pair(30)], shape, 2);
        let picture = image::load_from_memory(&png).unwrap().to_rgb8();
        assert_eq!(picture.dimensions(), (6, 14));
        let at = |x, y| picture.get_pixel(x, y).0[0];
        assert_eq!([at(0, 0), at(4, 0), at(0, 4), at(4, 4), at(0, 8), at(0, 12)], [10, 20, 11, 21, 30, 31]);
        assert_eq!(at(2, 0), 128);
    }
}
