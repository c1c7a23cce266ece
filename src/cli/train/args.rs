//! The flags of `eco train`.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::anyhow;
use regex::Regex;

use super::groups::{Grouping, Groups};
use crate::cli::exit::Failure;
use crate::cli::flags::{
    EngineFlags, FrameFlags, NETWORK, SegmentsFlags, SpeechFlags, WeightsFlags, parse_count,
};
use crate::cli::inputs::ClipFlags;
use crate::cli::labelled::LabelledFlags;
use crate::cli::values::one_of;
use crate::clip::{Augmented, Looks};
use crate::engine::{EngineChoice, Precision};
use crate::recognise::{Options, WeightsSource};
use crate::text::names;
use crate::train::head::Balance;
use crate::train::{Preset, Views};

/// Train a network for your own classes, on clips whose classes are known
///
/// Starts from weights of any other classes. The network looks at every clip once; what it makes of it is kept, so that
/// another run starts at once. Then a new head is fitted to that: the best multinomial logistic regression, which takes
/// seconds and has one optimum. How good it is on clips that it was not fitted to is measured, and said. With --tune last or
/// --tune all the network itself is fitted, by gradient descent: that takes many epochs.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[command(mut_arg("precision", |arg| arg.help(PRECISION)))]
#[command(mut_arg("batch", |arg| arg.help(BATCH)))]
pub(crate) struct Args {
    /// Lists (.txt .csv .tsv .json) and directories of clips, with a directory per class
    #[arg(value_name = "DATA", required_unless_present_any = ["list", "show_recipe"])]
    pub inputs: Vec<PathBuf>,
    #[command(flatten)]
    pub clips_from: ClipFlags,
    #[command(flatten)]
    pub labelled: LabelledFlags,
    /// Clips to judge by: a list or a directory, or a share of DATA (20%) [default: cross-validation, which judges a head by every clip; 20% for a network]
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
    pub prepare: FrameFlags,

    /// What is fitted: head; last, the last stage of the network and its head; or all
    #[arg(
        long,
        value_parser = one_of(Tune::ALL, Tune::name),
        default_value_t,
        hide_possible_values = true,
        help_heading = TRAINING
    )]
    pub tune: Tune,
    /// Variations of each clip beside the clip as it is: parts of the frames, other moments, mirror images. `new` for new ones
    /// in every epoch [default: 0 for a head, the preset's for a network]
    #[arg(long, value_name = "N|new", help_heading = TRAINING)]
    pub views: Option<Views>,
    /// Whether variations are mirrored: on, off, or auto, which does not where the name of a class has `left` or `right`
    #[arg(
        long,
        value_parser = one_of(Mirror::ALL, Mirror::name),
        default_value_t,
        hide_possible_values = true,
        help_heading = TRAINING
    )]
    pub mirror: Mirror,
    /// Two classes that are each other's mirror images, such as `turn left=turn right`
    #[arg(long, value_name = "CLASS=CLASS", help_heading = TRAINING)]
    pub flip_pairs: Vec<String>,
    /// How much large weights of the head cost [default: the best of at most eleven on the clips that are held back]
    #[arg(long, value_name = "NUMBER", value_parser = parse_penalty, help_heading = TRAINING)]
    pub penalty: Option<f64>,
    /// Every class counts the same, however many clips it has
    #[arg(long, help_heading = TRAINING)]
    balance: bool,
    /// Parts of the cross-validation [default: 5]
    #[arg(long, value_name = "N", value_parser = parse_folds, help_heading = TRAINING)]
    folds: Option<usize>,
    /// Where random choices begin: which clips are held back, and how clips are varied
    #[arg(long, value_name = "NUMBER", default_value_t = 0, help_heading = TRAINING)]
    pub seed: u64,
    /// How a network is fitted: small, for a few thousand clips and fewer, or official, as the authors do [default: small]
    #[arg(
        long,
        value_parser = one_of(Preset::ALL, Preset::name),
        hide_possible_values = true,
        help_heading = TRAINING
    )]
    pub preset: Option<Preset>,
    /// Times that a network sees every clip, at most [default: the preset's]
    #[arg(long, value_name = "N", value_parser = parse_count, help_heading = TRAINING)]
    pub epochs: Option<usize>,
    /// Another value of the recipe, such as `learning_rate=0.0003`; --show-recipe lists them
    #[arg(long, value_name = "NAME=VALUE", help_heading = TRAINING)]
    pub set: Vec<String>,
    /// Show the recipe that these flags make, and train nothing
    #[arg(long, help_heading = TRAINING)]
    pub show_recipe: bool,
    /// Go on with a training that was stopped: the same flags, and --resume
    #[arg(long, help_heading = TRAINING)]
    pub resume: bool,
    /// Where features and maps are kept [default: the user's cache directory]
    #[arg(long, value_name = "DIRECTORY", conflicts_with = "no_cache", help_heading = TRAINING)]
    pub cache: Option<PathBuf>,
    /// Keep no features and no maps
    #[arg(long, help_heading = TRAINING)]
    pub no_cache: bool,

    /// The file to write
    #[arg(
        short,
        long,
        value_name = "FILE.safetensors",
        required_unless_present = "show_recipe",
        help_heading = "Output"
    )]
    output: Option<PathBuf>,
    /// Write a page about the training: curves, mistakes, recipe
    #[arg(long, value_name = "FILE.html", help_heading = "Output")]
    pub report: Option<PathBuf>,
    /// Write TensorBoard's scalars of every epoch into this directory
    #[arg(long, value_name = "DIRECTORY", help_heading = "Output")]
    pub logdir: Option<PathBuf>,
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

