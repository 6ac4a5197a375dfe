//! The sets that `vq data` knows.

use super::{Conversion, Dataset, DatasetError, Source};

/// All sets.
pub const DATASETS: &[Dataset] = &[
    Dataset {
        name: "fashion-mnist",
        title: "Fashion-MNIST: 60 000 and 10 000 grey images of clothes, 28 by 28; Debian's package dataset-fashion-mnist has the same \
                files, in /usr/share/datasets/fashion-mnist",
        terms: "MIT; cite Xiao, Rasul & Vollgraf 2017 (arXiv:1708.07747)",
        source: Source::Web("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"),
        checksums: include_str!("fashion-mnist.sha256"),
        conversion: None,
    },
    Dataset {
        name: "mitdb",
        title: "MIT-BIH Arrhythmia Database: 22 of its 48 ECG records, two leads, 360 Hz, half an hour each",
        terms: "ODC-By 1.0; cite Moody & Mark 2001 (IEEE Eng in Med and Biol 20(3):45-50) and Goldberger et al. 2000",
        source: Source::Web("https://physionet.org/files/mitdb/1.0.0/"),
        checksums: include_str!("mitdb.sha256"),
        conversion: None,
    },
    Dataset {
        name: "ppg",
        title: "HeartPy's example recordings: two photoplethysmograms with times, about 100 Hz",
        terms: "MIT; cite van Gent et al. 2019 (Journal of Open Research Software 7(1):32)",
        source: Source::PythonPackage { requirement: "heartpy==1.2.7", folder: "heartpy/data" },
        checksums: include_str!("ppg.sha256"),
        conversion: None,
    },
    Dataset {
        name: "imu",
        title: "seglearn's watch data: acceleration and rotation of a wrist in six axes, 50 Hz, of ten subjects at seven exercises of the shoulder; \
                a WFDB record for each subject is made of it",
        terms: "BSD-3-Clause; cite Burns et al. 2018 (Physiological Measurement 39(7):075007)",
        source: Source::PythonPackage { requirement: "seglearn==1.2.5", folder: "seglearn/data" },
        checksums: include_str!("imu.sha256"),
        conversion: Some(Conversion::Watch),
    },
    Dataset {
        name: "seismic",
        title: "ObsPy's reference recordings: vertical ground motion by two seismometers beside each other, 200 Hz, one hour (MiniSEED); a WFDB record \
                for each is made of it, its mean taken out",
        terms: "LGPL-3.0, as the package; cite Beyreuther et al. 2010 (Seismological Research Letters 81(3):530-533)",
        source: Source::PythonPackage { requirement: "obspy==1.5.1", folder: "obspy/signal/tests/data" },
        checksums: include_str!("seismic.sha256"),
        conversion: Some(Conversion::MiniSeed),
    },
    Dataset {
        name: "speech",
        title: "Speech at 8 kHz from Debian's packages asterisk-core-sounds-{en,fr,it,ru}-wav and codec2-examples: announcements of four voices to \
                train on, and samples of eight other people to measure on; a WAV file for each speaker is made of them. Elsewhere than on Debian \
                nothing else is needed; `apt-get download` brings the same files for --from",
        terms: "announcements CC-BY-SA-3.0 (Allison Smith; June Wallack) and CC-BY-3.0 (Carlo Flora; IvrvoiceRU, Maxim Topal), Digium's Asterisk \
                core sounds; samples LGPL-2.1, as David Rowe's Codec 2",
        source: Source::DebianArchive(&[
            ("asterisk-core-sounds-", "pool/main/a/asterisk-core-sounds/"),
            ("codec2-examples_", "pool/main/c/codec2/"),
        ]),
        checksums: include_str!("speech.sha256"),
        conversion: Some(Conversion::Speech),
    },
    Dataset {
        name: "biosignals",
        title: "biosignalsnotebooks' samples: ECG supine and skin conductance, EEG (EDF), and a wrist's acceleration in three axes (text, 1000 Hz)",
        terms: "MIT; (c) 2018 PLUX Wireless Biosignals",
        source: Source::PythonPackage {
            requirement: "biosignalsnotebooks==0.6.14",
            folder: "biosignalsnotebooks/notebook_files/osf_files/signal_samples",
        },
        checksums: include_str!("biosignals.sha256"),
        conversion: None,
    },
];

/// The set of a name.
///
/// # Errors
/// If there is none.
pub fn find(name: &str) -> Result<&'static Dataset, DatasetError> {
    DATASETS.iter().find(|set| set.name == name).ok_or_else(|| DatasetError::Unknown { name: name.to_owned() })
}
