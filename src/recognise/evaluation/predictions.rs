//! Predictions on disk: JSON lines, the first of which says how the others came about.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::sample::Sample;
use crate::recognise::{ClipName, FrameRange};

/// Version of the layout.
const VERSION: u32 = 1;
/// Lines that are read before all cores take their share of them.
const TOGETHER: usize = 256;

/// What made predictions. Those of two runs belong together only where it is the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    eco_predictions: u32,
    /// Weights and settings by name: whatever can change a score.
    pub settings: BTreeMap<String, String>,
    /// The name of each class.
    pub labels: Vec<String>,
    /// How many clips the run is about, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clips: Option<usize>,
}

impl Origin {
    /// Predictions with these settings, for classes of these names, of so many clips.
    pub fn new(settings: BTreeMap<String, String>, labels: Vec<String>, clips: usize) -> Self {
        Self {
            eco_predictions: VERSION,
            settings,
            labels,
            clips: Some(clips),
        }
    }

    /// The first setting in which `other` differs, in words; `None` when there is none.
    pub fn difference(&self, other: &Self) -> Option<String> {
        let said = |origin: &Self, name: &String| match origin.settings.get(name) {
            Some(value) => value.clone(),
            None => "by default".to_owned(),
        };
        let names = self.settings.keys().chain(other.settings.keys());
        let differs = names.filter(|name| self.settings.get(*name) != other.settings.get(*name));
        let settings = differs
            .map(|name| format!("{name} {}, not {}", said(self, name), said(other, name)))
            .next();
        let labels = (self.labels != other.labels).then(|| "other class names".to_owned());
        let clips = self
            .clips
            .zip(other.clips)
            .filter(|(own, other)| own != other);
        settings
            .or(labels)
            .or_else(|| clips.map(|(own, other)| format!("{own} clips, not {other}")))
    }
}

/// Why a file has no predictions.
#[derive(Debug, thiserror::Error)]
pub enum PredictionsError {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The first line does not say how predictions came about.
    #[error("not a file of predictions: the first line is no header ({reason})")]
    Header {
        /// What is wrong with it.
        reason: String,
    },
    /// Written by a later version.
    #[error("its layout is version {found}, and {VERSION} is the latest one known")]
    Version {
        /// The version found.
        found: u32,
    },
    /// A line is no prediction.
    #[error("line {line}: not a prediction ({reason})")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
}

/// Predictions that were read.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    /// What made them.
    pub origin: Origin,
    /// In the order of the file. A clip that was tried again has several.
    pub samples: Vec<Sample>,
    /// Bytes of the file up to the end of its last whole line. What follows was being written when the run ended.
    pub whole: u64,
    /// Whether something follows it.
    pub cut_off: bool,
}

/// One line, to be written.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    clip: &'a ClipName,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<FrameRange>,
    truth: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    scores: Option<&'a [f32]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

/// One line that was read. Flattening would hold every score as a value of any type first, which takes most of the time.
#[derive(Deserialize)]
struct ReadLine {
    clip: String,
    clip_base64: Option<String>,
    range: Option<FrameRange>,
    truth: usize,
    scores: Option<Vec<f32>>,
    error: Option<String>,
}

impl Predictions {
    /// Reads a file of predictions. A last line that was cut off is left out.
    ///
    /// # Errors
    /// [`PredictionsError`].
    pub fn read(mut source: impl BufRead) -> Result<Self, PredictionsError> {
        let mut bytes = Vec::new();
        let mut whole = source.read_until(b'\n', &mut bytes)? as u64;
        let header = |reason: &dyn ToString| PredictionsError::Header {
            reason: reason.to_string(),
        };
        if bytes.last() != Some(&b'\n') {
            return Err(header(&"it has no end"));
        }
        let origin: Origin = serde_json::from_slice(&bytes).map_err(|error| header(&error))?;
        if origin.eco_predictions > VERSION {
            let found = origin.eco_predictions;
            return Err(PredictionsError::Version { found });
        }
        let classes = origin.labels.len();
        let mut samples = Vec::new();
        let mut cut_off = false;
        let mut lines: Vec<Vec<u8>> = Vec::new();
        let mut is_end = false;
        while !is_end {
            lines.clear();
            while lines.len() < TOGETHER && !is_end {
                let mut line = Vec::new();
                let read = source.read_until(b'\n', &mut line)?;
                is_end = line.last() != Some(&b'\n');
                if is_end {
                    cut_off = read > 0;
                } else {
                    whole += read as u64;
                    lines.push(line);
                }
            }
            let read: Vec<_> = lines.par_iter().map(|line| sample(line, classes)).collect();
            for sample in read {
                let line = samples.len() + 2;
                samples.push(sample.map_err(|reason| PredictionsError::Line { line, reason })?);
            }
        }
        Ok(Self {
            origin,
            samples,
            whole,
            cut_off,
        })
    }
}