/// Here they mean something else than in other commands.
const PRECISION: &str = "Number format of the computation: fp32; bf16 on a GPU, on a CPU with AMX, or with --tune last and --tune all \
on any CPU; tf32 or fp16 on a GPU, for a head";
const BATCH: &str = "Views per batch while a head's clips are looked at [default: 1 on the CPU, 8 on a GPU]; a network's clips per step \
are --set batch=N";

/// Share of the clips that a network is judged by where nothing is said: it would take too long to fit it several times.
const HELD_BACK: f64 = 0.2;

const EXAMPLES: &str = "\
Examples:
  eco train data/train --val data/val -o my.safetensors
  eco train clips.csv -o my.safetensors --balance
  eco train clips.csv --tune last -o my.safetensors
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

/// What is fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Tune {
    /// The last layer.
    #[default]
    Head,
    /// The last stage of the 3D net, and the head.
    Last,
    /// Everything.
    All,
}

names!(Tune { Head = "head", Last = "last", All = "all" });

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
    /// A share, 0 to 1, and how it is written.
    Share(f64, String),
    Data(PathBuf),
}

impl FromStr for Validation {
    type Err = Infallible;

    /// A share (`20%`, `20 %`, `0.2`), else a path; what exists is a path.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        let written = text.trim();
        let share = match written.strip_suffix('%') {
            Some(percent) => percent.trim().parse().map(|percent: f64| percent / 100.0),
            None => written.parse(),
        };
        Ok(match share {
            Ok(share) if share.is_finite() && !Path::new(text).exists() => {
                Self::Share(share, written.to_owned())
            }
            _ => Self::Data(text.into()),
        })
    }
}

/// What the result is judged by.
pub(super) enum Judging<'a> {
    /// Every clip, by heads that were fitted without it.
    Folds(usize),
    /// A share of the clips, 0 to 1.
    Share(f64),
    /// Other clips.
    Data(Vec<&'a PathBuf>),
}

