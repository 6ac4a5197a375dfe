//! Why images cannot be used.

use std::path::PathBuf;

use super::{ImageShape, WantedShape};

/// Why images cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The operating system refused.
    #[error("{}: cannot {action}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A folder without images.
    #[error("{}: there is no PNG, JPEG or IDX file of images in it; name the folder that holds them", path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// A file breaks its format.
    #[error("{}: {what}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        what: String,
    },
    /// Arrays and pictures together.
    #[error("{} is an IDX file and {} is not: train on one kind at a time", array.display(), picture.display())]
    Mixed {
        /// An IDX file.
        array: PathBuf,
        /// Another file.
        picture: PathBuf,
    },
    /// An IDX file of another size.
    #[error(
        "{file}: its images are {found}, and the others or the configuration (image.channels, height, width) say {wanted}; \
         IDX files are not scaled: leave out those of another size, or set the keys to 0"
    )]
    Size {
        /// The first image of the file.
        file: String,
        /// Its size.
        found: ImageShape,
        /// What was asked for.
        wanted: WantedShape,
    },
}

impl ImageError {
    pub(super) fn io(path: &std::path::Path, action: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, action, source }
    }
}

impl std::fmt::Display for WantedShape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let or_any = |size: usize| if size == 0 { "any".to_owned() } else { size.to_string() };
        write!(f, "{}×{}×{}", or_any(self.height), or_any(self.width), or_any(self.channels))
    }
}
