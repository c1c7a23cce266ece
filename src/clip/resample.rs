//! Pillow's 8-bit bilinear resize, bit for bit, computing only the region that is kept.
//!
//! The filter is a triangle, widened by the scale when an image shrinks (antialiasing). Pillow
//! resizes 8-bit images in two passes of integer arithmetic: weights have 22 fractional bits, and
//! each pass rounds to 8 bits. The rounding between the passes and their order show in the result,
//! so both are kept. Fact source: python-pillow/Pillow, src/libImaging/Resample.c
//! (`PRECISION_BITS = 32 - 8 - 2`), and experiments with Pillow 13.0 for the order.

use super::rgb::Rgb;
use crate::recipe::CHANNELS;

/// Fractional bits of a weight: 8 bits of pixel and 2 bits of headroom are left of 32.
const PRECISION_BITS: u32 = 32 - 8 - 2;

/// A half in fixed point: added before the fraction is cut off, to round.
const HALF: i32 = 1 << (PRECISION_BITS - 1);

/// The part of a resized image that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// First column.
    pub left: usize,
    /// First row.
    pub top: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

/// Which pass goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    HorizontalFirst,
    VerticalFirst,
}

impl Order {
    /// Pillow 13 begins vertically when the height loses more than twice as many pixels as the
    /// width; for these preprocessings, that is for frames more than twice as tall as wide. Older
    /// versions always begin horizontally, and differ there by a grey level at most.
    fn of(image: Rgb<'_>, resized: (usize, usize)) -> Self {
        let lost_columns = image.width.saturating_sub(resized.0);
        let lost_rows = image.height.saturating_sub(resized.1);
        if lost_rows > 2 * lost_columns {
            Order::VerticalFirst
        } else {
            Order::HorizontalFirst
        }
    }
}

/// What `image.resize((width, height), BILINEAR).crop(region)` gives in Pillow, as
/// `[region.height, region.width, 3]`.
///
/// `resized` is the full `(width, height)`; work and memory depend on the region alone (and on the
/// part of the image behind it). The region must lie within `resized`, and both images must have
/// pixels.
pub fn resize_region(image: Rgb<'_>, resized: (usize, usize), region: Region) -> Vec<u8> {
    debug_assert!(region.left + region.width <= resized.0);
    debug_assert!(region.top + region.height <= resized.1);
    if resized == (image.width, image.height) {
        return cut(image, region);
    }
    let columns = Taps::new(image.width, resized.0, region.left, region.width);
    let rows = Taps::new(image.height, resized.1, region.top, region.height);
    let stride = image.width * CHANNELS;
    let behind = Rows {
        bytes: &image.pixels[rows.first * stride + columns.first * CHANNELS..],
        stride,
        width: columns.span * CHANNELS,
        count: rows.span,
    };
    match Order::of(image, resized) {
        Order::HorizontalFirst => {
            let narrowed = horizontal(behind, &columns);
            vertical(Rows::whole(&narrowed, region.width), &rows)
        }
        Order::VerticalFirst => {
            let flattened = vertical(behind, &rows);
            horizontal(Rows::whole(&flattened, columns.span), &columns)
        }
    }
}

/// The region of an image that keeps its size, as frames extracted for ECO do.
fn cut(image: Rgb<'_>, region: Region) -> Vec<u8> {
    let rows = image.pixels.chunks_exact(image.width * CHANNELS);
    let columns = region.left * CHANNELS..(region.left + region.width) * CHANNELS;
    let mut out = Vec::with_capacity(region.height * columns.len());
    for row in rows.skip(region.top).take(region.height) {
        out.extend_from_slice(&row[columns.clone()]);
    }
    out
}

/// A window into an image: `count` rows of `width` bytes, `stride` bytes apart.
#[derive(Clone, Copy)]
struct Rows<'a> {
    bytes: &'a [u8],
    stride: usize,
    width: usize,
    count: usize,
}

impl<'a> Rows<'a> {
    fn whole(bytes: &'a [u8], pixels: usize) -> Self {
        let width = pixels * CHANNELS;
        Rows {
            bytes,
            stride: width,
            width,
            count: bytes.len() / width,
        }
    }

    fn row(&self, index: usize) -> &'a [u8] {
        &self.bytes[index * self.stride..][..self.width]
    }
}

/// Horizontal pass: `[count, columns, 3]`.
fn horizontal(source: Rows<'_>, columns: &Taps) -> Vec<u8> {
    let width = columns.starts.len() * CHANNELS;
    let mut out = vec![0; source.count * width];
    fast(|| {
        for (index, target) in out.chunks_exact_mut(width).enumerate() {
            resample_row(source.row(index), columns, target);
        }
    });
    out
}

