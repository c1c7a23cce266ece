//! Writing a safetensors file so that it is either whole or not there.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use crate::file::{FileError, NewFile};
use crate::weights::error::WeightsError;
use crate::weights::header;
use crate::weights::tensor::RawTensor;

/// Writes `tensors` and `metadata` to `path`, whole or not at all (see [`NewFile`]). The bytes depend on the arguments alone.
///
/// Tensors keep their order, so that programs that read state_dicts by position find it. Where one would not be aligned so,
/// which other readers require, they are ordered by alignment, then name.
///
/// # Errors
/// [`WeightsError::Write`]; an earlier file is then as it was.
pub fn write(
    path: &Path,
    tensors: &[(String, RawTensor<'_>)],
    metadata: &BTreeMap<String, String>,
) -> Result<(), WeightsError> {
    Ok(put(path, tensors, metadata)?)
}

fn put(
    path: &Path,
    tensors: &[(String, RawTensor<'_>)],
    metadata: &BTreeMap<String, String>,
) -> Result<(), FileError> {
    let mut order: Vec<&(String, RawTensor<'_>)> = tensors.iter().collect();
    if !are_aligned(tensors) {
        order.sort_by(|(a, x), (b, y)| y.dtype.bitsize().cmp(&x.dtype.bitsize()).then(a.cmp(b)));
    }
    let mut file = NewFile::create(path)?;
    let header = header::written(&order, metadata);
    let data = order.iter().map(|(_, tensor)| tensor.data.as_ref());
    for bytes in std::iter::once(header.as_slice()).chain(data) {
        if let Err(error) = file.write_all(bytes) {
            return Err(file.failed(error));
        }
    }
    file.finish().map(drop)
}

/// Whether every tensor begins at a multiple of its elements' size when they follow each other.
fn are_aligned(tensors: &[(String, RawTensor<'_>)]) -> bool {
    let mut start = 0;
    tensors.iter().all(|(_, tensor)| {
        let is_aligned = (8 * start) % tensor.dtype.bitsize() == 0;
        start += tensor.data.len();
        is_aligned
    })
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
    fn tensors_keep_their_order_where_that_aligns_them() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.safetensors");
        let order = |even: &[u8]| {
            let tensors = vec![
                ("z".to_string(), tensor(Dtype::F32, even)),
                ("counter".to_string(), tensor(Dtype::I64, &[9; 8])),
                ("a".to_string(), tensor(Dtype::F32, &[1, 2, 3, 4])),
            ];
            write(&path, &tensors, &BTreeMap::new()).unwrap();
            let bytes = std::fs::read(&path).unwrap();
            let read = safetensors::SafeTensors::deserialize(&bytes).unwrap();
            let mut places: Vec<(usize, String)> = read
                .iter()
                .map(|(name, view)| (view.data().as_ptr() as usize, name.to_string()))
                .collect();
            places.sort();
            places.into_iter().map(|(_, name)| name).collect::<Vec<_>>()
        };
        assert_eq!(order(&[0; 8]), ["z", "counter", "a"]);
        assert_eq!(order(&[0; 4]), ["counter", "a", "z"]);
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
}
