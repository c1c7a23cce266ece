//! Videos, read by frame index: in a worker that decodes with libav*, or through the `ffmpeg` program.
//!
//! The worker gives the same frames in less time, or none: it leaves a file to the program as soon as anything about it is not
//! as it should be. What follows is about the program.
//!
//! A video is opened by listing its packets, which is fast because nothing is decoded, and tells
//! the time of every frame: frame k is the k-th in the order of presentation, at whatever rate
//! frames come. Then one pass decodes, and ffmpeg hands over the wanted frames only, each with its
//! number. A pass that is to begin far into the video seeks, and tells frames by their time
//! stamps; should the seek land in the wrong place, a pass from the start takes its place.
//!
//! Pixels are those of ffmpeg's own PNG extraction (`ffmpeg -i video -fps_mode passthrough %d.png`): rotation
//! metadata is applied, and the colour conversion is ffmpeg's. Only where the size of the pictures
//! changes does ffmpeg make all of them as large as the first; here each keeps its own size.

use std::io::BufReader;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::avi;
use super::decoder::{Asked, Decoder, DecoderChoice};
use super::ffmpeg::{Ffmpeg, patience_for, process_error};
use super::input::Input;
use super::listing::{Listing, Origin};
use super::pam;
use super::process::{Ending, Process};
use super::protocol::Wanted;
use super::selection::{Key, START};
use super::shapes::Shapes;
use super::worker::Failure;
use crate::clip::error::{ClipError, Result};
use crate::clip::frames::Cropped;
use crate::clip::rgb::Image;
use crate::clip::turns::Turns;
use crate::recipe::Preprocess;

/// Seconds of video that are decoded in vain before a seek is tried.
const SEEK_BEYOND: f64 = 10.0;

/// A video whose frames have been listed.
#[derive(Clone, Debug)]
pub struct Video {
    input: Input,
    program: Program,
    listing: Listing,
    /// How ffprobe says that the file ends too early.
    cut_off: Option<String>,
    source: Source,
}

/// The ffmpeg program, which is looked for when it is needed.
#[derive(Clone, Debug)]
enum Program {
    Found(Ffmpeg),
    Wanted {
        given: Option<PathBuf>,
        threads: Option<usize>,
        patience: Option<Duration>,
    },
}

impl Program {
    fn find(&self) -> Result<Ffmpeg> {
        match self {
            Program::Found(ffmpeg) => Ok(ffmpeg.clone()),
            Program::Wanted {
                given,
                threads,
                patience,
            } => {
                let found = Ffmpeg::find(given.as_deref())?;
                Ok(Ffmpeg {
                    threads: *threads,
                    patience: patience.unwrap_or(found.patience),
                    ..found
                })
            }
        }
    }
}

/// What has listed a video, and decodes it.
#[derive(Clone, Debug)]
enum Source {
    /// The ffmpeg program; with the reason why not libav*, where that was tried.
    Program(Option<Arc<str>>),
    Worker {
        decoder: Decoder,
        /// How many frames it has found.
        frames: usize,
        threads: usize,
    },
}

/// What became of reading a video in a worker.
pub(in crate::clip) enum Worked {
    /// All frames came, or as many as were asked for.
    Done,
    /// The ffmpeg program is to decode the video; with the reason, where libav* was tried.
    Left(Option<Arc<str>>),
}

/// What is done with each frame as it comes, until that says [`ControlFlow::Break`].
type Each<'a> = &'a mut dyn FnMut(usize, Image) -> Result<ControlFlow<()>>;

/// Why a pass ended.
enum Stop {
    /// It gave what was wanted.
    Done,
    /// There are no more frames, or one was left out; with ffmpeg's reason, if it has one.
    Short(Option<ClipError>),
    /// The size or the pixel format of the frames has changed, so that what comes is not what was asked for.
    Changed,
}

impl Video {
    /// Lists the frames of the video at `path` with the ffmpeg program, which will decode them too.
    ///
    /// # Errors
    /// [`ClipError::Video`] with ffmpeg's reason, [`ClipError::NoVideoStream`], [`ClipError::NoVideoFrames`],
    /// [`ClipError::VideoTimeout`].
    pub fn open(path: &Path, ffmpeg: &Ffmpeg) -> Result<Video> {
        Self::list(Input::file(path), ffmpeg, None)
    }

