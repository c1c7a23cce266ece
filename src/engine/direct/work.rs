//! Sums by the unit, and lines by vectors, cut in between its steps.

use super::finish::Finish;
use super::job::{Group, Job};
use super::numbers::run;
use super::packing::REGISTER;
use super::tiling::Tiling;
use super::unit::{Form, Operands, PANEL, Product, Registers, SUMS, Turn, WIDE, fetched};
use crate::engine::cpu::buffer::LINE;
use crate::engine::cpu::epilogue::Epilogue;
use crate::engine::cpu::simd::{FAR, Isa, prefetch};
use crate::engine::cpu::threads::share;
use std::ops::Range;

/// Steps up to which tiles are multiplied by two panels in one go.
pub(super) const FEW_STEPS: usize = 10;
/// Steps of two panels that stay in the first-level cache beside a tile, its sums and the next tile.
const WIDE_STEPS: usize = 6;
/// Tiles that such panels are multiplied by in a row.
pub(super) const WIDE_TILES: usize = 64;
/// Steps up to which half a panel stays in the first-level cache.
pub(super) const NEAR_STEPS: usize = 18;
/// Steps whose filters are fetched ahead from afar.
const AHEAD_STEPS: usize = 4 * NEAR_STEPS;
/// Tiles that are multiplied at a time without more for filters than for pixels.
const SMALL: usize = 4;

/// How many of so many tiles are multiplied at a time, at most `most`: as many each time if that leaves none too small.
fn group_size(tiles: usize, most: usize) -> usize {
    let is_even = |&groups: &usize| tiles.is_multiple_of(groups);
    let (least, many) = (tiles.div_ceil(most), tiles.div_ceil(SMALL));
    let groups = (least..=many).find(is_even).unwrap_or(least);
    tiles.div_ceil(groups)
}

/// Tiles on their way from pixels to lines.
pub(super) struct Work<'a, R> {
    /// Tiles and steps.
    pub tiling: &'a Tiling,
    /// Words that a tile reads, from its first one on.
    pub reach: usize,
    /// What follows the sums.
    pub epilogue: &'a Epilogue,
    /// Whether activations are never negative.
    pub is_positive: bool,
    /// Panels of outputs.
    pub panels: usize,
    /// The vectors.
    pub isa: Isa,
    /// Where operands are, and lines go.
    pub job: &'a Job<'a>,
    /// The unit's registers.
    pub registers: R,
    /// The last tile.
    pub last: usize,
    /// Whose sums are still in the registers: they are written while those of the next group begin.
    pub open: Option<Group>,
    /// Written sums.
    pub sums: &'a mut [f32],
}

impl<'a, R: Registers> Work<'a, R> {
    /// Every tile by two panels, or by one; some steps at a time, so many that their filters stay in the first-level cache.
    pub(super) fn wide(&mut self, tiles: Range<usize>, panels: Range<usize>, next: &[f32]) {
        let operands = self.operands(self.panel(panels.clone()), &[]);
        let registers = (2 * panels.len()).min(WIDE);
        let all = self.tiling.steps.len();
        let parts = match all {
            ..=FEW_STEPS => 1,
            _ => all.div_ceil(WIDE_STEPS),
        };
        let fetched = next.len().div_ceil(tiles.len() * parts);
        let mut next = next.chunks(fetched.next_multiple_of(LINE).max(LINE));
        for part in 0..parts {
            let steps = share(all, part, parts);
            for (index, tile) in tiles.clone().enumerate() {
                let group = Group {
                    form: Form::Wide,
                    registers,
                    tile,
                    channel: panels.start * PANEL,
                    place: if parts == 1 {
                        0
                    } else {
                        index * registers * SUMS
                    },
                    is_whole: part + 1 == parts,
                };
                self.multiply(group, &operands, steps.clone(), steps.len());
                for line in next.next().unwrap_or_default().chunks(LINE) {
                    prefetch::<FAR>(line.as_ptr());
                }
            }
        }
    }

    /// Groups of tiles by one half of a panel, and by the other.
    pub(super) fn tall(&mut self, tiles: Range<usize>, panel: usize, after: &[f32]) {
        let each = group_size(tiles.len(), self.tiling.group);
        let steps = self.tiling.steps.len();
        let halves = self.panel(panel..panel + 1).split_at(steps * REGISTER);
        // Filters that are read several times in a row push others out of the second-level cache: then no more is fetched than the
        // other half of the panel, or half of the next.
        let is_far = steps > NEAR_STEPS && tiles.len() > self.tiling.group;
        let each_time = steps * fetched(each) * LINE;
        let mut next = if is_far { halves.1 } else { after }.chunks(each_time);
        for (half, filters) in [halves.0, halves.1].into_iter().enumerate() {
            if is_far && half == 1 {
                next = after[..after.len().min(filters.len())].chunks(each_time);
            }
            for first in tiles.clone().step_by(each) {
                let operands = self.operands(filters, next.next().unwrap_or_default());
                let group = Group {
                    form: Form::Tall,
                    registers: each.min(tiles.end - first),
                    tile: first,
                    channel: panel * PANEL + half * LINE,
                    place: 0,
                    is_whole: true,
                };
                self.multiply(group, &operands, 0..steps, (steps / each).max(1));
            }
        }
    }

