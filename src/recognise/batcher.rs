use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{Answer, Outcome, RecogniseError, Scores};
use crate::clip::{Item, Turns};
use crate::engine::{ClipBatch, Engine};
use crate::recipe::Preprocess;

/// Collects views until a batch is full, and hands out answers in the order of the clips.
pub(super) struct Batcher<'a> {
    engine: &'a dyn Engine,
    turns: &'a Turns,
    preprocess: Preprocess,
    /// Views per run.
    size: usize,
    batch: ClipBatch,
    waiting: VecDeque<Waiting>,
    /// Views that have not run.
    views: usize,
}

/// A clip with those of its views that have run.
struct Waiting {
    item: Item,
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
            waiting: VecDeque::new(),
            views: 0,
        }
    }

    /// Takes a clip and runs the batches that it completes.
    pub(super) fn push(&mut self, item: Item) -> Result<(), RecogniseError> {
        let waiting = Waiting {
            item,
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
        self.views > 0
    }

    /// Runs what is left.
    pub(super) fn flush(&mut self) -> Result<(), RecogniseError> {
        match self.views {
            0 => Ok(()),
            views => self.run(views),
        }
    }

    /// The next clip in order, when all of it has run.
    pub(super) fn pop(&mut self) -> Option<Answer> {
        match self.waiting.front()?.missing() {
            0 => self.waiting.pop_front().map(Waiting::answer),
            _ => None,
        }
    }

    fn run(&mut self, views: usize) -> Result<(), RecogniseError> {
        if self.batch.clips != views {
            self.batch = ClipBatch::zeros(views, self.engine.segments());
        }
        let started = Instant::now();
        let mut place = 0;
        for waiting in &self.waiting {
            let Ok(loaded) = &waiting.item.outcome else {
                continue;
            };
            let rest = &loaded.views[waiting.logits.len()..];
            for frames in rest.iter().take(views - place) {
                frames.write_normalised(self.preprocess, self.batch.clip_mut(place))?;
                place += 1;
            }
        }
        let prepared = started.elapsed();
        // Waiting for frames that are being decoded is not the network's time.
        let (output, elapsed) = self.turns.network(|| {
            let started = Instant::now();
            (self.engine.run(&self.batch), started.elapsed())
        });
        let (output, share) = (output?, (prepared + elapsed) / views as u32);
        let mut place = 0;
        for waiting in &mut self.waiting {
            for _ in 0..waiting.missing().min(views - place) {
                waiting.logits.push(output.logits_of(place).to_vec());
                waiting.features.push(output.features_of(place).to_vec());
                waiting.forward += share;
                place += 1;
            }
        }
        self.views -= views;
        Ok(())
    }
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
    use crate::engine::{Device, EngineKind, Maps, Output};
    use crate::network::Network;
    use crate::recipe::Architecture;

    /// Says how bright a clip is, and how many views each run had.
    struct Brightness {
        network: Network,
        runs: std::sync::Mutex<Vec<usize>>,
    }

    impl Default for Brightness {
        fn default() -> Self {
            Self {
                network: Network::new(Architecture::Lite, 2, 4).unwrap(),
                runs: Default::default(),
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

        fn network(&self) -> &Network {
            &self.network
        }

        fn maps(&self, _: &[f32]) -> crate::engine::Result<Maps> {
            unreachable!("the batcher runs whole clips")
        }

        fn answer(&self, _: &Maps) -> crate::engine::Result<Output> {
            unreachable!("the batcher runs whole clips")
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

    fn answers(items: Vec<Item>, size: usize, engine: &Brightness) -> Vec<Answer> {
        let turns = Turns::alternating();
        let mut batcher = Batcher::new(engine, &turns, Preprocess::Official, size);
        let mut answers = Vec::new();
        for item in items {
            batcher.push(item).unwrap();
            answers.extend(std::iter::from_fn(|| batcher.pop()));
        }
        batcher.flush().unwrap();
        answers.extend(std::iter::from_fn(|| batcher.pop()));
        answers
    }

    #[test]
    fn answers_keep_the_order_of_the_clips_and_each_gets_its_own_views() {
        for size in [1, 2, 3, 5, 20] {
            let engine = Brightness::default();
            let items = vec![
                item(0, 40, 3),
                failed(1),
                item(2, 200, 2),
                failed(3),
                item(4, 90, 1),
            ];
            let answers = answers(items, size, &engine);
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
        let answers = answers(items, 3, &Brightness::default());
        let good = |answer: &Answer| matches!(answer.outcome, Outcome::Scored { .. });
        assert_eq!(
            answers.iter().map(good).collect::<Vec<_>>(),
            [true, false, true]
        );
    }
}
