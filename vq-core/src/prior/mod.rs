//! What was sent so far, as a distribution of the next symbol.
//!
//! A prior has two parts. The *past* part runs once per hop over what was sent before. The *in-hop* part runs per symbol, is
//! cheap, and looks no further back than the past part has prepared. At the start of a packet a prior knows nothing but what it
//! was trained to expect there, so that every packet decodes alone.
//!
//! There are two kinds. Of *tables*, the past is the codes of the hop before, and a symbol's row is chosen by the classes of up to two
//! codes, of that hop or of this one. The *recurrent* prior is a small net: of integer latents it gives mean and scale, of indices it makes a row.

pub mod cell;
mod cost;
mod distribution;
mod indices;
pub mod logistic;
mod recurrent;
pub mod sigmoid;
mod softmax;
mod steps;

pub(crate) use distribution::Distribution;
pub use recurrent::{COARSENESS, FINENESS};

use crate::coder::range::{RangeDecoder, RangeEncoder};
use crate::features::{INDEX_PRIORS, Optional, PRIORS};
use crate::model::Model;
use crate::model::priors::{Context, Hop};
use crate::model::records::{Symbol, SymbolKind};
use recurrent::Recurrent;

/// The prior of a model at one quality, over memory of [`Model::prior_memory`] bytes.
#[derive(Debug)]
pub(crate) struct Prior<'a> {
    quality: u8,
    /// Codes of the hop that is being coded, one for every symbol of the model.
    codes: &'a mut [u16],
    /// Codes of the hop before it in the packet, if there is one.
    past: &'a mut [u16],
    has_past: bool,
    /// The recurrent prior, if the model has one.
    recurrent: Optional<Recurrent<'a>, { PRIORS as usize }>,
    /// Whether it is the one that holds.
    is_recurrent: bool,
}

impl<'a> Prior<'a> {
    /// A prior, which [`start_packet`](Self::start_packet) makes ready.
    #[inline(never)]
    pub(crate) fn new(model: &Model<'a>, memory: &'a mut [u16]) -> Self {
        let symbols = usize::from(model.header().symbols_per_hop).min(memory.len() / 2);
        // Never `None`, which the compiler does not see in every image.
        let (codes, rest) = memory.split_at_mut_checked(symbols).unwrap_or_default();
        let (past, rest) = rest.split_at_mut_checked(symbols).unwrap_or_default();
        // An odd number of symbols leaves two codes unused, for the sake of alignment.
        let rest = rest.get_mut(symbols % 2 * 2..).unwrap_or_default();
        let recurrent = Optional::new(|| {
            let elements = bytemuck::try_cast_slice_mut(rest).unwrap_or_default();
            Some(Recurrent::new(model, model.recurrent_words()?, elements))
        });
        Self { quality: 0, codes, past, has_past: false, recurrent, is_recurrent: false }
    }

    /// Is at the start of a packet of a quality.
    pub(crate) fn start_packet(&mut self, model: &Model<'_>, quality: u8) {
        self.quality = quality;
        self.has_past = false;
        self.is_recurrent = self.recurrent.is_some() && model.recurrent_prior_at(quality).is_some();
        if let Some(recurrent) = self.recurrent.as_mut().filter(|_| self.is_recurrent) {
            recurrent.start_packet(model, quality);
        }
    }

    /// The quality of the packet.
    pub(crate) fn quality(&self) -> u8 {
        self.quality
    }

    /// The symbols of the hop that are sent, each with its number and its code.
    pub(crate) fn sent(&self, model: &Model<'_>) -> impl Iterator<Item = (usize, Symbol, u16)> {
        let symbols = model.numbered_symbols(self.quality);
        symbols.map(|(index, symbol)| (index, symbol, self.codes.get(index).copied().unwrap_or(0)))
    }

    /// The hop's codes, one for every symbol of the model, for the encoder to fill in.
    pub(crate) fn codes_mut(&mut self) -> &mut [u16] {
        self.codes
    }

    /// The past part: the hop's codes become what the next hop is predicted from.
    pub(crate) fn advance(&mut self, model: &Model<'_>) {
        if !PRIORS {
            return;
        }
        self.past.iter_mut().zip(self.codes.iter()).for_each(|(past, code)| *past = *code);
        self.has_past = true;
        if let Some(recurrent) = self.recurrent.as_mut().filter(|_| self.is_recurrent) {
            recurrent.advance(model, self.codes);
        }
    }

