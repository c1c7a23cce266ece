//! What comes out of the network.

/// What the network says about a batch.
#[derive(Debug, Clone)]
pub struct Output {
    /// `[clips, features]`, the values before the head: 512 of ECO-Lite, 1536 of ECO-Full.
    pub features: Vec<f32>,
    /// `[clips, classes]`, before softmax.
    pub logits: Vec<f32>,
    /// Classes per clip.
    pub classes: usize,
}

impl Output {
    /// The features of clip `index`.
    pub fn features_of(&self, index: usize) -> &[f32] {
        let clips = self.logits.len() / self.classes;
        let len = self.features.len() / clips;
        &self.features[index * len..][..len]
    }

    /// The logits of clip `index`.
    pub fn logits_of(&self, index: usize) -> &[f32] {
        &self.logits[index * self.classes..][..self.classes]
    }
}
