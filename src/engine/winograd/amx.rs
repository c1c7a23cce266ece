//! Matrix products on AMX, x86's matrix unit, of floats that are cut into parts ([`bfloat16`](super::bfloat16)). It is 16 times
//! as fast as AVX-512, so the six products of parts that a product of floats needs take a third of the time.
//!
//! The unit has registers of 16 rows of 16 words. A word is a pair of bfloat16 numbers: numbers `i` and `i + 16` of a chunk of
//! 32 along the depth. The left matrix is stored as `[chunk][part][row][word]`; `[row][word]` is called a plane. A panel of the
//! right matrix is stored as `[chunk][part][16 columns][word][column]`. In memory, words are held as floats.

#![allow(unsafe_code, reason = "a kernel")]

use crate::engine::cpu::amx::{Amx, Configured};
use crate::engine::cpu::buffer::LINE;

pub use crate::engine::cpu::amx::{CHUNK, ROWS};

/// Parts of a float.
pub const PARTS: usize = 3;

/// This thread's registers, all of them with 16 rows.
pub struct Registers(Configured);

impl Registers {
    /// Prepares them.
    pub fn new(amx: Amx) -> Self {
        Self(amx.configure(ROWS))
    }
}

/// The instruction for the first 16 rows, and the same for the second 16 if there are `two` times 16.
#[cfg(all(target_arch = "x86_64", not(miri)))]
macro_rules! rows {
    (one, $first:literal, $second:literal) => {
        $first
    };
    (two, $first:literal, $second:literal) => {
        concat!($first, "\n", $second)
    };
}

/// Sums of the products of 16 rows, or of two times 16, and of the two halves of a panel: registers 0 and 1, 2 and 3. Registers 4
/// and 5 hold a part of the rows, 6 and 7 one of the columns.
#[cfg(all(target_arch = "x86_64", not(miri)))]
macro_rules! block {
    ($n:ident, $a:expr, $plane:expr, $b:expr, $chunks:expr, $c:expr, $add:expr) => {
        std::arch::asm!(
            "test {add}, {add}",
            "jz 2f",
            rows!($n, "tileloadd tmm0, [{c} + {row}]", "tileloadd tmm2, [{c} + {row} + 2048]"),
            rows!($n, "tileloadd tmm1, [{c} + {row} + 64]", "tileloadd tmm3, [{c} + {row} + 2048 + 64]"),
            "jmp 3f",
            "2:",
            rows!($n, "tilezero tmm0", "tilezero tmm2"),
            rows!($n, "tilezero tmm1", "tilezero tmm3"),
            // The parts of a chunk: 0 2, 0 1, 1 1, 1 0, 2 0, 0 0. From one to the next one side stays, all but once.
            "3:",
            block!(columns 2),
            block!($n rows "{a0}"),
            block!($n multiply),
            block!(columns 1),
            block!($n multiply),
            block!($n rows "{a1}"),
            block!($n multiply),
            block!(columns 0),
            block!($n multiply),
            block!($n rows "{a2}"),
            block!($n multiply),
            block!($n rows "{a0}"),
            block!($n multiply),
            "add {a0}, {step}",
            "add {a1}, {step}",
            "add {a2}, {step}",
            "add {b}, 3 * 2048",
            "dec {chunks}",
            "jnz 3b",
            rows!($n, "tilestored [{c} + {row}], tmm0", "tilestored [{c} + {row} + 2048], tmm2"),
            rows!($n, "tilestored [{c} + {row} + 64], tmm1", "tilestored [{c} + {row} + 2048 + 64], tmm3"),
            add = in(reg) usize::from($add),
            a0 = inout(reg) $a.as_ptr() => _,
            a1 = inout(reg) $a[$plane..].as_ptr() => _,
            a2 = inout(reg) $a[2 * $plane..].as_ptr() => _,
            step = in(reg) 3 * $plane * size_of::<f32>(),
            b = inout(reg) $b.as_ptr() => _,
            chunks = inout(reg) $chunks => _,
            c = in(reg) $c.as_mut_ptr(),
            line = in(reg) 64usize,
            row = in(reg) 128usize,
            out("tmm0") _,
            out("tmm1") _,
            out("tmm2") _,
            out("tmm3") _,
            out("tmm4") _,
            out("tmm5") _,
            out("tmm6") _,
            out("tmm7") _,
            options(nostack),
        )
    };
    (columns $part:literal) => {
        concat!(
            "tileloadd tmm6, [{b} + {line} + 2048 * ", $part, "]\n",
            "tileloadd tmm7, [{b} + {line} + 2048 * ", $part, " + 1024]",
        )
    };
    (one rows $part:literal) => {
        concat!("tileloadd tmm4, [", $part, " + {line}]")
    };
    (two rows $part:literal) => {
        concat!("tileloadd tmm4, [", $part, " + {line}]\ntileloadd tmm5, [", $part, " + {line} + 1024]")
    };
    ($n:ident multiply) => {
        concat!(
            rows!($n, "tdpbf16ps tmm0, tmm4, tmm6", "tdpbf16ps tmm2, tmm5, tmm6"),
            "\n",
            rows!($n, "tdpbf16ps tmm1, tmm4, tmm7", "tdpbf16ps tmm3, tmm5, tmm7"),
        )
    };
}

impl Registers {
    /// The product of one or two registers of rows and a panel, written to `c`, `[row][column]`, or added to it. The left
    /// matrix begins with these rows, and its planes are `plane` floats apart.
    ///
    /// # Panics
    /// When a matrix is longer than its slice or, unless emulated, there are not 32 columns.
    pub fn multiply(
        &self,
        a: &[f32],
        plane: usize,
        b: &[f32],
        c: &mut [f32],
        columns: usize,
        add: bool,
    ) {
        let (rows, chunks) = (c.len() / columns, b.len() / (PARTS * LINE * columns));
        assert!(rows.is_multiple_of(ROWS) && rows <= 2 * ROWS && chunks > 0);
        assert!((PARTS * chunks - 1) * plane + rows * LINE <= a.len());
        if self.0.is_emulated() {
            return emulate(a, plane, b, c, columns, add);
        }
        assert!(columns == 2 * LINE);
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        // SAFETY: the registers are prepared, and what is read and written lies in the slices, as asserted above.
        unsafe {
            if rows == 2 * ROWS {
                block!(two, a, plane, b, chunks, c, add);
            } else {
                block!(one, a, plane, b, chunks, c, add);
            }
        }
    }
}

/// What the unit computes, except for the order of the sums.
fn emulate(a: &[f32], plane: usize, b: &[f32], c: &mut [f32], columns: usize, add: bool) {
    // The two numbers of a word.
    let numbers = |word: f32| {
        let bits = word.to_bits();
        [bits << 16, bits & 0xffff_0000].map(f32::from_bits)
    };
    for (row, sums) in c.chunks_exact_mut(columns).enumerate() {
        if !add {
            sums.fill(0.0);
        }
        for (chunk, b) in b.chunks_exact(PARTS * LINE * columns).enumerate() {
            for (i, j) in [(0, 2), (1, 1), (2, 0), (0, 1), (1, 0), (0, 0)] {
                let a = &a[(chunk * PARTS + i) * plane + row * LINE..][..LINE];
                for (column, sum) in sums.iter_mut().enumerate() {
                    let at = (j * columns + column / LINE * LINE) * LINE + column % LINE;
                    for (word, &a) in a.iter().enumerate() {
                        let ([a0, a1], [b0, b1]) = (numbers(a), numbers(b[at + word * LINE]));
                        *sum += a0 * b0 + a1 * b1;
                    }
                }
            }
        }
    }
}
