//! A video of the frames with the answer on them.

use std::path::Path;

use anyhow::Context;

use crate::clip::resample::{Region, resize_region};
use crate::clip::rgb::Image;
use crate::clip::{Encoder, Ffmpeg};
use crate::file::NewPath;
use crate::show::watch::{Banner, StepRow};

/// Frames from whose times the rate is told.
const FOR_RATE: usize = 8;

/// Rates that a video may have.
const RATES: (f64, f64) = (1.0, 120.0);

/// The most often that one frame is repeated to fill a gap: ten seconds at 30 frames per second.
const MOST_REPEATS: u64 = 300;

/// A video under construction.
pub(super) struct Overlay {
    ffmpeg: Ffmpeg,
    file: NewPath,
    state: State,
    /// The label, and what it stands on.
    said: (String, String),
}

enum State {
    /// The first frames wait until their rate is known.
    Waiting(Vec<(f64, Image)>),
    Running(Box<Running>),
}

struct Running {
    encoder: Encoder,
    size: (usize, usize),
    banner: Banner,
    fps: f64,
    first: f64,
    written: u64,
}

impl Overlay {
    pub(super) fn create(path: &Path, ffmpeg: Option<&Path>) -> anyhow::Result<Self> {
        Ok(Self {
            ffmpeg: Ffmpeg::find(ffmpeg)?,
            file: NewPath::create(path)?,
            state: State::Waiting(Vec::new()),
            said: ("waiting for the first answer".to_owned(), String::new()),
        })
    }

    /// What the frames from now on say.
    pub(super) fn answer(&mut self, row: &StepRow) {
        let best = row.averaged.first();
        let best = best.map(|best| (best.label.clone(), format!("{:.0}%", best.score * 100.0)));
        self.said = match best {
            Some(best) if !row.uncertain => best,
            _ => ("nothing certain".to_owned(), String::new()),
        };
    }

    /// Adds a frame, shown at `seconds`.
    pub(super) fn add(&mut self, seconds: f64, image: Image) -> anyhow::Result<()> {
        if let State::Waiting(frames) = &mut self.state {
            frames.push((seconds, image));
            if frames.len() < FOR_RATE {
                return Ok(());
            }
            return self.begin();
        }
        self.write(seconds, &image)
    }

    /// Starts the encoder with the frames that wait.
    fn begin(&mut self) -> anyhow::Result<()> {
        let State::Waiting(frames) = &mut self.state else {
            return Ok(());
        };
        let frames = std::mem::take(frames);
        let (Some((first, image)), Some((last, _))) = (frames.first(), frames.last()) else {
            return Ok(());
        };
        let fps = (frames.len() - 1) as f64 / (last - first);
        let fps = match fps.is_finite() {
            true => fps.clamp(RATES.0, RATES.1),
            false => 25.0,
        };
        let size = video_size(image.width, image.height);
        let (file, name) = (self.file.temporary(), self.file.path());
        self.state = State::Running(Box::new(Running {
            encoder: Encoder::start(&self.ffmpeg, file, name, size, fps)?,
            size,
            banner: Banner::new(size.0, size.1)?,
            fps,
            first: *first,
            written: 0,
        }));
        for (seconds, image) in &frames {
            self.write(*seconds, image)?;
        }
        Ok(())
    }

    fn write(&mut self, seconds: f64, image: &Image) -> anyhow::Result<()> {
        let State::Running(running) = &mut self.state else {
            return Ok(());
        };
        running.banner.say(&self.said.0, &self.said.1)?;
        let mut frame = fitted(image, running.size);
        running.banner.draw_on(&mut frame);
        // Frames that were dropped are made up for by those that were not.
        let due = ((seconds - running.first) * running.fps).round() as u64 + 1;
        for _ in 0..due.saturating_sub(running.written).min(MOST_REPEATS) {
            running.encoder.write(&frame)?;
        }
        running.written = running.written.max(due);
        Ok(())
    }

    /// Puts the video in its place. Returns what there is to say about it.
    pub(super) fn finish(mut self) -> anyhow::Result<String> {
        self.begin()?;
        let name = self.file.path().display().to_string();
        match self.state {
            State::Waiting(_) => Ok(format!("no frame came: {name} is not written")),
            State::Running(running) => {
                let end = running.encoder.finish();
                end.with_context(|| format!("no video {name}"))?;
                self.file.finish()?;
                Ok(format!("wrote {name}"))
            }
        }
    }
}

/// The size of a video of such frames: even, as its codec wants it.
fn video_size(width: usize, height: usize) -> (usize, usize) {
    let even = |side: usize| (side - side % 2).max(2);
    (even(width), even(height))
}

/// A copy of a frame in the size of the video, RGB.
fn fitted(image: &Image, (width, height): (usize, usize)) -> Vec<u8> {
    let region = Region {
        left: 0,
        top: 0,
        width,
        height,
    };
    // An odd last column or row is cut off, not squeezed in.
    let resized = match video_size(image.width, image.height) == (width, height) {
        true => (image.width.max(width), image.height.max(height)),
        false => (width, height),
    };
    resize_region(image.as_rgb(), resized, region)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn videos_have_even_sides_of_the_shape_of_the_frames() {
        assert_eq!(video_size(640, 480), (640, 480));
        assert_eq!(video_size(641, 481), (640, 480));
        assert_eq!(video_size(1, 1), (2, 2));
    }

    #[test]
    fn frames_of_any_size_are_made_to_fit() {
        for (width, height) in [(64, 48), (65, 49), (128, 96), (3, 200), (1, 1)] {
            let image = Image::new(vec![9; width * height * 3], width, height);
            let frame = fitted(&image, (64, 48));
            assert_eq!(frame, vec![9; 64 * 48 * 3], "{width} x {height}");
        }
    }
}
