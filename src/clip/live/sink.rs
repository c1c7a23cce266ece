//! Where a source puts its frames.

use std::ops::ControlFlow;
use std::time::Instant;

use super::options::LiveOptions;
use super::ring::Ring;
use crate::clip::crops::Crops;
use crate::clip::resample::{Region, resize_region};
use crate::clip::rgb::Image;

/// A frame of a live source.
#[derive(Debug, Clone)]
pub struct LiveFrame {
    /// Its number in the source, from 0.
    pub number: u64,
    /// When it is shown, in seconds since the source began.
    pub seconds: f64,
    /// When it arrived.
    pub arrived: Instant,
    /// Resized and cropped: RGB, `[224, 224, 3]`.
    pub pixels: Vec<u8>,
    /// The whole frame, where that was asked for, no larger than 1280 pixels a side.
    pub image: Option<Image>,
}

/// Picks frames at a rate: the first one of each interval.
#[derive(Debug)]
pub(super) struct Picker {
    fps: Option<f64>,
    zero: Option<f64>,
    last: Option<i64>,
}

/// Times that differ by less are the same: containers round to milliseconds.
const SAME: f64 = 1e-3;

impl Picker {
    pub(super) fn new(fps: Option<f64>) -> Self {
        Self {
            fps,
            zero: None,
            last: None,
        }
    }

    /// Whether the next frame, shown then, is wanted.
    pub(super) fn picks(&mut self, seconds: f64) -> bool {
        let Some(fps) = self.fps else { return true };
        let zero = *self.zero.get_or_insert(seconds);
        let interval = ((seconds - zero + SAME) * fps).floor() as i64;
        let is_new = self.last.is_none_or(|last| interval > last);
        if is_new {
            self.last = Some(interval);
        }
        is_new
    }
}

/// Where a source puts its frames.
pub(super) struct Sink<'a> {
    pub(super) ring: &'a Ring<LiveFrame>,
    pub(super) options: &'a LiveOptions,
    picker: Picker,
}

impl<'a> Sink<'a> {
    pub(super) fn new(ring: &'a Ring<LiveFrame>, options: &'a LiveOptions) -> Self {
        Self {
            ring,
            options,
            picker: Picker::new(options.fps),
        }
    }

    /// Takes a frame that has just arrived, if it is wanted.
    pub(super) fn image(&mut self, number: u64, seconds: f64, image: Image) -> ControlFlow<()> {
        if !self.picker.picks(seconds) {
            return match self.ring.is_closed() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            };
        }
        let arrived = Instant::now();
        let crops = Crops::One.cut(image.as_rgb(), self.options.preprocess);
        self.push(LiveFrame {
            number,
            seconds,
            arrived,
            pixels: crops.into_iter().next().unwrap_or_default(),
            image: self.options.keeps_images.then(|| shrunk(image)),
        })
    }

    /// Takes a frame that is ready.
    pub(super) fn push(&mut self, frame: LiveFrame) -> ControlFlow<()> {
        match self.ring.push(frame) {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    }
}

/// The longest side of frames that are kept whole, in pixels: a ring of larger ones would fill memory.
const LONGEST_SIDE: usize = 1280;

/// A frame that is not larger than that.
pub(super) fn shrunk(image: Image) -> Image {
    let longest = image.width.max(image.height);
    if longest <= LONGEST_SIDE {
        return image;
    }
    let scaled = |side: usize| (side * LONGEST_SIDE / longest).max(1);
    let (width, height) = (scaled(image.width), scaled(image.height));
    let region = Region {
        left: 0,
        top: 0,
        width,
        height,
    };
    let pixels = resize_region(image.as_rgb(), (width, height), region);
    Image::new(pixels, width, height)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picked(fps: f64, times: impl Iterator<Item = f64>) -> usize {
        let mut picker = Picker::new(Some(fps));
        times.filter(|time| picker.picks(*time)).count()
    }

    #[test]
    fn frames_are_picked_at_the_rate_asked_for() {
        let at = |rate: f64| (0..300).map(move |frame| 5.0 + f64::from(frame) / rate);
        assert_eq!(picked(10.0, at(30.0)), 100);
        assert_eq!(picked(12.5, at(25.0)), 150);
        assert_eq!(picked(8.0, at(25.0)), 96);
        assert_eq!(picked(60.0, at(30.0)), 300, "there are no more");
        // Stamps of whole milliseconds.
        let rounded = at(30.0).map(|time| (time * 1e3).round() / 1e3);
        assert_eq!(picked(15.0, rounded), 150);
    }
}
