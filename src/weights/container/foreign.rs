//! What users have by mistake, recognised by content and named for what it is.

use std::path::Path;

use super::{caffe, recipe};
use crate::weights::error::WeightsError;

/// Builds the error for something that is no checkpoint.
pub(super) fn not_a_checkpoint(path: &Path, found: &str, advice: &str) -> WeightsError {
    WeightsError::NotACheckpoint {
        path: path.to_path_buf(),
        found: found.to_string(),
        advice: advice.to_string(),
    }
}

const DOWNLOAD_AGAIN: &str = "The download failed or was stopped. Download the file again; \
     the ECO-Lite checkpoint is about 150 MB.";
const CAFFE: &str = "Give the .caffemodel that belongs to it; that of ECO-Lite is about 150 MB.";
pub(super) const OTHER: &str = "eco reads PyTorch checkpoints, safetensors files and Caffe models.";
const UNPACK: &str = "Unpack it and give the checkpoint inside.";

/// A recogniser: the bytes that start a file, what it then is, and what to do.
type Magic = (&'static [u8], &'static str, &'static str);

const MAGICS: &[Magic] = &[
    (
        b"\x89HDF\r\n\x1a\n",
        "an HDF5 file (Keras or Caffe)",
        "eco reads PyTorch checkpoints, safetensors files and Caffe models in binary form (.caffemodel).",
    ),
    (b"GGUF", "a GGUF model", OTHER),
    (
        b"\x1f\x8b",
        "a gzip archive",
        "Run gunzip on it and give what comes out.",
    ),
    (b"BZh", "a bzip2 archive", UNPACK),
    (b"\xfd7zXZ\x00", "an xz archive", UNPACK),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", UNPACK),
    (b"Rar!", "a RAR archive", UNPACK),
    (
        b"\xff\xd8\xff",
        "a JPEG image",
        "To classify frames: eco classify DIRECTORY.",
    ),
    (
        b"\x89PNG",
        "a PNG image",
        "To classify frames: eco classify DIRECTORY.",
    ),
    (b"%PDF", "a PDF document", "Give the checkpoint file."),
    (
        b"\x7fELF",
        "a program or library",
        "Give the checkpoint file.",
    ),
    (
        b"version https://git-lfs",
        "a Git LFS pointer, the weights themselves were not fetched",
        "Run git lfs pull in the repository it comes from.",
    ),
];

/// Names a file whose content is not a checkpoint. `head` is its start, `len` its size in bytes.
pub(super) fn file(path: &Path, head: &[u8], len: u64) -> WeightsError {
    if len == 0 {
        return not_a_checkpoint(path, "empty", DOWNLOAD_AGAIN);
    }
    if head.iter().all(|&b| b == 0) {
        return not_a_checkpoint(path, "filled with zeros", DOWNLOAD_AGAIN);
    }
    if head.starts_with(b"\x93NUMPY") {
        let holds_object = head.windows(5).take(128).any(|w| w == b"'|O',");
        return match holds_object {
            true => not_a_checkpoint(
                path,
                "a Python object that NumPy saved",
                &recipe::save_arrays(path),
            ),
            false => not_a_checkpoint(path, "one NumPy array", "A checkpoint has many."),
        };
    }
    if let Some((_, found, advice)) = MAGICS.iter().find(|(magic, ..)| head.starts_with(magic)) {
        return not_a_checkpoint(path, found, advice);
    }
    if let Some((found, advice)) = text(head).or_else(|| binary(head, len)) {
        return not_a_checkpoint(path, found, advice);
    }
    if len < 64 {
        return not_a_checkpoint(path, &format!("only {len} bytes long"), DOWNLOAD_AGAIN);
    }
    not_a_checkpoint(path, "of an unknown kind", OTHER)
}

/// Names text: a page, a network description, a script.
fn text(head: &[u8]) -> Option<(&'static str, &'static str)> {
    let start = head
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(head)
        .trim_ascii_start();
    let lower: Vec<u8> = start
        .iter()
        .take(1024)
        .map(u8::to_ascii_lowercase)
        .collect();
    let holds = |needle: &[u8]| lower.windows(needle.len()).any(|w| w == needle);
    if lower.starts_with(b"<!doctype html") || lower.starts_with(b"<html") || holds(b"<head>") {
        return Some((
            "an HTML page",
            "A download page was saved in place of the file (Google Drive does this for large \
             files, or when the link is dead). Open it in a browser to see what it says.",
        ));
    }
    if start.starts_with(b"<") {
        return Some(("an XML document", DOWNLOAD_AGAIN));
    }
    if (holds(b"layer {") || holds(b"layers {")) && holds(b"name:") {
        return Some((
            "a Caffe network description (prototxt), without weights",
            CAFFE,
        ));
    }
    if start.starts_with(b"{") || start.starts_with(b"[") {
        return Some((
            "a JSON document",
            "eco reads *.index.json with a weight_map, no other JSON.",
        ));
    }
    let printable = |b: &u8| b.is_ascii_graphic() || b.is_ascii_whitespace() || *b >= 0x80;
    if std::str::from_utf8(start).is_ok() && start.iter().all(printable) {
        return Some(("a text file", "Give the checkpoint file."));
    }
    None
}

/// Names binary formats without a magic number at their very start.
fn binary(head: &[u8], len: u64) -> Option<(&'static str, &'static str)> {
    if head.get(4..8) == Some(b"TFL3") {
        return Some(("a TensorFlow Lite model", OTHER));
    }
    if head.get(4..8) == Some(b"ftyp") {
        return Some(("a video", "To classify it: eco classify."));
    }
    if caffe::is_solver_state(head, len) {
        return Some((
            "the state of Caffe's solver (.solverstate)",
            "Training is resumed from it. The weights are in the .caffemodel beside it.",
        ));
    }
    if caffe::is_blob(head, len) {
        return Some((
            "a single blob of Caffe (.binaryproto), such as a mean image",
            CAFFE,
        ));
    }
    if is_onnx(head) {
        return Some((
            "an ONNX model",
            "Its tensors lost their PyTorch names. Give the checkpoint it was exported from.",
        ));
    }
    None
}

/// An ONNX ModelProto starts with field 1, the IR version, and field 2, the producer's name.
fn is_onnx(head: &[u8]) -> bool {
    matches!(head, [0x08, 1..=20, 0x12, length, name @ ..]
        if name.get(..usize::from(*length)).is_some_and(|n| n.iter().all(u8::is_ascii_graphic)))
        || (head.first() == Some(&0x08) && head.windows(7).any(|w| w == b"ai.onnx"))
}

/// Names a directory: an unpacked archive, or one that holds the file that was meant.
pub(super) fn directory(path: &Path) -> WeightsError {
    let names = listing(path);
    let has = |name: &str| names.iter().any(|n| n == name);
    if has("data.pkl") && (has("data") || has("version")) {
        return not_a_checkpoint(
            path,
            "a checkpoint archive that was unpacked",
            &recipe::pack(path),
        );
    }
    if let Some(inner) = names
        .iter()
        .find(|n| path.join(n).join("data.pkl").is_file())
    {
        let found = "a directory with a checkpoint archive that was unpacked";
        return not_a_checkpoint(path, found, &recipe::pack(&path.join(inner)));
    }
    if has("pickle") && has("storages") && has("tensors") {
        return not_a_checkpoint(
            path,
            "a checkpoint archive (tar) that was unpacked",
            &recipe::pack_tar(path),
        );
    }
    if has("saved_model.pb") {
        return not_a_checkpoint(path, "a TensorFlow model", OTHER);
    }
    let inside: Vec<&str> = names
        .iter()
        .map(String::as_str)
        .filter(|n| {
            [
                ".pth",
                ".pt",
                ".tar",
                ".safetensors",
                ".bin",
                ".index.json",
                ".caffemodel",
            ]
            .iter()
            .any(|e| n.ends_with(e))
        })
        .take(3)
        .collect();
    if inside.is_empty() {
        return not_a_checkpoint(
            path,
            "a directory without a checkpoint",
            "Give the checkpoint file.",
        );
    }
    let advice = format!("Give the file inside it: {}", inside.join(", "));
    not_a_checkpoint(path, "a directory", &advice)
}

/// At most a thousand names in a directory, sorted; none when it cannot be read.
fn listing(path: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(path) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .take(1000)
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(head: &[u8]) -> String {
        match file(Path::new("f"), head, 1000) {
            WeightsError::NotACheckpoint { found, .. } => found,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn what_users_have_by_mistake_is_named() {
        assert_eq!(name(b"\n <!DOCTYPE html><html><head>"), "an HTML page");
        assert_eq!(
            name(b"\x08\x07\x12\x07pytorch\x1a\x052.1.0"),
            "an ONNX model"
        );
        assert!(name(b"\x08\x0a\x12\x11eco_10.caffemodel\x1a\x00").starts_with("the state of"));
        assert!(name(b"\x08\x01\x10\x03\x18\x02\x20\x02\x2a\x30").starts_with("a single blob"));
        assert!(name(b"name: \"ECO\"\nlayer {\n  name: \"data\"").starts_with("a Caffe network"));
        assert_eq!(
            name(b"\x89HDF\r\n\x1a\n\0\0"),
            "an HDF5 file (Keras or Caffe)"
        );
        assert_eq!(name(b"\0\0\0\x18ftypmp42"), "a video");
        assert_eq!(name(b"import torch\n"), "a text file");
        assert_eq!(name(&[0; 300]), "filled with zeros");
        assert_eq!(name(&[7, 200, 3, 255]), "of an unknown kind");
    }

    #[test]
    fn an_empty_file_is_called_empty() {
        assert!(
            file(Path::new("f"), b"", 0)
                .to_string()
                .starts_with("f is empty")
        );
    }
}
