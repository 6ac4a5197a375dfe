//! No byte of a model can be changed unseen, and no model, however wrong, makes the codec panic.

use proptest::prelude::*;
use vq_core::model::header::seal;
use vq_core::{Model, Options, self_test_decoder, self_test_encoder};
use vq_tests::hostile::{SCALAR_MODEL, exercise};
use vq_tests::indices::{index_sizes, with_index_prior};
use vq_tests::{Recipe, recipes, recurrent_sizes, with_recurrent_prior};
use vq_trainer::export::container::identity;
use vq_trainer::export::file::{HostMemory, ModelBytes};

fn small() -> Recipe {
    Recipe { channels: 2, width: 3, latents: 2, extra: vec![1, 2], stages: Some(2), ..Recipe::small(5) }
}

#[test]
fn every_flipped_byte_and_every_truncation_is_refused() {
    let exported = small().export();
    let file = exported.integer.bytes();
    for index in 0..file.len() {
        let mut damaged = file.to_vec();
        damaged[index] ^= 0x41;
        assert!(ModelBytes::new(&damaged).model().is_err(), "byte {index} can be flipped unseen");
        assert!(ModelBytes::new(&file[..index]).model().is_err(), "{index} bytes pass for a model");
    }
}

#[test]
fn an_unaligned_model_is_refused() {
    let exported = small().export();
    let mut shifted = HostMemory::new(exported.integer.bytes().len() + 8);
    shifted.bytes()[4..4 + exported.integer.bytes().len()].copy_from_slice(exported.integer.bytes());
    let unaligned = &shifted.bytes()[4..4 + exported.integer.bytes().len()];
    assert_eq!(Model::parse(unaligned).err(), Some(vq_core::ModelError::Misaligned));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_wrong_model_with_a_right_checksum_does_not_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        float in any::<bool>(),
    ) {
        let exported = small().export();
        let mut file = if float { exported.float.bytes().to_vec() } else { exported.integer.bytes().to_vec() };
        for (at, value) in changes {
            let at = at.index(file.len());
            file[at] = value;
        }
        seal(&mut file);
        if let Ok(model) = ModelBytes::new(&file).model() {
            exercise(model);
        }
    }
}

/// Changes bytes of a sound model's prior, makes the checksum right again, and uses what is not refused.
fn exercise_wrong_prior(file: &[u8], changes: &[(prop::sample::Index, u8)]) {
    let sound = ModelBytes::new(file);
    let directory = sound.model().expect("the model is sound").directory();
    let tables = sound.model().expect("the model is sound").header().tables_offset;
    // The priors' tables and records lie between the symbols and the quality table.
    let (start, end) = ((tables + directory.symbols) as usize, (tables + directory.quality) as usize);
    let mut file = file.to_vec();
    for (at, value) in changes {
        file[start + at.index(end - start)] = *value;
    }
    seal(&mut file);
    if let Ok(model) = ModelBytes::new(&file).model() {
        exercise(model);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_wrong_prior_is_refused_or_codes_and_decodes(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        exercise_wrong_prior(SCALAR_MODEL, &changes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_wrong_recurrent_prior_is_refused_or_codes_and_decodes(
        sizes in recurrent_sizes(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let tables = Recipe::small(6).export().integer;
        let model = with_recurrent_prior(tables.model().unwrap(), sizes, 1);
        exercise_wrong_prior(model.bytes(), &changes);
    }

    #[test]
    fn a_wrong_recurrent_prior_of_indices_is_refused_or_codes_and_decodes(
        sizes in index_sizes(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let tables = Recipe { stages: Some(2), ..Recipe::small(6) }.export().integer;
        let model = with_index_prior(tables.model().unwrap(), sizes, 0x1ff, 1.0, 1);
        exercise_wrong_prior(model.bytes(), &changes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_exported_model_passes_its_self_test_and_is_named_by_its_content(recipe in recipes()) {
        let exported = recipe.export();
        for bytes in [&exported.integer, &exported.float] {
            let model = bytes.model().unwrap();
            prop_assert_eq!(identity(&model), model.identity());
            let mut memory = HostMemory::new(model.encoder_memory(Options::new().packet_bytes(4096)));
            prop_assert_eq!(self_test_encoder(model, memory.bytes()), Ok(()));
            let mut memory = HostMemory::new(model.decoder_memory());
            prop_assert_eq!(self_test_decoder(model, memory.bytes()), Ok(()));
            let metadata = model.metadata().expect("the message is readable");
            prop_assert_eq!(metadata.rate_millihertz, 360_000);
            prop_assert_eq!(metadata.channels().count(), recipe.channels);
        }
    }
}
