//! The emulation beside the unit, where there is one, and beside float64 everywhere.

use super::super::numbers::{numbers, word};
use super::super::packing::REGISTER;
use super::super::unit::{Block, Operands, Registers, SUMS, Step, Unit};
use super::Emulation;
use crate::engine::cpu::amx::Amx;
use crate::engine::cpu::buffer::{Buffer, LINE};
use crate::engine::cpu::simd::Isa;
use crate::engine::cpu::testing::{Random, forms, name};

const ROWS: usize = 14;
/// Steps; one more than are cut in equal parts.
const STEPS: usize = if cfg!(miri) { 3 } else { 27 };

/// Words of random numbers, some of them below the smallest normal one.
fn words(seed: u64, count: usize) -> Buffer {
    let mut random = Random(seed);
    let mut buffer = Buffer::zeroed(count);
    for (i, to) in buffer.iter_mut().enumerate() {
        let small = if i % 50 == 7 { 1e-39 } else { 1.0 };
        *to = word(small * random.next(), random.next());
    }
    buffer
}

/// Every form of a block, at tiles with this stride.
fn blocks(stride: usize) -> Vec<Block> {
    let tiles = |count: usize| (0..count).map(move |tile| tile * ROWS * stride);
    let tall = (1..=6).map(|count| Block::tall(tiles(count)));
    tall.chain((1..=4).map(|registers| Block::Wide(LINE, registers)))
        .collect()
}

/// All sums of a block, its steps in two calls.
fn sums<U: Unit>(unit: U, block: &Block, operands: &Operands<'_>) -> Vec<u32> {
    let mut sums = vec![0.0; 6 * SUMS];
    let mut registers = unit.configure(operands.rows);
    registers.clear();
    registers.add(block, operands, 0..STEPS / 2);
    registers.add(block, operands, STEPS / 2..STEPS / 2);
    registers.add(block, operands, STEPS / 2..STEPS);
    registers.store(block, &mut sums);
    sums.iter().map(|sum| sum.to_bits()).collect()
}

/// Calls `check` with every form of a block and its operands: close and far pixels, with and without fetching ahead.
fn each(mut check: impl FnMut(&Block, &Operands<'_>)) {
    for (stride, rows, ahead) in [(LINE, ROWS, 0), (2 * LINE, ROWS, 40), (4, 16, 9)] {
        let steps: Vec<Step> = (0..STEPS)
            .map(|step| Step {
                offset: step * 5 * LINE,
                ahead: step,
            })
            .collect();
        let reach = (STEPS - 1) * 5 * LINE + (rows - 1) * stride + LINE;
        let input = words(1, 5 * ROWS * stride + reach + LINE);
        let filters = words(2, 4 * STEPS * REGISTER);
        for block in blocks(stride) {
            let operands = Operands {
                input: &input,
                rows,
                stride,
                reach,
                steps: &steps,
                ahead,
                filters: &filters,
                next: &filters,
            };
            check(&block, &operands);
        }
    }
}

#[test]
fn the_emulation_is_near_float64_in_every_form() {
    let mut of_forms: Vec<Vec<Vec<u32>>> = Vec::new();
    for isa in forms() {
        let mut all = Vec::new();
        each(|block, operands| {
            let found = sums(Emulation(isa), block, operands);
            let (tiles, registers) = block.sides();
            let (mut error, mut length) = (0.0, 0.0);
            for (tile, register) in
                (0..tiles.len()).flat_map(|t| (0..registers).map(move |r| (t, r)))
            {
                let at = tile * SUMS + register / 2 * SUMS + register % 2 * LINE;
                for (row, column) in (0..operands.rows).flat_map(|r| (0..LINE).map(move |c| (r, c)))
                {
                    let sum = f32::from_bits(found[at + row * 2 * LINE + column]);
                    let expected = product(operands, tiles[tile], register, row, column);
                    error += (f64::from(sum) - expected).powi(2);
                    length += expected.powi(2);
                }
            }
            let error = (error / length).sqrt();
            assert!(error < 1e-6, "{block:?}, {}: {error:.1e}", name(isa));
            all.push(found);
        });
        of_forms.push(all);
    }
    assert!(of_forms.iter().all(|form| *form == of_forms[0]));
}

/// A sum in float64.
fn product(
    operands: &Operands<'_>,
    tile: usize,
    register: usize,
    row: usize,
    column: usize,
) -> f64 {
    let mut sum = 0.0;
    for (k, step) in operands.steps.iter().enumerate() {
        for pair in 0..LINE {
            let pixel = operands.input[tile + step.offset + row * operands.stride + pair];
            let at = (register * STEPS + k) * REGISTER + pair * LINE + column;
            let (pixel, filter) = (numbers(pixel), numbers(operands.filters[at]));
            sum += f64::from(pixel[0]) * f64::from(filter[0]);
            sum += f64::from(pixel[1]) * f64::from(filter[1]);
        }
    }
    sum
}

#[test]
fn the_emulation_has_the_units_bits() {
    let Some(amx) = Amx::detect() else {
        println!("skipped: this CPU or system has no AMX, which is emulated only");
        return;
    };
    each(|block, operands| {
        let found = sums(amx, block, operands);
        let expected = sums(Emulation(Isa::detect()), block, operands);
        assert!(found == expected, "{block:?}");
    });
}

#[test]
fn a_block_without_all_of_its_operands_is_refused() {
    each(|block, operands| {
        let short = [
            Operands {
                input: &operands.input[..operands.reach - 1],
                ..*operands
            },
            Operands {
                filters: &operands.filters[..STEPS * REGISTER - 1],
                ..*operands
            },
        ];
        for operands in short {
            let check = std::panic::AssertUnwindSafe(|| operands.check(block));
            assert!(std::panic::catch_unwind(check).is_err(), "{block:?}");
        }
    });
}