    /// Lists the frames of a video, with what the options name. What is behind an address is left to the ffmpeg program.
    ///
    /// # Errors
    /// As [`Video::open`]; [`ClipError::FfmpegMissing`], [`ClipError::Libav`].
    pub(in crate::clip) fn open_with(input: Input, options: &VideoOptions<'_>) -> Result<Video> {
        let program = Program::Wanted {
            given: options.ffmpeg.map(Path::to_path_buf),
            threads: options.threads,
            patience: options.patience,
        };
        let decoder = options.decoder;
        if !decoder.choice().tries_libav(options.ffmpeg) {
            return Self::list(input, &program.find()?, None);
        }
        let listed = match input.location() {
            Some(file) => decoder.list(file),
            None => Err(Failure::Declined("it is behind an address".to_owned())),
        };
        let listed = listed.map(|facts| Listing::of_facts(&facts, input.name()));
        match listed {
            Ok(Ok(listing)) => Ok(Video {
                program,
                cut_off: avi::missing_end(&input),
                input,
                source: Source::Worker {
                    decoder: decoder.clone(),
                    frames: listing.stamps.len(),
                    threads: options.threads.unwrap_or(1),
                },
                listing,
            }),
            Ok(Err(_)) => Self::list(input, &program.find()?, None),
            Err(failure) => {
                let why = without_libav(input.name(), decoder, failure, decoder.patience())?;
                Self::list(input, &program.find()?, why)
            }
        }
    }

    fn list(input: Input, ffmpeg: &Ffmpeg, without_libav: Option<Arc<str>>) -> Result<Video> {
        let entries = "packet=pts_time,dts_time,duration_time,flags:\
                       stream=avg_frame_rate,codec_name:format=start_time";
        let printed = ffmpeg.printed(&input, &["-show_entries", entries, "-of", "compact"])?;
        let listing = Listing::parse(&printed.text, input.name())?;
        Ok(Video {
            program: Program::Found(ffmpeg.clone()),
            listing,
            cut_off: printed.cut_off.or_else(|| avi::missing_end(&input)),
            input,
            source: Source::Program(without_libav),
        })
    }

    /// What it is called: its path, if it is a file.
    pub fn path(&self) -> &Path {
        self.input.name()
    }

    /// Says that the file is incomplete, if ffprobe or the header of an AVI file does.
    pub fn note(&self) -> Option<String> {
        let reason = self.cut_off.as_ref()?;
        let (path, frames) = (self.path().display(), self.frame_count());
        Some(format!(
            "{path}: the file is incomplete ({reason}); only {frames} frames are in it"
        ))
    }

    /// Number of frames.
    pub fn frame_count(&self) -> usize {
        self.listing.stamps.len()
    }

    /// When each frame is shown, in seconds as players count them, and when the last one ends:
    /// `frame_count + 1` values, to the microsecond.
    pub fn times(&self) -> Vec<f64> {
        let Listing {
            stamps, last, zero, ..
        } = &self.listing;
        let end = stamps.last().map(|stamp| stamp + last);
        let time = |stamp: f64| ((stamp - zero) * 1e6).round() / 1e6;
        stamps.iter().copied().chain(end).map(time).collect()
    }

    /// The same video after decoding all of it, for one that has fewer frames than packets.
    ///
    /// # Errors
    /// As [`Video::open`].
    pub(in crate::clip) fn recount(&self) -> Result<Video> {
        let arguments = [
            "-count_frames",
            "-show_entries",
            "stream=nb_read_frames",
            "-of",
            "default=noprint_wrappers=1:nokey=1",
        ];
        let printed = self.patient()?.printed(&self.input, &arguments)?;
        let count = printed
            .text
            .lines()
            .find_map(|line| line.trim().parse().ok())
            .unwrap_or(0);
        if count == 0 {
            return Err(ClipError::NoVideoFrames {
                path: self.path().to_path_buf(),
            });
        }
        let mut recounted = self.clone();
        // Which packets gave no frame is not known: the last ones are as good a guess as any.
        recounted.listing.stamps.truncate(count);
        recounted.listing.origin = Origin::Guessed;
        recounted.source = Source::Program(Some("it has fewer frames than it lists".into()));
        Ok(recounted)
    }

