//! Clips go through the network in batches and come out in order.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::clip::{self, Entry, Item, Loaded, Preprocess};
use crate::engine::{ClipBatch, Engine};
use crate::predict::{ScoreError, Scores};

/// One answer, or why there is none.
pub struct Answered {
    /// The clip.
    pub entry: Entry,
    /// Its place in the input, from 0.
    pub clip: usize,
    /// What was looked at, and what the network said.
    pub outcome: clip::Result<(Loaded, Answer)>,
}

/// What the network said about one clip or window.
pub struct Answer {
    /// Averaged over the views; an error where logits are not finite.
    pub scores: Result<Scores, ScoreError>,
    /// The 512 features, averaged over the views.
    pub features: Vec<f32>,
    /// The share of the network's time.
    pub forward: Duration,
}

/// Collects views until a batch is full, and hands out answers in the order of the clips.
pub struct Batcher<'a> {
    engine: &'a dyn Engine,
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

    fn answered(self) -> Answered {
        let forward = self.forward;
        let answer = |loaded| {
            let scores = Scores::from_views(self.logits.iter().map(Vec::as_slice));
            let features = mean(&self.features);
            let answer = Answer {
                scores,
                features,
                forward,
            };
            (loaded, answer)
        };
        Answered {
            entry: self.item.entry,
            clip: self.item.clip,
            outcome: self.item.outcome.map(answer),
        }
    }
}

impl<'a> Batcher<'a> {
    /// Runs batches of at most `size` views.
    pub fn new(engine: &'a dyn Engine, preprocess: Preprocess, size: usize) -> Self {
        Self {
            engine,
            preprocess,
            size,
            batch: ClipBatch::zeros(0, engine.segments()),
            waiting: VecDeque::new(),
            views: 0,
        }
    }

    /// Takes a clip and runs the batches that it completes.
    pub fn push(&mut self, item: Item) -> anyhow::Result<()> {
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

    /// Runs what is left.
    pub fn flush(&mut self) -> anyhow::Result<()> {
        match self.views {
            0 => Ok(()),
            views => self.run(views),
        }
    }

    /// The next clip in order, when all of it has run.
    pub fn pop(&mut self) -> Option<Answered> {
        self.waiting
            .pop_front_if(|first| first.missing() == 0)
            .map(Waiting::answered)
    }

    fn run(&mut self, views: usize) -> anyhow::Result<()> {
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
        let output = self.engine.run(&self.batch)?;
        let share = started.elapsed() / views as u32;
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
