//! The flags of `eco train`.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::anyhow;
use regex::Regex;

use crate::cli::exit::Failure;
use crate::cli::flags::{
    EngineFlags, FrameFlags, NETWORK, SegmentsFlags, SpeechFlags, WeightsFlags, parse_count,
};
use crate::cli::inputs::ClipFlags;
use crate::cli::labelled::LabelledFlags;
use crate::cli::values::one_of;
use crate::clip::{Augmented, Looks};
use crate::recognise::{Options, WeightsSource};
use crate::text::names;
use crate::train::head::Balance;

/// Train a network for your own classes, on clips whose classes are known
///
/// Starts from weights of any other classes. The network looks at every clip once; what it makes of it is kept, so that
/// another run starts at once. Then a new head is fitted to that: the best multinomial logistic regression, which takes
/// seconds and has one optimum. How good it is on clips that it was not fitted to is measured, and said.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Lists (.txt .csv .tsv .json) and directories of clips, with a directory per class
    #[arg(value_name = "DATA", required_unless_present = "list")]
    pub inputs: Vec<PathBuf>,
    #[command(flatten)]
    pub clips_from: ClipFlags,
    #[command(flatten)]
    pub labelled: LabelledFlags,
    /// Clips to judge by: a list or a directory, or a share of DATA (20%) [default: cross-validation, which judges by every clip]
    #[arg(long, value_name = "DATA|SHARE", help_heading = "Input")]
    val: Vec<Validation>,
    /// Clips that belong together, and are never on both sides of a split: what this regular expression (or its first group)
    /// finds in their paths is the same. `none` for every clip by itself [default: a list's column `group` or `subject`, or UCF101's _g01_ where all clips have it]
    #[arg(long, value_name = "REGEX", help_heading = "Input")]
    group_by: Option<String>,
    /// What to do about clips that cannot be used: error, or skip, which counts them
    #[arg(
        long,
        value_parser = one_of(Unusable::ALL, Unusable::name),
        default_value_t,
        hide_possible_values = true,
        help_heading = "Input"
    )]
    pub unusable: Unusable,

    #[command(flatten)]
    pub weights: WeightsFlags,
    /// The classes in their order: a file of names, or a built-in list [default: those of DATA, sorted by name]
    #[arg(long, value_name = "NAME|FILE", help_heading = NETWORK)]
    pub labels: Option<String>,
    #[command(flatten)]
    segments: SegmentsFlags,
    #[command(flatten)]
    prepare: FrameFlags,

    /// Variations of each clip that are fitted to beside the clip as it is: parts of the frames, other moments, mirror images
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = TRAINING)]
    pub views: usize,
    /// Whether variations are mirrored: on, off, or auto, which does not where the name of a class has `left` or `right`
    #[arg(
        long,
        value_parser = one_of(Mirror::ALL, Mirror::name),
        default_value_t,
        hide_possible_values = true,
        help_heading = TRAINING
    )]
    pub mirror: Mirror,
    /// How much large weights of the head cost [default: the best of eleven on the clips that are held back]
    #[arg(long, value_name = "NUMBER", value_parser = parse_penalty, help_heading = TRAINING)]
    pub penalty: Option<f64>,
    /// Every class counts the same, however many clips it has
    #[arg(long, help_heading = TRAINING)]
    balance: bool,
    /// Parts of the cross-validation
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = parse_folds, help_heading = TRAINING)]
    pub folds: usize,
    /// Where random choices begin: which clips are held back, and how clips are varied
    #[arg(long, value_name = "NUMBER", default_value_t = 0, help_heading = TRAINING)]
    pub seed: u64,
    /// Where features are kept [default: the user's cache directory]
    #[arg(long, value_name = "DIRECTORY", conflicts_with = "no_cache", help_heading = TRAINING)]
    pub cache: Option<PathBuf>,
    /// Keep no features
    #[arg(long, help_heading = TRAINING)]
    pub no_cache: bool,

    /// The file to write
    #[arg(short, long, value_name = "FILE.safetensors", help_heading = "Output")]
    pub output: PathBuf,
    /// How the result is told: text for people, or json
    #[arg(
        long,
        value_parser = one_of(TrainFormat::ALL, TrainFormat::name),
        default_value_t,
        hide_possible_values = true,
        help_heading = "Output"
    )]
    pub format: TrainFormat,

    #[command(flatten)]
    pub engine: EngineFlags,
    #[command(flatten)]
    pub speech: SpeechFlags,
}

const TRAINING: &str = "Training";

const EXAMPLES: &str = "\
Examples:
  eco train data/train --val data/val -o my.safetensors
  eco train clips.csv -o my.safetensors --balance
  eco train ucfTrainTestlist/trainlist01.txt --val 20% -o ucf101.safetensors --weights eco_lite.safetensors";

/// What happens to clips that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Unusable {
    /// They are an error.
    #[default]
    Error,
    /// They are left out and counted.
    Skip,
}

names!(Unusable { Error = "error", Skip = "skip" });

