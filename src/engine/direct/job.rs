//! What a convolution works on, as a whole and at a time.

use super::grid::Part;
use super::unit::Form;
use crate::engine::cpu::buffer::{LINE, Span};

/// Some channels of an activation, to be read or written tile by tile.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    /// The buffer.
    pub span: Span<'a>,
    /// The first line, and lines from an item, a frame and a panel to the next.
    first: usize,
    item: usize,
    frame: usize,
    panel: usize,
    /// Lines that a tile lies further ahead than counted: of a ring, the rounds before.
    behind: usize,
    /// Whether even and odd pixels lie in planes of their own.
    pub apart: bool,
    /// From a pixel to the one after the next, and from an even one to the odd one after it.
    pub steps: [usize; 2],
}

impl<'a> Target<'a> {
    /// A part of a buffer.
    pub(super) fn new(span: Span<'a>, part: Part) -> Self {
        let grid = part.grid;
        Self {
            span,
            first: part.start([0; 3]),
            item: grid.item(),
            frame: grid.frame(),
            panel: grid.map(),
            behind: 0,
            apart: grid.apart,
            steps: match grid.apart {
                true => [1, grid.plane() + 1],
                false => [2, 1],
            },
        }
    }

    /// The same where tiles lie so many lines further ahead than counted.
    pub(super) fn behind(self, lines: usize) -> Self {
        Self {
            behind: lines,
            ..self
        }
    }

    /// The line where a panel of a tile begins that lies so many lines from the beginning of a chunk.
    #[inline(always)]
    pub(super) fn line(&self, [item, frame, panel]: [usize; 3], tile: usize) -> usize {
        let start = self.first + item * self.item + frame * self.frame + panel * self.panel;
        start + tile - self.behind
    }
}

/// One application of a convolution.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    /// Packed filters.
    pub filters: &'a [f32],
    /// The input.
    pub input: &'a [f32],
    /// Words of an item there.
    pub item: usize,
    /// Receives activations.
    pub output: Target<'a>,
    /// Receives convolution, bias and residual.
    pub raw: Option<Target<'a>>,
    /// Added to the convolution.
    pub residual: Option<Target<'a>>,
    /// Filters that are used after this convolution.
    pub next: &'a [f32],
}

/// Tiles and outputs that are computed together.
#[derive(Clone, Copy)]
pub(super) struct Group {
    /// How.
    pub form: Form,
    /// Registers of sums.
    pub registers: usize,
    /// The first tile.
    pub tile: usize,
    /// The first output.
    pub channel: usize,
    /// Where its sums lie when they are not in the registers, in floats.
    pub place: usize,
    /// Whether all steps have been added.
    pub is_whole: bool,
}

impl Group {
    /// The tile and the first output of a register.
    pub(super) fn of(&self, register: usize) -> (usize, usize) {
        match self.form {
            Form::Tall => (self.tile + register, self.channel),
            Form::Wide => (self.tile, self.channel + register * LINE),
        }
    }

    /// Whether another one takes as many registers in the same way.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.form == other.form && self.registers == other.registers
    }
}
