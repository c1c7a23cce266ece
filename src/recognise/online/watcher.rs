//! One stream: frames in, a step whenever one is due.

use std::time::{Duration, Instant};

use super::average::{Average, Averager};
use super::events::{Event, EventRules, Events};
use super::memory::{Memory, MemoryKind};
use super::step::Step;
use crate::clip::{Position, Turns};
use crate::engine::{Engine, EngineKind, Maps};
use crate::recipe::{Preprocess, Sampling};
use crate::recognise::{RecogniseError, Scores};

/// Frames that wait for a step at most: a step comes no later. In memory they are 150 kB each.
pub const LONGEST_QUEUE: usize = 1024;

/// How a stream is watched.
#[derive(Debug, Clone, PartialEq)]
pub struct WatchOptions {
    /// Which frames stay in the memory.
    pub memory: MemoryKind,
    /// Where the draws of a sampled memory begin.
    pub seed: u64,
    /// From one step to the next; by default as many frames as the network looks at. The first step comes as soon as the
    /// memory can be filled.
    pub every: Option<Position>,
    /// How scores are smoothed.
    pub average: Average,
    /// What is an event.
    pub events: EventRules,
}

impl Default for WatchOptions {
    fn default() -> Self {
        Self {
            memory: MemoryKind::default(),
            seed: 1,
            every: None,
            average: Average::default(),
            events: EventRules::default(),
        }
    }
}

/// A frame of a stream, ready for the network.
#[derive(Debug, Clone)]
pub struct NewFrame {
    /// Its number in the stream, from 0. Numbers that are left out were dropped.
    pub number: u64,
    /// When it was shown, in seconds.
    pub seconds: f64,
    /// When it arrived.
    pub arrived: Instant,
    /// RGB, `[224, 224, 3]`.
    pub pixels: Vec<u8>,
}

/// A frame with what the 2D net made of it, once it has.
#[derive(Debug)]
struct Kept {
    frame: NewFrame,
    map: Option<Maps>,
}

/// Watches one stream. The engine, which streams may share, is handed in for each step.
#[derive(Debug)]
pub struct Watcher {
    every: Position,
    queue: Vec<Kept>,
    memory: Memory<Kept>,
    averager: Averager,
    events: Events,
    steps: u64,
    /// What was done before the step: maps that were made, and the network's time.
    ahead: (usize, Duration),
}

impl Watcher {
    /// Watches with a network that looks at `segments` frames.
    pub fn new(options: &WatchOptions, segments: usize) -> Self {
        Self {
            every: options.every.unwrap_or(Position::Frames(segments)),
            queue: Vec::new(),
            memory: Memory::new(options.memory, segments, options.seed),
            averager: Averager::new(options.average),
            events: Events::new(options.events),
            steps: 0,
            ahead: (0, Duration::ZERO),
        }
    }

    /// Takes the next frame. Returns whether a step is due.
    pub fn push(&mut self, frame: NewFrame) -> bool {
        self.queue.push(Kept { frame, map: None });
        self.is_due()
    }

    /// Whether enough frames have come for a step.
    pub fn is_due(&self) -> bool {
        let (queue, needed) = (&self.queue, self.memory.needed());
        let (Some(first), Some(last)) = (queue.first(), queue.last()) else {
            return false;
        };
        if queue.len() < needed {
            return false;
        }
        self.steps == 0
            || queue.len() >= LONGEST_QUEUE
            || match self.every {
                Position::Frames(frames) => queue.len() >= frames,
                Position::Seconds(seconds) => {
                    // The span of n frames is n times their distance, and n - 1 distances are known.
                    let known = last.frame.seconds - first.frame.seconds;
                    let distance = known / (queue.len() - 1).max(1) as f64;
                    known + distance >= seconds * (1.0 - 1e-9)
                }
            }
    }

