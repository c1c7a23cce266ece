//! Rows read back from what was written as JSON lines or as a JSON list.

use std::io::{self, BufRead};

use serde_json::Value;

use crate::recognise::Row;
use crate::show::ending::{Cut, Ending};

/// Why a file has no rows.
#[derive(Debug, thiserror::Error)]
pub enum ReadRowsError {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A line, or the list, is not JSON.
    #[error("{place}: not JSON ({reason})")]
    NotJson {
        /// Where.
        place: Place,
        /// What the parser found.
        reason: String,
    },
    /// An object is not a row.
    #[error("{place}: not a row of `eco classify` ({reason})")]
    NotARow {
        /// Where.
        place: Place,
        /// What is missing, or of another type.
        reason: String,
    },
}

/// A place in a file of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A line, from 1.
    Line(usize),
    /// An element of a list, from 1.
    Element(usize),
    /// The list itself.
    List,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Line(number) => write!(f, "line {number}"),
            Self::Element(number) => write!(f, "element {number} of the list"),
            Self::List => f.write_str("the list"),
        }
    }
}

/// Calls `take` for each row of `source`, in order, and returns whether rows are missing. JSON lines are read one at a time; a
/// list, which begins with `[`, is read as a whole.
///
/// # Errors
/// [`ReadRowsError`], and what `take` returns.
pub fn read_rows<E: From<ReadRowsError>>(
    mut source: impl BufRead,
    mut take: impl FnMut(Row) -> Result<(), E>,
) -> Result<Ending, E> {
    let mut ending = Ending::Complete;
    let mut element = |place, value: Value| {
        match cut(&value) {
            Some(found) => ending = found,
            None => take(row(place, value)?)?,
        }
        Ok::<_, E>(())
    };
    if first_byte(&mut source)? == Some(b'[') {
        let list: Vec<Value> =
            serde_json::from_reader(source).map_err(|error| not_json(Place::List, &error))?;
        for (index, value) in list.into_iter().enumerate() {
            element(Place::Element(index + 1), value)?;
        }
        return Ok(ending);
    }
    for (index, line) in source.lines().enumerate() {
        let (place, line) = (Place::Line(index + 1), line.map_err(ReadRowsError::from)?);
        if !line.trim().is_empty() {
            let value = serde_json::from_str(&line).map_err(|error| not_json(place, &error))?;
            element(place, value)?;
        }
    }
    Ok(ending)
}

/// The first byte that is no white space.
fn first_byte(source: &mut impl BufRead) -> Result<Option<u8>, ReadRowsError> {
    loop {
        let bytes = source.fill_buf()?;
        if bytes.is_empty() {
            return Ok(None);
        }
        let blank = bytes.iter().take_while(|byte| byte.is_ascii_whitespace());
        let blank = blank.count();
        if let Some(&byte) = bytes.get(blank) {
            return Ok(Some(byte));
        }
        source.consume(blank);
    }
}

fn not_json(place: Place, error: &serde_json::Error) -> ReadRowsError {
    let reason = error.to_string();
    ReadRowsError::NotJson { place, reason }
}

/// What the last element of an incomplete list says.
fn cut(value: &Value) -> Option<Ending> {
    let cut = match value.get("incomplete")?.as_str()? {
        "interrupted" => Cut::Interrupted,
        _ => Cut::Failed,
    };
    let missing = value.get("missing_clips").and_then(Value::as_u64);
    Some(Ending::Cut(cut, missing.map(|clips| clips as usize)))
}

fn row(place: Place, value: Value) -> Result<Row, ReadRowsError> {
    let row = match value.get("error").is_some() {
        true => serde_json::from_value(value).map(Row::Failed),
        false => serde_json::from_value(value).map(Row::Answer),
    };
    row.map_err(|error| {
        let reason = error.to_string();
        ReadRowsError::NotARow { place, reason }
    })
}