    /// ffprobe with the patience to decode the whole video in silence.
    fn patient(&self) -> Result<Ffmpeg> {
        let ffmpeg = self.program.find()?;
        Ok(Ffmpeg {
            patience: ffmpeg.patience_for(self.length()),
            ..ffmpeg
        })
    }

    fn length(&self) -> Duration {
        let seconds = self.times().last().copied().unwrap_or(0.0);
        Duration::try_from_secs_f64(seconds).unwrap_or_default()
    }

    /// Decodes the frames `wanted` (ascending, each once) in a worker, which crops them, and hands them to `each` in order until
    /// that says [`ControlFlow::Break`]. Frames that came before the video is left to the program are to be read again.
    ///
    /// # Errors
    /// [`ClipError::VideoTimeout`]; [`ClipError::Libav`] where nothing but libav* may decode it.
    pub(in crate::clip) fn read_in_worker(
        &self,
        wanted: &[Wanted],
        preprocess: Preprocess,
        turns: &Turns,
        each: &mut dyn FnMut(usize, Cropped) -> ControlFlow<()>,
    ) -> Result<Worked> {
        let (decoder, frames, threads, file) = match (&self.source, self.input.location()) {
            (Source::Program(why), _) => return Ok(Worked::Left(why.clone())),
            (Source::Worker { .. }, None) => return Ok(Worked::Left(None)),
            (
                Source::Worker {
                    decoder,
                    frames,
                    threads,
                },
                Some(file),
            ) => (decoder, *frames, *threads, file),
        };
        let asked = Asked {
            file,
            frames,
            wanted,
            preprocess,
            threads,
            patience: patience_for(decoder.patience(), self.length()),
        };
        match decoder.read(&asked, turns, each) {
            Ok(()) => Ok(Worked::Done),
            Err(failure) => {
                let why = without_libav(self.path(), decoder, failure, asked.patience)?;
                Ok(Worked::Left(why))
            }
        }
    }

    /// Decodes the frames at `wanted` (ascending, each once) with the ffmpeg program and hands them to `each` in order,
    /// until that says [`ControlFlow::Break`].
    ///
    /// # Errors
    /// [`ClipError::VideoFramesMissing`] when the video ends too early, [`ClipError::VideoTimeout`],
    /// [`ClipError::Video`], and what `each` returns.
    pub(in crate::clip) fn read(&self, wanted: &[usize], each: Each<'_>) -> Result<()> {
        let (Some(&first), Some(&last)) = (wanted.first(), wanted.last()) else {
            return Ok(());
        };
        if last >= self.frame_count() {
            return Err(ClipError::IndexOutOfRange {
                index: last,
                frames: self.frame_count(),
            });
        }
        let ffmpeg = self.program.find()?;
        let stamps = &self.listing.stamps;
        let far_in = stamps[first] - stamps[0] > SEEK_BEYOND;
        let mut key = match self.listing.origin == Origin::Stated && far_in {
            true => Key::Time(stamps),
            false => Key::Number,
        };
        let (mut rest, mut shapes) = (wanted, None);
        loop {
            match self.pass(&ffmpeg, key, shapes.as_ref(), &mut rest, each)? {
                Stop::Done => return Ok(()),
                Stop::Changed if shapes.is_none() => {
                    shapes = Some(Shapes::read(&self.input, &self.patient()?)?);
                }
                Stop::Short(_) if key != Key::Number => key = Key::Number,
                Stop::Short(Some(error)) => return Err(error),
                Stop::Short(None) | Stop::Changed => {
                    return Err(ClipError::VideoFramesMissing {
                        path: self.path().to_path_buf(),
                        index: rest[0],
                    });
                }
            }
        }
    }

