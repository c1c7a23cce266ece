//! Timelines: the windows of each clip in order of time, with neighbours merged when they have the same answer.

use std::collections::HashMap;

use super::classes::Classes;
use crate::recognise::{ClipName, FrameRange, Row};
use crate::text::number::clock;
use crate::text::one_line;

/// The windows of all clips so far.
#[derive(Debug, Default)]
pub(super) struct Timelines {
    clips: Vec<Windows>,
    /// Where each clip is.
    places: HashMap<ClipName, usize>,
}

/// The windows of one clip, in order.
#[derive(Debug)]
struct Windows {
    clip: ClipName,
    windows: Vec<Window>,
}

#[derive(Debug)]
struct Window {
    /// Place of its row on the page, from 1.
    row: usize,
    range: FrameRange,
    /// How many windows the row stands for.
    count: usize,
    /// The best class by number, with its score; `None` for a window that failed.
    best: Option<(usize, f32)>,
}

/// A clip with at least two windows, ready to be drawn.
pub(super) struct Timeline {
    pub path: String,
    pub windows: usize,
    pub segments: Vec<Segment>,
    /// First and last time in words.
    pub start: String,
    pub end: String,
}

/// Neighbouring windows with the same answer.
pub(super) struct Segment {
    /// The row of its first window.
    pub row: usize,
    /// The answer; `None` where windows failed.
    pub label: Option<String>,
    /// Rank of the class among the most frequent ones, which have their own colours; `COLOURS` for all others.
    pub colour: usize,
    pub windows: usize,
    /// Mean score of its windows.
    pub score: f32,
    /// Where it is, in percent of the whole.
    pub left: f64,
    pub width: f64,
    /// Where it is, in words.
    pub start: String,
    pub end: String,
}

/// How many classes have their own colour; the others share one.
pub(super) const COLOURS: usize = 8;

impl Timelines {
    /// Adds a row: its place on the page, the number of its best class, and how many windows it stands for. Returns whether its
    /// clip had rows with ranges before.
    pub(super) fn add(
        &mut self,
        row: &Row,
        number: usize,
        class: Option<usize>,
        count: usize,
    ) -> bool {
        let Some(range) = row.range() else {
            return false;
        };
        let known = self.places.get(row.clip()).copied();
        let place = known.unwrap_or_else(|| {
            self.places.insert(row.clip().clone(), self.clips.len());
            self.clips.push(Windows {
                clip: row.clip().clone(),
                windows: Vec::new(),
            });
            self.clips.len() - 1
        });
        let best = match row {
            Row::Answer(answer) => class.zip(answer.top.first().map(|best| best.score)),
            Row::Failed(_) => None,
        };
        self.clips[place].windows.push(Window {
            row: number,
            range: *range,
            count,
            best,
        });
        known.is_some()
    }

    /// The clips with at least two windows.
    pub(super) fn timelines(&self, classes: &Classes) -> Vec<Timeline> {
        let mut colours = vec![COLOURS; classes.by_frequency().len()];
        for (colour, number) in classes.by_frequency().into_iter().enumerate().take(COLOURS) {
            colours[number] = colour;
        }
        let clips = self.clips.iter().filter(|clip| clip.count() > 1);
        clips
            .filter_map(|clip| clip.timeline(classes, &colours))
            .collect()
    }
}

impl Windows {
    fn count(&self) -> usize {
        self.windows.iter().map(|window| window.count).sum()
    }

    fn timeline(&self, classes: &Classes, colours: &[usize]) -> Option<Timeline> {
        let (first, last) = (self.windows.first()?, self.windows.last()?);
        let scale = Scale::new(&first.range, &last.range);
        let mut segments = Vec::new();
        let mut rest = &self.windows[..];
        let mut left = scale.start(&first.range);
        while let Some(head) = rest.first() {
            let class = head.best.map(|(class, _)| class);
            let is_same = |window: &&Window| window.best.map(|(class, _)| class) == class;
            let count = rest.iter().take_while(is_same).count();
            let (same, after) = rest.split_at(count);
            let end = scale.end(&same[count - 1].range);
            // Windows overlap, or leave gaps: an overlap is shared, a gap is left open.
            let (right, next) = match after.first() {
                Some(next) => {
                    let start = scale.start(&next.range);
                    let middle = f64::midpoint(start, end);
                    if start < end {
                        (middle, middle)
                    } else {
                        (end, start)
                    }
                }
                None => (end, end),
            };
            let scores = same.iter().filter_map(|window| window.best);
            let windows = same.iter().map(|window| window.count).sum();
            segments.push(Segment {
                row: head.row,
                label: class.map(|class| classes.label(class).to_owned()),
                colour: class.map_or(COLOURS, |class| colours[class]),
                windows,
                score: scores.map(|(_, score)| score).sum::<f32>() / count as f32,
                left: scale.percent(left),
                width: scale.percent(right) - scale.percent(left),
                start: scale.words(left),
                end: scale.words(right),
            });
            (rest, left) = (after, next);
        }
        Some(Timeline {
            path: one_line(&self.clip.text()),
            windows: self.count(),
            segments,
            start: scale.words(scale.first),
            end: scale.words(scale.last),
        })
    }
}

