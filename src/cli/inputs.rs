//! The clips of a command, from arguments, a list and standard input.

use std::io::{self, BufReader, IsTerminal};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use anyhow::Context;

use super::say::say;
use super::values::{one_of, parse_above_zero};
use crate::clip::{
    self, ClipEntry, Decoder, DecoderChoice, Finder, Found, List, NamePattern, OpenOptions,
    Separator, clips_from, clips_of, is_archive, read_list, read_stream,
};
use crate::recognise::{MAX_WORKERS, Options, workers};

/// Where clips come from beside the command line, and how they are opened.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct ClipFlags {
    /// A file that names clips: paths, perhaps with frames and labels, in any form that data sets and tools write
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    pub list: Option<PathBuf>,
    /// Entries of the list and of standard input end in a zero byte, as `find -print0` writes them
    #[arg(short = '0', long, help_heading = "Input")]
    null: bool,
    /// Which images of a directory are its frames, by their names ('img_*') [default: those that can only be frames]
    #[arg(long, value_name = "PATTERN", help_heading = "Input")]
    frames: Option<NamePattern>,
    /// Frames per second of frame directories, for positions in seconds
    #[arg(long, value_name = "RATE", value_parser = parse_rate, help_heading = "Input")]
    pub fps: Option<f64>,
    /// The ffmpeg program, or the folder it is in [default: the one on PATH]; videos need it
    #[arg(long, value_name = "PATH", help_heading = "Input")]
    ffmpeg: Option<PathBuf>,
    /// A video of which nothing comes for so long (10s, 500ms) has failed; while it is decoded, four times its length more
    /// [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = parse_patience, help_heading = "Input")]
    timeout: Option<Duration>,
    #[command(flatten)]
    decoder: DecoderFlags,
}

/// What decodes videos.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct DecoderFlags {
    /// What decodes videos: libav (a worker beside this program, quicker), ffmpeg (that program) or auto (libav where it gives
    /// the same frames and --ffmpeg is not given, else ffmpeg)
    #[arg(
        long,
        value_name = "NAME",
        value_parser = one_of(DecoderChoice::ALL, DecoderChoice::name),
        default_value_t,
        hide_possible_values = true,
        help_heading = "Input"
    )]
    decoder: DecoderChoice,
}

impl DecoderFlags {
    /// The decoder they name.
    pub(super) fn decoder(&self) -> Decoder {
        Decoder::new(self.decoder)
    }
}

impl ClipFlags {
    /// The same without the list, for clips that are named otherwise.
    pub(super) fn without_list(&self) -> Self {
        Self {
            list: None,
            ..self.clone()
        }
    }

    /// How clips are opened.
    pub(super) fn open_options(&self) -> OpenOptions {
        let decoder = self.decoder.decoder();
        OpenOptions {
            ffmpeg: self.ffmpeg.clone(),
            threads: None,
            patience: self.timeout,
            decoder: match self.timeout {
                Some(patience) => decoder.with_patience(patience),
                None => decoder,
            },
            rate: self.fps,
            frames: self.frames.clone(),
        }
    }
}

/// Parses frames per second.
pub(super) fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(rate),
        _ => Err("expected frames per second, such as 25".into()),
    }
}

/// Parses a time above zero.
fn parse_patience(text: &str) -> Result<Duration, String> {
    let seconds = parse_above_zero(text)?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// What is on standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Stdin {
    /// Lines that name clips.
    #[default]
    Lines,
    /// A tar archive of clips.
    Archive,
}

/// Clips in the order they were given.
pub(super) struct Inputs {
    /// Read as the work goes on: standard input may never end.
    pub entries: Box<dyn Iterator<Item = clip::Result<ClipEntry>> + Send>,
    /// How many there are, where that is known beforehand.
    pub total: Option<usize>,
    /// How many videos are known, up to as many as are worth a worker each.
    videos: usize,
}

impl Inputs {
    /// Reads the list and looks into the directories; standard input is left for later.
    pub(super) fn new(
        named: &[PathBuf],
        flags: &ClipFlags,
        stdin: Stdin,
        quiet: bool,
    ) -> anyhow::Result<Self> {
        let lists: Vec<PathBuf> = flags.list.iter().cloned().collect();
        Self::all(named, &lists, flags, stdin, quiet)
    }

