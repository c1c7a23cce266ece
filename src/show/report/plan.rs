//! How large the frames on a page may be, so that browsers open it quickly however many answers it has.

use crate::show::strip::StripSize;
use crate::text::names;

/// Which frames a page shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PageFrames {
    /// As many, and as large, as fit on a page of 10 MB.
    #[default]
    Auto,
    /// All of them, in full size, whatever the page's size.
    All,
    /// None.
    None,
}

names!(PageFrames { Auto = "auto", All = "all", None = "none" });

/// Bytes for all rows, so that the whole page stays below 10 MB.
const ROOM: u64 = 9_500_000;
/// The same when the number of answers is unknown; it leaves room for a thousand more rows without frames.
const ROOM_AT_FIRST: u64 = 7_000_000;
/// Bytes of a row without frames.
const ROW: u64 = 2_000;
/// When the number of answers is unknown, as many are expected as have come so far, but at least this many.
const EXPECTED: u64 = 25;

/// From the largest to the smallest, with the bytes per answer of 16 frames.
const SIZES: [(StripSize, u64); 8] = [
    (StripSize::Full, 150_000),
    (StripSize::Half, 60_000),
    (StripSize::Quarter(16), 21_000),
    (StripSize::Quarter(8), 10_500),
    (StripSize::Quarter(6), 8_000),
    (StripSize::Quarter(4), 5_500),
    (StripSize::Quarter(2), 3_000),
    (StripSize::None, 0),
];

/// Chooses the size answer by answer. Frames get smaller as room runs out, and never larger again.
#[derive(Debug)]
pub(super) struct Plan {
    frames: PageFrames,
    /// Answers there will be, where that is known.
    expected: Option<u64>,
    answers: u64,
    bytes: u64,
    size: usize,
}

impl Plan {
    pub(super) fn new(frames: PageFrames) -> Self {
        Self {
            frames,
            expected: None,
            answers: 0,
            bytes: 0,
            size: 0,
        }
    }

    /// Sets the number of answers expected in all.
    pub(super) fn expect(&mut self, answers: usize) {
        self.expected = Some(answers as u64);
    }

    /// The size of the next answer's frames.
    pub(super) fn next(&mut self) -> StripSize {
        match self.frames {
            PageFrames::All => return StripSize::Full,
            PageFrames::None => return StripSize::None,
            PageFrames::Auto => {}
        }
        let (room, to_come) = match self.expected {
            Some(expected) => (ROOM, expected.saturating_sub(self.answers)),
            None => (ROOM_AT_FIRST, self.answers.max(EXPECTED)),
        };
        let share = room.saturating_sub(self.bytes) / to_come.max(1);
        while self.size + 1 < SIZES.len() && SIZES[self.size].1 + ROW > share {
            self.size += 1;
        }
        SIZES[self.size].0
    }

    /// Counts an answer that took `bytes`.
    pub(super) fn took(&mut self, bytes: usize) {
        self.answers += 1;
        self.bytes += bytes as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes of a page and the size of its last frames, when frames take `factor` times the assumed bytes.
    fn page(answers: u64, expected: Option<usize>, factor: f64) -> (u64, StripSize) {
        let mut plan = Plan::new(PageFrames::Auto);
        if let Some(expected) = expected {
            plan.expect(expected);
        }
        let mut last = StripSize::Full;
        for _ in 0..answers {
            last = plan.next();
            let size = SIZES.iter().find(|(size, _)| *size == last).unwrap();
            plan.took((size.1 as f64 * factor) as usize + ROW as usize);
        }
        (plan.bytes, last)
    }

    #[test]
    fn few_answers_have_large_frames_and_many_have_small_ones() {
        assert_eq!(page(12, Some(12), 1.0).1, StripSize::Full);
        assert_eq!(page(100, Some(100), 1.0).1, StripSize::Half);
        assert_eq!(page(1200, Some(1200), 1.0).1, StripSize::Quarter(4));
    }

    #[test]
    fn a_page_stays_below_10_mb_even_where_frames_take_more_than_is_assumed() {
        for answers in [1, 12, 60, 400, 1200] {
            for expected in [Some(answers as usize), None] {
                for factor in [0.5, 1.0, 2.0] {
                    let (bytes, _) = page(answers, expected, factor);
                    assert!(
                        bytes < 10_000_000,
                        "{answers} {expected:?} {factor}: {bytes}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_asked_for_is_shown_whatever_the_size() {
        let mut all = Plan::new(PageFrames::All);
        all.took(100_000_000);
        assert_eq!(all.next(), StripSize::Full);
        assert_eq!(Plan::new(PageFrames::None).next(), StripSize::None);
    }
}
