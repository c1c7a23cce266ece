//! Addresses (`https://host/clip.mp4?token=...`): how they are told from paths, and shown without what is secret in them.

use std::fmt;
use std::path::Path;

/// What stands for a query, which may be a key to what is behind the address.
const HIDDEN: &str = "?\u{2026}";

/// Something with an address. Shown, and in errors, it has neither user, password nor query.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(String);

impl Address {
    /// Reads `scheme://...`; `None` for what is no address.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        (is_scheme(scheme) && !rest.is_empty()).then(|| Address(text.to_owned()))
    }

    /// The address that a path is, unless there is a file of that name.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let address = Self::parse(path.to_str()?)?;
        (!path.exists()).then_some(address)
    }

    /// All of it.
    pub(super) fn secret(&self) -> &str {
        &self.0
    }

    /// Its scheme, in small letters.
    pub fn scheme(&self) -> String {
        let scheme = self.0.split("://").next().unwrap_or_default();
        scheme.to_lowercase()
    }

    /// A text about it that others wrote, without its secrets.
    pub(super) fn hidden_in(&self, text: &str) -> String {
        let query = self.0.find(['?', '#']).map(|at| &self.0[at..]);
        let text = match query.filter(|query| query.len() > 1) {
            Some(query) => text.replace(query, HIDDEN),
            None => text.to_owned(),
        };
        without_secrets(&text)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = without_password(&self.0);
        match address.find(['?', '#']) {
            Some(at) => write!(f, "{}{HIDDEN}", &address[..at]),
            None => f.write_str(&address),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Whether a text is the scheme of an address.
pub(super) fn is_scheme(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|c| c.is_ascii_alphabetic())
        && letters.all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

/// `rtsp://user:password@host/path` without what stands before the `@`.
pub(super) fn without_password(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else {
        return address.to_owned();
    };
    let host_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..host_end].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => address.to_owned(),
    }
}

/// A text in which every address is shown without user, password and query. An address ends at a blank or a quotation mark.
pub(super) fn without_secrets(text: &str) -> String {
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>');
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(mark) = rest.find("://") {
        let begins = |c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c));
        let start = rest[..mark].rfind(begins).map_or(0, |at| {
            at + rest[at..].chars().next().map_or(1, char::len_utf8)
        });
        let end = rest[mark..].find(ends).map_or(rest.len(), |at| mark + at);
        shown += &rest[..start];
        let (address, colon) = match rest[start..end].strip_suffix(':') {
            Some(address) => (address, ":"),
            None => (&rest[start..end], ""),
        };
        shown += &Address(address.to_owned()).to_string();
        shown += colon;
        rest = &rest[end..];
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_paths() {
        for address in ["http://a", "HTTPS://a/b.mp4?c", "s3://bucket/a"] {
            assert!(Address::parse(address).is_some(), "{address}");
        }
        for path in ["a.mp4", "C:\\a", "://a", "http://", "1a://b", "a b://c"] {
            assert!(Address::parse(path).is_none(), "{path}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let shown = |text: &str| Address::parse(text).unwrap().to_string();
        assert_eq!(shown("https://host/a@b.mp4"), "https://host/a@b.mp4");
        assert_eq!(
            shown("https://me:p@ss@host:1/a.mp4?key=x#y"),
            "https://host:1/a.mp4?\u{2026}"
        );
        assert_eq!(shown("https://host/a#key"), "https://host/a?\u{2026}");
        assert_eq!(shown("https://me:pass@host?key"), "https://host?\u{2026}");
        let address = Address::parse("https://me:pass@host/a?key").unwrap();
        assert_eq!(format!("{address:?}"), "https://host/a?\u{2026}");
    }

    #[test]
    fn secrets_are_not_shown_in_what_others_say() {
        let address = Address::parse("https://host/a?key=x").unwrap();
        let said = "cannot open 'https://u:p@other/b?key=y': /a?key=x, https://host/a?key=x: é 404";
        let shown =
            "cannot open 'https://other/b?\u{2026}': /a?\u{2026}, https://host/a?\u{2026}: é 404";
        assert_eq!(address.hidden_in(said), shown);
        assert_eq!(without_secrets("é://b?c"), "é://b?\u{2026}");
        assert_eq!(without_secrets("nothing"), "nothing");
    }
}
