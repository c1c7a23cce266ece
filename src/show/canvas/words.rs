//! Words on a picture, in any script that a font on this system has.

use std::collections::BTreeSet;

use cosmic_text::{
    Align, Attrs, Buffer, Color, Ellipsize, EllipsizeHeightLimit, Family, FontSystem, Metrics,
    Shaping, SwashCache, Weight, Wrap, fontdb,
};

/// Red, green, blue.
pub(in crate::show) type Rgb = [u8; 3];

/// Which end of a text is cut when it is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::show) enum Shorten {
    /// The start, as the end of a path says most.
    Start,
    /// The end, as the start of a name says most.
    End,
}

/// One line of text, ready to be drawn.
pub(in crate::show) struct Line {
    buffer: Buffer,
    /// Its width in pixels.
    pub width: f32,
    /// The distance from its top to its baseline in pixels.
    baseline: f32,
}

/// The fonts. Text uses the embedded font. The system's fonts are loaded only when a character is missing from it, because
/// loading them takes longer than drawing a sheet.
pub(super) struct Words {
    fonts: FontSystem,
    /// Name and weight of the embedded font.
    family: String,
    weight: Weight,
    cache: SwashCache,
    has_system_fonts: bool,
    /// Characters that no font has.
    missing: BTreeSet<char>,
}

impl Words {
    /// The embedded font alone.
    pub(super) fn new() -> Self {
        let mut database = fontdb::Database::new();
        database.load_font_data(epaint_default_fonts::UBUNTU_LIGHT.to_vec());
        let embedded = database.faces().next();
        let family = embedded.and_then(|face| Some(face.families.first()?.0.clone()));
        let weight = embedded.map(|face| face.weight);
        Self {
            fonts: FontSystem::new_with_locale_and_db(locale(), database),
            family: family.unwrap_or_default(),
            weight: weight.unwrap_or_default(),
            cache: SwashCache::new(),
            has_system_fonts: false,
            missing: BTreeSet::new(),
        }
    }

    /// Lays out `text`, which must be one line, in at most `room` pixels.
    pub(super) fn line(&mut self, text: &str, size: f32, room: f32, shorten: Shorten) -> Line {
        let mut line = self.lay_out(text, size, room, shorten);
        let mut missing = missing(text, &line.buffer);
        if !missing.is_empty() && !self.has_system_fonts {
            self.has_system_fonts = true;
            self.fonts.db_mut().load_system_fonts();
            line = self.lay_out(text, size, room, shorten);
            missing = self::missing(text, &line.buffer);
        }
        self.missing.extend(missing);
        line
    }

    fn lay_out(&mut self, text: &str, size: f32, room: f32, shorten: Shorten) -> Line {
        let mut buffer = Buffer::new(&mut self.fonts, Metrics::relative(size, 1.3));
        let one_line = EllipsizeHeightLimit::Lines(1);
        buffer.set_wrap(Wrap::None);
        buffer.set_ellipsize(match shorten {
            Shorten::Start => Ellipsize::Start(one_line),
            Shorten::End => Ellipsize::End(one_line),
        });
        buffer.set_size(Some(room), None);
        let family = Family::Name(&self.family);
        let attributes = Attrs::new().family(family).weight(self.weight);
        // Names from right to left, too, stand at the left of their column.
        buffer.set_text(text, &attributes, Shaping::Advanced, Some(Align::Left));
        buffer.shape_until_scroll(&mut self.fonts, false);
        let run = buffer.layout_runs().next();
        let (width, baseline) = run.map_or((0.0, 0.0), |run| (run.line_w, run.line_y));
        Line {
            buffer,
            width,
            baseline,
        }
    }

    /// Draws `line` with its left end and its baseline at the given place. `put` receives each pixel: x, y, colour and opacity
    /// (0 to 255).
    pub(super) fn draw(
        &mut self,
        line: &mut Line,
        (left, baseline): (f32, f32),
        [red, green, blue]: Rgb,
        mut put: impl FnMut(i32, i32, Rgb, u8),
    ) {
        let (left, top) = (
            left.round() as i32,
            (baseline - line.baseline).round() as i32,
        );
        let ink = Color::rgb(red, green, blue);
        let put = |x: i32, y: i32, width: u32, height: u32, colour: Color| {
            let (red, green, blue, alpha) = colour.as_rgba_tuple();
            for (dx, dy) in (0..height).flat_map(|dy| (0..width).map(move |dx| (dx, dy))) {
                let (x, y) = (left + x + dx as i32, top + y + dy as i32);
                put(x, y, [red, green, blue], alpha);
            }
        };
        line.buffer.draw(&mut self.fonts, &mut self.cache, ink, put);
    }

    /// The characters that no font has. They were drawn as boxes.
    pub(super) fn into_missing(self) -> String {
        self.missing.into_iter().collect()
    }
}

/// The characters of `text` for which there is no glyph.
fn missing(text: &str, buffer: &Buffer) -> BTreeSet<char> {
    let glyphs = buffer.layout_runs().flat_map(|run| run.glyphs);
    let without = glyphs.filter(|glyph| glyph.glyph_id == 0);
    without
        .filter_map(|glyph| text.get(glyph.start..glyph.end))
        .flat_map(str::chars)
        .collect()
}

/// The user's language, which decides between Chinese, Japanese and Korean forms of a character: `ja-JP` for `ja_JP.UTF-8`.
fn locale() -> String {
    let named = ["LC_ALL", "LC_CTYPE", "LANG"].map(|name| std::env::var(name).ok());
    let named = named.into_iter().flatten().find(|value| !value.is_empty());
    let named = named.unwrap_or_default();
    let language = named.split(['.', '@']).next().unwrap_or_default();
    language.replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_too_wide_is_shortened_to_its_room() {
        let mut words = Words::new();
        let path = "clips/of/many/people/arm wrestling.mp4";
        let whole = words.line(path, 20.0, 1000.0, Shorten::Start).width;
        for shorten in [Shorten::Start, Shorten::End] {
            let line = words.line(path, 20.0, 150.0, shorten);
            assert!(line.width <= 150.0 && line.width > 100.0, "{}", line.width);
        }
        assert!(whole > 150.0, "{whole}");
    }

    #[test]
    fn the_embedded_font_is_enough_for_latin_greek_and_cyrillic() {
        let mut words = Words::new();
        words.line("Größe, вольная борьба, πάλη …", 20.0, 1000.0, Shorten::End);
        assert!(!words.has_system_fonts);
        assert_eq!(words.into_missing(), "");
    }

    #[test]
    fn characters_that_no_font_has_are_named() {
        let mut words = Words::new();
        // Private use: a font may have it, but none that comes with a system.
        let latin = |words: &mut Words| words.line("Growing", 20.0, 1000.0, Shorten::End).width;
        let before = latin(&mut words);
        words.line("a\u{10fffd}b", 20.0, 1000.0, Shorten::End);
        assert!(words.has_system_fonts);
        assert_eq!(latin(&mut words), before, "other text keeps its font");
        assert_eq!(words.into_missing(), "\u{10fffd}");
    }
}
