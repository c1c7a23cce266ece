//! The unit itself.
//!
//! Of its eight registers, 0 to 5 hold sums, 6 holds pixels and 7 filters.

#![allow(unsafe_code, reason = "a kernel")]
#![cfg_attr(
    not(all(target_arch = "x86_64", not(miri))),
    allow(unused_variables, reason = "there is no unit")
)]

use super::packing::REGISTER;
use super::unit::{Form, GROUP, Product, Registers, SUMS, Turn, Unit, fetched};
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

/// One step of a tall product after the other. A tile is written as its number and what is fetched while it is multiplied: lines of
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
            "add {next}, {fetched}",
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
            fetched = in(reg) $call.fetched,
            offset = out(reg) _,
            ahead = out(reg) _,
            tile = out(reg) _,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack, readonly),
        )
    };
}

/// One step of a wide product after the other: a register of filters is written as its number.
#[cfg(all(target_arch = "x86_64", not(miri)))]
macro_rules! wide {
    ($call:expr, $($register:literal $([$($pixels:literal)*])?;)*) => {
        std::arch::asm!(
            "2:",
            "mov {tile}, [{step}]",
            "shl {tile}, 2",
            "mov {ahead}, [{tiles} + 8]",
            "add {ahead}, {tile}",
            "add {tile}, [{tiles}]",
            "tileloadd tmm6, [{tile} + {stride}]",
            "mov {tile}, {filters}",
            $(
                "tileloadd tmm7, [{tile} + {line}]",
                concat!("tdpbf16ps tmm", $register, ", tmm6, tmm7"),
                "add {tile}, {register}",
                $($(concat!("prefetcht0 [{ahead} + 64 * ", $pixels, "]"),)*)?
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
            ahead = out(reg) _,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack, readonly),
        )
    };
}

/// How a register begins: from zero, or from sums that were put down.
#[cfg(all(target_arch = "x86_64", not(miri)))]
macro_rules! begin {
    (zero, $register:literal, $place:literal) => {
        concat!("tilezero tmm", $register, " /* {taken} */")
    };
    (taken, $register:literal, $place:literal) => {
        concat!(
            "tileloadd tmm",
            $register,
            ", [{taken} + {line} + ",
            $place,
            "]"
        )
    };
}

/// The first step of a tall product. A tile is written as its number and the place in bytes of what its register held.
#[cfg(all(target_arch = "x86_64", not(miri)))]
macro_rules! turn_tall {
    ($call:expr, $sums:expr, $begin:ident, $($tile:literal $place:literal)*) => {
        std::arch::asm!(
            "mov {offset}, [{step}]",
            "shl {offset}, 2",
            "tileloadd tmm7, [{filters} + {line}]",
            $(
                concat!("mov {tile}, [{tiles} + 8 * ", $tile, "]"),
                "add {tile}, {offset}",
                "tileloadd tmm6, [{tile} + {stride}]",
                concat!("tilestored [{sums} + {line} + ", $place, "], tmm", $tile),
                begin!($begin, $tile, $place),
                concat!("tdpbf16ps tmm", $tile, ", tmm6, tmm7"),
            )*
            tiles = in(reg) $call.tiles.as_ptr(),
            stride = in(reg) $call.stride,
            step = in(reg) $call.steps.start,
            filters = in(reg) $call.filters,
            line = in(reg) 64usize,
            sums = in(reg) $sums.0,
            taken = in(reg) $sums.1,
            offset = out(reg) _,
            tile = out(reg) _,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        )
    };
}

