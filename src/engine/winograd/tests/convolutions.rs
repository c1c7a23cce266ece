//! Each kind of convolution, with and without a max pool.

use super::super::convolution::Kind;
use super::super::view::Shape;
use super::problem::Problem;
use super::{OUTPUTS, Random, forms, name, relative_error, units};
use crate::engine::cpu::simd::Isa;
use crate::engine::cpu::threads::{self, Crew};

const KINDS: [Kind; 6] = [
    Kind::Stem,
    Kind::Plane,
    Kind::PlaneStride2,
    Kind::Volume4,
    Kind::Volume2,
    Kind::Stride2,
];

const VOLUMES: [Kind; 3] = [Kind::Volume2, Kind::Volume4, Kind::Stride2];

#[test]
fn every_convolution_agrees_with_a_direct_one_at_odd_sizes() {
    for isa in forms() {
        for kind in KINDS {
            Problem::odd(kind).check(isa);
        }
    }
}

/// Whole chunks of channels and others, whole registers of rows and others.
#[test]
#[cfg_attr(miri, ignore = "takes too long")]
fn products_on_amx_agree_and_change_no_bit_with_threads_and_blocks() {
    for (isa, amx) in units() {
        for kind in VOLUMES {
            let mut problem = Problem::odd(kind);
            problem.amx = Some(amx);
            problem.check(isa);
            let alone = problem.run(isa, Crew::Alone, 64);
            for (threads, block) in [(2, 64), (3, 7)] {
                let pool = threads::pool(threads).unwrap();
                let shared = pool.install(|| problem.run(isa, Crew::All, block));
                assert_eq!(alone, shared, "{kind:?}, {threads} threads");
            }
            for inputs in [4, 68, 96] {
                let mut problem = Problem::new(kind, Shape::square(1, 3, 5), inputs, OUTPUTS);
                problem.amx = Some(amx);
                problem.check(isa);
            }
        }
    }
}

#[test]
fn every_form_gives_the_same_bits() {
    for kind in KINDS {
        let problem = Problem::odd(kind);
        let portable = problem.run(Isa::Portable, Crew::Alone, 64);
        for isa in forms() {
            let found = problem.run(isa, Crew::Alone, 64);
            assert_eq!(portable, found, "{kind:?} in {}", name(isa));
        }
    }
}

#[test]
fn neither_threads_nor_the_cut_into_blocks_change_a_bit() {
    for kind in KINDS {
        let problem = Problem::odd(kind);
        let alone = problem.run(Isa::detect(), Crew::Alone, 64);
        for (threads, block) in [(2, 64), (3, 1), (3, 7)] {
            let shared = threads::pool(threads)
                .unwrap()
                .install(|| problem.run(Isa::detect(), Crew::All, block));
            assert_eq!(
                alone, shared,
                "{kind:?}, {threads} threads, blocks of {block}"
            );
        }
    }
}

#[test]
fn extents_smaller_than_a_tile_are_computed_too() {
    for (kind, frames) in [
        (Kind::Plane, 1),
        (Kind::PlaneStride2, 1),
        (Kind::Volume4, 1),
        (Kind::Volume2, 1),
        (Kind::Stride2, 2),
    ] {
        Problem::new(
            kind,
            Shape {
                items: 1,
                frames,
                height: 2,
                width: 3,
            },
            4,
            OUTPUTS,
        )
        .check(Isa::detect());
    }
}

/// Tiles that are short down, across, both ways and not at all; under Miri both ways.
#[test]
fn short_tiles_agree_wherever_they_lie() {
    let (items, frames, extents) = if cfg!(miri) {
        (1, 1, 5..6)
    } else {
        (2, 3, 5..9)
    };
    for kind in KINDS {
        let inputs = if kind == Kind::Stem { 12 } else { 4 };
        let frames = if kind.is_volume() { frames } else { 1 };
        for (height, width) in extents
            .clone()
            .flat_map(|y| extents.clone().map(move |x| (y, x)))
        {
            let shape = Shape {
                items,
                frames,
                height,
                width,
            };
            Problem::new(kind, shape, inputs, OUTPUTS).check(Isa::detect());
        }
    }
}

