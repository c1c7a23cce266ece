//! How a convolution is computed: in blocks of tiles, by a transform of their inputs to points, one matrix product per point,
//! and a transform of the products to outputs.
//!
//! A tile covers as many pixels down and across as the algorithm of both spatial axes has points. Transformed inputs lie as
//! `[point][tile][frame][channel]`, the products of a group of output channels likewise, filters as `filters` says. What happens
//! along time, between inputs and products, is in `time`.

mod space;
mod time;

use super::convolution::{Convolution, Job};
use super::filters;
use super::gemm::Gemm;
use super::view::{Layout, Shape};
use crate::engine::cpu::buffer::{Buffer, LINE};
use crate::engine::cpu::simd::Isa;
use crate::engine::cpu::threads::{Crew, share};
use std::ops::Range;

/// Floats of transformed inputs or products per block of one thread: they stay in the second-level cache. Larger blocks read the
/// filters less often.
const SMALL: usize = 180_000;
/// The same when all threads work on a block. Inputs and products are written and read once each, and all filters are read in
/// between: fewer blocks read the filters less often, larger ones leave the last-level cache.
const LARGE: usize = 6 << 20;

impl Convolution {
    /// Computes a job in blocks that suit the crew, with `scratch` for the transformed inputs, for the products, and for what
    /// threads need in between.
    pub fn run(&self, isa: Isa, crew: Crew, job: &mut Job, scratch: &mut [Buffer; 3]) {
        let shape = job.input.shape();
        let tiles = self.tiles(shape).iter().product::<usize>();
        let limit = if crew == Crew::Alone { SMALL } else { LARGE };
        let [inputs, _] = self.channels();
        let outputs = self.group() * self.extents(shape).frames;
        let per_tile = self.points() * (inputs * shape.frames).max(outputs);
        let blocks = tiles.div_ceil((limit / per_tile).max(1));
        if self.max_pool {
            job.output.fill(f32::NEG_INFINITY);
        }
        for block in 0..blocks {
            Block::new(self, shape, share(tiles, block, blocks)).run(isa, crew, job, scratch);
        }
    }
}

/// A spatial tile.
#[derive(Clone, Copy)]
struct Tile {
    /// Item, row and column.
    place: [usize; 3],
    /// Points down and across: fewer where it is short.
    points: [usize; 2],
}

/// Some tiles of a convolution, and how their points lie in memory.
pub struct Block<'a> {
    convolution: &'a Convolution,
    /// Extents of the input.
    input: Shape,
    /// Extents of the convolution.
    output: Shape,
    /// First the tiles that are short across, then whole ones, then those that are short down, last those that are short both
    /// ways. So the tiles that have a given point are contiguous.
    tiles: Vec<Tile>,
    /// Channels of the points, inputs and products.
    channels: [usize; 2],
    /// Where points and products lie, by point, tile and frame. There is a line between points: points a power of two apart
    /// would compete for the same cache sets.
    points: Layout<3>,
    products: Layout<3>,
}

/// What belongs to one spatial point.
struct Point<'a> {
    index: usize,
    /// The tiles that have it.
    tiles: Range<usize>,
    /// The transformed inputs of all tiles.
    inputs: &'a [f32],
    /// The filters of all its taps in time, and what follows them in memory.
    filters: &'a [f32],
}

impl<'a> Block<'a> {
    /// These spatial tiles of an input of `shape`.
    ///
    /// # Panics
    /// When there are not so many, or none.
    pub fn new(convolution: &'a Convolution, input: Shape, tiles: Range<usize>) -> Self {
        let [space, _] = convolution.kind.axes();
        let output = convolution.extents(input);
        let [items, down, across] = convolution.tiles(input);
        assert!(!tiles.is_empty() && tiles.end <= items * down * across);
        let tiles = tiles.map(|tile| {
            let place = [tile / (down * across), tile / across % down, tile % across];
            let points = [
                space.needed(place[1], output.height),
                space.needed(place[2], output.width),
            ];
            Tile { place, points }
        });
        let mut tiles: Vec<_> = tiles.collect();
        tiles.sort_by_key(|tile| {
            let [down, across] = tile.points.map(|points| points < space.points);
            (down, down == across)
        });
        let channels = convolution.channels();
        let layout = |frames: usize, channels: usize| Layout {
            strides: [
                tiles.len() * frames * channels + LINE,
                frames * channels,
                channels,
            ],
        };
        Self {
            convolution,
            input,
            output,
            channels,
            points: layout(input.frames, channels[0]),
            products: layout(output.frames, convolution.group()),
            tiles,
        }
    }

