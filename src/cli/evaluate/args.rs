//! The flags of `eco evaluate`.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::anyhow;

use crate::cli::exit::Failure;
use crate::cli::flags::{EngineFlags, LookFlags, SpeechFlags, parse_count, parse_score};
use crate::cli::inputs::ClipFlags;
use crate::cli::labelled::{LabelledFlags, Unlabelled};
use crate::cli::outputs::Output;
use crate::cli::values::one_of;
use crate::clip::{ParsePositionError, Position};
use crate::recognise::{Options, WeightsSource};
use crate::show::evaluation::ConfusionFormat;
use crate::text::names;

/// Measure how good a network is on clips whose classes are known
///
/// Classes come from a list (`path label`, `path,label`, the lists of UCF101, HMDB51, Kinetics and Something-Something, ...) or
/// from directories (`CLASS/CLIP`, perhaps below `train` or `val`). They are matched to the weights' labels by name, whatever
/// the spelling, or by index. The measures go to standard output, everything else to standard error. Clips that fail are
/// counted and listed, and the exit code is 1.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Lists (.txt .csv .tsv .json) and directories of clips, with a directory per class
    #[arg(value_name = "LIST|DIRECTORY")]
    pub inputs: Vec<PathBuf>,
    #[command(flatten)]
    pub clips_from: ClipFlags,
    #[command(flatten)]
    pub labelled: LabelledFlags,
    /// Begin here: a frame, from 0 (50), or a time (2.5s, 500ms, 00:01:30). Or evaluate these predictions (.jsonl), which
    /// --predictions wrote; several are fused
    #[arg(long, value_name = "POSITION|FILE", help_heading = "Input")]
    from: Vec<From>,
    /// End before this frame or time
    #[arg(long, value_name = "POSITION", help_heading = "Input")]
    to: Option<Position>,
    /// The weight of each file of predictions, in their order [default: 1 each]
    #[arg(long = "weight", value_name = "WEIGHT", value_parser = parse_weight, requires = "from", help_heading = "Input")]
    shares: Vec<f64>,

    #[command(flatten)]
    pub look: LookFlags,

    /// How the measures are written: text for people; json, one object; jsonl, one object per clip as soon as it is done, then
    /// the measures; csv, one line per class
    #[arg(
        long,
        value_parser = one_of(EvaluationFormat::ALL, EvaluationFormat::name),
        default_value_t,
        hide_possible_values = true,
        help_heading = "Output"
    )]
    pub format: EvaluationFormat,
    /// The k of top-k, beside top-1
    #[arg(short = 'k', long, default_value_t = 5, value_name = "K", value_parser = parse_count, help_heading = "Output")]
    pub topk: usize,
    /// Also measure the answers whose best score is at least this (0.5, 50%)
    #[arg(long, value_name = "SCORE", value_parser = parse_score, help_heading = "Output")]
    pub min_score: Option<f32>,
    /// Keep the scores of all clips, as JSON lines. Where the file exists, the run goes on: clips that it answers are not
    /// looked at again
    #[arg(long, value_name = "FILE.jsonl", help_heading = "Output")]
    pub predictions: Option<PathBuf>,
    /// Write a web page with measures, confusion matrix, reliability diagram and the worst mistakes with their frames
    #[arg(long, value_name = "FILE.html", help_heading = "Output")]
    pub report: Option<PathBuf>,
    /// Write the confusion matrix, a row per true class: a table (.csv) or a picture (.png)
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub confusion: Option<PathBuf>,

    #[command(flatten)]
    pub engine: EngineFlags,
    #[command(flatten)]
    pub speech: SpeechFlags,
}

const EXAMPLES: &str = "\
Examples:
  eco evaluate val.txt
  eco evaluate data/val --predictions val.jsonl --report val.html
  eco evaluate hmdb51/splits --split 1 --labels hmdb51-tsn
  eco evaluate --from rgb.jsonl --from flow.jsonl --weight 1 --weight 1.5";

