//! Entries whose parts are separated by blanks. Paths may have blanks, too.

use std::path::PathBuf;

use serde_json::{Map, Value};

use super::place::{self, Places};
use crate::clip::extensions::{VIDEO_EXTENSIONS, has_extension};

/// An entry, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) path: Vec<u8>,
    pub(super) frames: Option<usize>,
    /// The label as it is written.
    pub(super) label: Option<String>,
    /// What the clip belongs together with.
    pub(super) group: Option<String>,
    /// Fields that are copied to the clip's row of the output.
    pub(super) fields: Map<String, Value>,
    /// Where the path may begin, beside the usual places.
    pub(super) folders: Vec<PathBuf>,
    /// The name alone, where clips may also lie without the folders that the list states.
    pub(super) name: Option<Vec<u8>>,
}

impl Row {
    pub(super) fn of(path: &[u8]) -> Self {
        Row {
            path: path.to_vec(),
            ..Row::default()
        }
    }
}

/// `path`, `path label` or `path frames label`: the path, and so many numbers after it. After a quoted path there may be
/// any number of these.
pub(super) fn numbered(record: &[u8], numbers: usize) -> Option<Row> {
    if let Some((path, rest)) = quoted(record) {
        let numbers = trailing_integers(rest);
        let (blank, row) = (after_integers(rest, numbers)?, tail(rest, numbers)?);
        let path = path.to_vec();
        return blank.is_empty().then_some(Row { path, ..row });
    }
    let path = after_integers(record, numbers)?;
    let row = tail(record, numbers)?;
    (!path.is_empty()).then(|| Row {
        path: path.to_vec(),
        ..row
    })
}

