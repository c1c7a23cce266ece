use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::shared_maps::{SharedMaps, View};
use super::{Answer, Outcome, RecogniseError, Scores};
use crate::clip::{Item, Turns};
use crate::engine::{ClipBatch, Engine, Output, QUEUE_DEPTH, Queue};
use crate::recipe::Preprocess;

/// Collects views until a batch is full, and hands out answers in the order of the clips.
pub(super) struct Batcher<'a> {
    engine: &'a dyn Engine,
    turns: &'a Turns,
    preprocess: Preprocess,
    /// Views per run.
    size: usize,
    batch: ClipBatch,
    /// Maps that windows share, and how many crops a frame has; `None` where windows share no frames.
    shared: Option<(SharedMaps, usize)>,
    /// Where batches run while more clips are taken: the queue, and how many views each batch has that is in its hands.
    queue: Option<(Box<dyn Queue + 'a>, VecDeque<usize>)>,
    waiting: VecDeque<Waiting>,
    /// Views that have not begun to run.
    views: usize,
}

/// A clip with those of its views that have run.
struct Waiting {
    item: Item,
    /// Views that have begun to run.
    begun: usize,
    logits: Vec<Vec<f32>>,
    features: Vec<Vec<f32>>,
    forward: Duration,
}

impl Waiting {
    fn views(&self) -> usize {
        self.item
            .outcome
            .as_ref()
            .map_or(0, |loaded| loaded.views.len())
    }

    fn missing(&self) -> usize {
        self.views() - self.logits.len()
    }

    fn answer(self) -> Answer {
        let forward = self.forward;
        let scored = |loaded| match Scores::from_views(self.logits.iter().map(Vec::as_slice)) {
            Ok(scores) => Outcome::Scored {
                loaded,
                scores,
                features: mean(&self.features),
                forward,
            },
            Err(error) => Outcome::NotScored {
                loaded,
                error,
                forward,
            },
        };
        Answer {
            entry: self.item.entry,
            clip: self.item.clip,
            outcome: match self.item.outcome {
                Ok(loaded) => scored(loaded),
                Err(error) => Outcome::NotLoaded { error },
            },
        }
    }
}

impl<'a> Batcher<'a> {
    /// Runs batches of at most `size` views when it is the network's turn.
    pub(super) fn new(
        engine: &'a dyn Engine,
        turns: &'a Turns,
        preprocess: Preprocess,
        size: usize,
    ) -> Self {
        Self {
            engine,
            turns,
            preprocess,
            size,
            batch: ClipBatch::zeros(0, engine.segments()),
            shared: None,
            queue: None,
            waiting: VecDeque::new(),
            views: 0,
        }
    }

    /// The same for windows that overlap: what the 2D net makes of a frame is computed once for each of its `crops`.
    pub(super) fn sharing(self, crops: usize) -> Self {
        Self {
            shared: Some((SharedMaps::default(), crops.max(1))),
            ..self
        }
    }

    /// The same on a device that computes by itself.
    pub(super) fn queueing(self, queue: Box<dyn Queue + 'a>) -> Self {
        Self {
            queue: Some((queue, VecDeque::new())),
            ..self
        }
    }

    /// Takes a clip and runs the batches that it completes.
    pub(super) fn push(&mut self, item: Item) -> Result<(), RecogniseError> {
        let waiting = Waiting {
            item,
            begun: 0,
            logits: Vec::new(),
            features: Vec::new(),
            forward: Duration::ZERO,
        };
        self.views += waiting.views();
        self.waiting.push_back(waiting);
        while self.views >= self.size {
            self.run(self.size)?;
        }
        Ok(())
    }

    /// Whether there are views that have not run.
    pub(super) fn is_waiting(&self) -> bool {
        self.views > 0 || self.in_queue() > 0
    }

    /// Runs what is left.
    pub(super) fn flush(&mut self) -> Result<(), RecogniseError> {
        if self.views > 0 {
            self.run(self.views)?;
        }
        while self.in_queue() > 0 {
            self.collect()?;
        }
        Ok(())
    }

