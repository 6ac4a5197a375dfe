//! Nets that suit a class of signals: what a configuration that names no nets starts from.

use serde::{Deserialize, Serialize};

use super::{Config, LayerPlan, OutputPlan, PriorKind, QuantizerKind};

/// A class of signals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// ECG, PPG, EMG and the like, 100 to 500 Hz: integer latents, trained for rate and distortion.
    Biosignal,
    /// Accelerometers and gyroscopes, several axes at 25 to 400 Hz: the same with shorter hops.
    Imu,
    /// Vibration of machines, 1 to 6 kHz: with longer hops.
    Vibration,
    /// Speech, 8 to 16 kHz.
    Speech,
}

/// Units of electrodes, as files write them.
const VOLTS: [&str; 6] = ["V", "mV", "uV", "µV", "μV", "nV"];

const fn layer(kernel: usize, stride: usize, channels: usize, residual: usize) -> LayerPlan {
    LayerPlan { kernel, stride, channels, residual, separable: false }
}

impl Preset {
    /// The class that a signal's rate and the units of its channels suggest. Several channels of volts are leads of a body, not axes of motion.
    #[must_use]
    pub fn of_signal(rate_millihertz: u64, units: &[&str]) -> Self {
        let are_volts = units.iter().all(|unit| VOLTS.contains(unit));
        match rate_millihertz {
            7_000_000.. => Self::Speech,
            900_000.. => Self::Vibration,
            ..=400_000 if units.len() >= 3 && !are_volts => Self::Imu,
            _ => Self::Biosignal,
        }
    }

    /// The defaults for the class.
    #[must_use]
    pub fn config(self) -> Config {
        let mut config = Config::default();
        match self {
            Self::Biosignal => config.choose_integers(),
            Self::Imu => config.choose_imu(),
            Self::Vibration => config.choose_vibration(),
            Self::Speech => config.choose_speech(),
        }
        config
    }
}

impl Config {
    /// Hops of 0.16 s at 50 Hz. All axes go through the same nets.
    fn choose_imu(&mut self) {
        self.choose_integers();
        let network = &mut self.network;
        network.latents = 8;
        network.linear_kernel = 24;
        network.encoder = vec![layer(8, 4, 16, 0), layer(4, 2, 24, 1)];
        network.decoder = vec![layer(3, 1, 40, 1), layer(4, 2, 32, 0)];
        self.rate.distortion_weight = 1000.0;
        self.training.steps = 2000;
        self.training.batch = 12;
        self.prior.steps = 400;
    }

    /// Hops of 32 samples: broad bands, told apart more finely than those of a heart.
    fn choose_vibration(&mut self) {
        self.choose_integers();
        let network = &mut self.network;
        network.latents = 32;
        network.linear_kernel = 96;
        network.encoder = vec![layer(8, 4, 12, 0), layer(8, 4, 24, 0), layer(4, 2, 24, 0)];
        network.decoder = vec![layer(3, 1, 32, 1), layer(4, 2, 32, 0), layer(8, 4, 16, 0)];
        self.data.window_hops = 64;
        self.rate.distortion_weight = 800.0;
    }

    /// The nets of the model of speech that ships, with a shorter training: hops of four milliseconds at 8 kHz, and as many integer latents as they have samples.
    fn choose_speech(&mut self) {
        self.choose_integers();
        let network = &mut self.network;
        network.latents = 32;
        network.linear_kernel = 128;
        network.encoder = vec![layer(8, 4, 16, 0), layer(8, 4, 24, 0), layer(4, 2, 24, 0)];
        network.decoder = vec![layer(3, 1, 40, 1), layer(4, 2, 36, 0), layer(8, 4, 24, 0)];
        self.data.window_hops = 64;
        self.rate.distortion_weight = 300.0;
        self.training.steps = 3000;
        self.training.batch = 16;
        self.training.learning_rate = 2.5e-3;
        self.prior.kind = PriorKind::Standard;
        self.prior.units = 24;
    }

    /// Nets, prior and training for integer latents, as many as a hop of one channel has samples: some minutes on one core.
    fn choose_integers(&mut self) {
        self.quantizer.kind = QuantizerKind::Scalar;
        let network = &mut self.network;
        network.latents = 16;
        network.linear_kernel = 48;
        network.encoder = vec![layer(8, 4, 8, 0), layer(6, 2, 16, 0), layer(6, 2, 16, 0)];
        network.decoder = vec![layer(3, 1, 24, 1), layer(4, 2, 24, 0), layer(4, 2, 16, 0)];
        network.output = OutputPlan { kernel: 8, stride: 4 };
        self.data.window_hops = 128;
        self.scalar.noise_until = 0.2;
        self.training.steps = 1600;
        self.training.batch = 18;
        self.training.learning_rate = 4e-3;
        self.training.int8_from = 0.5;
        self.prior.kind = PriorKind::Small;
        self.prior.steps = 300;
        self.prior.learning_rate = 1.5e-3;
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn every_preset_makes_nets_for_its_signals() {
        for (preset, channels) in
            [(Preset::Biosignal, 1), (Preset::Imu, 6), (Preset::Imu, 3), (Preset::Vibration, 1), (Preset::Speech, 1)]
        {
            let config = preset.config();
            config.validate().unwrap();
            let (encoder, decoder) = config.network_plan().assemble(channels).unwrap();
            assert_eq!(encoder.output().unwrap().channels, decoder.input_channels);
            assert!(encoder.multiply_accumulates().unwrap() / encoder.input_rows < 2500, "{preset:?}");
        }
        assert!(Preset::Biosignal.config().is_rated() && Preset::Speech.config().is_rated());
        assert_eq!(Preset::value_variants().len(), 4);
    }

    #[test]
    fn rates_channels_and_units_suggest_a_class() {
        for (hertz, channels, unit, preset) in [
            (100, 1, "", Preset::Biosignal),
            (360, 2, "mV", Preset::Biosignal),
            (500, 12, "g", Preset::Biosignal),
            (50, 6, "g", Preset::Imu),
            (100, 3, "", Preset::Imu),
            (250, 12, "mV", Preset::Biosignal),
            (256, 8, "µV", Preset::Biosignal),
            (3200, 3, "g", Preset::Vibration),
            (8000, 1, "", Preset::Speech),
            (16000, 1, "V", Preset::Speech),
        ] {
            assert_eq!(
                Preset::of_signal(hertz * 1000, &vec![unit; channels]),
                preset,
                "{hertz} Hz, {channels} in {unit}"
            );
        }
    }
}
