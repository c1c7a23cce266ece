//! What a directory holds, by the names of its entries.

use std::path::{Path, PathBuf};

/// Extensions of files taken as frames, compared without regard to case.
pub const FRAME_EXTENSIONS: [&str; 5] = ["jpg", "jpeg", "png", "bmp", "webp"];

/// Whether a file of this name counts as a frame.
pub fn has_frame_extension(path: &Path) -> bool {
    path.extension().is_some_and(|found| {
        FRAME_EXTENSIONS
            .iter()
            .any(|extension| found.eq_ignore_ascii_case(extension))
    })
}

/// The bytes of a path's last component; names need not be UTF-8.
pub(super) fn name_bytes(path: &Path) -> &[u8] {
    path.file_name().map_or(&[], |name| name.as_encoded_bytes())
}

/// What a directory holds besides frames.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Entries whose name starts with a dot.
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
