//! Clips that are drawn, and distances.

use crate::engine::ClipBatch;
use crate::random::Draws;
use crate::recipe::Preprocess;

/// Where the clips' values begin.
const SEED: u64 = 2018;

/// Clips of coarse random pictures, 0 to 255 less a mean: squares of 16 pixels, each of one colour.
pub(super) fn clips(count: usize, segments: usize) -> ClipBatch {
    const SIDE: usize = 224;
    const SQUARES: usize = SIDE / 16;
    let mut batch = ClipBatch::zeros(count, segments);
    let mut draws = Draws::new(SEED, &[]);
    for plane in batch.values.chunks_exact_mut(SIDE * SIDE) {
        let colours: [f32; SQUARES * SQUARES] =
            std::array::from_fn(|_| (255.0 * draws.unit()) as f32 - 117.0);
        for (row, line) in plane.chunks_exact_mut(SIDE).enumerate() {
            for (column, value) in line.iter_mut().enumerate() {
                *value = colours[row / 16 * SQUARES + column / 16];
            }
        }
    }
    batch
}

/// The same in kind as they come from a decoder: RGB, `[segments, 224, 224, 3]` each.
pub(super) fn pixels(count: usize, segments: usize) -> Vec<Vec<u8>> {
    let values = clips(count, segments).values;
    let clips = values.chunks_exact(segments * ClipBatch::FRAME_LEN);
    clips
        .map(|clip| clip.iter().map(|value| (value + 117.0) as u8).collect())
        .collect()
}

/// The network's input of pixels.
pub(super) fn normalised(clips: &[Vec<u8>], segments: usize) -> ClipBatch {
    let mut batch = ClipBatch::zeros(clips.len(), segments);
    let frames = clips
        .iter()
        .flat_map(|clip| clip.chunks_exact(ClipBatch::FRAME_LEN));
    for (frame, out) in frames.zip(batch.values.chunks_exact_mut(ClipBatch::FRAME_LEN)) {
        Preprocess::Official.normalise(frame, out);
    }
    batch
}

/// The first clips of a batch.
pub(super) fn first(batch: &ClipBatch, clips: usize) -> ClipBatch {
    ClipBatch {
        values: batch.values[..clips * batch.clip_len()].to_vec(),
        clips,
        segments: batch.segments,
    }
}

/// Relative L2 distance: of the difference, to the length of `expected`. NaN where the lengths differ.
pub(super) fn distance(found: &[f32], expected: &[f32]) -> f64 {
    if found.len() != expected.len() {
        return f64::NAN;
    }
    let square = |value: f64| value * value;
    let pairs = found.iter().zip(expected);
    let difference: f64 = pairs
        .map(|(&a, &b)| square(f64::from(a) - f64::from(b)))
        .sum();
    let length: f64 = expected.iter().map(|&b| square(f64::from(b))).sum();
    (difference / length).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distance_is_relative_to_the_expected_values() {
        assert_eq!(distance(&[3.0, 4.0], &[3.0, 4.0]), 0.0);
        assert_eq!(distance(&[3.0, 5.0], &[3.0, 4.0]), 0.2);
        assert!(distance(&[3.0], &[3.0, 4.0]).is_nan());
        assert!(distance(&[f32::NAN, 4.0], &[3.0, 4.0]).is_nan());
    }

    #[test]
    fn clips_differ_and_begin_alike_in_every_batch() {
        let (two, one) = (clips(2, 4), clips(1, 4));
        assert!(first(&two, 1).values == one.values);
        assert!(two.values[..two.clip_len()] != two.values[two.clip_len()..]);
    }
}
