//! Matrix product: rows read in place times a packed matrix, one register-blocked kernel.
//!
//! The left matrix is not packed: its rows are read where they lie, one broadcast float at a time. The right one lies in
//! panels of two vectors, `[panel][depth][2 vectors]`, read once, front to back. Each element of the product is one chain
//! of fused multiply-adds in the order of the depth, so its bits depend neither on the block it falls into nor on the
//! vector width.

use super::buffer::Span;
use super::simd::{Simd, WithSimd, floor_at, load, prefetch};

/// Per channel: `raw = sum + bias + residual`, then `max(raw * scale + shift, floor)`.
#[derive(Clone, Default)]
pub struct Epilogue {
    /// Added first: the convolution's.
    pub bias: Vec<f32>,
    /// Batch norm's factor.
    pub scale: Vec<f32>,
    /// Batch norm's offset.
    pub shift: Vec<f32>,
    /// 0 for ReLU, minus infinity for none.
    pub floor: Vec<f32>,
}

/// `c = a * b` for some matrices `a` and some panels of one matrix `b`.
pub struct Gemm<'a> {
    /// Where each left matrix and its product begin, and how many rows they have.
    pub places: &'a [[usize; 3]],
    /// Columns of `a`, rows of `b`.
    pub depth: usize,
    /// The left matrices: memory, floats between rows.
    pub a: (Span<'a>, usize),
    /// Right matrix: the packed panels, all of which are used.
    pub b: &'a [f32],
    /// The products: memory, floats between rows.
    pub c: (Span<'a>, usize),
    /// What is done with the sums before they are stored.
    pub epilogue: Option<&'a Epilogue>,
}

/// Rows that one call of the kernel keeps in registers, two vectors each.
const BLOCK_ROWS: usize = 6;

impl WithSimd for Gemm<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let panel = 2 * S::F32_LANES;
        let blocks = |rows: usize| rows.div_ceil(BLOCK_ROWS);
        // Each block brings its share of the next panel near.
        let all: usize = self.places.iter().map(|place| blocks(place[2])).sum();
        let step = (panel * size_of::<f32>()).div_ceil(all.max(1));
        for (p, b) in self.b.chunks_exact(panel * self.depth).enumerate() {
            let mut next = b.as_ptr_range().end;
            for &[mut a, mut c, mut left] in self.places {
                c += p * panel;
                // Blocks of equal size: a small remainder could not hide the latency of its additions.
                for blocks in (1..=blocks(left)).rev() {
                    let rows = left.div_ceil(blocks);
                    left -= rows;
                    match rows {
                        1 => self.block::<S, 1>(s, [a, c], p, b, (next, step)),
                        2 => self.block::<S, 2>(s, [a, c], p, b, (next, step)),
                        3 => self.block::<S, 3>(s, [a, c], p, b, (next, step)),
                        4 => self.block::<S, 4>(s, [a, c], p, b, (next, step)),
                        5 => self.block::<S, 5>(s, [a, c], p, b, (next, step)),
                        _ => self.block::<S, 6>(s, [a, c], p, b, (next, step)),
                    }
                    next = next.wrapping_byte_add(self.depth * step);
                    (a, c) = (a + rows * self.a.1, c + rows * self.c.1);
                }
            }
        }
    }
}

impl Gemm<'_> {
    /// `R` rows of `a` times panel `p`, which is `b`. Meanwhile the rows after these are brought near,
    /// and as much of the panel after this one as `next` says: from where, and bytes per step.
    #[inline(always)]
    fn block<S: Simd, const R: usize>(
        &self,
        s: S,
        [first_a, first_c]: [usize; 2],
        p: usize,
        b: &[f32],
        next: (*const f32, usize),
    ) {
        let lanes = S::F32_LANES;
        let ((a, a_stride), (c, c_stride)) = (self.a, self.c);
        let rows: [*const f32; R] =
            std::array::from_fn(|r| a.part(first_a + r * a_stride, self.depth));
        let mut sums = [[s.splat_f32s(0.0); 2]; R];
        let pairs = b.chunks_exact(4 * lanes);
        let last = pairs.remainder();
        for (i, b) in pairs.enumerate() {
            prefetch(next.0.wrapping_byte_add(2 * i * next.1));
            prefetch(rows[0].wrapping_add(R * (a_stride + 2 * i)));
            let (even, odd) = b.split_at(2 * lanes);
            multiply_add(s, rows, 2 * i, even, &mut sums);
            multiply_add(s, rows, 2 * i + 1, odd, &mut sums);
        }
        if !last.is_empty() {
            multiply_add(s, rows, self.depth - 1, last, &mut sums);
        }
        for half in 0..2 {
            if let Some(epilogue) = self.epilogue {
                let finisher = epilogue.at::<S>((2 * p + half) * lanes);
                for sum in &mut sums {
                    sum[half] = finisher.activate(s, s.add_f32s(sum[half], finisher.bias));
                }
            }
            for (r, sum) in sums.iter().enumerate() {
                // SAFETY: this block of `c` lies in its span and belongs to this product alone.
                unsafe { c.store::<S>(first_c + r * c_stride + half * lanes, sum[half]) }
            }
        }
    }
}

/// Adds column `k` of the rows times row `k` of the panel, `b`.
#[inline(always)]
fn multiply_add<S: Simd, const R: usize>(
    s: S,
    rows: [*const f32; R],
    k: usize,
    b: &[f32],
    sums: &mut [[S::f32s; 2]; R],
) {
    let (b0, b1) = (load::<S>(b, 0), load::<S>(b, S::F32_LANES));
    for r in 0..R {
        // SAFETY: the rows are as long as the matrix is deep, and nobody writes them meanwhile.
        let x = s.splat_f32s(unsafe { *rows[r].add(k) });
        sums[r] = [
            s.mul_add_f32s(x, b0, sums[r][0]),
            s.mul_add_f32s(x, b1, sums[r][1]),
        ];
    }
}

impl Epilogue {
    /// A bias and nothing else.
    pub fn bias(bias: &[f32]) -> Self {
        let fill = |value| vec![value; bias.len()];
        Self {
            bias: bias.to_vec(),
            scale: fill(1.0),
            shift: fill(0.0),
            floor: fill(f32::NEG_INFINITY),
        }
    }

    /// How many channels it is for.
    pub fn channels(&self) -> usize {
        self.bias.len()
    }

    /// The channels of both, side by side.
    pub fn append(&mut self, other: Self) {
        self.bias.extend(other.bias);
        self.scale.extend(other.scale);
        self.shift.extend(other.shift);
        self.floor.extend(other.floor);
    }

    /// The vectors of the channels from `channel` on.
    #[inline(always)]
    pub fn at<S: Simd>(&self, channel: usize) -> Finisher<S> {
        Finisher {
            bias: load::<S>(&self.bias, channel),
            scale: load::<S>(&self.scale, channel),
            shift: load::<S>(&self.shift, channel),
            floor: load::<S>(&self.floor, channel),
        }
    }
}

/// An [`Epilogue`] of some channels, in registers.
#[derive(Clone, Copy)]
pub struct Finisher<S: Simd> {
    /// See [`Epilogue::bias`].
    pub bias: S::f32s,
    scale: S::f32s,
    shift: S::f32s,
    floor: S::f32s,
}

impl<S: Simd> Finisher<S> {
    /// `max(raw * scale + shift, floor)`.
    #[inline(always)]
    pub fn activate(self, s: S, raw: S::f32s) -> S::f32s {
        floor_at(s, s.mul_add_f32s(raw, self.scale, self.shift), self.floor)
    }
}
