//! The range coder against a trusted one, on long streams.

use constriction::stream::Encode;
use constriction::stream::model::DefaultContiguousCategoricalEntropyModel;
use constriction::stream::queue::DefaultRangeEncoder;
use vq_core::coder::range::{RangeDecoder, RangeEncoder};
use vq_tests::Noise;

/// Integer frequencies of a total of 2^15, from probabilities of at least a few parts in 2^15.
fn starts(probabilities: &[f64]) -> Vec<u32> {
    let scale = (1 << 15) as f64 / probabilities.iter().sum::<f64>();
    let mut sum = 0.0;
    probabilities
        .iter()
        .map(|p| {
            let start = (sum * scale) as u32;
            sum += p;
            start
        })
        .collect()
}

#[test]
fn within_half_a_percent_of_the_entropy_and_of_constriction() {
    // From nearly sure to nearly even; the skewed ones are where rounding of the range would show.
    for (entries, decay) in [(2, 0.03), (4, 0.2), (16, 0.7), (64, 0.93), (256, 0.995)] {
        let probabilities: Vec<f64> = (0..entries).map(|entry| f64::powi(decay, entry).max(0.001)).collect();
        let starts = starts(&probabilities);
        let size = |s: usize| starts.get(s + 1).copied().unwrap_or(1 << 15) - starts[s];
        let mut noise = Noise::new(entries as u64);
        let symbols: Vec<usize> = (0..200_000)
            .map(|_| {
                let point = ((f64::from(noise.draw()) + 1.0) / 2.0 * 32_768.0) as u32;
                starts.partition_point(|start| *start <= point) - 1
            })
            .collect();

        let mut output = vec![0; 400_000];
        let mut coder = RangeEncoder::new();
        symbols.iter().for_each(|s| coder.encode(&mut output, starts[*s], size(*s), 15));
        let length = coder.finish(&mut output);
        let mut decoder = RangeDecoder::new(&output[..length]);
        assert!(
            symbols.iter().all(|s| decoder.decode(15, starts.len() as u16, |s| starts[usize::from(s)]) == *s as u16)
        );

        let entropy: f64 = symbols.iter().map(|s| 15.0 - f64::from(size(*s)).log2()).sum();
        let bits = 8.0 * length as f64;
        assert!(bits < entropy * 1.005, "{entries}: {bits} bits for {entropy}");

        let model = DefaultContiguousCategoricalEntropyModel::from_floating_point_probabilities_fast(
            &(0..starts.len()).map(|s| f64::from(size(s))).collect::<Vec<_>>(),
            None,
        )
        .expect("the probabilities are sound");
        let mut trusted = DefaultRangeEncoder::new();
        trusted.encode_iid_symbols(&symbols, &model).expect("every symbol has a frequency");
        let trusted = trusted.num_bits() as f64;
        assert!(bits < trusted * 1.005, "{entries}: {bits} bits, constriction {trusted}");
    }
}
