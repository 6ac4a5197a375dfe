//! Training windows: random cuts of the training frames, which stay where they are.

use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use tch::{Device, Tensor};

use super::TrainError;
use super::augment::Augmentation;
use super::prepare::Prepared;
use super::signal::Signal;
use crate::data::StoredRecording;

/// Where windows may start within one recording's frames.
#[derive(Debug, Clone)]
struct Starts {
    /// The recording's name.
    recording: String,
    /// Of its frames in the signal, the first that is trained on.
    first: usize,
    count: usize,
    /// The number of its file.
    file: usize,
}

/// More windows than this are not named one by one.
const WINDOWS_NAMED: usize = 8;

/// All training frames, and the windows that fit into them.
#[derive(Debug)]
pub struct Windows {
    /// The frames of all recordings one after the other.
    signal: Signal,
    starts: Vec<Starts>,
    /// Frames of a window.
    frames: usize,
    /// What is done to the windows, if anything.
    augmentation: Option<Augmentation>,
}

impl Windows {
    /// Windows of `frames` frames over the training parts.
    ///
    /// # Errors
    /// If no recording holds a window, or one cannot be read.
    pub fn new(prepared: &Prepared, frames: usize, device: Device) -> Result<Self, TrainError> {
        let (mut starts, mut first) = (Vec::new(), 0);
        for part in &prepared.parts {
            let length = part.train.len();
            if length >= frames {
                let recording = part.recording.name.clone();
                starts.push(Starts { recording, first, count: length - frames + 1, file: part.file });
            }
            first += length;
        }
        if starts.is_empty() {
            let longest = prepared.parts.iter().map(|part| part.train.len()).max().unwrap_or(0);
            return Err(TrainError::Unsuitable {
                what: format!(
                    "a training window has {frames} frames, and the longest recording has {longest} to train on: \
                     record longer, or lower data.window_hops or data.validation_fraction"
                ),
            });
        }
        let augments = prepared.augmentation.changes();
        let augmentation = augments.then(|| Augmentation::new(&prepared.augmentation, prepared.signal.rate_millihertz));
        Ok(Self { signal: Signal::new(prepared, device)?, starts, frames, augmentation })
    }

    /// Recordings too short for a window: they are not trained on.
    pub fn unused(prepared: &Prepared, frames: usize) -> impl Iterator<Item = &StoredRecording> {
        prepared.parts.iter().filter(move |part| part.train.len() < frames).map(|part| &part.recording)
    }

    /// `batch` windows, each from a random frame on: `[batch, channels, frames]`.
    ///
    /// # Errors
    /// If a recording that stays in its file cannot be read.
    pub fn draw(&self, batch: usize, random: &mut ChaCha8Rng) -> Result<Tensor, TrainError> {
        let drawn: Vec<(&Starts, usize)> = self.drawn(batch, random).collect();
        let Some(augmentation) = &self.augmentation else { return self.cut(&drawn) };
        let stretches = augmentation.stretches(batch, random);
        let same = stretches.iter().all(|stretch| *stretch == 1.0);
        let windows = |drawn| if same { self.cut(drawn) } else { self.stretched(drawn, &stretches) };
        let first = windows(&drawn)?;
        let mixed = match augmentation.angles(batch, random) {
            None => first,
            Some(angles) => {
                let others: Vec<(&Starts, usize)> = drawn.iter().map(|place| self.beside(*place, random)).collect();
                first * angles.cos().to_device(self.signal.device())
                    + windows(&others)? * angles.sin().to_device(self.signal.device())
            }
        };
        Ok(augmentation.apply(mixed, random))
    }

    /// The same time in another channel of the file, any of them; in the same channel if the file has no other.
    fn beside<'w>(&'w self, (starts, from): (&'w Starts, usize), random: &mut ChaCha8Rng) -> (&'w Starts, usize) {
        let is_other =
            |other: &&Starts| other.file == starts.file && other.count == starts.count && other.first != starts.first;
        let others: Vec<&Starts> = self.starts.iter().filter(is_other).collect();
        if others.is_empty() { (starts, from) } else { (others[random.random_range(0..others.len())], from) }
    }

