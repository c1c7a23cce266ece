//! Reading lists, whole or as they come in.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use super::carried;
use super::columns::{Columns, is_header, part_columns};
use super::data_sets::Split;
use super::form::{Form, Meaning, Unreadable};
use super::json;
use super::place::{self, Places};
use super::records::{Records, Separator, utf8};
use super::words::{Row, is_part};
use crate::clip::address::without_secrets;
use crate::clip::archive::archive_around;
use crate::clip::entry::{ClipEntry, Given, Label};
use crate::clip::error::{ClipError, Result};
use crate::clip::reading::read_error;

/// Most characters of an entry that an error quotes.
const QUOTED: usize = 60;

/// A list that has been read.
#[derive(Debug)]
pub struct List {
    /// Its clips, never none.
    pub entries: Vec<ClipEntry>,
    /// How its entries were understood, in words.
    pub form: String,
    /// What may surprise, in one line.
    pub note: Option<String>,
}

/// Reads the list at `path`: lines, or zero-separated entries (also when that is not said), or JSON. Relative paths that
/// don't exist from here are looked for beside the list.
///
/// # Errors
/// Those of reading; [`ClipError::EmptyList`]; [`ClipError::List`] for the first entry that does not fit the form of the
/// list; [`ClipError::NothingListed`] when none of several clips exists.
pub fn read_list(path: &Path, separator: Separator) -> Result<List> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::InvalidData => bad_entry(1, None, error.to_string()),
        _ => read_error(path, error),
    };
    let file = File::open(path).map_err(failed)?;
    let mut text = Vec::new();
    let mut reader = utf8(BufReader::new(file)).map_err(failed)?;
    reader.read_to_end(&mut text).map_err(failed)?;
    let places = Places {
        beside: path.parent().map(Path::to_path_buf),
    };
    let separator = match text.contains(&0) {
        true => Separator::Zero,
        false => separator,
    };
    let records: io::Result<Vec<(usize, Vec<u8>)>> = Records::new(&text[..], separator).collect();
    let mut records = records.map_err(failed)?;
    if separator == Separator::Line {
        records.retain(|(_, record)| !is_comment(record, &places));
    }
    let Some((_, first)) = records.first() else {
        return Err(ClipError::EmptyList);
    };
    if looks_binary(&text)
        && !records
            .iter()
            .any(|(_, record)| places.as_it_stands(record).is_some())
    {
        let reason = format!("the file is no text, it begins with {}", quoted(&text));
        return Err(bad_entry(1, None, reason));
    }
    let is_json = matches!(first[0], b'[' | b'{') && places.as_it_stands(first).is_none();
    let list = match separator {
        Separator::Line if is_json => json_list(&text, &places)?,
        Separator::Line => line_list(records, Split::of(path), &places)?,
        Separator::Zero => {
            let entry = |(place, record): (usize, Vec<u8>)| entry(Row::of(&record), place, &places);
            List {
                entries: records.into_iter().map(entry).collect::<Result<_>>()?,
                form: Form::Paths.words(),
                note: None,
            }
        }
    };
    check_existence(&list)?;
    Ok(list)
}

fn json_list(text: &[u8], places: &Places) -> Result<List> {
    let form = "JSON".to_owned();
    let rows = json::rows(text);
    let rows = rows.map_err(|(place, reason)| bad_entry(place, Some(form.clone()), reason))?;
    if rows.is_empty() {
        return Err(ClipError::EmptyList);
    }
    let entries = rows
        .into_iter()
        .map(|(place, row)| entry(row, place, places));
    let mut entries: Vec<ClipEntry> = entries.collect::<Result<_>>()?;
    agree_on_labels(&mut entries);
    let note = None;
    Ok(List {
        entries,
        form,
        note,
    })
}

