//! One clip, whatever it is made of.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::archive;
use super::crops::Crops;
use super::cut::Cut;
use super::decode::{MAX_FILE_BYTES, decode_bytes, read};
use super::entry::ClipEntry;
use super::error::{ClipError, Result};
use super::extensions::{FRAME_EXTENSIONS, has_extension};
use super::frame_dir::FrameDir;
use super::frames::{Cropped, Frames, assemble, load_in_turn};
use super::pattern::NamePattern;
use super::reading::read_error;
use super::rgb::Image;
use super::stored::{Part, Stored, StoredFrame};
use super::timeline::Timeline;
use super::turns::Turns;
use super::video::Wanted as WantedFrame;
use super::video::decoder::{DecodedBy, Decoder};
use super::video::input::Input;
use super::video::reader::{Video, VideoOptions, Worked};
use crate::recipe::Preprocess;

/// A clip that has been looked at, so that its number of frames is known.
#[derive(Clone, Debug)]
pub enum Clip {
    /// A directory of image files, or as many in an archive, and the rate they were taken at, where that is known.
    FrameDir {
        /// The files.
        listed: Arc<FrameDir>,
        /// Where each of them is, if they are no files of their own.
        parts: Option<Arc<[Part]>>,
        /// Frames per second.
        rate: Option<f64>,
    },
    /// A video file.
    Video(Box<Video>),
}

/// How to open clips.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// The ffmpeg program or its directory; by default it is looked for on PATH, when the first
    /// video comes.
    pub ffmpeg: Option<PathBuf>,
    /// Threads that decode a video; by default ffmpeg decides.
    pub threads: Option<usize>,
    /// How long the ffmpeg program may be silent; by default a minute.
    pub patience: Option<Duration>,
    /// What decodes videos.
    pub decoder: Decoder,
    /// Frames per second of frame directories, for positions in seconds.
    pub rate: Option<f64>,
    /// Which images of a directory are its frames; by default the one series of images that can be.
    pub frames: Option<NamePattern>,
}

impl OpenOptions {
    /// Starts `count` of the workers that videos are decoded in, if they are, while other things are prepared.
    pub fn start_decoders(&self, count: usize) {
        if self.decoder.choice().tries_libav(self.ffmpeg.as_deref()) {
            self.decoder.start(count);
        }
    }
}

/// The index lists of one answer: what [`Clip::load`] turns into frames.
pub type Views = Vec<Vec<usize>>;

/// The frames that one answer wants.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Which frames.
    pub views: Views,
    /// What of each.
    pub cut: Cut,
}

impl Clip {
    /// Opens the clip of an entry, whose directory may have been listed already.
    ///
    /// # Errors
    /// As [`Clip::open`].
    pub fn of(entry: &ClipEntry, options: &OpenOptions) -> Result<Clip> {
        match (&entry.stored, &entry.frames) {
            (Some(stored), _) => Clip::stored(&entry.path, stored, options),
            (None, None) => Clip::open(&entry.path, options),
            (None, Some(listed)) => Ok(Clip::FrameDir {
                listed: Arc::clone(listed),
                parts: None,
                rate: options.rate,
            }),
        }
    }

    /// Opens a clip that is no directory or file of its own.
    fn stored(path: &Path, stored: &Stored, options: &OpenOptions) -> Result<Clip> {
        match stored {
            Stored::Video(part) if part.length == 0 => Err(empty(path)),
            Stored::Video(part) => {
                // Whether it is still the file in which the part was found.
                part.open(path)?;
                Clip::video(Input::part(path, part.clone()), options)
            }
            Stored::Frames { folder, frames } => Clip::frames(path, folder, frames, options),
            Stored::Address(address) if matches!(&*address.scheme(), "http" | "https") => {
                Clip::video(Input::address(path, address.clone()), options)
            }
            Stored::Address(_) => Err(ClipError::Scheme {
                path: path.to_path_buf(),
            }),
            Stored::Unreadable(reason) => Err(ClipError::Archive {
                path: path.to_path_buf(),
                reason: reason.to_string(),
            }),
        }
    }

