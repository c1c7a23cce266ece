//! What a zip archive holds, judged by its central directory before anything is decompressed.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use zip::result::ZipError;
use zip::{ZipArchive, ZipReadOptions};

use super::error::WeightsError;
use super::foreign::not_a_checkpoint;
use super::names::{printable, quotable};

const CONTAINER: &str = "zip archive";

/// Largest pickle that is parsed. 216 tensors take about 40 KB, a large language model with its
/// optimizer a few MB; a parsed pickle costs up to a hundred times its size in memory.
pub(super) const MAX_PICKLE: u64 = 32 << 20;

/// An archive may unpack to this many times its own size. PyTorch never compresses, and weights
/// that a user compressed shrink by less than half.
const MAX_EXPANSION: u64 = 20;
/// Small archives may unpack to this much whatever their size.
const FREE_EXPANSION: u64 = 64 << 20;

/// One record of the archive.
struct Record {
    name: String,
    size: u64,
    encrypted: bool,
}

/// Checks that a zip archive is a PyTorch checkpoint which can be read safely.
///
/// # Errors
/// [`WeightsError::NotACheckpoint`] for other uses of zip (TorchScript, NumPy, a zipped download),
/// [`WeightsError::Unreadable`] for broken and hostile archives.
pub(super) fn kind(path: &Path) -> Result<(), WeightsError> {
    let file = File::open(path).map_err(|e| WeightsError::read(path, e))?;
    let len = file
        .metadata()
        .map_err(|e| WeightsError::read(path, e))?
        .len();
    let archive = ZipArchive::new(BufReader::new(file)).map_err(|e| broken(path, &e))?;
    let records = records(path, &archive)?;
    if headers(path, archive.central_directory_start())? != archive.len() {
        return Err(hostile(path, "two records have the same name"));
    }
    let pickles: Vec<&Record> = records.iter().filter(|r| is_data_pickle(&r.name)).collect();
    let has = |name: &str| records.iter().any(|r| file_name(&r.name) == name);
    if has("constants.pkl") || has("model.json") && has("attributes.pkl") {
        return Err(torchscript(path));
    }
    match pickles.as_slice() {
        [] => return Err(other_archive(path, &records)),
        [_] => {}
        _ => return Err(hostile(path, "it holds more than one data.pkl")),
    }
    if records.iter().any(|r| r.encrypted) {
        return Err(WeightsError::unreadable(
            path,
            CONTAINER,
            "it is encrypted; unpack it with its password and zip it again without one",
        ));
    }
    if pickles[0].size > MAX_PICKLE {
        return Err(hostile(
            path,
            &format!("its data.pkl claims {} bytes", pickles[0].size),
        ));
    }
    let total = records
        .iter()
        .fold(0u64, |sum, r| sum.saturating_add(r.size));
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
    Ok(())
}

/// Counts the headers of the directory that starts at `start`. The archive's own count leaves out all but one
/// of the records that share a name.
fn headers(path: &Path, start: u64) -> Result<usize, WeightsError> {
    let failed = |e| WeightsError::read(path, e);
    let mut file = BufReader::new(File::open(path).map_err(failed)?);
    file.seek(SeekFrom::Start(start)).map_err(failed)?;
    let mut count = 0;
    let mut header = [0; 46];
    while file.read_exact(&mut header).is_ok() && header.starts_with(b"PK\x01\x02") {
        let field = |at: usize| i64::from(u16::from_le_bytes([header[at], header[at + 1]]));
        file.seek_relative(field(28) + field(30) + field(32))
            .map_err(failed)?;
        count += 1;
    }
    Ok(count)
}

