//! The kernels: those of this core, and their definition.

use core::hint::black_box;

use vq_core::kernels::portable::{Integer, requantize};
use vq_core::kernels::{Arithmetic, Columns, Kernels, Native, Windows, gates};
use vq_core::model::records::{Activation, Layer, Scaling, Step};

use crate::{Opaque, keep};

pub(crate) fn call(opaque: &mut Opaque<'_>) {
    keep(requantize(opaque.word() as i32, opaque.word()));
    keep(Arithmetic::element_bytes(black_box(Arithmetic::Integer)));
    all::<Native>(opaque);
    all::<Integer>(opaque);
    let (products, state) = opaque.elements.split_at_mut_checked(opaque.number / 2).unwrap_or_default();
    gates::gates(products, state);
    gates::definition(products, state);
}

fn all<K: Kernels<Element = i16>>(opaque: &mut Opaque<'_>) {
    let number = || black_box(opaque.number);
    let windows = Windows { count: number(), step: number(), taps: number(), outputs: number() };
    let columns = Columns { count: number(), stride: number(), kernel: number(), width: number() };
    let activation = black_box(Activation::Relu);
    let half = opaque.half();
    let (input, output) = opaque.elements.split_at_mut_checked(opaque.number / 2).unwrap_or_default();
    K::convolution(&windows, activation, input, opaque.bytes, output);
    K::product(number(), input, opaque.bytes, output);
    K::depthwise(&columns, activation, input, opaque.bytes, output);
    K::add(&black_box(Layer::NEUTRAL), input, output);
    K::subtract_vector(opaque.bytes, black_box(half), output);
    K::add_vector(opaque.bytes, black_box(half), output);
    keep(K::nearest(opaque.bytes, opaque.number, input));
    let step = Step {
        divide: opaque.half(),
        multiply: opaque.half(),
        divide_shift: opaque.byte(),
        multiply_shift: opaque.byte(),
    };
    keep(K::quantize(&step, opaque.half() as i16, opaque.half() as i16));
    keep(K::dequantize(&step, opaque.half() as i16));
    let word = || opaque.word() as i32;
    let scaling = Scaling {
        offset: word(),
        gain: word(),
        gain_out: word(),
        shift: opaque.byte(),
        shift_out: opaque.byte(),
        reach: half,
    };
    keep(K::scale_in(&scaling, word()));
    keep(K::magnitude(opaque.half() as i16));
    keep(K::scale_out(&scaling, opaque.half() as i16));
}