fn sample(bytes: &[u8], classes: usize) -> Result<Sample, String> {
    let line: ReadLine = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if line.truth >= classes {
        return Err(format!("class {} of {classes}", line.truth));
    }
    let scores = match (line.scores, line.error) {
        (Some(scores), None) if scores.len() == classes => Ok(scores),
        (Some(scores), None) => {
            return Err(format!("{} scores for {classes} classes", scores.len()));
        }
        (None, Some(error)) => Err(error),
        _ => return Err("it has to have either scores or an error".to_owned()),
    };
    Ok(Sample {
        clip: ClipName::from_fields(line.clip, line.clip_base64),
        range: line.range,
        truth: line.truth,
        scores,
    })
}

/// Writes the first line of a file of predictions.
///
/// # Errors
/// Those of the sink.
pub fn write_origin(sink: &mut impl Write, origin: &Origin) -> io::Result<()> {
    write_line(sink, origin)
}

/// Writes the line of a sample and flushes it. A line is whole or cut off at the end of the file, whatever ends the program.
///
/// # Errors
/// Those of the sink.
pub fn write_sample(sink: &mut impl Write, sample: &Sample) -> io::Result<()> {
    let line = Line {
        clip: &sample.clip,
        range: sample.range,
        truth: sample.truth,
        scores: sample.scores.as_deref().ok(),
        error: sample.scores.as_ref().err().map(String::as_str),
    };
    write_line(sink, &line)
}

fn write_line(sink: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    sink.write_all(&line)?;
    sink.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(weights: &str) -> Origin {
        let settings = [("weights".to_owned(), weights.to_owned())];
        Origin::new(settings.into(), vec!["a".into(), "b".into()], 2)
    }

    fn samples() -> [Sample; 2] {
        let sample = |clip: &str, scores| Sample {
            clip: ClipName::new(clip),
            range: None,
            truth: 1,
            scores,
        };
        [
            sample("clips/a", Ok(vec![0.1, 1e-30])),
            sample("clips/b", Err("no frames".into())),
        ]
    }

    fn written() -> Vec<u8> {
        let mut file = Vec::new();
        write_origin(&mut file, &origin("demo")).unwrap();
        for sample in samples() {
            write_sample(&mut file, &sample).unwrap();
        }
        file
    }

    #[test]
    fn what_is_written_is_read_back_to_the_bit() {
        let file = written();
        let read = Predictions::read(&file[..]).unwrap();
        assert_eq!(read.samples, samples());
        assert_eq!(read.origin, origin("demo"));
        assert_eq!(read.whole, file.len() as u64);
    }

    #[test]
    fn a_file_cut_off_anywhere_gives_its_whole_lines() {
        let file = written();
        let ends: Vec<usize> = (0..file.len()).filter(|&at| file[at] == b'\n').collect();
        for length in ends[0] + 1..file.len() {
            let read = Predictions::read(&file[..length]).unwrap();
            let lines = ends.iter().filter(|&&end| end < length).count();
            assert_eq!(read.samples.len(), lines - 1, "{length}");
            assert_eq!(read.whole as usize, ends[lines - 1] + 1, "{length}");
            assert_eq!(read.cut_off, length > ends[lines - 1] + 1, "{length}");
        }
        let error = Predictions::read(&file[..ends[0]]).unwrap_err();
        assert!(matches!(error, PredictionsError::Header { .. }), "{error}");
    }

    #[test]
    fn lines_that_are_no_predictions_are_refused_with_their_numbers() {
        for (line, reason) in [
            ("{}", "missing field `clip`"),
            (r#"{"clip":"a","truth":2,"scores":[0,1]}"#, "class 2 of 2"),
            (
                r#"{"clip":"a","truth":1,"scores":[1]}"#,
                "1 scores for 2 classes",
            ),
            (r#"{"clip":"a","truth":1}"#, "either scores or an error"),
        ] {
            let mut file = written();
            file.extend_from_slice(line.as_bytes());
            file.push(b'\n');
            let error = Predictions::read(&file[..]).unwrap_err().to_string();
            assert!(
                error.starts_with("line 4: ") && error.contains(reason),
                "{error}"
            );
        }
    }

    #[test]
    fn the_first_difference_is_named() {
        let difference = origin("demo").difference(&origin("x.safetensors"));
        assert_eq!(difference.unwrap(), "weights demo, not x.safetensors");
        assert_eq!(origin("demo").difference(&origin("demo")), None);
        let mut crops = origin("demo");
        crops
            .settings
            .insert("views".into(), "1 per clip with 3 crops each".into());
        assert_eq!(
            origin("demo").difference(&crops).unwrap(),
            "views by default, not 1 per clip with 3 crops each"
        );
    }
}
