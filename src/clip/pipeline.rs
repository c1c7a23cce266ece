//! Clips are loaded ahead of the network, on threads of their own, and come out in order.

use std::num::NonZeroU64;
use std::ops::{ControlFlow, Range};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::crops::Crops;
use super::cut::Cut;
use super::entry::{ClipEntry, Given};
use super::error::{ClipError, Result};
use super::frames::Frames;
use super::opened::{Clip, OpenOptions, Ready, Wanted};
use super::position::Position;
use super::timeline::Sliding;
use super::turns::Turns;
use super::video::decoder::DecodedBy;
use crate::random::{Draws, fnv1a};
use crate::recipe::{Augmentation, DEFAULT_SEGMENTS, Preprocess, Sampling};

/// What is taken of each clip, and how.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// How clips are opened.
    pub open: OpenOptions,
    /// The formula that picks frames.
    pub sampling: Sampling,
    /// Frames per view, N.
    pub segments: usize,
    /// Resize, crop, means.
    pub preprocess: Preprocess,
    /// Temporal views per answer.
    pub clips: usize,
    /// Crops per frame.
    pub crops: Crops,
    /// Where to begin; by default at the first frame.
    pub from: Option<Position>,
    /// Where to end; by default after the last frame.
    pub to: Option<Position>,
    /// Windows that each get an answer of their own.
    pub sliding: Option<Sliding>,
    /// Answers that vary each part of the clip as training does; without it there is the part as it is alone.
    pub augmented: Option<Augmented>,
    /// When frames may be decoded.
    pub turns: Turns,
}

/// Variations of clips. What each is follows from its number, the seed and the clip's path alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Augmented {
    /// Which of them.
    pub looks: Looks,
    /// Where random choices begin.
    pub seed: u64,
    /// Whether half of them are mirrored.
    pub mirrors: bool,
}

impl Augmented {
    /// What part of the frames the variation of this number shows, and the draws that decide which frames.
    fn draw(&self, clip: &Path, number: u64) -> (Augmentation, Draws) {
        let clip = fnv1a(&clip.to_string_lossy());
        let mut draws = Draws::new(self.seed, &[AUGMENTATION, clip, number]);
        (Augmentation::draw(self.mirrors, &mut draws), draws)
    }

    /// Whether left and right are swapped in the variation of this number, from 1, of the clip at a path.
    pub fn is_mirrored(&self, clip: &Path, number: NonZeroU64) -> bool {
        self.draw(clip, number.get()).0.is_mirrored
    }
}

/// Which variations of a clip are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looks {
    /// The clip as it is, then this many variations, numbered from 1.
    AsItIsAnd(usize),
    /// This variation alone.
    Variation(NonZeroU64),
}

impl Default for LoadOptions {
    /// One view of the whole clip, prepared as the official weights want it.
    fn default() -> Self {
        Self {
            open: OpenOptions::default(),
            sampling: Sampling::default(),
            segments: DEFAULT_SEGMENTS,
            preprocess: Preprocess::default(),
            clips: 1,
            crops: Crops::default(),
            from: None,
            to: None,
            sliding: None,
            augmented: None,
            turns: Turns::default(),
        }
    }
}

/// The frames of one answer.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The clip's frames that the answer is about, counted from 0.
    pub range: Range<usize>,
    /// The same in seconds, where frames have times.
    pub seconds: Option<(f64, f64)>,
    /// Frames of the whole clip.
    pub source_frames: usize,
    /// Place of this answer among the clip's, from 0.
    pub answer: usize,
    /// Answers of the clip: one, or one per window.
    pub answers: usize,
    /// Temporal views times crops: the crops of the first view first.
    pub views: Vec<Frames>,
    /// What decoded the clip, if it is a video.
    pub decoder: Option<DecodedBy>,
    /// Something to tell the user about the clip, with its first answer.
    pub note: Option<String>,
    /// How long the loading took (since the clip's previous answer), without the network's turns.
    pub elapsed: Duration,
}

/// One answer's frames, or why there are none.
#[derive(Debug)]
pub struct Item {
    /// The clip, without where it is stored; where a list could not be read, the list's place in the input.
    pub entry: ClipEntry,
    /// Position of the clip in the input, counted from 0.
    pub clip: usize,
    /// The frames, or the error that ends this clip.
    pub outcome: Result<Loaded>,
}

