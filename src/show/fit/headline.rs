//! The numbers and facts at the top of the page.

use super::contents::FitPage;
use super::epoch::best;
use crate::show::evaluation::{Figure, figures};
use crate::text::number::thousands;
use crate::text::{counted, one_line};
use crate::train::EpochRecord;
use crate::weights::Training;

/// The numbers that say most.
pub(super) fn numbers(page: &FitPage) -> Vec<Figure> {
    let judged = page.judged.as_ref();
    let mut all = judged.map_or_else(Vec::new, |judged| figures(judged.summary));
    let training = page.training;
    all.push(plain(
        "Fitted to",
        clips(training.clips),
        each_class(training),
    ));
    if !page.epochs.is_empty() {
        all.push(epochs(page.epochs));
    }
    let seconds = page.stages.iter().map(|(_, seconds)| seconds).sum();
    let stages: Vec<String> = page
        .stages
        .iter()
        .map(|(name, seconds)| format!("{name} {}", duration(*seconds)))
        .collect();
    all.push(plain("Time", duration(seconds), stages.join(", ")));
    all
}

fn plain(name: &str, value: String, words: String) -> Figure {
    Figure {
        name: name.to_owned(),
        value,
        words,
        scale: None,
    }
}

fn epochs(epochs: &[EpochRecord]) -> Figure {
    let steps = epochs.last().map_or(0, |row| row.steps);
    let mut words = format!("{} steps", thousands(steps));
    if let Some(best) = best(epochs) {
        words += &format!("; best after epoch {}", epochs[best].epoch + 1);
    }
    plain("Epochs", thousands(epochs.len()), words)
}

/// What the weights say about the training.
pub(super) fn facts(training: &Training) -> Vec<(String, String)> {
    let mut facts = vec![
        ("Fitted", one_line(&training.tuned)),
        (
            "To",
            format!("{} of {}", clips(training.clips), each_class(training)),
        ),
        (
            "Clips and classes",
            format!("SHA-256 {}", one_line(&training.data_sha256)),
        ),
        ("From", one_line(&training.start)),
    ];
    if let Some(sha256) = &training.start_sha256 {
        facts.push(("SHA-256 of that", one_line(sha256)));
    }
    if let Some(judged) = &training.judged {
        facts.push(("Judged by", one_line(&judged.how)));
        facts.push(("Right", format!("{} of {}", judged.top_1, judged.clips)));
    }
    let owned = facts.into_iter();
    owned
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn clips(count: usize) -> String {
    let noun = if count == 1 { "clip" } else { "clips" };
    format!("{} {noun}", thousands(count))
}

/// `6 classes, 10 to 20 clips each`.
fn each_class(training: &Training) -> String {
    let counts = &training.clips_per_class;
    let classes = counted(counts.len(), "class", "classes");
    let (least, most) = (counts.iter().min(), counts.iter().max());
    match (least, most) {
        (Some(least), Some(most)) if least == most => format!("{classes}, {} each", clips(*most)),
        (Some(least), Some(most)) => {
            format!("{classes}, {} to {} each", thousands(*least), clips(*most))
        }
        _ => classes,
    }
}

/// `7.3 s`, `12 min 5 s`, `3 h 20 min`.
pub(super) fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match whole {
        0..60 => format!("{:.1} s", seconds.max(0.0)),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units() {
        let texts = [0.0, 59.4, 59.6, 725.0, 12_000.0].map(duration);
        assert_eq!(
            texts,
            ["0.0 s", "59.4 s", "1 min 0 s", "12 min 5 s", "3 h 20 min"]
        );
    }
}
