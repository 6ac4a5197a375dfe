//! What this build of the crate can do, by cargo features, as constants. Code behind one that is false is compiled and checked like
//! all other code, and falls away in the image.

/// Bounded and lossless packets.
pub(crate) const PREDICTION: bool = cfg!(feature = "prediction");
/// Priors that say more than that all codes are alike: tables and the recurrent one.
pub(crate) const PRIORS: bool = cfg!(feature = "priors");
/// Depthwise convolutions.
pub(crate) const DEPTHWISE: bool = cfg!(feature = "depthwise");
