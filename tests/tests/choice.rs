//! Codes that are chosen by their bits too: the nearest where bits cost nothing, fewer bits where they do, in packets of any size.

use proptest::prelude::*;
use vq_core::model::choice::{Choice, WEIGHT_ONE};
use vq_core::model::priors::SymbolPrior;
use vq_core::{Model, Options, packet_codes};
use vq_tests::indices::{index_sizes, with_index_prior};
use vq_tests::{Codebooks, Recipe, decode, encode, recipes, samples, with_choice};
use vq_trainer::codec::HostCodec;
use vq_trainer::data::Recording;
use vq_trainer::export::Exported;
use vq_trainer::export::choice::with_tables_of;
use vq_trainer::export::container::{ModelParts, assemble};
use vq_trainer::export::disassemble::disassemble;
use vq_trainer::export::file::ModelBytes;
use vq_trainer::export::priors::PriorParts;
use vq_trainer::export::priors::indices::IndexSizes;
use vq_trainer::export::summary::ExportSummary;

/// The codes of all packets, hop by hop.
fn codes(model: Model<'_>, packets: &[Vec<u8>]) -> Vec<Vec<u16>> {
    let mut memory = vec![0; model.prior_memory() / 2];
    let mut hops = Vec::new();
    for packet in packets {
        let mut codes = packet_codes(model, packet, &mut memory).expect("the packet is the model's");
        while let Some(hop) = codes.next_hop() {
            hops.push(hop.map(|(_, _, code)| code).collect());
        }
    }
    hops
}

fn lively() -> impl Strategy<Value = Recipe> {
    recipes().prop_map(|recipe| Recipe { strides: vec![2], extra: vec![recipe.extra[0]], stages: Some(2), ..recipe })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn streams_of_chosen_codes_decode(
        recipe in lively(),
        paths in 1u16..=16,
        lambda in 0u32..1 << 17,
        weights in prop::collection::vec(1u16..=WEIGHT_ONE, 64),
        quality in 1u8..=9,
        room in 0usize..40,
        prior in prop::option::of(index_sizes()),
    ) {
        let exported = recipe.export();
        let chosen = with_choice(exported.integer.model().unwrap(), paths, lambda, &weights);
        let chosen = match prior {
            Some(sizes) => with_index_prior(chosen.model().unwrap(), sizes, 0x1ff, 1.0, recipe.seed),
            None => chosen,
        };
        let model = chosen.model().unwrap();
        let signal = recipe.signal(400);
        let least = model.least_packet_bytes(quality);
        let packets = encode(model, Options::new().quality(quality).packet_bytes(least + room), &signal);
        prop_assert!(packets.iter().all(|packet| packet.len() <= least + room));
        // The end is filled up to whole hops.
        let decoded = samples(&decode(model, &packets)).len();
        prop_assert!((signal.len()..signal.len() + (2 + model.closing_hops()) * model.hop() * model.channels()).contains(&decoded), "{decoded}");
    }

    /// One path, weights of one and a λ of zero are a search for the nearest vectors.
    #[test]
    fn for_nothing_the_nearest_codes_are_chosen(recipe in lively(), quality in 1u8..=9) {
        let exported = recipe.export();
        let plain = exported.integer.model().unwrap();
        let chosen = with_choice(plain, 1, 0, &[WEIGHT_ONE; 64]);
        // Nor do priors change anything.
        let chosen = with_index_prior(chosen.model().unwrap(), IndexSizes { hidden: 4, units: 4 }, 0x1ff, 1.0, 3);
        let model = chosen.model().unwrap();
        let signal = recipe.signal(400);
        let options = Options::new().quality(quality).packet_bytes(1 << 16);
        prop_assert_eq!(codes(model, &encode(model, options, &signal)), codes(plain, &encode(plain, options, &signal)));
    }
}

/// Bits of a stream's codes, in 1/256.
fn cost(model: Model<'_>, packets: &[Vec<u8>]) -> u64 {
    let mut memory = vec![0; model.prior_memory() / 2];
    let mut sum = 0;
    for packet in packets {
        let mut codes = packet_codes(model, packet, &mut memory).unwrap();
        while codes.next_hop().map(Iterator::count).is_some() {
            sum += u64::from(codes.hop_cost());
        }
    }
    sum
}

