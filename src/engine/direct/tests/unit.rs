//! The emulation beside the unit, where there is one, and beside float64 everywhere.

use super::super::numbers::{numbers, word};
use super::super::packing::REGISTER;
use super::super::unit::{Form, GROUP, Operands, Product, Registers, SUMS, Step, Turn, Unit, WIDE};
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

/// Every form and size of a product.
fn forms_and_sizes() -> impl Iterator<Item = (Form, usize)> {
    let tall = (1..=GROUP).map(|tiles| (Form::Tall, tiles));
    tall.chain((1..=WIDE).map(|registers| (Form::Wide, registers)))
}

/// The first word of a tile; the only one of a wide product lies further on.
fn first(form: Form, stride: usize, tile: usize) -> usize {
    match form {
        Form::Tall => tile * ROWS * stride,
        Form::Wide => LINE,
    }
}

/// A product of this form and size.
fn product<'a>(form: Form, size: usize, operands: &'a Operands<'a>) -> Product<'a> {
    Product::new(form, size, operands, |tile| {
        first(form, operands.stride, tile)
    })
}

/// All sums of a product, its steps in two calls.
fn sums<U: Unit>(unit: U, form: Form, size: usize, operands: &Operands<'_>) -> Vec<u32> {
    let mut sums = vec![0.0; GROUP * SUMS];
    let mut registers = unit.configure(operands.rows);
    let product = product(form, size, operands);
    registers.clear();
    registers.add(&product, 0..STEPS / 2);
    registers.add(&product, STEPS / 2..STEPS / 2);
    registers.add(&product, STEPS / 2..STEPS);
    registers.store(size, &mut sums);
    // Twice more in turns: sums are put down and taken up again.
    let len = size * SUMS;
    let mut both = vec![0.0; 2 * len];
    registers.clear();
    let turns = [
        (0..STEPS / 2, None),
        (0..STEPS / 2, Some((0, None))),
        (STEPS / 2..STEPS, Some((len, Some(0)))),
        (STEPS / 2..STEPS, Some((0, Some(len)))),
    ];
    for (steps, turn) in turns {
        let mut begin = steps.start;
        if let Some((put, take)) = turn {
            registers.turn(&product, begin, &mut both, Turn { put, take });
            begin += 1;
        }
        registers.add(&product, begin..steps.end);
    }
    registers.store(size, &mut both[len..]);
    for part in both.chunks(len) {
        assert!(*part == sums[..len], "{form:?} {size}");
    }
    registers.load(size, &both);
    both.fill(0.0);
    registers.store(size, &mut both);
    assert!(both[..len] == sums[..len], "{form:?} {size}");
    sums.iter().map(|sum| sum.to_bits()).collect()
}

/// Calls `check` with every form and size of a product and its operands: close and far pixels, with and without fetching ahead.
fn each(mut check: impl FnMut(Form, usize, &Operands<'_>)) {
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
        for (form, size) in forms_and_sizes() {
            let operands = Operands {
                input: &input,
                rows,
                stride,
                reach,
                steps: &steps,
                ahead,
                filters: &filters,
                next: &filters,
                origin: 0,
            };
            check(form, size, &operands);
        }
    }
}

#[test]
fn the_emulation_is_near_float64_in_every_form() {
    let mut of_forms: Vec<Vec<Vec<u32>>> = Vec::new();
    for isa in forms() {
        let mut all = Vec::new();
        each(|form, size, operands| {
            let found = sums(Emulation(isa), form, size, operands);
            let (tiles, registers) = match form {
                Form::Tall => (size, 1),
                Form::Wide => (1, size),
            };
            let (mut error, mut length) = (0.0, 0.0);
            for (tile, register) in (0..tiles).flat_map(|t| (0..registers).map(move |r| (t, r))) {
                let at = (tile + register) * SUMS;
                for (row, column) in (0..operands.rows).flat_map(|r| (0..LINE).map(move |c| (r, c)))
                {
                    let sum = f32::from_bits(found[at + row * LINE + column]);
                    let tile = first(form, operands.stride, tile);
                    let expected = exact(operands, tile, register, row, column);
                    error += (f64::from(sum) - expected).powi(2);
                    length += expected.powi(2);
                }
            }
            let error = (error / length).sqrt();
            assert!(error < 1e-6, "{form:?} {size}, {}: {error:.1e}", name(isa));
            all.push(found);
        });
        of_forms.push(all);
    }
    assert!(of_forms.iter().all(|form| *form == of_forms[0]));
}

/// A sum in float64.
fn exact(operands: &Operands<'_>, tile: usize, register: usize, row: usize, column: usize) -> f64 {
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
    each(|form, size, operands| {
        let found = sums(amx, form, size, operands);
        let expected = sums(Emulation(Isa::detect()), form, size, operands);
        assert!(found == expected, "{form:?} {size}");
    });
}

#[test]
fn a_product_without_all_of_its_operands_is_refused() {
    each(|form, size, operands| {
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
            let check = std::panic::AssertUnwindSafe(|| {
                product(form, size, &operands);
            });
            assert!(std::panic::catch_unwind(check).is_err(), "{form:?} {size}");
        }
    });
}
