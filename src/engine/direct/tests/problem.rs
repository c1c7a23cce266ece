//! A convolution in both ways: on the unit, and directly in float64.

use super::super::convolution::Convolution;
use super::super::grid::{CHANNELS, Grid, Part, SLACK};
use super::super::job::{Job, Target};
use super::super::numbers::{nearest, numbers, word};
use super::super::packing::{pack, packed_len};
use super::super::pooled::Pooled;
use super::super::tiling::{Cut, Tiling};
use super::super::unit::{PANEL, Unit};
use super::with_hands;
use crate::engine::cpu::buffer::{Buffer, LINE, Span};
use crate::engine::cpu::epilogue::Epilogue;
use crate::engine::cpu::simd::Isa;
use crate::engine::cpu::testing::Random;
use crate::engine::cpu::threads::Crew;
use crate::network::Window;

/// What is convolved, and how its values lie.
#[derive(Debug, Clone, Copy)]
pub(super) struct Problem {
    pub axes: usize,
    pub window: Window,
    /// Frames, rows and columns of the input.
    pub extents: [usize; 3],
    /// Chunks of the input, and panels of the output.
    pub chunks: [usize; 2],
    pub items: usize,
    /// Whether a max pool follows.
    pub is_pooled: bool,
    /// Whether there are a residual and raw sums.
    pub has_residual: bool,
    /// Whether input and output lie apart.
    pub apart: [bool; 2],
    /// Whether filters are taken as from far, some steps at a time.
    pub is_far: bool,
}

impl Problem {
    pub(super) fn new(axes: usize, window: Window, extents: [usize; 3]) -> Self {
        Self {
            axes,
            window,
            extents,
            chunks: if cfg!(miri) { [1, 1] } else { [2, 3] },
            items: 2,
            is_pooled: false,
            has_residual: false,
            apart: [false; 2],
            is_far: false,
        }
    }

    /// Extents of the convolution.
    fn convolved(&self) -> [usize; 3] {
        let Window {
            kernel,
            stride,
            padding,
        } = self.window;
        let extent = |extent: usize| (extent + 2 * padding - kernel) / stride + 1;
        let [frames, height, width] = self.extents;
        let frames = if self.axes == 3 {
            extent(frames)
        } else {
            frames
        };
        [frames, extent(height), extent(width)]
    }

    /// Extents of the output.
    fn made(&self) -> [usize; 3] {
        let [frames, height, width] = self.convolved();
        match self.is_pooled {
            true => [frames, (height - 2) / 2 + 1, (width - 2) / 2 + 1],
            false => [frames, height, width],
        }
    }

    fn grid(&self, chunks: usize, extents: [usize; 3], apart: bool) -> Grid {
        Grid {
            chunks,
            extents,
            in_time: self.axes == 3,
            apart,
        }
    }

    fn values(&self, seed: u64, count: usize) -> Vec<f32> {
        let rounded = |value: f32| f32::from_bits(nearest(value) << 16);
        let values = Random(seed).take(count).into_iter();
        values.map(rounded).collect()
    }

    fn taps(&self) -> usize {
        self.window.kernel.pow(self.axes as u32)
    }

    /// `[item, frame, row, column, channel]`.
    pub(super) fn input(&self) -> Vec<f32> {
        let pixels = self.items * self.extents.iter().product::<usize>();
        self.values(1, pixels * self.chunks[0] * CHANNELS)
    }

    /// `[output, input, tap]`.
    fn weights(&self) -> Vec<f32> {
        let each = self.chunks[0] * CHANNELS * self.taps();
        self.values(2, self.chunks[1] * PANEL * each)
    }

    fn epilogue(&self) -> Epilogue {
        let outputs = self.chunks[1] * PANEL;
        let [bias, scale, shift] = [3, 4, 5].map(|seed| Random(seed).take(outputs));
        // What is pooled has no negative number.
        let other = if self.is_pooled {
            0.0
        } else {
            f32::NEG_INFINITY
        };
        let floor = (0..outputs).map(|i| [0.0, other][i % 2]);
        Epilogue {
            bias,
            scale,
            shift,
            floor: floor.collect(),
        }
    }

