//! Patterns of file names, as shells know them.

use std::fmt;
use std::str::FromStr;

use regex::bytes::{Regex, RegexBuilder};

/// A pattern of whole file names: `*` stands for any characters, `?` for one; letters match in any case.
#[derive(Clone, Debug)]
pub struct NamePattern {
    text: String,
    regex: Regex,
}

impl NamePattern {
    /// Whether a name, which need not be UTF-8, is of this pattern.
    pub fn matches(&self, name: &[u8]) -> bool {
        self.regex.is_match(name)
    }
}

/// A text that is too long for a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a pattern of {0} characters is too long")]
pub struct PatternTooLong(usize);

impl FromStr for NamePattern {
    type Err = PatternTooLong;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let regex = regex::escape(text)
            .replace(r"\*", "(?s-u:.*)")
            .replace(r"\?", "(?s-u:.)");
        let regex = RegexBuilder::new(&format!("^{regex}$"))
            .case_insensitive(true)
            .build();
        Ok(NamePattern {
            text: text.to_owned(),
            regex: regex.map_err(|_| PatternTooLong(text.len()))?,
        })
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_stand_for_characters_and_the_rest_for_itself() {
        let matches =
            |pattern: &str, name: &[u8]| pattern.parse::<NamePattern>().unwrap().matches(name);
        assert!(matches("img_*", b"IMG_0001.jpg"));
        assert!(matches("*", b"caf\xe9\n.png"));
        assert!(matches("cam?_*.jpg", b"cam1_7.jpg") && !matches("cam?_*.jpg", b"cam12_7.jpg"));
        assert!(!matches("img_*", b"my_img_1.jpg") && !matches("a.b", b"axb"));
    }
}