#[test]
fn the_dearer_a_bit_the_fewer_are_sent() {
    for codebooks in [Codebooks::Residual, Codebooks::Product, Codebooks::Directions, Codebooks::Levels] {
        let recipe = Recipe { codebooks, ..Recipe::small(5) };
        let recipe = Recipe { stages: Some(2), ..recipe };
        let exported = recipe.export();
        let plain = exported.integer.model().unwrap();
        // Where every code is as likely, bits choose nothing.
        let prior = |index| plain.symbol_prior(index, 9);
        if (0..plain.symbols(9).count())
            .all(|index| prior(index) == SymbolPrior::uniform(&plain.symbol(index).unwrap()))
        {
            continue;
        }
        let signal = recipe.signal(600);
        let bits = [0, 1 << 8, 1 << 12, (1 << 17) - 1].map(|lambda| {
            let chosen = with_choice(plain, 4, lambda, &[WEIGHT_ONE; 64]);
            let model = chosen.model().unwrap();
            cost(model, &encode(model, Options::new().packet_bytes(1 << 16), &signal))
        });
        assert!(bits[3] < bits[0], "{codebooks:?}: {bits:?}");
        // A choice within the hop may make the next one dearer, but not by much.
        assert!(bits.windows(2).all(|pair| pair[1] as f64 <= 1.02 * pair[0] as f64), "{codebooks:?}: {bits:?}");
    }
}

#[test]
fn memory_is_what_the_record_says() {
    let recipe = Recipe { stages: Some(2), ..Recipe::small(5) };
    let exported = recipe.export();
    let plain = exported.integer.model().unwrap();
    let chosen = with_choice(plain, 3, 100, &[WEIGHT_ONE; 64]);
    let model = chosen.model().unwrap();
    let options = Options::new();
    let more = model.encoder_memory(options) - plain.encoder_memory(options);
    assert_eq!(more, Choice::memory_bytes(3, model.latent_elements(), plain.symbols(9).count()));
    assert_eq!(model.decoder_memory(), plain.decoder_memory());
}

/// Of a prior that knows codes apart, the choice takes those that it finds likely.
#[test]
fn a_recurrent_prior_moves_the_choice() {
    let recipe = Recipe { stages: Some(2), ..Recipe::small(21) };
    let exported = recipe.export();
    let plain = exported.integer.model().unwrap();
    let signal = recipe.signal(4000);
    let cost_at = |lambda: u32| {
        let chosen = with_choice(plain, 4, lambda, &[WEIGHT_ONE; 64]);
        let sizes = IndexSizes { hidden: 8, units: 8 };
        let foreseen = with_index_prior(chosen.model().unwrap(), sizes, 0x1ff, 1.0, 5);
        let model = foreseen.model().unwrap();
        cost(model, &encode(model, Options::new(), &signal))
    };
    let [nearest, chosen] = [0, 1 << 12].map(cost_at);
    assert!(chosen < nearest, "{chosen} against {nearest}");
}

#[test]
fn what_integers_cost_is_not_what_a_choice_of_codes_costs() {
    let recipe = Recipe { stages: Some(2), ..Recipe::small(5) };
    let plain = recipe.export();
    let integer = with_choice(plain.integer.model().unwrap(), 4, (1 << 17) - 1, &[WEIGHT_ONE; 64]);
    let chosen = Exported { integer, float: plain.float.clone() };
    let codec = HostCodec::new(&plain.integer).unwrap();
    let recording = Recording {
        name: "signal".into(),
        rate_millihertz: 100_000,
        channels: codec.kind().channels.clone(),
        samples: recipe.signal(4000),
        start_time: None,
        comments: Vec::new(),
        remarks: Vec::new(),
    };
    let measure =
        |exported: &Exported| ExportSummary::measure(exported, std::slice::from_ref(&recording), 1..=9).unwrap().0;
    let (without, with) = (measure(&plain), measure(&chosen));
    // Of nets that nobody trained, more or less.
    let moved = (with.mse_lsb2 / without.mse_lsb2 - 1.0).abs();
    assert!(moved > 0.01, "codes that are chosen by bits alone err otherwise: {moved}");
    assert_eq!(with.lowering_cost_percent, without.lowering_cost_percent);
    assert_eq!(with.lowering, without.lowering);
}

/// `vq train --prior-only`: a model that has no tables, or those of other signals, gets those that its exporter would have counted.
#[test]
fn tables_are_trained_anew_for_nearest_codes_and_for_chosen_ones() {
    let recipe = Recipe { strides: vec![2], extra: vec![2], stages: Some(2), ..Recipe::small(31) };
    let signal = recipe.signal(20_000);
    let parts = |model: &ModelBytes| disassemble(model.model().unwrap()).unwrap();
    let exported = recipe.export().integer;
    let mut without = parts(&exported);
    without.priors = PriorParts::uniform(&without.symbols);
    assert_eq!(
        with_tables_of(without.clone(), &signal).unwrap().priors,
        with_tables_of(parts(&exported), &signal).unwrap().priors
    );
    let chosen = with_choice(assemble(&without).unwrap().model().unwrap(), 4, 3000, &[1 << 15; 8]);
    let bytes = |parts: &ModelParts| {
        let model = assemble(parts).unwrap();
        encode(model.model().unwrap(), Options::new(), &signal).iter().map(Vec::len).sum::<usize>()
    };
    let trained = with_tables_of(parts(&chosen), &signal).unwrap();
    assert_eq!(trained.choice, parts(&chosen).choice);
    assert!(bytes(&trained) * 10 < bytes(&without) * 9, "{} for {}", bytes(&trained), bytes(&without));
}
