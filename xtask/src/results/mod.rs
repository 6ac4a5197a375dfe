//! `cargo xtask results`: makes every measured table and plot of the README and the documentation anew, or checks that the committed ones hold.
//!
//! A table stands in its Markdown file between `<!-- results: NAME -->` and `<!-- results end -->`; cards and plots are whole files. What needs
//! something that is not there, as recordings or the demo's model, is skipped and said.

mod card;
mod compare;
mod demo;
mod device;
mod marks;
mod measured;
mod signal;
mod speech;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;

use crate::models;
use crate::project::Project;

/// Where public recordings are, unless told otherwise.
pub(crate) const DATA: &str = "runs/data";

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Write nothing: fail if a committed figure is not what is measured now, by more than 1 % and one in its last place
    #[arg(long)]
    check: bool,
    /// Folder of public recordings, one inside for each set of `vq data`
    #[arg(long, value_name = "DIR", default_value = DATA)]
    data: PathBuf,
}

/// Something that is made anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// A table between marks in a Markdown file.
    Table { file: PathBuf, name: String },
    /// A whole file.
    File(PathBuf),
}

/// A place and its new text, or why there is none.
#[derive(Debug)]
pub(crate) struct Piece {
    place: Place,
    text: Result<String, String>,
}

impl Piece {
    fn table(file: &str, name: &str, text: Result<String, String>) -> Self {
        Self { place: Place::Table { file: file.into(), name: name.into() }, text }
    }

    fn file(path: &str, text: Result<String, String>) -> Self {
        Self { place: Place::File(path.into()), text }
    }

    fn describe(&self) -> String {
        match &self.place {
            Place::Table { file, name } => format!("{}, {name}", file.display()),
            Place::File(path) => path.display().to_string(),
        }
    }
}

/// `cargo xtask results`: true when nothing that was committed failed to hold.
pub(crate) fn task(project: &Project, arguments: &Arguments) -> Result<bool> {
    models::build_vq(project)?;
    if !arguments.check {
        return write(project, &arguments.data);
    }
    let pieces = pieces(project, &arguments.data, false)?;
    let mut holds = true;
    for piece in &pieces {
        match &piece.text {
            Err(reason) => println!("  skipped: {}: {reason}", piece.describe()),
            Ok(text) => {
                let committed = committed(project, &piece.place)?;
                let differences = compare::differences(&committed, text);
                if differences.is_empty() {
                    println!("  holds: {}", piece.describe());
                }
                for difference in &differences {
                    holds = false;
                    println!("  does not hold: {}: {difference}", piece.describe());
                }
            }
        }
    }
    Ok(holds)
}

/// Makes everything anew.
pub(crate) fn write(project: &Project, data: &Path) -> Result<bool> {
    for piece in pieces(project, data, true)? {
        match &piece.text {
            Err(reason) => println!("  skipped: {}: {reason}", piece.describe()),
            Ok(text) => {
                put(project, &piece.place, text)?;
                println!("  written: {}", piece.describe());
            }
        }
    }
    Ok(true)
}

/// Measures. Instructions of models that were not counted yet are counted where `counts` says so.
fn pieces(project: &Project, data: &Path, counts: bool) -> Result<Vec<Piece>> {
    let mut pieces = device::pieces(project);
    pieces.extend(demo::pieces(project));
    for signal in models::signals(project)? {
        pieces.extend(signal::pieces(project, &signal, data, counts)?);
    }
    Ok(pieces)
}

/// What stands in a place now.
fn committed(project: &Project, place: &Place) -> Result<String> {
    let (Place::Table { file, .. } | Place::File(file)) = place;
    let path = project.root.join(file);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    match place {
        Place::Table { name, .. } => {
            marks::find(&text, name).map(str::to_owned).with_context(|| path.display().to_string())
        }
        Place::File(_) => Ok(text),
    }
}

fn put(project: &Project, place: &Place, text: &str) -> Result<()> {
    let (Place::Table { file, .. } | Place::File(file)) = place;
    let path = project.root.join(file);
    let whole = match place {
        Place::File(_) => text.to_owned(),
        Place::Table { name, .. } => {
            let old = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            marks::replace(&old, name, text).with_context(|| path.display().to_string())?
        }
    };
    let beside = path.with_extension("tmp");
    fs::write(&beside, whole).with_context(|| format!("cannot write {}", beside.display()))?;
    fs::rename(&beside, &path).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What needs nothing that is not committed holds, and all places are there.
    #[test]
    fn committed_tables_of_committed_counts_hold() {
        let project = Project::new();
        for piece in device::pieces(&project) {
            let Ok(text) = &piece.text else { continue };
            let committed = committed(&project, &piece.place).unwrap();
            assert_eq!(compare::differences(&committed, text), [""; 0], "{}", piece.describe());
        }
    }

    #[test]
    fn every_mark_has_a_source() {
        let project = Project::new();
        let mut known: Vec<Place> = device::pieces(&project).into_iter().map(|piece| piece.place).collect();
        known.extend(demo::pieces_without("not measured").into_iter().map(|piece| piece.place));
        for signal in models::signals(&project).unwrap() {
            known.extend(signal::pieces_without(&signal, "no recordings").into_iter().map(|piece| piece.place));
        }
        for place in &known {
            committed(&project, place).unwrap_or_else(|error| panic!("{error:#}"));
        }
        for file in ["README.md", "docs/results.md", "docs/priors.md", "firmware/kernels/README.md"] {
            let text = fs::read_to_string(project.root.join(file)).unwrap();
            for name in marks::names(&text) {
                let place = Place::Table { file: file.into(), name: name.into() };
                assert!(known.contains(&place), "nothing makes {name} of {file}");
            }
        }
    }
}
