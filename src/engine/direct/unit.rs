//! What multiplies: AMX or, in tests, its emulation.

use super::packing::REGISTER;
use crate::engine::cpu::amx::ROWS;
use crate::engine::cpu::buffer::LINE;
use std::ops::Range;

/// Tiles of pixels that are multiplied at a time, at most.
pub(super) const GROUP: usize = 6;
/// Registers of filters that are multiplied at a time, at most.
pub(super) const WIDE: usize = 4;
/// Outputs of a panel: two registers of filters, and a line of a pixel.
pub(super) const PANEL: usize = 2 * LINE;
/// Sums of a tile and a panel.
pub(super) const SUMS: usize = ROWS * PANEL;

/// Where the inputs of a step are.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(super) struct Step {
    /// Words from the first pixel of a tile on.
    pub offset: usize,
    /// What is to be fetched meanwhile, in words from the first pixel of the first tile on.
    pub ahead: usize,
}

/// What is multiplied at a time.
#[derive(Debug, Clone, Copy)]
pub(super) enum Block {
    /// So many tiles of pixels, each by its first word, by one register of filters: of each the fewest bytes are loaded per
    /// product.
    Tall([usize; GROUP], usize),
    /// One tile of pixels by so many registers of filters: it is loaded once.
    Wide(usize, usize),
}

impl Block {
    /// A block of these tiles.
    ///
    /// # Panics
    /// When there are none, or more than a group.
    pub(super) fn tall(tiles: impl Iterator<Item = usize>) -> Self {
        let (mut first, mut count) = ([0; GROUP], 0);
        for tile in tiles {
            first[count] = tile;
            count += 1;
        }
        assert!(count > 0);
        Self::Tall(first, count)
    }

    /// Tiles of pixels, by their first words, and registers of filters.
    pub(super) fn sides(&self) -> (&[usize], usize) {
        match self {
            Self::Tall(tiles, count) => (&tiles[..*count], 1),
            Self::Wide(tile, registers) => (std::slice::from_ref(tile), *registers),
        }
    }

    /// Sums as they are stored: from the first one of the block on.
    pub(super) fn sums(&self) -> usize {
        match *self {
            Self::Tall(_, tiles) => (tiles - 1) * SUMS + SUMS - LINE,
            Self::Wide(_, registers) => registers.div_ceil(2) * SUMS,
        }
    }
}

/// What the blocks of a convolution have in common.
#[derive(Clone, Copy)]
pub(super) struct Operands<'a> {
    /// The input, of all items.
    pub input: &'a [f32],
    /// Rows of a tile.
    pub rows: usize,
    /// Words from pixel to pixel of a tile.
    #[cfg_attr(
        not(all(target_arch = "x86_64", not(miri))),
        allow(dead_code, reason = "there is no unit to load for")
    )]
    pub stride: usize,
    /// Words that a tile reads, from its first one on.
    pub reach: usize,
    /// All steps.
    pub steps: &'a [Step],
    /// Lines of pixels to fetch in each step.
    #[cfg_attr(
        not(all(target_arch = "x86_64", not(miri))),
        allow(dead_code, reason = "there is no unit to fetch for")
    )]
    pub ahead: usize,
    /// Filters, a register per step; those of a second register, and so on, follow.
    pub filters: &'a [f32],
    /// What is read soon after, to be fetched into the second-level cache.
    #[cfg_attr(
        not(all(target_arch = "x86_64", not(miri))),
        allow(dead_code, reason = "there is no unit to fetch for")
    )]
    pub next: &'a [f32],
}

impl Operands<'_> {
    /// Asserts that a block finds all of its operands.
    ///
    /// # Panics
    /// When it does not.
    pub(super) fn check(&self, block: &Block) {
        let (tiles, registers) = block.sides();
        assert!(registers <= WIDE && registers * self.steps.len() * REGISTER <= self.filters.len());
        let is_inside = |tile: &usize| tile + self.reach <= self.input.len();
        assert!(tiles.iter().all(is_inside));
    }
}

/// A unit for matrices.
pub(super) trait Unit: Copy + Send + Sync {
    /// Its registers on one thread.
    type Registers: Registers;

    /// Prepares this thread's registers, for tiles of so many rows.
    fn configure(self, rows: usize) -> Self::Registers;
}

/// A thread's registers.
pub(super) trait Registers {
    /// Sets all sums to zero.
    fn clear(&mut self);

    /// Adds the products of some steps.
    ///
    /// # Panics
    /// When the block does not find all of its operands.
    fn add(&mut self, block: &Block, operands: &Operands<'_>, steps: Range<usize>);

    /// Writes the sums. Those of a tile and a panel lie as `[row][output]`; a tall block has one of them for each tile, and
    /// writes 16 outputs, a wide one for each panel.
    ///
    /// # Panics
    /// When there is no room.
    fn store(&mut self, block: &Block, sums: &mut [f32]);
}
