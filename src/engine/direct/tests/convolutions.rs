//! Each kind of convolution, with all that may follow it.

use super::super::convolution::Convolution;
use super::super::grid::{CHANNELS, Grid, Part, SLACK};
use super::super::image;
use super::super::job::{Job, Target};
use super::super::numbers::nearest;
use super::super::packing::{pack, packed_len};
use super::super::tiling::Tiling;
use super::problem::{Problem, taken};
use super::{emulation, with_hands};
use crate::engine::cpu::buffer::{Buffer, LINE, Span};
use crate::engine::cpu::epilogue::Epilogue;
use crate::engine::cpu::simd::Isa;
use crate::engine::cpu::testing::{Random, forms, name, relative_error};
use crate::engine::cpu::threads::Crew;
use crate::network::{Window, window};

/// Relative L2 distance to float64 rounded once. Sums in float32 are on the other side of a tie once in some thousand values,
/// by a 256th.
const TOLERANCE: f64 = 3e-4;

const ONE: Window = window(1);
const SAME: Window = window(3).padding(1);
const HALF: Window = window(3).stride(2).padding(1);

/// All kinds at sizes that leave partial tiles: rows shorter and longer than a tile, and tiles through the ends of rows.
fn problems() -> Vec<Problem> {
    let mut problems = Vec::new();
    let frames: &[[usize; 3]] = match cfg!(miri) {
        true => &[[1, 2, 3]],
        false => &[[1, 7, 7], [1, 5, 17], [1, 13, 14], [1, 6, 31]],
    };
    for &extents in frames {
        problems.extend([ONE, SAME, HALF].map(|window| Problem::new(2, window, extents)));
    }
    let volumes: &[[usize; 3]] = match cfg!(miri) {
        true => &[[1, 2, 3]],
        false => &[[1, 7, 7], [3, 5, 9], [4, 4, 16]],
    };
    for &extents in volumes {
        problems.extend([SAME, HALF].map(|window| Problem::new(3, window, extents)));
    }
    // A residual and raw sums; apart, as input and as output; a max pool.
    let last = volumes[volumes.len() - 1];
    let with_residual = Problem {
        has_residual: true,
        ..Problem::new(3, SAME, last)
    };
    problems.extend([
        with_residual,
        Problem {
            apart: [false, true],
            ..with_residual
        },
        Problem {
            apart: [true, false],
            ..Problem::new(3, HALF, last)
        },
        Problem {
            apart: [true, false],
            ..Problem::new(2, HALF, frames[frames.len() - 1])
        },
    ]);
    // From far, in several groups and rounds, and deep.
    problems.extend(volumes.iter().map(|&extents| Problem {
        is_far: true,
        has_residual: true,
        ..Problem::new(3, SAME, extents)
    }));
    problems.extend(frames.iter().map(|&extents| Problem {
        chunks: if cfg!(miri) { [11, 1] } else { [13, 3] },
        ..Problem::new(2, ONE, extents)
    }));
    problems.extend(frames.iter().map(|&extents| Problem {
        is_pooled: true,
        ..Problem::new(2, SAME, extents)
    }));
    problems
}

#[test]
fn every_convolution_agrees_with_a_direct_one_at_odd_sizes() {
    for problem in problems() {
        let input = problem.input();
        let expected = problem.direct(&input);
        for isa in forms() {
            let found = problem.run(emulation(), isa, 1, &input);
            let parts = if problem.has_residual { 0..2 } else { 1..2 };
            for part in parts {
                let error = relative_error(&found[part], &expected[part]);
                println!("{problem:?}, {}: {error:.1e}", name(isa));
                assert!(error < TOLERANCE, "{problem:?}, {}: {error:.1e}", name(isa));
            }
        }
    }
}

