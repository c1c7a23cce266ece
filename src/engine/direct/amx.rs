//! The unit itself.
//!
//! Of its eight registers, 0 to 5 hold sums, 6 holds pixels and 7 filters.

#![allow(unsafe_code, reason = "a kernel")]
#![cfg_attr(
    not(all(target_arch = "x86_64", not(miri))),
    allow(unused_variables, reason = "there is no unit")
)]

use super::unit::{Block, Operands, Registers, Unit};
use crate::engine::cpu::amx::{Amx, Configured};
use std::ops::Range;

/// This thread's registers. The unit keeps the sums from one call to the next.
pub(super) struct Sums {
    _prepared: Configured,
    rows: usize,
}

impl Unit for Amx {
    type Registers = Sums;

    fn configure(self, rows: usize) -> Sums {
        let prepared = Self::configure(self, rows);
        assert!(
            !prepared.is_emulated(),
            "that is the emulation of another engine"
        );
        Sums {
            _prepared: prepared,
            rows,
        }
    }
}

/// One step of a tall block after the other. A tile is written as its number and what is fetched while it is multiplied: lines of
/// pixels, lines of the filters two steps on, and lines of what is read next.
#[cfg(all(target_arch = "x86_64", not(miri)))]
macro_rules! tall {
    ($call:expr, $($tile:literal $([$($pixels:literal)*])? $(filters[$($filters:literal)*])? $(next[$($next:literal)*])?;)*) => {
        std::arch::asm!(
            "2:",
            "mov {offset}, [{step}]",
            "mov {ahead}, [{step} + 8]",
            "shl {offset}, 2",
            "shl {ahead}, 2",
            "add {ahead}, [{tiles}]",
            "tileloadd tmm7, [{filters} + {line}]",
            $(
                concat!("mov {tile}, [{tiles} + 8 * ", $tile, "]"),
                "add {tile}, {offset}",
                "tileloadd tmm6, [{tile} + {stride}]",
                concat!("tdpbf16ps tmm", $tile, ", tmm6, tmm7"),
                $($(concat!("prefetcht0 [{ahead} + 64 * ", $pixels, "]"),)*)?
                $($(concat!("prefetcht0 [{filters} + 2048 + 64 * ", $filters, "]"),)*)?
                $($(concat!("prefetcht1 [{next} + 64 * ", $next, "]"),)*)?
            )*
            "add {next}, 64 * 6",
            "add {filters}, 1024",
            "add {step}, 16",
            "cmp {step}, {end}",
            "jne 2b",
            tiles = in(reg) $call.tiles.as_ptr(),
            stride = in(reg) $call.stride,
            step = inout(reg) $call.steps.start => _,
            end = in(reg) $call.steps.end,
            filters = inout(reg) $call.filters => _,
            line = in(reg) 64usize,
            next = inout(reg) $call.next => _,
            offset = out(reg) _,
            ahead = out(reg) _,
            tile = out(reg) _,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack, readonly),
        )
    };
}

/// One step of a wide block after the other: a register of filters is written as its number.
#[cfg(all(target_arch = "x86_64", not(miri)))]
macro_rules! wide {
    ($call:expr, $($register:literal)*) => {
        std::arch::asm!(
            "2:",
            "mov {tile}, [{step}]",
            "shl {tile}, 2",
            "add {tile}, [{tiles}]",
            "tileloadd tmm6, [{tile} + {stride}]",
            "mov {tile}, {filters}",
            $(
                "tileloadd tmm7, [{tile} + {line}]",
                concat!("tdpbf16ps tmm", $register, ", tmm6, tmm7"),
                "add {tile}, {register}",
            )*
            "add {filters}, 1024",
            "add {step}, 16",
            "cmp {step}, {end}",
            "jne 2b",
            tiles = in(reg) $call.tiles.as_ptr(),
            stride = in(reg) $call.stride,
            step = inout(reg) $call.steps.start => _,
            end = in(reg) $call.steps.end,
            filters = inout(reg) $call.filters => _,
            register = in(reg) $call.register,
            line = in(reg) 64usize,
            tile = out(reg) _,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack, readonly),
        )
    };
}

/// Writes registers of sums, each to its place in bytes.
#[cfg(all(target_arch = "x86_64", not(miri)))]
macro_rules! store {
    ($sums:expr, $($register:literal $place:literal)*) => {
        std::arch::asm!(
            $(concat!("tilestored [{sums} + {row} + ", $place, "], tmm", $register),)*
            sums = in(reg) $sums.as_mut_ptr(),
            row = in(reg) 128usize,
            options(nostack),
        )
    };
}

/// What the kernels read, in bytes.
#[cfg(all(target_arch = "x86_64", not(miri)))]
struct Call {
    /// The first pixel of each tile.
    tiles: [*const f32; super::unit::GROUP],
    stride: usize,
    steps: Range<*const super::unit::Step>,
    filters: *const f32,
    /// From a register of filters to the next.
    register: usize,
    next: *const f32,
}

