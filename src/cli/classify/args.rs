//! The flags of `eco classify`.

use std::path::{Path, PathBuf};

use anyhow::anyhow;

use crate::cli::exit::Failure;
use crate::cli::flags::{EngineFlags, LookFlags, SpeechFlags, parse_count, parse_score};
use crate::cli::inputs::{ClipFlags, Shard, Stdin};
use crate::cli::outputs::{self, Output};
use crate::cli::values::one_of;
use crate::clip::{Position, Sliding};
use crate::recognise::{Logits, Options, RowOptions, WeightsSource};
use crate::show::RowFormat;
use crate::show::report::PageFrames;
use crate::show::sheet::SheetFormat;
use crate::show::values::Content;
use crate::text::names;

/// Say what happens in clips
///
/// A clip is a directory of frames (.jpg .jpeg .png .bmp .webp, taken in natural order) or a video, which may be in a tar archive
/// (clips.tar, clips.tar/NAME) or behind an address (https://...). The answer goes to
/// standard output, one row per clip in the order of the input; everything else goes to standard error. A clip that fails
/// becomes a row with its error, the others go on, and the exit code is 1 (--fail-when).
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Directories of frames, videos, directories or tar archives of such, or addresses of videos; `-` reads paths from standard
    /// input, one per line
    #[arg(value_name = "CLIP", required_unless_present = "list")]
    pub inputs: Vec<PathBuf>,
    #[command(flatten)]
    pub clips_from: ClipFlags,
    /// Begin here: a frame, from 0 (50), or a time (2.5s, 500ms, 00:01:30)
    #[arg(long, value_name = "POSITION", help_heading = "Input")]
    pub from: Option<Position>,
    /// End before this frame or time
    #[arg(long, value_name = "POSITION", help_heading = "Input")]
    pub to: Option<Position>,
    /// Slide a window of this length (64, 2.5s) over each clip, with an answer for each of its places
    #[arg(long, value_name = "LENGTH", help_heading = "Input")]
    pub window: Option<Position>,
    /// From one place of the window to the next [default: the window's length]
    #[arg(
        long,
        value_name = "LENGTH",
        requires = "window",
        help_heading = "Input"
    )]
    pub stride: Option<Position>,

    /// Standard input is a tar archive of clips, not a list of paths
    #[arg(long, conflicts_with = "null", help_heading = "Input")]
    pub tar: bool,
    /// Take every Nth clip, beginning with clip I, from 0
    #[arg(long, value_name = "I/N", help_heading = "Input")]
    pub shard: Option<Shard>,

    #[command(flatten)]
    pub look: LookFlags,
    #[command(flatten)]
    pub output: OutputFlags,
    #[command(flatten)]
    pub engine: EngineFlags,
    #[command(flatten)]
    pub speech: SpeechFlags,
}

/// What is written and where.
#[derive(Debug, clap::Args)]
pub(crate) struct OutputFlags {
    /// How rows are written: text for people; json, a list; jsonl, one object per line as soon as its clip is done; csv, one
    /// line per class
    #[arg(
        long,
        value_parser = one_of(RowFormat::ALL, RowFormat::name),
        default_value_t,
        hide_possible_values = true,
        help_heading = "Output"
    )]
    pub format: RowFormat,
    /// Classes to show per answer
    #[arg(short = 'k', long, default_value_t = 5, value_name = "K", value_parser = parse_count, help_heading = "Output")]
    pub topk: usize,
    /// Mark answers whose best score is below this (0.5, 50%) as uncertain
    #[arg(long, value_name = "SCORE", value_parser = parse_score, help_heading = "Output")]
    pub min_score: Option<f32>,
    /// Include the logits of all classes (json, jsonl and csv)
    #[arg(long, help_heading = "Output")]
    pub logits: bool,
    /// Write a web page with each clip's frames and answer
    #[arg(long, value_name = "FILE.html", help_heading = "Output")]
    pub report: Option<PathBuf>,
    /// Which frames the page shows: auto (fewer and smaller ones the more answers there are, for a page below 10 MB), all (in
    /// full size) or none
    #[arg(
        long,
        value_name = "WHICH",
        value_parser = one_of(PageFrames::ALL, PageFrames::name),
        default_value_t,
        hide_possible_values = true,
        requires = "report",
        help_heading = "Output"
    )]
    pub report_frames: PageFrames,
    /// Draw the frames of one clip and its answer: .png or .jpg
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "window",
        help_heading = "Output"
    )]
    pub sheet: Option<PathBuf>,
    /// Write the features of each answer, the values before the classifier (512 of ECO-Lite, 1536 of ECO-Full): .safetensors
    /// or .npy
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub features: Option<PathBuf>,
    /// Write the scores of all classes for each answer: .csv, .safetensors or .npy
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub scores: Option<PathBuf>,
    /// Write the rows to this file instead of standard output; it appears when all of them are there
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,
    /// Do nothing when the file of --output is there already
    #[arg(long, requires = "output", help_heading = "Output")]
    pub skip_done: bool,
    /// Leave out how long things took, so that another run writes the same rows (json, jsonl and csv)
    #[arg(long, help_heading = "Output")]
    pub no_timings: bool,
    /// When clips that failed make the exit code 1: any, all (of them failed) or never
    #[arg(
        long,
        value_name = "WHEN",
        value_parser = one_of(FailWhen::ALL, FailWhen::name),
        default_value_t,
        hide_possible_values = true,
        help_heading = "Output"
    )]
    pub fail_when: FailWhen,
}

