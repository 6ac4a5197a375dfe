//! What a model takes of a device, layer by layer.

use serde::Serialize;
use vq_core::Options;
use vq_core::model::records::{Kind, Net, SymbolKind};
use vq_core::model::{Model, QUALITIES};

use super::core::Work;
use super::{BudgetError, Core, Side, draft};
use crate::architecture::NetSpec;
use crate::config::{BudgetConfig, Config};
use crate::export::ExportError;
use crate::export::container::ContainerError;
use crate::run::SignalRecord;
use crate::summary::NetMemory;

/// What a model takes of a core.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cost {
    /// The core.
    pub core: Core,
    /// What it does.
    pub side: Side,
    /// Bytes of the model file.
    pub model_bytes: usize,
    /// Of them, what is kept for tables of frequencies that the exporter may buy: a row for every symbol.
    pub tables: usize,
    /// Bytes of code beside it, see [`Core::code_bytes`].
    pub code_bytes: usize,
    /// Bytes of memory, with packets of 244 bytes.
    pub ram_bytes: usize,
    /// Instructions of a second of signal.
    pub instructions_per_second: f64,
    /// Of them, those of everything but nets, searches and the recurrent prior.
    pub other_instructions_per_second: f64,
    /// Those of the searches and the recurrent prior.
    pub code_instructions_per_second: f64,
    /// The nets, the encoder first.
    pub nets: [NetCost; 2],
}

/// What a net takes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NetCost {
    /// `encoder` or `decoder`.
    pub net: &'static str,
    /// Its layers, in the order of computation.
    pub layers: Vec<LayerCost>,
}

/// What a layer takes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerCost {
    /// The layer.
    pub name: String,
    /// Bytes of its weights, with what belongs to them.
    pub flash: usize,
    /// Bytes of the line that it writes.
    pub ram: usize,
    /// Instructions of a second of signal.
    pub instructions_per_second: f64,
}

impl Cost {
    /// What a configuration's model would take.
    ///
    /// # Errors
    /// That it makes no model.
    pub fn of_config(config: &Config, signal: &SignalRecord, run: &str) -> Result<Self, BudgetError> {
        let bytes = draft(config, signal, run)?;
        let model = bytes.model().map_err(ContainerError::from).map_err(ExportError::from)?;
        let (encoder, decoder) = config.network_plan().assemble(signal.channels.len())?;
        let mut cost = Self::of_model(&model, [&encoder, &decoder], signal.rate_millihertz, &config.budget);
        cost.tables = table_reserve(&model);
        cost.model_bytes += cost.tables;
        Ok(cost)
    }

    /// What a model takes whose nets were lowered from `specs`, the encoder's and the decoder's.
    #[must_use]
    pub fn of_model(model: &Model<'_>, specs: [&NetSpec; 2], rate_millihertz: u64, budget: &BudgetConfig) -> Self {
        let (core, side) = (budget.core, budget.side);
        let hops_per_second = rate_millihertz as f64 / 1000.0 / model.hop() as f64;
        let memory = NetMemory::of(model);
        let directory = model.directory();
        let nets = [("encoder", directory.encoder, specs[0]), ("decoder", directory.decoder, specs[1])];
        let nets = nets.map(|(name, net, spec)| NetCost {
            net: name,
            layers: layers(model, &net, spec, memory.iter().find(|memory| memory.net == name), core, hops_per_second),
        });
        let sides = match side {
            Side::Encode => [true, false],
            Side::Decode => [false, true],
            Side::Both => [true, true],
        };
        let of_nets: f64 = (nets.iter().zip(sides).filter(|(_, runs)| *runs))
            .flat_map(|(net, _)| net.layers.iter().map(|layer| layer.instructions_per_second))
            .sum();
        let symbols = model.symbols(QUALITIES as u8);
        let searches: f64 = symbols
            .filter(|symbol| symbol.kind == SymbolKind::Index)
            .map(|symbol| Work::Search { codes: symbol.alphabet.into(), channels: symbol.channels.into() })
            .map(|work| core.instructions(work))
            .sum();
        let prior = model.recurrent_prior().map_or(0.0, |prior| {
            let gates = 3.0 * f64::from(prior.hidden);
            let work = [
                (prior.input_taps() as f64, gates),
                (f64::from(prior.hidden), gates),
                (prior.readout_taps() as f64, prior.readout_outputs() as f64),
            ];
            let counted = work.into_iter().filter(|(taps, outputs)| taps * outputs > 0.0);
            let counted = counted.map(|(taps, outputs)| Work::Matrix { taps, outputs, windows: 1.0 });
            let (instructions, macs) = counted.fold((0.0, 0.0), |(instructions, macs), work| {
                (instructions + core.instructions(work), macs + work.multiply_accumulates())
            });
            // What runs within the hop, symbol by symbol, has few taps.
            instructions + (prior.multiply_accumulates() as f64 - macs) * core.in_hop_rate()
        });
        let runs = sides.iter().filter(|runs| **runs).count() as f64;
        let code_instructions = (if sides[0] { searches } else { 0.0 } + prior * runs) * hops_per_second;
        let samples_per_second = rate_millihertz as f64 / 1000.0 * model.channels() as f64;
        let symbols_per_second = model.symbols(QUALITIES as u8).count() as f64 * hops_per_second;
        let other: f64 = ([Side::Encode, Side::Decode].into_iter().zip(sides).filter(|(_, runs)| *runs))
            .map(|(side, _)| core.other(side))
            .map(|[sample, symbol]| sample * samples_per_second + symbol * symbols_per_second)
            .sum();
        let (encoding, decoding) = (model.encoder_memory(Options::new()), model.decoder_memory());
        Self {
            core,
            side,
            model_bytes: model.file().len(),
            tables: 0,
            code_bytes: core.code_bytes(side),
            ram_bytes: [encoding, decoding].into_iter().zip(sides).map(|(bytes, runs)| bytes * usize::from(runs)).sum(),
            instructions_per_second: of_nets + code_instructions + other,
            other_instructions_per_second: other,
            code_instructions_per_second: code_instructions,
            nets,
        }
    }

