use super::super::{ClipName, FrameRange};

/// A clip whose class is known, and what the network said.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The clip.
    pub clip: ClipName,
    /// The part that was looked at; `None` when it is all of the clip.
    pub range: Option<FrameRange>,
    /// Its true class, from 0.
    pub truth: usize,
    /// Scores `[classes]`, or the error of a clip that could not be used.
    pub scores: Result<Vec<f32>, String>,
}
