//! What a device has for the codec.

use serde::{Deserialize, Serialize};

use super::section::{Section, section};
use crate::budget::{Core, Side};

section! {
    /// What a device has for the codec; 0 sets no limit. The model that the configuration would be exported as is checked against it before
    /// training, and refused with the layer that takes most. `vq train --budget flash=40K,ram=6K,core=m4` also makes the nets smaller until they fit.
    BudgetConfig {
        /// Bytes of flash for the model file.
        flash: usize = 0,
        /// Bytes of flash for the model and the code.
        image: usize = 0,
        /// Bytes of memory, with packets of 244 bytes.
        ram: usize = 0,
        /// Million instructions a second at the signal's rate. Instructions are not cycles.
        mips: f64 = 0.0,
        /// "m0" (and M0+), "m3", "m4", "m7", "m33", "m33-dsp", "rv32".
        core: Core = Core::M4,
        /// What the device does: "encode", "decode" or "both".
        side: Side = Side::Encode,
    }
}
