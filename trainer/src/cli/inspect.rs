//! `vq inspect`: what a file is.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;
use vq_core::model::header::MAGIC;

use super::arguments::{CodingArguments, SignalArguments};
use super::output;
use crate::codec::HostCodec;
use crate::data::files;
use crate::export::file::ModelBytes;
use crate::run::RunFolder;
use crate::shipped;
use crate::stream;
use crate::summary::{Line, ModelSummary, NetMemory, RecordingSummary, StreamSummary};

/// Say what a model, a stream or a recording is.
///
/// For a model: rate, channels, bits per sample, flash, memory, multiply-accumulates, the four parts of the delay,
/// whether its self-test passes here, and a drawing of the memory plan: what lies where in the line buffers, and when. For a stream: its packets and what is damaged; with --model also what is lost and
/// degraded. For a recording: length, rate, channels and ranges.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A .vqm model or the name of one that ships, a .vqs stream, or a recording.
    file: PathBuf,
    /// The model of a stream, to check its packets with.
    #[arg(long, value_name = "M.vqm|NAME")]
    model: Option<PathBuf>,
    /// Print JSON in place of text.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    coding: CodingArguments,
    #[command(flatten)]
    signal: SignalArguments,
}

/// Whether a file begins as models do: one of a shipped model's name goes first, and has no ending. A pipe is not looked into, for it is read but once.
fn is_model(path: &Path) -> bool {
    let mut start = [0; MAGIC.len()];
    path.is_file() && File::open(path).is_ok_and(|mut file| file.read_exact(&mut start).is_ok()) && start == MAGIC
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let ending = arguments.file.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let is_model = ending == "vqm" || shipped::named(&arguments.file).is_some() || is_model(&arguments.file);
    let context = || arguments.file.display().to_string();
    match ending.as_str() {
        _ if is_model => {
            let bytes = ModelBytes::open(&arguments.file)?;
            let codec = HostCodec::new(&bytes).with_context(context)?;
            let summary = ModelSummary::new(&codec, arguments.coding.options(&codec, &codec.kind().channels, 0)?);
            show(arguments.json, &summary, &summary.lines())?;
            if !arguments.json {
                output::print(&summary.memory.iter().map(NetMemory::drawing).collect::<String>())?;
            }
            anyhow::ensure!(
                summary.self_test == ModelSummary::PASSED,
                "{}: the model's self-test failed; export it again",
                arguments.file.display()
            );
            Ok(())
        }
        "vqs" => {
            let summary = inspect_stream(&arguments.file, arguments.model.as_deref())?;
            show(arguments.json, &summary, &summary.lines())?;
            anyhow::ensure!(
                !summary.segments.is_empty() || summary.damage.is_empty(),
                "{}: nothing in this file can be read as a header or a packet; is it a .vqs stream?",
                arguments.file.display()
            );
            Ok(())
        }
        _ => {
            let opened = arguments.signal.open_stored(&arguments.file);
            // A record may lie beside a run of its name.
            if opened.is_err() && RunFolder::new(&arguments.file).record().is_file() {
                let file = arguments.file.display();
                anyhow::bail!(
                    "{file} is the folder of a run and no file to inspect: vq report {file} shows the run, and vq export {file} -o NAME.vqm makes its model, if it is of signals"
                );
            }
            let summary = RecordingSummary::new(&opened?)?;
            show(arguments.json, &summary, &summary.lines())
        }
    }
}

fn inspect_stream(path: &Path, model: Option<&Path>) -> anyhow::Result<StreamSummary> {
    let bytes = files::read(path)?;
    let file = stream::parse(&bytes);
    let model = model.map(ModelBytes::open).transpose()?;
    let codec = model.as_ref().map(HostCodec::new).transpose()?;
    StreamSummary::new(&file, bytes.len(), codec.as_ref()).with_context(|| path.display().to_string())
}

fn show(json: bool, summary: &impl Serialize, lines: &[Line]) -> anyhow::Result<()> {
    if json {
        return output::print(&serde_json::to_string(summary)?);
    }
    let width = lines.iter().map(|(heading, _)| heading.len()).max().unwrap_or(0);
    let text: String = lines.iter().map(|(heading, value)| format!("{heading:width$}  {value}\n")).collect();
    output::print(&text)
}
