//! Where event files are.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::file::FileError;

/// Seconds since 1970, as events have them.
pub(super) fn seconds(time: SystemTime) -> f64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs_f64()
}

/// The path of a new event file in `folder`, and the time in its name as events have it. The folder is created if it does not exist.
///
/// # Errors
/// [`FileError::Create`] when the folder cannot be made.
pub(in crate::show) fn new_path(folder: &Path) -> Result<(PathBuf, f64), FileError> {
    fs::create_dir_all(folder).map_err(|source| FileError::Create {
        path: folder.to_owned(),
        source,
    })?;
    let now = SystemTime::now();
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    // TensorBoard reads the files whose names contain `tfevents`, in the order of their names.
    let name = format!(
        "events.out.tfevents.{}.{:09}.eco.{}",
        since.as_secs(),
        since.subsec_nanos(),
        std::process::id()
    );
    Ok((folder.join(name), seconds(now)))
}