    /// The clip of these frames of an archive.
    fn frames(
        path: &Path,
        folder: &Path,
        frames: &[StoredFrame],
        options: &OpenOptions,
    ) -> Result<Clip> {
        let names = frames.iter().map(|frame| frame.name.clone()).collect();
        let mut listed = FrameDir::of_names(path, names, options.frames.as_ref())?;
        let known: HashMap<&OsStr, &Part> = frames
            .iter()
            .map(|frame| (&*frame.name, &frame.part))
            .collect();
        if known.len() < frames.len() {
            return Err(ClipError::Archive {
                path: path.to_path_buf(),
                reason: "several of its frames have the same name".to_owned(),
            });
        }
        let part = |frame: &PathBuf| known.get(frame.file_name()?).copied().cloned();
        let parts: Option<Arc<[Part]>> = listed.frames.iter().map(part).collect();
        for frame in &mut listed.frames {
            *frame = folder.join(frame.file_name().unwrap_or_default());
        }
        Ok(Clip::FrameDir {
            listed: Arc::new(listed),
            parts,
            rate: options.rate,
        })
    }

    fn video(input: Input, options: &OpenOptions) -> Result<Clip> {
        let options = VideoOptions {
            ffmpeg: options.ffmpeg.as_deref(),
            threads: options.threads,
            patience: options.patience,
            decoder: &options.decoder,
        };
        Ok(Clip::Video(Box::new(Video::open_with(input, &options)?)))
    }