    /// Makes the map of a frame that waits and is certain to be looked at, so that the step has less to do. Returns whether there was
    /// one.
    ///
    /// Which frames these are is known where a step comes after a number of frames. Only the CPU engine with ECO-Lite does this: a
    /// frame's map has the same bits there in any company, and costs little more alone.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn ahead(
        &mut self,
        engine: &dyn Engine,
        preprocess: Preprocess,
        turns: &Turns,
    ) -> Result<bool, RecogniseError> {
        let is_cheap_alone =
            engine.kind() == EngineKind::Winograd && engine.network().map_shapes().len() == 1;
        let Some(due) = self.due().filter(|_| is_cheap_alone) else {
            return Ok(false);
        };
        let chosen = self.memory.chosen(due).into_iter();
        let mut waiting = chosen.take_while(|&place| place < self.queue.len());
        let Some(place) = waiting.find(|&place| self.queue[place].map.is_none()) else {
            return Ok(false);
        };
        let kept = &mut self.queue[place];
        let took = turns.network(|| {
            let started = Instant::now();
            compute(vec![kept], engine, preprocess)?;
            Ok::<_, RecogniseError>(started.elapsed())
        })?;
        self.ahead.0 += 1;
        self.ahead.1 += took;
        Ok(true)
    }

    /// How many frames will wait when the next step is due, where that is known. At the end of a stream it may be fewer.
    fn due(&self) -> Option<usize> {
        match self.every {
            _ if self.steps == 0 => Some(self.memory.needed()),
            Position::Frames(frames) => Some(frames.min(LONGEST_QUEUE).max(self.memory.needed())),
            Position::Seconds(_) => None,
        }
    }

    /// Frames that wait for a step.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// The frames that the last step looked at, with their pixels, RGB, `[224, 224, 3]`.
    pub fn memory(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let frames = self.memory.frames();
        frames.map(|kept| (kept.frame.number, kept.frame.pixels.as_slice()))
    }

    /// Takes the frames that wait into the memory and answers. `None` when none wait.
    ///
    /// # Errors
    /// What the engine reports, and logits that are not finite.
    pub fn step(
        &mut self,
        engine: &dyn Engine,
        preprocess: Preprocess,
        turns: &Turns,
    ) -> Result<Option<Step>, RecogniseError> {
        let queue = std::mem::take(&mut self.queue);
        let (Some(first), Some(last)) = (queue.first(), queue.last()) else {
            return Ok(None);
        };
        let (first, last) = (stamp(first), stamp(last));
        self.memory.take(queue);
        let computed = turns.network(|| {
            let started = Instant::now();
            let new: Vec<&mut Kept> = self.memory.frames_mut().collect();
            let computed = compute(new, engine, preprocess)?;
            let (memory, maps) = self.clip(engine.segments());
            let output = engine.answer(&maps)?;
            Ok::<_, RecogniseError>((computed, memory, output, started.elapsed()))
        });
        let (computed, memory, output, forward) = computed?;
        let (ahead, before) = std::mem::take(&mut self.ahead);
        let scores = Scores::from_logits(output.logits_of(0))?;
        let averaged = self.averager.add(scores.probabilities());
        let seconds = (first.seconds, last.seconds);
        let ended = self.events.look(&averaged, seconds);
        let number = self.steps;
        self.steps += 1;
        Ok(Some(Step {
            number,
            frames: (first.number, last.number),
            seconds,
            memory,
            computed: ahead + computed,
            scores,
            averaged,
            current: self.events.current(),
            ended: ended.into_iter().collect(),
            is_last: false,
            arrived: last.arrived,
            forward: before + forward,
        }))
    }

    /// Ends the stream: answers once more if frames wait, and returns the event that lasted.
    ///
    /// # Errors
    /// As [`Watcher::step`].
    pub fn finish(
        &mut self,
        engine: &dyn Engine,
        preprocess: Preprocess,
        turns: &Turns,
    ) -> Result<(Option<Step>, Option<Event>), RecogniseError> {
        let step = self.step(engine, preprocess, turns)?;
        let event = self.events.finish();
        let step = step.map(|step| Step {
            is_last: true,
            current: None,
            ended: step.ended.iter().copied().chain(event).collect(),
            ..step
        });
        let event = event.filter(|_| step.is_none());
        Ok((step, event))
    }

    /// Ends the stream without a further answer, and returns the event that lasted.
    pub fn cut(&mut self) -> Option<Event> {
        self.events.finish()
    }

    /// The numbers and the maps of the frames that the network looks at: the memory, whose frames repeat while there are too few.
    fn clip(&self, segments: usize) -> (Vec<u64>, Maps) {
        let frames: Vec<&Kept> = self.memory.frames().collect();
        let places = Sampling::Official.indices(frames.len(), segments);
        let values = frames.iter().filter_map(|kept| kept.map.as_ref());
        let each = values.map(|map| map.values().len()).max().unwrap_or(0);
        let mut maps = Maps::new(Vec::with_capacity(segments * each), 0);
        let mut numbers = Vec::with_capacity(segments);
        for place in places {
            numbers.push(frames[place].frame.number);
            if let Some(map) = &frames[place].map {
                maps.append(map);
            }
        }
        (numbers, maps)
    }
}

/// Makes the maps of those of these frames that have none. Returns how many.
fn compute(
    frames: Vec<&mut Kept>,
    engine: &dyn Engine,
    preprocess: Preprocess,
) -> Result<usize, RecogniseError> {
    let new = frames.into_iter().filter(|kept| kept.map.is_none());
    let new: Vec<&mut Kept> = new.collect();
    if new.is_empty() {
        return Ok(0);
    }
    let mut values = vec![0.0; new.iter().map(|kept| kept.frame.pixels.len()).sum()];
    let mut rest = &mut values[..];
    for kept in &new {
        let (frame, after) = rest.split_at_mut(kept.frame.pixels.len());
        preprocess.normalise(&kept.frame.pixels, frame);
        rest = after;
    }
    let maps = engine.maps(&values)?;
    let count = new.len();
    for (index, kept) in new.into_iter().enumerate() {
        kept.map = Some(maps.select(&[index]));
    }
    Ok(count)
}

/// What a step says of its first and its last frame.
struct Stamp {
    number: u64,
    seconds: f64,
    arrived: Instant,
}

fn stamp(kept: &Kept) -> Stamp {
    let NewFrame {
        number,
        seconds,
        arrived,
        ..
    } = kept.frame;
    Stamp {
        number,
        seconds,
        arrived,
    }
}