/// The first step of a wide product, its registers written as above.
#[cfg(all(target_arch = "x86_64", not(miri)))]
macro_rules! turn_wide {
    ($call:expr, $sums:expr, $begin:ident, $($register:literal $place:literal)*) => {
        std::arch::asm!(
            "mov {tile}, [{step}]",
            "shl {tile}, 2",
            "add {tile}, [{tiles}]",
            "tileloadd tmm6, [{tile} + {stride}]",
            "mov {tile}, {filters}",
            $(
                "tileloadd tmm7, [{tile} + {line}]",
                concat!("tilestored [{sums} + {line} + ", $place, "], tmm", $register),
                begin!($begin, $register, $place),
                concat!("tdpbf16ps tmm", $register, ", tmm6, tmm7"),
                "add {tile}, {register}",
            )*
            tiles = in(reg) $call.tiles.as_ptr(),
            stride = in(reg) $call.stride,
            step = in(reg) $call.steps.start,
            filters = in(reg) $call.filters,
            register = in(reg) $call.register,
            line = in(reg) 64usize,
            sums = in(reg) $sums.0,
            taken = in(reg) $sums.1,
            tile = out(reg) _,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        )
    };
}

/// Writes registers of sums, each to its place in bytes.
#[cfg(all(target_arch = "x86_64", not(miri)))]
macro_rules! store {
    ($sums:expr, $($register:literal $place:literal)*) => {
        std::arch::asm!(
            $(concat!("tilestored [{sums} + {line} + ", $place, "], tmm", $register),)*
            sums = in(reg) $sums.as_mut_ptr(),
            line = in(reg) 64usize,
            options(nostack),
        )
    };
}

/// Reads them again.
#[cfg(all(target_arch = "x86_64", not(miri)))]
macro_rules! load {
    ($sums:expr, $($register:literal $place:literal)*) => {
        std::arch::asm!(
            $(concat!("tileloadd tmm", $register, ", [{sums} + {line} + ", $place, "]"),)*
            sums = in(reg) $sums.as_ptr(),
            line = in(reg) 64usize,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _, out("tmm4") _, out("tmm5") _,
            options(nostack, readonly),
        )
    };
}

/// What the kernels read, in bytes.
#[cfg_attr(
    not(all(target_arch = "x86_64", not(miri))),
    allow(dead_code, reason = "there is no unit")
)]
struct Call<'a> {
    /// The first pixel of each tile.
    tiles: &'a [*const f32; GROUP],
    stride: usize,
    steps: Range<*const super::unit::Step>,
    filters: *const f32,
    /// From a register of filters to the next.
    register: usize,
    /// What is fetched for later, and bytes from step to step.
    next: *const f32,
    fetched: usize,
}

impl Sums {
    /// What the kernels read in some steps, of which there is one at least.
    #[inline(always)]
    fn call<'a>(&self, product: &'a Product<'_>, steps: &Range<usize>) -> Call<'a> {
        let operands = product.operands();
        assert_eq!(operands.rows, self.rows);
        let all = operands.steps.len();
        assert!(steps.start < steps.end && steps.end <= all);
        let filters = operands.filters[steps.start * REGISTER..].as_ptr();
        // Lines beyond the end are none that exist: nothing is read. Where there is nothing to fetch, it is what is there already:
        // an address without memory would cost more.
        let (next, fetched) = match operands.next {
            [] => (filters, 0),
            next => (next.as_ptr(), 64 * fetched(product.registers())),
        };
        let since = steps.start.wrapping_sub(operands.origin);
        Call {
            tiles: product.tiles(),
            stride: operands.stride * size_of::<f32>(),
            steps: operands.steps[steps.clone()].as_ptr_range(),
            filters,
            register: all * REGISTER * size_of::<f32>(),
            next: next.wrapping_byte_add(since.wrapping_mul(fetched)),
            fetched,
        }
    }
}

