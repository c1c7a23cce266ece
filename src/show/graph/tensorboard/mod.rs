//! Event files that TensorBoard reads.
//!
//! An event file is a sequence of framed protocol buffers. Ours has two: the version of the format, and the graph. Sources:
//! `tensorboard/compat/proto/{event,graph,node_def,attr_value,tensor_shape}.proto` for the messages, TensorFlow's
//! `core/lib/io/record_writer` for the frames.

mod graph_def;
mod proto;
mod record;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use prost::Message;

use crate::file::{self, FileError};
use crate::network::Graph;
use proto::{Event, What};

/// Writes `graph` to a new event file in `folder` and returns the file's path. The folder is created if it does not exist.
///
/// Earlier event files stay; TensorBoard shows the graph of the newest.
///
/// # Errors
/// [`FileError::Create`] when the folder or a file in it cannot be made, [`FileError::Write`] when the disk is full.
pub fn write(graph: &Graph, folder: &Path) -> Result<PathBuf, FileError> {
    fs::create_dir_all(folder).map_err(|source| FileError::Create {
        path: folder.to_owned(),
        source,
    })?;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    // TensorBoard reads the files whose names contain `tfevents`, in the order of their names.
    let name = format!(
        "events.out.tfevents.{}.{:09}.eco.{}",
        now.as_secs(),
        now.subsec_nanos(),
        std::process::id()
    );
    let path = folder.join(name);
    let mut events = Vec::new();
    let graph_def = graph_def::graph_def(graph).encode_to_vec();
    for what in [
        What::FileVersion("brain.Event:2".to_owned()),
        What::GraphDef(graph_def),
    ] {
        let event = Event {
            wall_time: now.as_secs_f64(),
            what: Some(what),
        };
        record::append(&mut events, &event.encode_to_vec());
    }
    file::write(&path, &events)?;
    Ok(path)
}
