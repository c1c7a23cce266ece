//! What `torch.save` writes since PyTorch 1.6: a zip archive around `data.pkl`.

use std::path::Path;

use super::foreign::{OTHER, not_a_checkpoint};
use super::pickle::contents::contents;
use super::pickle::machine::{MAX_OPS, Pickle};
use super::pickle::tensors::Tensors;
use super::recipe;
use super::refusal::{DOWNLOAD_AGAIN, Refusal};
use super::stored::{Packing, Storage, Stored};
use super::structure::Structure;
use super::zip_directory::{DirectoryError, Record, records};
use crate::text::printable;
use crate::weights::error::WeightsError;

const CONTAINER: &str = "zip archive";

/// Largest pickle that is unpacked. One that is not packed is read where it lies, whatever its size.
const MAX_PICKLE: u64 = 32 << 20;

/// An archive may unpack to this many times its own size. PyTorch never compresses, and weights
/// that a user compressed shrink by less than half.
const MAX_EXPANSION: u64 = 20;
/// Small archives may unpack to this much whatever their size.
const FREE_EXPANSION: u64 = 64 << 20;

/// A zip archive that was found to be a PyTorch checkpoint.
pub(super) struct Archive {
    records: Vec<Record>,
    /// Position of `data.pkl`.
    pickle: usize,
}

/// Checks that the zip archive in the bytes of the file `path` is a PyTorch checkpoint that can be read safely.
///
/// # Errors
/// [`WeightsError::NotACheckpoint`] for other uses of zip (TorchScript, NumPy, a zipped download),
/// [`WeightsError::Unreadable`] for broken and hostile archives.
pub(super) fn recognise(path: &Path, archive: &[u8]) -> Result<Archive, WeightsError> {
    let records = records(archive).map_err(|error| match error {
        DirectoryError::CutOff(reason) => broken(path, reason),
        DirectoryError::Lies(reason) => hostile(path, reason),
    })?;
    let has = |name: &str| records.iter().any(|record| record.file_name() == name);
    if has("constants.pkl") || has("model.json") && has("attributes.pkl") {
        let advice = recipe::save_scripted(path);
        return Err(not_a_checkpoint(path, "a TorchScript archive", &advice));
    }
    let mut pickles = (0..records.len()).filter(|&index| records[index].file_name() == "data.pkl");
    let pickle = match (pickles.next(), pickles.next()) {
        (None, _) => return Err(other_archive(path, &records)),
        (Some(_), Some(_)) => return Err(hostile(path, "it holds more than one data.pkl")),
        (Some(index), None) => index,
    };
    if records.iter().any(|record| record.encrypted) {
        let reason = "it is encrypted; unpack it with its password and zip it again without one";
        return Err(WeightsError::unreadable(path, CONTAINER, reason));
    }
    let total = records
        .iter()
        .fold(0u64, |sum, record| sum.saturating_add(record.size));
    let len = archive.len() as u64;
    if total
        > len
            .saturating_mul(MAX_EXPANSION)
            .saturating_add(FREE_EXPANSION)
    {
        return Err(hostile(
            path,
            &format!("{len} bytes claim to unpack to {total}"),
        ));
    }
    Ok(Archive { records, pickle })
}

impl Archive {
    /// Reads what the pickle says about tensors and what is around them. `archive` is the bytes of the file.
    pub(super) fn read(&self, archive: &[u8]) -> Result<(Stored, Vec<String>, Structure), Refusal> {
        let record = &self.records[self.pickle];
        let damaged = |reason: &str| Refusal::Damaged(format!("data.pkl: {reason}"));
        let beyond = || damaged("it reaches beyond the end of the file");
        let pickle = record.storage(archive).ok_or_else(beyond)?;
        if pickle.packing != Packing::Plain && record.size > MAX_PICKLE {
            let reason = format!("its data.pkl claims to unpack to {} bytes", record.size);
            return Err(Refusal::Malformed(reason));
        }
        let root = record.name.strip_suffix("data.pkl").unwrap_or_default();
        if self.text(archive, &format!("{root}byteorder")).as_deref() == Some(b"big") {
            return Err(Refusal::BigEndian);
        }
        let bytes = pickle.bytes(archive).map_err(|reason| damaged(&reason))?;
        let parsed = Pickle::read(&bytes, &mut MAX_OPS.clone())?;
        let found = contents(&parsed, Tensors::OnStorages)?;
        let prefix = format!("{root}data/");
        let storage = |record: &Record| -> Option<(String, Storage)> {
            let key = record.name.strip_prefix(&prefix)?;
            Some((key.to_string(), record.storage(archive)?))
        };
        let storages = self.records.iter().filter_map(storage).collect();
        let (names, tensors) = found.tensors.into_iter().unzip();
        let stored = Stored {
            pickle,
            storages,
            tensors,
        };
        Ok((stored, names, found.structure))
    }

    /// The content of a short record.
    fn text(&self, archive: &[u8], name: &str) -> Option<Vec<u8>> {
        const LONGEST: u64 = 4096;
        let mut found = self.records.iter().filter(|record| record.name == name);
        let record = found.next().filter(|record| record.size <= LONGEST)?;
        let bytes = record.storage(archive)?.bytes(archive).ok()?;
        Some(bytes.trim_ascii().to_vec())
    }
}

fn broken(path: &Path, reason: &str) -> WeightsError {
    WeightsError::Unreadable {
        path: path.to_path_buf(),
        container: CONTAINER.to_string(),
        reason: reason.to_string(),
        advice: DOWNLOAD_AGAIN.to_string(),
    }
}

fn hostile(path: &Path, reason: &str) -> WeightsError {
    let reason = format!("{reason}, which torch.save never writes");
    WeightsError::unreadable(path, CONTAINER, reason)
}

/// Names a zip archive without a `data.pkl`.
fn other_archive(path: &Path, records: &[Record]) -> WeightsError {
    let ends = |suffix: &str| records.iter().find(|record| record.name.ends_with(suffix));
    if ends(".npy").is_some() {
        return not_a_checkpoint(path, "a NumPy archive", &recipe::save_arrays(path));
    }
    let kinds = [
        ("model.weights.h5", "a Keras model", OTHER),
        (
            "[Content_Types].xml",
            "an office document",
            "Give the checkpoint file.",
        ),
    ];
    if let Some((_, found, advice)) = kinds.iter().find(|(suffix, ..)| ends(suffix).is_some()) {
        return not_a_checkpoint(path, found, advice);
    }
    let inner = [".pth.tar", ".pth", ".pt", ".safetensors", ".caffemodel"];
    if let Some(inner) = inner.iter().find_map(|suffix| ends(suffix)) {
        let advice = format!(
            "Unpack it and give the file inside: {}",
            printable(&inner.name)
        );
        return not_a_checkpoint(path, "a zip archive around a checkpoint", &advice);
    }
    let names: Vec<&str> = records
        .iter()
        .take(3)
        .map(|record| record.name.as_str())
        .collect();
    let advice = match names.as_slice() {
        [] => "It is empty.".to_string(),
        names => format!(
            "It has no data.pkl; it starts with: {}",
            printable(&names.join(", "))
        ),
    };
    not_a_checkpoint(path, "a zip archive of something else", &advice)
}
