//! Whole modules in a legacy stream, in a form the reader takes.
//!
//! PyTorch before 1.6 saved, with the class of every module, the text of its source, through a
//! persistent id that the reader does not know. Naming the class directly says the same to a reader
//! that runs none of it.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use tempfile::NamedTempFile;

use super::guard::{LEGACY_OBJECT, map};
use super::scan::{ClassId, MAX_OPS, ScanError, Scanned, walk};

/// Longest class name, with its module, that is written out. One name can stand in many places.
const MAX_NAME: usize = 500;

/// Copies the stream at `path` to a temporary file, with classes in place of the persistent ids that
/// stand for them. `None` when it has none, and can be read as it is.
///
/// # Errors
/// What reading and writing report. A malformed pickle is left for the reader to find.
pub(in crate::weights) fn with_plain_classes(
    path: &Path,
) -> std::io::Result<Option<NamedTempFile>> {
    let map = map(&File::open(path)?)?;
    let Ok((start, object)) = object(&map) else {
        return Ok(None);
    };
    let long = |id: &ClassId<'_>| id.module.len() + id.name.len() > MAX_NAME;
    if object.class_ids.is_empty() || object.class_ids.iter().any(long) {
        return Ok(None);
    }
    let file = NamedTempFile::new()?;
    let mut out = BufWriter::with_capacity(1 << 20, file.as_file());
    let mut copied = 0;
    for id in &object.class_ids {
        out.write_all(&map[copied..start + id.at])?;
        // POP drops the id's tuple, GLOBAL pushes the class in its place.
        out.write_all(b"0c")?;
        out.write_all(id.module)?;
        out.write_all(b"\n")?;
        out.write_all(id.name)?;
        out.write_all(b"\n")?;
        copied = start + id.at + 1;
    }
    out.write_all(&map[copied..])?;
    out.flush()?;
    drop(out);
    Ok(Some(file))
}

/// The pickle of the saved object, and where it starts.
fn object(stream: &[u8]) -> Result<(usize, Scanned<'_>), ScanError> {
    let mut budget = MAX_OPS;
    let mut start = 0;
    for _ in 0..LEGACY_OBJECT {
        start += walk(&stream[start..], &mut budget)?.len;
    }
    Ok((start, walk(&stream[start..], &mut budget)?))
}
