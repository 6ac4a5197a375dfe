//! Whether a model has seen what it is about to be judged on.

use std::ops::Range;

use serde_json::Value;
use vq_core::Model;

/// A stretch that a model was trained on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownToModel {
    /// The record's name.
    pub record: String,
    /// Frames trained on.
    pub frames: Range<usize>,
}

/// The part of a recording's `stretch` that the model says it was trained on, if there is one. The recording is told by its samples' SHA-256 or,
/// where other channels of it were taken, by its name.
#[must_use]
pub fn known_to_model(model: &Model<'_>, name: &str, sha256: &str, stretch: &Range<usize>) -> Option<KnownToModel> {
    let metadata = model.metadata()?;
    let run: Value = serde_json::from_str(metadata.run).ok()?;
    overlap(&run, name, sha256, stretch)
}

fn overlap(run: &Value, name: &str, sha256: &str, stretch: &Range<usize>) -> Option<KnownToModel> {
    let recordings = run["recordings"].as_array()?;
    recordings.iter().find_map(|recording| {
        let same = recording["sha256"] == sha256 || recording["name"] == name;
        let bound = |index: usize| recording["train"][index].as_u64();
        let (from, to) = (bound(0)? as usize, bound(1)? as usize);
        let frames = from.max(stretch.start)..to.min(stretch.end);
        (same && !frames.is_empty()).then(|| KnownToModel { record: name.into(), frames })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_overlaps_is_found_by_samples_or_by_name() {
        let run = json!({ "recordings": [{ "name": "a", "train": [0, 100], "sha256": "12" }] });
        let found = |name: &str, sha: &str, stretch| overlap(&run, name, sha, &stretch).map(|known| known.frames);
        assert_eq!(found("a", "99", 50..150), Some(50..100));
        assert_eq!(found("b", "12", 0..10), Some(0..10));
        assert_eq!(found("a", "12", 100..200), None);
        assert_eq!(found("b", "99", 0..100), None);
        assert_eq!(overlap(&json!("no run"), "a", "12", &(0..100)), None);
    }
}