    /// The windows as they were recorded.
    fn cut(&self, drawn: &[(&Starts, usize)]) -> Result<Tensor, TrainError> {
        let begin: Vec<i64> = drawn.iter().map(|(starts, from)| (starts.first + from) as i64).collect();
        Ok(self.windows_of(self.signal.runs(&begin, self.frames)?, drawn.len()))
    }

    /// Windows made of `stretches` times as many frames, by cubic interpolation (Catmull and Rom); of fewer where the recording has no more.
    fn stretched(&self, drawn: &[(&Starts, usize)], stretches: &[f64]) -> Result<Tensor, TrainError> {
        let mut taps: [(Vec<i64>, Vec<f32>); 4] = Default::default();
        for ((starts, from), stretch) in drawn.iter().zip(stretches) {
            let available = starts.count - 1 + self.frames;
            let length = (self.frames as f64 * stretch).min(available as f64);
            let begin = (*from as f64).min(available as f64 - length);
            let step = (length - 1.0) / (self.frames as f64 - 1.0).max(1.0);
            for t in 0..self.frames {
                let place = begin + t as f64 * step;
                let (whole, part) = (place.floor(), (place - place.floor()) as f32);
                for ((tap, weight), (places, weights)) in cubic(part).into_iter().enumerate().zip(&mut taps) {
                    let frame = (whole as i64 + tap as i64 - 1).clamp(0, available as i64 - 1);
                    places.push(starts.first as i64 + frame);
                    weights.push(weight);
                }
            }
        }
        let device = self.signal.device();
        let [a, b, c, d] = taps.map(|(places, weights)| {
            let frames = self.signal.at(&places, self.frames)?;
            Ok::<_, TrainError>(frames * Tensor::from_slice(&weights).to_device(device))
        });
        Ok(self.windows_of(a? + b? + c? + d?, drawn.len()))
    }

    /// `[channels, batch · frames]` as `[batch, channels, frames]`.
    fn windows_of(&self, signal: Tensor, batch: usize) -> Tensor {
        signal.view([-1, batch as i64, self.frames as i64]).transpose(0, 1).contiguous()
    }

    /// The windows that [`draw`](Self::draw) draws from the same generator, in words.
    pub fn describe(&self, batch: usize, random: &mut ChaCha8Rng) -> String {
        let name = |(starts, from): (&Starts, usize)| format!("{} from frame {from}", starts.recording);
        let named: Vec<String> = self.drawn(batch.min(WINDOWS_NAMED), random).map(name).collect();
        let more = match batch.saturating_sub(WINDOWS_NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("{batch} windows of {} frames: {}{more}", self.frames, named.join(", "))
    }

    /// Recordings and frames at which random windows start.
    fn drawn(&self, batch: usize, random: &mut ChaCha8Rng) -> impl Iterator<Item = (&Starts, usize)> {
        let total: usize = self.starts.iter().map(|starts| starts.count).sum();
        (0..batch).map(move |_| self.start(random.random_range(0..total)))
    }

    /// The `index`-th of all possible starts.
    fn start(&self, mut index: usize) -> (&Starts, usize) {
        for starts in &self.starts {
            if index < starts.count {
                return (starts, index);
            }
            index -= starts.count;
        }
        (&self.starts[0], 0)
    }
}

/// Weights of the frames around a place that lies `part` of the way from the second of four to the third.
fn cubic(part: f32) -> [f32; 4] {
    let (x, x2, x3) = (part, part * part, part * part * part);
    [0.5 * (-x3 + 2.0 * x2 - x), 0.5 * (3.0 * x3 - 5.0 * x2 + 2.0), 0.5 * (-3.0 * x3 + 4.0 * x2 + x), 0.5 * (x3 - x2)]
}

#[cfg(test)]
mod tests {
    use super::super::prepare::tests::recording;
    use super::super::split::Place;
    use super::*;
    use crate::config::Config;
    use crate::data::{OpenOptions, open_stored, save};
    use crate::random::for_step;
    use crate::run::Normalization;

