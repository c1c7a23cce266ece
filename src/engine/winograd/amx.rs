//! Matrix products on AMX, x86's unit for matrices of bfloat16, three of them for each matrix of floats.
//!
//! A float has 24 significant bits and a bfloat16 eight, with the same exponents. So a float is the sum of three of them, its
//! parts, and a product of two floats the sum of nine products. The unit adds such products up in float32; the three smallest
//! are below the last bit of the sum, and left out. It is 16 times as fast as AVX-512: a product of floats takes a third of the
//! time.
//!
//! The unit works on registers of 16 rows of 16 words, a word being a pair of bfloat16: the numbers `i` and `i + 16` of a chunk
//! of 32 along the depth. The left matrix lies as `[chunk][part][row][word]`, and `[part][row][word]` of a chunk is three
//! planes; a panel of the right one lies as `[chunk][part][16 columns][word][column]`. Floats stand for words in memory.

#![allow(unsafe_code, reason = "a kernel")]

use super::buffer::{LINE, Span};
use super::filters;
use super::simd::{FAR, Simd, WithSimd, load_unchecked, prefetch};
use pulp::bytemuck::cast;
use std::marker::PhantomData;

/// Numbers of a row or column that are multiplied at a time.
pub const CHUNK: usize = 2 * LINE;
/// Rows of a register. Matrices have a multiple of it.
pub const ROWS: usize = 16;
/// Parts of a float.
pub const PARTS: usize = 3;

/// The unit. There is one of these only where the process may use it, or where it is emulated, for tests.
#[derive(Clone, Copy, Debug)]
pub struct Amx {
    emulated: bool,
}

impl Amx {
    /// The unit, if the processor has it, with AVX-512, and the system lets this process use it: Linux, since 5.16.
    pub fn detect() -> Option<Self> {
        #[cfg(all(target_arch = "x86_64", target_os = "linux", not(miri)))]
        {
            use std::arch::x86_64::{__cpuid, __cpuid_count};
            // AMX-TILE and AMX-BF16, in EDX of leaf 7.
            const FEATURES: u32 = 1 << 24 | 1 << 22;
            // What arch_prctl(2) is asked for, ARCH_REQ_XCOMP_PERM, and for which state, the registers'.
            const PERMISSION: [libc::c_ulong; 2] = [0x1023, 18];
            let [code, state] = PERMISSION;
            let vectors = matches!(pulp::Arch::new(), pulp::Arch::V4(_));
            #[allow(unused_unsafe, reason = "newer compilers know that it is safe")]
            // SAFETY: every x86-64 processor has the instruction.
            let present =
                unsafe { __cpuid(0).eax >= 7 && __cpuid_count(7, 0).edx & FEATURES == FEATURES };
            // SAFETY: the call changes nothing but the permission.
            if vectors
                && present
                && unsafe { libc::syscall(libc::SYS_arch_prctl, code, state) } == 0
            {
                return Some(Self { emulated: false });
            }
        }
        None
    }

    /// What computes the same in plain Rust, with sums in another order.
    #[cfg(test)]
    pub fn emulated() -> Self {
        Self { emulated: true }
    }

    /// Prepares the registers of this thread, until the answer is dropped.
    pub fn configure(self) -> Registers {
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        if !self.emulated {
            /// All eight registers, whole.
            #[repr(C, align(64))]
            struct Configuration {
                palette: u8,
                start: u8,
                reserved: [u8; 14],
                bytes_per_row: [[u16; 8]; 2],
                rows: [[u8; 8]; 2],
            }
            static WHOLE: Configuration = Configuration {
                palette: 1,
                start: 0,
                reserved: [0; 14],
                bytes_per_row: [[4 * LINE as u16; 8], [0; 8]],
                rows: [[ROWS as u8; 8], [0; 8]],
            };
            // SAFETY: the unit is there (an Amx exists), and this is a valid configuration of it.
            unsafe {
                std::arch::asm!(
                    "ldtilecfg [{}]",
                    in(reg) &WHOLE,
                    options(nostack, preserves_flags, readonly),
                );
            }
        }
        Registers {
            emulated: self.emulated,
            thread: PhantomData,
        }
    }
}

/// The registers of this thread, prepared.
pub struct Registers {
    emulated: bool,
    thread: PhantomData<*const ()>,
}

impl Drop for Registers {
    fn drop(&mut self) {
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        if !self.emulated {
            // SAFETY: the unit is there.
            unsafe { std::arch::asm!("tilerelease", options(nostack, preserves_flags, nomem)) }
        }
    }
}