    /// Batches in the device's hands.
    fn in_queue(&self) -> usize {
        self.queue.as_ref().map_or(0, |(_, batches)| batches.len())
    }

    /// Whether a device is computing.
    pub(super) fn is_computing(&self) -> bool {
        self.in_queue() > 0
    }

    /// Takes the oldest batch of a device if it is ready. Returns whether it was.
    pub(super) fn take_ready(&mut self) -> Result<bool, RecogniseError> {
        let is_ready = match &self.queue {
            Some((queue, batches)) if !batches.is_empty() => queue.is_ready()?,
            _ => false,
        };
        if is_ready {
            self.collect()?;
        }
        Ok(is_ready)
    }

    /// The next clip in order, when all of it has run.
    pub(super) fn pop(&mut self) -> Option<Answer> {
        match self.waiting.front()?.missing() {
            0 => self.waiting.pop_front().map(Waiting::answer),
            _ => None,
        }
    }

    fn run(&mut self, views: usize) -> Result<(), RecogniseError> {
        if self.queue.is_some() {
            return self.submit(views);
        }
        let (output, elapsed) = match self.shared.take() {
            None => self.run_batch(views)?,
            Some((mut maps, crops)) => {
                let done = self.run_shared(views, &mut maps, crops);
                self.shared = Some((maps, crops));
                done?
            }
        };
        self.begin(views);
        self.hand_out(views, &output, elapsed);
        Ok(())
    }

    /// Notes that the next views have begun to run.
    fn begin(&mut self, views: usize) {
        let mut rest = views;
        for waiting in &mut self.waiting {
            let begun = (waiting.views() - waiting.begun).min(rest);
            waiting.begun += begun;
            rest -= begun;
        }
        self.views -= views;
    }

    /// Gives the oldest views without an answer theirs.
    fn hand_out(&mut self, views: usize, output: &Output, elapsed: Duration) {
        let share = elapsed / views as u32;
        let mut place = 0;
        for waiting in &mut self.waiting {
            for _ in 0..waiting.missing().min(views - place) {
                waiting.logits.push(output.logits_of(place).to_vec());
                waiting.features.push(output.features_of(place).to_vec());
                waiting.forward += share;
                place += 1;
            }
        }
    }

    /// Hands the next views over to the device, once it has room for them.
    fn submit(&mut self, views: usize) -> Result<(), RecogniseError> {
        while self.in_queue() >= QUEUE_DEPTH {
            self.collect()?;
        }
        if let Some((queue, batches)) = &mut self.queue {
            let clips: Vec<&[u8]> = next_views(&self.waiting, views)
                .map(|view| view.frames.pixels())
                .collect();
            queue.submit(&clips)?;
            batches.push_back(views);
        }
        self.begin(views);
        Ok(())
    }

    /// Waits for the oldest batch of the device.
    fn collect(&mut self) -> Result<(), RecogniseError> {
        let Some((queue, batches)) = &mut self.queue else {
            return Ok(());
        };
        let done = queue.collect()?;
        if let (Some(views), Some((output, elapsed))) = (batches.pop_front(), done) {
            self.hand_out(views, &output, elapsed);
        }
        Ok(())
    }

    /// Runs the network on whole clips. Returns how long that took; waiting for frames that are being decoded is not the
    /// network's time.
    fn run_batch(&mut self, views: usize) -> Result<(Output, Duration), RecogniseError> {
        if self.batch.clips != views {
            self.batch = ClipBatch::zeros(views, self.engine.segments());
        }
        let started = Instant::now();
        for (place, view) in next_views(&self.waiting, views).enumerate() {
            view.frames
                .write_normalised(self.preprocess, self.batch.clip_mut(place))?;
        }
        let prepared = started.elapsed();
        let (output, elapsed) = self.turns.network(|| {
            let started = Instant::now();
            (self.engine.run(&self.batch), started.elapsed())
        });
        Ok((output?, prepared + elapsed))
    }

