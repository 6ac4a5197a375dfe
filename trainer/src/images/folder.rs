//! Folders of pictures: PNG and JPEG, decoded and brought to one size.

use std::path::{Path, PathBuf};

use image::imageops::{FilterType, crop_imm, resize};
use image::{DynamicImage, ImageReader, RgbImage};

use super::{ImageError, ImageSet, ImageShape, Opened, WantedShape, idx};

/// Folders inside folders are followed this deep, so that a link to a folder above ends.
const MOST_DEPTH: usize = 16;

pub(super) fn is_picture(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    matches!(ending.as_str(), "png" | "jpg" | "jpeg")
}

/// Every file of images in a folder and the folders inside, in the order of their paths.
pub(super) fn list(folder: &Path) -> Result<Vec<PathBuf>, ImageError> {
    let mut files = Vec::new();
    collect(folder, MOST_DEPTH, &mut files)?;
    files.sort();
    Ok(files)
}

fn collect(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), ImageError> {
    for entry in std::fs::read_dir(folder).map_err(ImageError::io(folder, "read the folder"))? {
        let path = entry.map_err(ImageError::io(folder, "read the folder"))?.path();
        if path.is_dir() && depth > 0 {
            collect(&path, depth - 1, files)?;
        } else if is_picture(&path) || idx::is_idx(&path) {
            files.push(path);
        }
    }
    Ok(())
}

/// Decodes pictures and brings them to the wanted size.
pub(super) fn open(paths: &[PathBuf], wanted: WantedShape) -> Result<Opened, ImageError> {
    let (mut shape, mut pixels, mut names) = (None, Vec::new(), Vec::new());
    let (mut scaled, mut recoloured) = (0, 0);
    for path in paths {
        let picture = decode(path)?;
        let shape = *shape.get_or_insert_with(|| chosen(&picture, wanted));
        if shape.height == 0 || shape.width == 0 {
            let what = format!(
                "{} by {} is smaller than the {} rows and columns of a latent: give larger images",
                picture.height(),
                picture.width(),
                wanted.multiple
            );
            return Err(ImageError::Malformed { path: path.clone(), what });
        }
        recoloured += usize::from(usize::from(picture.color().has_color()) * 2 + 1 != shape.channels);
        let (rows, columns) = (picture.height() as usize / shape.height, picture.width() as usize / shape.width);
        let whole = picture.to_rgb8();
        if wanted.tiles && rows * columns > 0 {
            for piece in tiles(&whole, shape, (rows, columns)) {
                append(&piece, &picture, shape, &mut pixels);
                names.push(path.display().to_string());
            }
            continue;
        }
        scaled += usize::from((picture.height() as usize, picture.width() as usize) != (shape.height, shape.width));
        append(&fit(&whole, shape), &picture, shape, &mut pixels);
        names.push(path.display().to_string());
    }
    let Some(shape) = shape else { return Err(ImageError::Empty { path: PathBuf::from(".") }) };
    let mut remarks = Vec::new();
    if scaled > 0 {
        remarks.push(format!(
            "{scaled} of {} images were scaled to cover {} by {} and cropped; image.height and image.width set the size",
            paths.len(),
            shape.height,
            shape.width
        ));
    }
    if wanted.tiles {
        remarks.push(format!("{} images of {shape}, cut from {} pictures", names.len(), paths.len()));
    }
    if recoloured > 0 {
        let what =
            if shape.channels == 1 { "were turned grey" } else { "are grey, and were given three equal channels" };
        remarks.push(format!("{recoloured} of {} images {what}; image.channels sets the number", paths.len()));
    }
    Ok(Opened { images: ImageSet { shape, pixels, names }, test: None, remarks })
}

fn decode(path: &Path) -> Result<DynamicImage, ImageError> {
    let reader = ImageReader::open(path).map_err(ImageError::io(path, "read"))?;
    // The bytes tell the format: endings lie.
    let reader = reader.with_guessed_format().map_err(ImageError::io(path, "read"))?;
    let what = |error: image::ImageError| format!("cannot decode it as PNG or JPEG: {error}; leave the file out");
    reader.decode().map_err(|error| ImageError::Malformed { path: path.to_owned(), what: what(error) })
}

/// The size of a picture as it is.
pub(super) fn shape(path: &Path) -> Result<ImageShape, ImageError> {
    Ok(chosen(&decode(path)?, WantedShape::default()))
}

/// The size of all images, from the first one where it is not given.
fn chosen(first: &DynamicImage, wanted: WantedShape) -> ImageShape {
    let multiple = wanted.multiple.max(1);
    let or = |wanted: usize, found: u32| if wanted > 0 { wanted } else { found as usize / multiple * multiple };
    let channels = if first.color().has_color() { 3 } else { 1 };
    ImageShape {
        channels: if wanted.channels > 0 { wanted.channels } else { channels },
        height: or(wanted.height, first.height()),
        width: or(wanted.width, first.width()),
    }
}

/// Scales a picture until it covers the size, and cuts off what is left over at both sides.
fn fit(picture: &RgbImage, shape: ImageShape) -> RgbImage {
    let (height, width) = (shape.height as u32, shape.width as u32);
    let factor = (f64::from(height) / f64::from(picture.height())).max(f64::from(width) / f64::from(picture.width()));
    let scale = |size: u32, least: u32| ((f64::from(size) * factor).round() as u32).max(least);
    let (rows, columns) = (scale(picture.height(), height), scale(picture.width(), width));
    let scaled = match (rows, columns) == (picture.height(), picture.width()) {
        true => picture.clone(),
        false => resize(picture, columns, rows, FilterType::CatmullRom),
    };
    crop_imm(&scaled, (columns - width) / 2, (rows - height) / 2, width, height).to_image()
}