    fn residual(&self) -> Vec<f32> {
        let pixels = self.items * self.made().iter().product::<usize>();
        let spread = ((self.chunks[0] * CHANNELS * self.taps()) as f32).sqrt();
        let values = self.values(6, pixels * self.chunks[1] * PANEL);
        values
            .iter()
            .map(|value| f32::from_bits(nearest(spread * value) << 16))
            .collect()
    }

    /// Raw sums and activations, if the border is zero: found by the unit on so many threads.
    pub(super) fn run<U: Unit>(
        &self,
        unit: U,
        isa: Isa,
        threads: usize,
        input: &[f32],
    ) -> [Vec<f32>; 2] {
        let [chunks, panels] = self.chunks;
        // The channels lie among others: a chunk before the input, and one before and behind the output.
        let from = Part {
            grid: self.grid(chunks + 1, self.extents, self.apart[0]),
            first: 1,
            chunks,
        };
        let to = Part {
            grid: self.grid(panels + 2, self.made(), self.apart[1]),
            first: 1,
            chunks: panels,
        };
        let beside = Part {
            grid: self.grid(panels, self.made(), false),
            first: 0,
            chunks: panels,
        };
        let convolved = self.grid(panels, self.convolved(), self.apart[1]);
        let how = if self.is_pooled {
            Cut::Rows
        } else {
            Cut::Shortest
        };
        let made = if self.is_pooled { convolved } else { to.grid };
        let tiling = Tiling::new(self.axes, self.window, from, made, how);
        let inputs = chunks * CHANNELS;
        let sizes = [inputs, self.taps()];
        let mut filters = vec![0.0; packed_len(panels * PANEL, inputs, self.taps())];
        pack(isa, Crew::Alone, sizes, &[&self.weights()], &mut filters);
        let is_wide = self.window.kernel == 1;
        let mut convolution = Convolution::new(tiling, self.epilogue(), is_wide);
        if self.is_far {
            convolution.make_far();
        }
        let source = laid(from, self.items, input);
        let residual = laid(beside, self.items, &self.residual());
        let mut raw = Buffer::zeroed((self.items * beside.grid.item() + SLACK) * LINE);
        let mut output = Buffer::zeroed((self.items * to.grid.item() + SLACK) * LINE);
        {
            let span = Span::new(&mut output);
            let job = Job {
                filters: &filters,
                input: &source,
                item: from.grid.item() * LINE,
                output: Target::new(span, to),
                raw: self
                    .has_residual
                    .then_some(Target::new(Span::new(&mut raw), beside)),
                residual: self
                    .has_residual
                    .then_some(Target::new(Span::shared(&residual), beside)),
                next: &[],
            };
            with_hands(threads, |hands| match self.is_pooled {
                true => Pooled::new(convolution, convolved).unwrap().run(
                    unit,
                    isa,
                    hands,
                    self.items,
                    &job,
                    (span, to),
                ),
                false => convolution.run(unit, isa, hands, self.items, &job),
            });
        }
        [
            taken(beside, self.items, &raw),
            taken(to, self.items, &output),
        ]
    }

    /// The same in float64, each value rounded once.
    pub(super) fn direct(&self, input: &[f32]) -> [Vec<f64>; 2] {
        let (weights, epilogue) = (self.weights(), self.epilogue());
        let Window {
            kernel,
            stride,
            padding,
        } = self.window;
        let [inputs, outputs] = self.chunks.map(|chunks| chunks * CHANNELS);
        let [frames, height, width] = self.convolved();
        let [all_frames, all_rows, all_columns] = self.extents;
        let residual = self.residual();
        let (mut raw, mut activation) = (Vec::new(), Vec::new());
        let places = (0..self.items * frames * height * width).map(|n| {
            let (y, x) = (n / width % height, n % width);
            (
                n / width / height / frames,
                n / width / height % frames,
                y,
                x,
            )
        });
        for (item, t, y, x) in places {
            for o in 0..outputs {
                let mut sum = 0.0;
                for tap in 0..self.taps() {
                    let first = |at: usize, tap: usize| (at * stride + tap).wrapping_sub(padding);
                    let (i, j) = (first(y, tap / kernel % kernel), first(x, tap % kernel));
                    let f = match self.axes {
                        3 => first(t, tap / kernel / kernel),
                        _ => t,
                    };
                    if f >= all_frames || i >= all_rows || j >= all_columns {
                        continue;
                    }
                    let pixel = ((item * all_frames + f) * all_rows + i) * all_columns + j;
                    for c in 0..inputs {
                        let weight = weights[(o * inputs + c) * self.taps() + tap];
                        sum += f64::from(input[pixel * inputs + c]) * f64::from(weight);
                    }
                }
                if self.has_residual {
                    sum += f64::from(residual[raw.len()]);
                }
                let of = |values: &[f32]| f64::from(values[o]);
                raw.push(sum + of(&epilogue.bias));
                let value = sum * of(&epilogue.scale) + of(&epilogue.shift);
                activation.push(value.max(of(&epilogue.floor)));
            }
        }
        if self.is_pooled {
            activation = self.pooled(&activation);
        }
        let rounded = |value: &f64| f64::from(f32::from_bits(nearest(*value as f32) << 16));
        [raw, activation].map(|values| values.iter().map(rounded).collect())
    }

