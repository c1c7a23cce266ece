//! A convolution: in which order tiles and panels are multiplied, and by which thread.

use super::hands::Hands;
use super::job::Job;
use super::tiling::Tiling;
use super::unit::{GROUP, PANEL, SUMS, Unit, WIDE};
use super::work::{FEW_STEPS, NEAR_STEPS, WIDE_TILES, Work};
use crate::engine::cpu::buffer::Buffer;
use crate::engine::cpu::epilogue::Epilogue;
use crate::engine::cpu::simd::Isa;
use crate::engine::cpu::threads::share;
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
    /// Filters, which come from far: some steps of half a panel are multiplied by all groups of a round before the next steps are.
    /// They are read once. The sums are put down and taken up again.
    Far,
}

/// Groups of tiles that half a panel is used for in a row, where it is read from afar or stays near.
const DEPTH: usize = 4;
/// Panels times steps from which on filters come from far: 4 MB.
const HEAVY: usize = 2048;
/// Lines of pixels of a step, fetched ahead, up to which those of a group stay in the first-level cache while others are multiplied.
const NEAR_LINES: usize = 18;
/// Tasks per thread below which work is cut finer.
const TASKS_PER_THREAD: usize = 2;
/// Words of pixels that a block of tiles may read: they stay in the second-level cache, beside filters.
const BLOCK_WORDS: usize = 280 << 10;

/// A convolution ready to run, or several of one input, their outputs side by side.
pub(super) struct Convolution {
    /// Tiles and steps.
    pub tiling: Tiling,
    /// What follows the sums.
    pub epilogue: Epilogue,
    /// What is reused most.
    pub order: Order,
}

/// Working memory of a thread.
#[derive(Default)]
pub(super) struct Scratch {
    /// Sums that become lines while the next ones are computed.
    sums: Buffer,
    /// Rows of a map that waits for its max pool.
    pub ring: Buffer,
}

impl Convolution {
    /// A convolution of these parts.
    pub(super) fn new(mut tiling: Tiling, epilogue: Epilogue, is_wide: bool) -> Self {
        let panels = epilogue.channels() / PANEL;
        // Where filters are more than pixels they come from far: they are used as often as possible once they are there.
        let is_heavy = tiling.tiles.len() <= GROUP * DEPTH && panels * tiling.steps.len() >= HEAVY;
        let order = match is_wide {
            true => Order::Wide,
            false if tiling.steps.len() <= NEAR_STEPS => Order::Tall { depth: DEPTH },
            false if is_heavy && tiling.ahead <= NEAR_LINES => Order::Far,
            false if is_heavy => Order::Tall { depth: DEPTH },
            false => Order::Tall { depth: 1 },
        };
        // What is deep comes from far.
        if is_wide && tiling.steps.len() > FEW_STEPS {
            tiling.ahead = tiling.rows;
        }
        let mut convolution = Self {
            tiling,
            epilogue,
            order,
        };
        if order == Order::Far {
            convolution.make_far();
        }
        convolution
    }

    /// Takes filters as from far.
    pub(super) fn make_far(&mut self) {
        self.order = Order::Far;
        self.tiling.take_turns(NEAR_STEPS);
    }

    /// Panels of outputs.
    pub(super) fn panels(&self) -> usize {
        self.epilogue.channels() / PANEL
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
            Order::Tall { .. } | Order::Far => panels,
        };
        hands.each(blocks * shares, |task, scratch| {
            let of = |task: usize| {
                let panels = share(panels, task % shares, shares);
                [share(tiles, task / shares, blocks), panels]
            };
            // The thread goes on with the next task, or with the next layer.
            let next = match task + 1 < blocks * shares {
                true => self.tiling.panel(job.filters, of(task + 1)[1].start),
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
            Order::Tall { .. } | Order::Far => self.panels(),
        };
        let each = item / self.tiling.tiles.len();
        let least = (tiles * each).div_ceil(BLOCK_WORDS);
        let least = least.max(tasks.div_ceil(panels));
        // A few more, if otherwise one thread were the last to be busy.
        let is_even = |blocks: &usize| (blocks * panels).is_multiple_of(threads);
        let blocks = (least..least + 3).find(is_even).unwrap_or(least);
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
        let sums = SUMS * (GROUP * DEPTH).max(WIDE * WIDE_TILES);
        let mut work = Work {
            tiling: &self.tiling,
            reach: self.tiling.reach(),
            epilogue: &self.epilogue,
            is_positive: self.epilogue.is_relu(),
            panels: self.panels(),
            isa,
            job,
            registers: unit.configure(self.tiling.rows),
            last: tiles.end - 1,
            open: None,
            sums: scratch.sums.room(sums),
        };
        match self.order {
            Order::Wide => {
                for first in panels.clone().step_by(2) {
                    let last = panels.end.min(first + 2);
                    let following = last..panels.end.min(last + 2);
                    let next = match following.is_empty() {
                        true => next,
                        false => self.tiling.panels(job.filters, following),
                    };
                    for begin in tiles.clone().step_by(WIDE_TILES) {
                        let round = begin..tiles.end.min(begin + WIDE_TILES);
                        work.wide(round, first..last, next);
                    }
                }
            }
            Order::Tall { .. } | Order::Far => {
                let depth = match self.order {
                    Order::Tall { depth } => depth,
                    Order::Wide | Order::Far => DEPTH,
                };
                for panel in panels.clone() {
                    let next = match panel + 1 < panels.end {
                        true => self.tiling.panel(job.filters, panel + 1),
                        false => next,
                    };
                    let most = depth * self.tiling.group;
                    for first in tiles.clone().step_by(most) {
                        let round = first..tiles.end.min(first + most);
                        match self.order {
                            Order::Far if round.len() > self.tiling.group => work.far(round, panel),
                            _ => work.tall(round, panel, next),
                        }
                    }
                }
            }
        }
        work.close();
    }
}
