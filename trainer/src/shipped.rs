//! The models that ship, inside the program.
//!
//! Who installed `vq` has one file and no folder beside it; the models are a small part of it. So they are compiled in, and `--model ecg` works
//! wherever the program does. Where each comes from is in `models/`: its card, and in `models.toml` what makes it anew.

use std::path::Path;

use crate::run::RunFolder;

/// A model that ships.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shipped {
    /// Its name, which is also its file's in `models/`.
    pub name: &'static str,
    /// A shorter name.
    pub short: &'static str,
    /// The file; [`ModelBytes`](crate::export::file::ModelBytes) brings it to an aligned place.
    pub bytes: &'static [u8],
}

/// All of them, the standard model of a signal before its smaller ones.
pub const SHIPPED: &[Shipped] = &[
    Shipped { name: "ecg-360hz", short: "ecg", bytes: include_bytes!("../../models/ecg-360hz.vqm") },
    Shipped { name: "ecg-360hz-small", short: "ecg-small", bytes: include_bytes!("../../models/ecg-360hz-small.vqm") },
    Shipped { name: "imu-50hz", short: "imu", bytes: include_bytes!("../../models/imu-50hz.vqm") },
    Shipped { name: "ppg-100hz", short: "ppg", bytes: include_bytes!("../../models/ppg-100hz.vqm") },
    Shipped { name: "seismic-200hz", short: "seismic", bytes: include_bytes!("../../models/seismic-200hz.vqm") },
    Shipped { name: "speech-8khz", short: "speech", bytes: include_bytes!("../../models/speech-8khz.vqm") },
];

/// The model of a name, the long or the short one.
#[must_use]
pub fn find(name: &str) -> Option<&'static Shipped> {
    SHIPPED.iter().find(|shipped| shipped.name == name || shipped.short == name)
}

/// The model that ships which a user means by `name`: none where a file is called so, or the folder of a run, whose own model is meant. Any other folder
/// may be called like one.
#[must_use]
pub fn named(name: &Path) -> Option<&'static Shipped> {
    let is_taken = name.is_file() || RunFolder::new(name).record().is_file();
    name.to_str().and_then(find).filter(|_| !is_taken)
}

/// All names as an error lists them.
#[must_use]
pub fn names() -> String {
    let name = |shipped: &Shipped| format!("{} ({})", shipped.short, shipped.name);
    SHIPPED.iter().map(name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::HostCodec;
    use crate::export::file::ModelBytes;
    use crate::summary::ModelSummary;
    use vq_core::Options;

    #[test]
    fn every_model_is_sound_and_says_what_it_was_trained_on() {
        for shipped in SHIPPED {
            let bytes = ModelBytes::new(shipped.bytes);
            let codec = HostCodec::new(&bytes).unwrap_or_else(|error| panic!("{}: {error}", shipped.name));
            let summary = ModelSummary::new(&codec, Options::new());
            assert_eq!((summary.self_test.as_str(), summary.name.as_str()), (ModelSummary::PASSED, shipped.name));
            assert!(!summary.run["recordings"].as_array().unwrap().is_empty(), "{}", shipped.name);
            let command = summary.run["command"].to_string();
            assert!(!command.contains("\"/"), "{} says where it was trained: {command}", shipped.name);
        }
    }

    #[test]
    fn the_recipes_are_those_of_the_models() {
        let recipes: toml::Table = toml::from_str(include_str!("../../models/models.toml")).unwrap();
        let models =
            recipes["signal"].as_array().unwrap().iter().flat_map(|signal| signal["model"].as_array().unwrap());
        let text = |model: &toml::Value, key: &str| model[key].as_str().unwrap().to_owned();
        let named: Vec<(String, String)> = models.map(|model| (text(model, "name"), text(model, "short"))).collect();
        let shipped: Vec<(String, String)> =
            SHIPPED.iter().map(|shipped| (shipped.name.to_owned(), shipped.short.to_owned())).collect();
        assert_eq!(named, shipped);
    }
}