    /// One run of ffmpeg, for the frames of `wanted`, which shrinks as they come. With `shapes`, ffmpeg keeps its filters
    /// when frames change, and each frame keeps its size.
    fn pass(
        &self,
        ffmpeg: &Ffmpeg,
        key: Key<'_>,
        shapes: Option<&Shapes>,
        wanted: &mut &[usize],
        each: Each<'_>,
    ) -> Result<Stop> {
        let mut reader = BufReader::new(self.decode(ffmpeg, key, shapes, wanted)?);
        let patience = ffmpeg.patience_for(self.length());
        let failed = |error| process_error(self.path(), error, patience);
        let mut starts = 0;
        while let Some(&expected) = wanted.first() {
            let image = match pam::read_frame(&mut reader, self.path()) {
                Ok(Some(image)) => image?,
                Ok(None) => {
                    let ending = reader.into_inner().end().map_err(failed)?;
                    return Ok(self.ended_early(ffmpeg, &ending, starts));
                }
                Err(error) => return Err(failed(error)),
            };
            let printed = loop {
                let number = reader.get_ref().number();
                match number.map_err(failed)? {
                    Some(START) => starts += 1,
                    Some(number) => break number,
                    None => return Ok(Stop::Short(None)),
                }
            };
            if starts > 1 {
                return Ok(Stop::Changed);
            }
            match key.index(printed) {
                Some(index) if index == expected => {
                    let image = match shapes {
                        Some(shapes) => shapes.cut(&image, index),
                        None => Some(image),
                    };
                    let Some(image) = image else {
                        return Ok(Stop::Short(None));
                    };
                    *wanted = &wanted[1..];
                    if each(index, image)?.is_break() {
                        return Ok(Stop::Done);
                    }
                }
                Some(index) if index > expected => return Ok(Stop::Short(None)),
                _ => {}
            }
        }
        Ok(Stop::Done)
    }

    /// Starts ffmpeg.
    fn decode(
        &self,
        ffmpeg: &Ffmpeg,
        key: Key<'_>,
        shapes: Option<&Shapes>,
        wanted: &[usize],
    ) -> Result<Process> {
        let mut input = Vec::new();
        if let Key::Time(stamps) = key {
            // Shortly before the first wanted frame, so that a seek that lands a little late still finds it.
            let start = format!("{:.6}", stamps[wanted[0]] - 1.0);
            input.extend(["-copyts", "-seek_timestamp", "1", "-ss", &start].map(str::to_owned));
        }
        let mut filter = key.filter(wanted);
        if let Some(shapes) = shapes {
            input.extend(["-reinit_filter", "0", "-noautorotate"].map(str::to_owned));
            filter = format!("{filter},{}", shapes.filter());
        }
        let output = pam::arguments(&filter);
        ffmpeg.decode(&self.input, self.length(), &input, &output)
    }

    /// The output has ended before all frames came: because ffmpeg failed, because the video ended, or because ffmpeg began to
    /// count again.
    fn ended_early(&self, ffmpeg: &Ffmpeg, ending: &Ending, starts: usize) -> Stop {
        if starts
            + ending
                .numbers
                .iter()
                .filter(|&&number| number == START)
                .count()
            > 1
        {
            return Stop::Changed;
        }
        let failure = (!ending.success()).then(|| ffmpeg.failure(&self.input, ending));
        Stop::Short(failure)
    }
}

/// How videos are opened.
pub(in crate::clip) struct VideoOptions<'a> {
    /// The ffmpeg program or its folder; else it is looked for on PATH.
    pub(in crate::clip) ffmpeg: Option<&'a Path>,
    pub(in crate::clip) threads: Option<usize>,
    /// How long the program may be silent, if not as long as is usual.
    pub(in crate::clip) patience: Option<Duration>,
    pub(in crate::clip) decoder: &'a Decoder,
}

/// Why the ffmpeg program is to decode a video.
///
/// # Errors
/// That it may not, or that the video has taken too much time already.
fn without_libav(
    path: &Path,
    decoder: &Decoder,
    failure: Failure,
    patience: Duration,
) -> Result<Option<Arc<str>>> {
    let path = path.to_path_buf();
    let is_only_choice = decoder.choice() == DecoderChoice::Libav;
    match failure {
        Failure::TimedOut => Err(ClipError::VideoTimeout {
            path,
            seconds: patience.as_secs(),
        }),
        Failure::Missing(reason) | Failure::Declined(reason) | Failure::Broken(reason)
            if is_only_choice =>
        {
            Err(ClipError::Libav { path, reason })
        }
        Failure::Missing(reason) | Failure::Declined(reason) | Failure::Broken(reason) => {
            Ok(Some(reason.into()))
        }
    }
}
