//! Which decoder reads videos, and the workers of the one that is a library.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::ffmpeg::PATIENCE;
use super::protocol::{Facts, Location, Request, Wanted};
use super::worker::{Failure, Worker, beside_this_program};
use crate::clip::frames::Cropped;
use crate::clip::turns::Turns;
use crate::recipe::Preprocess;
use crate::text::names;

/// What decodes videos.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DecoderChoice {
    /// libav* where the worker is there, decodes as the ffmpeg program does, and no program is named; else the program.
    #[default]
    Auto,
    /// libav* in a worker, or an error.
    Libav,
    /// The ffmpeg program.
    Ffmpeg,
}

names!(DecoderChoice {
    Auto = "auto",
    Libav = "libav",
    Ffmpeg = "ffmpeg",
});

impl DecoderChoice {
    /// Whether libav* is tried where this program was named.
    pub(in crate::clip) fn tries_libav(self, program: Option<&Path>) -> bool {
        match self {
            DecoderChoice::Libav => true,
            DecoderChoice::Ffmpeg => false,
            // Whoever names a program wants its pixels.
            DecoderChoice::Auto => program.is_none(),
        }
    }
}

/// What decoded a video.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodedBy {
    /// libav*, in a worker.
    Libav,
    /// The ffmpeg program; with the reason, where libav* was tried.
    Ffmpeg(Option<Arc<str>>),
}

impl DecodedBy {
    /// Its name, as in [`DecoderChoice`].
    pub fn name(&self) -> &'static str {
        match self {
            DecodedBy::Libav => DecoderChoice::Libav.name(),
            DecodedBy::Ffmpeg(_) => DecoderChoice::Ffmpeg.name(),
        }
    }
}

/// Decodes videos as was chosen. Clones share their workers: as many as there are clips that are loaded at a time.
#[derive(Clone, Debug)]
pub struct Decoder {
    choice: DecoderChoice,
    program: Option<PathBuf>,
    patience: Duration,
    workers: Arc<Workers>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new(DecoderChoice::default())
    }
}

impl Decoder {
    /// A decoder whose workers are the program `eco-decode` beside this one.
    pub fn new(choice: DecoderChoice) -> Self {
        Decoder {
            choice,
            program: None,
            patience: PATIENCE,
            workers: Arc::default(),
        }
    }

    /// The same with another program for its workers.
    #[must_use]
    pub fn with_program(self, program: PathBuf) -> Self {
        Decoder {
            program: Some(program),
            workers: Arc::default(),
            ..self
        }
    }

    /// The same with workers that may be silent for so long, and for four times a video's length on top while they decode it.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Decoder { patience, ..self }
    }

    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    /// What was chosen.
    pub fn choice(&self) -> DecoderChoice {
        self.choice
    }

    /// Starts `count` workers beside what goes on, for clips that will come.
    pub(in crate::clip) fn start(&self, count: usize) {
        let Some(program) = self.program() else {
            return;
        };
        self.workers.lock().starting += count;
        for _ in 0..count {
            let (workers, program) = (Arc::clone(&self.workers), program.clone());
            thread::spawn(move || {
                let started = Worker::start(&program);
                let mut state = workers.lock();
                state.starting -= 1;
                match started {
                    Ok(worker) => state.idle.push(worker),
                    Err(reason) => state.missing = Some(reason),
                }
                drop(state);
                workers.changed.notify_all();
            });
        }
    }

    /// The libraries of the workers, and the program.
    ///
    /// # Errors
    /// Why there are none.
    pub fn libraries(&self) -> Result<String, String> {
        let worker = self.take(None)?;
        let libraries = worker.libraries().to_owned();
        self.give_back(worker);
        let program = self.program().unwrap_or_default();
        Ok(format!("{libraries}, {}", program.display()))
    }

    /// Lists the packets of a file.
    pub(super) fn list(&self, file: Location) -> Result<Facts, Failure> {
        let mut worker = self.take(None).map_err(Failure::Missing)?;
        let listed = worker.list(file, self.patience);
        self.keep(worker, &listed);
        listed
    }

    /// Reads frames of a file that [`Decoder::list`] has listed; until `each` says [`ControlFlow::Break`]. Each is decoded when it is decoding's
    /// turn.
    pub(super) fn read(
        &self,
        asked: &Asked<'_>,
        turns: &Turns,
        each: &mut dyn FnMut(usize, Cropped) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        let mut worker = self.take(Some(&asked.file)).map_err(Failure::Missing)?;
        let request = Request::Frames {
            file: asked.file.clone(),
            frames: asked.frames,
            wanted: asked.wanted.to_vec(),
            preprocess: asked.preprocess,
            threads: asked.threads,
        };
        worker.ask(&asked.file, &request)?;
        for wanted in asked.wanted {
            let frame = turns.decode(|| worker.next(wanted, asked.patience));
            let frame = match frame {
                Ok(frame) => frame,
                failed => {
                    self.keep(worker, &failed);
                    return failed.map(drop);
                }
            };
            if each(wanted.index, frame).is_break() && wanted.index != asked.last() {
                // The worker is in the middle of a clip that nobody wants: it ends with this handle.
                return Ok(());
            }
        }
        self.give_back(worker);
        Ok(())
    }

    fn program(&self) -> Option<PathBuf> {
        self.program.clone().or_else(beside_this_program)
    }

    /// A worker: the one that has `file` open, else any, else a new one.
    fn take(&self, file: Option<&Location>) -> Result<Worker, String> {
        let mut state = self.workers.lock();
        loop {
            let has_it_open = |worker: &Worker| worker.open.as_ref() == file;
            let place = state.idle.iter().position(has_it_open);
            if let Some(place) = place.or(state.idle.len().checked_sub(1)) {
                return Ok(state.idle.swap_remove(place));
            }
            if state.starting == 0 {
                break;
            }
            let woken = self.workers.changed.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
        if let Some(reason) = &state.missing {
            return Err(reason.clone());
        }
        drop(state);
        let program = self.program();
        let program = program.ok_or("there is no program eco-decode beside this one")?;
        let started = Worker::start(&program);
        if let Err(reason) = &started {
            self.workers.lock().missing = Some(reason.clone());
        }
        started
    }

    /// Keeps a worker for the next clip, unless it failed.
    fn keep<T>(&self, worker: Worker, answer: &Result<T, Failure>) {
        if matches!(answer, Ok(_) | Err(Failure::Declined(_))) {
            self.give_back(worker);
        }
    }

    fn give_back(&self, worker: Worker) {
        self.workers.lock().idle.push(worker);
        self.workers.changed.notify_one();
    }
}

/// Which frames of a file, and how.
pub(super) struct Asked<'a> {
    pub(super) file: Location,
    /// How many frames the file was listed with.
    pub(super) frames: usize,
    /// Ascending, each once.
    pub(super) wanted: &'a [Wanted],
    pub(super) preprocess: Preprocess,
    pub(super) threads: usize,
    /// How long the worker may be silent.
    pub(super) patience: Duration,
}

impl Asked<'_> {
    fn last(&self) -> usize {
        self.wanted.last().map_or(0, |wanted| wanted.index)
    }
}

#[derive(Debug, Default)]
struct Workers {
    state: Mutex<State>,
    /// A worker became idle, or one that was starting did not.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    idle: Vec<Worker>,
    starting: usize,
    /// Why none can be started.
    missing: Option<String>,
}

impl Workers {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Whatever panicked has left a list of workers.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
