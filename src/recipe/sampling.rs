//! Which frames of a clip become its segments.

use serde::{Deserialize, Serialize};

use crate::random::Draws;
use crate::text::names;

/// The formula that picks N of a clip's n frames. Both pick one frame per segment, from the first frame to near the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sampling {
    /// The centre of each of N equal segments: `trunc(tick / 2 + tick * x)` with `tick = n / N`, in
    /// double precision. A clip with fewer frames than segments repeats frames.
    ///
    /// Source: mzolfaghari/ECO-pytorch @ b175e7c, dataset.py, `_get_test_indices`; the book's
    /// `_get_indices` is the same formula.
    #[default]
    Official,
    /// The same in integers: `avg / 2 + avg * x` with `avg = n / N` rounded down, so that the tail
    /// (up to N - 1 frames) is never looked at. A clip with fewer frames than segments is N copies
    /// of its first frame.
    ///
    /// Source: mzolfaghari/ECO-efficient-video-understanding @ 1e77cbd, video_data_layer.cpp, the
    /// TEST phase.
    Caffe,
}

impl Sampling {
    /// The indices, counted from 0, of the frames that a clip of `frames` frames is reduced to.
    ///
    /// Returns `segments` ascending indices, each below `frames`; none at all when `frames` is 0.
    pub fn indices(self, frames: usize, segments: usize) -> Vec<usize> {
        self.views(frames, segments, 1).pop().unwrap_or_default()
    }

    /// Index lists of `clips` temporal views. Where [`Sampling::indices`] takes the centre of each
    /// segment, view k of K takes the place `(k + 1/2) / K` of the way through it, so that together
    /// the views are spread evenly over the clip. One view is [`Sampling::indices`].
    pub fn views(self, frames: usize, segments: usize, clips: usize) -> Vec<Vec<usize>> {
        let view = |k| match self {
            _ if frames == 0 => Vec::new(),
            Sampling::Official => official(frames, segments, (k as f64 + 0.5) / clips as f64),
            Sampling::Caffe => caffe(frames, segments, 2 * k + 1, 2 * clips),
        };
        (0..clips).map(view).collect()
    }

    /// Indices as training draws them: of each of N segments of whole frames any one, so that up to N - 1 frames at the end
    /// are never seen. A clip with fewer frames than segments repeats neighbours: each segment is looked at a random part of
    /// the way through.
    ///
    /// Source: mzolfaghari/ECO-pytorch @ b175e7c, dataset.py, `_sample_indices`, which makes N copies of the first frame of a
    /// clip that is too short.
    pub fn training(frames: usize, segments: usize, draws: &mut Draws) -> Vec<usize> {
        let average = frames / segments.max(1);
        (0..segments)
            .map(|segment| match (average, frames) {
                (_, 0) => 0,
                (0, _) => {
                    let tick = frames as f64 / segments as f64;
                    let place = tick * (segment as f64 + draws.unit());
                    (place as usize).min(frames - 1)
                }
                (average, _) => segment * average + draws.below(average),
            })
            .collect()
    }
}

names!(Sampling { Official = "official", Caffe = "caffe" });

/// `place` is the part of a segment that lies before its frame.
fn official(frames: usize, segments: usize, place: f64) -> Vec<usize> {
    let tick = frames as f64 / segments as f64;
    // The centre is written `tick / 2` in the source, which is the same double as `tick * 0.5`.
    let last = frames - 1;
    (0..segments)
        .map(|x| ((tick * place + tick * x as f64) as usize).min(last))
        .collect()
}