/// The bytes of `data.pkl` in an archive that [`kind`] has accepted.
pub(super) fn data_pickle(path: &Path) -> Result<Vec<u8>, WeightsError> {
    let file = File::open(path).map_err(|e| WeightsError::read(path, e))?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|e| broken(path, &e))?;
    let index = records(path, &archive)?
        .iter()
        .position(|r| is_data_pickle(&r.name))
        .ok_or_else(|| hostile(path, "it holds no data.pkl"))?;
    // A checksum of zero means that none was computed, as torch.save can be told to do.
    let unchecked = archive
        .by_index_data(index)
        .is_ok_and(|entry| entry.crc32() == 0);
    let options = ZipReadOptions::new().ignore_crc32(unchecked);
    let entry = archive
        .by_index_with_options(index, options)
        .map_err(|e| broken(path, &e))?;
    let mut bytes = Vec::new();
    entry
        .take(MAX_PICKLE + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| WeightsError::unreadable(path, CONTAINER, format!("data.pkl: {e}")))?;
    if bytes.len() as u64 > MAX_PICKLE {
        return Err(hostile(path, "its data.pkl is larger than declared"));
    }
    Ok(bytes)
}

fn records(
    path: &Path,
    archive: &ZipArchive<BufReader<File>>,
) -> Result<Vec<Record>, WeightsError> {
    (0..archive.len())
        .map(|index| {
            let entry = archive.by_index_data(index).map_err(|e| broken(path, &e))?;
            let name = entry.name().map_err(|e| broken(path, &e))?.into_owned();
            Ok(Record {
                name,
                size: entry.size(),
                encrypted: entry.encrypted(),
            })
        })
        .collect()
}

fn file_name(record: &str) -> &str {
    record.rsplit('/').next().unwrap_or(record)
}

fn is_data_pickle(record: &str) -> bool {
    file_name(record) == "data.pkl"
}

fn broken(path: &Path, error: &ZipError) -> WeightsError {
    let advice = "The end of the archive is missing or damaged, as after a download that was \
                  stopped. Download it again.";
    WeightsError::Unreadable {
        path: path.to_path_buf(),
        container: CONTAINER.to_string(),
        reason: error.to_string(),
        advice: advice.to_string(),
    }
}

fn hostile(path: &Path, reason: &str) -> WeightsError {
    WeightsError::unreadable(
        path,
        CONTAINER,
        format!("{reason}, which torch.save never writes"),
    )
}

fn torchscript(path: &Path) -> WeightsError {
    let file = quotable(path);
    let advice = format!(
        "TorchScript stores a program, which eco does not run. Re-save its weights with:\n  \
         python -c \"import torch; torch.save(torch.jit.load('{file}', \
         map_location='cpu').state_dict(), '{file}.state_dict.pth')\""
    );
    not_a_checkpoint(path, "a TorchScript archive", &advice)
}

/// Names a zip archive without a `data.pkl`.
fn other_archive(path: &Path, records: &[Record]) -> WeightsError {
    let ends = |suffix: &str| records.iter().find(|r| r.name.ends_with(suffix));
    let has = |suffix: &str| ends(suffix).is_some();
    if has(".npy") {
        return not_a_checkpoint(path, "a NumPy archive", "eco reads PyTorch checkpoints.");
    }
    if has("model.weights.h5") {
        return not_a_checkpoint(path, "a Keras model", "eco reads PyTorch checkpoints.");
    }
    if has("[Content_Types].xml") {
        return not_a_checkpoint(path, "an office document", "Give the checkpoint file.");
    }
    let inner = [".pth.tar", ".pth", ".pt", ".safetensors", ".caffemodel"]
        .iter()
        .find_map(|suffix| ends(suffix));
    if let Some(inner) = inner {
        let advice = format!(
            "Unpack it and give the file inside: {}",
            printable(&inner.name)
        );
        return not_a_checkpoint(path, "a zip archive around a checkpoint", &advice);
    }
    let names: Vec<&str> = records.iter().take(3).map(|r| r.name.as_str()).collect();
    let advice = match names.as_slice() {
        [] => "It is empty.".to_string(),
        _ => format!(
            "It has no data.pkl; it starts with: {}",
            printable(&names.join(", "))
        ),
    };
    not_a_checkpoint(path, "a zip archive of something else", &advice)
}