    /// Every limit that is passed, in words, with what takes most.
    #[must_use]
    pub fn excesses(&self, budget: &BudgetConfig) -> Vec<String> {
        let mut excesses = Vec::new();
        let (model, image) = (self.model_bytes, self.model_bytes + self.code_bytes);
        let weights = || self.largest(|layer| layer.flash as f64, true);
        if budget.flash > 0 && model > budget.flash {
            excesses.push(format!(
                "the model takes {model} bytes of flash where budget.flash is {}; most of it is {}",
                budget.flash,
                weights()
            ));
        }
        if budget.image > 0 && image > budget.image {
            excesses.push(format!(
                "model and code take {image} bytes of flash where budget.image is {}: {} of code on {}, {model} of the model, \
                 most of it {}",
                budget.image,
                self.code_bytes,
                self.core.name(),
                weights()
            ));
        }
        if budget.ram > 0 && self.ram_bytes > budget.ram {
            excesses.push(format!(
                "the codec takes {} bytes of memory where budget.ram is {}; the longest line is that of {}",
                self.ram_bytes,
                budget.ram,
                self.largest(|layer| layer.ram as f64, false)
            ));
        }
        let mips = self.instructions_per_second / 1e6;
        if budget.mips > 0.0 && mips > budget.mips {
            excesses.push(format!(
                "the codec takes {mips:.3} million instructions a second on {} where budget.mips is {}; most of them {}",
                self.core.name(),
                budget.mips,
                self.largest(|layer| layer.instructions_per_second, false)
            ));
        }
        excesses
    }

    /// The layer that takes most, in words; of the nets that run, or of both, which the file always holds.
    fn largest(&self, of: impl Fn(&LayerCost) -> f64, both: bool) -> String {
        let runs = |net: &NetCost| match self.side {
            Side::Encode => both || net.net == "encoder",
            Side::Decode => both || net.net == "decoder",
            Side::Both => true,
        };
        let layers = self
            .nets
            .iter()
            .filter(|net| runs(net))
            .flat_map(|net| net.layers.iter().map(move |layer| (net.net, layer)));
        let largest = layers.max_by(|(_, a), (_, b)| of(a).total_cmp(&of(b)));
        largest.map_or_else(
            || "nothing".into(),
            |(net, layer)| format!("{net} layer `{}` with {:.0}", layer.name, of(layer)),
        )
    }

    /// The cost in a line.
    #[must_use]
    pub fn line(&self) -> String {
        let side = match self.side {
            Side::Encode => "to encode",
            Side::Decode => "to decode",
            Side::Both => "to encode and decode",
        };
        format!(
            "{} {side}: model {} bytes of flash ({} of them kept for tables), code {}, RAM {} bytes, {:.3} million instructions \
             a second",
            self.core.name(),
            self.model_bytes,
            self.tables,
            self.code_bytes,
            self.ram_bytes,
            self.instructions_per_second / 1e6
        )
    }
}

