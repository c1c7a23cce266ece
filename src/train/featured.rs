//! Clips with what the network makes of them.

use std::ops::Range;
use std::path::PathBuf;

use ndarray::Array2;

use super::head::Samples;
use super::split::Split;

/// Clips that can be fitted to or judged by.
#[derive(Debug, Clone, Default)]
pub struct Featured {
    /// The path of each clip.
    pub clips: Vec<PathBuf>,
    /// The features of each clip's views, that of the clip as it is first.
    pub features: Vec<Vec<Vec<f32>>>,
    /// The class of each.
    pub classes: Vec<usize>,
    /// The class of each view; mirror images may be of another one.
    pub view_classes: Vec<Vec<usize>>,
}

impl Featured {
    /// Adds a clip of a class, with the features and the class of each view.
    pub fn add(&mut self, clip: PathBuf, class: usize, views: Vec<(Vec<f32>, usize)>) {
        let (features, classes) = views.into_iter().unzip();
        self.clips.push(clip);
        self.features.push(features);
        self.classes.push(class);
        self.view_classes.push(classes);
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
        self.view_classes.extend(others.view_classes);
        self
    }

    /// The clips as a head is fitted to them, and what a split of the clips is among the samples: fitted to are all views,
    /// judged by is the clip as it is.
    pub(super) fn samples(&self, class_count: usize) -> (Samples, Rows) {
        let width = self.features.iter().flatten().next().map_or(0, Vec::len);
        let mut rows = Rows(Vec::with_capacity(self.len()));
        let mut classes = Vec::new();
        for of_views in &self.view_classes {
            rows.0.push(classes.len()..classes.len() + of_views.len());
            classes.extend(of_views);
        }
        let mut features = Array2::zeros((classes.len(), width));
        let views = self.features.iter().flatten();
        for (mut row, values) in features.rows_mut().into_iter().zip(views) {
            let values = values.iter().map(|&value| f64::from(value));
            row.iter_mut()
                .zip(values)
                .for_each(|(to, value)| *to = value);
        }
        let samples = Samples {
            features,
            classes,
            class_count,
        };
        (samples, rows)
    }
}

/// The samples of each clip.
#[derive(Debug, Clone)]
pub(super) struct Rows(Vec<Range<usize>>);

impl Rows {
    /// A split of clips as one of samples.
    pub(super) fn split(&self, clips: &Split) -> Split {
        let all = clips.fitted.iter().flat_map(|&clip| self.0[clip].clone());
        let first = clips.judged.iter().map(|&clip| self.0[clip].start);
        Split {
            fitted: all.collect(),
            judged: first.collect(),
        }
    }

    /// The clip of a sample.
    pub(super) fn clip(&self, sample: usize) -> usize {
        self.0.partition_point(|rows| rows.end <= sample)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_views_are_fitted_to_and_the_clip_as_it_is_is_judged_by() {
        let mut clips = Featured::default();
        for clip in 0..3_u8 {
            let class = usize::from(clip % 2);
            // The second view of the first clip is of another class.
            let view_class = |view: u8| if (clip, view) == (0, 1) { 1 } else { class };
            let view = |view: u8| (vec![f32::from(clip), f32::from(view)], view_class(view));
            let views = (0..2).map(view);
            clips.add(format!("{clip}").into(), class, views.collect());
        }
        let mut judged = Featured::default();
        judged.add("judged".into(), 1, vec![(vec![9.0, 0.0], 1)]);
        let (samples, rows) = clips.followed_by(judged).samples(2);
        assert_eq!(samples.classes, [0, 1, 1, 1, 0, 0, 1]);
        assert_eq!(samples.features.row(3).to_vec(), [1.0, 1.0]);
        let split = rows.split(&Split {
            fitted: vec![0, 2],
            judged: vec![1, 3],
        });
        assert_eq!((split.fitted, split.judged), (vec![0, 1, 4, 5], vec![2, 6]));
        assert_eq!((rows.clip(3), rows.clip(6)), (1, 3));
    }
}
