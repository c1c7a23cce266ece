use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::batcher::Batcher;
use super::{Answer, RecogniseError, Stop};
use crate::clip::{Item, Pipeline};

/// Answers in the order of the clips. See [`Recogniser::recognise_until`](super::Recogniser::recognise_until).
pub struct Outcomes<'r> {
    loaded: Receiver<Item>,
    batcher: Batcher<'r>,
    stop: Stop,
    state: State,
    /// Why nothing can be answered.
    failure: Option<RecogniseError>,
    is_idle: Box<dyn Fn() -> bool + Send>,
}

/// What the input has for the batcher.
enum Next {
    Clip(Box<Item>),
    /// Nothing for the moment.
    Idle,
    /// Nothing, but the device has answered.
    Answered,
    End,
}

#[derive(PartialEq)]
enum State {
    Running,
    /// No more clips are taken; complete answers are still handed out.
    Ended,
}

impl<'r> Outcomes<'r> {
    /// Feeds loaded clips to the batcher. Another thread waits for the next clip, so that `stop` ends the run even while
    /// standard input is silent.
    pub(super) fn new(loaded: Pipeline, batcher: Batcher<'r>, stop: Stop) -> Self {
        let is_idle = Box::new(loaded.idleness());
        let (sender, receiver) = sync_channel(0);
        thread::spawn(move || {
            for item in loaded {
                if sender.send(item).is_err() {
                    return;
                }
            }
        });
        Self {
            loaded: receiver,
            batcher,
            stop,
            state: State::Running,
            failure: None,
            is_idle,
        }
    }

    /// A run that ends with an error at once.
    pub(super) fn failing(self, failure: RecogniseError) -> Self {
        Self {
            failure: Some(failure),
            ..self
        }
    }

    /// The next clip; the end also when the run is to stop.
    fn next_loaded(&mut self) -> Result<Next, RecogniseError> {
        const LOOK: Duration = Duration::from_millis(50);
        /// A batch takes a GPU some ten milliseconds.
        const LOOK_AT_DEVICE: Duration = Duration::from_millis(1);
        let started = Instant::now();
        loop {
            if self.stop.is_asked() {
                return Ok(Next::End);
            }
            if self.batcher.take_ready()? {
                return Ok(Next::Answered);
            }
            let look = match self.batcher.is_computing() {
                true => LOOK_AT_DEVICE,
                false => LOOK,
            };
            match self.loaded.recv_timeout(look) {
                Ok(item) => return Ok(Next::Clip(Box::new(item))),
                Err(RecvTimeoutError::Timeout)
                    if started.elapsed() >= LOOK
                        && self.batcher.is_waiting()
                        && (self.is_idle)() =>
                {
                    return Ok(Next::Idle);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(Next::End),
            }
        }
    }

    /// Takes the next clip, or, at the end of the input and while it is silent, runs the incomplete batch.
    fn advance(&mut self) -> Result<(), RecogniseError> {
        match self.next_loaded()? {
            Next::Clip(item) => self.batcher.push(*item),
            Next::Answered => Ok(()),
            // Whoever waits for an answer before naming the next clip would wait for ever.
            Next::Idle => self.batcher.flush(),
            Next::End => {
                self.state = State::Ended;
                match self.stop.is_asked() {
                    true => Ok(()),
                    false => self.batcher.flush(),
                }
            }
        }
    }
}

impl Iterator for Outcomes<'_> {
    type Item = Result<Answer, RecogniseError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(error) = self.failure.take() {
                self.state = State::Ended;
                return Some(Err(error));
            }
            if let Some(answer) = self.batcher.pop() {
                return Some(Ok(answer));
            }
            if self.state == State::Ended {
                return None;
            }
            if let Err(error) = self.advance() {
                self.state = State::Ended;
                return Some(Err(error));
            }
        }
    }
}
