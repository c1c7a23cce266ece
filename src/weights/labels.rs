//! Class names: built in, or from a file in any of the forms people keep them in.

mod built_in;
mod json;
mod lines;
mod numbering;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use built_in::BuiltIn;

use super::error::WeightsError;
use crate::text::without_mark;

/// Largest label file that is read.
const MAX_FILE: u64 = 16 << 20;

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
        match BuiltIn::find(text) {
            Some(list) => Self::BuiltIn(list.name),
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
            Self::BuiltIn(name) => BuiltIn::find(name).map(BuiltIn::labels).unwrap_or_default(),
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
    let fitting = built_in::LISTS
        .iter()
        .filter(|list| list.classes == classes);
    fitting.map(|list| list.name).collect()
}

fn text_of(path: &Path) -> Result<String, String> {
    let metadata = std::fs::metadata(path).map_err(|e| match e.kind() {
        ErrorKind::NotFound => built_in::advice(path),
        _ => e.to_string(),
    })?;
    let len = metadata.len();
    if len > MAX_FILE {
        return Err(format!("{len} bytes is too long for a list of names"));
    }
    let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
    let text = without_mark(bytes).and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| "it is neither UTF-8 nor UTF-16 text".to_string())
}

/// Reads JSON (see [`json::parse`]) or lines (see [`lines::parse`]).
fn parse(text: &str) -> Result<Vec<String>, String> {
    match text.trim_start().as_bytes().first() {
        Some(b'[') | Some(b'{') => json::parse(text),
        Some(_) => lines::parse(text),
        None => Err("it is empty".to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_the_same_list_reads_the_same() {
        for text in [
            "zero\none, two\n",
            "zero\r\none, two\r\n\r\n",
            "\"zero\"\n\"one, two\"\n",
            "'zero'\n'one, two'\n",
            "0,zero\n1,\"one, two\"\n",
            "index,label\n1,one, two\n0,zero\n",
            "[\"zero\", \"one, two\"]",
            "{\"1\": \"one, two\", \"0\": \"zero\"}",
            "{\"zero\": 0, \"one, two\": 1}",
            "{\"one, two\": \"1\", \"zero\": \"0\"}",
            "{\"id2label\": {\"0\": \"zero\", \"1\": \"one, two\"}, \"label2id\": {\"zero\": 0}}",
            "{\"label2id\": {\"zero\": 0, \"one, two\": 1}}",
            "[{\"id\": 1, \"name\": \"one, two\"}, {\"id\": 0, \"name\": \"zero\"}]",
            "{\"categories\": [{\"id\": 1, \"name\": \"zero\"}, {\"id\": 2, \"name\": \"one, two\"}]}",
            "[{\"label\": \"zero\"}, {\"label\": \"one, two\"}]",
            "1,zero\n2,\"one, two\"\n",
            "id;name\n0;zero\n1;one, two\n",
            "0\tzero\n1\tone, two\n",
            "\"0\",\"zero\"\n\"1\",\"one, two\"\n",
            "1 zero\n2 one, two\n",
            "0   'zero'\n1   ' one, two'\n",
            "0: zero\n1: one, two\n",
            "zero 0\none, two 1\n",
            "zero: 0\none, two: 1\n",
            "zero,0\n\"one, two\",1\n",
            "label;index\none, two;2\nzero;1\n",
            "zero, 0\none, two, 1\n",
            "id,split,name,count\n0,a,zero,7\n1,b,\"one, two\",9\n",
            "name,count\nzero,7\n\"one, two\",9\n",
            "label,name\n1,\"one, two\"\n0,zero\n",
        ] {
            assert_eq!(parse(text).unwrap(), ["zero", "one, two"], "{text:?}");
        }
    }

    #[test]
    fn quotes_inside_names_are_kept() {
        let names = ["play \"tag\"", "the \"end\""];
        assert_eq!(parse(&names.join("\n")).unwrap(), names);
        for text in [
            "\"play \"\"tag\"\"\"\n\"the \"\"end\"\"\"\n",
            "[\"play \\\"tag\\\"\", \"the \\\"end\\\"\"]",
            "0,\"play \"\"tag\"\"\"\n1,the \"end\"\n",
        ] {
            assert_eq!(parse(text).unwrap(), names, "{text:?}");
        }
    }

    #[test]
    fn numbers_that_are_no_indices_belong_to_the_names() {
        for names in [
            ["3 steps forward", "3 steps back"],
            ["take, 1", "take, 2"],
            ["scene, 3", "shot, 5"],
            ["scene", "shot, 0"],
            ["apollo 11", "apollo 13"],
        ] {
            assert_eq!(parse(&names.join("\n")).unwrap(), names);
        }
    }

    #[test]
    fn a_table_without_a_column_of_names_is_refused_with_its_columns() {
        let text = "id,key,instances,category\n0,take,\"['a', 'b']\",x\n1,put,[],y\n";
        let error = parse(text).unwrap_err();
        assert!(error.contains("id, key, instances, category"), "{error}");
    }

    #[test]
    fn what_is_no_list_of_names_is_quoted_in_short() {
        let long = format!("{{\"boxes\": [{}1]}}", "1,".repeat(1000));
        let error = parse(&long).unwrap_err();
        assert!(error.len() < 120, "{error}");
    }

    #[test]
    fn gaps_and_repeated_indices_are_errors() {
        for text in [
            "0,a\n2,b\n",
            "0,a\n0,b\n",
            "{\"0\": \"a\", \"5\": \"b\"}",
            "{\"a\": \"0\", \"b\": \"5\"}",
            "[{\"id\": 0, \"name\": \"a\"}, {\"id\": 7, \"name\": \"b\"}]",
            "id,name\n0,a\n5,b\n",
            "",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn utf16_is_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for order in [u16::to_le_bytes, u16::to_be_bytes] {
            let text = "\u{feff}zero\r\neins\r\n";
            let bytes: Vec<u8> = text.encode_utf16().flat_map(order).collect();
            std::fs::write(file.path(), bytes).unwrap();
            let labels = LabelSource::File(file.path().to_path_buf()).read(Some(2));
            assert_eq!(labels.unwrap(), ["zero", "eins"]);
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_told_from_a_list_that_is_built_in() {
        let error = LabelSource::parse("kinetics40").read(None).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("kinetics400, ucf101, hmdb51-sorted"),
            "{error}"
        );
    }

    #[test]
    fn a_data_set_with_two_orders_is_not_guessed() {
        for (name, orders) in [
            ("hmdb51", ["hmdb51-sorted", "hmdb51-tsn"]),
            (
                "Something-v1",
                ["something-v1-official", "something-v1-sorted"],
            ),
        ] {
            let error = LabelSource::parse(name).read(None).unwrap_err().to_string();
            assert!(orders.iter().all(|order| error.contains(order)), "{error}");
        }
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
