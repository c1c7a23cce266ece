//! When frames are shown: their own stamps where a stream has them, else their arrival. Never backwards.

use std::time::Instant;

/// Turns the stamps of one stream, over all its connections, into seconds since its first frame.
#[derive(Debug, Default)]
pub(super) struct Clock {
    /// When the first frame of all came.
    first: Option<Instant>,
    /// Of the connection at hand: the stamp of its first frame, and the seconds that it stands for.
    base: Option<(f64, f64)>,
    last: f64,
}

impl Clock {
    /// A new connection begins: its stamps have nothing to do with those before.
    pub(super) fn reconnect(&mut self) {
        self.base = None;
    }

    /// The seconds of a frame with this stamp (NaN where there is none) that arrived then.
    pub(super) fn seconds(&mut self, stamp: f64, arrived: Instant) -> f64 {
        let first = *self.first.get_or_insert(arrived);
        let by_arrival = arrived.duration_since(first).as_secs_f64();
        let seconds = match stamp.is_finite() {
            true => {
                let (zero, offset) = *self.base.get_or_insert((stamp, by_arrival));
                offset + stamp - zero
            }
            false => by_arrival,
        };
        if seconds < self.last {
            // Stamps that begin again: from here on they count anew.
            self.base = stamp.is_finite().then_some((stamp, self.last));
            return self.last;
        }
        self.last = seconds;
        seconds
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn time_begins_with_the_first_frame_and_goes_on_after_a_new_connection() {
        let start = Instant::now();
        let at = |seconds: f64| start + Duration::from_secs_f64(seconds);
        let mut clock = Clock::default();
        assert_eq!(clock.seconds(100.0, at(0.0)), 0.0);
        assert_eq!(clock.seconds(100.5, at(0.7)), 0.5);
        clock.reconnect();
        assert_eq!(clock.seconds(3.0, at(8.0)), 8.0);
        assert_eq!(clock.seconds(3.25, at(8.2)), 8.25);
    }

    #[test]
    fn frames_without_stamps_have_their_arrival_and_stamps_never_go_back() {
        let start = Instant::now();
        let at = |seconds: f64| start + Duration::from_secs_f64(seconds);
        let mut clock = Clock::default();
        assert_eq!(clock.seconds(f64::NAN, at(0.0)), 0.0);
        assert_eq!(clock.seconds(f64::NAN, at(0.5)), 0.5);
        let mut clock = Clock::default();
        let stamps = [7.0, 8.0, 0.0, 1.0];
        let found = stamps.map(|stamp| clock.seconds(stamp, at(0.0)));
        assert_eq!(found, [0.0, 1.0, 1.0, 2.0]);
    }
}
