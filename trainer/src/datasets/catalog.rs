//! The sets that `vq data` knows.

use super::{Dataset, DatasetError, Source};

/// All sets.
pub const DATASETS: &[Dataset] = &[
    Dataset {
        name: "fashion-mnist",
        title: "Fashion-MNIST: 60 000 and 10 000 grey images of clothes, 28 by 28; Debian's package dataset-fashion-mnist has the same \
                files, in /usr/share/datasets/fashion-mnist",
        terms: "MIT; cite Xiao, Rasul & Vollgraf 2017 (arXiv:1708.07747)",
        source: Source::Web("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"),
        checksums: include_str!("fashion-mnist.sha256"),
    },
    Dataset {
        name: "mitdb",
        title: "MIT-BIH Arrhythmia Database: 22 of its 48 ECG records, two leads, 360 Hz, half an hour each",
        terms: "ODC-By 1.0; cite Moody & Mark 2001 (IEEE Eng in Med and Biol 20(3):45-50) and Goldberger et al. 2000",
        source: Source::Web("https://physionet.org/files/mitdb/1.0.0/"),
        checksums: include_str!("mitdb.sha256"),
    },
    Dataset {
        name: "ppg",
        title: "HeartPy's example recordings: two photoplethysmograms with times, about 100 Hz",
        terms: "MIT; cite van Gent et al. 2019 (Journal of Open Research Software 7(1):32)",
        source: Source::PythonPackage { requirement: "heartpy==1.2.7", folder: "heartpy/data" },
        checksums: include_str!("ppg.sha256"),
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
    },
];

/// The set of a name.
///
/// # Errors
/// If there is none.
pub fn find(name: &str) -> Result<&'static Dataset, DatasetError> {
    DATASETS.iter().find(|set| set.name == name).ok_or_else(|| DatasetError::Unknown { name: name.to_owned() })
}
