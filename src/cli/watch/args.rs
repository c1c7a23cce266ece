//! The flags of `eco watch`.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::anyhow;

use crate::cli::exit::Failure;
use crate::cli::flags::{
    EngineFlags, NETWORK, SegmentsFlags, SpeechFlags, WeightsFlags, parse_count, parse_score,
};
use crate::cli::inputs::{DecoderFlags, parse_rate};
use crate::cli::outputs::{self, Output};
use crate::cli::values::{one_of, parse_above_zero, parse_time};
use crate::clip::live::{LiveOptions, Overflow, RawSize, Source};
use crate::clip::{NamePattern, OpenOptions, Position};
use crate::recipe::Preprocess;
use crate::recognise::online::{Average, EventRules, LONGEST_QUEUE, MemoryKind, WatchOptions};
use crate::recognise::{Options, WeightsSource};
use crate::show::report::PageFrames;
use crate::show::watch::{EventFormat, WatchFormat};
use crate::weights::LabelSource;

/// Say what happens, while it happens
///
/// A source is a camera (camera:0, /dev/video0, avfoundation:0, dshow:NAME), an address (rtsp://, http://, udp:// and whatever
/// else ffmpeg reads), a video file, a directory of frames, or `-` for standard input: raw frames with --raw, else a stream that
/// ffmpeg knows, such as y4m. Several sources take turns on one network. The network looks at a working memory of frames, half
/// of which is new at each step, as in Algorithm 1 of the paper.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Cameras, addresses, video files, directories of frames, or `-` for standard input
    #[arg(value_name = "SOURCE", required = true)]
    pub sources: Vec<Source>,
    #[command(flatten)]
    pub input: InputFlags,
    #[command(flatten)]
    pub online: OnlineFlags,
    #[command(flatten)]
    pub output: OutputFlags,
    #[command(flatten)]
    pub look: LookFlags,
    #[command(flatten)]
    pub engine: EngineFlags,
    #[command(flatten)]
    pub speech: SpeechFlags,
}

/// How sources are read.
#[derive(Debug, clap::Args)]
pub(crate) struct InputFlags {
    /// Frames to look at per second [default: all]
    #[arg(long, value_name = "RATE", value_parser = parse_rate, help_heading = "Input")]
    fps: Option<f64>,
    /// Frames per second of directories (else 25 are assumed, or the time of arrival counts) and of raw frames
    #[arg(long, value_name = "RATE", value_parser = parse_rate, help_heading = "Input")]
    source_fps: Option<f64>,
    /// Standard input is raw frames of this size: rgb24, without anything between them
    #[arg(long, value_name = "WIDTHxHEIGHT", help_heading = "Input")]
    raw: Option<RawSize>,
    /// Wait for further frames in directories
    #[arg(long, help_heading = "Input")]
    follow: bool,
    /// Read files as fast as they are played, not as fast as they can be decoded
    #[arg(long, help_heading = "Input")]
    realtime: bool,
    /// When frames come faster than the network takes them: oldest (drop the one that has waited longest), never (let the
    /// source wait) or auto (cameras, addresses and followed directories drop)
    #[arg(
        long,
        value_name = "WHEN",
        value_parser = one_of(Overflow::ALL, Overflow::name),
        default_value_t,
        hide_possible_values = true,
        help_heading = "Input"
    )]
    drop: Overflow,
    /// A source that gives no frame for so long has failed
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_above_zero, help_heading = "Input")]
    timeout: f64,
    /// How often in a row a lost address is tried again, with pauses from 0.5 s to 30 s [default: 5; an http stream that ends
    /// as it should is not]
    #[arg(long, value_name = "N", help_heading = "Input")]
    retry: Option<usize>,
    /// An option for ffmpeg's input, such as framerate=30, video_size=1280x720 or re; may be given several times
    #[arg(long, value_name = "NAME[=VALUE]", value_parser = parse_option, help_heading = "Input")]
    input_option: Vec<(String, Option<String>)>,
    /// Which images of a directory are its frames, by their names ('img_*') [default: those that can only be frames]
    #[arg(long, value_name = "PATTERN", help_heading = "Input")]
    frames: Option<NamePattern>,
    /// The ffmpeg program, or the folder it is in [default: the one on PATH]; everything but directories and raw frames needs it
    #[arg(long, value_name = "PATH", help_heading = "Input")]
    ffmpeg: Option<PathBuf>,
    #[command(flatten)]
    decoder: DecoderFlags,
}

