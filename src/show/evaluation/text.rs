use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use super::summary::{RANK_RULE, Summary};
use crate::recognise::ClipName;
use crate::recognise::evaluation::{Calibration, ClassMeasures, Share};
use crate::text::one_line;
use crate::text::terminal::{fitted, wrapped};

/// Pairs of classes that are listed.
const CONFUSED: usize = 10;
/// Clips that failed that are listed.
const FAILURES: usize = 20;
/// Columns of a table's numbers and the blanks before them.
const NUMBERS: usize = 4 * 11;
/// Columns that a label has at least and at most.
const LABEL: (usize, usize) = (12, 50);

/// Writes the summary for people, in `width` columns.
///
/// # Errors
/// Those of the sink.
pub fn write_text(mut sink: impl Write, summary: &Summary, width: usize) -> io::Result<()> {
    let out = &mut sink;
    let evaluation = summary.evaluation;
    head(out, summary)?;
    let measures = evaluation.per_class();
    let shown: Vec<usize> = (0..measures.len())
        .filter(|&class| measures[class].support + measures[class].predicted > 0)
        .collect();
    let name = |class: usize| one_line(&summary.labels[class]);
    let widest = shown.iter().map(|&class| name(class).width());
    let room = width.saturating_sub(NUMBERS).clamp(LABEL.0, LABEL.1);
    let column = widest.max().unwrap_or(0).clamp(LABEL.0, room);
    writeln!(
        out,
        "\n{}  precision     recall         f1    support",
        fitted("class", column)
    )?;
    for &class in &shown {
        let ClassMeasures {
            precision,
            recall,
            f1,
            support,
            ..
        } = measures[class];
        let label = fitted(&name(class), column);
        writeln!(
            out,
            "{label}{precision:>11.4}{recall:>11.4}{f1:>11.4}{support:>11}"
        )?;
    }
    let hidden = measures.len() - shown.len();
    if hidden > 0 {
        let (classes, have) = match hidden {
            1 => ("class", "has"),
            _ => ("classes", "have"),
        };
        writeln!(out, "({hidden} {classes} {have} neither clips nor answers)")?;
    }
    let confused = evaluation.most_confused();
    if !confused.is_empty() {
        writeln!(out, "\nmost confused")?;
    }
    for pair in confused.iter().take(CONFUSED) {
        let [truth, predicted] = [pair.truth, pair.predicted].map(name);
        writeln!(out, "{:>6}  {truth}, taken for {predicted}", pair.count)?;
    }
    reliability(out, &evaluation.calibration())?;
    failures(out, summary.failures)?;
    writeln!(out, "\n{}", wrapped(RANK_RULE, width.clamp(40, 100)))?;
    out.flush()
}

fn head(out: &mut impl Write, summary: &Summary) -> io::Result<()> {
    let evaluation = summary.evaluation;
    let mut clips = format!("{} answered", evaluation.answered());
    for (count, what) in [
        (evaluation.failed() as usize, "failed"),
        (summary.left_out.unlabelled, "without a label"),
        (summary.left_out.unknown_class, "of unknown classes"),
    ] {
        if count > 0 {
            clips += &format!(", {count} {what}");
        }
    }
    if let Some(reason) = summary.ending.reason() {
        clips += &format!(" (incomplete: {reason})");
    }
    line(out, "clips", &clips)?;
    for k in summary.telling_ks() {
        line(out, &format!("top-{k}"), &share(&evaluation.top(k)))?;
    }
    let (mean, classes) = evaluation.mean_class_accuracy();
    let without = match evaluation.classes() - classes {
        0 => String::new(),
        1 => "; 1 has none".to_owned(),
        count => format!("; {count} have none"),
    };
    let over = match classes {
        1 => "the one class that has clips".to_owned(),
        _ => format!("the {classes} classes that have clips"),
    };
    let mean = format!("{}  over {over}{without}", percent(mean));
    line(out, "mean class", &mean)?;
    if let (Some([coverage, accuracy]), Some(least)) = (evaluation.confident(), summary.min_score) {
        let least = f64::from(least) * 100.0;
        let text = format!("{} have a score of at least {least:.1} %", share(&coverage));
        line(out, "confident", &text)?;
        line(out, "of these", &format!("{} right", share(&accuracy)))?;
    }
    let ece = evaluation.calibration().ece;
    let ece = ece.map_or("-".to_owned(), |ece| format!("{ece:.4}"));
    line(
        out,
        "calibration",
        &format!("{ece} expected error of the scores"),
    )?;
    if let Some((clips, seconds)) = summary.speed {
        let rate = clips as f64 / seconds.max(1e-9);
        line(out, "speed", &format!("{rate:.2} clips/s"))?;
    }
    Ok(())
}

/// The bins that have answers.
fn reliability(out: &mut impl Write, calibration: &Calibration) -> io::Result<()> {
    let filled = calibration.bins.iter().filter(|bin| bin.samples > 0);
    let mut filled = filled.peekable();
    if filled.peek().is_some() {
        writeln!(out, "\nscore               answers      right  mean score")?;
    }
    for bin in filled {
        let range = format!("{:.1} to {:.1} %", bin.above * 100.0, bin.up_to * 100.0);
        let [right, score] = [bin.accuracy, bin.confidence].map(percent);
        writeln!(out, "{range:<16}{:>11}{right:>11}{score:>12}", bin.samples)?;
    }
    Ok(())
}

fn failures(out: &mut impl Write, failures: &[(ClipName, String)]) -> io::Result<()> {
    if !failures.is_empty() {
        writeln!(out, "\nfailed")?;
    }
    for (clip, error) in failures.iter().take(FAILURES) {
        writeln!(out, "  {}: {}", one_line(&clip.text()), one_line(error))?;
    }
    let more = failures.len().saturating_sub(FAILURES);
    match more {
        0 => Ok(()),
        _ => writeln!(out, "  and {more} more; --format json lists them all"),
    }
}

pub(in crate::show) fn line(out: &mut impl Write, name: &str, value: &str) -> io::Result<()> {
    writeln!(out, "{name:<12} {value}")
}

pub(in crate::show) fn percent(share: Option<f64>) -> String {
    share.map_or("-".to_owned(), |share| format!("{:.2} %", share * 100.0))
}

/// `98.67 %  (296 of 300; 95 % interval 96.62 to 99.48 %)`
pub(in crate::show) fn share(share: &Share) -> String {
    let interval = share.interval.map_or(String::new(), |interval| {
        let [low, high] = [interval.low, interval.high].map(|end| end * 100.0);
        format!("; 95 % interval {low:.2} to {high:.2} %")
    });
    let Share { count, of, .. } = share;
    format!("{}  ({count} of {of}{interval})", percent(share.share))
}
