//! A convolution as data: the tiles of pixels that it computes, and the steps that each of them takes.

use super::grid::{Grid, Part};
use super::image;
use super::packing::REGISTER;
use super::unit::{GROUP, Step};
use crate::engine::cpu::amx::ROWS;
use crate::engine::cpu::buffer::LINE;
use crate::network::Window;
use std::ops::Range;

/// Pixels that are computed together, evenly spaced in memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tile {
    /// The word of the input that the first pixel reads at offset 0, in an item.
    pub from: usize,
    /// Its frame, of the output.
    pub frame: usize,
    /// Its line, in a chunk of the output that is not apart.
    pub line: usize,
    /// Its line in a chunk of the output, apart or not.
    pub to: usize,
    /// How many lines are written.
    pub count: usize,
    /// Which of them are pixels; the others are border.
    pub pixels: u16,
}

/// How tiles may be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// In the way that takes the unit least.
    Shortest,
    /// Row by row: no tile goes on in the next row.
    Rows,
}

/// The tiles of an item, and the steps of each.
#[derive(Debug)]
pub(super) struct Tiling {
    /// Rows of the unit that a tile takes: 14 or 16.
    pub rows: usize,
    /// Words of the input from pixel to pixel.
    pub stride: usize,
    /// Frame by frame, row by row.
    pub tiles: Vec<Tile>,
    /// Chunk by chunk, then tap by tap.
    pub steps: Vec<Step>,
    /// Lines of pixels that are fetched ahead in each step; 0 for none.
    pub ahead: usize,
    /// Steps that read the same lines, or nearly.
    taps: usize,
    /// How many tiles are multiplied at a time, at most: those of a frame, where these are few.
    pub group: usize,
}

impl Tiling {
    /// A convolution along `axes` axes, of a part of one grid to another one's pixels.
    pub(super) fn new(axes: usize, window: Window, from: Part, to: Grid, how: Cut) -> Self {
        let grid = from.grid;
        let (kernel, stride, padding) = (window.kernel, window.stride, window.padding);
        let (pitch, plane) = (grid.pitch(), grid.plane());
        // From the first pixel under a filter, in lines.
        let tap = |y: usize, x: usize| {
            if grid.apart {
                // Rows and columns 2i - 1, 2i and 2i + 1 are odd, even and odd.
                let place = |tap: usize| [(1, 0), (0, 0), (1, 1)][tap];
                let ((odd_row, y), (odd_column, x)) = (place(y), place(x));
                (2 * odd_row + odd_column) * plane + y * pitch + x
            } else {
                y * pitch + x
            }
        };
        let in_time = if axes == 3 { kernel } else { 1 };
        let mut offsets = Vec::new();
        for chunk in 0..from.chunks {
            for t in 0..in_time {
                let start = t * grid.frame() + chunk * grid.map();
                let taps = (0..kernel * kernel).map(|yx| tap(yx / kernel, yx % kernel));
                let taps = taps.map(|tap| (start + tap) * LINE);
                offsets.extend(taps);
            }
        }
        // The first pixel under the filter of an output.
        let first = |frame: usize, y: usize, x: usize| {
            let start = match axes {
                3 => from.start([0, stride * frame, 0]) - padding * grid.frame(),
                _ => from.start([0, frame, 0]),
            };
            let pixel = if grid.apart {
                y * pitch + x
            } else {
                grid.pixel(stride * y, stride * x) - padding * (pitch + 1)
            };
            (start + pixel) * LINE
        };
        let spacing = if grid.apart { 1 } else { stride };
        // Where input and output have the same pitch, tiles need not end with their row.
        let is_alike = spacing == 1 && pitch == to.pitch() && !to.apart;
        let through = (is_alike && how == Cut::Shortest).then_some(pitch);
        let (rows, tiles) = cut(to, through, &first);
        let group = tiles.iter().take_while(|tile| tile.frame == 0).count();
        let mut tiling = Self {
            group: group.clamp(1, GROUP),
            rows,
            stride: spacing * LINE,
            tiles,
            steps: steps(&offsets),
            ahead: 0,
            taps: 1,
        };
        if kernel > 1 {
            let planes = if grid.apart { 3 * plane } else { 0 };
            tiling.fetch_ahead(kernel * kernel, planes + 2 * pitch + 2);
        }
        tiling
    }

    /// The 7x7 stem with stride 2, of the image of a frame: a row of taps is one step.
    pub(super) fn stem(to: Grid) -> Self {
        let offsets: Vec<usize> = (0..image::TAPS).map(|y| y * image::PITCH).collect();
        let first = |_: usize, y: usize, x: usize| 2 * y * image::PITCH + 2 * x * image::PIXEL;
        let (rows, tiles) = cut(to, None, &first);
        Self {
            group: GROUP,
            rows,
            stride: 2 * image::PIXEL,
            tiles,
            steps: steps(&offsets),
            ahead: 0,
            taps: 1,
        }
    }

