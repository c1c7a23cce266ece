//! Class names in lines: names, names with numbers, and tables.

use std::collections::HashSet;

use super::numbering::{in_order, index};
use super::table::{Table, heads_names};

/// Reads a table with a column of names; `index,label` or `label,index` (also with semicolons or tabs), with or without a
/// header; `index label`, `index: label`, `label index` or `label: index`; or one name per line, perhaps as YAML lists them.
/// Names may be in quotes.
pub(super) fn parse(text: &str) -> Result<Vec<String>, String> {
    let rows: Vec<&str> = text
        .lines()
        .map(str::trim_end)
        .filter(|row| !row.trim().is_empty())
        .collect();
    if rows.first().is_some_and(|row| row.starts_with("item {")) {
        return Err("it is a label map of TensorFlow; give one name per line".to_string());
    }
    for separator in [',', ';', '\t'] {
        if let Some(names) = headed(text, separator) {
            return names;
        }
        if let Some(headers) = columns(&rows, separator)? {
            return table(text, separator, headers, false)?.checked();
        }
        if let Some(names) = labels_first(text, rows.first(), separator) {
            return names;
        }
    }
    let rows = bare(rows);
    let names = numbered(&rows, index_first).or_else(|| numbered(&rows, index_last));
    if names.is_none()
        && let Some(error) = almost_numbered(&rows)
    {
        return Err(error);
    }
    Ok(names.unwrap_or_else(|| rows.into_iter().map(unquoted).collect()))
}

/// Rows without what a list has around its items in YAML, Python or JSON: a first line such as `names:`, a dash before each
/// item or a comma behind it.
fn bare(mut rows: Vec<&str>) -> Vec<&str> {
    if let [first, rest @ ..] = rows.as_slice()
        && let Some(key) = first.strip_suffix(':')
        && heads_names(key)
        && rest.iter().all(|row| row.starts_with([' ', '\t', '-']))
    {
        rows.remove(0);
    }
    let undashed = rows.iter().map(|row| row.trim_start().strip_prefix("- "));
    if let Some(items) = undashed.collect() {
        rows = items;
    }
    let before_last = rows.len().saturating_sub(1);
    if before_last > 0 && rows[..before_last].iter().all(|row| row.ends_with(',')) {
        rows.iter_mut()
            .for_each(|row| *row = row.trim_end_matches(','));
    }
    rows
}

/// The names of a table whose first line heads a column of them; an error for a table of more than two columns whose first
/// line heads none; `None` for what is no such table.
fn headed(text: &str, separator: char) -> Option<Result<Vec<String>, String>> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator as u8)
        .from_reader(text.as_bytes());
    let fields = |row: &csv::StringRecord| row.iter().map(str::to_string).collect::<Vec<_>>();
    let headings = fields(reader.headers().ok()?);
    // A row of another length is an error of the reader: then it is no table.
    let rows: Vec<Vec<String>> = reader
        .records()
        .map(|row| row.map(|row| fields(&row)))
        .collect::<Result<_, _>>()
        .ok()?;
    let is_header = headings.iter().all(|heading| index(heading).is_err());
    if headings.len() < 2 || rows.is_empty() || !is_header {
        return None;
    }
    let table = Table { headings, rows };
    let is_table = table.headings.len() > 2 && table.has_numbers();
    let names = table.names();
    names.or_else(|| is_table.then(|| Err(table.without_names())))
}

/// Whether rows are `index,label` with this separator, and if so whether the first one is a header.
fn columns(rows: &[&str], separator: char) -> Result<Option<bool>, String> {
    let numbered = |row: &&str| {
        row.split_once(separator)
            .is_some_and(|(at, _)| index(at).is_ok())
    };
    let headers = rows.first().is_some_and(|row| !numbered(row));
    let (first, rest) = rows.split_at(usize::from(headers));
    if rest.is_empty() || !rest.iter().all(numbered) {
        return Ok(None);
    }
    // A first row that is not numbered is a header only if it has columns as well.
    match first.iter().find(|row| !row.contains(separator)) {
        Some(row) => Err(format!(
            "the first line, {row:?}, has no index and the others do"
        )),
        None => Ok(Some(headers)),
    }
}

/// The names of lines with a number, if the numbers are a complete set of indices and the names differ without them.
fn numbered(rows: &[&str], split: fn(&str) -> Option<(&str, &str)>) -> Option<Vec<String>> {
    let pair = |row: &&str| {
        let (at, name) = split(row.trim())?;
        let name = unquoted(name);
        (!name.is_empty()).then_some((index(at).ok()?, name))
    };
    let pairs: Option<Vec<_>> = rows.iter().map(pair).collect();
    distinct(in_order(pairs?).ok()?)
}

