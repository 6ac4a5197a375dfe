//! A net over many hops at once: the layers of a model, each over a whole line, with the kernels of the codec.
//!
//! There are zeros around every line, where a codec that streams has what came before. So the first and the last rows differ from those of a
//! codec, as far as the net looks, and all others are the same.

use vq_core::kernels::{Columns, Kernels, Native, Windows};
use vq_core::model::plan::row_elements;
use vq_core::model::records::{Kind, Layer, Net, SymbolKind};
use vq_core::{Model, PacketError, packet_codes};

/// What the codes of an integer model's packets stand for, `[hops · rows, row_elements]`: what the decoder net is given. Bounded and lossless packets have none.
///
/// # Errors
/// A packet that is damaged or of another model.
pub fn latents(model: &Model<'_>, packets: &[Vec<u8>]) -> Result<Vec<i16>, PacketError> {
    let row = row_elements(model.directory().latent_channels) as usize;
    let width = row * model.latent_rows();
    let mut memory = vec![0; model.prior_memory().div_ceil(2)];
    let mut all = Vec::new();
    for packet in packets {
        let mut codes = packet_codes(*model, packet, &mut memory)?.without_costs();
        let quality = codes.header().quality;
        while let Some(symbols) = codes.next_hop() {
            let start = all.len();
            all.resize(start + width, 0);
            if let Some(told) = model.told(quality).and_then(|told| told.first_chunk()) {
                let last = usize::from(model.directory().latent_channels) - 1;
                all[start..].chunks_exact_mut(row).for_each(|latents| latents[last] = i16::from_le_bytes(*told));
            }
            for (_, symbol, code) in symbols {
                let first = start + usize::from(symbol.row) * row + usize::from(symbol.first);
                let latent = &mut all[first..first + usize::from(symbol.channels)];
                match symbol.kind {
                    SymbolKind::Index => Native::add_vector(model.symbol_table(&symbol), code, latent),
                    SymbolKind::Integer => {
                        let steps = code as i16 - symbol.integer_limit();
                        latent.fill(Native::dequantize(&model.step(&symbol, quality), steps));
                    }
                }
            }
        }
    }
    Ok(all)
}

/// What the decoder net makes of latents `[hops, row_elements]`: rows of its output, `[hops · hop, row_elements]`, each at its own time.
///
/// It takes `block` hops at a time and computes anew what lies around them, so that its lines stay in the processor's cache; the rows do not depend on it.
#[must_use]
pub fn decode_latents<K: Kernels>(model: &Model<'_>, latents: &[K::Element], block: usize) -> Vec<K::Element> {
    let directory = model.directory();
    let width = (row_elements(directory.latent_channels) as usize * usize::from(directory.decoder.rows)).max(1);
    let hop = model.hop() * row_elements(model.header().channels) as usize;
    let (before, after) = (usize::from(directory.decoder.receptive_hops), model.closing_hops());
    let hops = latents.len() / width;
    let mut output = Vec::with_capacity(hops * hop);
    for start in (0..hops).step_by(block.max(1)) {
        let end = (start + block.max(1)).min(hops);
        let (from, to) = (start.saturating_sub(before), (end + after).min(hops));
        let lines = run::<K>(model, &directory.decoder, latents[from * width..to * width].to_vec(), to - from);
        let rows = lines.last().map_or(&[][..], Vec::as_slice);
        output.extend_from_slice(&rows[(start - from) * hop..(end - from) * hop]);
    }
    output
}

/// The input and what every layer gives.
pub(super) fn run<K: Kernels>(
    model: &Model<'_>,
    net: &Net,
    input: Vec<K::Element>,
    hops: usize,
) -> Vec<Vec<K::Element>> {
    let mut lines = vec![input];
    for index in 0..usize::from(net.count) {
        let layer = model.layer(net, index);
        let input = &lines[usize::from(layer.input)];
        let width = model.line(net, usize::from(layer.input)).row_elements() as usize;
        let output = match layer.kind {
            Kind::Add => add::<K>(&layer, input, &lines[usize::from(layer.other)]),
            Kind::Convolution | Kind::Depthwise => filter::<K>(model, &layer, input, width, hops),
        };
        lines.push(output);
    }
    lines
}

fn add<K: Kernels>(layer: &Layer, a: &[K::Element], b: &[K::Element]) -> Vec<K::Element> {
    let mut sum = b.to_vec();
    K::add(layer, a, &mut sum);
    sum
}

/// A convolution, a transposed one or a depthwise one, with zeros around its input.
fn filter<K: Kernels>(
    model: &Model<'_>,
    layer: &Layer,
    input: &[K::Element],
    width: usize,
    hops: usize,
) -> Vec<K::Element> {
    let output_width = row_elements(layer.channels) as usize;
    let (kernel, stride, upsample) =
        (usize::from(layer.kernel), usize::from(layer.stride), usize::from(layer.upsample.max(1)));
    let padding = usize::from(layer.padding);
    let rows = hops * usize::from(layer.rows);
    // A transposed convolution's window ends at its newest row; its output is brought forward by the padding afterwards.
    let (before, late) = if upsample > 1 { (kernel - 1, padding) } else { (padding, 0) };
    let count = (rows + late).div_ceil(upsample);
    let mut padded = vec![K::Element::default(); before * width];
    padded.extend_from_slice(input);
    padded.resize(((count.max(1) - 1) * stride + kernel) * width, K::Element::default());
    let mut output = vec![K::Element::default(); count * upsample * output_width];
    let weights = model.weights(layer);
    if layer.kind == Kind::Depthwise {
        let columns = Columns { count, stride, kernel, width: output_width };
        K::depthwise(&columns, layer.activation, &padded, weights, &mut output);
    } else {
        let windows = Windows { count, step: stride * width, taps: kernel * width, outputs: upsample * output_width };
        K::convolution(&windows, layer.activation, &padded, weights, &mut output);
    }
    output.drain(..late * output_width);
    output.truncate(rows * output_width);
    output
}