    /// What symbol number `index` may be behind `codes` of the hop, one for every symbol of the model, if tables say so.
    pub(crate) fn table_distribution<'m>(
        &self,
        model: &Model<'m>,
        index: usize,
        symbol: &Symbol,
        codes: &[u16],
    ) -> Distribution<'m> {
        let prior = model.symbol_prior(index, self.quality);
        if !PRIORS || prior.rows == 0 {
            return Distribution::uniform(symbol, &prior);
        }
        let [first, second] = prior.contexts.map(|context| self.class(model, &context, codes));
        let row = model.prior_row(&prior, [first, second]);
        Distribution::row(symbol, &prior, row)
    }

    /// What symbol number `index`, an index, may be behind any `codes` of the hop, one for every symbol of the model.
    pub(crate) fn index_distribution<'s>(
        &'s mut self,
        model: &Model<'s>,
        index: usize,
        symbol: &Symbol,
        codes: &[u16],
    ) -> Distribution<'s> {
        if !INDEX_PRIORS || !self.is_recurrent {
            return self.table_distribution(model, index, symbol, codes);
        }
        match self.recurrent.as_mut() {
            Some(recurrent) => {
                recurrent.forget_hop();
                recurrent.index(model, index, symbol, codes)
            }
            // Never so: it holds.
            None => Distribution::uniform(symbol, &model.symbol_prior(index, self.quality)),
        }
    }

    /// The class of what a context looks at, with `codes` those of the hop; 0 where there is nothing.
    fn class(&self, model: &Model<'_>, context: &Context, codes: &[u16]) -> u8 {
        if context.classes <= 1 {
            return 0;
        }
        let codes: &[u16] = match context.hop {
            Hop::Same => codes,
            Hop::Before if self.has_past => self.past,
            Hop::Before => return 0,
        };
        let code = codes.get(usize::from(context.source)).copied().unwrap_or(0);
        model.class(context, code)
    }

    /// Sends the code of symbol number `index`.
    ///
    /// Symbols are sent and received in order. After another choice of a code it goes on from the symbol behind that one.
    pub(crate) fn encode_symbol(
        &mut self,
        model: &Model<'_>,
        index: usize,
        symbol: &Symbol,
        coder: &mut RangeEncoder,
        output: &mut [u8],
    ) {
        let code = self.codes.get(index).copied().unwrap_or(0);
        if let Some(recurrent) = self.recurrent.as_mut().filter(|_| self.is_recurrent) {
            if INDEX_PRIORS && symbol.kind == SymbolKind::Index {
                return recurrent.index(model, index, symbol, self.codes).encode(coder, output, code);
            }
            let steps = recurrent.steps(model, index, self.codes);
            steps.encode(coder, output, code);
            return recurrent.follow(index, &steps, code);
        }
        self.table_distribution(model, index, symbol, self.codes).encode(coder, output, code);
    }

    /// Receives the code of symbol number `index`, when those before it are known. What it costs, in 1/256 bit, is added to `cost` if that is asked for.
    pub(crate) fn decode_symbol(
        &mut self,
        model: &Model<'_>,
        index: usize,
        symbol: &Symbol,
        coder: &mut RangeDecoder<'_>,
        cost: Option<&mut u32>,
    ) -> u16 {
        let is_integer = !INDEX_PRIORS || symbol.kind == SymbolKind::Integer;
        let recurrent = self.recurrent.as_mut().filter(|_| self.is_recurrent);
        let code = if let (Some(recurrent), true) = (recurrent, is_integer) {
            let steps = recurrent.steps(model, index, self.codes);
            let code = steps.decode(coder);
            cost.into_iter().for_each(|cost| *cost += steps.cost(code));
            recurrent.follow(index, &steps, code);
            code
        } else {
            let distribution = match self.recurrent.as_mut().filter(|_| self.is_recurrent && !is_integer) {
                Some(recurrent) => recurrent.index(model, index, symbol, self.codes),
                None => self.table_distribution(model, index, symbol, self.codes),
            };
            let code = distribution.decode(coder);
            cost.into_iter().for_each(|cost| *cost += distribution.cost(code));
            code
        };
        if let Some(place) = self.codes.get_mut(index) {
            *place = code;
        }
        code
    }
}
