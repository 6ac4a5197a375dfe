//! Speakers out of Debian's packages: announcements, many short WAV files of one voice each, and raw samples that come with Codec 2.
//!
//! The announcements' four voices are meant to train on and the others to measure on: they come from elsewhere, and none of their speakers is one
//! of the four. Of the samples only speech is taken that no codec and no radio has changed, each speaker once: others of the package's files are
//! modems' signals, decoded speech, parts of these files, or too short.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use super::{DatasetError, debian, malformed};
use crate::data::{self, Channel, Recording};

const RATE_HERTZ: u32 = 8000;
/// Where announcements and samples lie in their packages.
const SOUNDS: &str = "usr/share/asterisk/sounds/";
const SAMPLES: &str = "usr/share/codec2/raw/";

/// A voice of announcements.
struct Voice {
    package: &'static str,
    /// Folder of its files.
    folder: &'static str,
    /// What its recording is called.
    name: &'static str,
    /// Of its files, in the order of their paths, every such one is taken: together three women speak as long as the one man.
    every: usize,
}

const VOICES: [Voice; 4] = [
    Voice { package: "asterisk-core-sounds-en-wav", folder: "en_US_f_Allison/", name: "allison", every: 3 },
    Voice { package: "asterisk-core-sounds-fr-wav", folder: "fr_CA_f_June/", name: "june", every: 3 },
    Voice { package: "asterisk-core-sounds-it-wav", folder: "it_IT_m_Carlo/", name: "carlo", every: 1 },
    Voice { package: "asterisk-core-sounds-ru-wav", folder: "ru_RU_f_IvrvoiceRU/", name: "ivrvoice", every: 3 },
];

const SAMPLES_PACKAGE: &str = "codec2-examples";
/// Samples by what their files are called.
const SPEAKERS: [&str; 8] = ["cq_ref", "g3plx", "hts1", "hts2", "kristoff", "mmt1", "ve9qrp", "vk5qi"];

/// Writes a WAV file for each speaker beside the packages.
pub(super) fn convert(folder: &Path) -> Result<(), DatasetError> {
    for voice in &VOICES {
        let package = find(folder, voice.package)?;
        let inside = format!("{SOUNDS}{}", voice.folder);
        let announcements = debian::files(&package, |path| is_announcement(path, &inside))?;
        let mut samples = Vec::new();
        for (path, bytes) in announcements.iter().step_by(voice.every) {
            samples.extend(read_wav(bytes).map_err(|what| malformed(&package)(format!("holds {path}, which {what}")))?);
        }
        write(folder, voice.name, samples)?;
    }
    let package = find(folder, SAMPLES_PACKAGE)?;
    let path_of = |name: &str| format!("{SAMPLES}{name}.raw");
    let files = debian::files(&package, |path| SPEAKERS.iter().any(|name| path_of(name) == path))?;
    for name in SPEAKERS {
        let file = files.iter().find(|(path, _)| *path == path_of(name));
        let (_, bytes) = file.ok_or_else(|| malformed(&package)(format!("does not hold {}", path_of(name))))?;
        let samples = bytes.as_chunks().0.iter().map(|sample| i16::from_le_bytes(*sample).into());
        write(folder, name, samples.collect())?;
    }
    Ok(())
}

/// The package's file, whichever its version: its checksum was checked.
fn find(folder: &Path, package: &str) -> Result<PathBuf, DatasetError> {
    let entries = std::fs::read_dir(folder).map_err(DatasetError::io(folder, "read"))?;
    let named = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        name.starts_with(&format!("{package}_")) && name.ends_with(".deb")
    };
    let found = entries.filter_map(|entry| Some(entry.ok()?.path())).find(named);
    found.ok_or_else(|| malformed(folder)(format!("of {package} is missing")))
}

/// Announcements, without the files of silence.
fn is_announcement(path: &str, inside: &str) -> bool {
    path.strip_prefix(inside).is_some_and(|name| name.ends_with(".wav") && !name.starts_with("silence/"))
}

