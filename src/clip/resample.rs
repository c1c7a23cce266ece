//! Pillow's 8-bit bilinear resize, bit for bit, computing only the region that is kept.
//!
//! The filter is a triangle, widened by the scale when an image shrinks (antialiasing). Pillow
//! resizes 8-bit images in two passes of integer arithmetic: weights have 22 fractional bits, the
//! horizontal pass goes first, and each pass rounds to 8 bits. Both the order and the rounding
//! between the passes show in the result, so both are kept. Fact source: python-pillow/Pillow,
//! src/libImaging/Resample.c (`PRECISION_BITS = 32 - 8 - 2`).

/// Fractional bits of a weight: 8 bits of pixel and 2 bits of headroom are left of 32.
const PRECISION_BITS: u32 = 32 - 8 - 2;

/// Channels of an RGB pixel.
const CHANNELS: usize = 3;

/// A borrowed RGB image: `[height, width, 3]`, rows without padding.
#[derive(Clone, Copy, Debug)]
pub struct Rgb<'a> {
    /// The pixels, `height * width * 3` bytes.
    pub pixels: &'a [u8],
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

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

/// What `image.resize((width, height), BILINEAR).crop(region)` gives in Pillow, as
/// `[region.height, region.width, 3]`.
///
/// `resized` is the full `(width, height)`; work and memory depend on `region` alone. The region
/// must lie within `resized`, and both images must have pixels.
pub fn resize_region(image: Rgb<'_>, resized: (usize, usize), region: Region) -> Vec<u8> {
    debug_assert!(region.left + region.width <= resized.0);
    debug_assert!(region.top + region.height <= resized.1);
    let columns = Taps::new(image.width, resized.0, region.left, region.width);
    let rows = Taps::new(image.height, resized.1, region.top, region.height);

    // Only the source rows that the vertical pass will look at go through the horizontal one.
    let (first_row, row_count) = rows.span();
    let stride = image.width * CHANNELS;
    let needed = &image.pixels[first_row * stride..(first_row + row_count) * stride];

    let width = region.width * CHANNELS;
    let mut narrowed = vec![0; row_count * width];
    fast(|| {
        for (source, target) in needed
            .chunks_exact(stride)
            .zip(narrowed.chunks_exact_mut(width))
        {
            resample_row(source, &columns, target);
        }
    });

    let mut out = vec![0; region.height * width];
    let mut sums = vec![0; width];
    fast(|| {
        for (target, (start, weights)) in out.chunks_exact_mut(width).zip(rows.iter()) {
            let first = (start - first_row) * width;
            let sources = &narrowed[first..first + weights.len() * width];
            blend_rows(sources, weights, &mut sums, target);
        }
    });
    out
}

/// Horizontal pass over one row.
#[inline(always)]
fn resample_row(source: &[u8], taps: &Taps, target: &mut [u8]) {
    for (pixel, (start, weights)) in target.chunks_exact_mut(CHANNELS).zip(taps.iter()) {
        let mut sums = [1_i32 << (PRECISION_BITS - 1); CHANNELS];
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

/// Vertical pass for one row: the weighted sum of `weights.len()` rows.
#[inline(always)]
fn blend_rows(sources: &[u8], weights: &[i32], sums: &mut [i32], target: &mut [u8]) {
    sums.fill(1 << (PRECISION_BITS - 1));
    for (row, &weight) in sources.chunks_exact(target.len()).zip(weights) {
        for (sum, &value) in sums.iter_mut().zip(row) {
            *sum += i32::from(value) * weight;
        }
    }
    for (value, &sum) in target.iter_mut().zip(sums.iter()) {
        *value = to_byte(sum);
    }
}

#[inline(always)]
fn to_byte(sum: i32) -> u8 {
    (sum >> PRECISION_BITS).clamp(0, 255) as u8
}

/// The source positions and fixed-point weights behind each position of the region.
struct Taps {
    /// First source position, per position of the region.
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
            taps.push(start, &mut exact);
        }
        taps
    }

    /// Normalises the weights of one position and turns them into fixed point.
    fn push(&mut self, start: usize, exact: &mut [f64]) {
        let total: f64 = exact.iter().sum();
        let one = f64::from(1 << PRECISION_BITS);
        let fixed = exact
            .iter()
            .map(|weight| (0.5 + weight / total * one) as i32);
        self.starts.push(start);
        self.weights.extend(fixed);
        self.ends.push(self.weights.len());
    }

    /// First source position and number of source positions that all taps together touch.
    fn span(&self) -> (usize, usize) {
        let first = self.starts.first().copied().unwrap_or(0);
        let end = self
            .iter()
            .map(|(start, weights)| start + weights.len())
            .max()
            .unwrap_or(first);
        (first, end - first)
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
