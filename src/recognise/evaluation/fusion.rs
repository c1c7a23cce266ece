use std::collections::HashMap;

use super::sample::Sample;
use crate::recognise::{ClipName, FrameRange};

/// Why the predictions of two runs cannot be put together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FusionError {
    /// A clip is in one run only.
    #[error("{clip} is in one of the runs only")]
    Clip {
        /// The clip.
        clip: String,
    },
    /// The runs disagree about the true class of a clip.
    #[error("{clip} is of class {first} in one run and of class {second} in another")]
    Truth {
        /// The clip.
        clip: String,
        /// Its class in the first run.
        first: usize,
        /// Its class in the other.
        second: usize,
    },
    /// The runs are of networks with different numbers of classes.
    #[error("one run has {first} classes, another {second}")]
    Classes {
        /// Classes of the first run.
        first: usize,
        /// Classes of the other.
        second: usize,
    },
}

type Key = (ClipName, Option<[usize; 2]>);

/// What a sample is about.
fn key(sample: &Sample) -> Key {
    let range = |range: FrameRange| [range.start_frame, range.end_frame];
    (sample.clip.clone(), sample.range.map(range))
}

/// The latest sample of each clip, where it was first. A clip that failed may have been tried again.
pub fn latest(samples: Vec<Sample>) -> Vec<Sample> {
    let mut places: HashMap<Key, usize> = HashMap::new();
    let mut kept: Vec<Sample> = Vec::new();
    for sample in samples {
        match places.get(&key(&sample)) {
            Some(&place) => kept[place] = sample,
            None => {
                places.insert(key(&sample), kept.len());
                kept.push(sample);
            }
        }
    }
    kept
}

/// The weighted means of the scores of several runs over the same clips, in the order of the first run. A clip that failed in
/// one run fails.
///
/// # Errors
/// [`FusionError`] where the runs are not about the same clips and classes.
pub fn fuse(runs: Vec<(Vec<Sample>, f64)>) -> Result<Vec<Sample>, FusionError> {
    let total: f64 = runs.iter().map(|(_, weight)| weight).sum();
    let mut runs = runs.into_iter();
    let Some((mut fused, weight)) = runs.next() else {
        return Ok(Vec::new());
    };
    let scaled = |scores: &[f32], weight: f64| -> Vec<f64> {
        let scale = weight / total;
        scores
            .iter()
            .map(|&score| f64::from(score) * scale)
            .collect()
    };
    let mut sums: Vec<Vec<f64>> = fused
        .iter()
        .map(|sample| scaled(sample.scores.as_deref().unwrap_or_default(), weight))
        .collect();
    for (samples, weight) in runs {
        let mut others: HashMap<Key, Sample> = samples
            .into_iter()
            .map(|sample| (key(&sample), sample))
            .collect();
        for (sample, sum) in fused.iter_mut().zip(&mut sums) {
            let clip = || sample.clip.text();
            let other = others.remove(&key(sample));
            let other = other.ok_or_else(|| FusionError::Clip { clip: clip() })?;
            if other.truth != sample.truth {
                return Err(FusionError::Truth {
                    clip: clip(),
                    first: sample.truth,
                    second: other.truth,
                });
            }
            match (&sample.scores, other.scores) {
                (Ok(first), Ok(second)) if first.len() != second.len() => {
                    return Err(FusionError::Classes {
                        first: first.len(),
                        second: second.len(),
                    });
                }
                (Ok(_), Ok(second)) => {
                    let second = scaled(&second, weight);
                    sum.iter_mut()
                        .zip(second)
                        .for_each(|(sum, score)| *sum += score);
                }
                (Ok(_), Err(error)) => sample.scores = Err(error),
                (Err(_), _) => {}
            }
        }
        if let Some(sample) = others.into_values().next() {
            let clip = sample.clip.text();
            return Err(FusionError::Clip { clip });
        }
    }
    for (sample, sum) in fused.iter_mut().zip(sums) {
        if let Ok(scores) = &mut sample.scores {
            *scores = sum.into_iter().map(|score| score as f32).collect();
        }
    }
    Ok(fused)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(clip: &str, truth: usize, scores: Result<&[f32], &str>) -> Sample {
        Sample {
            clip: ClipName::new(clip),
            range: None,
            truth,
            scores: scores.map(<[f32]>::to_vec).map_err(str::to_owned),
        }
    }

    #[test]
    fn scores_are_averaged_by_weight_whatever_the_order_of_the_clips() {
        let rgb = vec![
            sample("a", 0, Ok(&[0.5, 0.5])),
            sample("b", 1, Ok(&[1.0, 0.0])),
        ];
        let flow = vec![
            sample("b", 1, Ok(&[0.0, 1.0])),
            sample("a", 0, Ok(&[1.0, 0.0])),
        ];
        let fused = fuse(vec![(rgb, 1.0), (flow, 3.0)]).unwrap();
        assert_eq!(fused[0], sample("a", 0, Ok(&[0.875, 0.125])));
        assert_eq!(fused[1], sample("b", 1, Ok(&[0.25, 0.75])));
    }

    #[test]
    fn a_clip_that_fails_in_one_run_fails() {
        let first = vec![sample("a", 0, Ok(&[1.0]))];
        let second = vec![sample("a", 0, Err("no frames"))];
        for runs in [[first.clone(), second.clone()], [second, first]] {
            let runs = runs.map(|run| (run, 1.0)).to_vec();
            assert_eq!(fuse(runs).unwrap()[0].scores, Err("no frames".to_owned()));
        }
    }

    #[test]
    fn one_run_is_as_it_was_to_the_bit() {
        let run = vec![sample("a", 0, Ok(&[0.1, 0.3, 1e-30]))];
        assert_eq!(fuse(vec![(run.clone(), 1.0)]).unwrap(), run);
    }

    #[test]
    fn runs_about_other_clips_are_refused() {
        let run = |clip, truth, scores: &[f32]| (vec![sample(clip, truth, Ok(scores))], 1.0);
        let first = run("a", 0, &[1.0, 0.0]);
        for (second, expected) in [
            (run("b", 0, &[1.0, 0.0]), "a is in one of the runs only"),
            (
                run("a", 1, &[1.0, 0.0]),
                "of class 0 in one run and of class 1",
            ),
            (run("a", 0, &[1.0]), "one run has 2 classes, another 1"),
        ] {
            let error = fuse(vec![first.clone(), second]).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let longer = [first.0.clone(), run("b", 0, &[1.0, 0.0]).0].concat();
        assert!(fuse(vec![first, (longer, 1.0)]).is_err());
    }

    #[test]
    fn the_latest_of_several_tries_counts() {
        let tries = vec![
            sample("a", 0, Err("no frames")),
            sample("b", 0, Ok(&[1.0])),
            sample("a", 0, Ok(&[1.0])),
        ];
        let kept = latest(tries.clone());
        assert_eq!(kept, [tries[2].clone(), tries[1].clone()]);
    }
}