/// Loads one clip and hands each of its answers to `emit`, in order, until that says
/// [`ControlFlow::Break`].
///
/// # Errors
/// Those of [`Clip::open`], [`Timeline::range`](super::Timeline::range), [`Timeline::windows`](super::Timeline::windows) and [`Clip::load`].
pub fn load_clip(
    entry: &ClipEntry,
    options: &LoadOptions,
    emit: &mut dyn FnMut(Loaded) -> ControlFlow<()>,
) -> Result<()> {
    let mut source = Clip::of(entry, &options.open)?;
    let mut emitted = false;
    let mut forward = |loaded| {
        emitted = true;
        emit(loaded)
    };
    match load_source(&source, entry, options, &mut forward) {
        Err(ClipError::VideoFramesMissing { .. }) if !emitted => {}
        done => return done,
    }
    match source.recount()? {
        Some(recounted) => source = recounted,
        None => return Ok(()),
    }
    load_source(&source, entry, options, emit)
}

fn load_source(
    source: &Clip,
    entry: &ClipEntry,
    options: &LoadOptions,
    emit: &mut dyn FnMut(Loaded) -> ControlFlow<()>,
) -> Result<()> {
    let timeline = source.timeline();
    let whole = timeline.range(options.from, options.to)?;
    let ranges = match options.sliding {
        Some(sliding) => timeline.windows(whole, sliding)?,
        None => vec![whole],
    };
    let answers: Vec<Wanted> = ranges
        .iter()
        .flat_map(|range| wanted(&entry.path, range, options))
        .collect();
    let per_range = answers.len() / ranges.len().max(1);
    let mut notes = notes(source, entry.stated_frames);
    let mut is_clipping_said = false;
    let mut stopwatch = options.turns.stopwatch();
    source.load_each(
        &answers,
        options.preprocess,
        &options.turns,
        &mut |ready| {
            let Ready {
                number,
                views,
                decoder,
            } = ready;
            let elapsed = stopwatch.elapsed();
            let mut frames = views.iter().flat_map(Frames::sources);
            if !is_clipping_said && frames.any(|frame| frame.is_clipped) {
                is_clipping_said = true;
                notes.push(format!(
                    "{}: 16-bit grey is clipped at 255, as Pillow does it; frames of 8 bits keep their greys",
                    source.path().display()
                ));
            }
            let range = ranges[number / per_range].clone();
            let flow = emit(Loaded {
                seconds: timeline.span(&range),
                range,
                source_frames: timeline.frames(),
                answer: number,
                answers: answers.len(),
                views,
                decoder,
                note: (!notes.is_empty()).then(|| std::mem::take(&mut notes).join("; ")),
                elapsed,
            });
            // Waiting for a place in the queue is not loading.
            stopwatch = options.turns.stopwatch();
            flow
        },
    )
}

/// What is to be said about a clip.
fn notes(source: &Clip, stated_frames: Option<usize>) -> Vec<String> {
    let found = source.frame_count();
    let disagreement = stated_frames
        .filter(|&stated| stated != found)
        .map(|stated| {
            format!(
                "{}: the list states {stated} frames, {found} were found",
                source.path().display()
            )
        });
    source.note().into_iter().chain(disagreement).collect()
}

/// The answers about a part of a clip: the part as it is, and its variations.
fn wanted(clip: &Path, range: &Range<usize>, options: &LoadOptions) -> Vec<Wanted> {
    let frames = range.len();
    let as_it_is = || Wanted {
        views: options
            .sampling
            .views(frames, options.segments, options.clips.max(1)),
        cut: Cut::Crops(options.crops),
    };
    let varied = |number: u64, with: Augmented| {
        let (augmentation, mut draws) = with.draw(clip, number);
        Wanted {
            cut: Cut::Augmented(augmentation),
            views: vec![Sampling::training(frames, options.segments, &mut draws)],
        }
    };
    let mut answers = match options.augmented {
        None => vec![as_it_is()],
        Some(with) => match with.looks {
            Looks::Variation(number) => vec![varied(number.get(), with)],
            Looks::AsItIsAnd(views) => {
                let variations = (1..=views as u64).map(|number| varied(number, with));
                std::iter::once(as_it_is()).chain(variations).collect()
            }
        },
    };
    let indices = answers
        .iter_mut()
        .flat_map(|wanted| wanted.views.iter_mut().flatten());
    indices.for_each(|index| *index += range.start);
    answers
}

/// Where variations draw from, so that no other draw of the same seed is like them.
const AUGMENTATION: u64 = 0xA061;

/// Iterator over the answers of all clips, in the order of the input. See [`load_ahead`].
pub struct Pipeline {
    /// One receiver per clip, in order.
    clips: Receiver<Receiver<Item>>,
    /// Clips that have been taken from the input and are not loaded yet.
    loading: Arc<AtomicUsize>,
    current: Option<Receiver<Item>>,
}