    #[test]
    fn windows_are_runs_of_training_frames_of_one_recording_and_reach_all_of_them() {
        // Frame t of the first recording holds (t, −t), of the second (1000 + t, −1000 − t).
        let frames = |first: i32| (0..50).flat_map(|t| [first + t, -first - t]).collect();
        let recordings = vec![recording(frames(0), 2), recording(frames(1000), 2)];
        let prepared = Prepared::new(recordings, &Config::default()).unwrap();
        let windows = Windows::new(&prepared, 8, Device::Cpu).unwrap();
        let Normalization { offset, scale } = &prepared.normalization;
        let mut seen = std::collections::BTreeSet::new();
        for step in 0..60 {
            let batch = windows.draw(4, &mut for_step(0, step)).unwrap();
            assert_eq!(batch.size(), [4, 2, 8]);
            let counts = |window, channel: i64, t| {
                let units = batch.double_value(&[window, channel, t]);
                (units * f64::from(scale[channel as usize])).round() as i32 + offset[channel as usize]
            };
            for window in 0..4 {
                let first = counts(window, 0, 0);
                for t in 0..8 {
                    assert_eq!(counts(window, 0, t), first + t as i32);
                    assert_eq!(counts(window, 1, t), -first - t as i32);
                    seen.insert(first + t as i32);
                }
            }
        }
        let all: std::collections::BTreeSet<i32> = (0..40).chain(1000..1040).collect();
        assert_eq!(seen, all);
    }

    #[test]
    fn a_batch_in_words_names_the_windows_that_are_drawn() {
        let prepared = Prepared::new(vec![recording((0..100).collect(), 1)], &Config::default()).unwrap();
        let windows = Windows::new(&prepared, 8, Device::Cpu).unwrap();
        let batch = windows.draw(2, &mut for_step(3, 5)).unwrap();
        let Normalization { offset, scale } = &prepared.normalization;
        let first = |window| (batch.double_value(&[window, 0, 0]) * f64::from(scale[0])).round() as i32 + offset[0];
        let wanted = format!("2 windows of 8 frames: r from frame {}, r from frame {}", first(0), first(1));
        assert_eq!(windows.describe(2, &mut for_step(3, 5)), wanted);
        assert!(windows.describe(20, &mut for_step(3, 5)).ends_with(" and 12 more"));
    }

    #[test]
    fn too_short_recordings_are_refused_with_the_lengths() {
        let prepared = Prepared::new(vec![recording((0..20).collect(), 1)], &Config::default()).unwrap();
        let message = Windows::new(&prepared, 17, Device::Cpu).unwrap_err().to_string();
        assert!(message.contains("17 frames") && message.contains("has 16"), "{message}");
        assert_eq!(Windows::unused(&prepared, 17).count(), 1);
    }

    #[test]
    fn stretched_windows_are_the_signal_at_another_speed_and_stay_in_their_recording() {
        let wave = |t: i32| ((f64::from(t) * 0.1).sin() * 1000.0).round() as i32;
        let recordings = vec![recording((0..400).map(wave).collect(), 1), recording([5000, -5000].repeat(60), 1)];
        let mut config = Config::default();
        config.data.validation_fraction = 0.0;
        let prepared = Prepared::new(recordings, &config).unwrap();
        let windows = Windows::new(&prepared, 100, Device::Cpu).unwrap();
        let (offset, scale) = (prepared.normalization.offset[0], f64::from(prepared.normalization.scale[0]));
        let first = &windows.starts[0];
        for (from, stretch, begin) in [(30, 1.25, 30.0), (30, 0.8, 30.0), (300, 1.25, 275.0), (0, 9.0, 0.0)] {
            let window = windows.stretched(&[(first, from)], &[stretch]).unwrap();
            assert_eq!(window.size(), [1, 1, 100]);
            let length = (100.0 * stretch).min(400.0);
            for t in [0i64, 17, 50, 99] {
                let place = begin + t as f64 * (length - 1.0) / 99.0;
                let wanted = ((place * 0.1).sin() * 1000.0 - f64::from(offset)) / scale;
                let got = window.double_value(&[0, 0, t]);
                assert!((got - wanted).abs() * scale < 3.0, "{from} {stretch} {t}: {got} instead of {wanted}");
            }
        }
        // At its own speed nothing is interpolated.
        let still = windows.stretched(&[(first, 7)], &[1.0]).unwrap();
        assert!(still.allclose(&windows.cut(&[(first, 7)]).unwrap(), 1e-6, 1e-6, false));
    }