fn read_wav(bytes: &[u8]) -> Result<Vec<i32>, String> {
    let reader =
        hound::WavReader::new(Cursor::new(bytes)).map_err(|error| format!("is not a readable WAV file: {error}"))?;
    let spec = reader.spec();
    if (spec.sample_rate, spec.channels, spec.bits_per_sample) != (RATE_HERTZ, 1, 16) {
        return Err("is not of one channel of 16 bits at 8 kHz".into());
    }
    reader.into_samples().collect::<Result<_, _>>().map_err(|error| format!("is cut: {error}"))
}

fn write(folder: &Path, name: &str, samples: Vec<i32>) -> Result<(), DatasetError> {
    let channel = Channel {
        name: "speech".into(),
        unit: Channel::COUNTS.into(),
        counts_per_unit: 1.0,
        offset: 0,
        source_bits: Some(16),
    };
    let recording = Recording {
        name: name.into(),
        rate_millihertz: u64::from(RATE_HERTZ) * 1000,
        channels: vec![channel],
        samples,
        start_time: None,
        comments: Vec::new(),
        remarks: Vec::new(),
    };
    Ok(data::save(&folder.join(name).with_extension("wav"), &recording, None)?)
}

#[cfg(test)]
mod tests {
    use super::debian::tests::package;
    use super::*;

    fn wav(rate: u32, samples: &[i16]) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: rate,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
        samples.iter().for_each(|sample| writer.write_sample(*sample).unwrap());
        writer.finalize().unwrap();
        bytes.into_inner()
    }

    /// The five packages; each announcement holds its number, `broken` goes into the last package of voices.
    fn packages(folder: &Path, broken: &[u8]) {
        for voice in &VOICES {
            let path = |name: &str| format!("{SOUNDS}{}{name}", voice.folder);
            let one = wav(8000, &[1, -1]);
            let last = if voice.name == "ivrvoice" { broken.to_vec() } else { wav(8000, &[4]) };
            let files = [
                (path("z/4.wav"), last),
                (path("a.wav"), one),
                (path("b.wav"), wav(8000, &[2])),
                (path("c.wav"), wav(8000, &[3])),
                (path("silence/1.wav"), wav(8000, &[9])),
                (path("a.txt"), b"text".to_vec()),
            ];
            let files: Vec<(&str, &[u8])> =
                files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
            std::fs::write(folder.join(format!("{}_1_all.deb", voice.package)), package(&files)).unwrap();
        }
        let paths = SPEAKERS.map(|name| format!("{SAMPLES}{name}.raw"));
        let files: Vec<(&str, &[u8])> =
            paths.iter().map(|path| (path.as_str(), [0x34, 0x12, 0xff, 0xff].as_slice())).collect();
        std::fs::write(folder.join("codec2-examples_1_all.deb"), package(&files)).unwrap();
    }

    #[test]
    fn a_speaker_is_a_file() {
        let folder = tempfile::tempdir().unwrap();
        packages(folder.path(), &wav(8000, &[4]));
        convert(folder.path()).unwrap();
        let open = |name: &str| data::open(&folder.path().join(name), &data::OpenOptions::default()).unwrap();
        let carlo = open("carlo.wav");
        assert_eq!((carlo.samples.as_slice(), carlo.rate_millihertz), ([1, -1, 2, 3, 4].as_slice(), 8_000_000));
        assert_eq!(open("june.wav").samples, [1, -1, 4]);
        assert_eq!(open("vk5qi.wav").samples, [0x1234, -1]);
    }

    #[test]
    fn another_rate_and_a_missing_package_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        packages(folder.path(), &wav(16_000, &[4]));
        let error = convert(folder.path()).unwrap_err().to_string();
        assert!(error.contains("z/4.wav") && error.contains("at 8 kHz"), "{error}");
        std::fs::remove_file(folder.path().join("asterisk-core-sounds-fr-wav_1_all.deb")).unwrap();
        assert!(convert(folder.path()).unwrap_err().to_string().contains("asterisk-core-sounds-fr-wav is missing"));
    }

    #[test]
    fn who_is_measured_is_not_trained_on() {
        assert!(VOICES.iter().all(|voice| !SPEAKERS.contains(&voice.name)));
        assert!(VOICES.iter().all(|voice| voice.package != SAMPLES_PACKAGE));
    }
}