/// The part of a segment that lies before its frame is `numerator / denominator`.
fn caffe(frames: usize, segments: usize, numerator: usize, denominator: usize) -> Vec<usize> {
    let average = frames / segments.max(1);
    (0..segments)
        .map(|x| average * numerator / denominator + x * average)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One-based, as frame files are numbered.
    fn file_numbers(sampling: Sampling, frames: usize, segments: usize) -> Vec<usize> {
        sampling
            .indices(frames, segments)
            .into_iter()
            .map(|index| index + 1)
            .collect()
    }

    #[test]
    fn the_official_formula_gives_the_published_frame_numbers() {
        let official = |frames| file_numbers(Sampling::Official, frames, 16);
        assert_eq!(
            official(300),
            [
                10, 29, 47, 66, 85, 104, 122, 141, 160, 179, 197, 216, 235, 254, 272, 291
            ]
        );
        assert_eq!(
            official(250),
            [
                8, 24, 40, 55, 71, 86, 102, 118, 133, 149, 165, 180, 196, 211, 227, 243
            ]
        );
        assert_eq!(
            official(52),
            [2, 5, 9, 12, 15, 18, 22, 25, 28, 31, 35, 38, 41, 44, 48, 51]
        );
        assert_eq!(official(32), (1..=16).map(|x| 2 * x).collect::<Vec<_>>());
        assert_eq!(official(16), (1..=16).collect::<Vec<_>>());
    }

    #[test]
    fn a_clip_with_fewer_frames_than_segments_repeats_frames() {
        assert_eq!(
            file_numbers(Sampling::Official, 10, 16),
            [1, 1, 2, 3, 3, 4, 5, 5, 6, 6, 7, 8, 8, 9, 10, 10]
        );
        assert_eq!(file_numbers(Sampling::Official, 1, 16), [1; 16]);
    }

    #[test]
    fn training_draws_one_frame_of_each_segment() {
        let mut seen = [0; 52];
        for number in 0..600 {
            let mut draws = Draws::new(number, &[]);
            let indices = Sampling::training(52, 16, &mut draws);
            for (segment, &index) in indices.iter().enumerate() {
                assert!((3 * segment..3 * segment + 3).contains(&index));
                seen[index] += 1;
            }
            let short = Sampling::training(6, 16, &mut draws);
            assert!(short.is_sorted() && short.last() < Some(&6) && short.len() == 16);
            for (segment, index) in short.into_iter().enumerate() {
                let tick = 6.0 / 16.0;
                let exact = [segment as f64 * tick, (segment + 1) as f64 * tick];
                assert!(index as f64 <= exact[1] && index as f64 > exact[0] - 1.0);
            }
        }
        assert!(seen[..48].iter().all(|&count| count > 120), "{seen:?}");
        assert_eq!(seen[48..], [0; 4]);
    }

    #[test]
    fn the_caffe_formula_counts_in_whole_frames_and_leaves_the_tail() {
        let numbers = file_numbers(Sampling::Caffe, 250, 16);
        assert_eq!(numbers[..4], [8, 23, 38, 53]);
        assert_eq!(numbers[15], 233);
        let numbers = file_numbers(Sampling::Caffe, 52, 16);
        assert_eq!(numbers[..4], [2, 5, 8, 11]);
        assert_eq!(numbers[15], 47);
    }

    #[test]
    fn the_caffe_formula_takes_the_first_frame_of_a_short_clip_throughout() {
        assert_eq!(file_numbers(Sampling::Caffe, 10, 16), [1; 16]);
    }

    #[test]
    fn every_index_lies_within_the_clip() {
        for sampling in [Sampling::Official, Sampling::Caffe] {
            for segments in [4, 8, 12, 16, 32] {
                for frames in 1..700 {
                    let indices = sampling.indices(frames, segments);
                    assert_eq!(indices.len(), segments);
                    assert!(indices.is_sorted());
                    assert!(indices.iter().all(|&index| index < frames));
                }
            }
        }
    }

    #[test]
    fn temporal_views_are_spread_over_each_segment() {
        let views = Sampling::Official.views(320, 16, 2);
        assert_eq!(
            (views[0][..2].to_vec(), views[1][..2].to_vec()),
            (vec![5, 25], vec![15, 35])
        );
        let views = Sampling::Caffe.views(320, 4, 4);
        assert_eq!(
            views.iter().map(|view| view[0]).collect::<Vec<_>>(),
            [10, 30, 50, 70]
        );
        for sampling in [Sampling::Official, Sampling::Caffe] {
            for frames in 1..300 {
                assert_eq!(
                    sampling.views(frames, 16, 1),
                    [sampling.indices(frames, 16)]
                );
                let last = sampling.views(frames, 16, 10).concat().into_iter().max();
                assert!(last < Some(frames));
            }
        }
    }

    #[test]
    fn nothing_is_picked_from_an_empty_clip() {
        assert!(Sampling::Official.indices(0, 16).is_empty());
        assert!(Sampling::Caffe.indices(0, 16).is_empty());
    }

    #[test]
    fn names_are_those_of_metadata() {
        for sampling in Sampling::ALL {
            let json = serde_json::to_string(sampling).unwrap();
            assert_eq!(json, format!("\"{sampling}\""));
        }
    }
}
