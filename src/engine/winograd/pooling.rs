//! Pooling on channels-last activations, by windows of 3x3.

use super::gemm::Epilogue;
use super::simd::{Isa, Simd, WithSimd, floor_at, load, store};
use super::threads::Crew;
use super::view::View;
use std::ops::Range;

/// Output extent of a max pool along an axis of `input`.
pub fn max_pool_extent(input: usize) -> usize {
    (input - 2) / 2 + 1
}

/// A max pool with stride 2 and no padding, whose last windows may be cut off (`ceil_mode`), or an average pool with
/// stride 1 and padding 1, padding counted, and what follows it.
pub fn pool(
    isa: Isa,
    crew: Crew,
    average: Option<&Epilogue>,
    input: View<&[f32]>,
    output: View<&mut [f32]>,
) {
    let [from, to] = [input.shape(), output.shape()];
    let pixels = [input.pixel(), output.pixel()];
    let channels = output.channels();
    let row = output.row();
    crew.chunks(output.data(), row, |n, output| {
        let (item, y) = (n / to.height, n % to.height);
        let rows: Vec<_> = window(average, y, from.height)
            .map(|y| &input.data()[(item * from.height + y) * input.row()..])
            .collect();
        isa.run(PoolRow {
            average,
            rows: &rows,
            extents: [from.width, to.width],
            pixels,
            channels,
            output,
        });
    });
}

/// What lies under the window of output `at`, along an axis of `extent` inputs.
#[inline(always)]
fn window(average: Option<&Epilogue>, at: usize, extent: usize) -> Range<usize> {
    let (first, end) = match average {
        Some(_) => (at.saturating_sub(1), at + 2),
        None => (2 * at, 2 * at + 3),
    };
    first..end.min(extent)
}

/// One output row.
struct PoolRow<'a> {
    average: Option<&'a Epilogue>,
    /// The rows under the window, as many as lie in the image.
    rows: &'a [&'a [f32]],
    /// Pixels per row, input and output.
    extents: [usize; 2],
    /// Floats between pixels, input and output.
    pixels: [usize; 2],
    channels: usize,
    output: &'a mut [f32],
}

impl WithSimd for PoolRow<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let start = if self.average.is_some() {
            0.0
        } else {
            f32::NEG_INFINITY
        };
        for x in 0..self.extents[1] {
            for c in (0..self.channels).step_by(S::F32_LANES) {
                let mut value = s.splat_f32s(start);
                for row in self.rows {
                    for x in window(self.average, x, self.extents[0]) {
                        let next = load::<S>(row, x * self.pixels[0] + c);
                        value = match self.average {
                            Some(_) => s.add_f32s(value, next),
                            None => floor_at(s, next, value),
                        };
                    }
                }
                if let Some(epilogue) = self.average {
                    let (finisher, ninth) = (epilogue.at::<S>(c), s.splat_f32s(1.0 / 9.0));
                    value = finisher.activate(s, s.mul_add_f32s(value, ninth, finisher.bias));
                }
                store::<S>(self.output, x * self.pixels[1] + c, value);
            }
        }
    }
}