#[test]
fn neither_threads_nor_vectors_change_a_bit() {
    for problem in problems() {
        let input = problem.input();
        let expected = problem.run(emulation(), Isa::Portable, 1, &input);
        for isa in forms() {
            let threads: &[usize] = if cfg!(miri) { &[2] } else { &[1, 2, 5] };
            for &threads in threads {
                let found = problem.run(emulation(), isa, threads, &input);
                assert_eq!(
                    found,
                    expected,
                    "{problem:?}, {}, {threads} threads",
                    name(isa)
                );
            }
        }
    }
}

#[test]
fn a_nan_spoils_the_pixels_whose_filters_reach_it_and_no_other_item() {
    for problem in problems() {
        let clean = problem.input();
        let expected = problem.run(emulation(), Isa::detect(), 1, &clean);
        let mut input = clean.clone();
        let half = input.len() / 2;
        input[half / 2] = f32::NAN;
        let found = problem.run(emulation(), Isa::detect(), 1, &input);
        let [found, expected] = [&found[1], &expected[1]];
        let (spoilt, other) = found.split_at(found.len() / 2);
        assert!(spoilt.iter().any(|value| value.is_nan()), "{problem:?}");
        assert_eq!(other, &expected[found.len() / 2..], "{problem:?}");
        for (found, expected) in spoilt.iter().zip(expected) {
            assert!(found.is_nan() || found == expected, "{problem:?}");
        }
    }
}

/// Its size is the network's.
#[test]
#[cfg_attr(miri, ignore = "takes too long")]
fn the_stem_agrees_with_a_direct_one() {
    const SIDE: usize = 224;
    const MADE: usize = 112;
    const OUTPUTS: usize = 32;
    let frame = Random(1).take(3 * SIDE * SIDE);
    let weights = Random(2).take(OUTPUTS * 3 * 49);
    let to = Part {
        grid: Grid {
            chunks: OUTPUTS / CHANNELS,
            extents: [1, MADE, MADE],
            in_time: false,
            apart: false,
        },
        first: 0,
        chunks: OUTPUTS / CHANNELS,
    };
    let isa = Isa::detect();
    let mut filters = vec![0.0; packed_len(OUTPUTS, CHANNELS, image::TAPS)];
    let regrouped = image::regrouped(&weights);
    let sizes = [CHANNELS, image::TAPS];
    pack(isa, Crew::Alone, sizes, &[&regrouped], &mut filters);
    let epilogue = Epilogue::bias(&[0.5; OUTPUTS]);
    let stem = Convolution::new(Tiling::stem(to.grid), epilogue, true);
    let mut input = Buffer::zeroed(image::WORDS);
    image::interleave(isa, &frame, &mut input);
    let mut output = Buffer::zeroed((to.grid.item() + SLACK) * LINE);
    let job = Job {
        filters: &filters,
        input: &input,
        item: image::WORDS,
        output: Target::new(Span::new(&mut output), to),
        raw: None,
        residual: None,
        next: &[],
    };
    with_hands(1, |hands| stem.run(emulation(), isa, hands, 1, &job));
    let found = taken(to, 1, &output);

    let round = |value: f32| f32::from_bits(nearest(value) << 16);
    let [frame, weights] =
        [frame, weights].map(|all| all.into_iter().map(round).collect::<Vec<f32>>());
    let mut expected = Vec::new();
    for n in 0..MADE * MADE * OUTPUTS {
        let (y, x, o) = (n / OUTPUTS / MADE, n / OUTPUTS % MADE, n % OUTPUTS);
        let mut sum = 0.5;
        for tap in 0..3 * 49 {
            let i = (2 * y + tap / 7 % 7).wrapping_sub(3);
            let j = (2 * x + tap % 7).wrapping_sub(3);
            if i < SIDE && j < SIDE {
                let pixel = frame[(tap / 49 * SIDE + i) * SIDE + j];
                sum += f64::from(pixel) * f64::from(weights[o * 3 * 49 + tap]);
            }
        }
        expected.push(f64::from(round(sum as f32)));
    }
    let error = relative_error(&found, &expected);
    assert!(error < TOLERANCE, "{error:.1e}");
}
