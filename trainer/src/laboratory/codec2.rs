//! Codec 2, David Rowe's parametric codec of speech, run as its own programs where a system has them: Debian's package `codec2`.
//!
//! It sends pitch, voicing, energy and an envelope of the spectrum, and makes speech that sounds alike and has other phases. So its waveform matches
//! nothing, and squared errors say nothing of it; the [log-spectral distance](crate::metrics::SpeechDistortion) does.

use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use super::Regime;
use super::curve::{Curve, Point, RecordCurve};
use crate::data::Recording;
use crate::metrics::SpeechDistortion;

/// What its curves are called.
pub const CODEC2: &str = "Codec 2";
/// Its encoder and its decoder.
const PROGRAMS: [&str; 2] = ["c2enc", "c2dec"];
/// Modes by their bits per second, as the programs take them.
const MODES: [&str; 5] = ["3200", "2400", "1600", "1300", "700C"];
/// The rate that it is made for.
const RATE_MILLIHERTZ: u64 = 8_000_000;
/// The longest delay that is looked for, and the step of the search, in samples: 80 and 2 ms.
const LONGEST_DELAY: usize = 640;
const DELAY_STEP: usize = 16;

/// Why Codec 2 was not measured.
#[derive(Debug, thiserror::Error)]
pub enum Codec2Error {
    /// A program is not on this system.
    #[error("Codec 2 is left out: there is no program {program}; Debian's package codec2 has it")]
    Absent {
        /// The program.
        program: &'static str,
    },
    /// A program failed, or its files could not be written or read.
    #[error("Codec 2 is left out: {program}: {reason}")]
    Failed {
        /// The program.
        program: &'static str,
        /// What it said.
        reason: String,
    },
}

/// Its curve over its modes; `None` if a recording is not of one channel at 8 kHz.
///
/// Bits are those of its frames, without anything around them, in packets too. What it decodes is put where its log-spectral distance is least.
///
/// # Errors
/// If its programs are not there, or fail.
pub fn codec2_curve(recordings: &[Recording], regime: Regime) -> Result<Option<Curve>, Codec2Error> {
    let fits = |recording: &Recording| recording.channels.len() == 1 && recording.rate_millihertz == RATE_MILLIHERTZ;
    if !recordings.iter().all(fits) {
        return Ok(None);
    }
    let curve_of = |recording: &Recording| {
        let points = MODES.iter().map(|mode| point(mode, recording)).collect::<Result<_, _>>()?;
        Ok(RecordCurve { record: recording.name.clone(), points })
    };
    let records = recordings.iter().map(curve_of).collect::<Result<_, _>>()?;
    Ok(Some(Curve { name: CODEC2.into(), learned: false, regime, records }))
}

fn point(mode: &str, recording: &Recording) -> Result<Point, Codec2Error> {
    let offset = recording.channels[0].offset;
    let sent: Vec<i16> = recording
        .samples
        .iter()
        .map(|x| x.saturating_sub(offset).clamp(i16::MIN.into(), i16::MAX.into()) as i16)
        .collect();
    let (bytes, heard) = code(mode, &sent)?;
    let heard: Vec<i32> = heard.into_iter().map(|x| i32::from(x) + offset).collect();
    let decoded = align(recording, &heard);
    Ok(Point::of_decoded(format!("Codec 2, {mode} bit/s"), bytes as f64 * 8.0, recording, &decoded))
}

/// Bytes of the frames, and what they decode to.
fn code(mode: &str, samples: &[i16]) -> Result<(u64, Vec<i16>), Codec2Error> {
    let [encoder, decoder] = PROGRAMS;
    let failed = |program| move |error: std::io::Error| Codec2Error::Failed { program, reason: error.to_string() };
    let folder = tempfile::tempdir().map_err(failed(encoder))?;
    let [input, frames, output] = ["in.raw", "frames.bin", "out.raw"].map(|name| folder.path().join(name));
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    std::fs::write(&input, bytes).map_err(failed(encoder))?;
    run(encoder, mode, &input, &frames)?;
    run(decoder, mode, &frames, &output)?;
    let sent = std::fs::metadata(&frames).map_err(failed(encoder))?.len();
    let heard = std::fs::read(&output).map_err(failed(decoder))?;
    Ok((sent, heard.as_chunks().0.iter().map(|sample| i16::from_le_bytes(*sample)).collect()))
}

