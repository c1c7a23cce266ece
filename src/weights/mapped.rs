//! A memory-mapped safetensors file.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use memmap2::Mmap;
use safetensors::tensor::Metadata;

use super::checkpoint::Entry;
use super::error::WeightsError;
use super::tensor::RawTensor;

const CONTAINER: &str = "safetensors";

/// Largest header that is parsed. The format allows 100 MB, which takes seconds and gigabytes to
/// parse; ten thousand tensors take about 1.5 MB.
const MAX_HEADER: u64 = 16 << 20;

/// The tensors of a safetensors file, borrowed from its map.
pub struct MappedSafetensors {
    map: Mmap,
    /// Entries with the byte range of each in `map`.
    tensors: Vec<(Entry, std::ops::Range<usize>)>,
    metadata: BTreeMap<String, String>,
}

impl MappedSafetensors {
    /// Maps `path` and checks its header: offsets tile the data without holes or overlap, and every
    /// length agrees with its shape.
    ///
    /// The file must not be truncated by others while it is mapped. `eco` itself replaces weights
    /// by renaming a new file over the old one, which leaves a map intact.
    pub fn open(path: &Path) -> Result<Self, WeightsError> {
        let bad = |reason: String| WeightsError::Unreadable {
            path: path.to_path_buf(),
            container: CONTAINER.to_string(),
            reason,
            advice: "If it was downloaded, download it again.".to_string(),
        };
        let file = File::open(path).map_err(|e| WeightsError::read(path, e))?;
        // SAFETY: the map is only read. Another process that truncates the file while it is mapped
        // would fault this one; see the function's documentation.
        let map = unsafe { Mmap::map(&file) }.map_err(|e| WeightsError::read(path, e))?;
        let header_len = map
            .first_chunk::<8>()
            .map(|b| u64::from_le_bytes(*b))
            .ok_or_else(|| bad("it ends inside the header".to_string()))?;
        if header_len > MAX_HEADER {
            return Err(bad(format!(
                "its header claims {header_len} bytes, more than the {MAX_HEADER} that are read"
            )));
        }
        let start = 8 + header_len as usize;
        let header = map
            .get(8..start)
            .ok_or_else(|| bad("it ends inside the header".to_string()))?;
        // The crate's own entry point adds the last offset to the header's size without checking,
        // which wraps for offsets near 2^64; so the header is parsed here and compared below.
        let parsed: Metadata =
            serde_json::from_slice(header).map_err(|e| bad(format!("its header: {e}")))?;
        let held = map.len() - start;
        if parsed.data_len() != held {
            return Err(bad(format!(
                "its tensors take {} bytes and the file holds {held}",
                parsed.data_len()
            )));
        }
        let tensors = parsed
            .offset_keys()
            .into_iter()
            .filter_map(|name| {
                let info = parsed.info(&name)?;
                let (from, to) = info.data_offsets;
                let entry = Entry {
                    name,
                    dtype: info.dtype,
                    shape: info.shape.clone(),
                };
                Some((entry, start + from..start + to))
            })
            .collect();
        let metadata = parsed
            .metadata()
            .clone()
            .unwrap_or_default()
            .into_iter()
            .collect();
        Ok(Self {
            map,
            tensors,
            metadata,
        })
    }

    /// Size of the file in bytes.
    pub fn len(&self) -> u64 {
        self.map.len() as u64
    }

    /// The tensors in the order of their bytes.
    pub fn entries(&self) -> Vec<Entry> {
        self.tensors
            .iter()
            .map(|(entry, _)| entry.clone())
            .collect()
    }

    /// The `__metadata__` map.
    pub fn metadata(&self) -> BTreeMap<String, String> {
        self.metadata.clone()
    }

    /// Gives the memory of the pages that were read back to the system. They are read from the file again when needed.
    pub fn release_pages(&self) {
        // SAFETY: the map is of a file and never written to, so that its pages have the file's bytes whenever they are
        // read. A system that does not take the advice keeps the pages.
        #[cfg(unix)]
        let _ = unsafe {
            self.map
                .unchecked_advise(memmap2::UncheckedAdvice::DontNeed)
        };
    }

    /// The tensor at `index` of [`Self::entries`].
    pub fn read(&self, index: usize) -> Option<RawTensor<'_>> {
        let (entry, range) = self.tensors.get(index)?;
        let data = self.map.get(range.clone())?;
        Some(RawTensor {
            dtype: entry.dtype,
            shape: entry.shape.clone(),
            data: data.into(),
        })
    }
}
