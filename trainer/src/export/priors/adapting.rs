//! What a model's tables would cost if they also learned on the fly: the opponent of recurrent priors.
//!
//! Every packet starts with the trained rows. After each code, its row moves towards it by a fixed share, which also keeps every frequency above
//! zero. Rates are ideal code lengths, which favours this opponent slightly.

use vq_core::Model;
use vq_core::model::priors::{Context, Hop, SymbolPrior};
use vq_core::model::records::{Symbol, SymbolKind};

/// Shares by which rows may move: the best of them counts.
pub const RATES: [f64; 5] = [0.0, 0.003, 0.01, 0.02, 0.04];

/// The tables of a model at one quality, on their way through a packet.
#[derive(Debug, Clone)]
pub struct AdaptingTables<'a> {
    model: Model<'a>,
    rate: f64,
    /// Those that are sent, by their numbers.
    symbols: Vec<(usize, Symbol, SymbolPrior)>,
    /// Probabilities of every row of every symbol, as they are trained.
    trained: Vec<Vec<Vec<f64>>>,
    /// As they are now.
    rows: Vec<Vec<Vec<f64>>>,
    past: Option<Vec<u16>>,
}

impl<'a> AdaptingTables<'a> {
    /// The tables at a quality, whose rows move by `rate`.
    #[must_use]
    pub fn new(model: Model<'a>, quality: u8, rate: f64) -> Self {
        let symbols: Vec<(usize, Symbol, SymbolPrior)> = model
            .numbered_symbols(quality)
            .map(|(index, symbol)| (index, symbol, model.symbol_prior(index, quality)))
            .collect();
        let trained: Vec<_> = symbols.iter().map(|(_, symbol, prior)| probabilities(model, symbol, prior)).collect();
        Self { model, rate, symbols, rows: trained.clone(), trained, past: None }
    }

    /// Is at the start of a packet.
    pub fn start_packet(&mut self) {
        self.rows.clone_from(&self.trained);
        self.past = None;
    }

    /// The bits of a hop's codes, one for each symbol of the model; adapts.
    pub fn hop(&mut self, codes: &[u16]) -> f64 {
        let mut bits = 0.0;
        for ((index, symbol, prior), rows) in self.symbols.iter().zip(&mut self.rows) {
            let class = |context: &Context| class(self.model, context, codes, self.past.as_deref());
            let [first, second] = prior.contexts.each_ref().map(class);
            let pair = first * usize::from(prior.contexts[1].classes) + second;
            let row = match prior.rows {
                0 => 0,
                _ => usize::from(byte(self.model, prior.row_map, pair)),
            };
            let row = &mut rows[row];
            let last = row.len() - 1;
            let entry = usize::from(codes[*index].wrapping_sub(prior.first)).min(last);
            let escapes = prior.rows > 0 && symbol.kind == SymbolKind::Integer && entry == last;
            bits += f64::from(if escapes { symbol.bits } else { 0 }) - row[entry].log2();
            row.iter_mut().for_each(|share| *share *= 1.0 - self.rate);
            row[entry] += self.rate;
        }
        self.past = Some(codes.to_vec());
        bits
    }
}

fn probabilities(model: Model<'_>, symbol: &Symbol, prior: &SymbolPrior) -> Vec<Vec<f64>> {
    if prior.rows == 0 {
        let codes = usize::from(symbol.codes());
        return vec![vec![1.0 / codes as f64; codes]];
    }
    let (entries, total) = (usize::from(prior.entries), 1u32 << prior.total_bits);
    let start = |row: usize, entry: usize| {
        let at = prior.starts + 2 * (row * entries + entry) as u32;
        u32::from(u16::from_le_bytes([byte(model, at, 0), byte(model, at, 1)]))
    };
    let share = |row: usize, entry: usize| {
        let end = if entry + 1 == entries { total } else { start(row, entry + 1) };
        f64::from(end - start(row, entry)) / f64::from(total)
    };
    (0..usize::from(prior.rows)).map(|row| (0..entries).map(|entry| share(row, entry)).collect()).collect()
}

fn class(model: Model<'_>, context: &Context, codes: &[u16], past: Option<&[u16]>) -> usize {
    let seen = match context.hop {
        Hop::Same => Some(codes),
        Hop::Before => past,
    };
    let (Some(seen), true) = (seen, context.classes > 1) else { return 0 };
    let code = seen[usize::from(context.source)];
    let place = code.saturating_sub(context.first).min(context.length - 1);
    usize::from(byte(model, context.map, usize::from(place)))
}

fn byte(model: Model<'_>, offset: u32, place: usize) -> u8 {
    model.tables()[offset as usize + place]
}
