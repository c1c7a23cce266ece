//! Shapes, pictures and words on a picture.

mod words;

use tiny_skia::{
    Color, ColorU8, FillRule, Paint, PathBuilder, Pixmap, PixmapPaint, Rect, Transform,
};

use words::Words;
pub(super) use words::{Line, Rgb, Shorten};

use super::picture::PictureError;

/// A picture being drawn. Lengths are in pixels from the upper left corner.
pub(super) struct Canvas {
    pixmap: Pixmap,
    words: Words,
}

impl Canvas {
    /// An empty picture.
    pub(super) fn new(width: f32, height: f32, colour: Rgb) -> Result<Self, PictureError> {
        let mut pixmap = Pixmap::new(width.ceil() as u32, height.ceil() as u32)
            .ok_or_else(|| PictureError::Encode("the sheet has no size".to_owned()))?;
        let [red, green, blue] = colour;
        pixmap.fill(Color::from_rgba8(red, green, blue, 255));
        Ok(Self {
            pixmap,
            words: Words::new(),
        })
    }

    /// Copies RGB pixels `[side, side, 3]`.
    pub(super) fn picture(&mut self, rgb: &[u8], side: usize, left: f32, top: f32) {
        let Some(mut picture) = Pixmap::new(side as u32, side as u32) else {
            return;
        };
        for (out, pixel) in picture.pixels_mut().iter_mut().zip(rgb.chunks_exact(3)) {
            *out = ColorU8::from_rgba(pixel[0], pixel[1], pixel[2], 255).premultiply();
        }
        let (left, top) = (left.round() as i32, top.round() as i32);
        let paint = PixmapPaint::default();
        let as_it_is = Transform::identity();
        self.pixmap
            .draw_pixmap(left, top, picture.as_ref(), &paint, as_it_is, None);
    }

    /// A filled bar with round ends. A bar that is shorter than it is high keeps its length; its ends become flatter.
    pub(super) fn bar(&mut self, left: f32, top: f32, width: f32, height: f32, colour: Rgb) {
        let radius = (height / 2.0).min(width / 2.0);
        let Some(rect) = Rect::from_xywh(left, top, width, height) else {
            return;
        };
        let mut path = PathBuilder::new();
        let (right, bottom) = (rect.right(), rect.bottom());
        path.move_to(left + radius, top);
        path.line_to(right - radius, top);
        path.quad_to(right, top, right, top + radius);
        path.line_to(right, bottom - radius);
        path.quad_to(right, bottom, right - radius, bottom);
        path.line_to(left + radius, bottom);
        path.quad_to(left, bottom, left, bottom - radius);
        path.line_to(left, top + radius);
        path.quad_to(left, top, left + radius, top);
        path.close();
        let Some(path) = path.finish() else {
            return;
        };
        let mut paint = Paint::default();
        let [red, green, blue] = colour;
        paint.set_color_rgba8(red, green, blue, 255);
        let as_it_is = Transform::identity();
        self.pixmap
            .fill_path(&path, &paint, FillRule::Winding, as_it_is, None);
    }

    /// Lays out `text`, which must be one line, in at most `room` pixels.
    pub(super) fn line(&mut self, text: &str, size: f32, room: f32, shorten: Shorten) -> Line {
        self.words.line(text, size, room, shorten)
    }

    /// A filled rectangle.
    pub(super) fn rectangle(&mut self, left: f32, top: f32, width: f32, height: f32, colour: Rgb) {
        let Some(rect) = Rect::from_xywh(left, top, width, height) else {
            return;
        };
        let mut paint = Paint::default();
        let [red, green, blue] = colour;
        paint.set_color_rgba8(red, green, blue, 255);
        self.pixmap
            .fill_rect(rect, &paint, Transform::identity(), None);
    }

    /// Writes a line from `left` on `baseline`.
    pub(super) fn write(&mut self, line: Line, left: f32, baseline: f32, colour: Rgb) {
        self.put_line(line, (left, baseline), colour, |x, y| (x, y));
    }

    /// Writes a line upwards, turned to the left: from `bottom`, with its baseline at `baseline` from the left.
    pub(super) fn write_upwards(&mut self, line: Line, baseline: f32, bottom: f32, colour: Rgb) {
        let (left, bottom) = (baseline.round() as i32, bottom.round() as i32);
        self.put_line(line, (0.0, 0.0), colour, |x, y| (left + y, bottom - x));
    }

    /// Writes a line, each of whose pixels goes where `place` says.
    fn put_line(
        &mut self,
        mut line: Line,
        start: (f32, f32),
        colour: Rgb,
        place: impl Fn(i32, i32) -> (i32, i32),
    ) {
        let (width, height) = (self.pixmap.width(), self.pixmap.height());
        let pixels = self.pixmap.data_mut();
        let put = |x: i32, y: i32, ink: Rgb, alpha: u8| {
            let (x, y) = place(x, y);
            let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else {
                return;
            };
            if x >= width || y >= height {
                return;
            }
            let start = (y * width + x) as usize * 4;
            for (below, ink) in pixels[start..start + 3].iter_mut().zip(ink) {
                let mixed = u32::from(ink) * u32::from(alpha)
                    + u32::from(*below) * (255 - u32::from(alpha));
                *below = (mixed / 255) as u8;
            }
        };
        self.words.draw(&mut line, start, colour, put);
    }

    /// The pixels `[height, width, 3]`, RGB, with width and height, and the characters that could not be drawn.
    pub(super) fn finish(self) -> (Vec<u8>, u32, u32, String) {
        let opaque = self.pixmap.pixels().iter();
        let rgb = opaque
            .flat_map(|pixel| [pixel.red(), pixel.green(), pixel.blue()])
            .collect();
        let (width, height) = (self.pixmap.width(), self.pixmap.height());
        (rgb, width, height, self.words.into_missing())
    }
}
