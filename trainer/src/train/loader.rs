//! Training windows on a thread of their own, which reads, stretches and mixes the next batch while a step computes.

use rand::rngs::ChaCha8Rng;
use tch::Tensor;

use super::TrainError;
use super::windows::Windows;
use super::worker::{Answer, Worker};

/// A batch, and the generator as it leaves it.
pub(super) type Drawn = Result<(Tensor, ChaCha8Rng), TrainError>;

/// The thread that has the windows.
#[derive(Debug)]
pub(super) struct Loader {
    windows: Worker<Windows>,
    ahead: Option<Ahead>,
}

/// A batch that nobody has waited for yet.
#[derive(Debug)]
struct Ahead {
    batch: usize,
    /// The generator that it is drawn from.
    random: ChaCha8Rng,
    answer: Answer<Drawn>,
}

impl Loader {
    /// Hands windows over to a new thread.
    ///
    /// # Errors
    /// If the system starts no more threads.
    pub(super) fn new(windows: Windows) -> Result<Self, TrainError> {
        Ok(Self { windows: Worker::new("windows", windows)?, ahead: None })
    }

    /// What [`Windows::draw`] draws from the same generator, which [`prepare`](Self::prepare) may have begun.
    ///
    /// # Errors
    /// If a recording that stays in its file cannot be read.
    pub(super) fn draw(&mut self, batch: usize, random: ChaCha8Rng) -> Drawn {
        let prepared = self.ahead.take().filter(|ahead| ahead.batch == batch && ahead.random == random);
        let answer = prepared.map_or_else(|| self.begin(batch, random), |ahead| ahead.answer);
        answer.wait()?
    }

    /// Begins a batch that may be drawn next, from the generator that `random` makes.
    pub(super) fn prepare(&mut self, batch: usize, random: impl Fn() -> ChaCha8Rng) {
        let answer = self.begin(batch, random());
        self.ahead = Some(Ahead { batch, random: random(), answer });
    }

    /// The windows that [`draw`](Self::draw) draws from the same generator, in words.
    pub(super) fn describe(&self, batch: usize, mut random: ChaCha8Rng) -> String {
        let words = self.windows.ask(move |windows| windows.describe(batch, &mut random));
        words.wait().unwrap_or_else(|_| format!("{batch} windows"))
    }

    fn begin(&self, batch: usize, mut random: ChaCha8Rng) -> Answer<Drawn> {
        self.windows.ask(move |windows| Ok((windows.draw(batch, &mut random)?, random)))
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::super::prepare::Prepared;
    use super::super::prepare::tests::recording;
    use super::*;
    use crate::config::Config;
    use crate::random::for_step;

    fn windows() -> Windows {
        let mut config = Config::default();
        config.augmentation.stretch = 0.2;
        config.augmentation.noise = 0.1;
        let prepared = Prepared::new(vec![recording((0..500).map(|t| t * t % 97).collect(), 1)], &config).unwrap();
        Windows::new(&prepared, 40, Device::Cpu).unwrap()
    }

    #[test]
    fn what_is_prepared_and_what_is_not_are_the_batches_and_generators_of_the_windows_themselves() {
        let (windows, mut loader) = (windows(), Loader::new(windows()).unwrap());
        for step in 0..12 {
            let (mut alone, mut through) = (for_step(5, step), for_step(5, step));
            // Some steps draw twice, and some another batch than the one that was begun.
            for _ in 0..1 + usize::from(step % 3 == 1) {
                let wanted = windows.draw(4, &mut alone).unwrap();
                let (batch, left) = loader.draw(4, through).unwrap();
                assert_eq!(batch, wanted);
                assert!(alone == left);
                through = left;
            }
            loader.prepare(4, || for_step(5, step + 1 + usize::from(step % 3 == 2)));
        }
        assert_eq!(loader.describe(9, for_step(2, 1)), windows.describe(9, &mut for_step(2, 1)));
    }
}
