//! Pools that are steps of their own.

use super::super::gemm::Epilogue;
use super::super::pooling::{average, max};
use super::super::view::{Shape, View};
use super::{Random, forms, name};
use crate::engine::cpu::buffer::LINE;
use crate::engine::cpu::simd::Isa;
use crate::engine::cpu::threads::Crew;
use crate::network::{Window, window};

/// Rows, columns and channels that are no multiple of a window, a vector or a block of rows.
#[test]
fn a_pool_takes_the_pixels_under_each_window_whatever_its_stride_and_padding() {
    let windows = [
        window(3).stride(2),
        window(3).padding(1),
        window(3).stride(2).padding(1),
        window(2).stride(2),
    ];
    let (items, channels) = (2, 2 * LINE);
    let mut random = Random(5);
    for (height, width) in [(7, 7), (5, 8), (2, 3)] {
        let shape = Shape {
            items,
            frames: 1,
            height,
            width,
        };
        let input = random.take(shape.pixels() * channels);
        for window in windows {
            let [Some(down), Some(across)] =
                [height, width].map(|extent| window.places(extent, true))
            else {
                continue;
            };
            let under = |at: usize, extent: usize| {
                (at * window.stride..at * window.stride + window.kernel)
                    .filter_map(|at| at.checked_sub(window.padding))
                    .filter(move |&at| at < extent)
            };
            let largest = |i: usize| {
                let (pixel, c) = (i / channels, i % channels);
                let (item, y, x) = (
                    pixel / (down * across),
                    pixel / across % down,
                    pixel % across,
                );
                under(y, height)
                    .flat_map(|y| under(x, width).map(move |x| (item * height + y) * width + x))
                    .map(|pixel| input[pixel * channels + c])
                    .fold(f32::MIN, f32::max)
            };
            let pooled = Shape {
                height: down,
                width: across,
                ..shape
            };
            let expected: Vec<f32> = (0..pooled.pixels() * channels).map(largest).collect();
            for isa in forms() {
                for crew in [Crew::Alone, Crew::All] {
                    let found = max_pool(isa, crew, window, (&input, shape), pooled, channels);
                    assert_eq!(
                        found,
                        expected,
                        "{window:?} of {height}x{width}, {}",
                        name(isa)
                    );
                }
            }
        }
    }
}

fn max_pool(
    isa: Isa,
    crew: Crew,
    window: Window,
    (input, shape): (&[f32], Shape),
    pooled: Shape,
    channels: usize,
) -> Vec<f32> {
    let mut output = vec![f32::NAN; pooled.pixels() * channels];
    let input = View::new(input, shape, channels, channels);
    let output_view = View::new(&mut *output, pooled, channels, channels);
    max(isa, crew, window, input, output_view);
    output
}

#[test]
fn a_nan_is_the_largest_of_its_windows_and_of_no_other() {
    let (shape, channels) = (Shape::square(1, 1, 5), LINE);
    for isa in forms() {
        for pixel in 0..25 {
            let mut input = vec![1.0; 25 * channels];
            input[pixel * channels] = f32::NAN;
            let window = window(3).padding(1);
            let found = max_pool(isa, Crew::Alone, window, (&input, shape), shape, channels);
            for (at, values) in found.chunks_exact(channels).enumerate() {
                let [y, x] = [[at / 5, pixel / 5], [at % 5, pixel % 5]].map(|[a, b]| a.abs_diff(b));
                let expected = y <= 1 && x <= 1;
                assert_eq!(values[0].is_nan(), expected, "{}: {pixel}, {at}", name(isa));
                assert_eq!(values[1..], vec![1.0; channels - 1]);
            }
        }
    }
}

#[test]
fn average_pool_counts_the_padding() {
    let (side, channels) = (3, 16);
    let shape = Shape::square(1, 1, side);
    let input = vec![9.0; side * side * channels];
    let mut output = vec![0.0; side * side * channels];
    average(
        Isa::detect(),
        Crew::Alone,
        &Epilogue::bias(&vec![0.0; channels]),
        View::new(&*input, shape, channels, channels),
        View::new(&mut *output, shape, channels, channels),
    );
    let first: Vec<f32> = output
        .chunks_exact(channels)
        .map(|pixel| pixel[0])
        .collect();
    assert_eq!(first, [4.0, 6.0, 4.0, 6.0, 9.0, 6.0, 4.0, 6.0, 4.0]);
}