    /// The same with these lists instead of the flag's.
    pub(super) fn all(
        named: &[PathBuf],
        lists: &[PathBuf],
        flags: &ClipFlags,
        stdin: Stdin,
        quiet: bool,
    ) -> anyhow::Result<Self> {
        let separator = match flags.null {
            true => Separator::Zero,
            false => Separator::Line,
        };
        let mut finder = Finder::new(flags.frames.clone());
        let mut known = Vec::new();
        for path in lists {
            let list = read_list(path, separator);
            let List { entries, note, .. } =
                list.with_context(|| format!("cannot read the list {}", path.display()))?;
            if let (Some(note), false) = (note, quiet) {
                say(format_args!("eco: {}: {note}", path.display()));
            }
            known.extend(entries.into_iter().map(Ok));
        }
        let mut before = named.to_vec();
        let dash = before.iter().position(|path| path == Path::new("-"));
        let after = dash.map(|dash| before.split_off(dash).split_off(1));
        known.extend(paths(before));
        let known: Vec<_> = known
            .into_iter()
            .flat_map(|entry| expanded(entry, &mut finder, quiet))
            .collect();
        let videos = videos(known.iter().flatten());
        let holds_archives = known.iter().flatten().any(|entry| is_archive(&entry.path));
        let total = (!holds_archives).then_some(known.len());
        let known = known
            .into_iter()
            .flat_map(move |entry| looked_into(entry, quiet));
        let Some(after) = after else {
            return Ok(Self {
                total,
                videos,
                entries: Box::new(known),
            });
        };
        let is_terminal = io::stdin().is_terminal();
        if stdin == Stdin::Archive {
            if is_terminal {
                anyhow::bail!("standard input is a terminal, and --tar reads an archive from it");
            }
            let archive = clips_from(io::stdin(), told(quiet)).map(Ok);
            let rest = paths(after)
                .flat_map(move |entry| expanded(entry, &mut finder, quiet))
                .flat_map(move |entry| looked_into(entry, quiet));
            return Ok(Self {
                entries: Box::new(known.chain(archive).chain(rest)),
                total: None,
                videos,
            });
        }
        if is_terminal {
            say(format_args!(
                "eco: reading paths from the terminal, one per line; end with Ctrl-D"
            ));
        }
        let stdin = read_stream(BufReader::new(io::stdin()), separator);
        let rest = stdin
            .chain(paths(after))
            .flat_map(move |entry| expanded(entry, &mut finder, quiet))
            .flat_map(move |entry| looked_into(entry, quiet));
        Ok(Self {
            entries: Box::new(known.chain(rest)),
            total: None,
            videos,
        })
    }

    /// As [`start_decoders`], for the clips that are known.
    pub(super) fn start_decoders(&self, options: &Options) {
        start(self.videos, options);
    }
}

/// Starts the workers in which the videos among `clips` will be decoded, while the network is made ready.
pub(super) fn start_decoders<'a>(
    clips: impl IntoIterator<Item = &'a ClipEntry>,
    options: &Options,
) {
    start(videos(clips), options);
}

fn start(videos: usize, options: &Options) {
    let count = videos.min(workers(options.threads));
    options.open.start_decoders(count);
}

/// How many of these clips are files; no more are looked at than are loaded at a time.
fn videos<'a>(clips: impl IntoIterator<Item = &'a ClipEntry>) -> usize {
    let is_file = |clip: &&ClipEntry| clip.frames.is_none() && clip.path.is_file();
    clips.into_iter().filter(is_file).take(MAX_WORKERS).count()
}

/// One of so many parts of the input.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shard {
    index: usize,
    count: usize,
}

impl FromStr for Shard {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers = text.split_once('/').and_then(|(index, count)| {
            Some(Shard {
                index: index.parse().ok()?,
                count: count.parse().ok()?,
            })
        });
        let found = numbers.filter(|shard| shard.index < shard.count);
        found.ok_or("expected I/N, with I from 0 to N - 1, such as 0/4")
    }
}

impl Inputs {
    /// The clips of a part.
    pub(super) fn shard(self, shard: Shard) -> Self {
        let Shard { index, count } = shard;
        let total = |total: usize| total.saturating_sub(index).div_ceil(count);
        Self {
            entries: Box::new(self.entries.skip(index).step_by(count)),
            total: self.total.map(total),
            videos: self.videos,
        }
    }
}

fn paths(paths: Vec<PathBuf>) -> impl Iterator<Item = clip::Result<ClipEntry>> {
    paths.into_iter().map(|path| Ok(ClipEntry::named(path)))
}

/// The clips in an archive, found as they are asked for; any other entry is itself.
fn looked_into(
    entry: clip::Result<ClipEntry>,
    quiet: bool,
) -> Box<dyn Iterator<Item = clip::Result<ClipEntry>> + Send> {
    match entry {
        Ok(entry) if entry.stored.is_none() && is_archive(&entry.path) => {
            Box::new(clips_of(entry, told(quiet)).map(Ok))
        }
        entry => Box::new(std::iter::once(entry)),
    }
}

/// Tells the user what may surprise.
fn told(quiet: bool) -> impl Fn(String) + Send + 'static {
    move |note| {
        if !quiet {
            say(format_args!("eco: {note}"));
        }
    }
}

/// The clips behind an entry. What cannot be found stays, so that loading it gives the error where the answer would be.
fn expanded(
    entry: clip::Result<ClipEntry>,
    finder: &mut Finder,
    quiet: bool,
) -> Vec<clip::Result<ClipEntry>> {
    let entry = match entry {
        Ok(entry) if entry.stored.is_none() => entry,
        other => return vec![other],
    };
    let Ok(Found { clips, note }) = finder.find(entry.clone()) else {
        return vec![Ok(entry)];
    };
    if let (Some(note), false) = (note, quiet) {
        say(format_args!("eco: {note}"));
    }
    clips.into_iter().map(Ok).collect()
}
