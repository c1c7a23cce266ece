//! What kind of file this is, by its content alone.
//!
//! Extensions lie: `.pth.tar` is no tar archive, `.pth` may be any of three containers, and a
//! failed download leaves an HTML page under the right name.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::{caffe, foreign};
use crate::weights::error::WeightsError;

/// The containers that hold tensors this crate can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Container {
    /// What `torch.save` writes since PyTorch 1.6: a zip archive around `data.pkl`.
    Zip,
    /// What it wrote from 0.1.10 to 1.5: a stream of pickles, then raw storages.
    Legacy,
    /// What it wrote before 0.1.10: a tar archive.
    Tar,
    /// A bare pickle. It can hold settings and NumPy arrays, but no tensors.
    Pickle,
    /// One safetensors file.
    Safetensors,
    /// What Caffe trains: layers with their blobs (`.caffemodel`).
    Caffe,
    /// The index of a checkpoint that is split over several files (`*.index.json`).
    ShardIndex,
}

impl Container {
    /// The name shown to a user.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Zip => "PyTorch zip archive",
            Self::Legacy => "PyTorch legacy stream",
            Self::Tar => "PyTorch tar archive (before 0.1.10)",
            Self::Pickle => "bare pickle",
            Self::Safetensors => "safetensors",
            Self::Caffe => "Caffe model",
            Self::ShardIndex => "sharded checkpoint",
        }
    }
}

/// How much of a file is looked at before it is mapped or parsed.
const HEAD: u64 = 4096;

/// The magic number 0x1950a86a20f9469cfc6c that opens a legacy stream, as little-endian bytes.
const LEGACY_MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
/// The same in decimal, as pickle protocols 0 and 1 spell it.
const LEGACY_MAGIC_TEXT: &[u8] = b"119547037146038801333356";
/// Where in the file the magic number must start; every protocol's framing is shorter.
const LEGACY_MAGIC_WITHIN: usize = 64;

/// Finds out what `path` is.
///
/// # Errors
/// [`WeightsError::NotACheckpoint`] with the kind of thing it is and what to do instead;
/// [`WeightsError::Read`] when it cannot be read.
pub fn detect(path: &Path) -> Result<Container, WeightsError> {
    let meta = std::fs::metadata(path).map_err(|e| WeightsError::read(path, e))?;
    if meta.is_dir() {
        return Err(foreign::directory(path));
    }
    if !meta.is_file() {
        return Err(foreign::not_a_checkpoint(
            path,
            "a device or pipe",
            "Save it to a file first: the format needs random access.",
        ));
    }
    let mut head = Vec::new();
    File::open(path)
        .and_then(|file| file.take(HEAD).read_to_end(&mut head))
        .map_err(|e| WeightsError::read(path, e))?;
    match by_content(&head, meta.len()) {
        Some(container) => Ok(container),
        None => Err(foreign::file(path, &head, meta.len())),
    }
}

/// The container whose magic `head`, the start of a file of `len` bytes, carries.
fn by_content(head: &[u8], len: u64) -> Option<Container> {
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        Some(Container::Zip)
    } else if head.get(257..262) == Some(b"ustar") {
        Some(Container::Tar)
    } else if has_legacy_magic(head) {
        Some(Container::Legacy)
    } else if is_safetensors(head, len) {
        Some(Container::Safetensors)
    } else if is_shard_index(head) {
        Some(Container::ShardIndex)
    } else if is_pickle(head) {
        Some(Container::Pickle)
    } else if caffe::is_model(head, len) {
        Some(Container::Caffe)
    } else {
        None
    }
}

fn has_legacy_magic(head: &[u8]) -> bool {
    let start = &head[..head.len().min(LEGACY_MAGIC_WITHIN)];
    start.windows(LEGACY_MAGIC.len()).any(|w| w == LEGACY_MAGIC)
        || start
            .windows(LEGACY_MAGIC_TEXT.len())
            .any(|w| w == LEGACY_MAGIC_TEXT)
}

/// A little-endian header length, then the `{` of the JSON header. A length beyond the file is
/// still safetensors, so that a truncated download is called one.
fn is_safetensors(head: &[u8], len: u64) -> bool {
    let Some(header) = head.first_chunk::<8>().map(|b| u64::from_le_bytes(*b)) else {
        return false;
    };
    // A lying length is recognised as well when tensor descriptions follow.
    let described = head.windows(14).any(|w| w == b"\"data_offsets\"");
    head.get(8) == Some(&b'{') && (header < len || header <= 1 << 32 || described)
}

fn is_shard_index(head: &[u8]) -> bool {
    let text = head.trim_ascii_start();
    text.first() == Some(&b'{') && text.windows(12).any(|w| w == b"\"weight_map\"")
}

/// Protocol 2 and later start with PROTO; protocols 0 and 1 with a container or a global.
fn is_pickle(head: &[u8]) -> bool {
    match head {
        [0x80, protocol, ..] => *protocol <= 5,
        [b'(', b'd' | b'l' | b't' | b'i' | b'c', ..] => true,
        [b'}' | b']', b'q' | b'r' | b'p' | b'.', ..] => true,
        [b'c', rest @ ..] => {
            rest.iter().take(64).filter(|&&b| b == b'\n').count() >= 2
                && rest
                    .iter()
                    .take(8)
                    .all(|b| b.is_ascii_alphanumeric() || b"_.\n".contains(b))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lying_safetensors_header_is_still_called_safetensors() {
        let mut head = u64::MAX.to_le_bytes().to_vec();
        head.extend(br#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#);
        assert_eq!(by_content(&head, 60), Some(Container::Safetensors));
    }

    #[test]
    fn a_header_of_128_bytes_is_not_taken_for_a_pickle() {
        let mut head = 128u64.to_le_bytes().to_vec();
        head.push(b'{');
        assert_eq!(by_content(&head, 200), Some(Container::Safetensors));
    }

    #[test]
    fn plain_text_is_no_pickle() {
        assert_eq!(by_content(b"class Net(nn.Module):\n    pass\n", 30), None);
        assert_eq!(by_content(b"(see the README)\n", 17), None);
    }
}
