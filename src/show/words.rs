//! Scores and ranges in words, the same in every output.

use crate::recognise::{FrameRange, Prediction};
use crate::text::number::thousands;

/// The part of a clip in words: seconds where they are known, else frames.
pub(super) fn range_text(range: &FrameRange) -> String {
    match (range.start_seconds, range.end_seconds) {
        (Some(start), Some(end)) => format!("{start:.2} s to {end:.2} s"),
        _ => format!(
            "frames {} to {}",
            range.start_frame,
            range.end_frame.saturating_sub(1)
        ),
    }
}

/// `83.21%`. Scores close to 0 and 1 become `<0.01%` and `>99.99%`.
pub(super) fn percentage(score: f32) -> String {
    let percent = f64::from(score) * 100.0;
    if score > 0.0 && percent < 0.01 {
        "<0.01%".into()
    } else if score < 1.0 && percent >= 99.995 {
        ">99.99%".into()
    } else {
        format!("{percent:.2}%")
    }
}

/// `16 of 280 frames`. Frames are counted once, although views share frames and short clips repeat them.
pub(super) fn frames_text(answer: &Prediction) -> String {
    let mut frames = answer.frames.clone();
    frames.sort_unstable();
    frames.dedup();
    format!("{} of {} frames", frames.len(), answer.source_frames)
}

/// `1 window`, `1,200 windows`.
pub(super) fn counted(count: &usize, noun: &str) -> String {
    let plural = if *count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", thousands(*count))
}

/// The date to the minute in UTC; the page's script replaces it with local time.
pub(super) fn day_and_minute(iso: &str) -> String {
    format!("{} {} UTC", &iso[..10], &iso[11..16])
}