    /// Opens a directory of frames, a video, or a clip in an archive, whose path is `ARCHIVE/NAME`.
    ///
    /// # Errors
    /// Those of [`FrameDir::list`] and [`Video::open`]; [`ClipError::NotFound`],
    /// [`ClipError::SingleImage`], [`ClipError::NotAClip`], [`ClipError::FfmpegMissing`], [`ClipError::Archive`].
    pub fn open(path: &Path, options: &OpenOptions) -> Result<Clip> {
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) => {
                let archive = archive::archive_around(path);
                let archive = archive.ok_or_else(|| read_error(path, error))?;
                let stored = archive::find(&archive, path)?;
                return Clip::stored(path, &stored, options);
            }
        };
        if metadata.is_dir() {
            return Ok(Clip::FrameDir {
                listed: Arc::new(FrameDir::list_matching(path, options.frames.as_ref())?),
                parts: None,
                rate: options.rate,
            });
        }
        if !metadata.is_file() {
            return Err(ClipError::NotAClip {
                path: path.to_path_buf(),
            });
        }
        if has_extension(path, &FRAME_EXTENSIONS) {
            return Err(ClipError::SingleImage {
                path: path.to_path_buf(),
            });
        }
        if metadata.len() == 0 {
            return Err(empty(path));
        }
        if archive::is_archive(path) {
            return Err(ClipError::Archive {
                path: path.to_path_buf(),
                reason: "it is an archive of clips, not a clip: a clip in it is called by its path, a slash and its name"
                    .to_owned(),
            });
        }
        // ffprobe would say so too, but as one of many reasons not to understand a file.
        fs::File::open(path).map_err(|error| read_error(path, error))?;
        Clip::video(Input::file(path), options)
    }

    /// The path it was opened from.
    pub fn path(&self) -> &Path {
        match self {
            Clip::FrameDir { listed, .. } => &listed.path,
            Clip::Video(video) => video.path(),
        }
    }

    /// Number of frames, at least 1.
    pub fn frame_count(&self) -> usize {
        match self {
            Clip::FrameDir { listed, .. } => listed.frames.len(),
            Clip::Video(video) => video.frame_count(),
        }
    }

    /// When its frames are shown.
    pub fn timeline(&self) -> Timeline {
        match self {
            Clip::FrameDir { listed, rate, .. } => {
                Timeline::of_frames(&listed.path, listed.frames.len(), *rate)
            }
            Clip::Video(video) => Timeline::of_video(video.path(), video.times()),
        }
    }

    /// What may surprise the user about it, in one line; see [`FrameDir::note`] and [`Video::note`].
    pub fn note(&self) -> Option<String> {
        match self {
            Clip::FrameDir { listed, .. } => listed.note(),
            Clip::Video(video) => video.note(),
        }
    }

    /// Decodes, resizes and crops the frames of `views`: for each list of indices one [`Frames`]
    /// per crop. Each distinct frame is decoded once.
    ///
    /// # Errors
    /// Those of [`load_views`](super::frames::load_views) for a directory; for a video [`ClipError::VideoFramesMissing`],
    /// [`ClipError::VideoTimeout`], [`ClipError::Video`].
    pub fn load(&self, views: &Views, preprocess: Preprocess, crops: Crops) -> Result<Vec<Frames>> {
        match self {
            Clip::FrameDir { listed, parts, .. } => load_in_turn(
                &listed.frames,
                &|index| bytes(listed, parts.as_deref(), index),
                views,
                preprocess,
                Cut::Crops(crops),
                &Turns::beside(),
            ),
            Clip::Video(_) => {
                let wanted = Wanted {
                    views: views.clone(),
                    cut: Cut::Crops(crops),
                };
                let mut loaded = Vec::new();
                self.load_each(&[wanted], preprocess, &Turns::beside(), &mut |answer| {
                    loaded = answer.views;
                    ControlFlow::Continue(())
                })?;
                Ok(loaded)
            }
        }
    }

    /// As [`Clip::load`] for one answer after another, in order, handing each to `emit` as soon
    /// as it is complete, until that says [`ControlFlow::Break`]. A video is decoded once for all
    /// of them, and frames are kept only while an answer still needs them: at most as many as the
    /// answers that overlap have.
    ///
    /// A video is quickest when the answers are ordered by their last index. Frames are decoded when it is their turn; ffmpeg,
    /// a program of its own, halts when the frames it has ready are not taken.
    ///
    /// # Errors
    /// As [`Clip::load`]; answers before the error have been emitted.
    pub fn load_each(
        &self,
        answers: &[Wanted],
        preprocess: Preprocess,
        turns: &Turns,
        emit: &mut dyn FnMut(Ready) -> ControlFlow<()>,
    ) -> Result<()> {
        let video = match self {
            Clip::Video(video) => video,
            Clip::FrameDir { listed, parts, .. } => {
                let read = |index| bytes(listed, parts.as_deref(), index);
                for (number, Wanted { views, cut }) in answers.iter().enumerate() {
                    let views =
                        load_in_turn(&listed.frames, &read, views, preprocess, *cut, turns)?;
                    let ready = Ready {
                        number,
                        views,
                        decoder: None,
                    };
                    if emit(ready).is_break() {
                        break;
                    }
                }
                return Ok(());
            }
        };
        let mut pending = Pending::new(answers);
        let worked =
            video.read_in_worker(&pending.wanted(), preprocess, turns, &mut |index, frame| {
                pending.take(index, frame, &DecodedBy::Libav, emit)
            })?;
        let decoder = match worked {
            Worked::Done => return Ok(()),
            Worked::Left(why) => DecodedBy::Ffmpeg(why),
        };
        pending.decoded.clear();
        let wanted = pending.wanted();
        let indices: Vec<usize> = wanted.iter().map(|frame| frame.index).collect();
        let mut frames = wanted.iter();
        video.read(&indices, &mut |index, image| {
            let cuts = frames.next().map_or(&[][..], |frame| &frame.cuts);
            let frame = turns.decode(|| Cropped::new(&image, index, None, preprocess, cuts));
            Ok(pending.take(index, frame, &decoder, emit))
        })
    }

    /// Decodes the frames at `wanted` (ascending, each once) and hands them to `each` as they are, in order, until that says
    /// [`ControlFlow::Break`].
    ///
    /// # Errors
    /// As [`Clip::load`]; frames before the error have been handed over.
    pub(super) fn each_image(
        &self,
        wanted: &[usize],
        each: &mut dyn FnMut(usize, Image) -> ControlFlow<()>,
    ) -> Result<()> {
        let (listed, parts) = match self {
            Clip::Video(video) => {
                return video.read(wanted, &mut |index, image| Ok(each(index, image)));
            }
            Clip::FrameDir { listed, parts, .. } => (listed, parts),
        };
        for &index in wanted {
            let path = listed.frames.get(index).ok_or(ClipError::IndexOutOfRange {
                index,
                frames: listed.frames.len(),
            })?;
            let image = decode_bytes(&bytes(listed, parts.as_deref(), index)?, path)?;
            if each(index, image).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The same clip with its frames counted by decoding it, after
    /// [`ClipError::VideoFramesMissing`]; `None` where counting is not in doubt.
    ///
    /// # Errors
    /// Those of [`Video::open`].
    pub fn recount(&self) -> Result<Option<Clip>> {
        match self {
            Clip::FrameDir { .. } => Ok(None),
            Clip::Video(video) => Ok(Some(Clip::Video(Box::new(video.recount()?)))),
        }
    }
}

/// The bytes of a frame of a directory, or of an archive.
fn bytes(listed: &FrameDir, parts: Option<&[Part]>, index: usize) -> Result<Vec<u8>> {
    let path = &listed.frames[index];
    match parts {
        None => read(path),
        Some(parts) => parts[index].read(path, MAX_FILE_BYTES),
    }
}

fn empty(path: &Path) -> ClipError {
    ClipError::Video {
        path: path.to_path_buf(),
        reason: "the file is empty".to_owned(),
    }
}

/// An answer whose frames have come.
#[derive(Debug)]
pub struct Ready {
    /// Its place among the answers that were asked for.
    pub number: usize,
    /// For each of its lists of indices, one per image of its cut.
    pub views: Vec<Frames>,
    /// What decoded the video, if it is one.
    pub decoder: Option<DecodedBy>,
}

/// Answers whose frames have not all come yet, and the frames that have.
struct Pending<'a> {
    answers: &'a [Wanted],
    /// The first frame that each answer and those after it need.
    first_from: Vec<usize>,
    next: usize,
    decoded: BTreeMap<usize, Cropped>,
}

