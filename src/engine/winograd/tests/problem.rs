//! A convolution in both ways: by tiles, and directly in float64.

use super::super::convolution::{Convolution, Job, Kind};
use super::super::filters;
use super::super::gemm::Epilogue;
use super::super::tiles::Block;
use super::super::view::{Shape, View};
use super::{CHANNELS, OUTPUTS, Random, TOLERANCE, name, relative_error};
use crate::engine::cpu::amx::Amx;
use crate::engine::cpu::buffer::{Buffer, LINE};
use crate::engine::cpu::simd::Isa;
use crate::engine::cpu::threads::Crew;

/// A convolution problem: input `[items, frames, height, width, inputs]`, weights `[outputs, inputs, time, r, r]`.
pub(super) struct Problem {
    pub kind: Kind,
    pub shape: Shape,
    pub inputs: usize,
    pub outputs: usize,
    pub input: Vec<f32>,
    pub weights: Vec<f32>,
    pub epilogue: Epilogue,
    pub amx: Option<Amx>,
    pub max_pool: bool,
}

impl Problem {
    pub(super) fn new(kind: Kind, shape: Shape, inputs: usize, outputs: usize) -> Self {
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
    pub(super) fn odd(kind: Kind) -> Self {
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

    pub(super) fn compile(&self, isa: Isa) -> Convolution {
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
    pub(super) fn run(&self, isa: Isa, crew: Crew, block: usize) -> [Vec<f32>; 2] {
        self.run_with(isa, crew, block, None)
    }

    /// The same with a residual, as large as the output.
    pub(super) fn run_with(
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
    pub(super) fn direct(&self) -> Vec<f64> {
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

    pub(super) fn check(&self, isa: Isa) {
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
    pub(super) fn finished(&self, raw: &[f64]) -> Vec<f64> {
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
