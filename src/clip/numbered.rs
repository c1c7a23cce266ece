//! The names of images, taken apart around the number of the frame.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::Path;
use std::sync::LazyLock;

use regex::bytes::Regex;

/// What digits on both sides of a dot are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numbers {
    /// Two numbers, of which the second counts: `shot_010.0001.jpg`.
    Counters,
    /// One number with a fraction: `frame_0.25.jpg`.
    Times,
}

impl Numbers {
    /// Fractions of different length are those of times unless one of them is longer than need be (0.10). Fractions of
    /// one length are counters where one follows another (0001, 0002), which times do only in steps of 0.1.
    pub(super) fn of(names: &[OsString]) -> Self {
        let parts = names.iter().filter_map(|name| {
            let (head, _) = split_stem(stem(name))?;
            let found = DECIMAL.captures(head)?;
            Some((
                found[1].to_vec(),
                std::str::from_utf8(&found[2]).ok()?.to_owned(),
            ))
        });
        let parts: HashSet<(Vec<u8>, String)> = parts.collect();
        let widths: HashSet<usize> = parts.iter().map(|(_, digits)| digits.len()).collect();
        let is_padded = |digits: &str| digits.len() > 1 && digits.ends_with('0');
        let has_next = |(whole, digits): &(Vec<u8>, String)| {
            let next = digits
                .parse::<u64>()
                .ok()
                .and_then(|number| number.checked_add(1));
            let next = next.map(|next| format!("{next:0width$}", width = digits.len()));
            next.is_some_and(|next| parts.contains(&(whole.clone(), next)))
        };
        let are_times = match widths.len() {
            0 => false,
            1 => widths.contains(&1) || !parts.iter().any(has_next),
            _ => !parts.iter().any(|(_, digits)| is_padded(digits)),
        };
        if are_times {
            Numbers::Times
        } else {
            Numbers::Counters
        }
    }
}

/// A number with a fraction at the end.
static DECIMAL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?-u)(?:^|[^0-9.])([0-9]+)\.([0-9]+)$").expect("a valid pattern")
});

/// Hours, minutes and seconds at the end.
static CLOCK: LazyLock<Regex> = LazyLock::new(|| {
    let clock = r"[0-9]{1,2}[-_:.h][0-5][0-9][-_:.m][0-5][0-9](?:\.[0-9]+)?";
    Regex::new(&format!("(?-u)(?:^|[^0-9])({clock})$")).expect("a valid pattern")
});

/// The name of an image, taken apart around its number, in small letters.
#[derive(Debug)]
pub(super) struct Name {
    pub(super) full: OsString,
    pub(super) before: Vec<u8>,
    /// Without leading zeros.
    pub(super) number: Vec<u8>,
    pub(super) is_numbered: bool,
    pub(super) value: f64,
    pub(super) after: Vec<u8>,
    pub(super) extension: Vec<u8>,
}

impl Name {
    pub(super) fn new(full: &OsString, numbers: Numbers) -> Self {
        let stem = stem(full);
        let (head, after) = split_stem(stem).unwrap_or((b"", stem));
        let digits = || {
            head.iter()
                .rev()
                .take_while(|byte| byte.is_ascii_digit())
                .count()
        };
        let clock = CLOCK.captures(head).map(|found| found[1].len());
        let decimal = DECIMAL.captures(head).filter(|_| numbers == Numbers::Times);
        let decimal = decimal.map(|found| found[1].len() + 1 + found[2].len());
        let (before, number) = head.split_at(head.len() - clock.or(decimal).unwrap_or_else(digits));
        let value = std::str::from_utf8(number)
            .ok()
            .and_then(|text| text.parse().ok());
        let extension = Path::new(full)
            .extension()
            .map_or(&b""[..], |e| e.as_encoded_bytes());
        let extension = extension.to_ascii_lowercase();
        Name {
            full: full.clone(),
            before: before.to_ascii_lowercase(),
            value: value.unwrap_or(0.0),
            number: number
                .iter()
                .copied()
                .skip_while(|&digit| digit == b'0')
                .collect(),
            is_numbered: !number.is_empty(),
            after: after.to_ascii_lowercase(),
            extension: if extension == b"jpeg" {
                b"jpg".to_vec()
            } else {
                extension
            },
        }
    }
}

fn stem(name: &OsString) -> &[u8] {
    Path::new(name)
        .file_stem()
        .map_or(&[], |stem| stem.as_encoded_bytes())
}

/// A stem up to its last digit, and what follows; `None` without a digit.
fn split_stem(stem: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = stem.iter().rposition(u8::is_ascii_digit)? + 1;
    Some(stem.split_at(end))
}