impl<'a> Pending<'a> {
    fn new(answers: &'a [Wanted]) -> Self {
        let mut first_from = Vec::with_capacity(answers.len());
        let mut first = usize::MAX;
        for wanted in answers.iter().rev() {
            first = wanted
                .views
                .iter()
                .flatten()
                .copied()
                .fold(first, usize::min);
            first_from.push(first);
        }
        first_from.reverse();
        Pending {
            answers,
            first_from,
            next: 0,
            decoded: BTreeMap::new(),
        }
    }

    /// The frames that the answers need which have not come yet, ascending, and what of each.
    fn wanted(&self) -> Vec<WantedFrame> {
        let mut cuts: BTreeMap<usize, Vec<Cut>> = BTreeMap::new();
        for wanted in &self.answers[self.next..] {
            for &index in wanted.views.iter().flatten() {
                let known = cuts.entry(index).or_default();
                if !known.contains(&wanted.cut) {
                    known.push(wanted.cut);
                }
            }
        }
        let frame = |(index, cuts)| WantedFrame { index, cuts };
        cuts.into_iter().map(frame).collect()
    }

    /// Takes a frame, and hands on the answers that it completes. Frames come in ascending order.
    fn take(
        &mut self,
        index: usize,
        frame: Cropped,
        decoder: &DecodedBy,
        emit: &mut dyn FnMut(Ready) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.decoded.insert(index, frame);
        while let Some(Wanted { views, cut }) = self.answers.get(self.next) {
            if views.iter().flatten().any(|&needed| needed > index) {
                break;
            }
            let ready = Ready {
                number: self.next,
                views: assemble(views, *cut, |index| self.decoded.get(&index)),
                decoder: Some(decoder.clone()),
            };
            self.next += 1;
            emit(ready)?;
        }
        self.forget();
        ControlFlow::Continue(())
    }

    /// Drops the frames that no later answer needs.
    fn forget(&mut self) {
        self.decoded = match self.first_from.get(self.next) {
            Some(first) => self.decoded.split_off(first),
            None => BTreeMap::new(),
        };
    }
}
