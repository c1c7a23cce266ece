//! A convolution: sums by the unit, and lines by vectors, cut in between its steps.

use super::finish::{Finish, Lines};
use super::grid::Part;
use super::hands::Hands;
use super::packing::REGISTER;
use super::tiling::{Tile, Tiling};
use super::unit::{Block, GROUP, Operands, PANEL, Registers, SUMS, Unit, WIDE};
use crate::engine::cpu::buffer::{Buffer, LINE, Span};
use crate::engine::cpu::epilogue::Epilogue;
use crate::engine::cpu::simd::{FAR, Isa, prefetch};
use crate::engine::cpu::threads::share;
use std::mem::swap;
use std::ops::Range;

/// What is reused most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Pixels, loaded once for two panels: they are seen by one tap only, or lie across cache lines. Both panels stay in the
    /// first-level cache while all pixels pass.
    Wide,
    /// Filters: a register of them is multiplied by a group of tiles. They are read again for so many groups before the other
    /// half of the panel.
    Tall {
        /// Groups.
        depth: usize,
    },
}

/// Groups of tiles whose sums a thread keeps, at most.
const DEPTH: usize = 4;
/// Steps up to which half a panel stays in the first-level cache.
const NEAR_STEPS: usize = 24;
/// Tasks per thread below which work is cut finer.
const TASKS_PER_THREAD: usize = 2;
/// Words of pixels that a block of tiles may read: they stay in the second-level cache, beside filters.
const BLOCK_WORDS: usize = 280 << 10;

/// A convolution ready to run, or several of one input, their outputs side by side.
pub(super) struct Convolution {
    /// Tiles and steps.
    pub tiling: Tiling,
    /// Packed filters.
    pub filters: Buffer,
    /// What follows the sums.
    pub epilogue: Epilogue,
    /// What is reused most.
    pub order: Order,
}

