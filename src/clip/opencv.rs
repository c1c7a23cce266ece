//! OpenCV's 8-bit `resize` with `INTER_LINEAR`, bit for bit, computing only the region that is kept.
//!
//! No antialiasing: each pixel is made of the four around its centre, however much the image shrinks. Weights have 11
//! fractional bits and are rounded half to even; the rows are combined with 7 fractional bits, so that 16-bit lanes hold them.
//! An image of exactly twice the size is averaged instead. Fact source: opencv/opencv, modules/imgproc/src/resize.cpp, and
//! experiments with OpenCV 4.14, whose results are the same in every pixel.

use super::resample::Region;
use super::rgb::Rgb;
use crate::recipe::CHANNELS;

/// Weights are multiples of 1 / 2048.
const ONE: f32 = 2048.0;
/// Bits that a row's sums lose before the rows are combined, and that their products lose.
const BEFORE: u32 = 4;
const AFTER: u32 = 16;
/// What is left of 2 x 11 fractional bits, and its half.
const LEFT: u32 = 2 * 11 - BEFORE - AFTER;
const HALF: i32 = 1 << (LEFT - 1);

/// The two source positions behind a position of the result, and their weights.
#[derive(Clone, Copy, Debug)]
struct Tap {
    places: [usize; 2],
    weights: [i32; 2],
}

/// What happens to a centre that lies outside of the outermost source pixels.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Edge {
    /// The outermost pixel alone counts, as along a row.
    Alone,
    /// It counts twice, with both weights, as down a column: what they lose in rounding shows.
    Twice,
}

/// What `resize(image, resized)` gives in OpenCV, cut to `region`, as `[region.height, region.width, 3]`.
///
/// `resized` is the full `(width, height)`. The region must lie within it, and both images must have pixels.
pub(super) fn resize_region(image: Rgb<'_>, resized: (usize, usize), region: Region) -> Vec<u8> {
    debug_assert!(region.left + region.width <= resized.0);
    debug_assert!(region.top + region.height <= resized.1);
    if (image.width, image.height) == (2 * resized.0, 2 * resized.1) {
        return halved(image, region);
    }
    let columns = taps(
        image.width,
        resized.0,
        region.left,
        region.width,
        Edge::Alone,
    );
    let rows = taps(
        image.height,
        resized.1,
        region.top,
        region.height,
        Edge::Twice,
    );
    let width = region.width * CHANNELS;
    let mut out = vec![0; region.height * width];
    let mut upper = Line::new(width);
    let mut lower = Line::new(width);
    for (target, row) in out.chunks_exact_mut(width).zip(rows) {
        if lower.row == Some(row.places[0]) {
            std::mem::swap(&mut upper, &mut lower);
        }
        upper.fill(image, row.places[0], &columns);
        lower.fill(image, row.places[1], &columns);
        for (value, (a, b)) in target.iter_mut().zip(upper.sums.iter().zip(&lower.sums)) {
            let part = |sum: i32, weight: i32| (weight * (sum >> BEFORE)) >> AFTER;
            let sum = part(*a, row.weights[0]) + part(*b, row.weights[1]);
            *value = ((sum + HALF) >> LEFT) as u8;
        }
    }
    out
}

/// A source row, resized along itself: values times 2048.
struct Line {
    row: Option<usize>,
    sums: Vec<i32>,
}

impl Line {
    fn new(width: usize) -> Self {
        Self {
            row: None,
            sums: vec![0; width],
        }
    }

    fn fill(&mut self, image: Rgb<'_>, row: usize, columns: &[Tap]) {
        if self.row.replace(row) == Some(row) {
            return;
        }
        let stride = image.width * CHANNELS;
        let source = &image.pixels[row * stride..(row + 1) * stride];
        for (sums, tap) in self.sums.chunks_exact_mut(CHANNELS).zip(columns) {
            let [a, b] = tap.places.map(|place| &source[place * CHANNELS..]);
            for (channel, sum) in sums.iter_mut().enumerate() {
                *sum =
                    i32::from(a[channel]) * tap.weights[0] + i32::from(b[channel]) * tap.weights[1];
            }
        }
    }
}

/// The taps of `count` positions from `first` on, of `resized` that stand for `source`.
fn taps(source: usize, resized: usize, first: usize, count: usize, edge: Edge) -> Vec<Tap> {
    // Not `source / resized`: the last bit may differ.
    let scale = 1.0 / (resized as f64 / source as f64);
    let last = source as i64 - 1;
    let tap = |position: usize| {
        let centre = ((position as f64 + 0.5) * scale - 0.5) as f32;
        let mut place = centre.floor() as i64;
        let mut part = centre - place as f32;
        if edge == Edge::Alone && !(0..last).contains(&place) {
            (place, part) = (place.clamp(0, last), 0.0);
        }
        Tap {
            places: [place, place + 1].map(|place| place.clamp(0, last) as usize),
            weights: [1.0 - part, part].map(|weight| (weight * ONE).round_ties_even() as i32),
        }
    };
    (first..first + count).map(tap).collect()
}

/// Means of 2 x 2 pixels, halves rounded up.
fn halved(image: Rgb<'_>, region: Region) -> Vec<u8> {
    let stride = image.width * CHANNELS;
    let mut out = Vec::with_capacity(region.height * region.width * CHANNELS);
    for row in region.top..region.top + region.height {
        let (upper, lower) = image.pixels[2 * row * stride..][..2 * stride].split_at(stride);
        for column in region.left..region.left + region.width {
            let at = 2 * column * CHANNELS;
            out.extend((at..at + CHANNELS).map(|at| {
                let four = [
                    upper[at],
                    upper[at + CHANNELS],
                    lower[at],
                    lower[at + CHANNELS],
                ];
                let sum: u32 = four.into_iter().map(u32::from).sum();
                ((sum + 2) / 4) as u8
            }));
        }
    }
    out
}
