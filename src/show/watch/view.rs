//! The live view: what is known about each source, in lines that fit a terminal.

use std::time::Duration;

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr;

use super::lines::{event_line, seconds};
use super::row::{EventRow, GuessRow, StepRow};
use crate::show::bar::bar;
use crate::show::rows::Colour;
use crate::show::words::percentage;
use crate::text::one_line;
use crate::text::terminal::{end_of, fitted, start_of};

/// What is known about a source.
#[derive(Debug, Clone, Copy)]
pub struct SourceView<'a> {
    /// As it was named.
    pub name: &'a str,
    /// Its last step.
    pub step: Option<&'a StepRow>,
    /// Frames that wait for the next step.
    pub waiting: usize,
    /// Frames per second of late.
    pub rate: Option<f64>,
    /// The median and the 95th percentile of the latency.
    pub latency: Option<(Duration, Duration)>,
    /// Frames that were dropped so far.
    pub dropped: u64,
    /// Whether it has ended.
    pub is_over: bool,
}

/// How much room there is, and how it is used.
#[derive(Debug, Clone, Copy)]
pub struct ViewStyle {
    /// Columns.
    pub width: usize,
    /// Lines.
    pub height: usize,
    /// Whether it is coloured.
    pub colour: Colour,
}

/// Rank and its gaps, the gaps around the bar, and `100.00%`.
const FIXED_COLUMNS: usize = 6 + 2 + 2 + 7;
const MIN_BAR: usize = 6;
const MAX_BAR: usize = 30;
/// Columns beyond which lines are harder to read.
const MAX_WIDTH: usize = 100;
const MIN_WIDTH: usize = 24;

/// The lines about all sources. Where there is no room for everything, each source shows fewer classes.
pub fn view(sources: &[SourceView<'_>], style: ViewStyle) -> Vec<String> {
    // The last column and the last line stay free, or terminals scroll.
    let style = ViewStyle {
        width: (style.width.saturating_sub(1)).clamp(MIN_WIDTH, MAX_WIDTH),
        height: style.height.saturating_sub(1).max(1),
        ..style
    };
    let each = style.height / sources.len().max(1);
    let lines = sources.iter().flat_map(|source| source.lines(style, each));
    lines.take(style.height).collect()
}

impl SourceView<'_> {
    /// At most `room` lines, but at least one.
    fn lines(&self, style: ViewStyle, room: usize) -> Vec<String> {
        let mut lines = vec![self.title(style), self.facts(style)];
        if let Some(step) = self.step {
            let uncertain = step.uncertain.then(|| "  nothing certain".to_owned());
            let event = step.event.as_ref().map(lasting);
            let more = uncertain.or(event).map(|line| start_of(&line, style.width));
            let classes = room.saturating_sub(lines.len() + 1);
            lines.extend(guesses(&step.averaged, style).into_iter().take(classes));
            lines.push(more.unwrap_or_default());
        }
        lines.truncate(room.max(1));
        lines
    }

    fn title(&self, style: ViewStyle) -> String {
        let time = match self.step {
            Some(step) => seconds(step.end_seconds),
            None => String::new(),
        };
        let end = if self.is_over { "  ended" } else { "" };
        let room = style.width.saturating_sub(time.width() + end.len() + 2);
        let name = end_of(&one_line(self.name), room);
        let gap = " ".repeat(room.saturating_sub(name.width()) + 2);
        let name = paint(style, Style::new().bold(), &name);
        format!("{name}{gap}{time}{end}")
    }

    fn facts(&self, style: ViewStyle) -> String {
        let mut parts = Vec::new();
        if self.step.is_none() && !self.is_over {
            parts.push(match self.waiting {
                0 => "waiting for the first frame".to_owned(),
                1 => "1 frame so far".to_owned(),
                frames => format!("{frames} frames so far"),
            });
        }
        if let Some(rate) = self.rate {
            parts.push(format!("{rate:.1} frames/s"));
        }
        if let Some((median, late)) = self.latency {
            let (median, late) = (median.as_millis(), late.as_millis());
            parts.push(format!("latency p50 {median} ms, p95 {late} ms"));
        }
        if self.step.is_some() {
            parts.push(format!("{} dropped", self.dropped));
        }
        start_of(&format!("  {}", parts.join("   ")), style.width)
    }
}

fn lasting(event: &EventRow) -> String {
    let label = one_line(&event.label);
    format!("  event: {label} since {}", seconds(event.start_seconds))
}

