//! What is not taken, in words.

use std::path::PathBuf;

use super::extensions::FRAME_EXTENSIONS;

/// What a directory holds besides frames.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Entries that are hidden (their name starts with a dot) or the system's (`__MACOSX`).
    pub hidden: usize,
    /// Files with another extension, broken links and special files.
    pub others: usize,
    /// Sub-directories.
    pub directories: usize,
    /// The name of one of the `others`.
    pub example: Option<PathBuf>,
}

impl Skipped {
    pub(super) fn example_in_brackets(&self) -> String {
        match &self.example {
            Some(name) => format!(" (such as {})", name.display()),
            None => String::new(),
        }
    }

    /// Says what was found in place of frames and what to do about it.
    pub(super) fn advice(&self) -> String {
        let extensions = FRAME_EXTENSIONS
            .map(|extension| format!(".{extension}"))
            .join(" ");
        if self.others == 0 && self.directories == 0 {
            let hidden = match self.hidden {
                0 => "it is empty".to_owned(),
                n => format!("it holds {} only", count(n, "hidden file", "hidden files")),
            };
            return format!("{hidden}; a frame is a file that ends in {extensions}");
        }
        let mut found = Vec::new();
        if self.directories > 0 {
            found.push(count(self.directories, "sub-directory", "sub-directories"));
        }
        if self.others > 0 {
            let others = count(self.others, "other file", "other files");
            found.push(format!("{others}{}", self.example_in_brackets()));
        }
        format!(
            "it holds {}; a frame is a file that ends in {extensions}",
            found.join(" and ")
        )
    }
}

/// A number with its noun.
pub(super) fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}
