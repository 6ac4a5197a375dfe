//! The rate–distortion laboratory behind `vq bench rd`: models at all their qualities and classical opponents at many settings, on the
//! same samples, by the same [metrics](crate::metrics).
//!
//! Rates are those of files, every header included: of models the ones that `vq encode` writes, of opponents such as cost the same
//! around their codes, see [`vq_opponents`]. Settings form *curves*; two curves are compared by the Bjøntegaard rate
//! difference on the mean squared error, record by record.

mod bjontegaard;
mod codec2;
mod curve;
mod envelope;
mod neural;
mod opponents;
mod plot;
#[cfg(feature = "png")]
mod png;
mod training_data;

pub use bjontegaard::{RateDifference, SettingDifference};
pub use codec2::{CODEC2, Codec2Error, codec2_curve};
pub use curve::{Curve, Point, RecordCurve};
pub use envelope::envelope;
pub use neural::{Neural, NeuralError};
pub use opponents::{Family, families};
pub use plot::{PlotError, plot};
#[cfg(feature = "png")]
pub use png::png;
pub use training_data::{KnownToModel, known_to_model};

use serde::Serialize;
use vq_core::Options;

use crate::codec::{CodecError, HostCodec};
use crate::data::Recording;
use crate::evaluate::evaluate;

/// How much may depend on what was sent before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Regime {
    /// Everything: one stream.
    Stream,
    /// Nothing beyond a packet of at most so many bytes.
    Packets(usize),
}

impl Regime {
    /// The regime in a word or two.
    #[must_use]
    pub fn describe(self) -> String {
        match self {
            Self::Stream => "one stream".into(),
            Self::Packets(bytes) => format!("packets of {bytes} bytes"),
        }
    }

    fn options(self, quality: u8) -> Options {
        let options = Options::new().quality(quality);
        match self {
            Self::Stream => options.packet_bytes(65_535),
            Self::Packets(bytes) => options.packet_bytes(bytes),
        }
    }
}

/// The curve of a model over its qualities; recordings [fit](crate::data::fit) it. Qualities at which it makes the same codes are one point.
///
/// # Errors
/// What encoding or decoding refuses.
pub fn model_curve(codec: &HostCodec<'_>, recordings: &[Recording], regime: Regime) -> Result<Curve, CodecError> {
    let curve_of = |recording: &Recording| -> Result<RecordCurve, CodecError> {
        let mut points: Vec<Point> = Vec::new();
        for quality in 1..=9 {
            let row = evaluate(codec, recording, regime.options(quality))?.row;
            let point = Point::of_model(format!("quality {quality}"), &row);
            match points.last_mut() {
                Some(last) if last.same_figures(&point) => *last = point,
                _ => points.push(point),
            }
        }
        Ok(RecordCurve { record: recording.name.clone(), points })
    };
    let records = recordings.iter().map(curve_of).collect::<Result<_, _>>()?;
    Ok(Curve { name: codec.name().to_owned(), learned: true, regime, records })
}

/// The curve of a family of opponents over its settings.
#[must_use]
pub fn family_curve(family: &Family, recordings: &[Recording], regime: Regime) -> Curve {
    let curve_of = |recording: &Recording| RecordCurve {
        record: recording.name.clone(),
        points: family.settings.iter().map(|setting| Point::of_opponent(&**setting, recording, regime)).collect(),
    };
    Curve { name: family.name.clone(), learned: false, regime, records: recordings.iter().map(curve_of).collect() }
}
