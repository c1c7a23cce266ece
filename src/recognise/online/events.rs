//! Events: spans of time in which one class is likely.

/// When an event begins, ends and counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EventRules {
    /// The averaged score, 0 to 1, from which on the best class begins an event.
    pub enter: f32,
    /// The averaged score below which its class ends it; at most `enter`.
    pub leave: f32,
    /// Seconds that an event lasts at least; shorter ones are none.
    pub hold: f64,
}

impl Default for EventRules {
    fn default() -> Self {
        Self {
            enter: 0.6,
            leave: 0.4,
            hold: 1.0,
        }
    }
}

/// A span of time with one class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Event {
    /// The class.
    pub class: usize,
    /// When the first new frame of its first step was shown, in seconds.
    pub start: f64,
    /// When the last frame of its last step was shown, in seconds.
    pub end: f64,
    /// The mean of its averaged scores.
    pub score: f64,
    /// How many steps it has.
    pub steps: u64,
}

/// Finds the events of one stream. There is at most one at a time: while it lasts, another class waits, however likely.
#[derive(Debug)]
pub struct Events {
    rules: EventRules,
    open: Option<Event>,
}

impl Events {
    /// None so far.
    pub fn new(rules: EventRules) -> Self {
        Self { rules, open: None }
    }

    /// Looks at the averaged scores of a step, `[classes]`, whose new frames were shown from `start` to `end`. Returns the event
    /// that ended before this step, if one did.
    pub fn look(&mut self, averaged: &[f64], (start, end): (f64, f64)) -> Option<Event> {
        let lasts = |event: &Event| averaged[event.class] as f32 >= self.rules.leave;
        let ended = match self.open.as_mut().filter(|event| lasts(event)) {
            Some(event) => {
                event.end = end;
                event.steps += 1;
                event.score += (averaged[event.class] - event.score) / event.steps as f64;
                return None;
            }
            None => self.finish(),
        };
        let best = (0..averaged.len()).max_by(|&a, &b| averaged[a].total_cmp(&averaged[b]));
        let best = best.filter(|&class| averaged[class] as f32 >= self.rules.enter);
        self.open = best.map(|class| Event {
            class,
            start,
            end,
            score: averaged[class],
            steps: 1,
        });
        ended
    }

    /// The event that lasts, once it has lasted long enough.
    pub fn current(&self) -> Option<Event> {
        self.open.filter(|event| self.counts(event))
    }

    /// Ends the event that lasts, and returns it if it was long enough.
    pub fn finish(&mut self) -> Option<Event> {
        self.open.take().filter(|event| self.counts(event))
    }

    fn counts(&self, event: &Event) -> bool {
        event.end - event.start >= self.rules.hold
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Events of a stream of one step per second in which class 0 has these scores and class 1 the rest.
    fn events(rules: EventRules, scores: &[f64]) -> Vec<Event> {
        let mut events = Events::new(rules);
        let mut found = Vec::new();
        for (second, score) in scores.iter().enumerate() {
            let start = second as f64;
            found.extend(events.look(&[*score, 1.0 - score], (start, start + 1.0)));
        }
        found.extend(events.finish());
        found
    }

    fn spans(events: &[Event]) -> Vec<(usize, f64, f64)> {
        let span = |event: &Event| (event.class, event.start, event.end);
        events.iter().map(span).collect()
    }

    #[test]
    fn an_event_begins_above_one_limit_and_ends_below_another() {
        let rules = EventRules::default();
        let found = events(rules, &[0.5, 0.59, 0.6, 0.5, 0.4, 0.39, 0.7]);
        assert_eq!(spans(&found), [(0, 2.0, 5.0), (1, 5.0, 6.0), (0, 6.0, 7.0)]);
        assert!(
            (found[0].score - 0.5).abs() < 1e-12,
            "the mean of 0.6, 0.5 and 0.4"
        );
        assert_eq!(found[0].steps, 3);
    }

    #[test]
    fn what_is_too_short_is_no_event() {
        let rules = EventRules {
            hold: 2.0,
            ..EventRules::default()
        };
        let found = events(rules, &[0.9, 0.1, 0.1, 0.5, 0.9, 0.9]);
        assert_eq!(spans(&found), [(1, 1.0, 4.0), (0, 4.0, 6.0)]);
    }

    #[test]
    fn the_event_that_lasts_is_told_once_it_is_long_enough() {
        let mut events = Events::new(EventRules::default());
        events.look(&[0.9, 0.1], (0.0, 0.6));
        assert_eq!(events.current(), None);
        events.look(&[0.9, 0.1], (0.64, 1.2));
        let current = events.current().unwrap();
        assert_eq!((current.class, current.start, current.end), (0, 0.0, 1.2));
    }
}
