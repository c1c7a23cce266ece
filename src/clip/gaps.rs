//! Frames that are missing in a numbering.

use std::ffi::OsString;
use std::path::PathBuf;

use super::numbered::{Name, Numbers};

/// Numbers that are missing between a directory's frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gaps {
    /// How many frames are missing.
    pub missing: usize,
    /// The name of the frame before the first gap.
    pub after: PathBuf,
}

impl Gaps {
    /// Looks at the numbers in `names`, which are sorted. The smallest step between neighbours is
    /// taken as the numbering's own, so that every fifth frame of a video has no gaps.
    pub(super) fn find(names: &[OsString], numbers: Numbers) -> Option<Gaps> {
        let parsed: Vec<Name> = names.iter().map(|name| Name::new(name, numbers)).collect();
        let steps = || {
            let pairs = parsed.windows(2).enumerate();
            pairs.filter_map(|(position, pair)| Some((position, step(&pair[0], &pair[1])?)))
        };
        let unit = steps().map(|(_, step)| step).min()?;
        let mut missing = 0_u64;
        let mut first = None;
        for (position, step) in steps().filter(|(_, step)| *step > unit) {
            missing = missing.saturating_add(step / unit - 1);
            first.get_or_insert(position);
        }
        let after = PathBuf::from(&names[first?]);
        (missing > 0).then(|| Gaps {
            missing: usize::try_from(missing).unwrap_or(usize::MAX),
            after,
        })
    }
}

/// From the number of one name to that of the next, if nothing else is different.
fn step(previous: &Name, next: &Name) -> Option<u64> {
    let surroundings = |name: &Name| {
        (
            name.before.clone(),
            name.after.clone(),
            name.extension.clone(),
        )
    };
    let step = number(next)?.checked_sub(number(previous)?)?;
    (surroundings(previous) == surroundings(next) && step > 0).then_some(step)
}

/// More digits than a u64 holds are an identifier, not a frame number.
fn number(name: &Name) -> Option<u64> {
    match (&name.number[..], name.is_numbered) {
        (b"", true) => Some(0),
        (digits, _) => std::str::from_utf8(digits).ok()?.parse().ok(),
    }
}
