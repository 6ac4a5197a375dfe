//! Codes: a hop of latents as symbols, and symbols as latents again.
//!
//! One [`Symbol`] record covers every scheme: a plain codebook is one index over all channels; residual stages are
//! several over the same channels, each subtracting its vector; a product codebook is several over different channels;
//! a finite scalar is a codebook of one channel; an integer latent is a rounded multiple of a step.

mod paths;

pub(crate) use paths::Paths;

use crate::kernels::Kernels;
use crate::model::Model;
use crate::model::plan::row_elements;
use crate::model::records::{Symbol, SymbolKind};

/// Finds the code of one symbol at a quality and takes what it says out of the latents `[rows, row_elements]`.
///
/// An integer latent's code is stored with an offset of half its range, so that codes count from zero.
pub(crate) fn encode<K: Kernels>(model: &Model<'_>, quality: u8, symbol: &Symbol, latents: &mut [K::Element]) -> u16 {
    let Some(latent) = latent_of::<K>(model, symbol, latents) else { return 0 };
    match symbol.kind {
        SymbolKind::Index => {
            let table = model.symbol_table(symbol);
            let index = K::nearest(table, usize::from(symbol.alphabet), latent);
            K::subtract_vector(table, index, latent);
            index
        }
        SymbolKind::Integer => {
            let limit = symbol.integer_limit();
            let value = latent.first().copied().unwrap_or_default();
            let code = K::quantize(&model.step(symbol, quality), limit, value);
            (code + limit) as u16
        }
    }
}

/// Adds what one symbol's code at a quality says to the latents. The code must be one that the symbol has.
pub(crate) fn decode<K: Kernels>(
    model: &Model<'_>,
    quality: u8,
    symbol: &Symbol,
    code: u16,
    latents: &mut [K::Element],
) {
    let Some(latent) = latent_of::<K>(model, symbol, latents) else { return };
    match symbol.kind {
        SymbolKind::Index => K::add_vector(model.symbol_table(symbol), code, latent),
        SymbolKind::Integer => {
            let steps = (code as i16).wrapping_sub(symbol.integer_limit());
            if let Some(value) = latent.first_mut() {
                *value = K::dequantize(&model.step(symbol, quality), steps);
            }
        }
    }
}

fn latent_of<'l, K: Kernels>(
    model: &Model<'_>,
    symbol: &Symbol,
    latents: &'l mut [K::Element],
) -> Option<&'l mut [K::Element]> {
    let row = row_elements(model.directory().latent_channels) as usize;
    let start = usize::from(symbol.row) * row + usize::from(symbol.first);
    latents.get_mut(start..)?.get_mut(..usize::from(symbol.channels))
}