    /// The same, with the maps of earlier windows.
    fn run_shared(
        &self,
        views: usize,
        maps: &mut SharedMaps,
        crops: usize,
    ) -> Result<(Output, Duration), RecogniseError> {
        let started = Instant::now();
        let views: Vec<View<'_>> = next_views(&self.waiting, views)
            .map(|view| View {
                crop: view.crop % crops,
                ..view
            })
            .collect();
        let missing = maps.missing(&views, self.preprocess);
        let prepared = started.elapsed();
        let (output, elapsed) = self.turns.network(|| {
            let started = Instant::now();
            let output = maps.answer(self.engine, &views, &missing);
            (output, started.elapsed())
        });
        Ok((output?, prepared + elapsed))
    }
}

/// The next views that have not begun to run. What is called their crop is their number in their answer.
fn next_views(waiting: &VecDeque<Waiting>, count: usize) -> impl Iterator<Item = View<'_>> {
    let views = waiting.iter().flat_map(|waiting| {
        let loaded = waiting.item.outcome.as_ref().ok();
        let views = loaded.into_iter().flat_map(|loaded| {
            let start = loaded.range.start;
            let views = loaded.views.iter().enumerate();
            views.map(move |(number, frames)| (number, start, frames))
        });
        let rest = views.skip(waiting.begun);
        rest.map(|(number, start, frames)| View {
            clip: waiting.item.clip,
            crop: number,
            start,
            frames,
        })
    });
    views.take(count)
}

