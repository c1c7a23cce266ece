//! The end of the network: features, and the linear layer.

/// The linear layer.
pub(crate) struct Classifier {
    /// `[classes, features]`.
    pub weight: Vec<f32>,
    /// `[classes]`.
    pub bias: Vec<f32>,
}

impl Classifier {
    /// Logits of each clip's features, `[clips, features]` to `[clips, classes]`.
    pub(crate) fn logits(&self, features: &[f32]) -> Vec<f32> {
        let len = self.weight.len() / self.bias.len();
        let rows = |clip| {
            self.weight
                .chunks_exact(len)
                .zip(&self.bias)
                .map(move |(row, bias)| bias + dot(row, clip))
        };
        features.chunks_exact(len).flat_map(rows).collect()
    }
}

/// Dot product in sixteen partial sums, which the compiler keeps in vectors.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; 16];
    for (a, b) in a.chunks_exact(16).zip(b.chunks_exact(16)) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    sums.iter().sum()
}

/// Mean over the pixels of `[pixels, channels]`.
pub(crate) fn mean(pixels: &[f32], channels: usize) -> Vec<f32> {
    let mut sums = vec![0.0; channels];
    for pixel in pixels.chunks_exact(channels) {
        for (sum, value) in sums.iter_mut().zip(pixel) {
            *sum += value;
        }
    }
    let count = (pixels.len() / channels) as f32;
    sums.iter_mut().for_each(|sum| *sum /= count);
    sums
}
