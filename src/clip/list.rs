//! What to classify: paths as they are given, directories of clips, and lists.

use std::ffi::OsString;
use std::io::BufRead;
use std::path::PathBuf;

use super::entry::{ClipEntry, Label};
use super::error::{ClipError, Result};

/// Reads a list of clips as it comes in, one per line: a path, or the list format of ECO and TSN,
/// `path frames label`. Empty lines are skipped; paths need not be UTF-8.
///
/// A path may hold spaces: a line that names something that exists is a path, whatever it ends
/// in. A relative path that does not exist from here is looked for beside the list (`base`).
pub fn read_list<R: BufRead>(reader: R, base: Option<PathBuf>) -> ListReader<R> {
    ListReader {
        reader,
        base,
        line: 0,
    }
}

/// Iterator over a list; see [`read_list`].
#[derive(Debug)]
pub struct ListReader<R> {
    reader: R,
    base: Option<PathBuf>,
    line: usize,
}

impl<R: BufRead> Iterator for ListReader<R> {
    type Item = Result<ClipEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let mut bytes = Vec::new();
            self.line += 1;
            match self.reader.read_until(b'\n', &mut bytes) {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) => return Some(Err(self.error(error.to_string()))),
            }
            let text = bytes.trim_ascii();
            if !text.is_empty() {
                return Some(self.entry(text));
            }
        }
    }
}

impl<R> ListReader<R> {
    fn entry(&self, text: &[u8]) -> Result<ClipEntry> {
        let whole = self.locate(text)?;
        if whole.exists() {
            return Ok(whole.into());
        }
        let Some((path, frames, label)) = split_eco(text) else {
            return Ok(whole.into());
        };
        let path = self.locate(path)?;
        Ok(ClipEntry {
            path,
            stated_frames: Some(frames),
            label: Some(Label::Index(label)),
            frames: None,
        })
    }

    fn locate(&self, text: &[u8]) -> Result<PathBuf> {
        let name = os_string(text).ok_or_else(|| self.error("it is not UTF-8".to_owned()))?;
        let path = PathBuf::from(name);
        let beside = self.base.as_ref().map(|base| base.join(&path));
        match beside {
            Some(beside) if !path.exists() && beside.exists() => Ok(beside),
            _ => Ok(path),
        }
    }

    fn error(&self, reason: String) -> ClipError {
        ClipError::List {
            line: self.line,
            reason,
        }
    }
}

/// `path frames label`, where only the path may hold spaces.
fn split_eco(text: &[u8]) -> Option<(&[u8], usize, usize)> {
    let (rest, label) = split_last_number(text)?;
    let (path, frames) = split_last_number(rest)?;
    Some((path, frames, label))
}

fn split_last_number(text: &[u8]) -> Option<(&[u8], usize)> {
    let space = text.iter().rposition(u8::is_ascii_whitespace)?;
    let number = std::str::from_utf8(&text[space + 1..]).ok()?.parse().ok()?;
    let rest = text[..space].trim_ascii_end();
    (!rest.is_empty()).then_some((rest, number))
}

#[cfg(unix)]
fn os_string(bytes: &[u8]) -> Option<OsString> {
    use std::os::unix::ffi::OsStringExt;
    Some(OsString::from_vec(bytes.to_vec()))
}

#[cfg(not(unix))]
fn os_string(bytes: &[u8]) -> Option<OsString> {
    String::from_utf8(bytes.to_vec()).ok().map(OsString::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    fn listed(text: &str, base: Option<&Path>) -> Vec<ClipEntry> {
        read_list(text.as_bytes(), base.map(Path::to_path_buf))
            .map(Result::unwrap)
            .collect()
    }

    #[test]
    fn a_list_holds_paths_or_the_eco_format() {
        let entries = listed("clips/a\r\n\nclips/b c 300 17\nclips/d 5\n", None);
        assert_eq!(entries[0], PathBuf::from("clips/a").into());
        assert_eq!(entries[1].path, Path::new("clips/b c"));
        assert_eq!(
            (entries[1].stated_frames, entries[1].label.clone()),
            (Some(300), Some(Label::Index(17)))
        );
        assert_eq!(entries[2], PathBuf::from("clips/d 5").into());
    }

    #[test]
    fn a_line_that_exists_is_a_path_whatever_it_ends_in() {
        let folder = tempfile::tempdir().unwrap();
        let odd = folder.path().join("take 2 3");
        fs::create_dir(&odd).unwrap();
        assert_eq!(listed(&format!("{}\n", odd.display()), None), [odd.into()]);
    }

    #[test]
    fn relative_paths_are_looked_for_beside_the_list_too() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("only here")).unwrap();
        let entries = listed("only here 12 3\nnowhere 4 5\n", Some(folder.path()));
        assert_eq!(entries[0].path, folder.path().join("only here"));
        assert_eq!(entries[1].path, Path::new("nowhere"));
    }

    #[cfg(unix)]
    #[test]
    fn paths_in_a_list_need_not_be_utf8() {
        let mut entries = read_list(&b"caf\xe9 3 4\n"[..], None);
        let entry = entries.next().unwrap().unwrap();
        assert_eq!(entry.path.as_os_str().as_encoded_bytes(), b"caf\xe9");
    }
}
