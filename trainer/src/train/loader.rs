//! Training windows on a thread of their own, which reads, stretches and mixes the next batch while a step computes.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use rand::rngs::ChaCha8Rng;
use tch::Tensor;

use super::TrainError;
use super::windows::Windows;

/// A batch, and the generator as it leaves it.
pub(super) type Drawn = Result<(Tensor, ChaCha8Rng), TrainError>;

/// What comes of a question, or the panic that it ended in.
type Answer<T> = Receiver<thread::Result<T>>;

type Question = Box<dyn FnOnce(&Windows) + Send>;

/// The thread that has the windows.
#[derive(Debug)]
pub(super) struct Loader {
    /// `None` only while it ends.
    questions: Option<Sender<Question>>,
    thread: Option<JoinHandle<()>>,
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
        let (questions, asked) = channel::<Question>();
        let answers = move || asked.into_iter().for_each(|question| question(&windows));
        let thread = thread::Builder::new().name("windows".into()).spawn(answers)?;
        Ok(Self { questions: Some(questions), thread: Some(thread), ahead: None })
    }

    /// What [`Windows::draw`] draws from the same generator, which [`prepare`](Self::prepare) may have begun.
    ///
    /// # Errors
    /// If a recording that stays in its file cannot be read.
    pub(super) fn draw(&mut self, batch: usize, random: ChaCha8Rng) -> Drawn {
        let prepared = self.ahead.take().filter(|ahead| ahead.batch == batch && ahead.random == random);
        let answer = prepared.map_or_else(|| self.begin(batch, random), |ahead| ahead.answer);
        wait(&answer)?
    }

    /// Begins a batch that may be drawn next, from the generator that `random` makes.
    pub(super) fn prepare(&mut self, batch: usize, random: impl Fn() -> ChaCha8Rng) {
        let answer = self.begin(batch, random());
        self.ahead = Some(Ahead { batch, random: random(), answer });
    }

    /// The windows that [`draw`](Self::draw) draws from the same generator, in words.
    pub(super) fn describe(&self, batch: usize, mut random: ChaCha8Rng) -> String {
        let words = self.ask(move |windows| windows.describe(batch, &mut random));
        wait(&words).unwrap_or_else(|_| format!("{batch} windows"))
    }

    fn begin(&self, batch: usize, mut random: ChaCha8Rng) -> Answer<Drawn> {
        self.ask(move |windows| Ok((windows.draw(batch, &mut random)?, random)))
    }

    fn ask<T: Send + 'static>(&self, question: impl FnOnce(&Windows) -> T + Send + 'static) -> Answer<T> {
        let (answer, receiver) = channel();
        let question = move |windows: &Windows| {
            // Who asked may want something else by now.
            let _ = answer.send(catch_unwind(AssertUnwindSafe(|| question(windows))));
        };
        if let Some(questions) = &self.questions {
            // Without a thread the answer's sender is dropped, which `wait` tells.
            let _ = questions.send(Box::new(question));
        }
        receiver
    }
}

impl Drop for Loader {
    /// Waits for a batch in the making: libtorch is not to compute while the program ends.
    fn drop(&mut self) {
        self.questions = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The answer; a panic goes on here, as if there were no other thread.
fn wait<T>(answer: &Answer<T>) -> Result<T, TrainError> {
    match answer.recv() {
        Ok(answer) => Ok(answer.unwrap_or_else(|panic| resume_unwind(panic))),
        Err(_) => Err(TrainError::Thread(io::Error::other("it has ended"))),
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

    #[test]
    fn a_panic_reaches_who_waits_and_the_thread_goes_on() {
        let loader = Loader::new(windows()).unwrap();
        let broken = loader.ask(|_| -> usize { panic!("no memory") });
        let panic = catch_unwind(AssertUnwindSafe(|| wait(&broken))).unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"no memory"));
        assert!(loader.describe(2, for_step(0, 0)).starts_with("2 windows of 40 frames"));
    }
}