    /// A max pool of 3x3 pixels with stride 2.
    fn pooled(&self, values: &[f64]) -> Vec<f64> {
        let ([frames, height, width], [_, rows, columns]) = (self.convolved(), self.made());
        let outputs = self.chunks[1] * PANEL;
        let mut pooled = Vec::new();
        for frame in 0..self.items * frames {
            for n in 0..rows * columns * outputs {
                let (y, x, o) = (n / outputs / columns, n / outputs % columns, n % outputs);
                let mut largest = f64::NEG_INFINITY;
                for i in 2 * y..(2 * y + 3).min(height) {
                    for j in 2 * x..(2 * x + 3).min(width) {
                        let pixel = (frame * height + i) * width + j;
                        largest = largest.max(values[pixel * outputs + o]);
                    }
                }
                pooled.push(largest);
            }
        }
        pooled
    }
}

/// The places of all pixels of a part: item, frame, row and column.
fn places(part: Part, items: usize) -> impl Iterator<Item = [usize; 4]> {
    let [frames, height, width] = part.grid.extents;
    (0..items * frames * height * width).map(move |n| {
        let rest = n / width / height;
        [rest / frames, rest % frames, n / width % height, n % width]
    })
}

/// The words of a pixel of a chunk.
fn words(part: Part, [item, frame, y, x]: [usize; 4], chunk: usize) -> std::ops::Range<usize> {
    let line = part.start([item, frame, chunk]) + part.grid.pixel(y, x);
    line * LINE..(line + 1) * LINE
}

/// Values laid in a grid. What lies behind it, and in other channels, must not matter, and is NaN.
pub(super) fn laid(part: Part, items: usize, values: &[f32]) -> Buffer {
    let end = items * part.grid.item() * LINE;
    let mut lines = Buffer::zeroed(end + SLACK * LINE);
    lines[end..].fill(word(f32::NAN, f32::NAN));
    for place in places(part, items) {
        for chunk in 0..part.first {
            let other = Part { first: 0, ..part };
            lines[words(other, place, chunk)].fill(word(f32::NAN, f32::NAN));
        }
    }
    let mut values = values.chunks_exact(CHANNELS);
    for place in places(part, items) {
        for chunk in 0..part.chunks {
            let (pairs, _) = values.next().unwrap().as_chunks();
            let line = &mut lines[words(part, place, chunk)];
            for (to, &[lower, upper]) in line.iter_mut().zip(pairs) {
                *to = word(lower, upper);
            }
        }
    }
    lines
}

/// The values that lie in a grid.
///
/// # Panics
/// When anything else is not zero.
pub(super) fn taken(part: Part, items: usize, lines: &[f32]) -> Vec<f32> {
    let mut rest = lines.to_vec();
    let mut values = Vec::new();
    for place in places(part, items) {
        for chunk in 0..part.chunks {
            let words = words(part, place, chunk);
            values.extend(lines[words.clone()].iter().flat_map(|&word| numbers(word)));
            rest[words].fill(0.0);
        }
    }
    assert!(
        rest.iter().all(|word| word.to_bits() == 0),
        "the border is written"
    );
    values
}
