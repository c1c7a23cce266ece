//! Commands that are printed to be pasted.

use std::path::Path;

/// `path` as one word of a shell's command line: in single quotes where it holds more than letters, digits and the signs that
/// mean nothing to a shell.
pub fn shell_word(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |c: char| c.is_alphanumeric() || "_-./@%+=:,".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text.into_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_blanks_or_quotes_is_one_word() {
        for (path, word) in [
            ("graphs/eco-1.2", "graphs/eco-1.2"),
            ("größe", "größe"),
            ("my graphs", "'my graphs'"),
            ("it's", r"'it'\''s'"),
            ("$HOME", "'$HOME'"),
            ("", "''"),
        ] {
            assert_eq!(shell_word(Path::new(path)), word);
        }
    }
}
