//! Each kind of convolution against a direct one in float64, and what the scalar form and threads may not change.

use super::amx::Amx;
use super::buffer::{Buffer, LINE};
use super::convolution::{Convolution, Job, Kind};
use super::filters;
use super::gemm::{Epilogue, Gemm};
use super::pooling::{average, max};
use super::simd::Isa;
use super::threads::{self, Crew};
use super::tiles::Block;
use super::view::{Shape, View};
use crate::network::{Window, window};

/// Relative L2 error against float64. F(4x4x4), the worst, has 1.9e-6 at 128 channels.
const TOLERANCE: f64 = 4e-6;

/// Debug builds and Miri are slow: the same code, fewer channels.
const CHANNELS: usize = if cfg!(miri) {
    4
} else if cfg!(debug_assertions) {
    16
} else {
    128
};

/// Output channels: whole panels of the widest vectors, under Miri one of the portable form's.
const OUTPUTS: usize = if cfg!(miri) { 16 } else { 32 };

/// Every form of the kernels that runs here: the portable one, the best, and AVX2 where the best is wider.
fn forms() -> Vec<Isa> {
    let mut forms = vec![Isa::Portable];
    let best = Isa::detect();
    #[cfg(target_arch = "x86_64")]
    if best.panel() > 16 {
        let avx2 = pulp::x86::V3::try_new();
        forms.extend(avx2.map(|avx2| Isa::Native(pulp::Arch::V3(avx2))));
    }
    if matches!(best, Isa::Native(_)) {
        forms.push(best);
    }
    forms
}

/// What a form is called in a message.
fn name(isa: Isa) -> String {
    match isa {
        Isa::Portable => "portable".into(),
        Isa::Native(_) => format!("{} lanes", isa.panel() / 2),
    }
}

/// Every way to compute a volume's products on AMX that runs here.
fn units() -> Vec<(Isa, Amx)> {
    let best = Isa::detect();
    let mut units = vec![(Isa::Portable, Amx::emulated())];
    if matches!(best, Isa::Native(_)) {
        units.push((best, Amx::emulated()));
    }
    match Amx::detect() {
        Some(amx) => units.push((best, amx)),
        None => println!("skipped: this CPU or system has no AMX, which is emulated only"),
    }
    units
}

/// Deterministic values with mean 0 and variance 1, roughly normal.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f32 {
        let mut sum = 0.0;
        for _ in 0..12 {
            self.0 = self
                .0
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            sum += (self.0 >> 40) as f32 / 16777216.0;
        }
        sum - 6.0
    }

    fn take(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.next()).collect()
    }
}

fn relative_error(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let error: f64 = found
        .iter()
        .zip(expected)
        .map(|(&f, e)| (f64::from(f) - e).powi(2))
        .sum();
    (error / expected.iter().map(|e| e * e).sum::<f64>()).sqrt()
}

/// A convolution problem: input `[items, frames, height, width, inputs]`, weights `[outputs, inputs, time, r, r]`.
struct Problem {
    kind: Kind,
    shape: Shape,
    inputs: usize,
    outputs: usize,
    input: Vec<f32>,
    weights: Vec<f32>,
    epilogue: Epilogue,
    amx: Option<Amx>,
    max_pool: bool,
}

impl Problem {
    fn new(kind: Kind, shape: Shape, inputs: usize, outputs: usize) -> Self {
        let mut random = Random(7);
        let [space, time] = kind.axes();
        let input = random
            .take(shape.pixels() * inputs)
            .into_iter()
            .map(|x| x.max(0.0))
            .collect();
        let weights = random.take(outputs * inputs * time.taps * space.taps * space.taps);
        let floor = (0..outputs)
            .map(|i| if i % 2 == 0 { 0.0 } else { f32::NEG_INFINITY })
            .collect();
        let [bias, scale, shift] = [(); 3].map(|()| random.take(outputs));
        Self {
            kind,
            shape,
            inputs,
            outputs,
            input,
            weights,
            epilogue: Epilogue {
                bias,
                scale,
                shift,
                floor,
            },
            amx: None,
            max_pool: false,
        }
    }

    /// Extents that leave partial tiles in every dimension.
    fn odd(kind: Kind) -> Self {
        let [frames, height, width] = match kind {
            Kind::Stem if cfg!(miri) => [1, 8, 7],
            Kind::Stem => [1, 16, 12],
            _ if cfg!(miri) => [3, 5, 3],
            _ => [7, 13, 11],
        };
        let frames = if kind.is_volume() { frames } else { 1 };
        let is_several = !kind.is_volume() && !cfg!(miri);
        let items = if is_several { 2 } else { 1 };
        Self::new(
            kind,
            Shape {
                items,
                frames,
                height,
                width,
            },
            if kind == Kind::Stem { 12 } else { CHANNELS },
            OUTPUTS,
        )
    }

    fn compile(&self, isa: Isa) -> Convolution {
        let filters =
            filters::transform(isa, Crew::Alone, self.kind, self.inputs, &[&self.weights]);
        Convolution {
            kind: self.kind,
            inputs: self.inputs,
            filters,
            epilogue: self.epilogue.clone(),
            amx: self.amx,
            max_pool: self.max_pool,
        }
    }

    /// Raw sums and activations.
    fn run(&self, isa: Isa, crew: Crew, block: usize) -> [Vec<f32>; 2] {
        self.run_with(isa, crew, block, None)
    }