impl Judging<'_> {
    /// In words; `parts` are those of a cross-validation, and `groups` stay whole.
    pub(super) fn how(&self, parts: usize, groups: &Groups) -> String {
        let whole = groups.in_words().map_or(String::new(), |groups| {
            format!("; {groups}, each on one side")
        });
        match self {
            Self::Folds(_) => format!("{parts}-fold cross-validation{whole}"),
            Self::Share(share) => format!("{}% of the clips, held back{whole}", share * 100.0),
            Self::Data(_) => format!("the clips of --val{whole}"),
        }
    }
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
        if self.clips_from.fps.is_some() {
            return Err(Failure::usage(anyhow!(
                "--fps has no effect here: clips are looked at as a whole"
            )));
        }
        let of_networks = [
            ("--preset", self.preset.is_some()),
            ("--epochs", self.epochs.is_some()),
            ("--set", !self.set.is_empty()),
            ("--resume", self.resume),
            ("--logdir", self.logdir.is_some()),
            ("--views new", self.views == Some(Views::New)),
        ];
        let of_heads = [
            ("--penalty", self.penalty.is_some()),
            ("--balance", self.balance),
            ("--folds", self.folds.is_some()),
            ("--batch", self.engine.batch.is_some()),
        ];
        if self.tune == Tune::All && self.engine.engine != EngineChoice::Auto {
            return Err(Failure::usage(anyhow!(
                "--engine has no effect with --tune all: everything is computed by libtorch"
            )));
        }
        if !self.flip_pairs.is_empty() && !self.varies() {
            return Err(Failure::usage(anyhow!(
                "--flip-pairs has no effect without variations: --views N makes some"
            )));
        }
        if !self.flip_pairs.is_empty() && self.mirror == Mirror::Off {
            return Err(Failure::usage(anyhow!(
                "--flip-pairs has no effect with --mirror off"
            )));
        }
        let (flags, reason) = match self.tune {
            Tune::Head => (
                &of_networks[..],
                "it is about fitting a network: --tune last or --tune all",
            ),
            Tune::Last | Tune::All => (&of_heads[..], "it is about fitting a head, or running one"),
        };
        let precision = self.engine.precision;
        if self.tune != Tune::Head && matches!(precision, Precision::Tf32 | Precision::Fp16) {
            return Err(Failure::usage(anyhow!(
                "--precision {precision} runs networks; they are fitted with fp32 or bf16"
            )));
        }
        match flags.iter().find(|(_, is_given)| *is_given) {
            Some((flag, _)) => Err(Failure::usage(anyhow!(
                "{flag} has no effect with --tune {}: {reason}",
                self.tune
            ))),
            None => Ok(()),
        }
    }

    /// The file to write. Without one there is nothing to train.
    pub(super) fn output(&self) -> &Path {
        self.output.as_deref().unwrap_or_else(|| Path::new(""))
    }

    /// Parts of the cross-validation.
    pub(super) fn folds(&self) -> usize {
        self.folds.unwrap_or(5)
    }

    /// What the result is judged by.
    ///
    /// # Errors
    /// Shares that are none, or given with other clips.
    pub(super) fn judging(&self) -> Result<Judging<'_>, Failure> {
        let usage = |message: String| Err(Failure::usage(anyhow!(message)));
        let data = |validation| match validation {
            &Validation::Share(..) => None,
            Validation::Data(path) => Some(path),
        };
        let paths: Vec<&PathBuf> = self.val.iter().filter_map(data).collect();
        match &self.val[..] {
            [] if self.tune == Tune::Head => Ok(Judging::Folds(self.folds())),
            [] => Ok(Judging::Share(HELD_BACK)),
            [Validation::Share(share, _)] if *share > 0.0 && *share < 1.0 => {
                Ok(Judging::Share(*share))
            }
            [Validation::Share(_, text)] if text.ends_with('%') => usage(format!(
                "--val {text} leaves nothing to fit to, or to judge by; expected a share such as 20%, or clips"
            )),
            [Validation::Share(_, text)] => usage(format!(
                "--val {text} is no path that exists, and no share, which is between 0 and 1 or in percent: 20%"
            )),
            all if paths.len() < all.len() => usage("--val takes one share, or clips".to_owned()),
            _ if paths.iter().any(|path| path.as_os_str().is_empty()) => {
                usage("--val is empty; expected a share such as 20%, or clips".to_owned())
            }
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

    /// Whether there are variations of clips.
    pub(super) fn varies(&self) -> bool {
        match self.views {
            Some(views) => views != Views::Kept(0),
            None => self.tune != Tune::Head,
        }
    }

    /// How much each class counts.
    pub(super) fn balance(&self) -> Balance {
        match self.balance {
            true => Balance::Classes,
            false => Balance::Samples,
        }
    }

    /// Variations of each clip that a head is fitted to.
    pub(super) fn views_of_head(&self) -> usize {
        match self.views {
            Some(Views::Kept(count)) => count,
            Some(Views::New) | None => 0,
        }
    }

    /// The variations of each clip, mirrored ones among them if `mirrors`.
    pub(super) fn augmented(&self, mirrors: bool) -> Option<Augmented> {
        match self.views_of_head() {
            0 => None,
            views => Some(Augmented {
                looks: Looks::AsItIsAnd(views),
                seed: self.seed,
                mirrors,
            }),
        }
    }

    /// Frames per clip, where they are given.
    pub(super) fn segments(&self) -> Option<usize> {
        self.segments.segments
    }

    /// The library's options for these flags.
    pub(super) fn options(&self, weights: WeightsSource, clips: usize) -> Options {
        Options {
            device: self.engine.device,
            engine: self.engine.engine,
            precision: self.engine.precision,
            threads: self.engine.threads,
            batch: self.engine.batch,
            segments: self.segments(),
            sampling: self.prepare.sampling,
            preprocess: self.prepare.preprocess,
            open: self.clips_from.open_options(),
            expected_clips: Some(clips),
            ..Options::new(weights)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_told_from_a_path() {
        let parsed = |text: &str| text.parse::<Validation>().unwrap();
        for text in ["20%", " 20 % ", "0.2"] {
            assert_eq!(parsed(text), Validation::Share(0.2, text.trim().to_owned()));
        }
        for text in ["", "clips.csv", "nan", "%"] {
            assert_eq!(parsed(text), Validation::Data(text.into()));
        }
    }
}
