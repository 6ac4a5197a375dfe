//! The codes of a packet, without running a net: for statistics, and for models that work on codes.

use crate::codebook::Codebook;
use crate::coder::fixed::BitReader;
use crate::model::Model;
use crate::model::records::Symbol;
use crate::packet::{Header, PacketError};

/// The symbols of a packet with their codes, hop by hop, in the order in which they were sent.
///
/// An integer latent's code counts from the most negative value that it can have.
///
/// # Errors
/// A packet that is damaged or of another model.
pub fn packet_codes<'p>(
    model: Model<'p>,
    packet: &'p [u8],
) -> Result<impl Iterator<Item = (Symbol, u16)> + 'p, PacketError> {
    let (header, codes) = Header::parse(packet, &model.identity())?;
    let codebook = Codebook::new(model, header.quality);
    let mut reader = BitReader::new(codes);
    let symbols = (0..header.hops).flat_map(move |_| codebook.symbols());
    Ok(symbols.map_while(move |symbol| reader.read(symbol.bits).map(|code| (symbol, code))))
}
