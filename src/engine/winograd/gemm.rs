//! Matrix product: rows read in place times a packed matrix, one register-blocked kernel.
//!
//! The left matrix is not packed: its rows are read where they lie, one broadcast float at a time. The right one lies in
//! panels of two vectors, `[panel][depth][2 vectors]`, read once, front to back. Each element of the product is one chain
//! of fused multiply-adds in the order of the depth, so its bits depend neither on the block it falls into nor on the
//! vector width.

use super::buffer::Span;
use super::simd::{Simd, WithSimd, floor_at, load, prefetch};
use super::threads::share;

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

/// `c = a * b` for some rows and some panels.
pub struct Gemm<'a> {
    /// Rows of `a` and `c`.
    pub rows: usize,
    /// Columns of `a`, rows of `b`.
    pub depth: usize,
    /// Left matrix: memory, position of the first row, floats between rows.
    pub a: (Span<'a>, usize, usize),
    /// Right matrix: the packed panels, all of which are used.
    pub b: &'a [f32],
    /// Product: memory, position of the first row, floats between rows.
    pub c: (Span<'a>, usize, usize),
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
        // Blocks of equal size: a small remainder could not hide the latency of its additions.
        let blocks = self.rows.div_ceil(BLOCK_ROWS);
        for (p, b) in self.b.chunks_exact(panel * self.depth).enumerate() {
            for i in 0..blocks {
                let rows = share(self.rows, i, blocks);
                let first = rows.start;
                // Each block brings its share of the next panel near.
                let step = (panel * size_of::<f32>()).div_ceil(blocks);
                let end = b.as_ptr_range().end;
                let next = (end.wrapping_byte_add(i * self.depth * step), step);
                match rows.len() {
                    1 => self.block::<S, 1>(s, first, p, b, next),
                    2 => self.block::<S, 2>(s, first, p, b, next),
                    3 => self.block::<S, 3>(s, first, p, b, next),
                    4 => self.block::<S, 4>(s, first, p, b, next),
                    5 => self.block::<S, 5>(s, first, p, b, next),
                    _ => self.block::<S, 6>(s, first, p, b, next),
                }
            }
        }
    }
}

impl Gemm<'_> {
    /// `R` rows from `first` on times panel `p`, which is `b`. Meanwhile the rows after these are brought near, and as much of
    /// the panel after this one as `next` says: from where, and bytes per step.
    #[inline(always)]
    fn block<S: Simd, const R: usize>(
        &self,
        s: S,
        first: usize,
        p: usize,
        b: &[f32],
        next: (*const f32, usize),
    ) {
        let lanes = S::F32_LANES;
        let (a, a_origin, a_stride) = self.a;
        let rows: [*const f32; R] =
            std::array::from_fn(|r| a.part(a_origin + (first + r) * a_stride, self.depth));
        let mut sums = [[s.splat_f32s(0.0); 2]; R];
        for (k, b) in b.chunks_exact(2 * lanes).enumerate() {
            prefetch(next.0.wrapping_byte_add(k * next.1));
            prefetch(rows[0].wrapping_add(R * a_stride + k * R));
            let (b0, b1) = (load::<S>(b, 0), load::<S>(b, lanes));
            for r in 0..R {
                // SAFETY: row `first + r` of `a` lies in its span, `k < depth`, and nobody writes it meanwhile.
                let x = s.splat_f32s(unsafe { *rows[r].add(k) });
                sums[r] = [
                    s.mul_add_f32s(x, b0, sums[r][0]),
                    s.mul_add_f32s(x, b1, sums[r][1]),
                ];
            }
        }
        let (c, c_origin, c_stride) = self.c;
        for half in 0..2 {
            let column = (2 * p + half) * lanes;
            if let Some(epilogue) = self.epilogue {
                let finisher = epilogue.at::<S>(column);
                for sum in &mut sums {
                    sum[half] = finisher.activate(s, s.add_f32s(sum[half], finisher.bias));
                }
            }
            for (r, sum) in sums.iter().enumerate() {
                // SAFETY: this block of `c` lies in its span and belongs to this product alone.
                unsafe { c.store::<S>(c_origin + (first + r) * c_stride + column, sum[half]) }
            }
        }
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
