//! The end of the network: features, and the linear layer.

/// Features per clip.
pub const FEATURES: usize = 512;

/// The linear layer.
pub struct Classifier {
    /// `[classes, 512]`.
    pub weight: Vec<f32>,
    /// `[classes]`.
    pub bias: Vec<f32>,
}

impl Classifier {
    /// Logits of each clip's features, `[clips, 512]` to `[clips, classes]`.
    pub fn logits(&self, features: &[f32]) -> Vec<f32> {
        let rows = |clip| {
            self.weight
                .chunks_exact(FEATURES)
                .zip(&self.bias)
                .map(move |(row, bias)| bias + dot(row, clip))
        };
        features.chunks_exact(FEATURES).flat_map(rows).collect()
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

/// Mean over the pixels of `[pixels, 512]`.
pub fn mean(clip: &[f32]) -> [f32; FEATURES] {
    let mut sums = [0.0; FEATURES];
    for pixel in clip.chunks_exact(FEATURES) {
        for (sum, value) in sums.iter_mut().zip(pixel) {
            *sum += value;
        }
    }
    sums.map(|sum| sum / (clip.len() / FEATURES) as f32)
}