fn line_list(
    mut records: Vec<(usize, Vec<u8>)>,
    split: Option<Split>,
    places: &Places,
) -> Result<List> {
    let standing = |record: &[u8]| places.as_it_stands(record);
    let mut form = split.map(Form::Split);
    let mut has_heading = false;
    if form.is_none() && standing(&records[0].1).is_none() {
        form = Columns::named(&records[0].1).map(Form::Table);
        if let (Some(_), Some(columns)) = (&form, part_columns(&records[0].1)) {
            let reason = format!(
                "its columns {columns} name parts of clips, which are not read: cut the clips, or leave the columns out"
            );
            return Err(bad_entry(records[0].0, None, reason));
        }
        has_heading = form.is_some() || is_header(&records[0].1);
        if has_heading {
            records.remove(0);
        }
    }
    let form = match form {
        Some(form) => form,
        None => {
            let others = records
                .iter()
                .filter(|(_, record)| standing(record).is_none());
            let (lines, others): (Vec<usize>, Vec<&[u8]>) =
                others.map(|(line, record)| (*line, &record[..])).unzip();
            let are_paths = others.len() * 2 < records.len();
            Form::of(&others, are_paths, places)
                .map_err(|Unreadable(reason)| bad_entry(lines[0], None, reason))?
        }
    };
    let mut entries = Vec::new();
    let mut not_tested = 0;
    for (line, record) in &records {
        let is_path = !matches!(form, Form::Split(_)) && standing(record).is_some();
        let meaning = match is_path {
            true => Some(Meaning::Row(Row::of(record))),
            false => form.parse(record, places),
        };
        match meaning {
            Some(Meaning::Row(row)) => {
                if !has_heading {
                    refuse_part(&row, *line)?;
                }
                entries.push(entry(row, *line, places)?);
            }
            Some(Meaning::NotTested) => not_tested += 1,
            Some(Meaning::Nothing) => {}
            None => {
                let reason = format!("{} is something else", quoted(record));
                return Err(bad_entry(*line, Some(form.words()), reason));
            }
        }
    }
    if entries.is_empty() {
        return Err(ClipError::EmptyList);
    }
    agree_on_labels(&mut entries);
    let taken = entries.len();
    let note = (not_tested > 0)
        .then(|| format!("{taken} of {} taken, those for testing", taken + not_tested));
    Ok(List {
        entries,
        form: form.words(),
        note,
    })
}

/// Reads a list as it comes in. A line with one tab is a path and an id, one that begins with `{` is a JSON object; what other lines
/// are is told by the first that does not exist as it stands.
pub fn read_stream<R: BufRead>(
    reader: R,
    separator: Separator,
) -> impl Iterator<Item = Result<ClipEntry>> {
    // Not before the first entry is asked for: the reader may have to wait for it.
    let records = std::iter::once_with(|| utf8(reader)).flat_map(move |reader| {
        let (reader, failure) = match reader {
            Ok(reader) => (Some(Records::new(reader, separator).keeping_tabs()), None),
            Err(error) => (None, Some(Err(error))),
        };
        failure.into_iter().chain(reader.into_iter().flatten())
    });
    let places = Places::default();
    let mut form: Option<Form> = None;
    let mut is_over = false;
    records.filter_map(move |record| {
        if is_over {
            return None;
        }
        let (place, record) = match record {
            Ok(record) => record,
            Err(source) => {
                let path = "the list".into();
                return Some(Err(ClipError::Io { path, source }));
            }
        };
        if separator == Separator::Zero || places.as_it_stands(&record).is_some() {
            return Some(entry(Row::of(&record), place, &places));
        }
        if is_comment(&record, &places) {
            return None;
        }
        if record.contains(&0) {
            if record.windows(5).any(|bytes| bytes == b"ustar") {
                is_over = true;
                return Some(Err(ClipError::ArchiveAsList { line: place }));
            }
            let reason = "it holds zero bytes, as between entries that are separated by them";
            return Some(Err(bad_entry(place, None, reason.to_owned())));
        }
        if let Some(row) = carried::row(&record) {
            let row = row.map_err(|reason| bad_entry(place, None, reason));
            return Some(row.and_then(|row| entry(row, place, &places)));
        }
        // It says nothing about the form of other lines.
        if places.elsewhere(&record).is_some() {
            return Some(entry(Row::of(&record), place, &places));
        }
        let row = match &form {
            Some(form) => form.parse(&record, &places),
            // Unless it makes sense of a line, a form is a guess.
            None => Form::of(&[&record], false, &places).ok().and_then(|guess| {
                let meaning = guess.parse(&record, &places)?;
                let Meaning::Row(row) = &meaning else {
                    form = Some(guess);
                    return Some(meaning);
                };
                places.meant(&row.path, &row.folders)?;
                form = Some(guess);
                Some(meaning)
            }),
        };
        let row = match row {
            Some(Meaning::Row(row)) => row,
            Some(_) => return None,
            None => Row::of(&record),
        };
        let checked = refuse_part(&row, place);
        Some(checked.and_then(|()| entry(row, place, &places)))
    })
}