/// A product of a matrix and a panel.
pub struct Product<'a> {
    /// Rows of the left matrix: its planes, from the first of these rows on.
    pub a: &'a [f32],
    /// Floats from plane to plane.
    pub plane: usize,
    /// The panel of the right matrix.
    pub b: &'a [f32],
    /// Receives the product, `[row][column]`.
    pub c: &'a mut [f32],
    /// How many rows.
    pub rows: usize,
    /// Columns of the panel.
    pub columns: usize,
    /// Whether it is added to what `c` holds.
    pub add: bool,
    /// What is read soon after: brought near meanwhile.
    pub next: &'a [f32],
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
    /// Computes a product.
    ///
    /// # Panics
    /// When a matrix lies beyond its slice, the rows are no multiple of 16 or, unless it is emulated, the columns are not 32.
    pub fn multiply(&self, product: Product) {
        let Product { a, b, columns, .. } = product;
        let chunks = b.len() / (PARTS * LINE * columns);
        assert!(chunks > 0 && product.rows.is_multiple_of(ROWS));
        assert!((PARTS * chunks - 1) * product.plane + product.rows * LINE <= a.len());
        assert!(product.rows * columns <= product.c.len());
        assert!(self.emulated || columns == 2 * LINE);
        let share = product.next.len() / product.rows.div_ceil(2 * ROWS).max(1);
        let mut next = product.next.chunks(share.next_multiple_of(LINE).max(LINE));
        let c = product.c.chunks_mut(2 * ROWS * columns);
        for (row, c) in (0..product.rows).step_by(2 * ROWS).zip(c) {
            for line in next.next().unwrap_or_default().chunks(LINE) {
                prefetch::<FAR>(line.as_ptr());
            }
            let a = &a[row * LINE..];
            let rows = (product.rows - row).min(2 * ROWS);
            self.block(Product {
                a,
                c,
                rows,
                ..product
            });
        }
    }

    /// A product of one or two times 16 rows that is asserted to be possible.
    fn block(&self, product: Product) {
        if self.emulated {
            return emulate(product);
        }
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        {
            let Product {
                a,
                b,
                c,
                plane,
                rows,
                add,
                ..
            } = product;
            let chunks = b.len() / (PARTS * LINE * product.columns);
            // SAFETY: the registers are prepared, and what is read and written lies in the slices, as is asserted.
            unsafe {
                if rows > ROWS {
                    block!(two, a, plane, b, chunks, c, add);
                } else {
                    block!(one, a, plane, b, chunks, c, add);
                }
            }
        }
    }
}

/// A product as the unit computes it, but for the order of the sums.
fn emulate(product: Product) {
    let Product { a, b, plane, .. } = product;
    let columns = product.columns;
    // The half of the words that is asked for.
    let half = |word: f32, high: bool| {
        let bits = word.to_bits();
        f32::from_bits(if high { bits & 0xffff_0000 } else { bits << 16 })
    };
    for (row, sums) in product
        .c
        .chunks_exact_mut(columns)
        .take(product.rows)
        .enumerate()
    {
        if !product.add {
            sums.fill(0.0);
        }
        for (chunk, b) in b.chunks_exact(PARTS * LINE * columns).enumerate() {
            for (i, j) in [(0, 2), (1, 1), (2, 0), (0, 1), (1, 0), (0, 0)] {
                let a = &a[(chunk * PARTS + i) * plane + row * LINE..][..LINE];
                for (column, sum) in sums.iter_mut().enumerate() {
                    let at = (j * columns + column / LINE * LINE) * LINE + column % LINE;
                    for (word, &a) in a.iter().enumerate() {
                        let b = b[at + word * LINE];
                        *sum += half(a, false) * half(b, false) + half(a, true) * half(b, true);
                    }
                }
            }
        }
    }
}

/// Floats that a row or a column of this depth takes.
pub fn packed(depth: usize) -> usize {
    depth.div_ceil(CHUNK) * PARTS * LINE
}

/// The three parts of two vectors of floats, each as a vector of words. An infinite float has parts that are NaN.
#[inline(always)]
pub fn parts<S: Simd>(s: S, mut low: S::f32s, mut high: S::f32s) -> [S::f32s; PARTS] {
    let (half, top) = (s.splat_u32s(16), s.splat_u32s(0xffff_0000));
    let mut words = [low; PARTS];
    for part in 0..PARTS {
        let (a, b): (S::u32s, S::u32s) = (cast(low), cast(high));
        let b_top = s.and_u32s(b, top);
        words[part] = cast(s.or_u32s(s.wrapping_dyn_shr_u32s(a, half), b_top));
        low = s.sub_f32s(low, cast(s.and_u32s(a, top)));
        high = s.sub_f32s(high, cast(b_top));
    }
    words
}

/// Makes a panel of filters from three taps, `[tap][depth][column]`, which it takes by these factors.
pub struct Panel<'a> {
    /// The factors.
    pub factors: &'a [f32],
    /// The taps.
    pub taps: &'a [f32],
    /// Receives the panel.
    pub to: &'a mut [f32],
    /// Columns.
    pub columns: usize,
}

impl WithSimd for Panel<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let (columns, taps) = (self.columns, self.taps);
        let size = taps.len() / 3;
        let depth = size / columns;
        assert!(columns.is_multiple_of(LINE) && packed(depth) * columns <= self.to.len());
        let to = Span::new(self.to);
        let factors = [0, 1, 2].map(|tap| s.splat_f32s(self.factors[tap]));
        for first in (0..depth).step_by(CHUNK) {
            let chunk = first / CHUNK * PARTS * LINE * columns;
            for column in (0..columns).step_by(S::F32_LANES) {
                for word in 0..LINE {
                    let mut numbers = [s.splat_f32s(0.0); 2];
                    for half in 0..2 {
                        let k = first + half * LINE + word;
                        if k < depth {
                            let at = k * columns + column;
                            // SAFETY: this column of this number of each tap.
                            let taps = unsafe {
                                [
                                    load_unchecked::<S>(taps, at),
                                    load_unchecked::<S>(taps, size + at),
                                    load_unchecked::<S>(taps, 2 * size + at),
                                ]
                            };
                            numbers[half] = filters::sum(s, factors, taps);
                        }
                    }
                    let words = parts(s, numbers[0], numbers[1]);
                    let at = chunk + (column / LINE * LINE + word) * LINE + column % LINE;
                    for part in 0..PARTS {
                        // SAFETY: a row of a register of this chunk; the panel is as long (asserted above).
                        unsafe { to.store::<S>(at + part * LINE * columns, words[part]) }
                    }
                }
            }
        }
    }
}
