//! The average pool, on channels-last activations.

use super::gemm::Epilogue;
use super::simd::{Isa, Simd, WithSimd, load, store};
use super::threads::Crew;
use super::view::View;
use std::ops::Range;

/// An average pool of 3x3 pixels with stride 1 and padding 1, padding counted, and what follows it.
pub fn average(
    isa: Isa,
    crew: Crew,
    epilogue: &Epilogue,
    input: View<&[f32]>,
    output: View<&mut [f32]>,
) {
    let shape = input.shape();
    let pixels = [input.layout().strides[3], output.layout().strides[3]];
    let channels = output.channels();
    let row = output.layout().strides[2];
    crew.chunks(output.data(), row, |n, output| {
        let (item, y) = (n / shape.height, n % shape.height);
        let rows: Vec<_> = window(y, shape.height)
            .map(|y| &input.data()[(item * shape.height + y) * input.layout().strides[2]..])
            .collect();
        isa.run(Row {
            epilogue,
            rows: &rows,
            width: shape.width,
            pixels,
            channels,
            output,
        });
    });
}

/// What lies under the window of output `at`, along an axis of `extent` inputs.
#[inline(always)]
fn window(at: usize, extent: usize) -> Range<usize> {
    at.saturating_sub(1)..(at + 2).min(extent)
}

/// One output row.
struct Row<'a> {
    epilogue: &'a Epilogue,
    /// The rows under the window, as many as lie in the image.
    rows: &'a [&'a [f32]],
    /// Pixels per row.
    width: usize,
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
        for x in 0..self.width {
            for c in (0..self.channels).step_by(S::F32_LANES) {
                let mut sum = s.splat_f32s(0.0);
                for row in self.rows {
                    for x in window(x, self.width) {
                        sum = s.add_f32s(sum, load::<S>(row, x * self.pixels[0] + c));
                    }
                }
                let value = self.epilogue.at::<S>(c).activate(s, s.mul_f32s(sum, ninth));
                store::<S>(self.output, x * self.pixels[1] + c, value);
            }
        }
    }
}
