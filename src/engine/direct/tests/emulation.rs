//! The unit in plain Rust, to the bit.
//!
//! Of a step, the even and the odd numbers of the words are two chains of fused multiply-adds, each from zero on. The sum of both
//! is added to the sum so far. A bfloat16 number below the smallest normal one is zero to the unit. (So would a sum of products
//! that small be, which is left out here: no network comes near it.)

#![allow(
    clippy::needless_range_loop,
    reason = "iterators are slow in builds that inline little"
)]

use super::super::packing::REGISTER;
use super::super::unit::{Form, GROUP, Product, Registers, SUMS, Turn, Unit};
use crate::engine::cpu::amx::ROWS;
use crate::engine::cpu::buffer::LINE;
use crate::engine::cpu::simd::{Isa, Simd, WithSimd, load, store};
use pulp::bytemuck::cast;
use std::ops::Range;

/// The emulated unit.
#[derive(Clone, Copy)]
pub(super) struct Emulation(pub Isa);

/// Its registers: those of the sums.
pub(super) struct Sums {
    isa: Isa,
    rows: usize,
    sums: [[f32; ROWS * LINE]; GROUP],
}

impl Unit for Emulation {
    type Registers = Sums;

    fn configure(self, rows: usize) -> Sums {
        Sums {
            isa: self.0,
            rows,
            sums: [[0.0; ROWS * LINE]; GROUP],
        }
    }
}

impl Registers for Sums {
    fn clear(&mut self) {
        self.sums = [[0.0; ROWS * LINE]; GROUP];
    }

    fn load(&mut self, registers: usize, sums: &[f32]) {
        for (register, sums) in sums.chunks(SUMS).take(registers).enumerate() {
            let len = self.rows * LINE;
            self.sums[register][..len].copy_from_slice(&sums[..len]);
        }
    }

    fn turn(&mut self, product: &Product<'_>, step: usize, sums: &mut [f32], turn: Turn) {
        self.store(product.registers(), &mut sums[turn.put..]);
        match turn.take {
            Some(take) => self.load(product.registers(), &sums[take..]),
            None => self.clear(),
        }
        self.add(product, step..step + 1);
    }

    fn add(&mut self, product: &Product<'_>, steps: Range<usize>) {
        let operands = product.operands();
        assert_eq!(operands.rows, self.rows);
        let (tiles, registers) = match product.form() {
            Form::Tall => (product.registers(), 1),
            Form::Wide => (1, product.registers()),
        };
        let begin = operands.input.as_ptr().addr();
        let first = |tile: &*const f32| (tile.addr() - begin) / size_of::<f32>();
        let tiles: Vec<usize> = product.tiles()[..tiles].iter().map(first).collect();
        let all = operands.steps.len();
        for (k, step) in operands.steps[steps.clone()].iter().enumerate() {
            for register in 0..registers {
                let at = (register * all + steps.start + k) * REGISTER;
                let filters = &operands.filters[at..][..REGISTER];
                let sums = &mut self.sums[register..];
                let tiles = tiles
                    .iter()
                    .map(|tile| &operands.input[tile + step.offset..]);
                self.isa.run(Products {
                    filters,
                    tiles: &tiles.collect::<Vec<_>>(),
                    stride: operands.stride,
                    rows: self.rows,
                    sums,
                });
            }
        }
    }

    fn store(&mut self, registers: usize, sums: &mut [f32]) {
        for (register, sums) in sums.chunks_mut(SUMS).take(registers).enumerate() {
            let len = self.rows * LINE;
            sums[..len].copy_from_slice(&self.sums[register][..len]);
        }
    }
}

/// One register of filters and some tiles of pixels.
struct Products<'a> {
    filters: &'a [f32],
    tiles: &'a [&'a [f32]],
    stride: usize,
    rows: usize,
    sums: &'a mut [[f32; ROWS * LINE]],
}

impl WithSimd for Products<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let filters: [[f32; REGISTER]; 2] = numbers(s, self.filters);
        let (filter_evens, _) = S::as_simd_f32s(&filters[0]);
        let (filter_odds, _) = S::as_simd_f32s(&filters[1]);
        let vectors = LINE / S::F32_LANES;
        for (tile, sums) in self.tiles.iter().zip(self.sums) {
            for row in 0..self.rows {
                let pixels: [[f32; LINE]; 2] = numbers(s, &tile[row * self.stride..][..LINE]);
                for lane in (0..LINE).step_by(S::F32_LANES) {
                    let (mut even, mut odd) = (s.splat_f32s(0.0), s.splat_f32s(0.0));
                    for pair in 0..ROWS {
                        let at = pair * vectors + lane / S::F32_LANES;
                        even =
                            s.mul_add_f32s(s.splat_f32s(pixels[0][pair]), filter_evens[at], even);
                        odd = s.mul_add_f32s(s.splat_f32s(pixels[1][pair]), filter_odds[at], odd);
                    }
                    let at = row * LINE + lane;
                    let sum = load::<S>(sums, at);
                    let both = s.add_f32s(even, odd);
                    store::<S>(sums, at, s.add_f32s(sum, both));
                }
            }
        }
    }
}

/// The even and the odd numbers of some words; those below the smallest normal one are zero.
#[inline(always)]
fn numbers<S: Simd, const N: usize>(s: S, words: &[f32]) -> [[f32; N]; 2] {
    let mut numbers = [[0.0; N]; 2];
    let exponent = s.splat_u32s(0x7f80_0000);
    let zero = s.splat_u32s(0);
    for at in (0..N).step_by(S::F32_LANES) {
        let words: S::u32s = cast(load::<S>(words, at));
        let upper = s.and_u32s(words, s.splat_u32s(0xffff_0000));
        let halves = [s.wrapping_dyn_shl_u32s(words, s.splat_u32s(16)), upper];
        for half in 0..2 {
            let bits = halves[half];
            let is_small = s.equal_u32s(s.and_u32s(bits, exponent), zero);
            let number = cast(s.select_u32s(is_small, zero, bits));
            store::<S>(&mut numbers[half], at, number);
        }
    }
    numbers
}
