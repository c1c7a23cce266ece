//! One answer on the page.

use askama::Template;

use crate::recognise::{Class, Prediction, Row};
use crate::show::strip::Strip;
use crate::show::words::{frames_text, percentage, range_text};
use crate::text::one_line;

/// The row of the page's table.
#[derive(Template)]
#[template(path = "clip.html", config = "src/show/templates/askama.toml")]
pub(super) struct ClipRow<'a> {
    row: &'a Row,
    strip: &'a Strip,
    /// Place in the input, from 1.
    number: usize,
    path: String,
    range: Option<String>,
}

impl<'a> ClipRow<'a> {
    pub(super) fn new(row: &'a Row, strip: &'a Strip, number: usize) -> Self {
        Self {
            row,
            strip,
            number,
            path: one_line(&row.clip().text()),
            range: row.range().map(range_text),
        }
    }
}

fn best_score(answer: &Prediction) -> f32 {
    answer.top.first().map_or(0.0, |class: &Class| class.score)
}

/// Width of the bar for a score, in percent.
fn bar(score: f32) -> String {
    format!("{:.1}", score.clamp(0.0, 1.0) * 100.0)
}

/// `182 ms`, `2.41 s`.
fn duration(milliseconds: f64) -> String {
    if milliseconds < 999.5 {
        format!("{milliseconds:.0} ms")
    } else {
        format!("{:.2} s", milliseconds / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        assert_eq!(duration(0.4), "0 ms");
        assert_eq!(duration(182.25), "182 ms");
        assert_eq!(duration(999.6), "1.00 s");
    }
}
