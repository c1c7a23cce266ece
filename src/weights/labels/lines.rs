//! Class names in lines: names, names with numbers, and tables.

use std::collections::HashSet;

use super::numbering::{in_order, index};

/// What columns of names are headed, the surest first.
const NAME: [&str; 12] = [
    "name",
    "class_name",
    "classname",
    "label_name",
    "labelname",
    "class",
    "label",
    "action",
    "activity",
    "names",
    "labels",
    "classes",
];

/// What columns of indices are headed.
const INDEX: [&str; 13] = [
    "id",
    "index",
    "idx",
    "class_id",
    "label_id",
    "class_index",
    "label_index",
    "class_idx",
    "label_idx",
    "number",
    "target",
    "label",
    "class",
];

/// Reads a table with a column of names; `index,label` or `label,index` (also with semicolons or tabs), with or without a
/// header; `index label`, `index: label`, `label index` or `label: index`; or one name per line. Names may be in quotes.
pub(super) fn parse(text: &str) -> Result<Vec<String>, String> {
    let rows: Vec<&str> = text
        .lines()
        .map(str::trim_end)
        .filter(|row| !row.trim().is_empty())
        .collect();
    for separator in [',', ';', '\t'] {
        if let Some(names) = headed(text, separator) {
            return names;
        }
        if let Some(headers) = columns(&rows, separator)? {
            return table(text, separator, headers, false);
        }
        if let Some(names) = labels_first(text, rows.first(), separator) {
            return Ok(names);
        }
    }
    let names = numbered(&rows, index_first).or_else(|| numbered(&rows, index_last));
    Ok(names.unwrap_or_else(|| rows.into_iter().map(unquoted).collect()))
}

/// The names of a table whose first line heads a column of them; an error for a table of more than two columns whose first
/// line heads none; `None` for what is no such table.
fn headed(text: &str, separator: char) -> Option<Result<Vec<String>, String>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .delimiter(separator as u8)
        .from_reader(text.as_bytes());
    // A row of another length is an error of the reader: then it is no table.
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().ok()?;
    let (header, rows) = rows.split_first()?;
    let heading = |field: &str| field.trim().to_lowercase();
    let headings: Vec<String> = header.iter().map(heading).collect();
    let is_header = headings.iter().all(|heading| index(heading).is_err());
    if headings.len() < 2 || rows.is_empty() || !is_header {
        return None;
    }
    let is_numbers = |column: usize| rows.iter().all(|row| index(&row[column]).is_ok());
    let find = |known: &[&str], numbers: bool| {
        let column = |name: &&str| headings.iter().position(|heading| heading == name);
        let mut columns = known.iter().filter_map(column);
        columns.find(|&column| is_numbers(column) == numbers)
    };
    let indices = find(&INDEX, true);
    let Some(names) = find(&NAME, false) else {
        let is_table = headings.len() > 2 && indices.is_some();
        return is_table.then(|| {
            let headings = header.iter().collect::<Vec<_>>().join(", ");
            let wanted = "is headed name, label or class";
            Err(format!("none of its columns {headings} {wanted}"))
        });
    };
    let pairs = rows.iter().enumerate().map(|(place, row)| {
        let at = indices.map_or(Ok(place), |column| index(&row[column]))?;
        Ok((at, row[names].trim().to_string()))
    });
    Some(pairs.collect::<Result<_, String>>().and_then(in_order))
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

/// `1 ApplyEyeMakeup`, `1: ApplyEyeMakeup`
fn index_first(row: &str) -> Option<(&str, &str)> {
    let (at, name) = row.split_once([' ', '\t', ':'])?;
    Some((at, name.trim_start_matches([' ', '\t', ':'])))
}

/// `ApplyEyeMakeup 1`, `ApplyEyeMakeup: 1`
fn index_last(row: &str) -> Option<(&str, &str)> {
    let (name, at) = row.rsplit_once([' ', '\t', ':'])?;
    Some((at, name.trim_end_matches([' ', '\t', ':'])))
}

/// `label,index` rows, perhaps under a header. Names may end in a number as well: it is an index if the numbers are a complete
/// set and the names differ without them.
fn labels_first(text: &str, first: Option<&&str>, separator: char) -> Option<Vec<String>> {
    let (_, end) = first?.rsplit_once(separator)?;
    distinct(table(text, separator, index(end).is_err(), true).ok()?)
}

/// Several names of which no two are equal.
fn distinct(names: Vec<String>) -> Option<Vec<String>> {
    let distinct: HashSet<_> = names.iter().collect();
    (names.len() > 1 && distinct.len() == names.len()).then_some(names)
}

/// The labels of rows whose index is the first field, or the last one. An unquoted separator belongs to the label.
fn table(
    text: &str,
    separator: char,
    headers: bool,
    index_last: bool,
) -> Result<Vec<String>, String> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(headers)
        .delimiter(separator as u8)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut pairs = Vec::new();
    for row in reader.records() {
        let row = row.map_err(|e| e.to_string())?;
        let mut fields: Vec<&str> = row.iter().collect();
        if fields.len() < 2 {
            return Err("a row has no label".to_string());
        }
        let at = fields.remove(if index_last { fields.len() - 1 } else { 0 });
        let name = fields.join(&separator.to_string());
        pairs.push((index(at)?, name.trim().to_string()));
    }
    in_order(pairs)
}

/// A name without the quotes around it; quotes that stand twice in double quotes stand once then.
fn unquoted(name: &str) -> String {
    let name = name.trim();
    let inner = |quote: char| name.strip_prefix(quote)?.strip_suffix(quote);
    if let Some(inner) = inner('"').filter(|inner| !inner.replace("\"\"", "").contains('"')) {
        return inner.replace("\"\"", "\"").trim().to_string();
    }
    let single = inner('\'').filter(|inner| !inner.contains('\''));
    single.unwrap_or(name).trim().to_string()
}
