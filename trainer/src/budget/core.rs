//! Cores: what the kernels were counted at, and what the code takes.

use serde::{Deserialize, Serialize};

use super::Side;

/// A core that models are budgeted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Core {
    /// Arm Cortex-M0 and M0+.
    M0,
    /// Arm Cortex-M3.
    M3,
    /// Arm Cortex-M4 and M4F.
    M4,
    /// Arm Cortex-M7, counted as instructions: it can do two in a cycle.
    M7,
    /// Arm Cortex-M33 without its DSP instructions.
    M33,
    /// Arm Cortex-M33 with them.
    M33Dsp,
    /// RV32IMAC, such as the ESP32-C3's.
    Rv32,
}

/// What `cargo xtask bench device --save` wrote of every core: `case code instructions macs …`.
const fn counts(core: Core) -> &'static str {
    match core {
        Core::M0 => include_str!("../../../firmware/kernels/counts/m0.txt"),
        Core::M3 => include_str!("../../../firmware/kernels/counts/m3.txt"),
        Core::M4 => include_str!("../../../firmware/kernels/counts/m4.txt"),
        Core::M7 => include_str!("../../../firmware/kernels/counts/m7.txt"),
        Core::M33 => include_str!("../../../firmware/kernels/counts/m33.txt"),
        Core::M33Dsp => include_str!("../../../firmware/kernels/counts/m33-dsp.txt"),
        Core::Rv32 => include_str!("../../../firmware/kernels/counts/rv32.txt"),
    }
}

/// A layer's work, as far as instructions depend on it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Work {
    /// Windows of `taps` elements times `outputs` filters.
    Matrix {
        /// Elements of a window.
        taps: f64,
        /// Filters.
        outputs: f64,
        /// Windows of a hop.
        windows: f64,
    },
    /// The same of each channel by itself.
    Depthwise {
        /// Taps in time.
        taps: f64,
        /// Channels.
        channels: f64,
        /// Windows of a hop.
        windows: f64,
    },
    /// Sums of elements of two lines.
    Sum {
        /// Elements of a hop.
        elements: f64,
    },
    /// A search among `codes` vectors of `channels` elements.
    Search {
        /// Vectors.
        codes: f64,
        /// Elements of a vector.
        channels: f64,
    },
}

impl Work {
    /// Multiply-accumulates of a hop, as the counts count them: a sum has two for each element.
    pub(super) fn multiply_accumulates(self) -> f64 {
        match self {
            Self::Matrix { taps, outputs: across, windows } | Self::Depthwise { taps, channels: across, windows } => {
                taps * across * windows
            }
            Self::Sum { elements } => 2.0 * elements,
            Self::Search { codes, channels } => codes * channels,
        }
    }

    /// The work of a case of the counts by its name; `None` for a name that stands for none of these.
    fn of_case(name: &str, macs: f64) -> Option<Self> {
        let (name, positions) = match name.split_once('@') {
            Some((name, positions)) => (name, positions.parse().ok()),
            None => (name, None),
        };
        let mut words = name.split('-').filter(|word| *word != "linear" || !name.starts_with("linear-transposed"));
        let kind = words.next()?;
        let rest: Vec<&str> = words.collect();
        let number = |index: usize| rest.get(index)?.trim_start_matches(['k', 's', 'l']).parse::<f64>().ok();
        let matrix = |taps: f64, outputs: f64| Self::Matrix {
            taps,
            outputs,
            windows: positions.unwrap_or_else(|| (macs / (taps * outputs)).max(1.0)),
        };
        match kind {
            "conv" | "linear" => Some(matrix(number(0)? * number(2)?, number(1)?)),
            "transposed" => {
                let (kernel, stride) = (number(2)?, number(3)?);
                Some(matrix(number(0)? * (kernel / stride).ceil(), number(1)? * stride))
            }
            "fully" => Some(matrix(number(1)?, number(2)?)),
            "gru" if rest.first() == Some(&"matrix") => Some(matrix(number(1)?, 3.0 * number(2)?)),
            "depthwise" => {
                let (channels, taps) = (number(0)?, number(1)?);
                let windows = positions.unwrap_or_else(|| (macs / (taps * channels)).max(1.0));
                Some(Self::Depthwise { taps, channels, windows })
            }
            "residual" => Some(Self::Sum { elements: macs / 2.0 }),
            "nearest" => Some(Self::Search { codes: number(0)?, channels: number(1)? }),
            _ => None,
        }
    }

    /// How unlike two works of one kind are: the sum of their sizes' ratios, in logarithms. `None` for two kinds.
    fn distance(self, other: Self) -> Option<f64> {
        let ratio = |a: f64, b: f64| (a / b).ln().abs();
        match (self, other) {
            (
                Self::Matrix { taps, outputs: across, windows },
                Self::Matrix { taps: other_taps, outputs: other_across, windows: other_windows },
            )
            | (
                Self::Depthwise { taps, channels: across, windows },
                Self::Depthwise { taps: other_taps, channels: other_across, windows: other_windows },
            ) => Some(ratio(taps, other_taps) + ratio(across, other_across) + ratio(windows, other_windows)),
            (Self::Sum { .. }, Self::Sum { .. }) | (Self::Search { .. }, Self::Search { .. }) => Some(0.0),
            _ => None,
        }
    }
}

