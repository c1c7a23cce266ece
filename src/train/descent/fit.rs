//! Epoch after epoch.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::error::{DescentError, Result};
use super::event::{Event, StepDone};
use super::examples::{Examples, Loading};
use super::maps::{Maps, Side};
use super::order::{as_they_are, looks};
use super::source::Source;
use crate::engine::BeforeLastStage;
use crate::recognise::{Scores, Stop};
use crate::train::cache::ViewCache;
use crate::train::checkpoint::{Checkpoint, Part};
use crate::train::network::TrainedNetwork;
use crate::train::record::{EpochRecord, Measured, Running};
use crate::train::schedule::{Course, Position, learning_rate};
use crate::weights::RawTensor;

/// From one writing of the state to the next; the step at hand ends first.
const BETWEEN_CHECKPOINTS: Duration = Duration::from_secs(600);

/// Where the state of a fit is kept, and what it belongs to.
#[derive(Debug, Clone)]
pub struct Keeping {
    /// The file.
    pub path: PathBuf,
    /// A hash of the clips and their labels.
    pub data: String,
    /// A hash of the weights that the fit started from.
    pub start: String,
    /// What clips are looked at with, by name.
    pub input: BTreeMap<String, String>,
}

/// How a fit goes, beside its recipe.
pub struct Setup {
    /// How clips are loaded.
    pub loading: Loading,
    /// Where what comes before the last stage is kept, for a recipe that does not train it and has views to keep.
    pub maps: Option<ViewCache>,
    /// Computes what comes before the last stage, where that is not trained: quicker than the network that is fitted, with
    /// other roundings.
    pub before: Option<BeforeLastStage>,
    /// Whether clips that cannot be used are left out; else they end the fit.
    pub skips: bool,
    /// Where the state is kept.
    pub keeping: Keeping,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// All epochs are done, or nothing got better for long.
    Complete,
    /// It was asked to stop.
    Stopped,
}

/// A network that was fitted.
#[derive(Debug)]
pub struct Fitted {
    /// Its tensors, in the order of the state_dict.
    pub tensors: Vec<(String, RawTensor<'static>)>,
    /// The place of each clip that it was judged by, and its scores.
    pub judged: Vec<Judged>,
    /// Every epoch.
    pub history: Vec<EpochRecord>,
    /// Places of clips that were left out: of those to fit to, and of those to judge by.
    pub left_out: [Vec<usize>; 2],
}

/// The place of a clip, and its scores, or why there are none.
pub type Judged = (usize, std::result::Result<Vec<f32>, String>);

/// The best network so far.
struct Best {
    tensors: Vec<(String, RawTensor<'static>)>,
    /// None where another run judged it.
    judged: Option<Vec<Judged>>,
}

/// A fit between two steps.
pub struct Descent<'e> {
    network: TrainedNetwork,
    source: Source<'e>,
    keeping: Keeping,
    kept: Instant,
    next: Position,
    course: Course,
    running: Running,
    history: Vec<EpochRecord>,
    best: Option<Best>,
}

impl<'e> Descent<'e> {
    /// A fit of a network that has not learned yet.
    pub fn new(network: TrainedNetwork, examples: &'e Examples, setup: Setup) -> Self {
        let Setup {
            loading,
            maps,
            before,
            skips,
            keeping,
        } = setup;
        let open = &loading.options.open;
        let maps = maps.map(|cache| Maps::new(cache, examples, open));
        Self {
            network,
            source: Source {
                examples,
                loading,
                maps,
                before,
                skips,
                left_out: Default::default(),
            },
            keeping,
            kept: Instant::now(),
            next: Position::default(),
            course: Course::default(),
            running: Running::default(),
            history: Vec::new(),
            best: None,
        }
    }

    /// A fit that goes on, with the network that [`TrainedNetwork::resume`] made of the same checkpoint. Whether the clips and
    /// the weights that it started from are the same is left to [`Checkpoint::check`].
    ///
    /// # Errors
    /// A checkpoint without all tensors.
    pub fn resume(
        checkpoint: &Checkpoint<'static>,
        network: TrainedNetwork,
        examples: &'e Examples,
        setup: Setup,
    ) -> Result<Self> {
        let tensors = network.network().state_dict().into_iter().map(|spec| {
            let tensor = checkpoint.tensor(Part::Best, &spec.name, &spec.shape)?;
            Ok((spec.name, tensor.clone()))
        });
        let best = match checkpoint.has(Part::Best) {
            false => None,
            true => Some(Best {
                tensors: tensors.collect::<Result<_>>()?,
                judged: None,
            }),
        };
        let about = checkpoint.about.clone();
        Ok(Self {
            next: about.next,
            course: about.course,
            running: about.running,
            history: about.history,
            best,
            ..Self::new(network, examples, setup)
        })
    }

