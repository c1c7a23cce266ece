//! Steps and events as lines of text.

use super::row::{EventRow, StepRow};
use crate::show::words::percentage;
use crate::text::one_line;

/// Classes below this score are left out behind the first one.
const WORTH_A_WORD: f32 = 0.01;

/// `12.48 s  moving up 98.21%, moving left 1.20%`.
pub(super) fn step_line(row: &StepRow) -> String {
    let mut guesses = row.averaged.iter().enumerate();
    let mut parts = Vec::new();
    while let Some((rank, guess)) = guesses.next()
        && (rank == 0 || guess.score >= WORTH_A_WORD)
    {
        parts.push(format!(
            "{} {}",
            one_line(&guess.label),
            percentage(guess.score)
        ));
    }
    let guesses = parts.join(", ");
    let dropped = match row.dropped {
        0 => String::new(),
        1 => "; 1 frame dropped".to_owned(),
        frames => format!("; {frames} frames dropped"),
    };
    let time = seconds(row.end_seconds);
    match row.uncertain {
        true => format!("{time}  nothing certain ({guesses}){dropped}"),
        false => format!("{time}  {guesses}{dropped}"),
    }
}

/// `event: moving up, 0.00 s to 4.52 s, 97.30%`.
pub(super) fn event_line(event: &EventRow) -> String {
    format!(
        "event: {}, {} to {}, {}",
        one_line(&event.label),
        seconds(event.start_seconds),
        seconds(event.end_seconds),
        percentage(event.score)
    )
}

/// `12.48 s`, from a minute on `1:05.20`, from an hour on `1:02:05.20`.
pub(super) fn seconds(seconds: f64) -> String {
    let hundredths = (seconds.max(0.0) * 100.0).round() as u64;
    let (whole, hundredths) = (hundredths / 100, hundredths % 100);
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}.{hundredths:02} s"),
        (0, _) => format!("{minutes}:{seconds:02}.{hundredths:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}.{hundredths:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_as_long_as_they_have_to_be() {
        assert_eq!(seconds(0.0), "0.00 s");
        assert_eq!(seconds(59.994), "59.99 s");
        assert_eq!(seconds(59.996), "1:00.00");
        assert_eq!(seconds(3725.2), "1:02:05.20");
    }
}