/// The numbers after a path: a label, or frames and a label.
fn tail(record: &[u8], numbers: usize) -> Option<Row> {
    let mut words = record
        .rsplit(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    let mut text = || Some(str::from_utf8(words.next()?).ok()?.to_owned());
    let (label, frames) = match numbers {
        0 => (None, None),
        1 => (Some(text()?), None),
        2 => (Some(text()?), Some(text()?.parse().ok()?)),
        _ => return None,
    };
    Some(Row {
        label,
        frames,
        ..Row::default()
    })
}

/// `path class name`: the path is the longest beginning at which there is something, or that ends as a video does. Numbers
/// are no name.
pub(super) fn named(record: &[u8], places: &Places) -> Option<Row> {
    let row = |path: &[u8], label: &[u8]| {
        if label
            .iter()
            .all(|byte| byte.is_ascii_digit() || byte.is_ascii_whitespace())
        {
            return None;
        }
        let label = str::from_utf8(label.trim_ascii()).ok()?.to_owned();
        Some(Row {
            label: Some(label),
            ..Row::of(path)
        })
    };
    if let Some((path, rest)) = quoted(record) {
        return row(path, rest);
    }
    let blanks = || {
        (0..record.len())
            .rev()
            .filter(|&at| record[at].is_ascii_whitespace())
    };
    let parts = || blanks().map(|at| (record[..at].trim_ascii_end(), &record[at..]));
    let is_video =
        |text: &[u8]| place::path(text).is_some_and(|path| has_extension(path, &VIDEO_EXTENSIONS));
    let there = parts().find(|(path, _)| places.meant(path, &[]).is_some());
    let (path, label) = there.or_else(|| parts().find(|(path, _)| is_video(path)))?;
    row(path, label)
}

/// Whether a label is a part of a clip as people write it: `5-10`, `00:01-00:03`, `1.5 3.0`, `2s..4s`.
pub(super) fn is_part(label: &str) -> bool {
    let is_mark = |c: char| matches!(c, '-' | '\u{2013}' | '~') || c.is_whitespace();
    let is_time = |word: &str| {
        let number = word.trim_end_matches(['s', 'm', 'h']);
        number.ends_with(|c: char| c.is_ascii_digit())
            && number
                .chars()
                .all(|c| c.is_ascii_digit() || ".:".contains(c))
    };
    let ends = label.replace("..", "-");
    let ends: Vec<&str> = ends
        .split(is_mark)
        .filter(|word| !word.is_empty())
        .collect();
    let is_index = label.parse::<i64>().is_ok();
    !is_index && ends.len() == 2 && ends.into_iter().all(is_time)
}

/// ffmpeg's `file 'path'`, in which `'\''` is a quote.
pub(super) fn concat(record: &[u8]) -> Option<Row> {
    let text = record.strip_prefix(b"file")?;
    let text = text
        .first()?
        .is_ascii_whitespace()
        .then(|| text.trim_ascii())?;
    let (mut path, mut in_quotes, mut bytes) = (Vec::new(), false, text.iter());
    while let Some(&byte) = bytes.next() {
        match byte {
            b'\'' => in_quotes = !in_quotes,
            b'\\' if !in_quotes => path.push(*bytes.next()?),
            _ => path.push(byte),
        }
    }
    (!in_quotes && !path.is_empty()).then(|| Row::of(&path))
}

/// Lines of ffmpeg's lists that name no file.
pub(super) fn is_directive(record: &[u8]) -> bool {
    let word = record.split(u8::is_ascii_whitespace).next();
    let directives = [
        "ffconcat",
        "duration",
        "stream",
        "exact_stream_id",
        "option",
        "file_packet_meta",
    ];
    directives
        .iter()
        .any(|directive| Some(directive.as_bytes()) == word)
}

/// How many whole numbers, perhaps negative ones, an entry ends in.
pub(super) fn trailing_integers(record: &[u8]) -> usize {
    let words = record
        .rsplit(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    let is_integer =
        |word: &&[u8]| str::from_utf8(word).is_ok_and(|word| word.parse::<i64>().is_ok());
    words.take_while(is_integer).count()
}

/// What is left of an entry without so many whole numbers at its end.
fn after_integers(record: &[u8], numbers: usize) -> Option<&[u8]> {
    if trailing_integers(record) < numbers {
        return None;
    }
    let mut rest = record.trim_ascii_end();
    for _ in 0..numbers {
        let start = rest
            .iter()
            .rposition(u8::is_ascii_whitespace)
            .map_or(0, |at| at + 1);
        rest = rest[..start].trim_ascii_end();
    }
    Some(rest)
}

/// A path in quotes, and what follows it.
fn quoted(record: &[u8]) -> Option<(&[u8], &[u8])> {
    let quote = record.first().filter(|byte| matches!(byte, b'"' | b'\''))?;
    let ends = |&at: &usize| {
        let next = record.get(at + 1);
        record[at] == *quote && next.is_none_or(u8::is_ascii_whitespace)
    };
    let end = (1..record.len()).find(ends)?;
    Some((&record[1..end], &record[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(row: Option<Row>) -> (String, Option<usize>, Option<String>) {
        let row = row.unwrap();
        (String::from_utf8(row.path).unwrap(), row.frames, row.label)
    }

    #[test]
    fn numbers_stand_after_the_path() {
        let label = |label: &str| Some(label.to_owned());
        assert_eq!(
            parts(numbered(b"b c 300 17", 2)),
            ("b c".into(), Some(300), label("17"))
        );
        assert_eq!(
            parts(numbered(b"b 3 -1", 1)),
            ("b 3".into(), None, label("-1"))
        );
        assert_eq!(
            parts(numbered(b"'a b' 4", 2)),
            ("a b".into(), None, label("4"))
        );
        assert_eq!(parts(numbered(b"\"a b\"", 1)), ("a b".into(), None, None));
        assert_eq!(
            parts(numbered(b"-3B32lodo2M 0", 1)),
            ("-3B32lodo2M".into(), None, label("0"))
        );
        assert_eq!(
            (
                numbered(b"a 1", 2),
                numbered(b"1", 1),
                numbered(b"'a' b", 1)
            ),
            (None, None, None)
        );
    }

    #[test]
    fn parts_of_clips_are_told_from_labels() {
        for part in [
            "5-10",
            "5 - 10",
            "00:01-00:03",
            "1.5 3.0",
            "2s..4s",
            "0.5\u{2013}1",
            "10~20",
        ] {
            assert!(is_part(part), "{part}");
        }
        for label in [
            "5",
            "-1",
            "growing",
            "50-m run",
            "high-five",
            "a 5-10",
            "1-2-3",
            "v1.2",
        ] {
            assert!(!is_part(label), "{label}");
        }
    }

    #[test]
    fn the_quoting_of_ffmpegs_lists_is_undone() {
        assert_eq!(
            concat(b"file 'it'\\''s here.mp4'"),
            Some(Row::of(b"it's here.mp4"))
        );
        assert_eq!(concat(b"file a\\ b.mp4"), Some(Row::of(b"a b.mp4")));
        assert_eq!((concat(b"files"), concat(b"file 'a")), (None, None));
    }
}