/// The layers of a net, each with the name of the node that it was made from.
fn layers(
    model: &Model<'_>,
    net: &Net,
    spec: &NetSpec,
    memory: Option<&NetMemory>,
    core: Core,
    hops_per_second: f64,
) -> Vec<LayerCost> {
    let layer = |index: usize| {
        let layer = model.layer(net, index);
        let inputs = f64::from(model.line(net, usize::from(layer.input)).channels);
        let (channels, windows) = (f64::from(layer.channels), f64::from(layer.windows()));
        let work = match layer.kind {
            Kind::Convolution => Work::Matrix {
                taps: f64::from(layer.kernel) * inputs,
                outputs: f64::from(layer.upsample) * channels,
                windows,
            },
            Kind::Depthwise => Work::Depthwise { taps: layer.kernel.into(), channels, windows },
            Kind::Add => Work::Sum { elements: f64::from(layer.rows) * channels },
        };
        LayerCost {
            name: spec.nodes.get(index).map_or_else(|| (index + 1).to_string(), |node| node.name.clone()),
            flash: layer.weights_length as usize,
            ram: memory.and_then(|memory| memory.lines.get(index + 1)).map_or(0, |line| line.buffer.bytes as usize),
            instructions_per_second: core.instructions(work) * hops_per_second,
        }
    };
    (0..usize::from(net.count)).map(layer).collect()
}

/// A row of frequencies for every symbol: what tables need at least to be of use. The exporter keeps them within the budget. A recurrent prior goes
/// before tables, so its model needs none.
fn table_reserve(model: &Model<'_>) -> usize {
    if model.recurrent_prior().is_some() {
        return 0;
    }
    let rows = model.symbols(QUALITIES as u8).map(|symbol| match symbol.kind {
        SymbolKind::Index => 2 * usize::from(symbol.alphabet),
        SymbolKind::Integer => 2 << symbol.bits,
    });
    rows.sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{PredictorKind, PriorKind, QuantizerKind};
    use crate::run::ChannelRecord;

    pub(super) fn signal(channels: usize) -> SignalRecord {
        let channel = |index| ChannelRecord {
            name: format!("c{index}"),
            unit: "mV".into(),
            counts_per_unit: 200.0,
            offset: 0,
            source_bits: Some(11),
        };
        SignalRecord { rate_millihertz: 360_000, channels: (0..channels).map(channel).collect() }
    }

    fn codec(quantizer: QuantizerKind, prior: PriorKind) -> Config {
        let mut config = Config::default();
        config.quantizer.kind = quantizer;
        config.prior.kind = prior;
        // What was counted had so many.
        config.prior.units = 56;
        config.residual.kind = PredictorKind::Adaptive;
        config
    }

    #[test]
    fn instructions_are_those_that_the_emulator_counted() {
        // Per frame, to encode and to decode: `codec` of `firmware/qemu` over the last minute of data/mitdb-208.
        let counted = [
            (Core::M4, [[1518, 1240], [1583, 1367], [2459, 2245]]),
            (Core::M3, [[2268, 1727], [2181, 1855], [3617, 3293]]),
            (Core::M0, [[4078, 3104], [3927, 3294], [6330, 5693]]),
            (Core::Rv32, [[3201, 2439], [3092, 2611], [5202, 4723]]),
        ];
        let codecs = [
            codec(QuantizerKind::Rvq, PriorKind::Tables),
            codec(QuantizerKind::Scalar, PriorKind::Tables),
            codec(QuantizerKind::Scalar, PriorKind::Standard),
        ];
        for (core, counted) in counted {
            for (mut config, sides) in codecs.iter().cloned().zip(counted) {
                config.budget.core = core;
                for (side, wanted) in [Side::Encode, Side::Decode].into_iter().zip(sides) {
                    config.budget.side = side;
                    let cost = Cost::of_config(&config, &signal(1), "{}").unwrap();
                    let ratio = cost.instructions_per_second / 360.0 / f64::from(wanted);
                    assert!((0.9..1.1).contains(&ratio), "{core:?} {side:?} {:?}: {ratio}", config.quantizer.kind);
                }
            }
        }
    }

    #[test]
    fn every_limit_that_is_passed_is_told_with_the_layer_that_takes_most() {
        let mut config = codec(QuantizerKind::Rvq, PriorKind::Tables);
        let cost = Cost::of_config(&config, &signal(1), "{}").unwrap();
        config.budget.flash = cost.model_bytes;
        config.budget.image = cost.model_bytes + cost.code_bytes;
        config.budget.ram = cost.ram_bytes;
        config.budget.mips = cost.instructions_per_second / 1e6;
        assert!(cost.excesses(&config.budget).is_empty());
        config.budget.flash -= 1;
        config.budget.image -= 1;
        config.budget.ram -= 1;
        config.budget.mips *= 0.999;
        let excesses = cost.excesses(&config.budget);
        let told = |index: usize, words: &[&str]| {
            let excess: &String = &excesses[index];
            assert!(words.iter().all(|word| excess.contains(word)), "{excess}");
        };
        assert_eq!(excesses.len(), 4);
        // 24 channels to 24, four taps: the largest of both nets.
        told(0, &["budget.flash", "encoder layer `layer"]);
        told(1, &["budget.image", "49650 of code on m4"]);
        told(2, &["budget.ram", "encoder layer `layer1` with"]);
        told(3, &["budget.mips", "encoder layer `"]);
    }
}
