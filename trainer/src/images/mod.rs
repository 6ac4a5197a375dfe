//! Images in: IDX files and folders of PNG and JPEG, as bytes of one size.
//!
//! * `idx`: the format of MNIST and its successors;
//! * `folder`: pictures, decoded and brought to one size;
//! * [`ImageSet`]: what both give;
//! * [`ImageEvaluation`]: what a codec made of a set, and `grid`, the picture that shows it.

mod error;
mod evaluation;
mod folder;
mod grid;
mod idx;
mod set;

use std::path::{Path, PathBuf};

pub use error::ImageError;
pub use evaluation::{ImageEvaluation, SymbolUse};
pub use grid::{Pair, grid};
pub use set::{ImageSet, ImageShape};

/// The size that images are brought to; zeros stand for those of the first image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct WantedShape {
    /// 1 for grey, 3 for colour.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Height and width of the first image are rounded down to multiples of this.
    pub multiple: usize,
    /// Whether pictures that are larger are cut into pieces of the size, as many as fit, rather than scaled.
    #[serde(default)]
    pub tiles: bool,
}

/// Images that were read, and what was found out on the way.
#[derive(Debug)]
pub struct Opened {
    /// The images; of a folder in the layout of MNIST those of its training file.
    pub images: ImageSet,
    /// The images of the test file of a folder in that layout.
    pub test: Option<ImageSet>,
    /// What the user should know: images that were scaled, cropped, or turned grey.
    pub remarks: Vec<String>,
}

/// Whether a path is one that [`open`] reads: an IDX file, a PNG or JPEG file, or a folder with some in it.
pub fn is_images(path: &Path) -> bool {
    if path.is_dir() {
        return folder::list(path).is_ok_and(|found| !found.is_empty());
    }
    idx::is_idx(path) || folder::is_picture(path)
}

/// Every file that paths name, those in folders too.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, ImageError> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let found = folder::list(path)?;
            if found.is_empty() {
                return Err(ImageError::Empty { path: path.clone() });
            }
            files.extend(found);
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

/// The size of the first image that [`open`] would read, as it is.
///
/// # Errors
/// If there is none, or it cannot be read.
pub fn first_shape(paths: &[PathBuf]) -> Result<ImageShape, ImageError> {
    let files = files(paths)?;
    let Some(first) = files.first() else { return Err(ImageError::Empty { path: PathBuf::from(".") }) };
    match idx::is_idx(first) {
        true => Ok(idx::open(std::slice::from_ref(first))?.shape),
        false => folder::shape(first),
    }
}

/// Reads images from IDX files, PNG and JPEG files, and folders of either (with all folders inside).
///
/// Pictures of another size than the wanted one are scaled until they cover it, and lose what is left over at two sides.
/// IDX files are taken as they are.
///
/// # Errors
/// If a file cannot be read or broke its format, if there is no image, or if IDX files are mixed with pictures or hold other sizes.
pub fn open(paths: &[PathBuf], wanted: WantedShape) -> Result<Opened, ImageError> {
    let (arrays, pictures): (Vec<PathBuf>, Vec<PathBuf>) =
        files(paths)?.into_iter().partition(|file| idx::is_idx(file));
    if let (Some(array), Some(picture)) = (arrays.first(), pictures.first()) {
        return Err(ImageError::Mixed { array: array.clone(), picture: picture.clone() });
    }
    if arrays.is_empty() {
        return folder::open(&pictures, wanted);
    }
    // Only a folder's layout says which file is for testing: of files that are named, all are taken.
    let from_folder = paths.iter().any(|path| path.is_dir());
    let (test, training): (Vec<PathBuf>, Vec<PathBuf>) =
        arrays.into_iter().partition(|file| from_folder && idx::is_test(file));
    let (training, test) = if training.is_empty() { (test, training) } else { (training, test) };
    let images = idx::open(&training)?;
    let test = if test.is_empty() { None } else { Some(idx::open(&test)?) };
    let fits = |set: &ImageSet| {
        let fits = |wanted: usize, is: usize| wanted == 0 || wanted == is;
        fits(wanted.channels, set.shape.channels)
            && fits(wanted.height, set.shape.height)
            && fits(wanted.width, set.shape.width)
    };
    for set in [Some(&images), test.as_ref()].into_iter().flatten() {
        if !fits(set) || set.shape != images.shape {
            return Err(ImageError::Size { file: set.names[0].clone(), found: set.shape, wanted });
        }
    }
    Ok(Opened { images, test, remarks: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An IDX file of `count` images of 2 by 3, whose pixels count up from `first`.
    fn array(folder: &Path, name: &str, count: u8, first: u8) -> PathBuf {
        let path = folder.join(name);
        let mut bytes = vec![0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 2, 0, 0, 0, 3];
        bytes.extend((0..count * 6).map(|index| first + index));
        std::fs::write(&path, bytes).unwrap();
        path
    }

    #[test]
    fn a_folder_in_the_layout_of_mnist_keeps_its_test_images_apart() {
        let folder = tempfile::tempdir().unwrap();
        array(folder.path(), "train-images-idx3-ubyte", 3, 0);
        array(folder.path(), "t10k-images-idx3-ubyte", 1, 100);
        std::fs::write(folder.path().join("train-labels-idx1-ubyte"), [0, 0, 8, 1, 0, 0, 0, 0]).unwrap();
        let opened = open(&[folder.path().to_owned()], WantedShape::default()).unwrap();
        assert_eq!((opened.images.len(), opened.images.shape), (3, ImageShape { channels: 1, height: 2, width: 3 }));
        assert_eq!(opened.test.unwrap().pixels, [100, 101, 102, 103, 104, 105]);
        // By its name the test file is like any other.
        let named = open(&[folder.path().join("t10k-images-idx3-ubyte")], WantedShape::default()).unwrap();
        assert_eq!((named.images.len(), named.test.is_some()), (1, false));
        assert!(is_images(folder.path()) && !is_images(Path::new("a.csv")));
    }

    #[test]
    fn what_is_no_set_of_images_is_refused_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let refuse = |paths: &[PathBuf], wanted| open(paths, wanted).unwrap_err().to_string();
        let empty = refuse(&[folder.path().to_owned()], WantedShape::default());
        assert!(empty.contains("no PNG, JPEG or IDX"), "{empty}");
        let idx = array(folder.path(), "a-idx3-ubyte", 2, 0);
        let size = refuse(std::slice::from_ref(&idx), WantedShape { height: 28, ..WantedShape::default() });
        assert!(size.contains("2×3") && size.contains("28"), "{size}");
        let mixed = refuse(&[idx, folder.path().join("b.png")], WantedShape::default());
        assert!(mixed.contains("b.png") && mixed.contains("one kind"), "{mixed}");
    }
}
