//! `vq data`: public recordings and images.

use std::path::PathBuf;

use clap::Args;

use super::output;
use crate::datasets::{self, DATASETS, Dataset};

/// Fetch public recordings and images, or list what there is.
///
/// Every file is checked against its SHA-256. A download that broke off goes on where it stopped; files that are there already are
/// left alone.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The data set; all are listed, if not given.
    name: Option<String>,
    /// Folder for the files; named after the set, if not given.
    #[arg(short, long, value_name = "DIR", requires = "name")]
    output: Option<PathBuf>,
    /// Take the files from this folder instead of the web.
    #[arg(long, value_name = "DIR", requires = "name")]
    from: Option<PathBuf>,
    /// Print the list as JSON.
    #[arg(long, conflicts_with = "name")]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let Some(name) = &arguments.name else { return list(arguments.json) };
    let set = datasets::find(name)?;
    let folder = arguments.output.clone().unwrap_or_else(|| PathBuf::from(set.name));
    set.fetch(&folder, arguments.from.as_deref(), |file| output::note(&format!("fetching {file}")))?;
    output::print(&format!("{}: {}\nterms: {}", folder.display(), set.title, set.terms))
}

fn list(json: bool) -> anyhow::Result<()> {
    if json {
        let sets: Vec<_> = DATASETS.iter().map(as_json).collect();
        return output::print(&serde_json::to_string_pretty(&sets)?);
    }
    let lines = DATASETS.iter().map(|set| format!("{}\n  {}\n  {}\n", set.name, set.title, set.terms));
    output::print(&lines.collect::<String>())
}

fn as_json(set: &Dataset) -> serde_json::Value {
    let files: Vec<&str> = set.files().map(|(name, _)| name).collect();
    serde_json::json!({ "name": set.name, "title": set.title, "terms": set.terms, "files": files })
}