/// An error for a part of a clip in the place of a label, of which no heading says that it is one.
fn refuse_part(row: &Row, place: usize) -> Result<()> {
    match row.label.as_deref().filter(|label| is_part(label)) {
        None => Ok(()),
        Some(part) => {
            let reason = format!(
                "{part:?} after the path is a part of the clip, which is not read: cut the clips, or leave it out"
            );
            Err(bad_entry(place, None, reason))
        }
    }
}

/// Whether bytes are neither UTF-8 nor free of bytes that no line has.
fn looks_binary(bytes: &[u8]) -> bool {
    let is_odd = |byte: &u8| matches!(byte, 1..=8 | 14..=26 | 28..=31);
    str::from_utf8(bytes).is_err() && bytes.iter().any(is_odd)
}

/// The beginning of an entry, escaped, as errors quote it.
fn quoted(record: &[u8]) -> String {
    let text = String::from_utf8_lossy(&record[..record.len().min(4 * QUOTED)]);
    let start: String = text.chars().take(QUOTED).collect();
    match text.chars().count() > QUOTED {
        true => format!("{start:?}..."),
        false => format!("{start:?}"),
    }
}

fn is_comment(record: &[u8], places: &Places) -> bool {
    record.starts_with(b"#") && places.as_it_stands(record).is_none()
}

fn entry(row: Row, place: usize, places: &Places) -> Result<ClipEntry> {
    let name = || places.meant(row.name.as_deref()?, &[]);
    let path = match places.meant(&row.path, &row.folders).or_else(name) {
        Some(path) => path,
        None => place::path(&row.path)
            .ok_or_else(|| bad_entry(place, None, "its path is not UTF-8".to_owned()))?,
    };
    let label = row.label.map(|label| match label.parse() {
        Ok(index) => Label::Index(index),
        Err(_) => Label::Name(label),
    });
    Ok(ClipEntry {
        stated_frames: row.frames,
        // Without a label, as tools write it.
        label: label.filter(|label| *label != Label::Name("-1".to_owned())),
        group: row.group,
        given: Given {
            line: Some(place),
            fields: row.fields,
        },
        ..ClipEntry::named(path)
    })
}

/// Labels are indices where all of them are; a class may be called `7`.
fn agree_on_labels(entries: &mut [ClipEntry]) {
    let mut labels = entries.iter().filter_map(|entry| entry.label.as_ref());
    if labels.any(|label| matches!(label, Label::Name(_))) {
        for label in entries.iter_mut().filter_map(|entry| entry.label.as_mut()) {
            if let Label::Index(index) = label {
                *label = Label::Name(index.to_string());
            }
        }
    }
}

/// A wrong form shows in that nothing is there.
fn check_existence(list: &List) -> Result<()> {
    let [first, rest @ ..] = &list.entries[..] else {
        return Ok(());
    };
    let is_there = |entry: &ClipEntry| {
        entry.stored.is_some() || entry.path.exists() || archive_around(&entry.path).is_some()
    };
    if rest.is_empty() || list.entries.iter().any(is_there) {
        return Ok(());
    }
    Err(ClipError::NothingListed {
        clips: list.entries.len(),
        form: list.form.clone(),
        first: first.path.clone(),
    })
}

fn bad_entry(place: usize, form: Option<String>, reason: String) -> ClipError {
    ClipError::List {
        line: place,
        form,
        // It may quote the entry.
        reason: without_secrets(&reason),
    }
}