    /// The same, some steps at a time.
    pub(super) fn far(&mut self, tiles: Range<usize>, panel: usize) {
        let each = group_size(tiles.len(), self.tiling.group);
        let groups = tiles.len().div_ceil(each);
        let steps = self.tiling.steps.len();
        let panels = self.panel(panel..self.panels);
        for half in 0..2 {
            let filters = &panels[half * steps * REGISTER..];
            for begin in (0..steps).step_by(NEAR_STEPS) {
                let end = steps.min(begin + NEAR_STEPS);
                // The groups share what is fetched: as much as is used meanwhile.
                let ahead = (begin + AHEAD_STEPS) * REGISTER;
                let share = ((end - begin) * REGISTER)
                    .div_ceil(groups)
                    .next_multiple_of(LINE);
                for (index, first) in tiles.clone().step_by(each).enumerate() {
                    let next = filters
                        .get(ahead + index * share..)
                        .unwrap_or(self.job.next);
                    let operands = Operands {
                        origin: begin,
                        ..self.operands(&filters[..steps * REGISTER], next)
                    };
                    let group = Group {
                        form: Form::Tall,
                        registers: each.min(tiles.end - first),
                        tile: first,
                        channel: panel * PANEL + half * LINE,
                        place: index * each * SUMS,
                        is_whole: end == steps,
                    };
                    self.multiply(group, &operands, begin..end, ((end - begin) / each).max(1));
                }
            }
        }
    }

    fn panel(&self, panels: Range<usize>) -> &'a [f32] {
        self.tiling.panels(self.job.filters, panels)
    }

    fn operands<'b>(&self, filters: &'b [f32], next: &'b [f32]) -> Operands<'b>
    where
        'a: 'b,
    {
        let tiling = self.tiling;
        Operands {
            input: self.job.input,
            rows: tiling.rows,
            stride: tiling.stride,
            reach: self.reach,
            steps: &tiling.steps,
            ahead: tiling.ahead,
            filters,
            next,
            origin: 0,
        }
    }

    /// Adds some steps to a group's sums. After each so many of them, the sums of one register of the group before become lines if
    /// they are whole, and in the end the rest: vectors do that while the unit is busy.
    #[inline(always)]
    fn multiply(
        &mut self,
        group: Group,
        operands: &Operands<'_>,
        steps: Range<usize>,
        each: usize,
    ) {
        // A wide product fetches the next tile. Where there is none, it is an item's first one.
        let last = self.last;
        let first = |tile: usize| self.first((group.tile + tile).min(last));
        let product = Product::new(group.form, group.registers, operands, first);
        let take = (steps.start > 0).then_some(group.place);
        let before = self.open.replace(group);
        let mut begun = steps.start;
        match &before {
            Some(before) if before.is_like(&group) => {
                let put = before.place;
                let turn = Turn { put, take };
                self.registers.turn(&product, begun, self.sums, turn);
                begun += 1;
            }
            other => {
                if let Some(before) = other {
                    self.registers
                        .store(before.registers, &mut self.sums[before.place..]);
                }
                match take {
                    Some(take) => self.registers.load(group.registers, &self.sums[take..]),
                    None => self.registers.clear(),
                }
            }
        }
        let whole = before.filter(|before| before.is_whole);
        let Some(before) = whole else {
            return self.registers.add(&product, begun..steps.end);
        };
        let mut finished = 0;
        let mut end = steps.start + each;
        while end < steps.end && finished + 1 < before.registers {
            self.registers.add(&product, begun..end.max(begun));
            self.finish(&before, finished..finished + 1);
            (begun, finished) = (end.max(begun), finished + 1);
            end += each;
        }
        self.registers.add(&product, begun..steps.end);
        self.finish(&before, finished..before.registers);
    }

    /// Writes the sums that are left in the registers, and makes lines of them.
    pub(super) fn close(&mut self) {
        if let Some(last) = self.open.take() {
            self.registers
                .store(last.registers, &mut self.sums[last.place..]);
            self.finish(&last, 0..last.registers);
        }
    }

    /// The first word that a tile reads.
    fn first(&self, tile: usize) -> usize {
        let (item, tile) = self.tiling.tile(tile);
        item * self.job.item + tile.from
    }

    /// Makes lines of the sums of some registers.
    #[inline(always)]
    fn finish(&self, group: &Group, registers: Range<usize>) {
        let finish = Finish {
            tiling: self.tiling,
            epilogue: self.epilogue,
            job: self.job,
            group,
            registers,
            sums: self.sums,
            is_positive: self.is_positive,
        };
        run(self.isa, &finish);
    }
}