/// Filters along time are made of pieces of 64 inputs.
#[test]
#[cfg_attr(miri, ignore = "takes too long")]
fn inputs_that_are_no_whole_pieces_are_computed_too() {
    let shape = Shape {
        items: 1,
        frames: 3,
        height: 5,
        width: 3,
    };
    for kind in VOLUMES {
        for inputs in [68, 96] {
            Problem::new(kind, shape, inputs, OUTPUTS).check(Isa::detect());
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "takes too long")]
fn outputs_of_more_than_one_group_are_computed_too() {
    let shape = Shape {
        items: 1,
        frames: 1,
        height: 5,
        width: 7,
    };
    for isa in forms() {
        for kind in [Kind::Plane, Kind::PlaneStride2] {
            // Whole groups, and ones that are not.
            for outputs in [128, 96, 160] {
                Problem::new(kind, shape, 4, outputs).check(isa);
            }
        }
    }
}

#[test]
fn a_residual_is_added_before_the_raw_output_and_the_epilogue() {
    let problem = Problem::odd(Kind::Plane);
    let isa = Isa::detect();
    let [plain, _] = problem.run(isa, Crew::Alone, 64);
    let residual = Random(3).take(plain.len());
    let [raw, activation] = problem.run_with(isa, Crew::Alone, 64, Some(&residual));
    let sums = plain.iter().zip(&residual);
    let expected: Vec<f64> = sums
        .map(|(&sum, &residual)| f64::from(sum) + f64::from(residual))
        .collect();
    let error = relative_error(&raw, &expected);
    assert!(error < 1e-6, "raw: {error:.1e}");
    let error = relative_error(&activation, &problem.finished(&expected));
    assert!(error < 1e-6, "activation: {error:.1e}");
}

/// Windows of three pixels, two apart, the last one cut off where the image ends (`ceil_mode`).
#[test]
fn a_max_pool_takes_the_largest_of_every_window() {
    let extents = if cfg!(miri) { 5..6 } else { 5..9 };
    let blocks = if cfg!(miri) { 1..2 } else { 1..5 };
    for (height, width) in extents
        .clone()
        .flat_map(|y| extents.clone().map(move |x| (y, x)))
    {
        let shape = Shape {
            items: 2,
            frames: 1,
            height,
            width,
        };
        let mut problem = Problem::new(Kind::Plane, shape, 4, OUTPUTS);
        let [_, plain] = problem.run(Isa::detect(), Crew::Alone, 64);
        problem.max_pool = true;
        let [down, across] = [height, width].map(|extent| extent / 2);
        let channels = problem.outputs;
        let largest = |i: usize| {
            let (pixel, c) = (i / channels, i % channels);
            let (item, y, x) = (
                pixel / (down * across),
                pixel / across % down,
                pixel % across,
            );
            let window = (2 * y..(2 * y + 3).min(height))
                .flat_map(|y| (2 * x..(2 * x + 3).min(width)).map(move |x| (y, x)));
            window
                .map(|(y, x)| plain[((item * height + y) * width + x) * channels + c])
                .fold(f32::MIN, f32::max)
        };
        let expected: Vec<f32> = (0..2 * down * across * channels).map(largest).collect();
        for block in blocks.clone() {
            let [_, found] = problem.run(Isa::detect(), Crew::Alone, block);
            assert_eq!(found, expected, "{height} x {width}, blocks of {block}");
            let shared = threads::pool(3).unwrap();
            let [_, found] = shared.install(|| problem.run(Isa::detect(), Crew::All, block));
            assert_eq!(found, expected, "{height} x {width}, three threads");
        }
    }
}