/// The mean over the views.
fn mean(views: &[Vec<f32>]) -> Vec<f32> {
    let Some((first, rest)) = views.split_first() else {
        return Vec::new();
    };
    let mut sums: Vec<f64> = first.iter().map(|&value| value.into()).collect();
    for view in rest {
        sums.iter_mut()
            .zip(view)
            .for_each(|(sum, &value)| *sum += f64::from(value));
    }
    let count = views.len() as f64;
    sums.into_iter().map(|sum| (sum / count) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clip::{self, ClipEntry, Crops, Loaded, load_views};
    use crate::engine::{Device, EngineKind, GraphUse, Maps, Precision};
    use crate::network::Network;
    use crate::recipe::Architecture;

    /// Says how bright a clip is, and how many views each run had.
    struct Brightness {
        network: Network,
        runs: std::sync::Mutex<Vec<usize>>,
        /// How many frames each run of the 2D net had.
        maps: std::sync::Mutex<Vec<usize>>,
    }

    impl Default for Brightness {
        fn default() -> Self {
            Self {
                network: Network::new(Architecture::Lite, 2, 4).unwrap(),
                runs: Default::default(),
                maps: Default::default(),
            }
        }
    }

    impl Engine for Brightness {
        fn kind(&self) -> EngineKind {
            EngineKind::Libtorch
        }

        fn device(&self) -> Device {
            Device::Cpu
        }

        fn precision(&self) -> Precision {
            Precision::Fp32
        }

        fn network(&self) -> &Network {
            &self.network
        }

        /// The map of a frame is its first value.
        fn maps(&self, frames: &[f32]) -> crate::engine::Result<Maps> {
            let frames = frames.chunks(ClipBatch::FRAME_LEN);
            let values: Vec<f32> = frames.map(|frame| frame[0]).collect();
            let count = values.len();
            self.maps.lock().unwrap().push(count);
            Ok(Maps::new(values, count))
        }

        /// The features of a clip are its maps.
        fn answer(&self, maps: &Maps) -> crate::engine::Result<Output> {
            let clips = maps.frames() / 4;
            Ok(Output {
                features: maps.values().to_vec(),
                logits: vec![1.0; clips * 2],
                classes: 2,
            })
        }

        fn run(&self, batch: &ClipBatch) -> crate::engine::Result<Output> {
            self.runs.lock().unwrap().push(batch.clips);
            let means: Vec<f32> = batch
                .values
                .chunks(batch.clip_len())
                .map(|clip| clip.iter().sum::<f32>() / clip.len() as f32)
                .collect();
            let black = Preprocess::Official.means_bgr().iter().sum::<f32>() / -3.0;
            // Black clips have no answer; a mean of so many floats is off by a fraction.
            let logit = |&mean: &f32| {
                if mean < black + 1.0 { f32::NAN } else { mean }
            };
            Ok(Output {
                features: means.iter().flat_map(|&mean| [mean; 512]).collect(),
                logits: means.iter().flat_map(|mean| [logit(mean), 0.0]).collect(),
                classes: 2,
            })
        }
    }

    /// Computes when it is asked for the answer.
    struct Late<'e> {
        engine: &'e Brightness,
        batches: VecDeque<ClipBatch>,
    }

    impl Queue for Late<'_> {
        fn submit(&mut self, clips: &[&[u8]]) -> crate::engine::Result<()> {
            assert!(self.batches.len() < QUEUE_DEPTH, "too many batches at once");
            let mut batch = ClipBatch::zeros(clips.len(), 4);
            for (index, clip) in clips.iter().enumerate() {
                let frames = clip.chunks_exact(ClipBatch::FRAME_LEN);
                let values = batch.clip_mut(index);
                for (frame, out) in frames.zip(values.chunks_exact_mut(ClipBatch::FRAME_LEN)) {
                    Preprocess::Official.normalise(frame, out);
                }
            }
            self.batches.push_back(batch);
            Ok(())
        }

        fn is_ready(&self) -> crate::engine::Result<bool> {
            Ok(self.batches.len() == QUEUE_DEPTH)
        }

        fn collect(&mut self) -> crate::engine::Result<Option<(Output, Duration)>> {
            let output = self
                .batches
                .pop_front()
                .map(|batch| self.engine.run(&batch));
            Ok(output
                .transpose()?
                .map(|output| (output, Duration::from_secs(1))))
        }

        fn graph(&self) -> GraphUse<'_> {
            GraphUse::Untried
        }
    }

    /// A clip of grey frames with so many views.
    fn item(clip: usize, grey: u8, views: usize) -> Item {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1.png");
        image::GrayImage::from_pixel(256, 256, [grey].into())
            .save(&path)
            .unwrap();
        let indices = vec![vec![0; 4]; views];
        let loaded = Loaded {
            decoder: None,
            range: 0..1,
            seconds: None,
            source_frames: 1,
            answer: 0,
            answers: 1,
            views: load_views(&[path], &indices, Preprocess::Official, Crops::One).unwrap(),
            note: None,
            elapsed: Duration::ZERO,
        };
        let entry = ClipEntry::from(std::path::PathBuf::from(clip.to_string()));
        Item {
            entry,
            clip,
            outcome: Ok(loaded),
        }
    }

    fn failed(clip: usize) -> Item {
        let path = std::path::PathBuf::from(clip.to_string());
        let error = clip::ClipError::NotAClip { path: path.clone() };
        Item {
            entry: path.into(),
            clip,
            outcome: Err(error),
        }
    }

    fn answers(items: Vec<Item>, size: usize, engine: &Brightness, queues: bool) -> Vec<Answer> {
        let turns = Turns::alternating();
        let mut batcher = Batcher::new(engine, &turns, Preprocess::Official, size);
        if queues {
            batcher = batcher.queueing(Box::new(Late {
                engine,
                batches: VecDeque::new(),
            }));
        }
        let mut answers = Vec::new();
        for item in items {
            batcher.push(item).unwrap();
            while batcher.take_ready().unwrap() {}
            answers.extend(std::iter::from_fn(|| batcher.pop()));
        }
        batcher.flush().unwrap();
        answers.extend(std::iter::from_fn(|| batcher.pop()));
        answers
    }

    #[test]
    fn answers_keep_the_order_of_the_clips_and_each_gets_its_own_views() {
        for (size, queues) in [1, 2, 3, 5, 20]
            .into_iter()
            .flat_map(|size| [(size, false), (size, true)])
        {
            let engine = Brightness::default();
            let items = vec![
                item(0, 40, 3),
                failed(1),
                item(2, 200, 2),
                failed(3),
                item(4, 90, 1),
            ];
            let answers = answers(items, size, &engine, queues);
            let clips: Vec<usize> = answers.iter().map(|answer| answer.clip).collect();
            assert_eq!(clips, [0, 1, 2, 3, 4], "batches of {size}");
            let means = answers.iter().filter_map(|answer| match &answer.outcome {
                Outcome::Scored { features, .. } => Some(features[0].round()),
                _ => None,
            });
            let grey = |grey: f32| (grey - 349.0 / 3.0).round();
            assert_eq!(
                means.collect::<Vec<_>>(),
                [grey(40.0), grey(200.0), grey(90.0)]
            );
            let runs = engine.runs.lock().unwrap();
            assert!(
                runs.iter().rev().skip(1).all(|&views| views == size),
                "{runs:?}"
            );
            assert_eq!(runs.iter().sum::<usize>(), 6);
        }
    }

    #[test]
    fn logits_that_are_not_numbers_spoil_their_own_clip_only() {
        let items = vec![item(0, 40, 1), item(1, 0, 1), item(2, 60, 1)];
        let answers = answers(items, 3, &Brightness::default(), false);
        let good = |answer: &Answer| matches!(answer.outcome, Outcome::Scored { .. });
        assert_eq!(
            answers.iter().map(good).collect::<Vec<_>>(),
            [true, false, true]
        );
    }

    /// Windows of 4 frames of a clip of 12 grey ones, each with so many views.
    fn windows(clip: usize, stride: usize, views: usize) -> Vec<Item> {
        let folder = tempfile::tempdir().unwrap();
        let frame = |index: usize| {
            let path = folder.path().join(format!("{index}.png"));
            let grey = (10 * clip + index) as u8;
            let image = image::GrayImage::from_pixel(256, 256, [grey].into());
            image.save(&path).unwrap();
            path
        };
        let paths: Vec<_> = (0..12).map(frame).collect();
        let item = |start: usize| {
            let indices = vec![(start..start + 4).collect(); views];
            let views = load_views(&paths, &indices, Preprocess::Official, Crops::One).unwrap();
            let loaded = Loaded {
                decoder: None,
                range: start..start + 4,
                seconds: None,
                source_frames: 12,
                answer: 0,
                answers: 1,
                views,
                note: None,
                elapsed: Duration::ZERO,
            };
            Item {
                entry: ClipEntry::from(std::path::PathBuf::from(clip.to_string())),
                clip,
                outcome: Ok(loaded),
            }
        };
        (0..=8).step_by(stride).map(item).collect()
    }

    #[test]
    fn windows_that_share_frames_share_their_maps() {
        for (stride, size, expected) in [
            (1, 1, vec![4, 1, 1, 1, 1, 1, 1, 1, 1]),
            (2, 1, vec![4, 2, 2, 2, 2]),
            (4, 1, vec![4, 4, 4]),
            (2, 3, vec![8, 4]),
        ] {
            let engine = Brightness::default();
            let turns = Turns::alternating();
            let batcher = Batcher::new(&engine, &turns, Preprocess::Official, size);
            let mut batcher = batcher.sharing(1);
            let mut answers = Vec::new();
            for clip in 0..2 {
                for item in windows(clip, stride, 1) {
                    batcher.push(item).unwrap();
                }
                batcher.flush().unwrap();
                answers.extend(std::iter::from_fn(|| batcher.pop()));
            }
            let expected = [&expected[..], &expected].concat();
            assert_eq!(*engine.maps.lock().unwrap(), expected, "stride {stride}");
            for answer in &answers {
                let Outcome::Scored {
                    features, loaded, ..
                } = &answer.outcome
                else {
                    panic!("every window has an answer");
                };
                // Blue, less its mean.
                let grey = |index: usize| (10 * answer.clip + index) as f32 - 104.0;
                let frames: Vec<f32> = loaded.range.clone().map(grey).collect();
                assert_eq!(*features, frames);
            }
        }
    }
}
