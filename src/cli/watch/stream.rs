//! One source with its working memory.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::clip::Result;
use crate::clip::live::{Live, LiveFrame, Taken};
use crate::recognise::online::{Latencies, NewFrame, Step, Watcher};
use crate::show::watch::{Segments, SourceView, StepRow};

/// A source, what it has given, and how quickly it was answered.
pub(super) struct Stream {
    pub(super) live: Live,
    pub(super) watcher: Watcher,
    /// As the user named it.
    pub(super) name: String,
    pub(super) latencies: Latencies,
    /// Frames that were taken.
    pub(super) taken: u64,
    pub(super) steps: u64,
    /// Frames that had been dropped at the last step.
    dropped: u64,
    /// From the first frame to the last.
    first: Option<Instant>,
    pub(super) last: Option<Instant>,
    pub(super) is_over: bool,
    /// Whether its frames come by the clock.
    pub(super) is_live: bool,
    /// The last step.
    row: Option<StepRow>,
    pub(super) segments: Segments,
    /// When the last frames arrived.
    recent: VecDeque<Instant>,
}

/// Frames from which the rate of late is told.
const RECENT: usize = 64;

/// What a source has for the network.
pub(super) enum Fed {
    /// Frames for a step.
    Step,
    /// Not enough yet.
    Nothing,
    /// No more.
    End(Result<()>),
}

impl Stream {
    pub(super) fn new(live: Live, watcher: Watcher, is_live: bool) -> Self {
        Self {
            name: live.source().to_string(),
            live,
            watcher,
            latencies: Latencies::default(),
            taken: 0,
            steps: 0,
            dropped: 0,
            first: None,
            last: None,
            is_over: false,
            is_live,
            row: None,
            segments: Segments::default(),
            recent: VecDeque::new(),
        }
    }

    /// Takes the frames that wait, until there are enough for a step. `show` sees each of them first.
    pub(super) fn feed(
        &mut self,
        mut show: impl FnMut(&mut LiveFrame) -> anyhow::Result<()>,
    ) -> anyhow::Result<Fed> {
        if self.is_over {
            return Ok(Fed::Nothing);
        }
        loop {
            let mut frame = match self.live.take() {
                Taken::Item(frame) => frame,
                Taken::Nothing => return Ok(Fed::Nothing),
                Taken::End(end) => {
                    self.is_over = true;
                    return Ok(Fed::End(end));
                }
            };
            self.taken += 1;
            self.first.get_or_insert(frame.arrived);
            self.last = Some(frame.arrived);
            if self.recent.len() == RECENT {
                self.recent.pop_front();
            }
            self.recent.push_back(frame.arrived);
            show(&mut frame)?;
            let LiveFrame {
                number,
                seconds,
                arrived,
                pixels,
                ..
            } = frame;
            if self.watcher.push(NewFrame {
                number,
                seconds,
                arrived,
                pixels,
            }) {
                return Ok(Fed::Step);
            }
        }
    }

    /// A step is answered: returns its latency, and how many frames were dropped since the last.
    pub(super) fn answered(&mut self, step: &Step) -> (Duration, u64) {
        let latency = step.arrived.elapsed();
        // The last frames of a stream wait for its end, not for the network.
        if !step.is_last {
            self.latencies.add(latency);
        }
        self.steps += 1;
        let before = std::mem::replace(&mut self.dropped, self.live.dropped());
        (latency, self.dropped - before)
    }

    /// This row is the newest.
    pub(super) fn keep(&mut self, row: StepRow) {
        self.row = Some(row);
    }

    /// What the live view shows.
    pub(super) fn view(&self) -> SourceView<'_> {
        let span = self.recent.back().zip(self.recent.front());
        let span = span.map(|(last, first)| last.duration_since(*first).as_secs_f64());
        let rate = span.filter(|span| *span > 0.0);
        let (median, late) = (self.latencies.quantile(0.5), self.latencies.quantile(0.95));
        SourceView {
            name: &self.name,
            step: self.row.as_ref(),
            waiting: self.watcher.waiting(),
            rate: rate.map(|span| (self.recent.len() - 1) as f64 / span),
            latency: median.zip(late),
            dropped: self.live.dropped(),
            is_over: self.is_over,
        }
    }

    /// Frames per second that were taken so far.
    pub(super) fn rate(&self) -> Option<f64> {
        let span = self.last?.duration_since(self.first?).as_secs_f64();
        (self.taken > 1 && span > 0.0).then(|| (self.taken - 1) as f64 / span)
    }
}
