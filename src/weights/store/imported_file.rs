//! A file of imported weights, and whether it is still the one that was imported.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// An imported file, as it was when it was imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportedFile {
    #[serde(with = "path_as_json")]
    path: PathBuf,
    size: u64,
    /// Nanoseconds since 1970; `None` where the system does not say.
    modified: Option<u64>,
    sha256: String,
}

/// What has become of an imported file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It is as it was.
    Same,
    /// It has another content.
    Changed,
    /// It is not there.
    Gone,
}

impl ImportedFile {
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let (size, modified) = size_and_time(path)?;
        Ok(Self {
            path: path.to_path_buf(),
            size,
            modified,
            sha256: sha256(path)?,
        })
    }

    /// Its absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it is called: its file name without the extension.
    pub fn name(&self) -> String {
        let stem = self.path.file_stem().unwrap_or(self.path.as_os_str());
        stem.to_string_lossy().into_owned()
    }

    /// Compares it with the file that is there now: by size and time, and by its content where only the time differs.
    pub fn state(&self) -> State {
        match size_and_time(&self.path) {
            Err(_) => State::Gone,
            Ok((size, _)) if size != self.size => State::Changed,
            Ok((_, modified)) if modified.is_some() && modified == self.modified => State::Same,
            Ok(_) => match sha256(&self.path) {
                Ok(sha256) if sha256 == self.sha256 => State::Same,
                Ok(_) => State::Changed,
                Err(_) => State::Gone,
            },
        }
    }
}

fn size_and_time(path: &Path) -> io::Result<(u64, Option<u64>)> {
    let data = fs::metadata(path)?;
    let since = data
        .modified()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    Ok((
        data.len(),
        since.and_then(|since| u64::try_from(since.as_nanos()).ok()),
    ))
}

/// SHA-256 of a file, in hexadecimal.
pub fn sha256(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => hasher.update(&buffer[..read]),
        }
    }
    Ok(hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

/// A path as text or, where it is none, as its bytes.
mod path_as_json {
    use std::ffi::OsString;
    use std::path::{Path, PathBuf};

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Json {
        Text(String),
        Bytes(Vec<u8>),
    }

    pub(super) fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
        let json = match path.to_str() {
            Some(text) => Json::Text(text.to_string()),
            None => Json::Bytes(path.as_os_str().as_encoded_bytes().to_vec()),
        };
        json.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
        Ok(match Json::deserialize(from)? {
            Json::Text(text) => PathBuf::from(text),
            Json::Bytes(bytes) => PathBuf::from(os_string(bytes)),
        })
    }

    #[cfg(unix)]
    fn os_string(bytes: Vec<u8>) -> OsString {
        std::os::unix::ffi::OsStringExt::from_vec(bytes)
    }

    #[cfg(not(unix))]
    fn os_string(bytes: Vec<u8>) -> OsString {
        String::from_utf8_lossy(&bytes).into_owned().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_another_content_is_not_taken_for_the_imported_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        fs::write(&path, "a").unwrap();
        let file = ImportedFile::of(&path).unwrap();
        assert_eq!(file.state(), State::Same);
        // The same bytes at another time are the same file.
        let later = UNIX_EPOCH + std::time::Duration::from_secs(1);
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(later)
            .unwrap();
        assert_eq!(file.state(), State::Same);
        fs::write(&path, "c").unwrap();
        assert_eq!(file.state(), State::Changed);
        fs::remove_file(&path).unwrap();
        assert_eq!(file.state(), State::Gone);
    }
}
