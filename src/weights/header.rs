//! The header of a safetensors file: what is in the file and where.

use std::collections::BTreeMap;
use std::ops::Range;

use safetensors::tensor::Metadata;
use serde_json::{Map, Value, json};

use super::tensor::{RawTensor, TensorInfo};

/// Largest header that is parsed. The format allows 100 MB, which takes seconds and gigabytes to
/// parse; ten thousand tensors take about 1.5 MB.
const MAX_HEADER: u64 = 16 << 20;

/// Why a header does not describe its file.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// The file is too short.
    #[error("it ends inside the header")]
    CutOff,
    /// The header is longer than any.
    #[error("its header claims {0} bytes, more than the {MAX_HEADER} that are read")]
    TooLong(u64),
    /// No JSON, or tensors that overlap, leave gaps or contradict their shape.
    #[error("its header: {0}")]
    Malformed(#[from] serde_json::Error),
    /// The file is shorter or longer than its tensors.
    #[error("its tensors take {wanted} bytes and the file holds {held}")]
    Length {
        /// Bytes that the tensors take.
        wanted: usize,
        /// Bytes that are there.
        held: usize,
    },
}

/// The header of a file.
#[derive(Debug)]
pub(super) struct Header {
    /// Tensors in the order of their bytes, with their place in the file.
    pub(super) tensors: Vec<(TensorInfo, Range<usize>)>,
    /// The `__metadata__` map.
    pub(super) metadata: BTreeMap<String, String>,
}

impl Header {
    /// Reads the header at the start of `file` and checks it against the rest: offsets tile the data without holes or
    /// overlap, and every length agrees with its shape.
    pub(super) fn read(file: &[u8]) -> Result<Self, HeaderError> {
        let len = file.first_chunk::<8>().map(|len| u64::from_le_bytes(*len));
        let len = len.ok_or(HeaderError::CutOff)?;
        if len > MAX_HEADER {
            return Err(HeaderError::TooLong(len));
        }
        let start = 8 + len as usize;
        let header = file.get(8..start).ok_or(HeaderError::CutOff)?;
        // The crate's own entry point adds the last offset to the header's size without checking,
        // which wraps for offsets near 2^64; so the header is parsed here and compared below.
        let parsed: Metadata = serde_json::from_slice(header)?;
        let (wanted, held) = (parsed.data_len(), file.len() - start);
        if wanted != held {
            return Err(HeaderError::Length { wanted, held });
        }
        let place = |name: String| {
            let info = parsed.info(&name)?;
            let (from, to) = info.data_offsets;
            let tensor = TensorInfo {
                name,
                dtype: info.dtype,
                shape: info.shape.clone(),
            };
            Some((tensor, start + from..start + to))
        };
        Ok(Self {
            tensors: parsed.offset_keys().into_iter().filter_map(place).collect(),
            metadata: parsed
                .metadata()
                .clone()
                .unwrap_or_default()
                .into_iter()
                .collect(),
        })
    }
}

/// The bytes before the data of a file with these tensors: length and header, padded so that the data is aligned to eight
/// bytes.
pub(super) fn written(
    tensors: &[&(String, RawTensor<'_>)],
    metadata: &BTreeMap<String, String>,
) -> Vec<u8> {
    let mut map = Map::new();
    if !metadata.is_empty() {
        map.insert("__metadata__".to_string(), json!(metadata));
    }
    let mut offset = 0;
    for (name, tensor) in tensors {
        let end = offset + tensor.data.len();
        let info = json!({
            "dtype": tensor.dtype,
            "shape": tensor.shape,
            "data_offsets": [offset, end],
        });
        map.insert(name.clone(), info);
        offset = end;
    }
    let mut header = Value::Object(map).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    [&(header.len() as u64).to_le_bytes()[..], &header].concat()
}
