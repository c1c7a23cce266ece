//! The result of a training on standard output.

use std::collections::BTreeMap;
use std::io::{self, BufWriter};

use super::args::{Args, TrainFormat};
use crate::cli::exit::Failure;
use crate::cli::pictures::{mistake_frames, page_size};
use crate::cli::say::say;
use crate::clip::{ClipEntry, Pipeline};
use crate::file::NewFile;
use crate::recognise::ClipName;
use crate::recognise::evaluation::{Evaluation, Sample};
use crate::show::Ending;
use crate::show::evaluation::{ClipList, LeftOut, MistakeFrames, Summary};
use crate::show::fit::{self, FitPage};
use crate::show::training::{TrainingSummary, write_json, write_text};

/// Clips with their classes and scores, counted and listed.
pub(super) fn evaluated(
    classes: usize,
    judged: impl Iterator<Item = (ClipName, usize, Result<Vec<f32>, String>)>,
) -> (Evaluation, ClipList) {
    let mut evaluation = Evaluation::new(classes, None);
    let mut clips = ClipList::default();
    for (clip, truth, scores) in judged {
        let sample = Sample {
            clip,
            range: None,
            truth,
            scores,
        };
        let judged = evaluation.add(&sample);
        clips.add(&sample, judged);
    }
    (evaluation, clips)
}

/// The evaluation as it is shown.
pub(super) fn shown<'a>(
    evaluation: &'a Evaluation,
    labels: &'a [String],
    settings: &'a BTreeMap<String, String>,
) -> Summary<'a> {
    Summary {
        evaluation,
        labels,
        topk: 5,
        min_score: None,
        left_out: LeftOut::default(),
        failures: &[],
        speed: None,
        settings,
        ending: Ending::Complete,
    }
}

/// The frames of the worst mistakes among clips; `load` loads them.
pub(super) fn frames<'c>(
    clips: &ClipList,
    known: impl Iterator<Item = &'c ClipEntry> + Clone,
    load: impl FnOnce(Vec<ClipEntry>) -> Pipeline,
) -> Vec<MistakeFrames> {
    let worst = clips.worst().into_iter();
    let entry = |name: &ClipName| {
        let found = known.clone().find(|entry| entry.path == name.path());
        found.map_or_else(|| name.path().to_owned().into(), Clone::clone)
    };
    mistake_frames(load(worst.map(entry).collect()))
}

/// Writes the page about a training, if one is wanted.
///
/// # Errors
/// A page that cannot be written.
pub(super) fn write_page(args: &Args, page: FitPage) -> Result<(), Failure> {
    let Some(path) = &args.report else {
        return Ok(());
    };
    let mut file = NewFile::create(path)?;
    fit::page::write(&mut file, page).map_err(|source| file.failed(source))?;
    let size = page_size(file.finish()?);
    if !args.speech.quiet {
        say(format_args!("eco: wrote {} {size}", path.display()));
    }
    Ok(())
}

/// Writes the summary.
///
/// # Errors
/// Those of standard output.
pub(super) fn write(args: &Args, summary: &TrainingSummary) -> io::Result<()> {
    let stdout = BufWriter::new(io::stdout().lock());
    match args.format {
        TrainFormat::Text => write_text(stdout, summary),
        TrainFormat::Json => write_json(stdout, summary),
    }
}