#[inline(always)]
fn resample_row(source: &[u8], columns: &Taps, target: &mut [u8]) {
    for (pixel, (start, weights)) in target.chunks_exact_mut(CHANNELS).zip(columns.iter()) {
        let mut sums = [HALF; CHANNELS];
        let window = &source[start * CHANNELS..(start + weights.len()) * CHANNELS];
        for (source, &weight) in window.chunks_exact(CHANNELS).zip(weights) {
            for (sum, &value) in sums.iter_mut().zip(source) {
                *sum += i32::from(value) * weight;
            }
        }
        for (value, sum) in pixel.iter_mut().zip(sums) {
            *value = to_byte(sum);
        }
    }
}

/// Vertical pass: `[rows, width]` bytes.
fn vertical(source: Rows<'_>, rows: &Taps) -> Vec<u8> {
    let mut out = vec![0; rows.starts.len() * source.width];
    let mut sums = vec![0; source.width];
    fast(|| {
        for (target, (start, weights)) in out.chunks_exact_mut(source.width).zip(rows.iter()) {
            sums.fill(HALF);
            for (index, &weight) in weights.iter().enumerate() {
                for (sum, &value) in sums.iter_mut().zip(source.row(start + index)) {
                    *sum += i32::from(value) * weight;
                }
            }
            for (value, &sum) in target.iter_mut().zip(&sums) {
                *value = to_byte(sum);
            }
        }
    });
    out
}

#[inline(always)]
fn to_byte(sum: i32) -> u8 {
    (sum >> PRECISION_BITS).clamp(0, 255) as u8
}

/// The source positions and fixed-point weights behind each position of the region.
struct Taps {
    /// First source position behind the region.
    first: usize,
    /// Number of source positions behind the region.
    span: usize,
    /// First source position, counted from `first`, per position of the region.
    starts: Vec<usize>,
    /// End of its weights in `weights`, per position of the region.
    ends: Vec<usize>,
    weights: Vec<i32>,
}

impl Taps {
    fn new(source_len: usize, resized_len: usize, first: usize, count: usize) -> Self {
        let scale = source_len as f64 / resized_len as f64;
        let filter_scale = scale.max(1.0);
        let mut taps = Taps {
            first: 0,
            span: 0,
            starts: Vec::new(),
            ends: Vec::new(),
            weights: Vec::new(),
        };
        let mut exact = Vec::new();
        for position in first..first + count {
            let centre = (position as f64 + 0.5) * scale;
            // The truncation towards zero comes before the clipping, as in Pillow.
            let start = (centre - filter_scale + 0.5) as usize;
            let end = ((centre + filter_scale + 0.5) as usize).min(source_len);
            exact.clear();
            exact.extend((start..end).map(|index| {
                let distance = (index as f64 - centre + 0.5) * (1.0 / filter_scale);
                (1.0 - distance.abs()).max(0.0)
            }));
            taps.push(start, &exact);
        }
        taps.first = taps.starts.first().copied().unwrap_or(0);
        for start in &mut taps.starts {
            *start -= taps.first;
        }
        taps.span = taps
            .iter()
            .map(|(start, weights)| start + weights.len())
            .max()
            .unwrap_or(0);
        taps
    }

    /// Normalises the weights of one position and turns them into fixed point.
    fn push(&mut self, start: usize, exact: &[f64]) {
        let total: f64 = exact.iter().sum();
        let one = f64::from(1 << PRECISION_BITS);
        let fixed = exact
            .iter()
            .map(|weight| (0.5 + weight / total * one) as i32);
        self.starts.push(start);
        self.weights.extend(fixed);
        self.ends.push(self.weights.len());
    }

    fn iter(&self) -> impl Iterator<Item = (usize, &[i32])> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        let ranges = begins
            .zip(&self.ends)
            .map(|(begin, &end)| &self.weights[begin..end]);
        self.starts.iter().copied().zip(ranges)
    }
}

/// Runs `work` with the widest vectors the processor has: compiled twice, chosen at run time.
fn fast(work: impl FnOnce()) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        #[target_feature(enable = "avx2")]
        fn with_avx2(work: impl FnOnce()) {
            work();
        }
        // SAFETY: the feature that the function is compiled for was detected on this processor.
        return unsafe { with_avx2(work) };
    }
    work();
}
