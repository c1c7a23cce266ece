//! Words of a command that a user can paste into a shell.

use std::ffi::OsStr;

/// `word` as a POSIX shell reads it back: itself when it is plain, else in single quotes. Control characters and bytes that
/// are no text take the `$'...'` form of bash, zsh and ksh.
pub fn shell_word(word: impl AsRef<OsStr>) -> String {
    let bytes = word.as_ref().as_encoded_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-./+=,:@%".contains(byte);
    match std::str::from_utf8(bytes) {
        Ok(text) if !bytes.is_empty() && bytes.iter().all(plain) => text.to_owned(),
        Ok(text) if !text.chars().any(char::is_control) => {
            format!("'{}'", text.replace('\'', r"'\''"))
        }
        _ => escaped(bytes),
    }
}

fn escaped(bytes: &[u8]) -> String {
    let mut out = "$'".to_string();
    for &byte in bytes {
        match byte {
            b'\'' | b'\\' => out.extend(['\\', char::from(byte)]),
            b' '..=b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out.push('\'');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_that_need_quotes_get_them() {
        assert_eq!(shell_word("a/b-1.pth"), "a/b-1.pth");
        assert_eq!(shell_word("my file"), "'my file'");
        assert_eq!(shell_word("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(shell_word(""), "''");
        assert_eq!(shell_word("é"), "'é'");
    }

    #[cfg(unix)]
    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        use std::os::unix::ffi::OsStrExt;
        for word in [
            &b"plain"[..],
            b"a b\"c`d$e\\f!",
            b"it's",
            b"-n",
            b"new\nline 1",
            b"\x1b[2J'\\",
            b"\xff\xfe9",
        ] {
            let command = format!("printf %s {}", shell_word(OsStr::from_bytes(word)));
            let run = std::process::Command::new("bash")
                .args(["-c", &command])
                .output()
                .unwrap();
            assert_eq!(run.stdout, word, "{command}");
        }
    }
}