/// The working memory, the average, and what is an event.
#[derive(Debug, clap::Args)]
pub(crate) struct OnlineFlags {
    /// Which frames stay in the working memory: official (fewer and fewer of each earlier step, evenly) or sampled (half of all,
    /// drawn at random as in the paper)
    #[arg(
        long,
        value_name = "NAME",
        value_parser = one_of(MemoryKind::ALL, MemoryKind::name),
        default_value_t,
        hide_possible_values = true,
        help_heading = "Online"
    )]
    memory: MemoryKind,
    /// Where the draws of --memory sampled begin
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Online")]
    seed: u64,
    /// From one step to the next: frames (16) or a time (0.5s) [default: as many frames as the network looks at]
    #[arg(long, value_name = "LENGTH", help_heading = "Online")]
    every: Option<Position>,
    /// How scores are smoothed: ema (the mean of the step and the average so far, as in the paper), mean:K (the mean of the last
    /// K steps) or none
    #[arg(
        long,
        value_name = "HOW",
        default_value_t,
        hide_possible_values = true,
        help_heading = "Online"
    )]
    average: Average,
    /// Say that nothing is certain where the best averaged score is below this (0.5, 50%)
    #[arg(long, value_name = "SCORE", value_parser = parse_score, help_heading = "Online")]
    pub min_score: Option<f32>,
    /// An event begins when the best averaged score reaches this
    #[arg(long, value_name = "SCORE", default_value = "60%", value_parser = parse_score, help_heading = "Online")]
    enter: f32,
    /// An event ends when the averaged score of its class falls below this
    #[arg(long, value_name = "SCORE", default_value = "40%", value_parser = parse_score, help_heading = "Online")]
    leave: f32,
    /// Shorter events are none
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = parse_time, help_heading = "Online")]
    hold: f64,
}

/// What is written and where.
#[derive(Debug, clap::Args)]
pub(crate) struct OutputFlags {
    /// How steps are written: text (on a terminal a view in place, else a line per step) or jsonl, one object per step, written
    /// at once
    #[arg(
        long,
        value_parser = one_of(WatchFormat::ALL, WatchFormat::name),
        default_value_t,
        hide_possible_values = true,
        help_heading = "Output"
    )]
    pub format: WatchFormat,
    /// Classes to show per step
    #[arg(short = 'k', long, default_value_t = 5, value_name = "K", value_parser = parse_count, help_heading = "Output")]
    pub topk: usize,
    /// Write the events as SubRip subtitles
    #[arg(long, value_name = "FILE.srt", help_heading = "Output")]
    srt: Option<PathBuf>,
    /// Write the events as WebVTT subtitles
    #[arg(long, value_name = "FILE.vtt", help_heading = "Output")]
    vtt: Option<PathBuf>,
    /// Write the events as a table: source, start, end, label, mean score
    #[arg(long, value_name = "FILE.csv", help_heading = "Output")]
    csv: Option<PathBuf>,
    /// Write a web page with a timeline and the frames of each part of it
    #[arg(long, value_name = "FILE.html", help_heading = "Output")]
    pub report: Option<PathBuf>,
    /// Which frames the page shows: auto (fewer and smaller ones the more parts there are, for a page below 10 MB), all (in full
    /// size) or none
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
    /// Write a video of the frames with the answer on them: .mp4, .mkv, .mov or .webm
    #[arg(long, value_name = "FILE.mp4", value_parser = parse_video, help_heading = "Output")]
    pub overlay: Option<PathBuf>,
}

/// Which network looks, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct LookFlags {
    #[command(flatten)]
    pub weights: WeightsFlags,
    /// Class names: kinetics400, ucf101, hmdb51-sorted, hmdb51-tsn, something-v1-official, something-v1-sorted, or a file
    /// [default: the weights']
    #[arg(long, value_name = "NAME|FILE", help_heading = NETWORK)]
    pub labels: Option<String>,
    #[command(flatten)]
    segments: SegmentsFlags,
    /// How frames are resized, cropped and normalised: official, book, caffe or caffe-320x240 [default: the weights']
    #[arg(long, value_parser = one_of(Preprocess::ALL, Preprocess::name), hide_possible_values = true, help_heading = NETWORK)]
    preprocess: Option<Preprocess>,
}

const EXAMPLES: &str = "\
Examples:
  eco watch camera:0
  eco watch rtsp://192.168.0.17/stream1 --min-score 50% --format jsonl
  eco watch match.mkv --srt match.srt --report match.html
  ffmpeg -i in.mkv -f yuv4mpegpipe - | eco watch - --fps 8
  eco watch frames/ --follow --memory sampled --every 0.5s";