    /// Computes these tiles of a job.
    pub fn run(&self, isa: Isa, crew: Crew, job: &mut Job, scratch: &mut [Buffer; 3]) {
        let [w, y, own] = self.memory(isa, crew, scratch);
        self.inputs(isa, crew, job.input, w);
        for group in self.groups() {
            self.multiply(isa, crew, group.clone(), w, y, own);
            self.outputs(isa, crew, group, y, job);
        }
    }

    /// The output channels, in groups that are computed one after the other.
    pub fn groups(&self) -> impl Iterator<Item = Range<usize>> {
        let (all, group) = (self.channels[1], self.convolution.group());
        (0..all)
            .step_by(group)
            .map(move |first| first..all.min(first + group))
    }

    /// Room for the transformed inputs, for the products, and for what the crew's threads need in between.
    pub fn memory<'m>(
        &self,
        isa: Isa,
        crew: Crew,
        [w, y, own]: &'m mut [Buffer; 3],
    ) -> [&'m mut [f32]; 3] {
        let points = self.convolution.points();
        [
            w.room(points * self.points.strides[0]),
            y.room(points * self.products.strides[0]),
            own.room(crew.threads() * self.memory_in_time(isa)),
        ]
    }

    /// Computes the products of every point for a group of output channels, of `w` to `y`.
    ///
    /// # Panics
    /// When it is none of [`Block::groups`].
    pub fn multiply(
        &self,
        isa: Isa,
        crew: Crew,
        group: Range<usize>,
        w: &[f32],
        y: &mut [f32],
        own: &mut [f32],
    ) {
        if self.convolution.kind.is_volume() {
            assert_eq!(group, 0..self.channels[1]);
            return self.multiply_in_time(isa, crew, w, y, own);
        }
        let (depth, panel) = (self.convolution.inputs, isa.panel());
        crew.chunks(y, self.products.strides[0], |index, y| {
            let point = self.point(isa, index, w);
            let next_point = self.point(isa, (index + 1) % self.convolution.points(), w);
            let [a, c] =
                [self.points, self.products].map(|layout| layout.at([0, point.tiles.start, 0]));
            for column in group.clone().step_by(panel) {
                let next = if column + panel < group.end {
                    &point.filters[(column + panel) * depth..]
                } else {
                    &next_point.filters[group.start * depth..]
                };
                isa.run(Gemm {
                    a: &point.inputs[a..],
                    b: &point.filters[column * depth..],
                    c: &mut y[c + column - group.start..],
                    rows: point.tiles.len(),
                    depth,
                    columns: panel,
                    strides: [self.points, self.products].map(|layout| layout.strides[1]),
                    add: false,
                    epilogue: None,
                    next: upto(depth * panel, next),
                });
            }
        });
    }

    /// What belongs to spatial point `index` of the transformed inputs `w`.
    fn point<'s>(&'s self, isa: Isa, index: usize, w: &'s [f32]) -> Point<'s> {
        let convolution = self.convolution;
        let [space, _] = convolution.kind.axes();
        let (i, j) = (index / space.points, index % space.points);
        let has = |tile: &Tile| i < tile.points[0] && j < tile.points[1];
        let first = self.tiles.iter().position(has).unwrap_or(0);
        let end = self.tiles.iter().rposition(has).map_or(0, |last| last + 1);
        let (inputs, outputs) = (convolution.inputs, convolution.outputs());
        let layout = filters::layout(isa, convolution.kind, inputs, outputs);
        let filter = space.filter_of(i) * space.filters + space.filter_of(j);
        Point {
            index,
            tiles: first..end,
            inputs: &w[self.points.at([index, 0, 0])..][..self.points.strides[0]],
            filters: &convolution.filters[layout.at([filter, 0, 0])..],
        }
    }
}

/// The first floats of a slice, as many as there are up to `len`.
fn upto(len: usize, slice: &[f32]) -> &[f32] {
    &slice[..len.min(slice.len())]
}
