//! The index of a checkpoint that is split over several files.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use super::detect::Container;
use crate::weights::error::WeightsError;

/// Largest index that is parsed.
const MAX_INDEX: u64 = 16 << 20;
/// Most files an index may name.
const MAX_SHARDS: usize = 1024;

/// What an index says.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Plain names of files beside the index, each once.
    pub(super) files: Vec<String>,
    /// Which file a tensor is in, by its name.
    pub(super) tensors: BTreeMap<String, usize>,
}

impl Index {
    /// Reads the index at `path`.
    ///
    /// Names are untrusted: only plain file names beside the index are accepted.
    pub(super) fn read(path: &Path) -> Result<Self, WeightsError> {
        let failed = |error| WeightsError::read(path, error);
        let bad = |reason: String| {
            WeightsError::unreadable(path, Container::ShardIndex.describe(), reason)
        };
        let len = std::fs::metadata(path).map_err(failed)?.len();
        if len > MAX_INDEX {
            return Err(bad(format!("the index is {len} bytes long")));
        }
        Self::parse(&std::fs::read(path).map_err(failed)?).map_err(bad)
    }

    fn parse(text: &[u8]) -> Result<Self, String> {
        let index: serde_json::Value = serde_json::from_slice(text)
            .map_err(|error| format!("the index is no JSON: {error}"))?;
        let weight_map = index
            .get("weight_map")
            .and_then(serde_json::Value::as_object);
        let weight_map = weight_map.ok_or("its weight_map is not an object")?;
        let mut out = Self::default();
        for (tensor, file) in weight_map {
            let file = file.as_str();
            let file =
                file.ok_or_else(|| format!("weight_map gives no file name for '{tensor}'"))?;
            let number = match out.files.iter().position(|known| known == file) {
                Some(number) => number,
                None => {
                    plain_name(file)?;
                    out.files.push(file.to_string());
                    out.files.len() - 1
                }
            };
            if out.files.len() > MAX_SHARDS {
                return Err(format!("the index names more than {MAX_SHARDS} files"));
            }
            out.tensors.insert(tensor.clone(), number);
        }
        Ok(out)
    }
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
