//! A gateway's work, for `compare.py` to time beside onnxruntime.
//!
//! It encodes the signals of many devices, writes what the opponent needs to a folder (the decoder net in floats, latents, and the samples
//! that both must give), and then does, for every line of its standard input, the work that the line names once: `packets N`, those of at most N hops
//! (0: as many as fit), or `net`. When it is done it says so in a line, with the number of samples. Python takes the time.

mod work;

use std::io::{BufRead as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use serde_json::{Value, json};
use vq_core::Model;
use vq_trainer::architecture::{Activation, Operation, Source};
use vq_trainer::data::{OpenOptions, open};
use vq_trainer::export::as_floats;
use vq_trainer::export::file::ModelBytes;
use vq_trainer::export::trained::TrainedNet;

use work::{Long, Traffic};

/// Does the decoding of a gateway, once for every line of its standard input.
#[derive(Debug, Parser)]
struct Arguments {
    /// The model, or the name of one that ships.
    model: PathBuf,
    /// The recording that devices send stretches of.
    recording: PathBuf,
    /// Folder for what the opponent needs.
    folder: PathBuf,
    /// Devices that send.
    #[arg(long, default_value_t = 64)]
    devices: usize,
    /// Seconds that each of them sends.
    #[arg(long, default_value_t = 30.0)]
    seconds: f64,
    /// Seconds of the long file.
    #[arg(long, default_value_t = 600.0)]
    long_seconds: f64,
    /// Most bytes of a packet.
    #[arg(long, default_value_t = 244)]
    packet_bytes: usize,
    /// Most hops of a packet, for each of the links; 0 for as many as fit.
    #[arg(long, value_delimiter = ',', default_value = "1,4,16,0")]
    packet_hops: Vec<u32>,
    /// Quality, 1 to 9.
    #[arg(long, default_value_t = 9)]
    quality: u8,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let bytes = ModelBytes::open(&arguments.model)?;
    let model = bytes.model()?;
    let recording = open(&arguments.recording, &OpenOptions::default())?;
    let frames = |seconds: f64| (seconds * recording.rate()).round() as usize;
    let (each, long) = (frames(arguments.seconds), frames(arguments.long_seconds));
    std::fs::create_dir_all(&arguments.folder)?;
    let mut links = Vec::new();
    for hops in &arguments.packet_hops {
        let options = vq_core::Options::new().packet_bytes(arguments.packet_bytes).quality(arguments.quality);
        let options = if *hops == 0 { options } else { options.packet_hops(*hops) };
        let traffic = Traffic::new(model, &recording, options, arguments.devices, each)?;
        traffic.write(model, &arguments.folder, *hops)?;
        links.push((*hops, traffic));
    }
    let options = vq_core::Options::new().packet_bytes(arguments.packet_bytes).quality(arguments.quality);
    let long = Long::new(model, &recording, options, long)?;
    long.write(model, &arguments.folder)?;
    let described = describe(model, &links)?;
    std::fs::write(arguments.folder.join("work.json"), serde_json::to_vec(&described)?)?;
    serve(model, &links, &long)
}

/// Does what the lines of the standard input ask for.
fn serve(model: Model<'_>, links: &[(u32, Traffic)], long: &Long) -> Result<()> {
    let mut output = std::io::stdout();
    writeln!(output, "ready")?;
    output.flush()?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let samples = match line.split_once(' ') {
            None if line == "net" => long.run(model),
            Some(("packets", hops)) => {
                let hops: u32 = hops.parse().with_context(|| line.clone())?;
                let (_, traffic) =
                    links.iter().find(|(link, _)| *link == hops).with_context(|| format!("no link of {hops} hops"))?;
                traffic.decode(model)?
            }
            _ => bail!("`{line}` is nothing to do: packets N, or net"),
        };
        writeln!(output, "{samples}")?;
        output.flush()?;
    }
    Ok(())
}

/// What the opponent has to know.
fn describe(model: Model<'_>, links: &[(u32, Traffic)]) -> Result<Value> {
    let decoder = model.directory().decoder;
    let scaling = (0..model.channels()).map(|channel| {
        let scaling = model.scaling(channel);
        let gain = f64::from(scaling.gain_out) / f64::from(scaling.shift_out).exp2();
        json!({"offset": scaling.offset, "gain": gain})
    });
    let links = links.iter().map(|(hops, traffic)| Ok(json!({"hops": hops, "packets": traffic.order(&model)?})));
    Ok(json!({
        "net": net(&as_floats::decoder(&model)?),
        "hop": model.hop(),
        "channels": model.channels(),
        "rows": decoder.rows,
        "latents": decoder.channels,
        "delay": decoder.delay,
        "receptive_hops": decoder.receptive_hops,
        "closing_hops": model.closing_hops(),
        "scaling": scaling.collect::<Vec<_>>(),
        "links": links.collect::<Result<Vec<_>>>()?,
    }))
}

/// A net, node by node; weights as PyTorch lays them out.
fn net(net: &TrainedNet) -> Value {
    let source = |source: Source| match source {
        Source::Input => -1,
        Source::Node(index) => index as i64,
    };
    let nodes = net.spec.nodes.iter().zip(&net.weights).map(|(node, tensors)| {
        let operation = match node.operation {
            Operation::Convolution { kernel, stride, padding, channels } => {
                json!({"is": "convolution", "kernel": kernel, "stride": stride, "padding": padding, "channels": channels})
            }
            Operation::Transposed { kernel, stride, padding, channels } => {
                json!({"is": "transposed", "kernel": kernel, "stride": stride, "padding": padding, "channels": channels})
            }
            Operation::Depthwise { kernel, stride, padding } => {
                json!({"is": "depthwise", "kernel": kernel, "stride": stride, "padding": padding})
            }
            Operation::Add { other } => json!({"is": "add", "other": source(other)}),
        };
        let activation = match node.activation {
            Activation::Linear => "linear",
            Activation::Relu => "relu",
            Activation::LeakyRelu => "leaky",
        };
        json!({
            "source": source(node.source),
            "operation": operation,
            "activation": activation,
            "weight": tensors.weight,
            "bias": tensors.bias,
        })
    });
    Value::Array(nodes.collect())
}

/// Writes numbers as they lie in memory.
fn write_numbers<T: bytemuck::NoUninit>(folder: &Path, name: &str, numbers: &[T]) -> Result<()> {
    let path = folder.join(name);
    std::fs::write(&path, bytemuck::cast_slice::<T, u8>(numbers)).with_context(|| path.display().to_string())
}
