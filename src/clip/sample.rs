//! Which frames of a clip become its segments.

use serde::{Deserialize, Serialize};

/// The formula that picks N of a clip's n frames. Both pick one frame per segment, from the first frame to near the last.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, clap::ValueEnum, Serialize, Deserialize,
)]
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
        if frames == 0 {
            return Vec::new();
        }
        match self {
            Sampling::Official => official(frames, segments),
            Sampling::Caffe => caffe(frames, segments),
        }
    }

    /// The name used on the command line and in metadata.
    pub fn name(self) -> &'static str {
        match self {
            Sampling::Official => "official",
            Sampling::Caffe => "caffe",
        }
    }
}

impl std::fmt::Display for Sampling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

fn official(frames: usize, segments: usize) -> Vec<usize> {
    let tick = frames as f64 / segments as f64;
    // Written as in the source: another order of operations rounds differently for some lengths.
    (0..segments)
        .map(|x| (tick / 2.0 + tick * x as f64) as usize)
        .collect()
}

fn caffe(frames: usize, segments: usize) -> Vec<usize> {
    let average = frames / segments.max(1);
    (0..segments).map(|x| average / 2 + x * average).collect()
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
    fn nothing_is_picked_from_an_empty_clip() {
        assert!(Sampling::Official.indices(0, 16).is_empty());
        assert!(Sampling::Caffe.indices(0, 16).is_empty());
    }

    #[test]
    fn names_are_the_ones_on_the_command_line_and_in_metadata() {
        for sampling in <Sampling as clap::ValueEnum>::value_variants() {
            let json = serde_json::to_string(sampling).unwrap();
            assert_eq!(json, format!("\"{sampling}\""));
            let parsed = <Sampling as clap::ValueEnum>::from_str(sampling.name(), false);
            assert_eq!(parsed.as_ref(), Ok(sampling));
        }
    }
}
