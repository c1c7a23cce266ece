//! Where the time of answers went.

use std::time::Duration;

use super::say::say;
use crate::clip::DecodedBy;
use crate::recognise::Answer;

/// Sums over answers.
#[derive(Debug, Default)]
pub(super) struct Times {
    decode: Duration,
    forward: Duration,
    /// Videos that libav* decoded, and those that the ffmpeg program did.
    by_libav: usize,
    by_ffmpeg: usize,
}

impl Times {
    /// Takes in an answer.
    pub(super) fn add(&mut self, answer: &Answer) {
        self.forward += answer.outcome.forward();
        if let Some(loaded) = answer.outcome.loaded() {
            self.decode += loaded.elapsed;
            let (place, _) = answer.outcome.place();
            let is_first = usize::from(place == 0);
            match loaded.decoder {
                Some(DecodedBy::Libav) => self.by_libav += is_first,
                Some(DecodedBy::Ffmpeg(_)) => self.by_ffmpeg += is_first,
                None => {}
            }
        }
    }

    /// Prints to standard error where the time of so many `what` went.
    pub(super) fn explain(&self, what: &str, count: usize, elapsed: Duration) {
        let seconds = elapsed.as_secs_f64();
        let rate = count as f64 / seconds.max(1e-9);
        say(format_args!(
            "eco: {what}: {count} in {seconds:.2} s, {rate:.2} per second (network {:.2} s, decoding {:.2} s)",
            self.forward.as_secs_f64(),
            self.decode.as_secs_f64()
        ));
        if self.by_libav + self.by_ffmpeg > 0 {
            say(format_args!(
                "eco: videos decoded by libav: {}, by ffmpeg: {}",
                self.by_libav, self.by_ffmpeg
            ));
        }
    }
}
