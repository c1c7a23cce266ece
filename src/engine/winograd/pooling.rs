//! Pools on channels-last activations.

use super::gemm::Epilogue;
use super::view::View;
use crate::engine::cpu::simd::{Isa, Simd, WithSimd, larger, load, store};
use crate::engine::cpu::threads::Crew;
use crate::network::{Window, window};
use std::ops::Range;

/// The average pool there is: padding counts as zeros.
pub(super) const AVERAGE: Window = window(3).padding(1);

/// [`AVERAGE`], and what follows it.
pub(super) fn average(
    isa: Isa,
    crew: Crew,
    epilogue: &Epilogue,
    input: View<&[f32]>,
    output: View<&mut [f32]>,
) {
    pool(isa, crew, AVERAGE, Some(epilogue), input, output);
}

/// A max pool. Its windows are cut off where the image ends: padding is no pixel, and the last window may hang over
/// (`ceil_mode`). NaN if there is one in the window.
pub(super) fn max(
    isa: Isa,
    crew: Crew,
    window: Window,
    input: View<&[f32]>,
    output: View<&mut [f32]>,
) {
    pool(isa, crew, window, None, input, output);
}

/// An average with what follows it or, without an epilogue, a maximum.
fn pool(
    isa: Isa,
    crew: Crew,
    window: Window,
    average: Option<&Epilogue>,
    input: View<&[f32]>,
    output: View<&mut [f32]>,
) {
    let (shape, pooled) = (input.shape(), output.shape());
    let pixels = [input.layout().strides[3], output.layout().strides[3]];
    let channels = output.channels();
    let row = output.layout().strides[2];
    crew.chunks(output.data(), row, |n, output| {
        let (item, y) = (n / pooled.height, n % pooled.height);
        let rows: Vec<_> = under(window, y, shape.height)
            .map(|y| &input.data()[(item * shape.height + y) * input.layout().strides[2]..])
            .collect();
        isa.run(Row {
            window,
            average,
            rows: &rows,
            widths: [shape.width, pooled.width],
            pixels,
            channels,
            output,
        });
    });
}

/// What lies under the window of output `at`, along an axis of `extent` inputs.
#[inline(always)]
fn under(window: Window, at: usize, extent: usize) -> Range<usize> {
    let first = at * window.stride;
    first.saturating_sub(window.padding)..(first + window.kernel - window.padding).min(extent)
}

/// One output row.
struct Row<'a> {
    window: Window,
    average: Option<&'a Epilogue>,
    /// The rows under the window, as many as lie in the image.
    rows: &'a [&'a [f32]],
    /// Pixels per row, input and output.
    widths: [usize; 2],
    /// Floats between pixels, input and output.
    pixels: [usize; 2],
    channels: usize,
    output: &'a mut [f32],
}

impl WithSimd for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let ninth = s.splat_f32s(1.0 / 9.0);
        let [from, to] = self.pixels;
        for x in 0..self.widths[1] {
            let columns = under(self.window, x, self.widths[0]);
            for c in (0..self.channels).step_by(S::F32_LANES) {
                let value = match self.average {
                    Some(epilogue) => {
                        let mut sum = s.splat_f32s(0.0);
                        for row in self.rows {
                            for x in columns.clone() {
                                sum = s.add_f32s(sum, load::<S>(row, x * from + c));
                            }
                        }
                        epilogue.at::<S>(c).activate(s, s.mul_f32s(sum, ninth))
                    }
                    None => {
                        let mut largest = s.splat_f32s(f32::NEG_INFINITY);
                        for row in self.rows {
                            for x in columns.clone() {
                                largest = larger(s, largest, load::<S>(row, x * from + c));
                            }
                        }
                        largest
                    }
                };
                store::<S>(self.output, x * to + c, value);
            }
        }
    }
}