/// Loads clips ahead of the reader.
///
/// `entries` is read lazily, on a thread of its own (it may be standard input, as
/// `BufReader::new(stdin())`, since a lock cannot go to another thread); an error in it
/// becomes an [`Item`] with that error. `workers` clips are loaded at a time, and at most
/// `workers + 1` clips wait with at most two answers each, so that memory doesn't grow with the
/// number of clips or windows. Pictures are decoded on rayon's pool. Dropping the pipeline ends
/// the threads as soon as each has finished what it is at.
pub fn load_ahead(
    entries: impl IntoIterator<Item = Result<ClipEntry>, IntoIter: Send + 'static>,
    options: LoadOptions,
    workers: usize,
) -> Pipeline {
    let options = Arc::new(options);
    let entries = entries.into_iter();
    load_each_ahead(
        entries.map(move |entry| (entry, Arc::clone(&options))),
        workers,
    )
}

/// As [`load_ahead`], where each clip is loaded in its own way.
pub fn load_each_ahead(
    entries: impl IntoIterator<Item = (Result<ClipEntry>, Arc<LoadOptions>), IntoIter: Send + 'static>,
    workers: usize,
) -> Pipeline {
    let workers = workers.max(1);
    let (clip_sender, clips) = sync_channel(workers);
    let (job_sender, jobs) = sync_channel::<Job>(0);
    let jobs = Arc::new(Mutex::new(jobs));
    let loading = Arc::new(AtomicUsize::new(0));
    for _ in 0..workers {
        let (jobs, loading) = (Arc::clone(&jobs), Arc::clone(&loading));
        thread::spawn(move || {
            while let Some(job) = next_job(&jobs) {
                job.run();
                loading.fetch_sub(1, Ordering::Relaxed);
            }
        });
    }
    let entries = entries.into_iter();
    let taken = Arc::clone(&loading);
    thread::spawn(move || {
        for (clip, (entry, options)) in entries.enumerate() {
            taken.fetch_add(1, Ordering::Relaxed);
            let (sender, receiver) = sync_channel(1);
            // The order is fixed before the work begins; a full queue holds back the reading.
            let closed = clip_sender.send(receiver).is_err();
            if closed
                || job_sender
                    .send(Job {
                        clip,
                        entry,
                        options,
                        sender,
                    })
                    .is_err()
            {
                return;
            }
        }
    });
    Pipeline {
        clips,
        loading,
        current: None,
    }
}

impl Pipeline {
    /// Tells whether the input gives nothing for the moment: all clips that it has named are loaded.
    pub fn idleness(&self) -> impl Fn() -> bool + Send + 'static {
        let loading = Arc::clone(&self.loading);
        move || loading.load(Ordering::Relaxed) == 0
    }
}

impl Iterator for Pipeline {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        loop {
            if let Some(item) = self.current.as_ref().and_then(|clip| clip.recv().ok()) {
                return Some(item);
            }
            self.current = Some(self.clips.recv().ok()?);
        }
    }
}

/// One clip to load, and where its answers go.
struct Job {
    clip: usize,
    entry: Result<ClipEntry>,
    options: Arc<LoadOptions>,
    sender: SyncSender<Item>,
}

impl Job {
    fn run(self) {
        let Job {
            clip,
            entry,
            options,
            sender,
        } = self;
        // A failed send means that nobody reads any more; there is nobody to tell.
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let line = match error {
                    ClipError::List { line, .. } | ClipError::ArchiveAsList { line } => line,
                    _ => clip + 1,
                };
                let entry = ClipEntry {
                    given: Given {
                        line: Some(line),
                        ..Given::default()
                    },
                    ..PathBuf::from(format!("(line {line})")).into()
                };
                let _ = sender.send(Item {
                    entry,
                    clip,
                    outcome: Err(error),
                });
                return;
            }
        };
        let send = |outcome| {
            let item = Item {
                entry: entry.in_name(),
                clip,
                outcome,
            };
            sender.send(item).is_ok()
        };
        let mut emit = |loaded| match send(Ok(loaded)) {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        };
        // A clip that makes a decoder panic must not be missing from the answers, nor end the rest.
        let loading = catch_unwind(AssertUnwindSafe(|| load_clip(&entry, &options, &mut emit)));
        let outcome = loading.unwrap_or_else(|_| {
            Err(ClipError::Panicked {
                path: entry.path.clone(),
            })
        });
        if let Err(error) = outcome {
            send(Err(error));
        }
    }
}

fn next_job(jobs: &Mutex<Receiver<Job>>) -> Option<Job> {
    // A thread that panicked while it held the lock has not harmed the queue.
    let jobs = jobs
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    jobs.recv().ok()
}
