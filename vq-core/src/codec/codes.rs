//! The codes of a packet, without the net: for usage statistics, for training priors, for models that work on tokens.

use super::level::{Level, worst_level_bytes};
use crate::coder::range::RangeDecoder;
use crate::features::LEVELS;
use crate::model::Model;
use crate::model::records::Symbol;
use crate::packet::{Header, Mode, PacketError};
use crate::prior::Prior;
use crate::residual::{self, MAX_WIDTH};

/// Reads the codes of one packet: none of an error-bounded or lossless one. `memory` must have [`Model::prior_memory`] bytes; what a
/// shorter one cannot hold reads as zero.
///
/// # Errors
/// A packet that is damaged, of another model, or of an input that moved where this build leaves levels out.
pub fn packet_codes<'a>(model: Model<'a>, packet: &'a [u8], memory: &'a mut [u16]) -> Result<Codes<'a>, PacketError> {
    let (header, codes) = Header::parse(packet, &model.identity())?;
    if !LEVELS && header.moved {
        return Err(PacketError::Unsupported);
    }
    check_length(&model, &header, codes)?;
    let mut prior = Prior::new(&model, memory);
    prior.start_packet(&model, header.quality);
    let hops = if header.mode == Mode::BestEffort { header.hops } else { 0 };
    let mut coder = RangeDecoder::new(codes);
    if LEVELS && header.moved {
        (0..model.channels()).for_each(|_| _ = Level::decode(&mut coder));
    }
    Ok(Codes { model, header, prior, coder, hops, fresh: true, priced: true, cost: 0 })
}

/// The codes of a packet, hop by hop. Not an [`Iterator`], because every hop borrows the same memory.
#[derive(Debug)]
pub struct Codes<'a> {
    model: Model<'a>,
    header: Header,
    prior: Prior<'a>,
    coder: RangeDecoder<'a>,
    hops: u32,
    fresh: bool,
    priced: bool,
    cost: u32,
}

impl Codes<'_> {
    /// What the packet says about itself.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The same codes without what hops [cost](Self::hop_cost), which takes longer to find out than a decoder needs for a code.
    #[must_use]
    pub fn without_costs(self) -> Self {
        Self { priced: false, ..self }
    }

    /// The next hop: the symbols that are sent at the packet's quality, each with its number among all symbols and its code.
    ///
    /// An integer latent's code counts from the lowest number of steps: subtract [`Symbol::integer_limit`].
    pub fn next_hop(&mut self) -> Option<impl Iterator<Item = (usize, Symbol, u16)>> {
        self.hops = self.hops.checked_sub(1)?;
        if !self.fresh {
            self.prior.advance(&self.model);
        }
        self.fresh = false;
        self.cost = 0;
        for (index, symbol) in self.model.numbered_symbols(self.header.quality) {
            let cost = self.priced.then_some(&mut self.cost);
            self.prior.decode_symbol(&self.model, index, &symbol, &mut self.coder, cost);
        }
        Some(self.prior.sent(&self.model))
    }

    /// What the hop that was read last cost under the prior, in 1/256 bit: against [`Model::expected_hop_cost`], how surprising it was. 0 if that
    /// was [not asked for](Self::without_costs).
    #[must_use]
    pub fn hop_cost(&self) -> u32 {
        self.cost
    }
}

/// Checks that a packet's codes are not longer than its hops can need, and end as the coder ends.
///
/// More there is not to check: any bytes decode to codes that exist, and the checksum tells whether they are the encoder's.
pub(super) fn check_length(model: &Model<'_>, header: &Header, codes: &[u8]) -> Result<(), PacketError> {
    let hop = match header.mode {
        Mode::BestEffort => model.worst_hop_bytes(header.quality),
        Mode::Bounded(_) | Mode::Lossless => residual::worst_hop_bytes(model.hop() * model.channels(), MAX_WIDTH),
    };
    let levels = if header.moved { worst_level_bytes(model.channels()) } else { 0 };
    let most = (hop as u64).saturating_mul(u64::from(header.hops)).saturating_add(levels as u64);
    let ends_in_zero = codes.last() == Some(&0);
    if codes.len() as u64 > most || ends_in_zero { Err(PacketError::Length) } else { Ok(()) }
}
