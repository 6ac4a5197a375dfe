//! Neural codecs without a learned prior: what a model of codebooks costs if its nearest codes are sent as they are, or by how often each is.

use vq_core::Model;

use super::{Curve, Regime, model_curve};
use crate::codec::{CodecError, HostCodec};
use crate::data::Recording;
use crate::export::file::ModelBytes;
use crate::export::nearest::{NearestError, by_frequency, in_whole_bits};

/// Why there is no such curve.
#[derive(Debug, thiserror::Error)]
pub enum NeuralError {
    /// The model cannot be run so.
    #[error(transparent)]
    Nearest(#[from] NearestError),
    /// Encoding or decoding refuses something.
    #[error(transparent)]
    Codec(#[from] CodecError),
}

/// Opponents made of a model of codebooks.
#[derive(Debug, Clone)]
pub struct Neural {
    /// Their names and models.
    codecs: Vec<(String, ModelBytes)>,
}

impl Neural {
    /// The model's nearest codes in whole bits and, if there are `training` samples `[time, channels]` to count them on, by frequency.
    ///
    /// # Errors
    /// [`NeuralError`].
    pub fn new(name: &str, model: Model<'_>, training: &[i32]) -> Result<Self, NeuralError> {
        let mut codecs = vec![(format!("{name}, nearest codes in whole bits"), in_whole_bits(model)?)];
        if !training.is_empty() {
            codecs.push((format!("{name}, nearest codes by frequency"), by_frequency(model, training)?));
        }
        Ok(Self { codecs })
    }

    /// Their curves over their numbers of stages.
    ///
    /// # Errors
    /// What encoding or decoding refuses.
    pub fn curves(&self, recordings: &[Recording], regime: Regime) -> Result<Vec<Curve>, NeuralError> {
        let curve = |(name, bytes): &(String, ModelBytes)| {
            let curve = model_curve(&HostCodec::new(bytes)?, recordings, regime)?;
            Ok(Curve { name: name.clone(), learned: false, ..curve })
        };
        self.codecs.iter().map(curve).collect()
    }
}
