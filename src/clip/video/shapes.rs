//! The size of every frame, for videos in which it changes.

use super::ffmpeg::Ffmpeg;
use super::input::Input;
use super::listing::field;
use crate::clip::error::{ClipError, Result};
use crate::clip::rgb::Image;
use std::path::Path;

/// What ffprobe prints about decoded frames, once it has decoded them all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shapes {
    /// Width and height of each frame as it is stored.
    sizes: Vec<(usize, usize)>,
    /// How often frames are to be turned clockwise, by 90 degrees.
    quarter_turns: usize,
}

impl Shapes {
    /// Decodes a video to see the size of each frame.
    ///
    /// # Errors
    /// Those of [`Ffmpeg::printed`]; [`ClipError::Video`] for frames that are to be turned by other angles.
    pub(super) fn read(video: &Input, ffmpeg: &Ffmpeg) -> Result<Self> {
        let entries = "frame=width,height:stream_side_data=rotation";
        let printed = ffmpeg.printed(video, &["-show_entries", entries, "-of", "compact"])?;
        Self::parse(&printed.text, video.name())
    }

    fn parse(printed: &str, path: &Path) -> Result<Self> {
        let frames = printed.lines().filter(|line| line.starts_with("frame|"));
        let number = |line, name| field(line, name)?.parse().ok();
        let sizes = frames.map(|line| Some((number(line, "width")?, number(line, "height")?)));
        let unknown = || "ffprobe does not tell the size of its frames".to_owned();
        let failed = |reason| ClipError::Video {
            path: path.to_path_buf(),
            reason,
        };
        let rotation = printed.lines().find_map(|line| field(line, "rotation"));
        let rotation: i32 = rotation.and_then(|text| text.parse().ok()).unwrap_or(0);
        if rotation % 90 != 0 {
            return Err(failed(format!(
                "its frames change their size and are turned by {rotation} degrees"
            )));
        }
        Ok(Shapes {
            sizes: sizes
                .collect::<Option<_>>()
                .ok_or_else(unknown)
                .map_err(failed)?,
            // ffprobe counts anticlockwise.
            quarter_turns: (-rotation).rem_euclid(360) as usize / 90,
        })
    }

    /// Filters that put every frame, at its own size, into the top left corner of one that is large enough for all.
    pub(super) fn filter(&self) -> String {
        let largest = |side: fn(&(usize, usize)) -> usize| self.sizes.iter().map(side).max();
        let (width, height) = (largest(|size| size.0), largest(|size| size.1));
        format!(
            "scale=w=iw:h=ih:eval=frame:flags=bicubic,format=rgb24,pad=w={}:h={}:x=0:y=0:eval=frame",
            width.unwrap_or(0),
            height.unwrap_or(0)
        )
    }

    /// Frame `index` as it is shown, out of what [`Shapes::filter`] made of it; `None` for a frame that there is not.
    pub(super) fn cut(&self, canvas: &Image, index: usize) -> Option<Image> {
        let (width, height) = *self.sizes.get(index)?;
        Some(canvas.top_left(width, height).turned(self.quarter_turns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_rotation_are_read_off_what_ffprobe_prints() {
        let printed = "frame|width=2|height=1|side_data|\n\nframe|width=4|height=2\n\
                       stream|side_data|rotation=-90\n";
        let shapes = Shapes::parse(printed, Path::new("v")).unwrap();
        assert_eq!(shapes.sizes, [(2, 1), (4, 2)]);
        assert!(shapes.filter().ends_with("pad=w=4:h=2:x=0:y=0:eval=frame"));
        let pixels = (0..24).collect();
        let canvas = Image::new(pixels, 4, 2);
        let first = shapes.cut(&canvas, 0).unwrap();
        // Turned clockwise: what was left is on top.
        assert_eq!((first.width, first.height), (1, 2));
        assert_eq!(first.pixels, [0, 1, 2, 3, 4, 5]);
        assert_eq!(shapes.cut(&canvas, 2), None);
        let newer = printed
            .replace("side_data|", "")
            .replace("rotation", "side_datum/display_matrix:rotation");
        assert_eq!(Shapes::parse(&newer, Path::new("v")).unwrap(), shapes);
        assert!(Shapes::parse("stream|rotation=30\n", Path::new("v")).is_err());
    }
}
