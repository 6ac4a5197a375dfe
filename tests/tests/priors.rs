//! The prior that an export trains: never dearer than none, the same codes on both sides, in packets of any size.

use proptest::prelude::*;
use vq_core::{Model, Options, packet_codes};
use vq_tests::indices::{index_sizes, with_index_prior};
use vq_tests::lapped;
use vq_tests::rungs::with_standard_prior;
use vq_tests::{
    Recipe, decode, encode, predictor_sizes, recipes, recurrent_sizes, samples, with_predictor, with_recurrent_prior,
};
use vq_trainer::export::container::assemble;
use vq_trainer::export::disassemble::disassemble;

/// The codes of all packets, hop by hop, as (symbol, code).
fn codes(model: Model<'_>, packets: &[Vec<u8>]) -> Vec<Vec<(usize, u16)>> {
    let mut memory = vec![0; model.prior_memory() / 2];
    let mut hops = Vec::new();
    for packet in packets {
        let mut codes = packet_codes(model, packet, &mut memory).expect("the packet is the model's");
        while let Some(hop) = codes.next_hop() {
            hops.push(hop.map(|(index, _, code)| (index, code)).collect());
        }
    }
    hops
}

/// A recipe with enough hops in its training signal for tables to pay.
fn lively() -> impl Strategy<Value = Recipe> {
    recipes().prop_map(|recipe| Recipe { strides: vec![2], extra: vec![recipe.extra[0]], rows: 1, ..recipe })
}

fn bytes(packets: &[Vec<u8>]) -> usize {
    packets.iter().map(Vec::len).sum()
}

/// A packet's codes in bits: those that were sent, and those that a decoder counts, for so many symbols.
struct Counted {
    sent: f64,
    cost: f64,
    symbols: f64,
}

