//! From bytes to the entries of a list: encodings, line ends, comments.

use std::io::{self, BufRead, Read};

use crate::text::without_mark;

/// What ends an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Separator {
    /// The end of the line. Blanks around an entry, empty lines and lines that begin with `#` don't count.
    #[default]
    Line,
    /// A zero byte, as `find -print0` writes it. Entries are paths as they stand.
    Zero,
}

/// Entries of a stream with their places, counted from 1, as they come in.
#[derive(Debug)]
pub(super) struct Records<R> {
    reader: R,
    separator: Separator,
    place: usize,
    keeps_tabs: bool,
}

impl<R: BufRead> Records<R> {
    pub(super) fn new(reader: R, separator: Separator) -> Self {
        Records {
            reader,
            separator,
            place: 0,
            keeps_tabs: false,
        }
    }

    /// The same with a tab at the end of a line, behind which something is missing.
    pub(super) fn keeping_tabs(self) -> Self {
        Records {
            keeps_tabs: true,
            ..self
        }
    }
}

impl<R: BufRead> Iterator for Records<R> {
    type Item = io::Result<(usize, Vec<u8>)>;

    fn next(&mut self) -> Option<Self::Item> {
        let end = match self.separator {
            Separator::Line => b'\n',
            Separator::Zero => 0,
        };
        loop {
            let mut record = Vec::new();
            match self.reader.read_until(end, &mut record) {
                Ok(0) => return None,
                Ok(_) => self.place += 1,
                Err(error) => return Some(Err(error)),
            }
            if record.last() == Some(&end) {
                record.pop();
            }
            if self.separator == Separator::Line {
                let is_blank = |byte: &&u8| matches!(byte, b' ' | b'\r');
                let last = record.iter().rev().find(|byte| !is_blank(byte));
                let keeps_tab = self.keeps_tabs && last == Some(&b'\t');
                record = record.trim_ascii().to_vec();
                if keeps_tab && !record.is_empty() {
                    record.push(b'\t');
                }
            }
            if !record.is_empty() {
                return Some(Ok((self.place, record)));
            }
        }
    }
}

/// The same stream as UTF-8 without a byte order mark, if it begins with one. UTF-16 is read to its end at once.
///
/// # Errors
/// Those of reading; [`io::ErrorKind::InvalidData`] for damaged UTF-16.
pub(super) fn utf8<R: BufRead>(mut reader: R) -> io::Result<impl BufRead> {
    let mut text = Vec::new();
    if matches!(reader.fill_buf()?, [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..]) {
        reader.read_to_end(&mut text)?;
    } else if reader.fill_buf()?.starts_with("\u{feff}".as_bytes()) {
        reader.consume(3);
    }
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, "its UTF-16 is damaged");
    let text = without_mark(text).ok_or_else(damaged)?;
    Ok(io::Cursor::new(text).chain(reader))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(bytes: &[u8], separator: Separator) -> Vec<(usize, String)> {
        let records = Records::new(utf8(bytes).unwrap(), separator);
        let text = |record: Vec<u8>| String::from_utf8(record).unwrap();
        records
            .map(|record| record.map(|(place, record)| (place, text(record))).unwrap())
            .collect()
    }

    #[test]
    fn encodings_and_line_ends_do_not_matter() {
        let expected = [(1, "ä b".to_owned()), (3, "c".to_owned())];
        let text = "ä b\r\n\r\n c";
        let wide = |order: fn(u16) -> [u8; 2]| {
            let text = format!("\u{feff}{text}");
            text.encode_utf16().flat_map(order).collect::<Vec<u8>>()
        };
        for bytes in [
            text.as_bytes().to_vec(),
            format!("\u{feff}{text}").into_bytes(),
            wide(u16::to_le_bytes),
            wide(u16::to_be_bytes),
        ] {
            assert_eq!(records(&bytes, Separator::Line), expected);
        }
        assert!(utf8(&b"\xff\xfea"[..]).is_err());
    }

    #[test]
    fn zero_bytes_end_entries_as_they_stand() {
        let expected = [(1, " a\nb".to_owned()), (2, "#c".to_owned())];
        assert_eq!(records(b" a\nb\0#c\0", Separator::Zero), expected);
    }
}
