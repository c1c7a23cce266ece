//! The label that is drawn on copies of frames.

use crate::show::canvas::{Canvas, Rgb, Shorten};
use crate::show::picture::PictureError;
use crate::text::one_line;

const BACK: Rgb = [16, 20, 24];
const INK: Rgb = [255, 255, 255];
const SOFT: Rgb = [190, 198, 208];

/// The share of a frame's height that the banner takes.
const SHARE: f32 = 0.11;
/// Its least and its largest height in pixels.
const HEIGHTS: (f32, f32) = (20.0, 64.0);

/// A strip along the lower edge of frames of one size.
#[derive(Debug)]
pub struct Banner {
    width: usize,
    height: usize,
    /// Rows of the strip.
    rows: usize,
    text: (String, String),
    /// RGB, `[rows, width, 3]`.
    strip: Vec<u8>,
}

impl Banner {
    /// An empty strip for frames of this size in pixels.
    ///
    /// # Errors
    /// [`PictureError`] for a frame without pixels.
    pub fn new(width: usize, height: usize) -> Result<Self, PictureError> {
        let rows = (height as f32 * SHARE).clamp(HEIGHTS.0, HEIGHTS.1);
        let mut banner = Self {
            width,
            height,
            rows: (rows as usize).min(height),
            text: (String::new(), String::new()),
            strip: Vec::new(),
        };
        banner.draw()?;
        Ok(banner)
    }

    /// What the strip says: a label at the left, and something at the right.
    ///
    /// # Errors
    /// As [`Banner::new`].
    pub fn say(&mut self, label: &str, right: &str) -> Result<(), PictureError> {
        let text = (one_line(label), one_line(right));
        if text != self.text {
            self.text = text;
            self.draw()?;
        }
        Ok(())
    }

    fn draw(&mut self) -> Result<(), PictureError> {
        let (width, rows) = (self.width as f32, self.rows as f32);
        let mut canvas = Canvas::new(width, rows, BACK)?;
        let (size, margin, baseline) = (rows * 0.55, rows * 0.35, rows * 0.68);
        let right = canvas.line(&self.text.1, size, width, Shorten::End);
        let right_width = right.width;
        let room = (width - right_width - 3.0 * margin).max(1.0);
        let left = canvas.line(&self.text.0, size, room, Shorten::End);
        canvas.write(left, margin, baseline, INK);
        canvas.write(right, width - margin - right_width, baseline, SOFT);
        (self.strip, ..) = canvas.finish();
        Ok(())
    }

    /// Draws the strip on a frame, RGB, `[height, width, 3]`, which shimmers through a little.
    pub fn draw_on(&self, frame: &mut [u8]) {
        let start = (self.height - self.rows) * self.width * 3;
        for (below, above) in frame.iter_mut().skip(start).zip(&self.strip) {
            *below = ((u16::from(*below) + 3 * u16::from(*above)) / 4) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strip_covers_the_lower_edge_alone() {
        let mut banner = Banner::new(320, 240).unwrap();
        banner.say("moving up 98%", "12.48 s").unwrap();
        let mut frame = vec![200; 320 * 240 * 3];
        banner.draw_on(&mut frame);
        let (above, strip) = frame.split_at((240 - banner.rows) * 320 * 3);
        assert!(above.iter().all(|value| *value == 200));
        // Where letters are as bright as the frame, nothing seems to change.
        let changed = strip.iter().filter(|value| **value != 200).count();
        assert!(
            changed * 10 > strip.len() * 9,
            "{changed} of {}",
            strip.len()
        );
        assert!(strip.iter().any(|value| *value > 220), "letters");
    }

    #[test]
    fn frames_smaller_than_the_strip_are_covered() {
        let banner = Banner::new(4, 6).unwrap();
        banner.draw_on(&mut [0; 4 * 6 * 3]);
    }
}