    /// Of all filters of a convolution, those of some panels.
    pub(super) fn panels<'a>(&self, filters: &'a [f32], panels: Range<usize>) -> &'a [f32] {
        let len = 2 * self.steps.len() * REGISTER;
        &filters[panels.start * len..panels.end * len]
    }

    /// Those of one panel.
    pub(super) fn panel<'a>(&self, filters: &'a [f32], panel: usize) -> &'a [f32] {
        self.panels(filters, panel..panel + 1)
    }

    /// The item of a tile, counted from the first item's on, and what it is there.
    #[inline(always)]
    pub(super) fn tile(&self, index: usize) -> (usize, &Tile) {
        // Mostly there is one item: it spares divisions.
        match self.tiles.get(index) {
            Some(tile) => (0, tile),
            None => (
                index / self.tiles.len(),
                &self.tiles[index % self.tiles.len()],
            ),
        }
    }

    /// Words that a tile reads, from its first one on.
    pub(super) fn reach(&self) -> usize {
        let furthest = self.steps.iter().map(|step| step.offset).max();
        furthest.unwrap_or(0) + (self.rows - 1) * self.stride + LINE
    }

    /// Has each step fetch some lines of what a group of tiles reads `taps` steps later, a filter reaching so many lines beyond a
    /// pixel.
    fn fetch_ahead(&mut self, taps: usize, filter: usize) {
        let (Some(first), Some(last)) = (self.tiles.first(), self.tiles.get(self.group - 1)) else {
            return;
        };
        if first.frame != last.frame {
            return;
        }
        let group = (last.from - first.from + (self.rows - 1) * self.stride) / LINE;
        self.taps = taps;
        self.ahead = (group + filter + 1).div_ceil(taps);
        let count = self.steps.len();
        for step in 0..count {
            let next = (step / taps + 1) * taps % count;
            self.steps[step].ahead = self.fetched(step, next);
        }
    }

    /// The same for groups that take turns, each for so many steps: the last taps of a turn fetch what the next group reads first.
    pub(super) fn take_turns(&mut self, turn: usize) {
        let (Some(first), Some(next)) = (self.tiles.first(), self.tiles.get(self.group)) else {
            return;
        };
        let (apart, count) = (next.from - first.from, self.steps.len());
        if self.ahead == 0 {
            return;
        }
        for step in 0..count {
            let next = (step / self.taps + 1) * self.taps;
            if next.is_multiple_of(turn) || next == count {
                self.steps[step].ahead = apart + self.fetched(step, step / turn * turn);
            }
        }
    }

    /// What a step fetches of what is read from step `next` on.
    fn fetched(&self, step: usize, next: usize) -> usize {
        let offsets = self.steps[next..next + self.taps].iter();
        let lowest = offsets.map(|step| step.offset).min().unwrap_or(0);
        lowest + step % self.taps * self.ahead * LINE
    }
}

/// Steps at these offsets.
fn steps(offsets: &[usize]) -> Vec<Step> {
    let step = |&offset: &usize| Step { offset, ahead: 0 };
    offsets.iter().map(step).collect()
}

/// Cuts the pixels of a grid into tiles of 14 or 16 lines: row by row, or through the ends of rows, of a map with this pitch. Of
/// all ways the one that takes the unit least; `first` gives the word of the input that a pixel begins with.
fn cut(
    to: Grid,
    through: Option<usize>,
    first: &dyn Fn(usize, usize, usize) -> usize,
) -> (usize, Vec<Tile>) {
    let [frames, height, width] = to.extents;
    let in_rows = |rows: usize| height * width.div_ceil(rows);
    let lines = |pitch: usize| (height - 1) * pitch + width;
    let mut ways = Vec::new();
    for rows in [ROWS, 14] {
        ways.push((in_rows(rows) * rows, rows, None));
        ways.extend(through.map(|pitch| (lines(pitch).div_ceil(rows) * rows, rows, Some(pitch))));
    }
    // The first of the shortest.
    let &(_, rows, pitch) = ways.iter().min_by_key(|way| way.0).expect("four ways");
    // Of pixels that lie in the input and in the output as they lie in one plane.
    let whole = Grid { apart: false, ..to };
    let mut tiles = Vec::new();
    for frame in 0..frames {
        let mut tile = |y: usize, x: usize, ahead: usize, count: usize, pixels| {
            tiles.push(Tile {
                from: first(frame, y, x) + ahead * LINE,
                frame,
                line: whole.pixel(y, x) + ahead,
                to: to.pixel(y, x) + ahead,
                count,
                pixels,
            });
        };
        match pitch {
            None => {
                for y in 0..height {
                    for x in (0..width).step_by(rows) {
                        tile(y, x, 0, rows.min(width - x), u16::MAX);
                    }
                }
            }
            Some(pitch) => {
                for start in (0..lines(pitch)).step_by(rows) {
                    let count = rows.min(lines(pitch) - start);
                    let is_pixel = |i: &usize| (start + i) % pitch < width;
                    let pixels = (0..count).filter(is_pixel);
                    tile(0, 0, start, count, pixels.fold(0, |all, i| all | 1 << i));
                }
            }
        }
    }
    (rows, tiles)
}