/// One application of a convolution.
pub(super) struct Job<'a> {
    /// The input.
    pub input: &'a [f32],
    /// Words of an item there.
    pub item: usize,
    /// Receives activations.
    pub output: (Span<'a>, Part),
    /// Receives convolution, bias and residual.
    pub raw: Option<(Span<'a>, Part)>,
    /// Added to the convolution.
    pub residual: Option<(Span<'a>, Part)>,
    /// Filters that are used after this convolution.
    pub next: &'a [f32],
}

/// Working memory of a thread: sums that become lines while the next ones are computed.
#[derive(Default)]
pub(super) struct Scratch {
    now: Sums,
    before: Sums,
    /// Rows of a map that waits for its max pool.
    pub ring: Buffer,
}

/// Sums of tiles and panels, one after the other.
#[derive(Default)]
struct Sums {
    memory: Buffer,
    /// Tile and panel of each.
    of: Vec<[usize; 2]>,
    /// How many have become lines.
    finished: usize,
}

impl Sums {
    fn left(&self) -> usize {
        self.of.len() - self.finished
    }

    /// Empty, with room for so many tiles.
    fn begin(&mut self, tiles: usize) -> &mut [f32] {
        self.of.clear();
        self.finished = 0;
        self.memory.room(tiles * SUMS)
    }
}

impl Convolution {
    /// A convolution of these parts.
    pub(super) fn new(tiling: Tiling, filters: Buffer, epilogue: Epilogue, is_wide: bool) -> Self {
        let panels = epilogue.channels() / PANEL;
        // Where filters are more than pixels they come from far: they are used as often as possible once they are there.
        let is_heavy = tiling.tiles.len() <= GROUP * DEPTH && panels > 1;
        let order = match is_wide {
            true => Order::Wide,
            false if is_heavy || tiling.steps.len() <= NEAR_STEPS => Order::Tall { depth: DEPTH },
            false => Order::Tall { depth: 1 },
        };
        Self {
            tiling,
            filters,
            epilogue,
            order,
        }
    }

    /// Panels of outputs.
    pub(super) fn panels(&self) -> usize {
        self.epilogue.channels() / PANEL
    }

    /// The filters of some panels.
    fn panel(&self, panels: Range<usize>) -> &[f32] {
        let len = 2 * self.tiling.steps.len() * REGISTER;
        &self.filters[panels.start * len..panels.end * len]
    }

    /// The filters of the first panel.
    pub(super) fn first_panel(&self) -> &[f32] {
        self.panel(0..1)
    }

    /// Computes all outputs of some items.
    pub(super) fn run<U: Unit>(
        &self,
        unit: U,
        isa: Isa,
        hands: &mut Hands<'_, Scratch>,
        items: usize,
        job: &Job<'_>,
    ) {
        let (tiles, panels) = (items * self.tiling.tiles.len(), self.panels());
        if let Hands::Alone(scratch) = hands {
            return self.tiles(unit, isa, job, [0..tiles, 0..panels], scratch, job.next);
        }
        let blocks = self.blocks(tiles, job.item, hands.threads());
        let shares = match self.order {
            Order::Wide => 1,
            Order::Tall { .. } => panels,
        };
        hands.each(blocks * shares, |task, scratch| {
            let of = |task: usize| {
                let panels = share(panels, task % shares, shares);
                [share(tiles, task / shares, blocks), panels]
            };
            // The thread goes on with the next task, or with the next layer.
            let next = match task + 1 < blocks * shares {
                true => self.panel(of(task + 1)[1].start..of(task + 1)[1].start + 1),
                false => job.next,
            };
            self.tiles(unit, isa, job, of(task), scratch, next);
        });
    }

    /// In how many blocks all threads take so many tiles, of items with so many words.
    fn blocks(&self, tiles: usize, item: usize, threads: usize) -> usize {
        let tasks = threads * TASKS_PER_THREAD;
        let panels = match self.order {
            Order::Wide => 1,
            Order::Tall { .. } => self.panels(),
        };
        let each = item / self.tiling.tiles.len();
        let blocks = (tiles * each).div_ceil(BLOCK_WORDS);
        let blocks = blocks.max(tasks.div_ceil(panels));
        blocks.clamp(1, tiles.div_ceil(GROUP).max(1))
    }

    /// Computes some tiles of some panels. `next` is fetched meanwhile.
    pub(super) fn tiles<U: Unit>(
        &self,
        unit: U,
        isa: Isa,
        job: &Job<'_>,
        [tiles, panels]: [Range<usize>; 2],
        scratch: &mut Scratch,
        next: &[f32],
    ) {
        let mut registers = unit.configure(self.tiling.rows);
        let work = Work {
            convolution: self,
            reach: self.tiling.reach(),
            isa,
            job,
        };
        scratch.before.begin(0);
        match self.order {
            Order::Wide => {
                for first in panels.clone().step_by(2) {
                    let last = panels.end.min(first + 2);
                    let following = last..panels.end.min(last + 2);
                    let next = if following.is_empty() {
                        next
                    } else {
                        self.panel(following)
                    };
                    work.wide(&mut registers, tiles.clone(), first..last, scratch, next);
                }
            }
            Order::Tall { depth } => {
                for panel in panels.clone() {
                    let following = panel + 1..panels.end.min(panel + 2);
                    let next = if following.is_empty() {
                        next
                    } else {
                        self.panel(following)
                    };
                    for first in tiles.clone().step_by(depth * GROUP) {
                        let round = first..tiles.end.min(first + depth * GROUP);
                        work.tall(&mut registers, round, panel, scratch, next);
                    }
                }
            }
        }
        work.finish_all(&mut scratch.before);
    }
}

/// Tiles on their way from pixels to lines.
struct Work<'a> {
    convolution: &'a Convolution,
    /// Words that a tile reads, from its first one on.
    reach: usize,
    isa: Isa,
    job: &'a Job<'a>,
}

impl<'a> Work<'a> {
    /// Every tile by two panels, or by one.
    fn wide(
        &self,
        registers: &mut impl Registers,
        tiles: Range<usize>,
        panels: Range<usize>,
        scratch: &mut Scratch,
        next: &[f32],
    ) {
        let Scratch { now, before, .. } = scratch;
        let operands = self.operands(self.convolution.panel(panels.clone()), &[]);
        let fetched = next.len().div_ceil(tiles.len()).next_multiple_of(LINE);
        let mut next = next.chunks(fetched.max(LINE));
        for tile in tiles {
            let sums = now.begin(panels.len());
            let block = Block::Wide(self.first(tile), (2 * panels.len()).min(WIDE));
            self.multiply(registers, &block, &operands, panels.len(), before);
            for line in next.next().unwrap_or_default().chunks(LINE) {
                prefetch::<FAR>(line.as_ptr());
            }
            registers.store(&block, sums);
            now.of.extend(panels.clone().map(|panel| [tile, panel]));
            self.finish_all(before);
            swap(now, before);
        }
    }

    /// Groups of tiles by one half of a panel, and by the other.
    fn tall(
        &self,
        registers: &mut impl Registers,
        tiles: Range<usize>,
        panel: usize,
        scratch: &mut Scratch,
        next: &[f32],
    ) {
        let Scratch { now, before, .. } = scratch;
        let groups = tiles.len().div_ceil(GROUP);
        let parts = before.left().div_ceil(2 * groups);
        let filters = self
            .convolution
            .panel(panel..panel + 1)
            .split_at(self.convolution.tiling.steps.len() * REGISTER);
        let sums = now.begin(tiles.len());
        // What is fetched in the steps of one product.
        let fetched = self.convolution.tiling.steps.len() * 6 * LINE;
        let mut next = next.chunks(fetched);
        for (half, filters) in [filters.0, filters.1].into_iter().enumerate() {
            for group in 0..groups {
                let group = share(tiles.len(), group, groups);
                let first = |tile: usize| self.first(tiles.start + tile);
                let block = Block::tall(group.clone().map(first));
                let operands = self.operands(filters, next.next().unwrap_or_default());
                self.multiply(registers, &block, &operands, parts, before);
                registers.store(&block, &mut sums[group.start * SUMS + half * LINE..]);
            }
        }
        now.of.extend(tiles.map(|tile| [tile, panel]));
        self.finish_all(before);
        swap(now, before);
    }

    fn operands<'b>(&'b self, filters: &'b [f32], next: &'b [f32]) -> Operands<'b> {
        let tiling = &self.convolution.tiling;
        Operands {
            input: self.job.input,
            rows: tiling.rows,
            stride: tiling.stride,
            reach: self.reach,
            steps: &tiling.steps,
            ahead: tiling.ahead,
            filters,
            next,
        }
    }

    /// Computes a block's sums, its steps in so many parts. After each part a tile of those computed before is finished: vectors
    /// do that while the unit is busy.
    fn multiply(
        &self,
        registers: &mut impl Registers,
        block: &Block,
        operands: &Operands<'_>,
        parts: usize,
        before: &mut Sums,
    ) {
        registers.clear();
        let parts = parts.max(1);
        for part in 0..parts {
            registers.add(block, operands, share(operands.steps.len(), part, parts));
            self.finish_one(before);
        }
    }

    /// A tile of an item.
    fn tile(&self, tile: usize) -> (usize, &Tile) {
        let tiles = &self.convolution.tiling.tiles;
        (tile / tiles.len(), &tiles[tile % tiles.len()])
    }

    /// The first word that a tile reads.
    fn first(&self, tile: usize) -> usize {
        let (item, tile) = self.tile(tile);
        item * self.job.item + tile.from
    }

    fn finish_all(&self, sums: &mut Sums) {
        while sums.left() > 0 {
            self.finish_one(sums);
        }
    }

    /// Makes lines of the first tile that is left, if there is one.
    fn finish_one(&self, sums: &mut Sums) {
        let at = sums.finished;
        let Some(&[tile, panel]) = sums.of.get(at) else {
            return;
        };
        sums.finished += 1;
        let (item, tile) = self.tile(tile);
        let whole = |place: Option<(Span<'a>, Part)>| {
            let (span, part) = place?;
            Some(Lines {
                span,
                first: part.start([item, tile.frame, panel]) + tile.line,
                steps: Lines::ROW,
            })
        };
        let (span, part) = self.job.output;
        let grid = part.grid;
        // A ring has fewer rows than the map, and so begins anew after the last one.
        let rounds = tile.row - tile.row % grid.extents[1];
        self.isa.run(Finish {
            epilogue: &self.convolution.epilogue,
            channel: panel * PANEL,
            sums: &sums.memory[at * SUMS..][..SUMS],
            tile,
            residual: whole(self.job.residual),
            raw: whole(self.job.raw),
            output: Lines {
                span,
                first: part.start([item, tile.frame, panel]) + tile.to - rounds * grid.pitch(),
                steps: match grid.apart {
                    true => [1, grid.plane() + 1],
                    false => Lines::ROW,
                },
            },
        });
    }
}
