//! Writing a safetensors file so that it is either whole or not there.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::error::WeightsError;
use super::tensor::RawTensor;

/// Writes `tensors` and `metadata` to `path`.
///
/// The data goes to a temporary file in the same directory, which is renamed at the end: a reader
/// never sees half a file, and one that has the old file mapped keeps it. A link stays a link: what it
/// leads to is replaced. What is no regular file (a pipe, a device) is written directly. The bytes
/// depend on the arguments alone: tensors are ordered by alignment, then name.
///
/// # Errors
/// [`WeightsError::Write`]; `path` is then as it was.
pub fn write(
    path: &Path,
    tensors: &[(String, RawTensor<'_>)],
    metadata: &BTreeMap<String, String>,
) -> Result<(), WeightsError> {
    write_to(path, tensors, metadata).map_err(|source| WeightsError::Write {
        path: path.to_path_buf(),
        source,
    })
}

fn write_to(
    path: &Path,
    tensors: &[(String, RawTensor<'_>)],
    metadata: &BTreeMap<String, String>,
) -> io::Result<()> {
    let mut order: Vec<&(String, RawTensor<'_>)> = tensors.iter().collect();
    order.sort_by(|(a, x), (b, y)| y.dtype.bitsize().cmp(&x.dtype.bitsize()).then(a.cmp(b)));
    let header = header(&order, metadata);
    let total = order.iter().map(|(_, t)| t.data.len() as u64).sum::<u64>();
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    match fs::metadata(path) {
        Ok(meta) if meta.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(meta) if !meta.is_file() => {
            put(&File::options().write(true).open(path)?, &header, &order)
        }
        _ => {
            let temporary = temporary_beside(path)?;
            let size = 8 + header.len() as u64 + total;
            temporary.as_file().set_len(size)?;
            put(temporary.as_file(), &header, &order)?;
            temporary.persist(path).map_err(|e| e.error)?;
            Ok(())
        }
    }
}

/// Writes the header's length, the header and the data.
fn put(file: &File, header: &[u8], order: &[&(String, RawTensor<'_>)]) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, file);
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(header)?;
    for (_, tensor) in order {
        out.write_all(&tensor.data)?;
    }
    out.flush()
}

/// A temporary file next to `path`, with the permissions of an ordinary new file.
pub(super) fn temporary_beside(path: &Path) -> io::Result<tempfile::NamedTempFile> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".eco-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // The process's umask applies on top.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    // Asked first, as the error below does not tell what is missing.
    fs::metadata(&directory)?;
    // That error names the temporary file, which means nothing to a user.
    let made = builder.tempfile_in(directory);
    made.map_err(|error| error.kind().into())
}

/// The JSON header, padded with spaces so that the data after it is aligned to eight bytes.
fn header(order: &[&(String, RawTensor<'_>)], metadata: &BTreeMap<String, String>) -> Vec<u8> {
    let mut map = Map::new();
    if !metadata.is_empty() {
        map.insert("__metadata__".to_string(), json!(metadata));
    }
    let mut offset = 0;
    for (name, tensor) in order {
        let end = offset + tensor.data.len();
        let info = json!({
            "dtype": tensor.dtype,
            "shape": tensor.shape,
            "data_offsets": [offset, end],
        });
        map.insert(name.clone(), info);
        offset = end;
    }
    let mut bytes = Value::Object(map).to_string().into_bytes();
    bytes.resize(bytes.len().next_multiple_of(8), b' ');
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::tensor::Dtype;

    fn tensor(dtype: Dtype, bytes: &[u8]) -> RawTensor<'_> {
        let shape = vec![bytes.len() * 8 / dtype.bitsize()];
        RawTensor {
            dtype,
            shape,
            data: bytes.into(),
        }
    }

    #[test]
    fn what_is_written_is_what_the_safetensors_crate_reads() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.safetensors");
        let tensors = vec![
            ("odd".to_string(), tensor(Dtype::F32, &[1, 2, 3, 4])),
            ("counter".to_string(), tensor(Dtype::I64, &[9; 8])),
        ];
        let metadata = BTreeMap::from([("k".to_string(), "v \u{1F3A5}".to_string())]);
        write(&path, &tensors, &metadata).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let read = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(read.tensor("odd").unwrap().data(), [1, 2, 3, 4]);
        assert_eq!(read.tensor("counter").unwrap().data(), [9; 8]);
        let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
        assert_eq!(header.metadata().as_ref().unwrap()["k"], "v \u{1F3A5}");
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("taken");
        std::fs::create_dir(&path).unwrap();
        let tensors = vec![("a".to_string(), tensor(Dtype::U8, &[1]))];
        assert!(write(&path, &tensors, &BTreeMap::new()).is_err());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_directory_is_told_without_the_name_of_a_temporary_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("none/a.safetensors");
        let error = write_to(&path, &[], &BTreeMap::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(!error.to_string().contains(".eco-"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link_and_a_device_stays_a_device() {
        let dir = tempfile::tempdir().unwrap();
        let [file, link] = ["file", "link"].map(|name| dir.path().join(name));
        std::fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let tensors = vec![("a".to_string(), tensor(Dtype::U8, &[1]))];
        write(&link, &tensors, &BTreeMap::new()).unwrap();
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        let bytes = std::fs::read(&file).unwrap();
        assert!(safetensors::SafeTensors::deserialize(&bytes).is_ok());

        let null = Path::new("/dev/null");
        write(null, &tensors, &BTreeMap::new()).unwrap();
        assert!(!std::fs::metadata(null).unwrap().is_file());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error() {
        let tensors = vec![("a".to_string(), tensor(Dtype::U8, &[1]))];
        let error = write_to(Path::new("/dev/full"), &tensors, &BTreeMap::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
