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

fn escaped(c: char) -> impl Iterator<Item = char> {
    let (plain, escape) = match c.is_control() {
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
}
