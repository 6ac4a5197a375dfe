//! What training on images needs beside what it shares with training on signals: nets of two dimensions, batches of whole
//! images, and measures of pictures.

mod corpus;
mod evaluate;
mod nets;
mod prepare;
mod trained;

use std::path::PathBuf;

pub(super) use corpus::ImageCorpus;
pub use nets::ImageNets;
pub use prepare::PreparedImages;
pub use trained::TrainedImages;

use crate::images::{Opened, WantedShape};

/// Images and where they came from.
#[derive(Debug)]
pub struct ImageSources {
    /// The files and folders, as they can be opened again.
    pub paths: Vec<PathBuf>,
    /// How they were opened.
    pub wanted: WantedShape,
    /// What was read.
    pub opened: Opened,
}
