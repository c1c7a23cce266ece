//! What is checked in a container before the reader sees it, and what its refusals mean.

use std::fs::File;
use std::path::Path;

use memmap2::Mmap;
use pytorch_reader::{PickleError, PytorchError};

use super::super::container::Container;
use super::super::error::WeightsError;
use super::super::names::{printable, quotable};
use super::super::{tar_directory, zip_directory};
use super::scan::{MAX_OPS, Scan, ScanError, walk};

/// Pickles at the start of a legacy stream: magic number, protocol, system, object, storage keys.
const LEGACY_PICKLES: usize = 5;
/// Which of them is the object.
pub(super) const LEGACY_OBJECT: usize = 3;

/// Walks every pickle of a checkpoint.
///
/// # Errors
/// [`WeightsError::Unreadable`] when one is malformed or asks for more than a checkpoint needs.
pub(in crate::weights) fn check(path: &Path, container: Container) -> Result<Scan, WeightsError> {
    let failed = |error: ScanError| refuse(path, container, &error);
    let mut budget = MAX_OPS;
    match container {
        Container::Zip => {
            let bytes = zip_directory::data_pickle(path)?;
            Ok(walk(&bytes, &mut budget).map_err(failed)?.findings())
        }
        Container::Tar => {
            let map = open(path)?;
            let members = tar_directory::members(path, &map)?;
            tables(&members, &mut budget).map_err(failed)?;
            Ok(walk(members.pickle, &mut budget)
                .map_err(failed)?
                .findings())
        }
        Container::Legacy => {
            let map = open(path)?;
            let mut rest: &[u8] = &map;
            let mut findings = Scan::default();
            for number in 0..LEGACY_PICKLES {
                let scanned = walk(rest, &mut budget).map_err(failed)?;
                if number == LEGACY_OBJECT {
                    findings = scanned.findings();
                }
                rest = &rest[scanned.len..];
            }
            Ok(findings)
        }
        _ => Ok(walk(&open(path)?, &mut budget).map_err(failed)?.findings()),
    }
}

/// Maps a file for a first pass.
pub(super) fn map(file: &File) -> std::io::Result<Mmap> {
    // SAFETY: the map is only read, and dropped when the pass is over.
    unsafe { Mmap::map(file) }
}

fn open(path: &Path) -> Result<Mmap, WeightsError> {
    let mapped = File::open(path).and_then(|file| map(&file));
    mapped.map_err(|e| WeightsError::read(path, e))
}

/// Walks the tables of a tar checkpoint, in which pickles alternate with binary data.
fn tables(members: &tar_directory::Members<'_>, budget: &mut usize) -> Result<(), ScanError> {
    walk(members.sys_info, budget)?;
    let mut rest = members.storages;
    for _ in 0..count(&mut rest, budget)? {
        let scanned = walk(rest, budget)?;
        let kind = scanned.root_names().get(2).cloned().unwrap_or_default();
        rest = &rest[scanned.len..];
        let numel = i64::from_le_bytes(take(&mut rest)?);
        let bytes = usize::try_from(numel)
            .ok()
            .and_then(|n| n.checked_mul(element_size(&kind)));
        rest = bytes.and_then(|n| rest.get(n..)).ok_or(ScanError::Table)?;
    }
    walk(rest, budget)?;
    let mut rest = members.tensors;
    for _ in 0..count(&mut rest, budget)? {
        rest = &rest[walk(rest, budget)?.len..];
        let rank = i32::from_le_bytes(take(&mut rest)?);
        let rank = usize::try_from(rank)
            .ok()
            .filter(|&rank| rank <= 64)
            .ok_or(ScanError::Table)?;
        rest = rest.get(4 + 8 * (2 * rank + 1)..).ok_or(ScanError::Table)?;
    }
    Ok(())
}

/// Reads the count that starts a table.
fn count(rest: &mut &[u8], budget: &mut usize) -> Result<i64, ScanError> {
    let scanned = walk(rest, budget)?;
    *rest = &rest[scanned.len..];
    scanned.root_int().ok_or(ScanError::Table)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], ScanError> {
    let (taken, after) = rest.split_first_chunk::<N>().ok_or(ScanError::Table)?;
    *rest = after;
    Ok(*taken)
}

/// Bytes per element of a storage class; 0 for one the reader will refuse.
fn element_size(storage: &str) -> usize {
    match storage {
        "DoubleStorage" | "LongStorage" => 8,
        "FloatStorage" | "IntStorage" => 4,
        "HalfStorage" | "ShortStorage" | "BFloat16Storage" => 2,
        "CharStorage" | "ByteStorage" | "BoolStorage" => 1,
        _ => 0,
    }
}

const DOWNLOAD_AGAIN: &str = "The file is damaged or incomplete; if it was downloaded, download it \
                              again.";