    #[test]
    fn windows_of_files_are_those_of_memory_bit_for_bit() {
        let folder = tempfile::tempdir().unwrap();
        let frame = |t: i32| [t * t % 601 - 300, t * 7 % 311, (t % 101).pow(3) % 101];
        let samples: Vec<i32> = (0..5000).flat_map(frame).collect();
        let recordings = [("a", samples[..9000].to_vec()), ("b", samples[9000..].to_vec())];
        let open = |channel: Option<&str>, name: &str| {
            let options =
                OpenOptions { columns: channel.iter().map(|&name| name.into()).collect(), ..Default::default() };
            open_stored(&folder.path().join(name).with_extension("hea"), &options).unwrap()
        };
        for (name, samples) in recordings {
            save(&folder.path().join(name).with_extension("hea"), &recording(samples, 3), None).unwrap();
        }
        let mut config = Config::default();
        config.augmentation.stretch = 0.2;
        config.augmentation.mixture = 0.5;
        let channels = |name| ["c0", "c1", "c2"].map(|channel| open(Some(channel), name));
        for (recordings, files) in [
            (vec![open(None, "a"), open(None, "b")], vec![0, 1]),
            ([channels("a"), channels("b")].concat(), vec![0, 0, 0, 1, 1, 1]),
        ] {
            let places: Vec<Place> = files.into_iter().map(|file| Place { file, held_out: false }).collect();
            let [memory, files] = [1024, 0].map(|memory| {
                config.data.memory = memory;
                let prepared = Prepared::of_places(recordings.clone(), &places, &config).unwrap();
                assert!(prepared.parts.iter().all(|part| part.recording.is_in_memory() == (memory > 0)));
                (Windows::new(&prepared, 200, Device::Cpu).unwrap(), prepared.normalization)
            });
            assert_eq!(memory.1, files.1);
            for step in 0..10 {
                let [a, b] = [&memory.0, &files.0].map(|windows| windows.draw(6, &mut for_step(1, step)).unwrap());
                assert_eq!(a, b);
            }
        }
    }

    #[test]
    fn mixtures_are_of_channels_of_one_file_at_the_same_time() {
        // A pulse in the first channel where the second has a step, and a file whose only channel stays alone.
        let channels =
            [recording((0..400).map(|t| t % 7 * 10).collect(), 1), recording((0..400).map(|t| t % 3).collect(), 1)];
        let [first, second] = channels;
        let alone = recording((0..400).map(|t| t % 5 * 100).collect(), 1);
        let places = [0, 0, 1].map(|file| Place { file, held_out: false });
        let mut config = Config::default();
        config.data.validation_fraction = 0.0;
        config.augmentation.mixture = 1.0;
        let prepared = Prepared::of_places(vec![first, second, alone], &places, &config).unwrap();
        let windows = Windows::new(&prepared, 60, Device::Cpu).unwrap();
        let mut mixed = 0;
        for step in 0..20 {
            let drawn: Vec<(&Starts, usize)> = windows.drawn(8, &mut for_step(4, step)).collect();
            let batch = windows.draw(8, &mut for_step(4, step)).unwrap();
            for (window, &(starts, from)) in drawn.iter().enumerate() {
                let same_time = |first: usize| windows.signal.runs(&[(first + from) as i64], 60).unwrap();
                let basis = match starts.first {
                    800 => Tensor::cat(&[same_time(800)], 0),
                    _ => Tensor::cat(&[same_time(0), same_time(400)], 0),
                };
                let seen = batch.get(window as i64);
                // Least squares on the channels of the file leaves nothing.
                let weights =
                    basis.matmul(&basis.transpose(0, 1)).inverse().matmul(&basis).matmul(&seen.transpose(0, 1));
                let rest = (weights.transpose(0, 1).matmul(&basis) - &seen).abs().max().double_value(&[]);
                assert!(rest < 1e-3, "{rest}");
                mixed += usize::from(weights.abs().min().double_value(&[]) > 0.1 && starts.first != 800);
            }
        }
        assert!(mixed > 40, "{mixed}");
    }
}
