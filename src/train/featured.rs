//! Clips with what the network makes of them.

use std::path::PathBuf;

use ndarray::Array2;

use super::head::Samples;

/// Clips that can be fitted to or judged by.
#[derive(Debug, Clone, Default)]
pub struct Featured {
    /// The path of each clip.
    pub clips: Vec<PathBuf>,
    /// The features of each, equally many.
    pub features: Vec<Vec<f32>>,
    /// The class of each.
    pub classes: Vec<usize>,
}

impl Featured {
    /// Adds a clip.
    pub fn add(&mut self, clip: PathBuf, features: Vec<f32>, class: usize) {
        self.clips.push(clip);
        self.features.push(features);
        self.classes.push(class);
    }

    /// How many clips there are.
    pub fn len(&self) -> usize {
        self.clips.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.clips.is_empty()
    }

    /// These clips, then `others`.
    pub fn followed_by(mut self, others: Self) -> Self {
        self.clips.extend(others.clips);
        self.features.extend(others.features);
        self.classes.extend(others.classes);
        self
    }

    /// The clips as a head is fitted to them.
    pub fn samples(&self, class_count: usize) -> Samples {
        let width = self.features.first().map_or(0, Vec::len);
        let mut features = Array2::zeros((self.len(), width));
        for (mut row, values) in features.rows_mut().into_iter().zip(&self.features) {
            let values = values.iter().map(|&value| f64::from(value));
            row.iter_mut()
                .zip(values)
                .for_each(|(to, value)| *to = value);
        }
        Samples {
            features,
            classes: self.classes.clone(),
            class_count,
        }
    }
}