fn refuse(path: &Path, container: Container, error: &ScanError) -> WeightsError {
    let advice = match error {
        ScanError::TooLong => "",
        _ => DOWNLOAD_AGAIN,
    };
    unreadable(path, container, error.to_string(), advice.to_string())
}

fn unreadable(path: &Path, container: Container, reason: String, advice: String) -> WeightsError {
    WeightsError::Unreadable {
        path: path.to_path_buf(),
        container: container.describe().to_string(),
        reason,
        advice,
    }
}

/// Turns the reader's refusal into words that help.
pub(in crate::weights) fn explain(
    path: &Path,
    container: Container,
    scan: &Scan,
    error: &PytorchError,
) -> WeightsError {
    let (reason, advice) = match error {
        PytorchError::Pickle(PickleError::UnsupportedType(kind)) => unsupported(path, kind),
        PytorchError::Pickle(PickleError::UnexpectedOpCode(_))
            if !scan.filled_objects.is_empty() =>
        {
            let objects: Vec<String> = scan
                .filled_objects
                .iter()
                .map(|name| printable(name))
                .collect();
            let reason = format!(
                "it holds a {} with items, which cannot be represented",
                objects.join(" and a ")
            );
            (reason, resave(path, STATE_DICT, "v"))
        }
        PytorchError::Pickle(PickleError::NoDataSource) => {
            let reason = "it refers to tensors that it does not hold, as pickle.dump writes them";
            (reason.to_string(), String::new())
        }
        PytorchError::InvalidFormat(reason) if reason.starts_with("Big-endian") => (
            "it was written on a big-endian machine".to_string(),
            "Load it with PyTorch on the machine it comes from, and save it there as safetensors."
                .to_string(),
        ),
        PytorchError::InvalidFormat(reason) if reason.starts_with("Expected a dictionary") => {
            let found = reason.rsplit("found ").next().unwrap_or("something else");
            let advice = match found {
                "list" | "tuple" => resave(path, "c[0]", "v"),
                _ => resave(path, STATE_DICT, "v"),
            };
            (
                format!(
                    "it holds no dictionary of tensors but a {}",
                    printable(found)
                ),
                advice,
            )
        }
        PytorchError::InvalidFormat(reason) if reason.contains("end of the file") => {
            (reason.clone(), DOWNLOAD_AGAIN.to_string())
        }
        other => (printable(&other.to_string()), String::new()),
    };
    unreadable(path, container, reason, advice)
}

/// Words for tensors, or objects around tensors, of kinds the reader refuses.
fn unsupported(path: &Path, kind: &str) -> (String, String) {
    let (what, advice) = match kind.rsplit('.').next().unwrap_or(kind) {
        "_rebuild_sparse_tensor" | "_rebuild_sparse_csr_tensor" => (
            "sparse tensors".to_string(),
            resave(path, STATE_DICT, "v.to_dense()"),
        ),
        "_rebuild_qtensor" => (
            "quantised tensors".to_string(),
            resave(path, STATE_DICT, "v.dequantize()"),
        ),
        "_rebuild_nested_tensor" => ("nested tensors".to_string(), String::new()),
        "Parameter" => (
            "Parameter objects in the form PyTorch wrote before 0.4".to_string(),
            resave(path, STATE_DICT, "v.data"),
        ),
        "FloatTensor" | "DoubleTensor" | "HalfTensor" | "LongTensor" => (
            format!(
                "{} objects in the form PyTorch wrote before 0.1.10",
                printable(kind)
            ),
            resave(path, STATE_DICT, "v"),
        ),
        name if name.starts_with("Complex") => ("complex tensors".to_string(), String::new()),
        name if name.starts_with('Q') && name.ends_with("Storage") => (
            "quantised tensors".to_string(),
            resave(path, STATE_DICT, "v.dequantize()"),
        ),
        _ => (
            format!("tensors inside an object of {}", printable(kind)),
            resave(path, STATE_DICT, "v"),
        ),
    };
    (
        format!("it holds {what}, which cannot be read as plain weights"),
        advice,
    )
}

/// Python for the state_dict of a checkpoint `c`.
const STATE_DICT: &str = "c.get('state_dict', c) if isinstance(c, dict) else c.state_dict()";

/// The Python line that makes a readable file of one that is not. `state` is the state_dict of the
/// checkpoint `c`, `value` what becomes of each tensor `v`.
fn resave(path: &Path, state: &str, value: &str) -> String {
    let file = quotable(path);
    format!(
        "If you trust the file, re-save its weights where PyTorch is installed (this runs code in \
         it):\n  python -c \"import torch; c = torch.load('{file}', map_location='cpu', \
         weights_only=False); s = {state}; torch.save({{k: {value} for k, v in s.items()}}, \
         '{file}.state_dict.pth')\""
    )
}
