//! A thread that owns something and answers questions about it, one after the other.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use super::TrainError;

/// What comes of a question, or the panic that it ended in.
#[derive(Debug)]
pub(super) struct Answer<A>(Receiver<thread::Result<A>>);

type Question<T> = Box<dyn FnOnce(&mut T) + Send>;

/// The thread that has a `T`.
#[derive(Debug)]
pub(super) struct Worker<T> {
    /// `None` only while it ends.
    questions: Option<Sender<Question<T>>>,
    thread: Option<JoinHandle<()>>,
}

impl<T: Send + 'static> Worker<T> {
    /// Hands `owned` over to a new thread of this name.
    ///
    /// # Errors
    /// If the system starts no more threads.
    pub(super) fn new(name: &str, mut owned: T) -> Result<Self, TrainError> {
        let (questions, asked) = channel::<Question<T>>();
        let answers = move || asked.into_iter().for_each(|question| question(&mut owned));
        let thread = thread::Builder::new().name(name.into()).spawn(answers)?;
        Ok(Self { questions: Some(questions), thread: Some(thread) })
    }

    /// Asks a question, and does not wait.
    pub(super) fn ask<A: Send + 'static>(&self, question: impl FnOnce(&mut T) -> A + Send + 'static) -> Answer<A> {
        let (answer, receiver) = channel();
        let question = move |owned: &mut T| {
            // Who asked may want something else by now.
            let _ = answer.send(catch_unwind(AssertUnwindSafe(|| question(owned))));
        };
        if let Some(questions) = &self.questions {
            // Without a thread the answer's sender is dropped, which `wait` tells.
            let _ = questions.send(Box::new(question));
        }
        Answer(receiver)
    }
}

impl<T> Drop for Worker<T> {
    /// Waits for what is in the making: libtorch is not to compute while the program ends.
    fn drop(&mut self) {
        self.questions = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl<A> Answer<A> {
    /// The answer; a panic goes on here, as if there were no other thread.
    ///
    /// # Errors
    /// If the thread is gone.
    pub(super) fn wait(self) -> Result<A, TrainError> {
        match self.0.recv() {
            Ok(answer) => Ok(answer.unwrap_or_else(|panic| resume_unwind(panic))),
            Err(_) => Err(TrainError::Thread(io::Error::other("nothing answers"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_reaches_who_waits_and_the_thread_goes_on() {
        let worker = Worker::new("counter", 1).unwrap();
        let broken = worker.ask(|_| -> usize { panic!("no memory") });
        let panic = catch_unwind(AssertUnwindSafe(|| broken.wait())).unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"no memory"));
        let counted = worker.ask(|count| {
            *count += 1;
            *count
        });
        assert_eq!(counted.wait().unwrap(), 2);
    }
}
