//! Pools that are steps of their own.

use super::super::grid::{CHANNELS, Grid, Part, SLACK};
use super::super::numbers::nearest;
use super::super::pooling::{Pool, pool};
use super::problem::{laid, taken};
use super::with_hands;
use crate::engine::cpu::buffer::{Buffer, LINE, Span};
use crate::engine::cpu::epilogue::Epilogue;
use crate::engine::cpu::simd::Isa;
use crate::engine::cpu::testing::{Random, forms, name};
use crate::network::{Window, window};

const ITEMS: usize = 2;
/// Chunks of the input, and those before the output.
const CHUNKS: usize = if cfg!(miri) { 1 } else { 2 };

fn part(extents: [usize; 3], first: usize) -> Part {
    Part {
        grid: Grid {
            chunks: CHUNKS + first,
            extents,
            in_time: false,
            apart: false,
        },
        first,
        chunks: CHUNKS,
    }
}

fn pooled(
    isa: Isa,
    threads: usize,
    what: Pool<'_>,
    from: Part,
    to: Part,
    input: &[f32],
) -> Vec<f32> {
    let source = laid(from, ITEMS, input);
    let mut output = Buffer::zeroed((ITEMS * to.grid.item() + SLACK) * LINE);
    let span = Span::new(&mut output);
    with_hands(threads, |hands| {
        pool(isa, hands, ITEMS, what, (&source, from), (span, to));
    });
    taken(to, ITEMS, &output)
}

fn rounded(values: Vec<f32>) -> Vec<f32> {
    let round = |value: f32| f32::from_bits(nearest(value) << 16);
    values.into_iter().map(round).collect()
}

/// The pixels under a window along one axis.
fn under(window: Window, at: usize, extent: usize) -> impl Iterator<Item = usize> + Clone {
    (at * window.stride..at * window.stride + window.kernel)
        .filter_map(move |at| at.checked_sub(window.padding))
        .filter(move |&at| at < extent)
}

#[test]
fn a_max_pool_takes_the_pixels_under_each_window_whatever_its_stride_and_padding() {
    let windows = [window(3).stride(2), window(3).padding(1)];
    let sizes: &[[usize; 2]] = match cfg!(miri) {
        true => &[[3, 4]],
        false => &[[7, 7], [5, 8], [2, 3]],
    };
    for &[height, width] in sizes {
        let from = part([1, height, width], 0);
        let channels = CHUNKS * CHANNELS;
        let input = rounded(Random(5).take(ITEMS * height * width * channels));
        let magnitudes: Vec<f32> = input.iter().map(|value| value.abs()).collect();
        let all = windows
            .iter()
            .flat_map(|&window| [(window, false, &input), (window, true, &magnitudes)]);
        for (window, is_positive, input) in all {
            let [Some(down), Some(across)] =
                [height, width].map(|extent| window.places(extent, true))
            else {
                continue;
            };
            let to = part([1, down, across], 1);
            let largest = |n: usize| {
                let (pixel, c) = (n / channels, n % channels);
                let (item, y, x) = (pixel / down / across, pixel / across % down, pixel % across);
                let rows = under(window, y, height);
                let pixels = rows.flat_map(|y| {
                    under(window, x, width).map(move |x| (item * height + y) * width + x)
                });
                pixels
                    .map(|pixel| input[pixel * channels + c])
                    .fold(f32::MIN, f32::max)
            };
            let expected: Vec<f32> = (0..ITEMS * down * across * channels).map(largest).collect();
            for isa in forms() {
                for threads in [1, 3] {
                    let max = Pool::Max {
                        window,
                        is_positive,
                    };
                    let found = pooled(isa, threads, max, from, to, input);
                    assert_eq!(
                        found,
                        expected,
                        "{window:?}, {height}x{width}, {}",
                        name(isa)
                    );
                }
            }
        }
    }
}

#[test]
fn a_nan_is_the_largest_of_its_windows_and_of_no_other() {
    let (side, channels) = (5, CHUNKS * CHANNELS);
    let place = part([1, side, side], 0);
    let pixels: &[usize] = if cfg!(miri) { &[7] } else { &[0, 7, 24] };
    for isa in forms() {
        for (&pixel, is_positive) in pixels
            .iter()
            .flat_map(|pixel| [(pixel, false), (pixel, true)])
        {
            let other_value = if is_positive { 1.0 } else { -1.0 };
            let mut input = vec![other_value; ITEMS * side * side * channels];
            input[pixel * channels + 3] = f32::NAN;
            let max = Pool::Max {
                window: window(3).padding(1),
                is_positive,
            };
            let found = pooled(isa, 1, max, place, place, &input);
            for (at, value) in found.iter().enumerate() {
                let (other, channel) = (at / channels, at % channels);
                let far = |a: usize, b: usize| a.abs_diff(b) > 1;
                let is_spoilt = channel == 3
                    && other < side * side
                    && !far(other / side, pixel / side)
                    && !far(other % side, pixel % side);
                assert_eq!(value.is_nan(), is_spoilt, "{pixel}, {other}, {channel}");
                assert!(value.is_nan() || *value == other_value);
            }
        }
    }
}

#[test]
fn an_average_pool_counts_the_padding_and_ends_with_its_epilogue() {
    let (side, channels) = (if cfg!(miri) { 3 } else { 5 }, CHUNKS * CHANNELS);
    let place = part([1, side, side], 0);
    let input = rounded(Random(6).take(ITEMS * side * side * channels));
    let mut epilogue = Epilogue::bias(&Random(7).take(channels));
    epilogue.scale = Random(8).take(channels);
    epilogue.floor[3] = 0.0;
    let average = |n: usize| {
        let (pixel, c) = (n / channels, n % channels);
        let (item, y, x) = (pixel / side / side, pixel / side % side, pixel % side);
        let window = window(3).padding(1);
        let rows = under(window, y, side);
        let pixels =
            rows.flat_map(|y| under(window, x, side).map(move |x| (item * side + y) * side + x));
        let sum: f64 = pixels
            .map(|pixel| f64::from(input[pixel * channels + c]))
            .sum();
        let value = sum / 9.0 * f64::from(epilogue.scale[c]) + f64::from(epilogue.shift[c]);
        value.max(f64::from(epilogue.floor[c]))
    };
    for isa in forms() {
        for threads in [1, 3] {
            let found = pooled(isa, threads, Pool::Average(&epilogue), place, place, &input);
            for (n, value) in found.iter().enumerate() {
                let expected = average(n);
                // Half of the last bit of eight, and what float32 adds up.
                let limit = expected.abs() / 256.0 + 1e-5;
                assert!(
                    (f64::from(*value) - expected).abs() <= limit,
                    "{value} {expected}"
                );
            }
        }
    }
}
