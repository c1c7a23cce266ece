//! Text that fits a terminal.

#[cfg(unix)]
use std::os::fd::AsFd as Stream;
#[cfg(windows)]
use std::os::windows::io::AsHandle as Stream;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Width of the terminal that `stream` is, in columns; `None` when it is not a terminal.
pub fn width(stream: impl Stream) -> Option<usize> {
    let (width, _) = terminal_size::terminal_size_of(stream)?;
    Some(width.0.into())
}

/// Columns and lines of the terminal that `stream` is; `None` when it is not a terminal.
pub fn size(stream: impl Stream) -> Option<(usize, usize)> {
    let (width, height) = terminal_size::terminal_size_of(stream)?;
    Some((width.0.into(), height.0.into()))
}

/// Whether another program reads what is written to `stream`.
#[cfg(unix)]
pub fn is_pipe(stream: impl Stream) -> bool {
    use std::os::unix::fs::FileTypeExt;
    let Ok(copy) = stream.as_fd().try_clone_to_owned() else {
        return false;
    };
    let data = std::fs::File::from(copy).metadata();
    data.is_ok_and(|data| data.file_type().is_fifo() || data.file_type().is_socket())
}

/// Whether another program reads what is written to `stream`; unknown on this system.
#[cfg(not(unix))]
pub fn is_pipe(_: impl Stream) -> bool {
    false
}

/// `text` cut, with an ellipsis, or filled with spaces to exactly `width` columns.
pub fn fitted(text: &str, width: usize) -> String {
    let columns = text.width();
    if columns <= width {
        return text.to_owned() + &" ".repeat(width - columns);
    }
    let cut = cut(text.chars(), width);
    let used = cut.width();
    cut + "…" + &" ".repeat(width - used - 1)
}

/// The start of `text` before an ellipsis where it is wider than `width` columns.
pub fn start_of(text: &str, width: usize) -> String {
    match text.width() <= width {
        true => text.to_owned(),
        false => cut(text.chars(), width) + "…",
    }
}

/// The end of `text` behind an ellipsis where it is wider than `width` columns: of a path, the end says most.
pub fn end_of(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let reversed = cut(text.chars().rev(), width);
    "…".to_owned() + &reversed.chars().rev().collect::<String>()
}

/// `text` on lines of at most `width` columns, broken at blanks; a longer word has a line of its own.
pub fn wrapped(text: &str, width: usize) -> String {
    let mut lines = String::new();
    let mut used = 0;
    for word in text.split(' ') {
        let columns = word.width();
        if used > 0 && used + 1 + columns > width {
            lines.push('\n');
            used = 0;
        } else if used > 0 {
            lines.push(' ');
            used += 1;
        }
        lines.push_str(word);
        used += columns;
    }
    lines
}

/// `text` behind `title`, on lines of at most `width` columns; those after the first are as far to the right as the text.
pub fn behind(title: &str, text: &str, width: usize) -> String {
    let margin = title.width();
    let lines = text.lines().map(str::trim_start);
    let lines = lines.map(|line| wrapped(line, width.saturating_sub(margin)));
    let lines = lines.collect::<Vec<_>>().join("\n");
    title.to_owned() + &lines.replace('\n', &format!("\n{}", " ".repeat(margin)))
}

/// As many characters as fit in `width` columns beside an ellipsis.
fn cut(characters: impl Iterator<Item = char>, width: usize) -> String {
    let mut used = 1;
    characters
        .take_while(|character| {
            used += character.width().unwrap_or(0);
            used <= width
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_fits_its_columns_exactly_whatever_its_script() {
        assert_eq!(fitted("ab", 4), "ab  ");
        assert_eq!(fitted("abcde", 4), "abc…");
        assert_eq!(fitted("空手道", 4), "空… ");
        assert_eq!(start_of("空手道", 4), "空…");
        assert_eq!(start_of("abcd", 4), "abcd");
        assert_eq!(end_of("a/b/c", 5), "a/b/c");
        assert_eq!(end_of("a/b/cd", 5), "…b/cd");
        assert_eq!(end_of("空手道", 4), "…道");
    }

    #[test]
    fn lines_are_broken_at_blanks() {
        assert_eq!(
            wrapped("Not shown: Pad, Kernel", 11),
            "Not shown:\nPad, Kernel"
        );
        assert_eq!(wrapped("a longer word", 4), "a\nlonger\nword");
        assert_eq!(wrapped("", 4), "");
        let text = "a longer\n word";
        assert_eq!(behind("x: ", text, 9), "x: a\n   longer\n   word");
        assert_eq!(behind("x: ", text, usize::MAX), "x: a longer\n   word");
    }
}