impl Registers for Sums {
    fn turn(&mut self, product: &Product<'_>, step: usize, sums: &mut [f32], turn: Turn) {
        let len = product.registers() * SUMS;
        assert!(turn.put + len <= sums.len());
        assert!(turn.take.is_none_or(|take| take + len <= sums.len()));
        let call = self.call(product, &(step..step + 1));
        let put = sums[turn.put..].as_mut_ptr();
        let taken = turn.take.map_or(put, |take| sums[take..].as_mut_ptr());
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        // SAFETY: the registers are prepared. All tiles lie in the input, as many rows as are prepared, and so do the filters
        // (`Product`); there is room for the sums, and those that are taken up are there (asserted above).
        unsafe {
            let sums = (put, taken);
            match (product.form(), product.registers(), turn.take) {
                (Form::Wide, 1, None) => turn_wide!(call, sums, zero, 0 0),
                (Form::Wide, 2, None) => turn_wide!(call, sums, zero, 0 0 1 1024),
                (Form::Wide, 3, None) => turn_wide!(call, sums, zero, 0 0 1 1024 2 2048),
                (Form::Wide, _, None) => turn_wide!(call, sums, zero, 0 0 1 1024 2 2048 3 3072),
                (Form::Wide, 1, _) => turn_wide!(call, sums, taken, 0 0),
                (Form::Wide, 2, _) => turn_wide!(call, sums, taken, 0 0 1 1024),
                (Form::Wide, 3, _) => turn_wide!(call, sums, taken, 0 0 1 1024 2 2048),
                (Form::Wide, _, _) => turn_wide!(call, sums, taken, 0 0 1 1024 2 2048 3 3072),
                (Form::Tall, 1, None) => turn_tall!(call, sums, zero, 0 0),
                (Form::Tall, 2, None) => turn_tall!(call, sums, zero, 0 0 1 1024),
                (Form::Tall, 3, None) => turn_tall!(call, sums, zero, 0 0 1 1024 2 2048),
                (Form::Tall, 4, None) => turn_tall!(call, sums, zero, 0 0 1 1024 2 2048 3 3072),
                (Form::Tall, 5, None) => {
                    turn_tall!(call, sums, zero, 0 0 1 1024 2 2048 3 3072 4 4096)
                }
                (Form::Tall, _, None) => {
                    turn_tall!(call, sums, zero, 0 0 1 1024 2 2048 3 3072 4 4096 5 5120)
                }
                (Form::Tall, 1, _) => turn_tall!(call, sums, taken, 0 0),
                (Form::Tall, 2, _) => turn_tall!(call, sums, taken, 0 0 1 1024),
                (Form::Tall, 3, _) => turn_tall!(call, sums, taken, 0 0 1 1024 2 2048),
                (Form::Tall, 4, _) => turn_tall!(call, sums, taken, 0 0 1 1024 2 2048 3 3072),
                (Form::Tall, 5, _) => {
                    turn_tall!(call, sums, taken, 0 0 1 1024 2 2048 3 3072 4 4096)
                }
                (Form::Tall, _, _) => {
                    turn_tall!(call, sums, taken, 0 0 1 1024 2 2048 3 3072 4 4096 5 5120)
                }
            }
        }
    }

    fn load(&mut self, registers: usize, sums: &[f32]) {
        assert!(registers * SUMS <= sums.len());
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        // SAFETY: the registers are prepared, and the sums are there (asserted above).
        unsafe {
            match registers {
                1 => load!(sums, 0 0),
                2 => load!(sums, 0 0 1 1024),
                3 => load!(sums, 0 0 1 1024 2 2048),
                4 => load!(sums, 0 0 1 1024 2 2048 3 3072),
                5 => load!(sums, 0 0 1 1024 2 2048 3 3072 4 4096),
                _ => load!(sums, 0 0 1 1024 2 2048 3 3072 4 4096 5 5120),
            }
        }
    }

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