    /// The epochs so far.
    pub fn history(&self) -> &[EpochRecord] {
        &self.history
    }

    /// Fits until all epochs are done, or `stop` is asked, which lets the step at hand end. The state is then kept, as it is
    /// when the fit cannot go on; but where values of the network are NaN or infinite, the state that was kept before stays.
    ///
    /// # Errors
    /// [`DescentError`].
    pub fn run(&mut self, stop: &Stop, events: &mut dyn FnMut(Event<'_>)) -> Result<Ended> {
        let ended = self.epochs(stop, events);
        match &ended {
            Ok(Ended::Complete) => {}
            Err(DescentError::Checkpoint(_) | DescentError::Judged(_)) => {}
            _ if self.next == Position::default() => {}
            _ => {
                self.network.discard()?;
                if self.network.check_values().is_ok() {
                    self.keep(events)?;
                }
            }
        }
        ended
    }

    /// The best network, with how it did.
    ///
    /// # Errors
    /// What ends the judging of a network that another run judged, and what libtorch reports.
    pub fn finish(mut self, events: &mut dyn FnMut(Event<'_>)) -> Result<Fitted> {
        let (tensors, judged) = match self.best.take() {
            Some(Best { tensors, judged }) => (tensors, judged),
            None => (self.network.state_dict()?, None),
        };
        let judged = match judged {
            Some(judged) => judged,
            None => {
                self.network.set(&tensors)?;
                let never = Stop::default();
                let judged = self.judge(&never, events)?;
                judged.map_or(Vec::new(), |(_, judged)| judged)
            }
        };
        let left_out = [Side::Fitted, Side::Judged].map(|side| {
            let all = self.source.left_out.iter();
            let mut places: Vec<usize> = all
                .filter(|(of, _)| *of == side)
                .map(|(_, place)| *place)
                .collect();
            places.sort_unstable();
            places
        });
        Ok(Fitted {
            tensors,
            judged,
            history: self.history,
            left_out,
        })
    }

    /// What comes before the last stage, if it was kept.
    pub fn take_maps(&mut self) -> Option<ViewCache> {
        self.source.maps.take().map(Maps::into_cache)
    }

    fn epochs(&mut self, stop: &Stop, events: &mut dyn FnMut(Event<'_>)) -> Result<Ended> {
        if self.source.prepare(&self.network, stop, events)? {
            return Ok(Ended::Stopped);
        }
        let epochs = self.network.recipe().epochs;
        while self.next.epoch < epochs && !self.course.is_stuck(self.network.recipe()) {
            if self.epoch(stop, events)? == Ended::Stopped {
                return Ok(Ended::Stopped);
            }
        }
        Ok(Ended::Complete)
    }

    fn epoch(&mut self, stop: &Stop, events: &mut dyn FnMut(Event<'_>)) -> Result<Ended> {
        let recipe = self.network.recipe().clone();
        let examples = self.source.examples;
        let looks = looks(&recipe, examples.fitted.len(), self.next.epoch);
        let per_step = recipe.batch * recipe.accumulate;
        let steps = looks.len().div_ceil(per_step);
        let rest = looks.get(self.next.step * per_step..).unwrap_or_default();
        let mut stream = self.source.stream(&recipe, Side::Fitted, rest);
        let at = self.next;
        events(Event::Begun { at, steps });
        let (begun, before) = (Instant::now(), self.running.seconds);
        for chunk in rest.chunks(per_step) {
            let at = self.next;
            let rate = learning_rate(&recipe, &self.course, at, steps);
            let mut running = self.running;
            for part in chunk.chunks(recipe.batch) {
                let batch = self
                    .source
                    .batch(&self.network, &mut stream, part, events)?;
                if batch.classes.is_empty() {
                    continue;
                }
                let network = &mut self.network;
                let turns = &self.source.loading.options.turns;
                let answer =
                    turns.network(|| network.accumulate(batch.input(), &batch.classes, at))?;
                running.add(answer.loss, &batch.classes, &answer.logits);
            }
            running.seconds = before + begun.elapsed().as_secs_f64();
            if running.clips > self.running.clips {
                let stepped = self.network.step(rate)?;
                events(Event::Step(StepDone {
                    at,
                    steps,
                    so_far: running.measured(),
                    learning_rate: rate,
                    gradient_norm: stepped.gradient_norm,
                    rate: running.clips as f64 / running.seconds.max(1e-9),
                }));
            }
            self.running = running;
            self.next.step += 1;
            if stop.is_asked() {
                return Ok(Ended::Stopped);
            }
            if self.kept.elapsed() > BETWEEN_CHECKPOINTS {
                self.keep(events)?;
            }
        }
        if self.running.clips == 0 {
            return Err(DescentError::NoClips(examples.fitted.len()));
        }
        self.network.check_values()?;
        let judged = match examples.judged.is_empty() {
            true => None,
            false => match self.judge(stop, events)? {
                Some(judged) => Some(judged),
                None => return Ok(Ended::Stopped),
            },
        };
        self.end_epoch(steps, judged, events)?;
        Ok(Ended::Complete)
    }

    fn end_epoch(
        &mut self,
        steps: usize,
        judged: Option<(Measured, Vec<Judged>)>,
        events: &mut dyn FnMut(Event<'_>),
    ) -> Result<()> {
        let recipe = self.network.recipe().clone();
        let last = Position {
            epoch: self.next.epoch,
            step: steps.saturating_sub(1),
        };
        let rate = learning_rate(&recipe, &self.course, last, steps);
        let best_so_far = self.history.iter().rev().find(|record| record.is_best);
        let best_so_far = best_so_far.and_then(|record| record.judged);
        let (measured, judged) = judged.unzip();
        let is_best = match (measured, best_so_far) {
            (Some(measured), Some(best)) => measured.is_better_than(best),
            _ => true,
        };
        if let Some(measured) = measured {
            self.course.evaluated(&recipe, measured.top_1);
        }
        if is_best {
            self.best = Some(Best {
                tensors: self.network.state_dict()?,
                judged,
            });
        }
        let so_far = self.running.measured();
        let record = EpochRecord {
            epoch: self.next.epoch,
            steps: (self.next.epoch + 1) * steps,
            loss: so_far.loss,
            top_1: so_far.top_1,
            learning_rate: rate,
            judged: measured,
            is_best,
            seconds: self.running.seconds,
            clips: self.running.clips,
        };
        events(Event::Epoch(&record));
        self.history.push(record);
        self.running = Running::default();
        self.next = Position {
            epoch: self.next.epoch + 1,
            step: 0,
        };
        Ok(())
    }

    /// How the network does on clips that it is not fitted to; `None` where `stop` came first.
    fn judge(
        &mut self,
        stop: &Stop,
        events: &mut dyn FnMut(Event<'_>),
    ) -> Result<Option<(Measured, Vec<Judged>)>> {
        let of = self.source.examples.judged.len();
        let all = as_they_are(of);
        let (mut running, mut judged) = (Running::default(), Vec::new());
        let mut done = 0;
        let recipe = self.network.recipe();
        let mut stream = self.source.stream(recipe, Side::Judged, &all);
        for part in all.chunks(recipe.batch) {
            let batch = self
                .source
                .batch(&self.network, &mut stream, part, events)?;
            done += part.len();
            if !batch.classes.is_empty() {
                let (input, classes) = (batch.input(), &batch.classes);
                let turns = &self.source.loading.options.turns;
                let answer = turns.network(|| self.network.evaluate(input, classes))?;
                let are_finite = answer.logits.iter().all(|logit| logit.is_finite());
                if !(answer.loss.is_finite() && are_finite) {
                    return Err(DescentError::Judged(answer.loss));
                }
                running.add(answer.loss, classes, &answer.logits);
                let logits = answer.logits.chunks_exact(self.network.network().classes());
                let scores = logits.map(|logits| match Scores::from_logits(logits) {
                    Ok(scores) => Ok(scores.scores()),
                    Err(error) => Err(error.to_string()),
                });
                judged.extend(batch.places.into_iter().zip(scores));
            }
            events(Event::Judging { done, of });
            if stop.is_asked() {
                return Ok(None);
            }
        }
        match running.clips {
            0 => Err(DescentError::NoClips(of)),
            _ => Ok(Some((running.measured(), judged))),
        }
    }

    /// Writes the state.
    fn keep(&mut self, events: &mut dyn FnMut(Event<'_>)) -> Result<()> {
        let Keeping {
            path,
            data,
            start,
            input,
        } = &self.keeping;
        let made = self
            .network
            .checkpoint(self.next, self.course, data.clone(), start.clone());
        let mut checkpoint = made?;
        checkpoint.about.input = input.clone();
        checkpoint.about.running = self.running;
        checkpoint.about.history = self.history.clone();
        if let Some(best) = &self.best {
            checkpoint = checkpoint.with(Part::Best, best.tensors.clone());
        }
        checkpoint.write(path)?;
        self.kept = Instant::now();
        events(Event::Kept(path));
        Ok(())
    }
}
