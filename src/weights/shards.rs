//! Checkpoints split over several files, listed by an index.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use super::checkpoint::Checkpoint;
use super::container::{Container, detect};
use super::error::WeightsError;

/// Largest index that is parsed.
const MAX_INDEX: u64 = 16 << 20;
/// Most files an index may name.
const MAX_SHARDS: usize = 1024;

/// Opens every file that the index at `path` names, each once.
///
/// Names are untrusted: only plain file names beside the index are accepted.
pub(super) fn open(path: &Path) -> Result<Checkpoint, WeightsError> {
    let container = Container::ShardIndex;
    let bad = |reason: String| WeightsError::unreadable(path, container.describe(), reason);
    let len = std::fs::metadata(path)
        .map_err(|e| WeightsError::read(path, e))?
        .len();
    if len > MAX_INDEX {
        return Err(bad(format!("the index is {len} bytes long")));
    }
    let text = std::fs::read(path).map_err(|e| WeightsError::read(path, e))?;
    let index: serde_json::Value =
        serde_json::from_slice(&text).map_err(|e| bad(format!("the index is no JSON: {e}")))?;
    let weight_map = index
        .get("weight_map")
        .and_then(serde_json::Value::as_object)
        .ok_or_else(|| bad("its weight_map is not an object".into()))?;

    let mut files: Vec<&str> = Vec::new();
    let mut wanted: BTreeMap<String, usize> = BTreeMap::new();
    for (tensor, file) in weight_map {
        let file = file
            .as_str()
            .ok_or_else(|| bad(format!("weight_map gives no file name for '{tensor}'")))?;
        let number = match files.iter().position(|known| *known == file) {
            Some(number) => number,
            None => {
                plain_name(file).map_err(&bad)?;
                files.push(file);
                files.len() - 1
            }
        };
        if files.len() > MAX_SHARDS {
            return Err(bad(format!("the index names more than {MAX_SHARDS} files")));
        }
        wanted.insert(tensor.clone(), number);
    }

    let directory = path.parent().unwrap_or(Path::new(""));
    let mut parts = Vec::with_capacity(files.len());
    for file in &files {
        let part = directory.join(file);
        if !part.is_file() {
            return Err(bad(format!(
                "'{file}' is not beside the index; all parts are needed"
            )));
        }
        if detect(&part)? == container {
            return Err(bad(format!("'{file}' is an index itself")));
        }
        parts.push(Checkpoint::open(&part)?);
    }
    let joined = Checkpoint::from_shards(path, parts, &wanted);
    if joined.entries().len() < wanted.len() {
        let held = joined.by_name();
        let missing = wanted.keys().find(|name| !held.contains_key(name.as_str()));
        return Err(bad(format!(
            "'{}' is in the index but not in its file",
            missing.map_or("?", String::as_str)
        )));
    }
    Ok(joined)
}

/// Accepts a single normal path component.
fn plain_name(file: &str) -> Result<(), String> {
    let mut components = Path::new(file).components();
    let plain = matches!(
        (components.next(), components.next()),
        (Some(Component::Normal(_)), None)
    );
    if plain && !file.contains(['/', '\\', ':', '\0']) {
        Ok(())
    } else {
        Err(format!(
            "the index names {file:?}; only plain file names beside it are read"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_leave_the_directory_are_refused() {
        for name in [
            "../x.bin",
            "/etc/passwd",
            "a/b.bin",
            "..",
            ".",
            "",
            "a\\b",
            "C:x",
            "a\0b",
        ] {
            assert!(plain_name(name).is_err(), "{name:?}");
        }
        assert!(plain_name("model-00001-of-00002.safetensors").is_ok());
    }
}