    fn add(&mut self, product: &Product<'_>, steps: Range<usize>) {
        if steps.is_empty() {
            return;
        }
        let call = self.call(product, &steps);
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        {
            // SAFETY: the registers are prepared. The steps are not empty; with each of them, all tiles lie in the input, as
            // many rows as are prepared, and so do the filters (`Product`). What is fetched need not exist. No compiled code
            // touches the registers of the unit, so the sums last from one call to the next.
            unsafe {
                match (
                    product.form(),
                    product.registers(),
                    product.operands().ahead,
                ) {
                    (Form::Wide, 1, 0) => wide!(call, 0;),
                    (Form::Wide, 2, 0) => wide!(call, 0; 1;),
                    (Form::Wide, 3, 0) => wide!(call, 0; 1; 2;),
                    (Form::Wide, _, 0) => wide!(call, 0; 1; 2; 3;),
                    (Form::Wide, 1, _) => wide!(call, 0 [0 1 2 3 4 5 6 7 8 9 10 11 12 13];),
                    (Form::Wide, 2, _) => wide!(call, 0 [0 1 2 3 4 5 6]; 1 [7 8 9 10 11 12 13];),
                    (Form::Wide, 3, _) => {
                        wide!(call, 0 [0 1 2 3 4]; 1 [5 6 7 8 9]; 2 [10 11 12 13];)
                    }
                    (Form::Wide, _, _) => {
                        wide!(call, 0 [0 1 2 3]; 1 [4 5 6 7]; 2 [8 9 10]; 3 [11 12 13];)
                    }
                    (Form::Tall, 1, _) => {
                        tall!(call, 0 filters[0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15];)
                    }
                    (Form::Tall, 2, _) => tall!(call,
                        0 filters[0 1 2 3 4 5 6 7];
                        1 filters[8 9 10 11 12 13 14 15];),
                    (Form::Tall, 3, _) => tall!(call,
                        0 filters[0 1 2 3 4 5 6 7];
                        1 filters[8 9 10 11 12 13 14 15];
                        2 next[0 1 2 3];),
                    (Form::Tall, 4, _) => tall!(call,
                        0 filters[0 1 2 3 4 5 6 7];
                        1 filters[8 9 10 11 12 13 14 15];
                        2 next[0 1];
                        3 next[2 3];),
                    (Form::Tall, 5, _) => tall!(call,
                        0 filters[0 1 2 3 4 5 6 7];
                        1 filters[8 9 10 11 12 13 14 15];
                        2 next[0 1];
                        3 next[2 3];
                        4 next[4 5];),
                    (Form::Tall, _, 0) => tall!(call,
                        0 filters[0 1 2 3 4 5 6 7];
                        1 filters[8 9 10 11 12 13 14 15];
                        2 next[0 1];
                        3 next[2 3];
                        4 next[4 5];
                        5;),
                    (Form::Tall, _, ..=18) if call.fetched == 0 => tall!(call,
                        0 filters[0 1 2 3 4 5 6 7];
                        1 filters[8 9 10 11 12 13 14 15];
                        2 [0 1 2 3 4 5];
                        3 [6 7 8 9 10 11];
                        4 [12 13 14 15 16 17];
                        5;),
                    (Form::Tall, _, ..=18) => tall!(call,
                        0 filters[0 1 2 3 4 5 6 7];
                        1 filters[8 9 10 11 12 13 14 15];
                        2 [0 1 2 3 4 5];
                        3 [6 7 8 9 10 11];
                        4 [12 13 14 15 16 17];
                        5 next[0 1 2 3 4 5];),
                    (Form::Tall, _, _) => tall!(call,
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

    fn store(&mut self, registers: usize, sums: &mut [f32]) {
        assert!(registers * SUMS <= sums.len());
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        // SAFETY: the registers are prepared, and there is room for them (asserted above).
        unsafe {
            match registers {
                1 => store!(sums, 0 0),
                2 => store!(sums, 0 0 1 1024),
                3 => store!(sums, 0 0 1 1024 2 2048),
                4 => store!(sums, 0 0 1 1024 2 2048 3 3072),
                5 => store!(sums, 0 0 1 1024 2 2048 3 3072 4 4096),
                _ => store!(sums, 0 0 1 1024 2 2048 3 3072 4 4096 5 5120),
            }
        }
    }
}