/// Seconds where all windows have them, else frames.
struct Scale {
    in_seconds: bool,
    first: f64,
    last: f64,
}

impl Scale {
    fn new(first: &FrameRange, last: &FrameRange) -> Self {
        let mut scale = Self {
            in_seconds: first.start_seconds.is_some() && last.end_seconds.is_some(),
            first: 0.0,
            last: 0.0,
        };
        (scale.first, scale.last) = (scale.start(first), scale.end(last));
        scale
    }

    fn start(&self, range: &FrameRange) -> f64 {
        let seconds = range.start_seconds.filter(|_| self.in_seconds);
        seconds.unwrap_or(range.start_frame as f64)
    }

    fn end(&self, range: &FrameRange) -> f64 {
        let seconds = range.end_seconds.filter(|_| self.in_seconds);
        seconds.unwrap_or(range.end_frame as f64)
    }

    fn percent(&self, place: f64) -> f64 {
        let length = (self.last - self.first).max(f64::MIN_POSITIVE);
        100.0 * (place - self.first) / length
    }

    /// `2.50 s`, `1:05` in a clip of a minute or longer, `frame 12`.
    fn words(&self, place: f64) -> String {
        if !self.in_seconds {
            return format!("frame {place:.0}");
        }
        if self.last < 60.0 {
            return format!("{place:.2} s");
        }
        clock(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clip::Given;
    use crate::recognise::{Class, Prediction, Timings};

    fn window(clip: &str, start: usize, label: &str, seconds: Option<f64>) -> Row {
        let end = start + 10;
        let time = |frame: usize| seconds.map(|rate| frame as f64 / rate);
        Row::Answer(Prediction {
            clip: ClipName::new(clip),
            given: Given::default(),
            range: Some(FrameRange {
                start_frame: start,
                end_frame: end,
                start_seconds: time(start),
                end_seconds: time(end),
            }),
            source_frames: 100,
            frames: Vec::new(),
            frame_names: Vec::new(),
            views: 1,
            uncertain: false,
            top: vec![Class {
                index: 0,
                label: label.into(),
                score: 0.5,
                logit: 0.0,
            }],
            logits: None,
            timings: Some(Timings::default()),
            engine: String::new(),
            precision: String::new(),
            decoder: None,
        })
    }

    fn timelines(rows: &[Row]) -> Vec<Timeline> {
        let (mut classes, mut timelines) = (Classes::default(), Timelines::default());
        for (index, row) in rows.iter().enumerate() {
            let class = match row {
                Row::Answer(answer) => classes.add(answer),
                Row::Failed(_) => None,
            };
            timelines.add(row, index + 1, class, 1);
        }
        timelines.timelines(&classes)
    }

    #[test]
    fn neighbours_with_the_same_answer_are_one_segment_and_share_their_overlap() {
        let rows = [(0, "run"), (5, "run"), (10, "jump"), (15, "run")]
            .map(|(start, label)| window("a.mp4", start, label, Some(0.1)));
        let [timeline] = &timelines(&rows)[..] else {
            panic!("one clip");
        };
        let found: Vec<_> = timeline
            .segments
            .iter()
            .map(|s| {
                (
                    s.row,
                    s.label.as_deref(),
                    s.windows,
                    s.colour,
                    &s.start[..],
                    &s.end[..],
                )
            })
            .collect();
        let (run, jump) = (Some("run"), Some("jump"));
        let expected = [
            (1, run, 2, 0, "0:00", "2:05"),
            (3, jump, 1, 1, "2:05", "2:55"),
            (4, run, 1, 0, "2:55", "4:10"),
        ];
        assert_eq!(found, expected);
        let width: f64 = timeline.segments.iter().map(|segment| segment.width).sum();
        assert!((width - 100.0).abs() < 1e-9, "{width}");
    }

    #[test]
    fn gaps_between_windows_stay_open() {
        let rows = [(0, "run"), (30, "jump")].map(|(start, label)| window("a", start, label, None));
        let segments = &timelines(&rows)[0].segments;
        assert_eq!((segments[0].left, segments[0].width), (0.0, 25.0));
        assert_eq!((segments[1].left, segments[1].width), (75.0, 25.0));
        assert_eq!(
            (&segments[0].end[..], &segments[1].start[..]),
            ("frame 10", "frame 30")
        );
    }

    #[test]
    fn a_clip_with_one_window_has_no_timeline_and_clips_are_kept_apart() {
        let rows = ["a", "b", "b", "c"].map(|clip| window(clip, 0, "run", None));
        let found = timelines(&rows);
        assert_eq!(found.len(), 1);
        assert_eq!((&found[0].path[..], found[0].windows), ("b", 2));
    }
}
