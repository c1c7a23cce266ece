//! A block of tiles, and the matrix products of their points.
//!
//! With `X` the algorithm of both spatial axes and `T` that of the time axis, a tile covers `X`'s points squared pixels in
//! `T`'s points frames. Transformed inputs lie as `[point][tile][channel]`, products likewise, filters as
//! `[distinct point][panel][channel][lane]` (see `gemm`). The rows of the product at one point are the tiles.

mod transform;

use super::buffer::{Buffer, LINE};
use super::convolution::{Convolution, Job};
use super::filters;
use super::gemm::{Gemm, Product, multiply};
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
    /// Extents of the output.
    output: Shape,
    /// First those that are short across, then whole ones, then those that are short down, last both ways. So the tiles that
    /// have a point follow each other, whatever the point.
    tiles: Vec<Tile>,
    /// Tiles along time, which are a row each.
    depth: usize,
    /// Channels per row of the points, inputs and products.
    channels: [usize; 2],
    /// Floats from point to point, inputs and products. One line more than the rows need: points a power of two apart
    /// would compete for the same cache sets.
    strides: [usize; 2],
}

impl<'a> Block<'a> {
    /// These spatial tiles of an input of `shape`.
    ///
    /// # Panics
    /// When there are not so many.
    pub fn new(convolution: &'a Convolution, input: Shape, tiles: Range<usize>) -> Self {
        let [space, _] = convolution.kind.axes();
        let output = convolution.output_shape(input);
        let [down, across, depth] = convolution.grid(input);
        assert!(tiles.end <= convolution.tiles(input));
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
        Self {
            convolution,
            input,
            output,
            depth,
            channels,
            strides: channels.map(|channels| tiles.len() * depth * channels + LINE),
            tiles,
        }
    }

    /// Computes these tiles of a job.
    pub fn run(&self, isa: Isa, crew: Crew, job: &mut Job, scratch: &mut [Buffer; 2]) {
        let [v, m] = self.memory(scratch);
        self.inputs(isa, crew, job.input, v);
        self.multiply(isa, crew, v, m);
        self.outputs(isa, crew, m, job);
    }

    /// Room for the transformed inputs and for the products.
    pub fn memory<'m>(&self, [v, m]: &'m mut [Buffer; 2]) -> [&'m mut [f32]; 2] {
        let points = self.convolution.points();
        [
            v.room(points * self.strides[0]),
            m.room(points * self.strides[1]),
        ]
    }

    /// The matrix product of every point, of `v` to `m`.
    pub fn multiply(&self, isa: Isa, crew: Crew, v: &[f32], m: &mut [f32]) {
        let (inputs, outputs) = (self.convolution.inputs, self.convolution.outputs());
        let [space, time] = self.convolution.kind.axes();
        let filters = &self.convolution.filters;
        let filters = filters.chunks_exact(filters::stride(inputs, outputs));
        let gemm = |b| Gemm {
            b,
            depth: inputs,
            strides: self.channels,
            epilogue: None,
            products: vec![],
        };
        let mut gemms: Vec<_> = filters.map(gemm).collect();
        let points = v
            .chunks_exact(self.strides[0])
            .zip(m.chunks_exact_mut(self.strides[1]));
        for (point, (v, m)) in points.enumerate() {
            let (n, rows) = (space.points, point / space.points);
            let (k, i, j) = (rows / n, rows % n, point % n);
            let row = time.filter_of(k) * space.filters + space.filter_of(i);
            let filter = row * space.filters + space.filter_of(j);
            let tiles = self.tiles_with(i, j);
            let [a, c] = self
                .channels
                .map(|channels| tiles.start * self.depth * channels);
            let product = Product::new(&v[a..], &mut m[c..], tiles.len() * self.depth);
            gemms[filter].products.push(product);
        }
        multiply(isa, crew, outputs, &mut gemms);
    }

    /// Which tiles have the points in row `i` and column `j`.
    fn tiles_with(&self, i: usize, j: usize) -> Range<usize> {
        let has = |tile: &Tile| i < tile.points[0] && j < tile.points[1];
        let first = self.tiles.iter().position(has).unwrap_or(0);
        first..self.tiles.iter().rposition(has).map_or(0, |last| last + 1)
    }
}