impl Counted {
    fn of(model: Model<'_>, packet: &[u8]) -> Self {
        let mut memory = vec![0; model.prior_memory() / 2];
        let mut codes = packet_codes(model, packet, &mut memory).unwrap();
        let (mut cost, mut symbols) = (0.0, 0.0);
        while let Some(sent) = codes.next_hop().map(Iterator::count) {
            symbols += sent as f64;
            cost += f64::from(codes.hop_cost()) / 256.0;
        }
        Self { sent: (packet.len() as f64 - 7.0) * 8.0, cost, symbols }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn codes_do_not_depend_on_packets(recipe in lively(), room in 0usize..60, hops in 1u32..20, quality in 1u8..=9) {
        let exported = recipe.export();
        let model = exported.integer.model().unwrap();
        let signal = recipe.signal(500);
        let options = Options::new().quality(quality);
        let whole = codes(model, &encode(model, options.packet_bytes(1 << 16), &signal));
        let least = model.least_packet_bytes(quality);
        let packets = encode(model, options.packet_bytes(least + room).packet_hops(hops), &signal);
        prop_assert_eq!(&codes(model, &packets), &whole);
        let sent: Vec<usize> = model.numbered_symbols(quality).map(|(index, _)| index).collect();
        for hop in &whole {
            prop_assert_eq!(&hop.iter().map(|(index, _)| *index).collect::<Vec<_>>(), &sent);
        }
    }

    #[test]
    fn codes_of_a_recurrent_prior_do_not_depend_on_packets(
        recipe in lively(),
        sizes in recurrent_sizes(),
        room in 0usize..60,
        hops in 1u32..20,
        quality in 1u8..=9,
    ) {
        let exported = Recipe { stages: None, ..recipe.clone() }.export();
        let tables = exported.integer.model().unwrap();
        let recurrent = with_recurrent_prior(tables, sizes, recipe.seed);
        let model = recurrent.model().unwrap();
        let signal = recipe.signal(500);
        let options = Options::new().quality(quality);
        // The prior changes what codes cost, and nothing else.
        let whole = codes(tables, &encode(tables, options.packet_bytes(1 << 16), &signal));
        prop_assert_eq!(&codes(model, &encode(model, options.packet_bytes(1 << 16), &signal)), &whole);
        let least = model.least_packet_bytes(quality);
        let packets = encode(model, options.packet_bytes(least + room).packet_hops(hops), &signal);
        prop_assert_eq!(&codes(model, &packets), &whole);
        prop_assert!(packets.iter().all(|packet| packet.len() <= least + room));
    }

    #[test]
    fn codes_under_a_recurrent_prior_of_indices_are_those_under_tables(
        recipe in lively(),
        stages in 1u8..=3,
        sizes in index_sizes(),
        // Up to embeddings and logarithms that do not fit.
        size in 0.1f32..9.0,
        room in 0usize..60,
        hops in 1u32..20,
        quality in 1u8..=9,
    ) {
        let exported = Recipe { stages: Some(stages.into()), ..recipe.clone() }.export();
        let tables = exported.integer.model().unwrap();
        // At quality 1 the tables hold.
        let recurrent = with_index_prior(tables, sizes, 0x1fe, size, recipe.seed);
        let model = recurrent.model().unwrap();
        let signal = recipe.signal(500);
        let options = Options::new().quality(quality);
        let of_tables = encode(tables, options.packet_bytes(1 << 16), &signal);
        let least = model.least_packet_bytes(quality);
        let packets = encode(model, options.packet_bytes(least + room).packet_hops(hops), &signal);
        prop_assert_eq!(codes(model, &packets), codes(tables, &of_tables));
        prop_assert!(packets.iter().all(|packet| packet.len() <= least + room));
        let of = |model, packets: &[Vec<u8>]| samples(&decode(model, packets));
        prop_assert_eq!(of(model, &packets), of(tables, &of_tables));
    }

    #[test]
    fn costs_of_indices_are_enough(recipe in lively(), sizes in index_sizes(), quality in 2u8..=9) {
        let exported = Recipe { stages: Some(2), ..recipe.clone() }.export();
        let recurrent = with_index_prior(exported.integer.model().unwrap(), sizes, 0x1fe, 1.5, recipe.seed);
        let model = recurrent.model().unwrap();
        for packet in encode(model, Options::new().packet_bytes(400).quality(quality), &recipe.signal(300)) {
            let Counted { sent, cost, symbols } = Counted::of(model, &packet);
            // It may be much less where all codes are 0, for a code ends before its last zero bytes.
            prop_assert!(sent <= cost + 16.0 + symbols / 64.0, "{sent} bits sent, {cost} counted");
        }
    }

    #[test]
    fn codes_are_the_same_without_their_costs(recipe in lively(), sizes in recurrent_sizes(), is_recurrent: bool) {
        let exported = Recipe { stages: None, ..recipe.clone() }.export();
        let plain = exported.integer.model().unwrap();
        let recurrent = with_recurrent_prior(plain, sizes, recipe.seed);
        let model = if is_recurrent { recurrent.model().unwrap() } else { plain };
        for packet in encode(model, Options::new().packet_bytes(400), &recipe.signal(100)) {
            let mut memories = [(); 2].map(|()| vec![0; model.prior_memory() / 2]);
            let [first, second] = &mut memories;
            let mut priced = packet_codes(model, &packet, first).unwrap();
            let mut quick = packet_codes(model, &packet, second).unwrap().without_costs();
            while let Some(hop) = priced.next_hop().map(Iterator::collect::<Vec<_>>) {
                prop_assert_eq!(quick.next_hop().map(Iterator::collect::<Vec<_>>), Some(hop));
                prop_assert!(priced.hop_cost() > 0 && quick.hop_cost() == 0);
            }
            prop_assert!(quick.next_hop().is_none());
        }
    }

    #[test]
    fn costs_are_what_is_sent(recipe in lively(), sizes in recurrent_sizes(), quality in 1u8..=9) {
        let exported = Recipe { stages: None, ..recipe.clone() }.export();
        let recurrent = with_recurrent_prior(exported.integer.model().unwrap(), sizes, recipe.seed);
        let model = recurrent.model().unwrap();
        for packet in encode(model, Options::new().packet_bytes(400).quality(quality), &recipe.signal(300)) {
            let Counted { sent, cost, symbols } = Counted::of(model, &packet);
            // A code ends within a byte of its cost, less what costs are rounded by. Escapes are the last intervals, which get what the
            // coder's rounding leaves over, and may cost some bits less than they count.
            prop_assert!(sent <= cost + 16.0 + symbols / 64.0, "{sent} bits sent, {cost} counted");
            prop_assert!(sent >= 0.7 * cost - 16.0, "{sent} bits sent, {cost} counted");
        }
    }

    #[test]
    fn a_trained_prior_costs_less_than_none(recipe in lively(), quality in 1u8..=9) {
        let exported = recipe.export();
        let model = exported.integer.model().unwrap();
        let packets = encode(model, Options::new().packet_bytes(1 << 16).quality(quality), &recipe.signal(600));
        let hops = codes(model, &packets).len();
        let uniform: f64 = model.symbols(quality).map(|symbol| f64::from(symbol.codes()).log2()).sum();
        // A header, a checksum, a byte to end with, and the first hop, which is not counted on.
        let room = 9.0 + uniform / 8.0;
        prop_assert!(bytes(&packets) as f64 <= uniform * hops as f64 * 1.001 / 8.0 + room);
    }

    #[test]
    fn the_longest_hop_fits_what_the_model_says(recipe in lively(), samples in prop::collection::vec(any::<i32>(), 300)) {
        let exported = recipe.export();
        let model = exported.integer.model().unwrap();
        let least = model.least_packet_bytes(9);
        let packets = encode(model, Options::new().packet_bytes(least), &samples);
        prop_assert!(packets.iter().all(|packet| packet.len() <= least));
    }
}

#[test]
fn uneven_codes_cost_less_than_their_width() {
    let recipe = Recipe::small(3);
    let exported = recipe.export();
    let model = exported.integer.model().unwrap();
    let packets = encode(model, Options::new(), &recipe.signal(600));
    let uniform = f64::from(model.bits_per_hop(9)) * codes(model, &packets).len() as f64 / 8.0;
    assert!((bytes(&packets) as f64) < 0.9 * uniform, "{} of {uniform}", bytes(&packets));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_model_that_was_taken_apart_is_put_together_to_the_byte(
        recipe in recipes(),
        prior in recurrent_sizes(),
        predictor in predictor_sizes(1),
    ) {
        let exported = Recipe { stages: None, channels: 1, ..recipe }.export().integer;
        let predicted = with_predictor(exported.model().unwrap(), predictor, 4);
        let whole = with_recurrent_prior(predicted.model().unwrap(), prior, 3);
        let again = assemble(&disassemble(whole.model().unwrap()).unwrap()).unwrap();
        prop_assert!(again.bytes() == whole.bytes());
    }
}

/// A prior that expects latents to spread eight times as far as they do: behind two hundred hops of a packet its scales are those of the signal.
#[test]
fn scales_that_follow_undo_what_another_signal_taught() {
    let ecg = &lapped::ecg().samples[..21_600];
    let transform = lapped::model(ecg, 1).integer;
    let options = Options::new().quality(5).packet_bytes(1 << 16).packet_hops(1000);
    // Bytes of the second half of 450 hops, in one packet each.
    let late = |louder: f64, scale_rate: u8| {
        let mut parts = disassemble(with_standard_prior(&transform, ecg, louder).model().unwrap()).unwrap();
        parts.priors.recurrent.as_mut().unwrap().record.scale_rate = scale_rate;
        let model = assemble(&parts).unwrap();
        let [half, whole] = [3600, 7200].map(|frames| {
            let packets = encode(model.model().unwrap(), options, &ecg[..frames]);
            assert_eq!(
                (packets.len(), codes(model.model().unwrap(), &packets).len() >= frames / lapped::HOP),
                (1, true)
            );
            bytes(&packets) as f64
        });
        whole - half
    };
    let [right, wrong] = [1.0, 8.0].map(|louder| [0, 6].map(|rate| late(louder, rate)));
    assert!(right[1] < right[0] * 1.05, "{right:?}");
    assert!(wrong[0] > right[0] * 1.8 && wrong[1] < right[0] * 1.15, "{wrong:?} for {right:?}");
}