impl Core {
    /// Instructions of a hop's work: its multiply-accumulates at the rate of the counted case that is most like it.
    pub(super) fn instructions(self, work: Work) -> f64 {
        let cases = counts(self).lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [name, _, instructions, macs, ..] = words.as_slice() else { return None };
            let (instructions, macs): (f64, f64) = (instructions.parse().ok()?, macs.parse().ok()?);
            Some((Work::of_case(name, macs)?.distance(work)?, instructions / macs))
        });
        let nearest = cases.min_by(|(a, _), (b, _)| a.total_cmp(b));
        work.multiply_accumulates() * nearest.map_or(1.0, |(_, rate)| rate)
    }

    /// Instructions of a multiply-accumulate of the recurrent prior within a hop.
    pub(super) fn in_hop_rate(self) -> f64 {
        let case = counts(self).lines().find_map(|line| line.strip_prefix("masked-in-hop-16-4 "));
        case.and_then(|line| line.split_whitespace().nth(3)?.parse().ok()).unwrap_or(10.0)
    }

    /// Bytes of code beside a model: those of the example images (`firmware/qemu`: `encoder`, `decoder`, `codec`) without the model, so
    /// start-up, self-test and what carries the packets out of the emulator are in them. Measured with rustc 1.95, `opt-level = "s"`,
    /// by `cargo xtask firmware`; a part of it is what an application has anyway.
    #[must_use]
    pub fn code_bytes(self, side: Side) -> usize {
        let [encode, decode, both] = match self {
            Self::M0 => [49_498, 47_402, 59_654],
            Self::M3 => [48_134, 46_546, 57_946],
            Self::M4 | Self::M7 | Self::M33Dsp => [49_650, 48_182, 59_386],
            Self::M33 => [49_334, 47_758, 59_094],
            Self::Rv32 => [53_010, 51_170, 64_574],
        };
        match side {
            Side::Encode => encode,
            Side::Decode => decode,
            Side::Both => both,
        }
    }

    /// Instructions of a sample and of a symbol besides kernels, to encode or to decode. They were fitted to what the emulator counts over a
    /// minute of ECG (`firmware/qemu`, program `codec`) with three codecs of the default nets: residual codebooks, integer latents, and
    /// those with a recurrent prior. With them the three come out within 8 %.
    pub(super) fn other(self, side: Side) -> [f64; 2] {
        let [encode, decode] = match self {
            Self::M0 => [[1183.0, 2546.0], [1064.0, 2122.0]],
            Self::M3 | Self::M33 => [[671.0, 1702.0], [576.0, 1541.0]],
            Self::M4 | Self::M7 | Self::M33Dsp => [[653.0, 1641.0], [556.0, 1486.0]],
            Self::Rv32 => [[945.0, 2321.0], [809.0, 1775.0]],
        };
        match side {
            Side::Encode => encode,
            Side::Decode => decode,
            Side::Both => [encode[0] + decode[0], encode[1] + decode[1]],
        }
    }

    /// The name that `--budget` takes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::M0 => "m0",
            Self::M3 => "m3",
            Self::M4 => "m4",
            Self::M7 => "m7",
            Self::M33 => "m33",
            Self::M33Dsp => "m33-dsp",
            Self::Rv32 => "rv32",
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    /// Instructions of a case as the counts have them.
    fn counted(core: Core, case: &str) -> f64 {
        let line = counts(core).lines().find(|line| line.split_whitespace().next() == Some(case));
        line.and_then(|line| line.split_whitespace().nth(2)?.parse().ok()).unwrap()
    }

    #[test]
    fn a_counted_layer_costs_what_was_counted() {
        let matrix = |taps, outputs, windows| Work::Matrix { taps, outputs, windows };
        for (core, work, case) in [
            (Core::M4, matrix(96.0, 32.0, 1.0), "conv-32-32-k3@1"),
            (Core::M0, matrix(128.0, 64.0, 4.0), "transposed-64-32-k4-s2@4"),
            (Core::M3, Work::Search { codes: 256.0, channels: 16.0 }, "nearest-256-16"),
            (Core::M4, Work::Sum { elements: 2048.0 }, "residual-add-32-l64"),
            (Core::M33, Work::Depthwise { taps: 5.0, channels: 32.0, windows: 1.0 }, "depthwise-32-k5@1"),
            (Core::M4, matrix(48.0, 16.0, 1.0), "linear-1-16-k48-s16@1"),
        ] {
            assert_eq!(core.instructions(work).round(), counted(core, case), "{case}");
        }
    }

    #[test]
    fn every_core_has_counts_of_every_kind_and_code() {
        for core in Core::value_variants() {
            for work in [
                Work::Matrix { taps: 20.0, outputs: 7.0, windows: 2.0 },
                Work::Depthwise { taps: 3.0, channels: 12.0, windows: 8.0 },
                Work::Sum { elements: 100.0 },
                Work::Search { codes: 64.0, channels: 8.0 },
            ] {
                let rate = core.instructions(work) / work.multiply_accumulates();
                assert!((0.5..20.0).contains(&rate), "{core:?} {work:?}: {rate}");
            }
            assert!(core.code_bytes(Side::Encode) < core.code_bytes(Side::Both));
            assert_eq!(Core::from_str(core.name(), false), Ok(*core));
        }
    }
}
