//! How a training went, for people and for programs.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Value, json};

use super::evaluation::{self, Summary, line, percent, share};
use crate::text::shell_word;
use crate::train::head::Tried;
use crate::weights::Training;

/// A training that is done.
#[derive(Debug)]
pub struct TrainingSummary<'a> {
    /// What the written weights say about it.
    pub training: &'a Training,
    /// The answers on clips that were held back.
    pub judged: Option<&'a Summary<'a>>,
    /// Values per clip before the head.
    pub features: usize,
    /// Clips that the network had not looked at before.
    pub looked_at: usize,
    /// Clips that were left out, with their errors.
    pub failures: &'a [(String, String)],
    /// The penalty of the head.
    pub penalty: f64,
    /// What was tried to find it; nothing when it was given.
    pub tried: &'a [Tried],
    /// The file that was written.
    pub written: &'a str,
    /// Seconds for the features, and for the fit.
    pub seconds: [f64; 2],
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
        clips += &format!("; {} clips left out", summary.failures.len());
    }
    line(out, "fitted to", &clips)?;
    let [looking, fitting] = summary.seconds;
    let features = match summary.looked_at {
        0 => format!("{}, all known from before", summary.features),
        1 => format!("{}, 1 clip looked at in {looking:.1} s", summary.features),
        clips => format!(
            "{}, {clips} clips looked at in {looking:.1} s",
            summary.features
        ),
    };
    line(out, "features", &features)?;
    let penalty = match summary.tried.len() {
        0 => format!("{}", summary.penalty),
        tried => format!("{}, the best of {tried}", summary.penalty),
    };
    line(
        out,
        "penalty",
        &format!("{penalty}; fitted in {fitting:.1} s"),
    )?;
    if let (Some(judged), Some(how)) = (summary.judged, &training.judged) {
        line(out, "judged by", &how.how)?;
        for k in judged.ks() {
            let top = judged.evaluation.top(k);
            line(out, &format!("top-{k}"), &share(&top))?;
        }
        let (mean, _) = judged.evaluation.mean_class_accuracy();
        line(out, "mean class", &percent(mean))?;
    }
    line(out, "written", summary.written)?;
    let file = shell_word(summary.written);
    writeln!(out, "\nuse it:      eco classify CLIP --weights {file}")?;
    writeln!(out, "measure it:  eco evaluate TEST --weights {file}")?;
    out.flush()
}

#[derive(Serialize)]
struct Json<'a> {
    training: &'a Training,
    penalty: f64,
    tried: &'a [Tried],
    features: usize,
    clips_looked_at: usize,
    failures: Vec<Value>,
    written: &'a str,
    seconds: Seconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    judged: Option<Value>,
}

#[derive(Serialize)]
struct Seconds {
    features: f64,
    fit: f64,
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
    let [features, fit] = summary.seconds;
    let json = Json {
        training: summary.training,
        penalty: summary.penalty,
        tried: summary.tried,
        features: summary.features,
        clips_looked_at: summary.looked_at,
        failures: failures
            .map(|(clip, error)| json!({ "clip": clip, "error": error }))
            .collect(),
        written: summary.written,
        seconds: Seconds { features, fit },
        judged: summary.judged.map(measures).transpose()?,
    };
    serde_json::to_writer_pretty(&mut sink, &json)?;
    writeln!(sink)?;
    sink.flush()
}