/// As many pieces of the size as fit in rows and columns, around a picture's middle.
fn tiles(picture: &RgbImage, shape: ImageShape, (rows, columns): (usize, usize)) -> impl Iterator<Item = RgbImage> {
    let (height, width) = (shape.height as u32, shape.width as u32);
    let left = (picture.width() - columns as u32 * width) / 2;
    let top = (picture.height() - rows as u32 * height) / 2;
    let places = (0..rows as u32).flat_map(move |row| (0..columns as u32).map(move |column| (row, column)));
    places.map(move |(row, column)| {
        crop_imm(picture, left + column * width, top + row * height, width, height).to_image()
    })
}

/// Appends a picture's bytes, channel by channel.
fn append(fitted: &RgbImage, picture: &DynamicImage, shape: ImageShape, pixels: &mut Vec<u8>) {
    if shape.channels == 1 && picture.color().has_color() {
        pixels.extend(DynamicImage::ImageRgb8(fitted.clone()).to_luma8().into_raw());
    } else {
        for channel in 0..shape.channels {
            pixels.extend(fitted.pixels().map(|pixel| pixel.0[channel]));
        }
    }
}

#[cfg(test)]
mod tests {
    use image::{GrayImage, Luma, Rgb};

    use super::*;

    #[test]
    fn pictures_are_channels_first_in_the_order_of_their_paths() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("b")).unwrap();
        RgbImage::from_pixel(4, 2, Rgb([1, 2, 3])).save(folder.path().join("b/x.png")).unwrap();
        RgbImage::from_fn(4, 2, |x, y| Rgb([10 * y as u8 + x as u8, 100, 200]))
            .save(folder.path().join("a.png"))
            .unwrap();
        let paths = list(folder.path()).unwrap();
        let opened = open(&paths, WantedShape::default()).unwrap();
        assert_eq!(opened.images.shape, ImageShape { channels: 3, height: 2, width: 4 });
        assert_eq!(opened.images.image(0)[..8], [0, 1, 2, 3, 10, 11, 12, 13]);
        assert_eq!(opened.images.image(1)[8..16], [2; 8]);
        assert!(opened.remarks.is_empty() && opened.images.names[1].ends_with("x.png"));
    }

    #[test]
    fn larger_pictures_are_cut_into_pieces_and_smaller_ones_scaled() {
        let folder = tempfile::tempdir().unwrap();
        let level = |x: u32, y: u32| Rgb([(x / 4 * 10 + y / 4) as u8; 3]);
        // Two by three pieces of four, with one column left over at each side.
        RgbImage::from_fn(14, 8, |x, y| level(x.saturating_sub(1).min(11), y))
            .save(folder.path().join("a.png"))
            .unwrap();
        RgbImage::from_pixel(3, 3, Rgb([9; 3])).save(folder.path().join("b.png")).unwrap();
        let wanted = WantedShape { height: 4, width: 4, tiles: true, ..WantedShape::default() };
        let opened = open(&list(folder.path()).unwrap(), wanted).unwrap();
        let levels: Vec<u8> = (0..opened.images.len()).map(|index| opened.images.image(index)[5]).collect();
        assert_eq!(levels, [0, 10, 20, 1, 11, 21, 9]);
        assert!((0..6).all(|index| opened.images.image(index).iter().all(|level| *level == levels[index])));
        assert_eq!(opened.images.names[0], opened.images.names[5]);
        assert!(
            opened.remarks[1].contains("7 images") && opened.remarks[1].contains("2 pictures"),
            "{:?}",
            opened.remarks
        );
    }

    #[test]
    fn other_sizes_are_covered_and_cropped_in_the_middle() {
        // Three bands; scaled by one half to cover 2 by 2, the outer ones are cut.
        let picture = RgbImage::from_fn(12, 4, |x, _| Rgb([[0, 0, 255][x as usize / 4], 0, 0]));
        let fitted = fit(&picture, ImageShape { channels: 3, height: 2, width: 2 });
        assert_eq!(fitted.dimensions(), (2, 2));
        assert!(fitted.pixels().all(|pixel| pixel.0[0] < 40), "{fitted:?}");
        let folder = tempfile::tempdir().unwrap();
        GrayImage::from_pixel(9, 9, Luma([7])).save(folder.path().join("a.png")).unwrap();
        RgbImage::from_pixel(9, 18, Rgb([9, 9, 9])).save(folder.path().join("b.jpg")).unwrap();
        let wanted = WantedShape { multiple: 4, ..WantedShape::default() };
        let opened = open(&list(folder.path()).unwrap(), wanted).unwrap();
        assert_eq!(opened.images.shape, ImageShape { channels: 1, height: 8, width: 8 });
        let remarks = opened.remarks.join("; ");
        assert!(remarks.contains("2 of 2 images were scaled") && remarks.contains("1 of 2 images were turned grey"));
    }

    #[test]
    fn files_that_are_no_pictures_are_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.png"), "not a picture").unwrap();
        let error = open(&list(folder.path()).unwrap(), WantedShape::default()).unwrap_err().to_string();
        assert!(error.contains("a.png") && error.contains("leave the file out"), "{error}");
        RgbImage::from_pixel(9, 9, Rgb([9, 9, 9])).save(folder.path().join("a.png")).unwrap();
        let wanted = WantedShape { multiple: 16, ..WantedShape::default() };
        let small = open(&list(folder.path()).unwrap(), wanted).unwrap_err().to_string();
        assert!(small.contains("9 by 9") && small.contains("larger images"), "{small}");
    }
}
