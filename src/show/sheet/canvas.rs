//! Shapes, pictures and words on a picture.

use ab_glyph::{Font, FontRef, GlyphId, OutlineCurve, Point, PxScale, ScaleFont};
use tiny_skia::{
    Color, ColorU8, FillRule, Paint, PathBuilder, Pixmap, PixmapPaint, Rect, Transform,
};

use crate::show::picture::PictureError;

/// Red, green, blue.
pub type Rgb = [u8; 3];

/// A picture being drawn. Lengths are in pixels from the upper left corner.
pub struct Canvas {
    pixmap: Pixmap,
    font: FontRef<'static>,
}

fn cannot_draw(what: impl ToString) -> PictureError {
    PictureError::Encode(what.to_string())
}

impl Canvas {
    /// An empty picture.
    pub fn new(width: f32, height: f32, colour: Rgb) -> Result<Self, PictureError> {
        let mut pixmap = Pixmap::new(width.ceil() as u32, height.ceil() as u32)
            .ok_or_else(|| cannot_draw("the sheet has no size"))?;
        let [red, green, blue] = colour;
        pixmap.fill(Color::from_rgba8(red, green, blue, 255));
        let font =
            FontRef::try_from_slice(epaint_default_fonts::UBUNTU_LIGHT).map_err(cannot_draw)?;
        Ok(Self { pixmap, font })
    }

    /// Copies RGB pixels `[side, side, 3]`.
    pub fn picture(&mut self, rgb: &[u8], side: usize, left: f32, top: f32) {
        let Some(mut picture) = Pixmap::new(side as u32, side as u32) else {
            return;
        };
        for (out, pixel) in picture.pixels_mut().iter_mut().zip(rgb.chunks_exact(3)) {
            *out = ColorU8::from_rgba(pixel[0], pixel[1], pixel[2], 255).premultiply();
        }
        let (left, top) = (left.round() as i32, top.round() as i32);
        let paint = PixmapPaint::default();
        self.pixmap.draw_pixmap(
            left,
            top,
            picture.as_ref(),
            &paint,
            Transform::identity(),
            None,
        );
    }

    /// A filled bar with round ends; one shorter than it is high is drawn as short as it is.
    pub fn bar(&mut self, left: f32, top: f32, width: f32, height: f32, colour: Rgb) {
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
        self.fill(path, colour);
    }

    /// Writes `text` from `left` on `baseline`.
    pub fn text(&mut self, text: &str, left: f32, baseline: f32, size: f32, colour: Rgb) {
        let mut path = PathBuilder::new();
        for (glyph, offset) in self.glyphs(text, size) {
            self.outline(
                &mut path,
                glyph,
                size,
                Point {
                    x: left + offset,
                    y: baseline,
                },
            );
        }
        self.fill(path, colour);
    }

    /// How wide `text` is.
    pub fn width(&self, text: &str, size: f32) -> f32 {
        let font = self.font.as_scaled(PxScale::from(size));
        let end = |(glyph, offset)| offset + font.h_advance(glyph);
        self.glyphs(text, size).last().copied().map_or(0.0, end)
    }

    /// `text`, or its start with an ellipsis where it is wider than `room`.
    pub fn shortened(&self, text: &str, size: f32, room: f32) -> String {
        let cut = |kept: &[char]| kept.iter().collect::<String>().trim_end().to_owned() + "…";
        self.fitted(
            text,
            size,
            room,
            |characters, kept| cut(&characters[..kept]),
        )
    }

    /// `text`, or its end with an ellipsis before it where it is wider than `room`: of a path, the end says most.
    pub fn shortened_left(&self, text: &str, size: f32, room: f32) -> String {
        let cut = |kept: &[char]| "…".to_owned() + &kept.iter().collect::<String>();
        self.fitted(text, size, room, |characters, kept| {
            cut(&characters[characters.len() - kept..])
        })
    }

    fn fitted(
        &self,
        text: &str,
        size: f32,
        room: f32,
        cut: impl Fn(&[char], usize) -> String,
    ) -> String {
        if self.width(text, size) <= room {
            return text.to_owned();
        }
        let characters: Vec<char> = text.chars().collect();
        let fits = |&kept: &usize| self.width(&cut(&characters, kept), size) <= room;
        let kept = (0..characters.len()).rev().find(fits).unwrap_or(0);
        cut(&characters, kept)
    }

    /// The picture as a PNG file.
    pub fn png(&self) -> Result<Vec<u8>, PictureError> {
        let (width, height) = (self.pixmap.width(), self.pixmap.height());
        let opaque = self.pixmap.pixels().iter();
        let rgb: Vec<u8> = opaque
            .flat_map(|pixel| [pixel.red(), pixel.green(), pixel.blue()])
            .collect();
        let mut png = Vec::new();
        image::write_buffer_with_format(
            &mut std::io::Cursor::new(&mut png),
            &rgb,
            width,
            height,
            image::ExtendedColorType::Rgb8,
            image::ImageFormat::Png,
        )
        .map_err(cannot_draw)?;
        Ok(png)
    }

    /// The glyphs of `text` with their distances from its start.
    fn glyphs(&self, text: &str, size: f32) -> Vec<(GlyphId, f32)> {
        let font = self.font.as_scaled(PxScale::from(size));
        let mut offset = 0.0;
        let mut previous = None;
        let place = |character| {
            let glyph = font.glyph_id(character);
            if let Some(previous) = previous.replace(glyph) {
                offset += font.kern(previous, glyph);
            }
            let at = offset;
            offset += font.h_advance(glyph);
            (glyph, at)
        };
        text.chars().map(place).collect()
    }

    fn outline(&self, path: &mut PathBuilder, glyph: GlyphId, size: f32, origin: Point) {
        let Some(outline) = self.font.outline(glyph) else {
            return;
        };
        let scale = size / self.font.height_unscaled();
        let at = |point: Point| (origin.x + point.x * scale, origin.y - point.y * scale);
        let mut pen = None;
        for curve in outline.curves {
            let (start, end) = match curve {
                OutlineCurve::Line(start, end)
                | OutlineCurve::Quad(start, _, end)
                | OutlineCurve::Cubic(start, _, _, end) => (start, end),
            };
            // A curve that does not start where the last one ended opens a new contour.
            if pen != Some(start) {
                let (x, y) = at(start);
                path.move_to(x, y);
            }
            pen = Some(end);
            let (x, y) = at(end);
            match curve {
                OutlineCurve::Line(..) => path.line_to(x, y),
                OutlineCurve::Quad(_, control, _) => {
                    let (x1, y1) = at(control);
                    path.quad_to(x1, y1, x, y);
                }
                OutlineCurve::Cubic(_, first, second, _) => {
                    let ((x1, y1), (x2, y2)) = (at(first), at(second));
                    path.cubic_to(x1, y1, x2, y2, x, y);
                }
            }
        }
    }

    fn fill(&mut self, path: PathBuilder, colour: Rgb) {
        // Words of spaces alone have no path.
        let Some(path) = path.finish() else {
            return;
        };
        let mut paint = Paint::default();
        let [red, green, blue] = colour;
        paint.set_color_rgba8(red, green, blue, 255);
        let transform = Transform::identity();
        self.pixmap
            .fill_path(&path, &paint, FillRule::Winding, transform, None);
    }
}
