//! Text of unknown origin as it may be shown.

/// Most characters of a name that are shown.
const LONGEST: usize = 200;

/// A name from a file: control characters are escaped, so that a file cannot steer the terminal, and very long names are
/// cut.
pub fn printable(name: &str) -> String {
    let mut out: String = name.chars().take(LONGEST).flat_map(escaped).collect();
    if name.chars().nth(LONGEST).is_some() {
        out.push_str("...");
    }
    out
}

/// Text that may quote a file: control characters are escaped, but for line ends.
pub fn visible(text: &str) -> String {
    let mut lines = text.split('\n').map(|line| line.chars().flat_map(escaped));
    let mut out: String = lines.next().into_iter().flatten().collect();
    for line in lines {
        out.push('\n');
        out.extend(line);
    }
    out
}

/// Text on one line: control characters are escaped, line ends as well.
pub fn one_line(text: &str) -> String {
    text.chars().flat_map(escaped).collect()
}

/// Characters that steer the terminal are escaped; those that turn the direction of writing would hide what a name is.
fn escaped(c: char) -> impl Iterator<Item = char> {
    let turns = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let (plain, escape) = match c.is_control() || turns {
        false => (Some(c), None),
        true => (None, Some(c.escape_default())),
    };
    plain.into_iter().chain(escape.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_long_names_cut() {
        assert_eq!(printable("a\u{1b}[2Jé\n"), "a\\u{1b}[2Jé\\n");
        assert_eq!(
            printable(&"x".repeat(300)),
            format!("{}...", "x".repeat(200))
        );
    }

    #[test]
    fn line_ends_stay_in_text() {
        assert_eq!(visible("a\n\u{7}b\n"), "a\n\\u{7}b\n");
    }

    #[test]
    fn text_on_one_line_keeps_its_length_and_its_script() {
        let long = "体操 ".repeat(100);
        assert_eq!(one_line(&long), long);
        assert_eq!(one_line("a\nb"), "a\\nb");
        assert_eq!(one_line("gpj\u{202e}.exe"), "gpj\\u{202e}.exe");
    }
}
