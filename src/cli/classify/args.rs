//! The flags of `eco classify`.

use std::path::{Path, PathBuf};

use anyhow::anyhow;

use crate::cli::exit::Failure;
use crate::cli::flags::{
    EngineFlags, FrameFlags, NETWORK, SegmentsFlags, SpeechFlags, WeightsFlags, parse_count,
};
use crate::cli::values::one_of;
use crate::clip::{Crops, NamePattern, OpenOptions, Position, Sliding};
use crate::recognise::{Logits, Options, RowOptions, WeightsSource};
use crate::show::RowFormat;
use crate::show::report::PageFrames;
use crate::show::sheet::SheetFormat;
use crate::show::values::Content;
use crate::weights::LabelSource;

/// Say what happens in clips
///
/// A clip is a directory of frames (.jpg .jpeg .png .bmp .webp, taken in natural order) or a video. The answer goes to
/// standard output, one row per clip in the order of the input; everything else goes to standard error. A clip that fails
/// becomes a row with its error, the others go on, and the exit code is 1.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Directories of frames, videos, or directories of such; `-` reads paths from standard input, one per line
    #[arg(value_name = "CLIP", required_unless_present = "list")]
    pub inputs: Vec<PathBuf>,
    /// A file that names clips: paths, perhaps with frames and labels, in any form that data sets and tools write
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    pub list: Option<PathBuf>,
    /// Entries of the list and of standard input end in a zero byte, as `find -print0` writes them
    #[arg(short = '0', long, help_heading = "Input")]
    pub null: bool,
    /// Which images of a directory are its frames, by their names ('img_*') [default: those that can only be frames]
    #[arg(long, value_name = "PATTERN", help_heading = "Input")]
    pub frames: Option<NamePattern>,
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
    /// Frames per second of frame directories, for positions in seconds
    #[arg(long, value_name = "RATE", value_parser = parse_rate, help_heading = "Input")]
    pub fps: Option<f64>,
    /// The ffmpeg program, or the folder it is in [default: the one on PATH]; videos need it
    #[arg(long, value_name = "PATH", help_heading = "Input")]
    pub ffmpeg: Option<PathBuf>,

    #[command(flatten)]
    pub weights: WeightsFlags,
    /// Class names: kinetics400, ucf101, hmdb51-sorted, hmdb51-tsn, something-v1-official, something-v1-sorted, or a file
    /// [default: the weights']
    #[arg(long, value_name = "NAME|FILE", help_heading = NETWORK)]
    pub labels: Option<String>,
    #[command(flatten)]
    pub segments: SegmentsFlags,
    #[command(flatten)]
    pub prepare: FrameFlags,
    /// Temporal views per clip; their frames interleave and their scores are averaged
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = parse_count, help_heading = NETWORK)]
    pub clips: usize,
    /// Crops per frame: 1, 3 or 10; their scores are averaged
    #[arg(
        long,
        value_parser = one_of(Crops::ALL, Crops::name),
        default_value_t,
        hide_possible_values = true,
        help_heading = NETWORK
    )]
    pub crops: Crops,

    #[command(flatten)]
    pub output: OutputFlags,
    #[command(flatten)]
    pub engine: EngineFlags,
    #[command(flatten)]
    pub speech: SpeechFlags,
}

/// What is written and where.
#[derive(Debug, clap::Args)]
pub struct OutputFlags {
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
    /// Write the 512 features of each answer, the values before the classifier: .safetensors or .npy
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub features: Option<PathBuf>,
    /// Write the scores of all classes for each answer: .csv, .safetensors or .npy
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub scores: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  eco classify tests/clips/moving_left --weights demo
  eco classify frames_dir video.mp4 more_clips/ --topk 10
  eco classify match.mkv --window 2.5s --stride 1s --format csv > match.csv
  find . -name '*.mp4' | eco classify - --format jsonl | jq .top[0].label
  eco classify --list val.txt --min-score 50% --report val.html";

impl Args {
    /// Refuses flags that would have no effect.
    pub fn check(&self) -> Result<(), Failure> {
        let seconds = [self.from, self.to, self.window, self.stride];
        if self.fps.is_some() && seconds.iter().all(Option::is_none) {
            return Err(useless(
                "--fps",
                "it is for --from, --to, --window and --stride",
            ));
        }
        self.output.check()
    }

    /// The library's options for these flags; `clips` is the number of clips, where it is known.
    pub fn options(&self, weights: WeightsSource, clips: Option<usize>) -> Options {
        Options {
            weights,
            labels: self.labels.as_deref().map(LabelSource::parse),
            device: self.engine.device,
            engine: self.engine.engine,
            precision: self.engine.precision,
            threads: self.engine.threads,
            batch: self.engine.batch,
            segments: self.segments.segments,
            sampling: self.prepare.sampling,
            preprocess: self.prepare.preprocess,
            clips: self.clips,
            crops: self.crops,
            from: self.from,
            to: self.to,
            sliding: self.window.map(|window| Sliding {
                window,
                stride: self.stride.unwrap_or(window),
            }),
            open: OpenOptions {
                ffmpeg: self.ffmpeg.clone(),
                threads: None,
                rate: self.fps,
                frames: self.frames.clone(),
            },
            expected_clips: clips,
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
        self.check_files()
    }

    /// Refuses two outputs with the same path.
    fn check_files(&self) -> Result<(), Failure> {
        let files = [
            ("--report", &self.report),
            ("--sheet", &self.sheet),
            ("--features", &self.features),
            ("--scores", &self.scores),
        ];
        let given: Vec<(&str, &Path)> = files
            .iter()
            .filter_map(|(flag, path)| Some((*flag, path.as_deref()?)))
            .collect();
        for (index, (flag, path)) in given.iter().enumerate() {
            if let Some((other, _)) = given[..index].iter().find(|(_, other)| other == path) {
                let message = format!("{other} and {flag} both write {}", path.display());
                return Err(Failure::usage(anyhow!(message)));
            }
        }
        Ok(())
    }

    /// What rows show.
    pub fn rows(&self) -> RowOptions {
        RowOptions {
            topk: self.topk,
            min_score: self.min_score,
            logits: match self.logits {
                true => Logits::All,
                false => Logits::Best,
            },
        }
    }
}

fn useless(flag: &str, reason: &str) -> Failure {
    Failure::usage(anyhow!("{flag} has no effect here: {reason}"))
}

fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(rate),
        _ => Err("expected frames per second, such as 25".into()),
    }
}

fn parse_score(text: &str) -> Result<f32, String> {
    let score = match text.strip_suffix('%') {
        Some(percent) => percent.parse::<f32>().map(|percent| percent / 100.0),
        None => text.parse(),
    };
    match score {
        Ok(score) if (0.0..=1.0).contains(&score) => Ok(score),
        _ => Err("expected a score from 0 to 1 (0.5) or 0% to 100% (50%)".into()),
    }
}
