//! Class names: built in, or from a file in any of the forms people keep them in.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::error::WeightsError;

/// Largest label file that is read.
const MAX_FILE: u64 = 16 << 20;

/// The data sets whose class names are built in: name, class count, names one per line.
const BUILT_IN: &[(&str, usize, &str)] = &[
    ("kinetics400", 400, include_str!("labels/kinetics400.txt")),
    ("ucf101", 101, include_str!("labels/ucf101.txt")),
    ("hmdb51", 51, include_str!("labels/hmdb51.txt")),
];

/// Where class names come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabelSource {
    /// A built-in list, by its name.
    BuiltIn(&'static str),
    /// A file.
    File(PathBuf),
}

impl LabelSource {
    /// A built-in list when `text` is the name of one, else a file.
    pub fn parse(text: &str) -> Self {
        match BUILT_IN
            .iter()
            .find(|(name, ..)| text.eq_ignore_ascii_case(name))
        {
            Some((name, ..)) => Self::BuiltIn(name),
            None => Self::File(PathBuf::from(text)),
        }
    }

    /// The 400 classes of Kinetics-400, in alphabetical order.
    pub fn kinetics400() -> Self {
        Self::BuiltIn("kinetics400")
    }

    /// The names, by class index. `classes` is what the classifier needs, where it is known.
    ///
    /// # Errors
    /// [`WeightsError::Labels`] for a file in no known form and for a wrong count.
    pub fn read(&self, classes: Option<usize>) -> Result<Vec<String>, WeightsError> {
        let failed = |reason: String| WeightsError::Labels {
            from: self.name(),
            reason,
        };
        let labels = match self {
            Self::BuiltIn(name) => {
                let text = BUILT_IN
                    .iter()
                    .find(|(known, ..)| known == name)
                    .map_or("", |(.., t)| t);
                text.lines().map(str::to_string).collect()
            }
            Self::File(path) => parse(&text_of(path).map_err(failed)?).map_err(failed)?,
        };
        match classes {
            Some(classes) if classes != labels.len() => Err(failed(format!(
                "{} names for a classifier with {classes} classes",
                labels.len()
            ))),
            _ => Ok(labels),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::BuiltIn(name) => (*name).to_string(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

/// The built-in lists that have a name for each of `classes`.
pub(super) fn built_in_with(classes: usize) -> Vec<&'static str> {
    let fitting = BUILT_IN.iter().filter(|(_, count, _)| *count == classes);
    fitting.map(|(name, ..)| *name).collect()
}

fn text_of(path: &Path) -> Result<String, String> {
    let metadata = std::fs::metadata(path).map_err(|e| match e.kind() {
        ErrorKind::NotFound => {
            let known: Vec<_> = BUILT_IN.iter().map(|(name, ..)| *name).collect();
            format!("no such file, and not one of {}", known.join(", "))
        }
        _ => e.to_string(),
    })?;
    let len = metadata.len();
    if len > MAX_FILE {
        return Err(format!("{len} bytes is too long for a list of names"));
    }
    let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_string())?;
    Ok(text.trim_start_matches('\u{feff}').to_string())
}

/// Reads a JSON list, a JSON map of index to name or name to index, `index,label` or `label,index` lines (also with
/// semicolons or tabs) with or without a header, `index label` lines, or one name per line.
fn parse(text: &str) -> Result<Vec<String>, String> {
    match text.trim_start().as_bytes().first() {
        Some(b'[') | Some(b'{') => json(text),
        Some(_) => lines(text),
        None => Err("it is empty".to_string()),
    }
}

fn json(text: &str) -> Result<Vec<String>, String> {
    match serde_json::from_str(text).map_err(|e| e.to_string())? {
        Value::Array(items) => items
            .into_iter()
            .map(|item| match item {
                Value::String(name) => Ok(name),
                other => Err(format!(
                    "the list holds {}, which is no name",
                    shown(&other)
                )),
            })
            .collect(),
        Value::Object(map) => {
            let pairs = map.into_iter().map(|(key, value)| match value {
                Value::String(name) => Ok((index(&key)?, name)),
                Value::Number(n) => {
                    let at = n.as_u64().ok_or_else(|| format!("{n} is no class index"))?;
                    Ok((at as usize, key))
                }
                other => Err(format!(
                    "the map holds {}, which is neither name nor index",
                    shown(&other)
                )),
            });
            in_order(pairs.collect::<Result<_, String>>()?)
        }
        other => Err(format!("expected a list or a map, found {}", shown(&other))),
    }
}

/// The start of a JSON value.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

fn lines(text: &str) -> Result<Vec<String>, String> {
    let rows: Vec<&str> = text
        .lines()
        .map(str::trim_end)
        .filter(|row| !row.trim().is_empty())
        .collect();
    for separator in [',', ';', '\t'] {
        if let Some(headers) = columns(&rows, separator)? {
            return table(text, separator, headers, false);
        }
        if let Some(names) = labels_first(text, rows.first(), separator) {
            return Ok(names);
        }
    }
    Ok(numbered(&rows)
        .unwrap_or_else(|| rows.into_iter().map(|row| row.trim().to_string()).collect()))
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

/// Lines like `1 ApplyEyeMakeup`, if the numbers are a complete set of indices.
fn numbered(rows: &[&str]) -> Option<Vec<String>> {
    let pair = |row: &&str| {
        let (at, name) = row.trim().split_once(char::is_whitespace)?;
        Some((index(at).ok()?, name.trim().to_string()))
    };
    let pairs: Option<Vec<_>> = rows.iter().map(pair).collect();
    in_order(pairs?).ok()
}

/// `label,index` rows, perhaps under a header. Names may end in a number as well: it is an index if the numbers are a complete
/// set and the names differ without them.
fn labels_first(text: &str, first: Option<&&str>, separator: char) -> Option<Vec<String>> {
    let (_, end) = first?.rsplit_once(separator)?;
    let names = table(text, separator, index(end).is_err(), true).ok()?;
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

fn index(text: &str) -> Result<usize, String> {
    text.trim()
        .trim_matches('"')
        .parse()
        .map_err(|_| format!("{text:?} is no class index"))
}

/// Sorts by index, which must run from 0 (or, as some data sets count, from 1) without gaps.
fn in_order(mut pairs: Vec<(usize, String)>) -> Result<Vec<String>, String> {
    pairs.sort_by_key(|(at, _)| *at);
    let first = pairs.first().map_or(0, |(at, _)| *at);
    let gap = pairs
        .iter()
        .enumerate()
        .find(|(place, (at, _))| place + first != *at);
    if first > 1 || gap.is_some() {
        return Err(match gap {
            Some((place, (at, _))) => {
                format!("index {} is missing or {at} is there twice", place + first)
            }
            None => format!("the first index is {first}"),
        });
    }
    Ok(pairs.into_iter().map(|(_, name)| name).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_the_same_list_reads_the_same() {
        for text in [
            "zero\none, two\n",
            "\u{feff}zero\r\none, two\r\n\r\n".trim_start_matches('\u{feff}'),
            "0,zero\n1,\"one, two\"\n",
            "index,label\n1,one, two\n0,zero\n",
            "[\"zero\", \"one, two\"]",
            "{\"1\": \"one, two\", \"0\": \"zero\"}",
            "{\"zero\": 0, \"one, two\": 1}",
            "1,zero\n2,\"one, two\"\n",
            "id;name\n0;zero\n1;one, two\n",
            "0\tzero\n1\tone, two\n",
            "\"0\",\"zero\"\n\"1\",\"one, two\"\n",
            "1 zero\n2 one, two\n",
            "zero,0\n\"one, two\",1\n",
            "label;index\none, two;2\nzero;1\n",
            "zero, 0\none, two, 1\n",
        ] {
            assert_eq!(parse(text).unwrap().len(), 2, "{text:?}");
            assert_eq!(parse(text).unwrap()[0], "zero", "{text:?}");
        }
        assert_eq!(parse("0,zero\n1,\"one, two\"\n").unwrap()[1], "one, two");
    }

    #[test]
    fn numbers_that_are_no_indices_belong_to_the_names() {
        for names in [
            ["3 steps forward", "3 steps back"],
            ["take, 1", "take, 2"],
            ["scene, 3", "shot, 5"],
            ["scene", "shot, 0"],
        ] {
            assert_eq!(parse(&names.join("\n")).unwrap(), names);
        }
    }

    #[test]
    fn what_is_no_list_of_names_is_quoted_in_short() {
        let long = format!("{{\"labels\": [{}1]}}", "1,".repeat(1000));
        let error = parse(&long).unwrap_err();
        assert!(error.len() < 120, "{error}");
    }

    #[test]
    fn gaps_and_repeated_indices_are_errors() {
        assert!(parse("0,a\n2,b\n").is_err());
        assert!(parse("0,a\n0,b\n").is_err());
        assert!(parse("{\"0\": \"a\", \"5\": \"b\"}").is_err());
        assert!(parse("").is_err());
    }

    #[test]
    fn built_in_lists_have_as_many_distinct_names_as_classes() {
        for (name, count, _) in BUILT_IN {
            let mut names = LabelSource::parse(name).read(Some(*count)).unwrap();
            let as_listed = names.clone();
            names.sort_by_key(|n| n.to_lowercase());
            names.dedup();
            assert_eq!(names.len(), *count, "{name}");
            assert!(
                as_listed.iter().all(|n| n.trim() == n && !n.is_empty()),
                "{name}"
            );
        }
    }

    #[test]
    fn the_ucf101_order_is_that_of_its_class_list_which_ignores_case() {
        let names = LabelSource::parse("ucf101").read(None).unwrap();
        assert_eq!(names[34..36], ["Hammering", "HammerThrow"]);
        assert_eq!(names[46..48], ["JumpingJack", "JumpRope"]);
        assert_eq!(names[67], "PoleVault");
        assert_eq!(names[100], "YoYo");
    }

    #[test]
    fn a_file_that_is_not_there_is_told_from_a_list_that_is_built_in() {
        let error = LabelSource::parse("kinetics40").read(None).unwrap_err();
        assert!(
            error.to_string().contains("kinetics400, ucf101, hmdb51"),
            "{error}"
        );
    }

    #[test]
    fn a_wrong_count_names_both_numbers() {
        let error = LabelSource::parse("UCF101")
            .read(Some(102))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("101 names") && error.contains("102 classes"),
            "{error}"
        );
    }
}