/// What is wrong with lines that all begin with an index, when these are almost a complete set: one is there twice, or missing.
fn almost_numbered(rows: &[&str]) -> Option<String> {
    let index_of = |row: &&str| index(index_first(row.trim())?.0).ok();
    let indices: Vec<usize> = rows.iter().map(index_of).collect::<Option<_>>()?;
    let distinct: HashSet<_> = indices.iter().collect();
    let is_almost = rows.len() > 2
        && distinct.len() + 1 >= rows.len()
        && indices.iter().all(|index| *index <= rows.len() + 1);
    let pairs = indices.into_iter().map(|index| (index, String::new()));
    is_almost.then(|| in_order(pairs.collect()).err())?
}

/// `1 ApplyEyeMakeup`, `1: ApplyEyeMakeup`, `1. ApplyEyeMakeup`, `1 - ApplyEyeMakeup`
fn index_first(row: &str) -> Option<(&str, &str)> {
    let (at, rest) = row.split_once([' ', '\t', ':', '=', ')'])?;
    // Behind a dot without a blank are the decimals of a number.
    let at = at.strip_suffix('.').unwrap_or(at);
    let rest = rest.trim_start();
    let sign = rest.strip_prefix([':', '=', '-']);
    let name = sign.filter(|name| name.starts_with([' ', '\t']));
    Some((at, name.unwrap_or(rest)))
}

/// `ApplyEyeMakeup 1`, `ApplyEyeMakeup: 1`, `ApplyEyeMakeup = 1`, `ApplyEyeMakeup - 1`
fn index_last(row: &str) -> Option<(&str, &str)> {
    let (rest, at) = row.rsplit_once([' ', '\t', ':', '='])?;
    let rest = rest.trim_end();
    let sign = rest.strip_suffix(['=', '-']);
    let name = sign.filter(|name| name.ends_with([' ', '\t']));
    Some((at, name.or(rest.strip_suffix(':')).unwrap_or(rest)))
}

/// `label,index` rows, perhaps under a header. Names may end in a number as well: it is an index if the numbers are a complete
/// set and the names differ without them.
fn labels_first(
    text: &str,
    first: Option<&&str>,
    separator: char,
) -> Option<Result<Vec<String>, String>> {
    let (_, end) = first?.rsplit_once(separator)?;
    let rows = table(text, separator, index(end).is_err(), true).ok()?;
    let names = distinct(in_order(rows.pairs.clone()).ok()?)?;
    Some(rows.checked().and(Ok(names)))
}

/// Several names of which no two are equal.
fn distinct(names: Vec<String>) -> Option<Vec<String>> {
    let distinct: HashSet<_> = names.iter().collect();
    (names.len() > 1 && distinct.len() == names.len()).then_some(names)
}

/// Rows of an index and a label.
struct Numbered {
    pairs: Vec<(usize, String)>,
    /// How many fields each row has, where all have as many.
    fields: Option<usize>,
}

impl Numbered {
    /// The labels by index. Rows that all have more than two fields are a table of which nothing says which field holds the
    /// names.
    fn checked(self) -> Result<Vec<String>, String> {
        match self.fields {
            Some(fields) if fields > 2 && self.pairs.len() > 1 => Err(format!(
                "its lines have {fields} columns: head the one that holds the names with name, or put names with commas in quotes"
            )),
            _ => in_order(self.pairs),
        }
    }
}

/// Rows whose index is the first field, or the last one. An unquoted separator belongs to the label.
fn table(text: &str, separator: char, headers: bool, index_last: bool) -> Result<Numbered, String> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(headers)
        .delimiter(separator as u8)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut pairs = Vec::new();
    let mut lengths = HashSet::new();
    for row in reader.records() {
        let row = row.map_err(|e| e.to_string())?;
        let mut fields: Vec<&str> = row.iter().collect();
        if fields.len() < 2 {
            return Err("a row has no label".to_string());
        }
        lengths.insert(fields.len());
        let at = fields.remove(if index_last { fields.len() - 1 } else { 0 });
        let name = fields.join(&separator.to_string());
        pairs.push((index(at)?, name.trim().to_string()));
    }
    let length = lengths.iter().next().copied();
    Ok(Numbered {
        pairs,
        fields: length.filter(|_| lengths.len() == 1),
    })
}

/// A name without the quotes around it; quotes that stand twice in them stand once then.
fn unquoted(name: &str) -> String {
    let name = name.trim();
    for quote in ['"', '\''] {
        let twice = quote.to_string().repeat(2);
        let inner = name
            .strip_prefix(quote)
            .and_then(|name| name.strip_suffix(quote));
        if let Some(inner) = inner.filter(|inner| !inner.replace(&twice, "").contains(quote)) {
            return inner.replace(&twice, &quote.to_string()).trim().to_string();
        }
    }
    name.to_string()
}