impl Args {
    /// Refuses flags that would have no effect or contradict each other.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let stdin = self
            .sources
            .iter()
            .filter(|source| **source == Source::Stdin);
        if stdin.count() > 1 {
            return Err(usage("standard input is one source: name `-` once"));
        }
        if self.sources.contains(&Source::Stdin) && io::stdin().is_terminal() {
            return Err(usage(
                "standard input is a terminal: pipe a stream into it, such as that of `ffmpeg -i in.mkv -f yuv4mpegpipe -`",
            ));
        }
        let reads = |wanted: fn(&Source) -> bool| self.sources.iter().any(wanted);
        let input = &self.input;
        let is_directory = |source: &Source| matches!(source, Source::Path(path) if path.is_dir());
        let is_path = |source: &Source| matches!(source, Source::Path(_));
        let is_stdin = |source: &Source| *source == Source::Stdin;
        let useless = [
            (
                "--raw",
                input.raw.is_some() && !reads(is_stdin),
                "it is for standard input, `-`",
            ),
            (
                "--follow",
                input.follow && !reads(is_directory),
                "it is for directories of frames",
            ),
            (
                "--frames",
                input.frames.is_some() && !reads(is_directory),
                "it is for directories of frames",
            ),
            (
                "--realtime",
                input.realtime && !reads(is_path),
                "it is for files",
            ),
            (
                "--retry",
                input.retry.is_some() && !reads(Source::is_network),
                "it is for addresses, such as rtsp://",
            ),
            (
                "--source-fps",
                input.source_fps.is_some() && input.raw.is_none() && !reads(is_directory),
                "it is for directories and --raw frames",
            ),
            (
                "--input-option",
                !input.input_option.is_empty() && self.sources.iter().all(is_path),
                "it is for what ffmpeg reads as a stream",
            ),
            (
                "--batch",
                self.engine.batch.is_some(),
                "each step is one clip",
            ),
        ];
        for (flag, is_useless, reason) in useless {
            if is_useless {
                return Err(usage(&format!("{flag} has no effect here: {reason}")));
            }
        }
        let of_one = [
            ("--srt", self.output.srt.is_some()),
            ("--vtt", self.output.vtt.is_some()),
            ("--overlay", self.output.overlay.is_some()),
        ];
        let mut of_one = of_one.into_iter().filter(|(_, is_given)| *is_given);
        if let (Some((flag, _)), 2..) = (of_one.next(), self.sources.len()) {
            return Err(usage(&format!(
                "{flag} is for one source; --csv and --report tell several apart"
            )));
        }
        self.online.check()?;
        outputs::check(&self.output.files(), &[])
    }

    /// The library's options for these flags.
    pub(crate) fn options(&self, weights: WeightsSource) -> Options {
        Options {
            labels: self.look.labels.as_deref().map(LabelSource::parse),
            device: self.engine.device,
            engine: self.engine.engine,
            precision: self.engine.precision,
            threads: self.engine.threads,
            segments: self.look.segments.segments,
            preprocess: self.look.preprocess,
            open: OpenOptions {
                ffmpeg: self.input.ffmpeg.clone(),
                threads: None,
                patience: None,
                decoder: self.input.decoder.decoder(),
                rate: self.input.source_fps,
                frames: self.input.frames.clone(),
            },
            ..Options::new(weights)
        }
    }

    /// How sources are read for a network that prepares frames so.
    pub(crate) fn live(&self, preprocess: Preprocess, segments: usize) -> LiveOptions {
        let input = &self.input;
        let every = match self.online.every {
            Some(Position::Frames(frames)) => frames,
            _ => segments,
        };
        LiveOptions {
            fps: input.fps,
            source_fps: input.source_fps,
            raw: input.raw,
            follow: input.follow,
            realtime: input.realtime,
            overflow: input.drop,
            // What waits while the network is busy is the next step, and no more: it is never older than that.
            capacity: every.clamp(segments, MOST_WAITING),
            timeout: Duration::from_secs_f64(input.timeout),
            retry: input.retry,
            input_options: input.input_option.clone(),
            keeps_images: self.output.overlay.is_some(),
            ..LiveOptions::new(preprocess)
        }
    }
}

/// Frames that wait between a source and the network at most.
const MOST_WAITING: usize = 64;

