//! A block of tiles, and the matrix products of their points.
//!
//! A tile covers as many pixels down and across as the algorithm of both spatial axes has points. Transformed inputs lie as
//! `[point][tile][frame][channel]`, the products of a group of output channels likewise, filters as `filters` says. What happens
//! along time, between inputs and products, is in `time`.

mod time;
mod transform;

use super::buffer::{Buffer, LINE};
use super::convolution::{Convolution, Job};
use super::filters;
use super::gemm::Gemm;
use super::simd::Isa;
use super::threads::Crew;
use super::view::Shape;
use std::ops::Range;

/// A spatial tile.
#[derive(Clone, Copy)]
struct Tile {
    /// Item, row and column.
    place: [usize; 3],
    /// Points down and across: fewer where it is short.
    points: [usize; 2],
}

/// Some tiles of a convolution, each another one, and how their points lie in memory.
pub struct Block<'a> {
    convolution: &'a Convolution,
    /// Extents of the input.
    input: Shape,
    /// Extents of the convolution.
    output: Shape,
    /// First those that are short across, then whole ones, then those that are short down, last both ways. So the tiles that
    /// have a point follow each other, whatever the point.
    tiles: Vec<Tile>,
    /// Channels of the points, inputs and products.
    channels: [usize; 2],
    /// Floats from point to point, inputs and products. One line more than the rows need: points a power of two apart
    /// would compete for the same cache sets.
    strides: [usize; 2],
}

/// What belongs to one spatial point.
struct Point<'a> {
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
        let [down, across] = convolution.grid(input);
        assert!(!tiles.is_empty() && tiles.end <= convolution.tiles(input));
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
        let [rows_in, rows_out] = [input, output].map(|shape| tiles.len() * shape.frames);
        Self {
            convolution,
            input,
            output,
            tiles,
            channels,
            strides: [
                rows_in * channels[0] + LINE,
                rows_out * convolution.group() + LINE,
            ],
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
            w.room(points * self.strides[0]),
            y.room(points * self.strides[1]),
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
        let rows = [self.channels[0], self.convolution.group()];
        crew.chunks(y, self.strides[1], |index, y| {
            let point = self.point(index, w);
            let next_point = self.point((index + 1) % self.convolution.points(), w);
            let [a, c] = rows.map(|row| point.tiles.start * row);
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
                    strides: rows,
                    add: false,
                    epilogue: None,
                    next: upto(depth * panel, next),
                });
            }
        });
    }

    /// What belongs to spatial point `point` of the transformed inputs `w`.
    fn point<'s>(&'s self, point: usize, w: &'s [f32]) -> Point<'s> {
        let convolution = self.convolution;
        let [space, _] = convolution.kind.axes();
        let (i, j) = (point / space.points, point % space.points);
        let has = |tile: &Tile| i < tile.points[0] && j < tile.points[1];
        let first = self.tiles.iter().position(has).unwrap_or(0);
        let end = self.tiles.iter().rposition(has).map_or(0, |last| last + 1);
        let size = filters::stride(convolution.kind, convolution.inputs, convolution.outputs());
        let filter = space.filter_of(i) * space.filters + space.filter_of(j);
        Point {
            tiles: first..end,
            inputs: &w[point * self.strides[0]..][..self.strides[0]],
            filters: &convolution.filters[filter * size..],
        }
    }
}

/// The first floats of a slice, as many as there are up to `len`.
fn upto(len: usize, slice: &[f32]) -> &[f32] {
    &slice[..len.min(slice.len())]
}
