//! How a training went, for people and for programs.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Value, json};

use super::evaluation::{self, Summary, line, percent, share};
use crate::text::number::clock;
use crate::text::{counted, one_line, shell_word};
use crate::train::EpochRecord;
use crate::train::head::Tried;
use crate::weights::Training;

/// A training that is done.
#[derive(Debug)]
pub struct TrainingSummary<'a> {
    /// What the written weights say about it.
    pub training: &'a Training,
    /// How it went.
    pub fit: Fit<'a>,
    /// The answers on clips that were held back.
    pub judged: Option<&'a Summary<'a>>,
    /// Clips that were left out, with their errors.
    pub failures: &'a [(String, String)],
    /// The file that was written.
    pub written: &'a str,
}

/// How a fit went.
#[derive(Debug)]
pub enum Fit<'a> {
    /// That of a head.
    Head {
        /// Values per clip before the head.
        features: usize,
        /// Clips that the network had not looked at before.
        looked_at: usize,
        /// The penalty of the head.
        penalty: f64,
        /// What was tried to find it; nothing when it was given.
        tried: &'a [Tried],
        /// Seconds for the features, and for the fit.
        seconds: [f64; 2],
    },
    /// That of a network.
    Network {
        /// Every epoch.
        epochs: &'a [EpochRecord],
        /// Epochs that the recipe allows.
        at_most: usize,
        /// Seconds since the command began.
        seconds: f64,
    },
}

/// Writes the summary for people.
///
/// # Errors
/// Those of the sink.
pub fn write_text(mut sink: impl Write, summary: &TrainingSummary) -> io::Result<()> {
    let out = &mut sink;
    let training = summary.training;
    let counts = &training.clips_per_class;
    let (least, most) = (counts.iter().min(), counts.iter().max());
    let each = match (least.copied().unwrap_or(0), most.copied().unwrap_or(0)) {
        (least, most) if least == most => format!("{least} each"),
        (least, most) => format!("{least} to {most} each"),
    };
    line(out, "classes", &counts.len().to_string())?;
    let mut clips = format!("{} clips, {each}", training.clips);
    if !summary.failures.is_empty() {
        let left_out = counted(summary.failures.len(), "clip", "clips");
        clips += &format!("; {left_out} left out");
    }
    line(out, "fitted to", &clips)?;
    match &summary.fit {
        Fit::Head {
            features,
            looked_at,
            penalty,
            tried,
            seconds: [looking, fitting],
        } => {
            let features = match looked_at {
                0 => format!("{features}, all known from before"),
                1 => format!("{features}, 1 clip looked at in {looking:.1} s"),
                clips => format!("{features}, {clips} clips looked at in {looking:.1} s"),
            };
            line(out, "features", &features)?;
            let penalty = penalty_in_words(*penalty, tried);
            line(
                out,
                "penalty",
                &format!("{penalty}; fitted in {fitting:.1} s"),
            )?;
        }
        Fit::Network {
            epochs,
            at_most,
            seconds,
        } => {
            let mut said = format!("{} in {}", epochs.len(), clock(*seconds));
            if epochs.len() < *at_most {
                said += &format!(", as nothing got better; {at_most} at most");
            }
            line(out, "epochs", &said)?;
            if let Some(best) = epochs.iter().rev().find(|epoch| epoch.is_best) {
                line(out, "kept", &format!("epoch {}", best.epoch + 1))?;
            }
        }
    }
    if let (Some(judged), Some(how)) = (summary.judged, &training.judged) {
        line(out, "judged by", &one_line(&how.how))?;
        for k in judged.telling_ks() {
            let top = judged.evaluation.top(k);
            line(out, &format!("top-{k}"), &share(&top))?;
        }
        let (mean, _) = judged.evaluation.mean_class_accuracy();
        line(out, "mean class", &percent(mean))?;
    }
    line(out, "written", &one_line(summary.written))?;
    let file = shell_word(summary.written);
    writeln!(out, "\nuse it:      eco classify CLIP --weights {file}")?;
    writeln!(out, "measure it:  eco evaluate TEST --weights {file}")?;
    out.flush()
}

/// The penalty, and what it was chosen from. At an end of what was tried, a better one may be beyond.
fn penalty_in_words(penalty: f64, tried: &[Tried]) -> String {
    let place = tried.iter().position(|tried| tried.penalty == penalty);
    let of = tried.len();
    match place {
        None => format!("{penalty}"),
        Some(0) => format!("{penalty}, the best and the strongest of {of} tried"),
        Some(place) if place + 1 == of => {
            format!("{penalty}, the best and the weakest of {of} tried")
        }
        Some(_) => format!("{penalty}, the best of {of} tried"),
    }
}

#[derive(Serialize)]
struct Json<'a> {
    training: &'a Training,
    #[serde(flatten)]
    fit: JsonFit<'a>,
    failures: Vec<Value>,
    written: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    judged: Option<Value>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum JsonFit<'a> {
    Head {
        penalty: f64,
        tried: &'a [Tried],
        features: usize,
        clips_looked_at: usize,
        seconds: Seconds,
    },
    Network {
        epochs: &'a [EpochRecord],
        seconds: f64,
    },
}

#[derive(Serialize)]
struct Seconds {
    features: f64,
    fit: f64,
}

impl<'a> From<&Fit<'a>> for JsonFit<'a> {
    fn from(fit: &Fit<'a>) -> Self {
        match *fit {
            Fit::Head {
                features,
                looked_at,
                penalty,
                tried,
                seconds: [looking, fit],
            } => Self::Head {
                penalty,
                tried,
                features,
                clips_looked_at: looked_at,
                seconds: Seconds {
                    features: looking,
                    fit,
                },
            },
            Fit::Network {
                epochs, seconds, ..
            } => Self::Network { epochs, seconds },
        }
    }
}

/// Writes the summary as one JSON object.
///
/// # Errors
/// Those of the sink.
pub fn write_json(mut sink: impl Write, summary: &TrainingSummary) -> io::Result<()> {
    let measures = |judged: &Summary| -> io::Result<Value> {
        let mut bytes = Vec::new();
        evaluation::write_json(&mut bytes, judged)?;
        Ok(serde_json::from_slice(&bytes)?)
    };
    let failures = summary.failures.iter();
    let json = Json {
        training: summary.training,
        fit: (&summary.fit).into(),
        failures: failures
            .map(|(clip, error)| json!({ "clip": clip, "error": error }))
            .collect(),
        written: summary.written,
        judged: summary.judged.map(measures).transpose()?,
    };
    serde_json::to_writer_pretty(&mut sink, &json)?;
    writeln!(sink)?;
    sink.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_penalty_at_an_end_of_those_that_were_tried_says_so() {
        let tried = [3.0, 1.0, 0.3].map(|penalty| Tried { penalty, loss: 1.0 });
        let said = [3.0, 1.0, 0.3].map(|penalty| penalty_in_words(penalty, &tried));
        assert_eq!(
            said,
            [
                "3, the best and the strongest of 3 tried",
                "1, the best of 3 tried",
                "0.3, the best and the weakest of 3 tried",
            ]
        );
        assert_eq!(penalty_in_words(0.5, &[]), "0.5");
    }
}
