//! What multiplies: AMX or, in tests, its emulation.

use super::packing::REGISTER;
use crate::engine::cpu::amx::ROWS;
use crate::engine::cpu::buffer::LINE;
use std::ops::Range;

/// Tiles of pixels that are multiplied at a time, at most.
pub(super) const GROUP: usize = 6;
/// Registers of filters that are multiplied at a time, at most.
pub(super) const WIDE: usize = 4;
/// Lines that a tall product of so many tiles fetches of what is read later, in each step.
pub(super) fn fetched(tiles: usize) -> usize {
    if tiles <= 4 { 4 } else { 6 }
}

/// Outputs of a panel: two registers of filters, and a line of a pixel.
pub(super) const PANEL: usize = 2 * LINE;
/// Sums of a register.
pub(super) const SUMS: usize = ROWS * LINE;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Some tiles of pixels by one register of filters: of each the fewest bytes are loaded per product.
    Tall,
    /// One tile of pixels by some registers of filters: it is loaded once.
    Wide,
}

/// What the products of a convolution have in common.
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
    /// What is read later, to be fetched into the second-level cache: some lines in each step, from step `origin` on.
    #[cfg_attr(
        not(all(target_arch = "x86_64", not(miri))),
        allow(dead_code, reason = "there is no unit to fetch for")
    )]
    pub next: &'a [f32],
    /// The step that fetches the first of these lines.
    #[cfg_attr(
        not(all(target_arch = "x86_64", not(miri))),
        allow(dead_code, reason = "there is no unit to fetch for")
    )]
    pub origin: usize,
}

/// Tiles and registers of filters, all of which are there.
///
/// It is made where it is used and not moved: what was written in parts can be read as a whole only when all that comes before has
/// been done, and the unit would wait.
pub(super) struct Product<'a> {
    form: Form,
    /// Registers of sums.
    registers: usize,
    /// The first word of each tile.
    tiles: [*const f32; GROUP],
    operands: &'a Operands<'a>,
}

impl<'a> Product<'a> {
    /// So many registers of sums. `tile` is the first word that a tile reads; a wide product has one tile.
    ///
    /// # Panics
    /// When there are none or too many of them, and when not all operands are there.
    #[inline(always)]
    pub(super) fn new(
        form: Form,
        registers: usize,
        operands: &'a Operands<'a>,
        tile: impl Fn(usize) -> usize,
    ) -> Self {
        let (tiles, filters) = match form {
            Form::Tall => (registers, 1),
            Form::Wide => (1, registers),
        };
        assert!((1..=GROUP).contains(&tiles) && (1..=WIDE).contains(&filters));
        assert!(
            !operands.steps.is_empty()
                && filters * operands.steps.len() * REGISTER <= operands.filters.len()
        );
        let input = operands.input.as_ptr();
        let mut product = Self {
            form,
            registers,
            tiles: [input; GROUP],
            operands,
        };
        let seen = match form {
            Form::Tall => tiles,
            Form::Wide => 2,
        };
        for (index, to) in product.tiles.iter_mut().take(seen).enumerate() {
            let tile = tile(index);
            assert!(tile + operands.reach <= operands.input.len());
            *to = input.wrapping_add(tile);
        }
        product
    }

    /// What is multiplied.
    pub(super) fn form(&self) -> Form {
        self.form
    }

    /// Registers of sums.
    pub(super) fn registers(&self) -> usize {
        self.registers
    }

    /// Where the tiles begin in the input: as many as the product has, and then any. The second of a wide product is the next one.
    pub(super) fn tiles(&self) -> &[*const f32; GROUP] {
        &self.tiles
    }

    /// What it has in common with others.
    pub(super) fn operands(&self) -> &'a Operands<'a> {
        self.operands
    }
}

/// Where sums lie while others are in the registers, in floats.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    /// Where those are put down that are in the registers.
    pub put: usize,
    /// Where those lie that are taken up, if there are any.
    pub take: Option<usize>,
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

    /// Goes on with sums that were put down, `[register][row][output]`.
    ///
    /// # Panics
    /// When there are not as many.
    fn load(&mut self, registers: usize, sums: &[f32]);

    /// Puts down the sums of a product of the same form and size, and begins another one with some step: from zero on, or from sums
    /// that were put down. While one register is written, the others are still or already added to.
    ///
    /// # Panics
    /// When there is no such step, no room for the sums, or when they are not there.
    fn turn(&mut self, product: &Product<'_>, step: usize, sums: &mut [f32], turn: Turn);

    /// Adds the products of some steps.
    ///
    /// # Panics
    /// When there are not so many steps.
    fn add(&mut self, product: &Product<'_>, steps: Range<usize>);

    /// Writes the sums of so many registers, `[register][row][output]`. A tall product has a register for each tile, a wide one for
    /// each 16 outputs.
    ///
    /// # Panics
    /// When there is no room.
    fn store(&mut self, registers: usize, sums: &mut [f32]);
}
