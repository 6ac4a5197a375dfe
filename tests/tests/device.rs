//! The firmware in the emulator against the codec on the host: the same packets and the same samples, bit for bit.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Mutex;

use tempfile::TempDir;
use vq_tests::indices::with_index_prior;
use vq_tests::{Codebooks, Recipe, device, with_choice, with_recurrent_prior};
use vq_trainer::export::priors::indices::IndexSizes;
use vq_trainer::export::priors::recurrent::RecurrentSizes;

/// Held while an image is built and run: the next build takes its place.
static IMAGE: Mutex<()> = Mutex::new(());

/// A folder with a model, a signal, and what the host makes of it, as `cargo xtask firmware --check` reads them.
fn vectors(recipe: &Recipe, prior: Option<RecurrentSizes>) -> TempDir {
    // Not a whole number of hops, so that the last one is filled up.
    vectors_of(recipe, prior, recipe.signal(40 * recipe.hop() + 1))
}

fn vectors_of(recipe: &Recipe, prior: Option<RecurrentSizes>, signal: Vec<i32>) -> TempDir {
    let exported = recipe.export();
    let model = exported.integer.model().unwrap();
    let file = match prior {
        Some(sizes) => with_recurrent_prior(model, sizes, recipe.seed),
        None => exported.integer.clone(),
    };
    let folder = TempDir::new().unwrap();
    device::write(&file, signal, folder.path()).unwrap();
    folder
}

fn check(program: &str, folder: &Path) -> Output {
    let _guard = IMAGE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut command = Command::new(env!("CARGO"));
    command
        .current_dir(root)
        .args(["xtask", "firmware", "--program", program, "--model"])
        .arg(folder.join("model.vqm"));
    command.arg("--check").arg(folder).output().unwrap()
}

fn assert_same(recipe: &Recipe) {
    assert_same_with(recipe, None);
}

fn assert_same_with(recipe: &Recipe, prior: Option<RecurrentSizes>) {
    let folder = vectors(recipe, prior);
    let output = check("codec", folder.path());
    assert!(output.status.success(), "{recipe:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn mono() -> Recipe {
    Recipe { width: 6, strides: vec![2, 4], extra: vec![3, 1], stages: Some(2), ..Recipe::small(11) }
}

#[test]
fn residual_codebooks_are_the_same() {
    assert_same(&mono());
}

#[test]
fn integer_latents_of_three_channels_and_separable_layers_are_the_same() {
    assert_same(&Recipe { seed: 12, channels: 3, width: 5, rows: 2, stages: None, separable: true, ..mono() });
}

#[test]
fn odd_widths_without_stride_and_codebooks_of_single_latents_are_the_same() {
    assert_same(&Recipe {
        seed: 13,
        channels: 2,
        width: 7,
        latents: 5,
        strides: vec![1, 3, 2],
        extra: vec![4, 0, 5],
        codebooks: Codebooks::Product,
        ..mono()
    });
}

#[test]
fn recurrent_priors_are_the_same() {
    let recipe = Recipe { seed: 14, latents: 6, stages: None, ..mono() };
    for sizes in [
        RecurrentSizes { hidden: 20, units: 4, skip: true, reach: 4, scale_rate: 0 },
        RecurrentSizes { hidden: 8, units: 0, skip: false, reach: 16, scale_rate: 5 },
    ] {
        assert_same_with(&recipe, Some(sizes));
    }
}

/// The device chooses codes by what the prior makes of each, and the host reads them.
#[test]
fn recurrent_priors_of_indices_and_their_choices_are_the_same() {
    let recipe = mono();
    let exported = recipe.export();
    let tables = exported.integer.model().unwrap();
    let sizes = IndexSizes { hidden: 20, units: 12 };
    let foreseen = with_index_prior(tables, sizes, 0x1ff, 1.0, 15);
    let chosen = with_choice(foreseen.model().unwrap(), 3, 3000, &[1 << 15; 64]);
    for model in [foreseen, chosen] {
        let folder = TempDir::new().unwrap();
        device::write(&model, recipe.signal(40 * recipe.hop() + 1), folder.path()).unwrap();
        let output = check("codec", folder.path());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// A baseline that drifts away: the device follows it by the same levels in the same packets.
#[test]
fn levels_of_a_drift_are_the_same() {
    let recipe = Recipe { seed: 17, channels: 2, latents: 3, stages: None, ..mono() };
    let signal: Vec<i32> = recipe.signal(2400).iter().enumerate().map(|(place, x)| x + place as i32 / 2).collect();
    let folder = vectors_of(&recipe, None, signal);
    // Each packet stands behind its length.
    let framed = fs::read(folder.path().join("packets.bin")).unwrap();
    let mut rest = framed.as_slice();
    let mut moved = 0;
    while let [low, high, first, ..] = rest {
        moved += usize::from(first & 0x80 != 0);
        rest = &rest[2 + usize::from(u16::from_le_bytes([*low, *high]))..];
    }
    assert!(moved > 1, "the drift is followed");
    let output = check("codec", folder.path());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn levels_of_finite_scalars_are_the_same() {
    assert_same(&Recipe { seed: 14, latents: 3, codebooks: Codebooks::Levels, ..mono() });
}

#[test]
fn a_difference_is_found_and_named() {
    let folder = vectors(&mono(), None);
    let path = folder.path().join("decoded.bin");
    let mut decoded = fs::read(&path).unwrap();
    decoded[400] ^= 1;
    fs::write(&path, decoded).unwrap();
    let output = check("codec", folder.path());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("sample 100 is "), "{said}");
}

#[test]
fn sending_and_receiving_at_once_are_the_same_and_feeding_is_short() {
    let folder = vectors(&mono(), None);
    let output = check("duplex", folder.path());
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    let before_feed = printed.split(" instructions to feed a frame").next().unwrap_or_default();
    let feed: f64 = before_feed.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap();
    // In an interrupt: tens of instructions, those of the measurement included.
    assert!(feed < 80.0, "{printed}");
}
