//! The import report in words.

use std::fmt::{self, Display, Formatter};

use super::compare::{Misfit, Verdict};
use super::names::tail;
use super::report::{MatchReport, Named};
use super::share::words;
use crate::text::{counted, printable};
use crate::weights::tensor::Dtype;

/// Lists of tensors are shown in full up to so many lines.
const MAX_LINES: usize = 8;
/// Of longer lists, so many lines are shown and the rest is counted.
const SHORT: usize = 4;

/// Shows a [`MatchReport`] to a reader.
pub struct ReportText<'a>(pub &'a MatchReport);

impl Display for ReportText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let report = self.0;
        let width = WIDEST;
        ReportHead { report, width }.fmt(f)?;
        let mut hints = report.hints.iter();
        hints.try_for_each(|hint| writeln!(f, "hint: {hint}"))?;
        ReportDifferences(report).fmt(f)
    }
}

/// Shows what a [`MatchReport`] found: the first part. Hints come next, which a caller may word with what there is to try,
/// then the differences.
pub struct ReportHead<'a> {
    /// The report.
    pub report: &'a MatchReport,
    /// Columns there are. No more than 80 are used.
    pub width: usize,
}

/// Columns that lists of facts take at most.
const WIDEST: usize = 80;

impl Display for ReportHead<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let report = self.report;
        writeln!(
            f,
            "matched {} of {} tensors of {}",
            report.matched, report.total, report.architecture
        )?;
        facts(f, report, self.width)
    }
}

/// Shows the tensors that a [`MatchReport`] is not content with: the last part.
pub struct ReportDifferences<'a>(pub &'a MatchReport);

impl Display for ReportDifferences<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let report = self.0;
        let tensors = ["tensor", "tensors"];
        list(f, tensors, "missing from the file", &runs(&report.missing))?;
        list(
            f,
            tensors,
            "unexpected in the file",
            &runs(&report.unexpected),
        )?;
        mismatched(f, report)?;
        collisions(f, report)?;
        non_finite(f, report)?;
        if !report.suspicious.is_empty() {
            let names: Vec<String> = report
                .suspicious
                .iter()
                .map(|name| printable(name))
                .collect();
            writeln!(
                f,
                "warning: the file names {}, which would run when",
                names.join(", ")
            )?;
            writeln!(f, "         Python loads it. eco runs nothing in a file.")?;
        }
        Ok(())
    }
}

/// Shows a shape as PyTorch does.
pub(super) fn shape(extents: &[usize]) -> String {
    let extents: Vec<String> = extents.iter().map(ToString::to_string).collect();
    format!("[{}]", extents.join(", "))
}

fn facts(f: &mut Formatter<'_>, report: &MatchReport, width: usize) -> fmt::Result {
    writeln!(f, "  file        {}", report.file.display())?;
    writeln!(
        f,
        "  container   {}, {}",
        report.container.describe(),
        counted(report.file_tensors, "tensor", "tensors")
    )?;
    let key = if report.key.is_empty() {
        "(top level)".to_string()
    } else {
        printable(&report.key)
    };
    writeln!(f, "  key         {key}")?;
    if let Some(classes) = report.classes {
        let differs = match report.model_classes {
            Some(model) if model != classes => format!(", model {model}: the file decides"),
            _ => String::new(),
        };
        writeln!(f, "  classes     {classes}{differs}")?;
    }
    for converted in &report.converted {
        let (from, to) = (dtype(converted.from), dtype(converted.to));
        writeln!(
            f,
            "  converted   {} from {from} to {to}",
            counted(converted.tensors, "tensor", "tensors")
        )?;
    }
    if report.squeezed > 0 {
        writeln!(
            f,
            "  reshaped    {}, such as [1, C] to [C]",
            counted(report.squeezed, "tensor", "tensors")
        )?;
    }
    for shortened in &report.shortened {
        writeln!(
            f,
            "  shortened   {} from {} to {}, as the authors did",
            tail(&shortened.name),
            shape(&shortened.file_shape),
            shape(&shortened.model_shape)
        )?;
    }
    if report.counters_filled > 0 {
        writeln!(
            f,
            "  filled in   {} num_batches_tracked, with 0",
            report.counters_filled
        )?;
    }
    if report.verdict == Verdict::Partial {
        let [taken, rest] = words(&report.parts);
        wrapped(f, "taken", &taken, width)?;
        wrapped(f, "to train", &rest, width)?;
    }
    let used: Vec<String> = report.facts.iter().map(ToString::to_string).collect();
    wrapped(f, "use with", &used, width)?;
    let ignored: Vec<String> = report
        .ignored
        .iter()
        .map(|i| format!("{} ({})", printable(&i.key), i.what))
        .collect();
    wrapped(f, "ignored", &ignored, width)
}

/// Items in as many lines as they take, under one title.
fn wrapped(f: &mut Formatter<'_>, title: &str, items: &[String], width: usize) -> fmt::Result {
    const TITLE: usize = 14;
    let width = width.clamp(TITLE + 20, WIDEST) - TITLE;
    for (number, line) in wrap(items, width).iter().enumerate() {
        let title = if number == 0 { title } else { "" };
        writeln!(f, "  {title:<11} {line}")?;
    }
    Ok(())
}

fn dtype(dtype: Dtype) -> String {
    match dtype {
        Dtype::F64 => "float64".to_string(),
        Dtype::F32 => "float32".to_string(),
        Dtype::F16 => "float16".to_string(),
        Dtype::BF16 => "bfloat16".to_string(),
        Dtype::I64 => "int64".to_string(),
        other => other.to_string(),
    }
}

