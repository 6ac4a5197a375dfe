//! What priors and predictors are computed with.

use core::hint::black_box;

use vq_core::coder::range::{RangeDecoder, RangeEncoder};
use vq_core::kernels::Native;
use vq_core::prior::cell::GruCell;
use vq_core::prior::logistic::{Logistic, Plain};
use vq_core::prior::sigmoid;
use vq_core::residual::filter::{self, Filter};

use crate::{Opaque, keep};

pub(crate) fn call(opaque: &mut Opaque<'_>) {
    let word = opaque.word() as i32;
    keep((sigmoid::sigmoid(black_box(word)), sigmoid::tanh(black_box(word))));
    let logistic = black_box(Logistic::new(black_box(word), opaque.byte()));
    let plain = Plain { least: black_box(word), bits: opaque.byte() };
    keep((Logistic::entries(&logistic), Logistic::start(&logistic, opaque.half())));
    keep((Logistic::entry(&logistic, black_box(word)), Logistic::cost(&logistic, black_box(word), plain)));
    keep((Logistic::worst_bits(opaque.byte()), Logistic::surprise(&logistic, black_box(word))));
    Logistic::encode(&logistic, &mut black_box(RangeEncoder::new()), opaque.output, black_box(word), plain);
    keep(Logistic::decode(&logistic, &mut RangeDecoder::new(opaque.bytes), plain));
    keep((GruCell::scratch_elements(opaque.number), GruCell::stream_bytes(opaque.word(), opaque.word())));
    let cell = GruCell {
        inputs: black_box(opaque.number),
        hidden: black_box(opaque.number),
        input_stream: opaque.bytes,
        state_stream: opaque.bytes,
    };
    let number = opaque.number;
    let (input, rest) = opaque.elements.split_at_mut_checked(black_box(number)).unwrap_or_default();
    let (state, scratch) = rest.split_at_mut_checked(black_box(number)).unwrap_or_default();
    GruCell::step::<Native>(&cell, input, state, scratch);
    let cross = filter::cross(black_box(opaque.number), |before| Some(black_box(before) as i32));
    let inputs = filter::inputs(&[black_box(word); 8], cross);
    if let Some(mut filter) = Filter::new(&mut black_box([word; Filter::WORDS])) {
        keep(Filter::expect(&mut filter, &inputs));
        Filter::take(&mut filter, &inputs, black_box(word), opaque.byte());
    }
}