/// How measures are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum EvaluationFormat {
    /// For people.
    #[default]
    Text,
    /// One object.
    Json,
    /// One object per clip, then one with the measures.
    Jsonl,
    /// One line per class.
    Csv,
}

names!(EvaluationFormat { Text = "text", Json = "json", Jsonl = "jsonl", Csv = "csv" });

/// A place in a clip, or a file of predictions.
#[derive(Debug, Clone, PartialEq)]
enum From {
    Position(Position),
    Predictions(PathBuf),
}

impl FromStr for From {
    type Err = ParsePositionError;

    fn from_str(text: &str) -> Result<Self, ParsePositionError> {
        match Path::new(text).extension() {
            Some(extension) if extension == "jsonl" => Ok(Self::Predictions(text.into())),
            _ => text.parse().map(Self::Position),
        }
    }
}

fn parse_weight(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(weight) if weight.is_finite() && weight > 0.0 => Ok(weight),
        _ => Err("expected a number above 0".into()),
    }
}

impl Args {
    /// Refuses what does not go together.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let usage = |message: &str| Err(Failure::usage(anyhow!("{message}")));
        let files = self.prediction_files().len();
        let positions = self.from.len() - files;
        if positions > 1 || positions == 1 && files > 0 {
            return usage("--from takes one position, or files of predictions");
        }
        let has_clips = !self.inputs.is_empty() || self.clips_from.list.is_some();
        match (files, has_clips) {
            (0, false) => {
                return usage(
                    "name a list or a directory of clips, or predictions with --from FILE.jsonl",
                );
            }
            (1.., true) => {
                return usage("--from FILE.jsonl evaluates predictions, which need no clips");
            }
            (1.., false) => {
                let given = [
                    ("--predictions", self.predictions.is_some()),
                    ("--split", self.labelled.split.is_some()),
                    (
                        "--unlabelled",
                        self.labelled.unlabelled != Unlabelled::default(),
                    ),
                    ("--to", self.to.is_some()),
                ];
                let given = given.into_iter().find(|(_, is_given)| *is_given);
                let given = given.map(|(flag, _)| flag).or(self.look.first_given());
                if let Some(flag) = given {
                    return usage(&format!(
                        "{flag} has no effect here: scores and labels come from the files of predictions"
                    ));
                }
            }
            _ => {}
        }
        if !self.shares.is_empty() && self.shares.len() != files {
            let found = self.shares.len();
            let message =
                format!("--weight is given {found} times for {files} files of predictions");
            return usage(&message);
        }
        if let Some(path) = &self.confusion {
            ConfusionFormat::of(path).map_err(Failure::usage)?;
        }
        let times = [self.position(), self.to];
        if self.clips_from.fps.is_some() && times.iter().all(Option::is_none) {
            return usage("--fps has no effect here: it is for --from and --to");
        }
        Ok(())
    }

    /// The files that are written.
    pub(super) fn files(&self) -> [Output<'_>; 3] {
        [
            ("--predictions", self.predictions.as_deref()),
            ("--report", self.report.as_deref()),
            ("--confusion", self.confusion.as_deref()),
        ]
    }

    fn position(&self) -> Option<Position> {
        self.from.iter().find_map(|from| match from {
            From::Position(position) => Some(*position),
            From::Predictions(_) => None,
        })
    }

    /// Files of predictions, each with its weight.
    pub(crate) fn prediction_files(&self) -> Vec<(&Path, f64)> {
        let files = self.from.iter().filter_map(|from| match from {
            From::Predictions(path) => Some(path.as_path()),
            From::Position(_) => None,
        });
        let weights = self.shares.iter().copied().chain(std::iter::repeat(1.0));
        files.zip(weights).collect()
    }

    /// The library's options for these flags.
    pub(crate) fn options(&self, weights: WeightsSource, clips: usize) -> Options {
        Options {
            from: self.position(),
            to: self.to,
            open: self.clips_from.open_options(),
            expected_clips: Some(clips),
            ..self.look.options(weights, &self.engine)
        }
    }
}