/// Whether variations are mirrored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Mirror {
    /// Unless a class knows left from right.
    #[default]
    Auto,
    /// Half of them.
    On,
    /// None.
    Off,
}

names!(Mirror { Auto = "auto", On = "on", Off = "off" });

/// How the result is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum TrainFormat {
    /// For people.
    #[default]
    Text,
    /// One object.
    Json,
}

names!(TrainFormat { Text = "text", Json = "json" });

/// Clips to judge by.
#[derive(Debug, Clone, PartialEq)]
enum Validation {
    Share(f64),
    Data(PathBuf),
}

impl FromStr for Validation {
    type Err = Infallible;

    /// A share (`20%`, `0.2`), else a path; what exists is a path.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        let share = match text.strip_suffix('%') {
            Some(percent) => percent.parse::<f64>().map(|percent| percent / 100.0),
            None => text.parse(),
        };
        Ok(match share {
            Ok(share) if !Path::new(text).exists() => Self::Share(share),
            _ => Self::Data(text.into()),
        })
    }
}

/// What a head is judged by.
pub(super) enum Judging<'a> {
    /// Every clip, by heads that were fitted without it.
    Folds(usize),
    /// A share of the clips, 0 to 1.
    Share(f64),
    /// Other clips.
    Data(Vec<&'a PathBuf>),
}

/// Which clips belong together.
pub(super) enum Grouping {
    /// As the list says, or UCF101's names, where all do.
    Named,
    /// None.
    Nothing,
    /// Those for which this finds the same.
    By(Regex),
}

fn parse_penalty(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(penalty) if penalty.is_finite() && penalty > 0.0 => Ok(penalty),
        _ => Err("expected a number above 0, such as 0.01".into()),
    }
}

fn parse_folds(text: &str) -> Result<usize, String> {
    match parse_count(text) {
        Ok(folds) if folds > 1 => Ok(folds),
        _ => Err("expected a whole number from 2".into()),
    }
}

impl Args {
    /// Refuses flags without effect.
    pub(super) fn check(&self) -> Result<(), Failure> {
        match self.clips_from.fps {
            Some(_) => Err(Failure::usage(anyhow!(
                "--fps has no effect here: clips are looked at as a whole"
            ))),
            None => Ok(()),
        }
    }

    /// What the head is judged by.
    ///
    /// # Errors
    /// Shares that are none, or given with other clips.
    pub(super) fn judging(&self) -> Result<Judging<'_>, Failure> {
        let usage = |message: String| Err(Failure::usage(anyhow!(message)));
        let data = |validation| match validation {
            &Validation::Share(_) => None,
            Validation::Data(path) => Some(path),
        };
        let paths: Vec<&PathBuf> = self.val.iter().filter_map(data).collect();
        match &self.val[..] {
            [] => Ok(Judging::Folds(self.folds)),
            [Validation::Share(share)] if *share > 0.0 && *share < 1.0 => {
                Ok(Judging::Share(*share))
            }
            [Validation::Share(share)] => usage(format!(
                "--val {}% leaves nothing to fit to, or to judge by; expected a share such as 20%, or clips",
                share * 100.0
            )),
            all if paths.len() < all.len() => usage("--val takes one share, or clips".to_owned()),
            _ => Ok(Judging::Data(paths)),
        }
    }

    /// Which clips belong together.
    ///
    /// # Errors
    /// No regular expression.
    pub(super) fn grouping(&self) -> Result<Grouping, Failure> {
        match self.group_by.as_deref() {
            None => Ok(Grouping::Named),
            Some("none") => Ok(Grouping::Nothing),
            Some(pattern) => match Regex::new(pattern) {
                Ok(regex) => Ok(Grouping::By(regex)),
                Err(error) => {
                    // The lines before the last one show the place in the expression.
                    let error = error.to_string();
                    let reason = error.lines().last().unwrap_or_default();
                    let reason = reason.trim_start_matches("error: ");
                    let message =
                        format!("--group-by {pattern:?} is no regular expression: {reason}");
                    Err(Failure::usage(anyhow!(message)))
                }
            },
        }
    }

    /// How much each class counts.
    pub(super) fn balance(&self) -> Balance {
        match self.balance {
            true => Balance::Classes,
            false => Balance::Samples,
        }
    }

    /// The variations of each clip, mirrored ones among them if `mirrors`.
    pub(super) fn augmented(&self, mirrors: bool) -> Option<Augmented> {
        (self.views > 0).then_some(Augmented {
            looks: Looks::AsItIsAnd(self.views),
            seed: self.seed,
            mirrors,
        })
    }

    /// The library's options for these flags.
    pub(super) fn options(&self, weights: WeightsSource, clips: usize) -> Options {
        Options {
            device: self.engine.device,
            engine: self.engine.engine,
            precision: self.engine.precision,
            threads: self.engine.threads,
            batch: self.engine.batch,
            segments: self.segments.segments,
            sampling: self.prepare.sampling,
            preprocess: self.prepare.preprocess,
            open: self.clips_from.open_options(),
            expected_clips: Some(clips),
            ..Options::new(weights)
        }
    }
}