/// An event that has ended, as a line of its own.
pub fn ended(name: Option<&str>, event: &EventRow) -> String {
    match name {
        Some(name) => format!("{}: {}", one_line(name), event_line(event)),
        None => event_line(event),
    }
}

fn guesses(guesses: &[GuessRow], style: ViewStyle) -> Vec<String> {
    let labels: Vec<String> = guesses.iter().map(|guess| one_line(&guess.label)).collect();
    let widest = labels.iter().map(|label| label.width()).max().unwrap_or(0);
    let label_width = widest.min(style.width.saturating_sub(FIXED_COLUMNS + MIN_BAR));
    let bar_width = (style.width.saturating_sub(FIXED_COLUMNS + label_width)).min(MAX_BAR);
    let line = |(index, (guess, label)): (usize, (&GuessRow, &String))| {
        let strong = match index {
            0 => Style::new().bold(),
            _ => Style::new(),
        };
        let label = paint(style, strong, &fitted(label, label_width));
        let bar = bar(guess.score, bar_width);
        let bar = paint(style, AnsiColor::Cyan.on_default(), &bar);
        let percent = percentage(guess.score);
        format!("{:>4}  {label}  {bar}  {percent:>7}", index + 1)
    };
    guesses.iter().zip(&labels).enumerate().map(line).collect()
}

fn paint(style: ViewStyle, paint: Style, text: &str) -> String {
    match style.colour {
        Colour::Never => text.to_owned(),
        Colour::Always => format!("{paint}{text}{paint:#}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(classes: usize) -> StepRow {
        let guess = |index: usize| GuessRow {
            index,
            label: format!("a class with a rather long name of its own, {index}"),
            score: 1.0 / (index + 1) as f32,
        };
        StepRow {
            source: "camera".into(),
            step: 3,
            first_frame: 48,
            last_frame: 63,
            start_seconds: 1.92,
            end_seconds: 2.52,
            frames: Vec::new(),
            computed: 8,
            uncertain: false,
            top: Vec::new(),
            averaged: (0..classes).map(guess).collect(),
            event: Some(EventRow {
                index: 0,
                label: "moving up".into(),
                start_seconds: 0.0,
                end_seconds: 2.52,
                score: 0.9,
            }),
            ended: Vec::new(),
            dropped: 0,
            latency_ms: 100.0,
            forward_ms: 90.0,
            last: false,
        }
    }

    fn source<'a>(name: &'a str, step: Option<&'a StepRow>) -> SourceView<'a> {
        SourceView {
            name,
            step,
            waiting: 3,
            rate: Some(25.04),
            latency: Some((Duration::from_millis(92), Duration::from_millis(110))),
            dropped: 7,
            is_over: false,
        }
    }

    fn plain(width: usize, height: usize) -> ViewStyle {
        ViewStyle {
            width,
            height,
            colour: Colour::Never,
        }
    }

    #[test]
    fn a_source_shows_its_time_its_classes_and_how_quick_it_is() {
        let step = step(2);
        let lines = view(&[source("rtsp://camera/1", Some(&step))], plain(80, 24));
        assert!(lines[0].starts_with("rtsp://camera/1 ") && lines[0].ends_with("  2.52 s"));
        assert_eq!(
            lines[1],
            "  25.0 frames/s   latency p50 92 ms, p95 110 ms   7 dropped"
        );
        assert!(
            lines[2].contains("█") && lines[2].ends_with("100.00%"),
            "{}",
            lines[2]
        );
        assert_eq!(lines[4], "  event: moving up since 0.00 s");
    }

    #[test]
    fn a_source_without_a_step_says_what_it_has() {
        let lines = view(&[source("camera", None)], plain(80, 24));
        assert_eq!(lines.len(), 2);
        assert!(lines[1].starts_with("  3 frames so far"));
    }

    #[test]
    fn the_view_fits_every_terminal() {
        let step = step(20);
        let name = "rtsp://a/name/that/is/longer/than/any/terminal/would/ever/be/wide/1";
        for sources in 1..6 {
            let sources = vec![source(name, Some(&step)); sources];
            for width in [25, 40, 80, 200] {
                for height in [2, 5, 24] {
                    let lines = view(&sources, plain(width, height));
                    assert!(!lines.is_empty() && lines.len() < height.max(2));
                    for line in &lines {
                        assert!(line.width() < width.max(25), "{width}: {line}");
                    }
                }
            }
        }
    }
}
