//! The bytes of tensors in a mapped file.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Read;
use std::ops::Range;
use std::sync::OnceLock;

use flate2::Crc;
use flate2::read::DeflateDecoder;

use super::pickle::numpy::latin1_bytes;
use super::refusal::Refusal;
use super::view::{Bytes, View};

/// A tensor may take this many times the bytes of its storage before it is left unread: a view with stride 0 repeats one
/// value as often as it likes.
const MAX_REPEATS: usize = 16;
/// What small storages may unfold to in any case.
const FREE: usize = 64 << 20;

/// Where a storage is in the file.
#[derive(Debug)]
pub(super) struct Storage {
    /// Its bytes, packed or not.
    pub(super) at: Range<usize>,
    pub(super) packing: Packing,
    /// Whether its bytes have the checksum that the archive gives; looked at once.
    intact: OnceLock<bool>,
    checksum: Option<u32>,
}

/// How a storage is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    /// Deflated, from so many bytes.
    Deflated(usize),
    /// By a method of zip, by its number, that PyTorch never uses.
    Unknown(u16),
}

impl Storage {
    /// A storage that lies in the file as it is.
    pub(super) fn plain(at: Range<usize>) -> Self {
        Self::new(at, Packing::Plain, None)
    }

    pub(super) fn new(at: Range<usize>, packing: Packing, checksum: Option<u32>) -> Self {
        Self {
            at,
            packing,
            intact: OnceLock::new(),
            checksum,
        }
    }

    /// Size of its bytes, unpacked.
    fn len(&self) -> usize {
        match self.packing {
            Packing::Deflated(len) => len,
            Packing::Plain | Packing::Unknown(_) => self.at.len(),
        }
    }

    /// All bytes.
    ///
    /// # Errors
    /// In words: why they are not what was written.
    pub(super) fn bytes<'m>(&self, file: &'m [u8]) -> Result<Cow<'m, [u8]>, String> {
        let stored = file
            .get(self.at.clone())
            .ok_or("it reaches beyond the end of the file")?;
        let bytes = match self.packing {
            Packing::Plain => Cow::Borrowed(stored),
            Packing::Deflated(len) => {
                let mut bytes = Vec::new();
                // One byte more than is claimed shows a claim that is too low.
                let mut unpacked = DeflateDecoder::new(stored).take(len as u64 + 1);
                unpacked
                    .read_to_end(&mut bytes)
                    .map_err(|error| error.to_string())?;
                if bytes.len() != len {
                    return Err(format!(
                        "it unpacks to {} bytes instead of {len}",
                        bytes.len()
                    ));
                }
                Cow::Owned(bytes)
            }
            Packing::Unknown(method) => {
                return Err(format!("it is packed by method {method} of zip"));
            }
        };
        let matches = |checksum| {
            let mut crc = Crc::new();
            crc.update(&bytes);
            crc.sum() == checksum
        };
        let intact = || self.checksum.is_none_or(matches);
        if !self.intact.get_or_init(intact) {
            return Err("its checksum is wrong".to_string());
        }
        Ok(bytes)
    }
}

/// What reading the tables of a file found.
#[derive(Debug)]
pub(super) struct Stored {
    /// Where the pickle of the object is; NumPy arrays lie in it.
    pub(super) pickle: Storage,
    pub(super) storages: HashMap<String, Storage>,
    pub(super) tensors: Vec<View>,
}

impl Stored {
    /// The values of tensor `index` in row-major order, borrowed where they lie in `file` like that.
    pub(super) fn read<'m>(&self, file: &'m [u8], index: usize) -> Result<Cow<'m, [u8]>, Refusal> {
        let view = &self.tensors[index];
        let damaged = |what: String| Refusal::Damaged(format!("a tensor's storage: {what}"));
        let (storage, cut) = match &view.bytes {
            Bytes::Storage(key) => {
                let storage = self.storages.get(key);
                let missing = || damaged(format!("it is not in the archive (key {key:?})"));
                (storage.ok_or_else(missing)?, None)
            }
            Bytes::Pickled { at, latin1 } => (&self.pickle, Some((at.clone(), *latin1))),
        };
        let held = cut.as_ref().map_or(storage.len(), |(at, _)| at.len());
        if view.len() > held.saturating_mul(MAX_REPEATS).saturating_add(FREE) {
            let claim = format!(
                "a tensor repeats {held} bytes until they are {}",
                view.len()
            );
            return Err(Refusal::Malformed(claim));
        }
        let mut bytes = storage.bytes(file).map_err(damaged)?;
        if let Some((at, latin1)) = cut {
            bytes = window(bytes, at).ok_or_else(|| damaged("it is cut off".to_string()))?;
            if latin1 {
                let spelled = latin1_bytes(&bytes);
                let wrong = || damaged("it is no text of bytes".to_string());
                bytes = Cow::Owned(spelled.ok_or_else(wrong)?);
            }
        }
        let seen = window(bytes, view.range());
        let short = || damaged(format!("it has fewer than {} bytes", view.range().end));
        Ok(view.values(seen.ok_or_else(short)?))
    }
}

/// A part of bytes that stay borrowed when they are.
fn window(bytes: Cow<'_, [u8]>, at: Range<usize>) -> Option<Cow<'_, [u8]>> {
    match bytes {
        Cow::Borrowed(bytes) => bytes.get(at).map(Cow::Borrowed),
        Cow::Owned(mut bytes) => {
            if at.end > bytes.len() || at.start > at.end {
                return None;
            }
            bytes.truncate(at.end);
            bytes.drain(..at.start);
            Some(Cow::Owned(bytes))
        }
    }
}