/// A tensor, or several neighbours of one layer, as one line.
fn runs(tensors: &[Named]) -> Vec<(String, usize)> {
    let layer = |t: &Named| {
        t.name
            .rsplit_once('.')
            .map_or("", |(layer, _)| layer)
            .to_string()
    };
    let mut lines: Vec<(String, usize)> = Vec::new();
    for run in tensors.chunk_by(|a, b| !layer(a).is_empty() && layer(a) == layer(b)) {
        let line = match run {
            [one] => format!("{} {}", printable(&one.name), shape(&one.shape)),
            several => {
                let parts: Vec<&str> = several
                    .iter()
                    .map(|t| t.name.rsplit('.').next().unwrap_or(""))
                    .collect();
                let shapes: Vec<String> = several.iter().map(|t| shape(&t.shape)).collect();
                format!(
                    "{}.{{{}}} {}",
                    printable(&layer(&several[0])),
                    printable(&parts.join(",")),
                    one_or_all(&shapes)
                )
            }
        };
        lines.push((line, run.len()));
    }
    lines
}

fn one_or_all(shapes: &[String]) -> String {
    match shapes {
        [first, rest @ ..] if rest.iter().all(|shape| shape == first) => first.clone(),
        shapes => shapes.join(" "),
    }
}

/// Lists lines up to a limit, then counts the tensors in the rest. `noun` is what they count, one and several.
fn list(
    f: &mut Formatter<'_>,
    noun: [&str; 2],
    title: &str,
    lines: &[(String, usize)],
) -> fmt::Result {
    let total: usize = lines.iter().map(|(_, tensors)| tensors).sum();
    if total == 0 {
        return Ok(());
    }
    writeln!(f, "{total} {} {title}:", noun[usize::from(total > 1)])?;
    let shown = match lines.len() {
        ..=MAX_LINES => lines.len(),
        _ => SHORT,
    };
    for (line, _) in &lines[..shown] {
        writeln!(f, "  {line}")?;
    }
    let rest: usize = lines[shown..].iter().map(|(_, tensors)| tensors).sum();
    if rest > 0 {
        writeln!(f, "  ... and {rest} more")?;
    }
    Ok(())
}

fn mismatched(f: &mut Formatter<'_>, report: &MatchReport) -> fmt::Result {
    let lines: Vec<(String, usize)> = report
        .mismatched
        .iter()
        .map(|m| {
            let what = match m.why {
                Misfit::Shape | Misfit::Classes => {
                    format!(
                        "file {}, model {}",
                        shape(&m.file_shape),
                        shape(&m.model_shape)
                    )
                }
                Misfit::Weight => {
                    "the classifier's weight is not there or does not fit".to_string()
                }
                Misfit::Dtype => {
                    format!("file {}, which holds no float weights", dtype(m.file_dtype))
                }
            };
            (format!("{}: {what}", printable(&m.file_name)), 1)
        })
        .collect();
    let noun = ["tensor does not fit", "tensors do not fit"];
    list(f, noun, "the model", &lines)
}

fn collisions(f: &mut Formatter<'_>, report: &MatchReport) -> fmt::Result {
    let lines: Vec<(String, usize)> = report
        .collisions
        .iter()
        .map(|c| {
            (
                format!(
                    "{} from {}",
                    tail(&c.name),
                    printable(&c.file_names.join(" and "))
                ),
                1,
            )
        })
        .collect();
    let noun = ["name", "names"];
    list(f, noun, "that several tensors of the file have", &lines)
}

fn non_finite(f: &mut Formatter<'_>, report: &MatchReport) -> fmt::Result {
    let lines: Vec<(String, usize)> = report
        .non_finite
        .iter()
        .map(|n| (format!("{}: {} of {} values", n.name, n.values, n.of), 1))
        .collect();
    list(
        f,
        ["tensor", "tensors"],
        "with NaN or infinite values; results will be no numbers",
        &lines,
    )
}

/// Joins items with commas into lines of about `width` characters.
fn wrap(items: &[String], width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for item in items {
        match lines.last_mut() {
            Some(line) if line.chars().count() + item.chars().count() + 2 <= width => {
                line.push_str(", ");
                line.push_str(item);
            }
            _ => lines.push(item.clone()),
        }
    }
    lines
}

impl MatchReport {
    /// One line that says how it went.
    pub fn outcome(&self) -> String {
        let outcome = match self.verdict {
            Verdict::Complete if self.unexpected.is_empty() => "all tensors match",
            Verdict::Complete => {
                "every tensor of the model matches; the rest of the file is left out"
            }
            Verdict::Partial => "some tensors match; the rest stays uninitialised",
            Verdict::Mismatch => {
                return format!(
                    "this is not a complete set of {} weights",
                    self.architecture
                );
            }
        };
        outcome.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, shape: &[usize]) -> Named {
        Named {
            name: name.to_string(),
            shape: shape.to_vec(),
        }
    }

    #[test]
    fn tensors_of_one_layer_share_a_line() {
        let lines = runs(&[
            named("a.bn.weight", &[64]),
            named("a.bn.bias", &[64]),
            named("a.conv.weight", &[64, 3, 7, 7]),
            named("epoch", &[]),
        ]);
        let text: Vec<&str> = lines.iter().map(|(line, _)| line.as_str()).collect();
        assert_eq!(
            text,
            [
                "a.bn.{weight,bias} [64]",
                "a.conv.weight [64, 3, 7, 7]",
                "epoch []"
            ]
        );
    }

    #[test]
    fn items_wrap_at_the_width() {
        let items: Vec<String> = ["aaaa", "bbbb", "cc"].map(String::from).to_vec();
        assert_eq!(wrap(&items, 10), ["aaaa, bbbb", "cc"]);
    }
}