impl Registers for Sums {
    fn clear(&mut self) {
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        // SAFETY: the registers are prepared.
        unsafe {
            std::arch::asm!(
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "tilezero tmm3",
                "tilezero tmm4",
                "tilezero tmm5",
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _, out("tmm4") _, out("tmm5") _,
                options(nostack, nomem, preserves_flags),
            );
        }
    }

    fn add(&mut self, block: &Block, operands: &Operands<'_>, steps: Range<usize>) {
        operands.check(block);
        assert_eq!(operands.rows, self.rows);
        let all = operands.steps.len();
        if steps.is_empty() {
            return;
        }
        assert!(steps.end <= all);
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        {
            use super::packing::REGISTER;
            use super::unit::GROUP;
            let (tiles, registers) = block.sides();
            let mut first = [operands.input.as_ptr(); GROUP];
            for (first, &tile) in first.iter_mut().zip(tiles) {
                *first = operands.input[tile..].as_ptr();
            }
            let call = Call {
                tiles: first,
                stride: operands.stride * size_of::<f32>(),
                steps: operands.steps[steps.clone()].as_ptr_range(),
                filters: operands.filters[steps.start * REGISTER..].as_ptr(),
                register: all * REGISTER * size_of::<f32>(),
                // A few more or less than there are: nothing is read.
                next: operands
                    .next
                    .as_ptr()
                    .wrapping_byte_add(steps.start * 64 * 6),
            };
            let tall = matches!(block, Block::Tall(..));
            // SAFETY: the registers are prepared. The steps are not empty; with each of them, all tiles lie in the input, as
            // many rows as are prepared, and so do the filters (`check`). What is fetched need not exist. No compiled code
            // touches the registers of the unit, so the sums last from one call to the next.
            unsafe {
                match (tall, tiles.len().max(registers), operands.ahead) {
                    (false, 1, _) => wide!(call, 0),
                    (false, 2, _) => wide!(call, 0 1),
                    (false, 3, _) => wide!(call, 0 1 2),
                    (false, _, _) => wide!(call, 0 1 2 3),
                    (true, 1, _) => tall!(call, 0 filters[0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15];),
                    (true, 2, _) => tall!(call,
                        0 filters[0 1 2 3 4 5 6 7];
                        1 filters[8 9 10 11 12 13 14 15];),
                    (true, 3, _) => tall!(call,
                        0 filters[0 1 2 3 4 5 6 7];
                        1 filters[8 9 10 11 12 13 14 15];
                        2 next[0 1 2 3 4 5];),
                    (true, 4, _) => tall!(call,
                        0 filters[0 1 2 3 4 5 6 7];
                        1 filters[8 9 10 11 12 13 14 15];
                        2 next[0 1 2];
                        3 next[3 4 5];),
                    (true, 5, _) => tall!(call,
                        0 filters[0 1 2 3 4 5 6 7];
                        1 filters[8 9 10 11 12 13 14 15];
                        2 next[0 1];
                        3 next[2 3];
                        4 next[4 5];),
                    (true, _, 0) => tall!(call,
                        0 filters[0 1 2 3 4 5 6 7];
                        1 filters[8 9 10 11 12 13 14 15];
                        2 next[0 1];
                        3 next[2 3];
                        4 next[4 5];
                        5;),
                    (true, _, ..=18) => tall!(call,
                        0 filters[0 1 2 3 4 5 6 7];
                        1 filters[8 9 10 11 12 13 14 15];
                        2 [0 1 2 3 4 5];
                        3 [6 7 8 9 10 11];
                        4 [12 13 14 15 16 17];
                        5 next[0 1 2 3 4 5];),
                    (true, _, _) => tall!(call,
                        0 [0 1 2 3 4 5 6 7];
                        1 [8 9 10 11 12 13 14 15];
                        2 filters[0 1 2 3 4 5 6 7];
                        3 [16 17 18 19 20 21 22 23 24] filters[8 9 10 11 12 13 14 15];
                        4 [25 26 27 28 29 30 31 32];
                        5 [33 34 35 36 37 38 39 40 41] next[0 1 2 3 4 5];),
                }
            }
        }
    }

    fn store(&mut self, block: &Block, sums: &mut [f32]) {
        assert!(block.sums() <= sums.len());
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        // SAFETY: the registers are prepared, and there is room for them (asserted above).
        unsafe {
            match block {
                Block::Wide(_, 1) => store!(sums, 0 0),
                Block::Wide(_, 2) => store!(sums, 0 0 1 64),
                Block::Wide(_, 3) => store!(sums, 0 0 1 64 2 2048),
                Block::Wide(..) => store!(sums, 0 0 1 64 2 2048 3 2112),
                Block::Tall(_, 1) => store!(sums, 0 0),
                Block::Tall(_, 2) => store!(sums, 0 0 1 2048),
                Block::Tall(_, 3) => store!(sums, 0 0 1 2048 2 4096),
                Block::Tall(_, 4) => store!(sums, 0 0 1 2048 2 4096 3 6144),
                Block::Tall(_, 5) => store!(sums, 0 0 1 2048 2 4096 3 6144 4 8192),
                Block::Tall(..) => store!(sums, 0 0 1 2048 2 4096 3 6144 4 8192 5 10240),
            }
        }
    }
}
