//! A graph as an event file that TensorBoard reads. Sources: `tensorboard/compat/proto/{graph,node_def,attr_value,tensor_shape}.proto`.

mod graph_def;
mod proto;

use std::path::{Path, PathBuf};

use prost::Message;

use crate::file::{self, FileError};
use crate::network::Graph;
use crate::show::tensorboard;

/// Writes `graph` to a new event file in `folder` and returns the file's path. The folder is created if it does not exist.
///
/// Earlier event files stay; TensorBoard shows the graph of the newest.
///
/// # Errors
/// [`FileError::Create`] when the folder or a file in it cannot be made, [`FileError::Write`] when the disk is full.
pub fn write(graph: &Graph, folder: &Path) -> Result<PathBuf, FileError> {
    let (path, now) = tensorboard::new_path(folder)?;
    let graph_def = graph_def::graph_def(graph).encode_to_vec();
    let mut events = tensorboard::version(now);
    events.extend(tensorboard::graph(now, graph_def));
    file::write(&path, &events)?;
    Ok(path)
}
