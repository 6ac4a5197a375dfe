//! What this build of the crate can do, by cargo features, as constants. Code behind one that is false is compiled and checked like
//! all other code, and falls away in the image.

/// Bounded and lossless packets.
pub(crate) const PREDICTION: bool = cfg!(feature = "prediction");
/// Priors that say more than that all codes are alike: tables and the recurrent one of integer latents.
pub(crate) const PRIORS: bool = cfg!(feature = "priors");
/// The recurrent prior of indices.
pub(crate) const INDEX_PRIORS: bool = cfg!(feature = "index-priors");
/// Depthwise convolutions.
pub(crate) const DEPTHWISE: bool = cfg!(feature = "depthwise");
/// Encoders that choose codes by bits and distortion.
pub(crate) const CHOICE: bool = cfg!(feature = "choice");
/// Inputs that move.
pub(crate) const LEVELS: bool = cfg!(feature = "levels");
/// Quality by a budget of bits.
pub(crate) const BUDGET: bool = cfg!(feature = "budget");
/// Float models.
pub(crate) const FLOAT: bool = cfg!(feature = "f32");

/// What a model or a user may ask for, of a part that a feature stands for: with `SLOTS` of 0, where the feature is off, it takes no memory and is never there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Optional<T, const SLOTS: usize>([Option<T>; SLOTS]);

impl<T, const SLOTS: usize> Optional<T, SLOTS> {
    /// What is there, if the feature is on.
    pub(crate) fn new(make: impl FnOnce() -> Option<T>) -> Self {
        let mut make = Some(make);
        Self(core::array::from_fn(|_| make.take().and_then(|make| make())))
    }

    pub(crate) fn is_some(&self) -> bool {
        self.as_ref().is_some()
    }

    pub(crate) fn as_ref(&self) -> Option<&T> {
        self.0.first()?.as_ref()
    }

    pub(crate) fn as_mut(&mut self) -> Option<&mut T> {
        self.0.first_mut()?.as_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Checksum;
    use crate::{
        Aligned, Decoder, Encoder, EncoderError, Level, Memory, Mode, Model, ModelError, Options, PacketError,
        include_model, packet_codes,
    };

    const WITH_PRIORS: &Aligned<[u8]> = include_model!("../../tests/vectors/residual.vqm");
    const WITH_INDEX_PRIOR: &Aligned<[u8]> = include_model!("../../tests/vectors/foreseen.vqm");

    #[test]
    fn what_is_left_out_is_refused() {
        let refused = Model::parse(&WITH_PRIORS.0).err();
        assert_eq!(refused.is_none(), PRIORS, "{refused:?}");
        assert!(matches!(refused, None | Some(ModelError::Unsupported(_))), "{refused:?}");
        let refused = Model::parse(&WITH_INDEX_PRIOR.0).err();
        assert_eq!(refused.is_none(), INDEX_PRIORS, "{refused:?}");
        assert!(matches!(refused, None | Some(ModelError::Unsupported(_))), "{refused:?}");
        let model = Model::trusted(&WITH_PRIORS.0).unwrap();
        let options = Options::new().mode(Mode::Lossless);
        let mut memory = Memory::<4096>::new();
        let refused = Encoder::new(model, memory.bytes(), options).err();
        assert_eq!(refused, (!PREDICTION).then_some(EncoderError::Mode));
        let refused = Encoder::new(model, memory.bytes(), Options::new().budget(1, 1)).err();
        assert_eq!(refused, (!BUDGET).then_some(EncoderError::Budget));
        let mut encoder = Encoder::new(model, memory.bytes(), Options::new()).unwrap();
        let moved = encoder.set_input(0, Level { offset: 9, scale: 0 });
        assert_eq!(moved.err(), (!LEVELS).then_some(EncoderError::Level));
        assert_eq!(encoder.set_input(0, Level::default()), Ok(()));
    }

    /// A packet whose first byte says that levels stand in front of its codes, under its right checksum.
    #[test]
    fn moved_packets_are_read_or_refused() {
        let model = Model::trusted(&WITH_PRIORS.0).unwrap();
        let mut memory = Memory::<4096>::new();
        let mut encoder = Encoder::new(model, memory.bytes(), Options::new()).unwrap();
        assert_eq!(encoder.push(&[1024, 1024]).err(), None);
        let mut packet = [0; 300];
        let sent = encoder.finish().unwrap();
        let length = sent.len();
        packet[..length].copy_from_slice(sent);
        packet[0] |= 0x80;
        let checksum = Checksum::new(&model.identity()).with(&packet[..length - 2]).value();
        packet[length - 2..length].copy_from_slice(&checksum.to_le_bytes());
        let mut memory = Memory::<4096>::new();
        let mut decoder = Decoder::new(model, memory.bytes()).unwrap();
        let refused = decoder.packet(&packet[..length]).err();
        assert_eq!(refused, (!LEVELS).then_some(PacketError::Unsupported));
        let mut codes = [0; 256];
        assert_eq!(packet_codes(model, &packet[..length], &mut codes).err(), refused);
    }

    #[test]
    fn a_part_that_is_left_out_is_never_there() {
        let mut left_out: Optional<u64, 0> = Optional::new(|| Some(1));
        assert_eq!((left_out.as_mut(), size_of::<Optional<u64, 0>>()), (None, 0));
        assert!(!left_out.is_some());
        let mut there: Optional<u64, 1> = Optional::new(|| Some(1));
        assert_eq!(there.as_mut(), Some(&mut 1));
        assert_eq!(there.as_ref(), Some(&1));
        assert!(!Optional::<u64, 1>::new(|| None).is_some());
    }

    #[test]
    fn a_trusted_model_is_whole() {
        let mut damaged = Memory::<16384>::new();
        let bytes = &mut damaged.bytes()[..WITH_PRIORS.0.len()];
        bytes.copy_from_slice(&WITH_PRIORS.0);
        assert!(Model::trusted(bytes).is_ok());
        bytes[100] ^= 1;
        assert_eq!(Model::trusted(bytes).err(), Some(ModelError::Checksum));
    }
}