impl InputFlags {
    /// The ffmpeg program, or the folder it is in.
    pub(crate) fn ffmpeg(&self) -> Option<&Path> {
        self.ffmpeg.as_deref()
    }
}

impl OnlineFlags {
    fn check(&self) -> Result<(), Failure> {
        if self.leave > self.enter {
            let message = format!(
                "--leave {} is above --enter {}: an event would end as it begins",
                percent(self.leave),
                percent(self.enter)
            );
            return Err(usage(&message));
        }
        match self.every {
            Some(every) if every.is_zero() => Err(usage("--every is a length above 0")),
            Some(Position::Frames(frames)) if frames > LONGEST_QUEUE => Err(usage(&format!(
                "--every is at most {LONGEST_QUEUE} frames; --fps looks at fewer frames"
            ))),
            _ => Ok(()),
        }
    }

    /// Refuses steps that are too short for the memory of a network that looks at `segments` frames.
    pub(crate) fn check_with(&self, segments: usize) -> Result<(), Failure> {
        let half = segments / 2;
        match (self.memory, self.every) {
            (MemoryKind::Official, Some(Position::Frames(frames))) if frames < half => {
                Err(usage(&format!(
                    "--memory official takes {half} new frames per step, and --every gives it {frames}; --memory sampled takes fewer"
                )))
            }
            _ => Ok(()),
        }
    }

    /// The flags in words.
    pub(crate) fn settings(&self) -> Vec<(String, String)> {
        let memory = match self.memory {
            MemoryKind::Official => "official".to_owned(),
            MemoryKind::Sampled => format!("sampled, seed {}", self.seed),
        };
        let every = match self.every {
            None => "as many frames as segments".to_owned(),
            Some(Position::Frames(frames)) => format!("{frames} frames"),
            Some(Position::Seconds(seconds)) => format!("{seconds} s"),
        };
        let events = format!(
            "from {}, to below {}, at least {} s",
            percent(self.enter),
            percent(self.leave),
            self.hold
        );
        let settings = [
            ("Memory", memory),
            ("Step every", every),
            ("Average", self.average.to_string()),
            ("Events", events),
        ];
        let settings = settings.into_iter();
        settings
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    /// The library's options for these flags.
    pub(crate) fn options(&self) -> WatchOptions {
        WatchOptions {
            memory: self.memory,
            seed: self.seed,
            every: self.every,
            average: self.average,
            events: EventRules {
                enter: self.enter,
                leave: self.leave,
                hold: self.hold,
            },
        }
    }
}

impl OutputFlags {
    /// The files that are written.
    pub(crate) fn files(&self) -> Vec<Output<'_>> {
        vec![
            ("--srt", self.srt.as_deref()),
            ("--vtt", self.vtt.as_deref()),
            ("--csv", self.csv.as_deref()),
            ("--report", self.report.as_deref()),
            ("--overlay", self.overlay.as_deref()),
        ]
    }

    /// The files of events.
    pub(crate) fn events(&self) -> Vec<(EventFormat, &Path)> {
        let files = [
            (EventFormat::Srt, &self.srt),
            (EventFormat::Vtt, &self.vtt),
            (EventFormat::Csv, &self.csv),
        ];
        let named = files.into_iter();
        named
            .filter_map(|(format, path)| Some((format, path.as_deref()?)))
            .collect()
    }
}

/// A score as it may have been written.
fn percent(score: f32) -> String {
    format!("{}%", (f64::from(score) * 1e6).round() / 1e4)
}

fn usage(message: &str) -> Failure {
    Failure::usage(anyhow!(message.to_owned()))
}

/// Parses `NAME=VALUE` or `NAME`.
fn parse_option(text: &str) -> Result<(String, Option<String>), String> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (text, None),
    };
    match name.is_empty() || name.starts_with('-') {
        true => Err("expected NAME=VALUE or NAME, without a dash: framerate=30".into()),
        false => Ok((name.to_owned(), value)),
    }
}

/// Parses the name of a video that ffmpeg can write.
fn parse_video(text: &str) -> Result<PathBuf, String> {
    const KNOWN: [&str; 4] = ["mp4", "mkv", "mov", "webm"];
    let path = PathBuf::from(text);
    let extension = path.extension().unwrap_or_default();
    match KNOWN
        .iter()
        .any(|known| extension.eq_ignore_ascii_case(known))
    {
        true => Ok(path),
        false => Err("expected a name that ends in .mp4, .mkv, .mov or .webm".into()),
    }
}