    /// The same with a residual, as large as the output.
    fn run_with(
        &self,
        isa: Isa,
        crew: Crew,
        block: usize,
        residual: Option<&[f32]>,
    ) -> [Vec<f32>; 2] {
        let convolution = self.compile(isa);
        let extents = convolution.extents(self.shape);
        let out = convolution.output_shape(self.shape);
        let padded = self.inputs.next_multiple_of(LINE);
        let mut input = Buffer::zeroed(self.input.len() / self.inputs * padded);
        for (to, from) in input
            .chunks_exact_mut(padded)
            .zip(self.input.chunks_exact(self.inputs))
        {
            to[..self.inputs].copy_from_slice(from);
        }
        let outputs = self.outputs;
        let mut raw = Buffer::zeroed(extents.pixels() * outputs);
        let mut activation = vec![f32::NEG_INFINITY; out.pixels() * outputs];
        let mut job = Job {
            input: View::new(&*input, self.shape, padded, padded),
            output: View::new(&mut *activation, out, outputs, outputs),
            raw: Some(View::new(&mut *raw, extents, outputs, outputs)),
            residual: residual.map(|data| View::new(data, extents, outputs, outputs)),
        };
        let tiles = convolution.tiles(self.shape).iter().product();
        for first in (0..tiles).step_by(block) {
            let range = first..tiles.min(first + block);
            let block = Block::new(&convolution, self.shape, range);
            block.run(isa, crew, &mut job, &mut Default::default());
        }
        [raw.to_vec(), activation]
    }

    /// Raw sums in float64.
    fn direct(&self) -> Vec<f64> {
        let [space, time] = self.kind.axes();
        let (stride, pad) = (
            if matches!(self.kind, Kind::Stride2 | Kind::PlaneStride2) {
                2
            } else {
                1
            },
            usize::from(self.kind != Kind::Stem),
        );
        let (time_stride, time_pad) = if time.taps == 1 {
            (1, 0)
        } else {
            (stride, pad)
        };
        let extent =
            |n: usize, taps: usize, stride: usize, pad: usize| (n + 2 * pad - taps) / stride + 1;
        let Shape {
            items,
            frames,
            height,
            width,
        } = self.shape;
        let (r, taps) = (space.taps, time.taps * space.taps * space.taps);
        let mut sums = vec![];
        for item in 0..items {
            for t in 0..extent(frames, time.taps, time_stride, time_pad) {
                for y in 0..extent(height, r, stride, pad) {
                    for x in 0..extent(width, r, stride, pad) {
                        for o in 0..self.outputs {
                            let mut sum = f64::from(self.epilogue.bias[o]);
                            for tap in 0..taps {
                                let f = (t * time_stride + tap / (r * r)).wrapping_sub(time_pad);
                                let i = (y * stride + tap / r % r).wrapping_sub(pad);
                                let j = (x * stride + tap % r).wrapping_sub(pad);
                                if f >= frames || i >= height || j >= width {
                                    continue;
                                }
                                let pixel = ((item * frames + f) * height + i) * width + j;
                                for c in 0..self.inputs {
                                    let weight = self.weights[(o * self.inputs + c) * taps + tap];
                                    sum += f64::from(self.input[pixel * self.inputs + c])
                                        * f64::from(weight);
                                }
                            }
                            sums.push(sum);
                        }
                    }
                }
            }
        }
        sums
    }

    fn check(&self, isa: Isa) {
        let expected = self.direct();
        let [raw, activation] = self.run(isa, Crew::Alone, 5);
        let error = relative_error(&raw, &expected);
        println!(
            "{:?}, {} channels, {}, {:?}: {error:.1e}",
            self.kind,
            self.inputs,
            name(isa),
            self.amx
        );
        assert!(error < TOLERANCE, "{:?} raw: {error:.1e}", self.kind);
        let error = relative_error(&activation, &self.finished(&expected));
        assert!(error < TOLERANCE, "{:?} activation: {error:.1e}", self.kind);
    }

    /// The activation that follows a raw output: the bias, which that contains, is in `shift` too.
    fn finished(&self, raw: &[f64]) -> Vec<f64> {
        let finished = |(i, raw): (usize, &f64)| {
            let of = |values: &[f32]| f64::from(values[i % self.outputs]);
            let sum = raw - of(&self.epilogue.bias);
            let Epilogue {
                scale,
                shift,
                floor,
                ..
            } = &self.epilogue;
            (sum * of(scale) + of(shift)).max(of(floor))
        };
        raw.iter().enumerate().map(finished).collect()
    }
}

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

#[test]
fn gemm_agrees_with_float64_for_any_number_of_rows() {
    let (depth, columns) = (if cfg!(miri) { 5 } else { 100 }, 64);
    for isa in forms() {
        for rows in 1..=if cfg!(miri) { 7 } else { 27 } {
            let mut random = Random(rows as u64);
            let [a, b] = [rows, columns].map(|extent| random.take(extent * depth));
            let panel = isa.panel();
            let mut packed = vec![0.0; b.len()];
            for (i, &value) in b.iter().enumerate() {
                let (k, n) = (i / columns, i % columns);
                packed[(n / panel * depth + k) * panel + n % panel] = value;
            }
            let mut c = vec![0.0; rows * columns];
            let mut multiply = |add| {
                isa.run(Gemm {
                    a: &a,
                    b: &packed,
                    c: &mut c,
                    rows,
                    depth,
                    columns,
                    strides: [depth, columns],
                    add,
                    epilogue: None,
                    next: &[],
                });
            };
            multiply(false);
            multiply(true);
            let product = |i: usize| {
                let terms = (0..depth).map(|k| {
                    f64::from(a[i / columns * depth + k]) * f64::from(b[k * columns + i % columns])
                });
                2.0 * terms.sum::<f64>()
            };
            let expected: Vec<f64> = (0..rows * columns).map(product).collect();
            let error = relative_error(&c, &expected);
            assert!(error < 1e-6, "{rows} rows: {error:.1e}");
        }
    }
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