fn run(program: &'static str, mode: &str, from: &Path, to: &Path) -> Result<(), Codec2Error> {
    let output = Command::new(program).arg(mode).arg(from).arg(to).output().map_err(|error| match error.kind() {
        ErrorKind::NotFound => Codec2Error::Absent { program },
        _ => Codec2Error::Failed { program, reason: error.to_string() },
    })?;
    if output.status.success() {
        return Ok(());
    }
    let reason = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
    Err(Codec2Error::Failed { program, reason })
}

/// What was heard, as long as the recording and without the delay at which its log-spectral distance is least.
fn align(recording: &Recording, heard: &[i32]) -> Vec<i32> {
    let offset = recording.channels[0].offset;
    let moved = |delay: usize| {
        let mut moved: Vec<i32> = heard.iter().skip(delay).take(recording.frames()).copied().collect();
        moved.resize(recording.frames(), offset);
        moved
    };
    let distance = |delay: &usize| {
        let found = SpeechDistortion::of_recording(recording, &moved(*delay));
        found.and_then(|found| found.log_spectral_distance_db).unwrap_or(f64::INFINITY)
    };
    let delays: Vec<usize> = (0..=LONGEST_DELAY).step_by(DELAY_STEP).collect();
    let best = delays.iter().map(|delay| (distance(delay), *delay)).min_by(|one, other| one.0.total_cmp(&other.0));
    moved(best.map_or(0, |(_, delay)| delay))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Channel;

    /// A vowel of 120 Hz whose loudness comes and goes.
    fn speech(rate_millihertz: u64) -> Recording {
        let sample = |time: usize| {
            let seconds = time as f64 / 8000.0;
            let wave = |harmonic: u32| {
                (std::f64::consts::TAU * 120.0 * f64::from(harmonic) * seconds).sin() / f64::from(harmonic)
            };
            (4000.0 * (1..20).map(wave).sum::<f64>() * (std::f64::consts::TAU * 2.3 * seconds).sin().powi(2)) as i32
        };
        let channel =
            Channel { name: "a".into(), unit: "LSB".into(), counts_per_unit: 1.0, offset: 0, source_bits: Some(16) };
        Recording {
            name: "vowel".into(),
            rate_millihertz,
            channels: vec![channel],
            samples: (0..16_000).map(sample).collect(),
            start_time: None,
            comments: Vec::new(),
            remarks: Vec::new(),
        }
    }

    #[test]
    fn what_was_heard_later_is_put_back() {
        let recording = speech(RATE_MILLIHERTZ);
        let late = [vec![0; 320], recording.samples.clone()].concat();
        assert_eq!(align(&recording, &late), recording.samples);
    }

    #[test]
    fn modes_have_their_rates_where_the_programs_are() {
        let curve = match codec2_curve(&[speech(RATE_MILLIHERTZ)], Regime::Stream) {
            Ok(curve) => curve.unwrap(),
            Err(Codec2Error::Absent { program }) => {
                println!("skipped: there is no program {program}");
                return;
            }
            Err(error) => panic!("{error}"),
        };
        for (point, bits_per_second) in curve.mean().iter().zip([3200.0, 2400.0, 1600.0, 1300.0, 700.0]) {
            assert!((point.bits_per_sample - bits_per_second / 8000.0).abs() < 0.02, "{point:?}");
            assert!(point.log_spectral_distance_db.unwrap() < 20.0, "{point:?}");
        }
    }

    #[test]
    fn other_signals_are_not_for_it() {
        assert!(codec2_curve(&[speech(16_000_000)], Regime::Stream).unwrap().is_none());
    }
}