/// When clips that failed make the command fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum FailWhen {
    /// When one failed.
    #[default]
    Any,
    /// When all failed.
    All,
    /// Never: rows tell.
    Never,
}

names!(FailWhen {
    Any = "any",
    All = "all",
    Never = "never",
});

const EXAMPLES: &str = "\
Examples:
  eco classify tests/clips/moving_left --weights demo
  eco classify frames_dir video.mp4 more_clips/ --topk 10
  eco classify match.mkv --window 2.5s --stride 1s --format csv > match.csv
  eco classify clips-000017.tar clips-000018.tar --format jsonl
  find . -name '*.mp4' | eco classify - --format jsonl | jq .top[0].label
  eco classify --list val.txt --min-score 50% --report val.html
  eco classify --list all.txt --shard 3/16 --output 3.jsonl --skip-done --fail-when never --format jsonl";

impl Args {
    /// Refuses flags that would have no effect.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        for (flag, length) in [("--window", self.window), ("--stride", self.stride)] {
            if length.is_some_and(Position::is_zero) {
                let message = format!("{flag} is a length above 0");
                return Err(Failure::usage(anyhow!(message)));
            }
        }
        let seconds = [self.from, self.to, self.window, self.stride];
        if self.clips_from.fps.is_some() && seconds.iter().all(Option::is_none) {
            return Err(useless(
                "--fps",
                "it is for --from, --to, --window and --stride",
            ));
        }
        if self.tar && !self.inputs.iter().any(|path| path == Path::new("-")) {
            return Err(useless(
                "--tar",
                "it is for `-`; an archive that is a file is named like a clip",
            ));
        }
        self.output.check()
    }

    /// What is on standard input.
    pub(crate) fn stdin(&self) -> Stdin {
        match self.tar {
            true => Stdin::Archive,
            false => Stdin::Lines,
        }
    }

    /// The library's options for these flags; `clips` is the number of clips, where it is known.
    pub(crate) fn options(&self, weights: WeightsSource, clips: Option<usize>) -> Options {
        let sliding = self.window.map(|window| Sliding {
            window,
            stride: self.stride.unwrap_or(window),
        });
        Options {
            from: self.from,
            to: self.to,
            sliding,
            open: self.clips_from.open_options(),
            expected_clips: clips,
            ..self.look.options(weights, &self.engine)
        }
    }
}

impl OutputFlags {
    /// Refuses flags that would have no effect, and files that cannot be what their names say.
    fn check(&self) -> Result<(), Failure> {
        if self.logits && self.format == RowFormat::Text {
            return Err(useless(
                "--logits",
                "text does not show them; use --format json, jsonl or csv, or --scores FILE",
            ));
        }
        if self.no_timings && self.format == RowFormat::Text {
            return Err(useless("--no-timings", "text does not show them"));
        }
        let tables = [
            (Content::Features, &self.features),
            (Content::Scores, &self.scores),
        ];
        for (content, path) in tables {
            if let Some(path) = path {
                content.check(path).map_err(Failure::usage)?;
            }
        }
        if let Some(path) = &self.sheet {
            SheetFormat::of(path).map_err(Failure::usage)?;
        }
        outputs::check(&self.files(), &[])
    }

    /// The files that are written.
    pub(in crate::cli) fn files(&self) -> [Output<'_>; 5] {
        [
            ("--output", self.output.as_deref()),
            ("--report", self.report.as_deref()),
            ("--sheet", self.sheet.as_deref()),
            ("--features", self.features.as_deref()),
            ("--scores", self.scores.as_deref()),
        ]
    }

    /// What rows show.
    pub(crate) fn rows(&self) -> RowOptions {
        RowOptions {
            topk: self.topk,
            min_score: self.min_score,
            logits: match self.logits {
                true => Logits::All,
                false => Logits::Best,
            },
            timings: !self.no_timings,
        }
    }
}

fn useless(flag: &str, reason: &str) -> Failure {
    Failure::usage(anyhow!("{flag} has no effect here: {reason}"))
}
