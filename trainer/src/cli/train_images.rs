//! What `vq train` does with images.

use std::path::PathBuf;

use super::train::Arguments;
use super::{eval_images, output, train};
use crate::config::Config;
use crate::data::OpenOptions;
use crate::images::{WantedShape, open as open_images};
use crate::run::{ImageRunRecord, RunFolder};
use crate::train::{ImageSources, Job, TrainedImages};

/// Reads the images of a run, and tells what was found out.
pub(super) fn open(arguments: &Arguments, config: &Config) -> anyhow::Result<ImageSources> {
    anyhow::ensure!(
        arguments.signal.options() == OpenOptions::default(),
        "the options for reading recordings (--rate, --columns and so on) say nothing about images; leave them out"
    );
    anyhow::ensure!(
        arguments.preset.is_none() && arguments.budget.is_none() && arguments.held_out.is_empty(),
        "--preset, --budget and --held-out are for recordings; leave them out where images are trained on"
    );
    let image = &config.image;
    let wanted = WantedShape {
        channels: image.channels,
        height: image.height,
        width: image.width,
        multiple: config.image_plan().factor(),
        tiles: image.tiles,
    };
    // The run may be resumed from another folder.
    let paths: Vec<PathBuf> =
        arguments.records.iter().map(|path| std::path::absolute(path).unwrap_or_else(|_| path.clone())).collect();
    let opened = open_images(&paths, wanted)?;
    opened.remarks.iter().for_each(|remark| output::note(remark));
    Ok(ImageSources { paths, wanted, opened })
}

/// Tells what a run is about to do.
pub(super) fn describe(record: &ImageRunRecord, folder: &RunFolder) {
    let images = &record.images;
    eprintln!(
        "images of {}: {} to train on, {} held out; run folder {}",
        images.shape,
        images.training,
        images.held_out,
        folder.root().display()
    );
    let (latents, pixels) = (record.decoder.input, images.shape.pixels());
    eprintln!(
        "encoder {} weights, {} multiply-accumulates per pixel; decoder {}, {}; latents of {latents}: {}, {:.4} bits per pixel",
        record.encoder.weights(),
        record.encoder.multiply_accumulates() / pixels,
        record.decoder.weights(),
        record.decoder.multiply_accumulates() / pixels,
        train::codes(&record.quantizer),
        f64::from(record.quantizer.bits_per_hop()) * latents.pixels() as f64 / pixels as f64,
    );
}

/// Measures the finished run, and tells what came out.
pub(super) fn finish(job: &Job, device: &str) -> anyhow::Result<()> {
    let folder = job.folder().root().display();
    let evaluation = TrainedImages::load(job.folder(), device)?.finish()?;
    println!("{} steps in {:.0} s.", job.session().step(), job.record().made().training_seconds);
    output::print(&eval_images::table(&evaluation))?;
    println!("Go on with: vq report {folder}, or vq eval --run {folder} IMAGES…");
    Ok(())
}
