//! The network's input from a file, as `scripts/reference.py` and `eco summary --dump` write it.

use std::path::{Path, PathBuf};

use crate::engine::ClipBatch;
use crate::recipe::{CHANNELS, FRAME_SIZE};
use crate::weights::{Checkpoint, Dtype, WeightsError};

/// The tensor's name.
pub const INPUT: &str = "input";

/// Why a file does not hold an input of the network.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// The file cannot be read.
    #[error(transparent)]
    Unreadable(#[from] WeightsError),
    /// It has no tensor of that name.
    #[error("{} has no tensor called `{INPUT}`", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The tensor has another type or shape.
    #[error(
        "{}: `{INPUT}` is {dtype:?} {shape:?}, not float [clips, segments, 3, 224, 224]", path.display()
    )]
    Shape {
        /// The file.
        path: PathBuf,
        /// Element type found.
        dtype: Dtype,
        /// Shape found.
        shape: Vec<usize>,
    },
}

/// Reads the tensor `input` of shape `[clips, segments, 3, 224, 224]` from a safetensors file or a PyTorch checkpoint.
///
/// # Errors
/// [`InputError`].
pub fn read_input(path: &Path) -> Result<ClipBatch, InputError> {
    let checkpoint = Checkpoint::open(path)?;
    let place = checkpoint
        .tensors()
        .iter()
        .position(|entry| entry.name == INPUT);
    let missing = || InputError::Missing {
        path: path.to_owned(),
    };
    let tensor = checkpoint.read(place.ok_or_else(missing)?)?;
    let (dtype, shape) = (tensor.dtype, tensor.shape.clone());
    let floats = tensor.convert(Dtype::F32);
    match (floats.as_ref().and_then(|tensor| tensor.f32s()), &shape[..]) {
        (Some(values), &[clips, segments, CHANNELS, FRAME_SIZE, FRAME_SIZE]) => {
            let mut batch = ClipBatch::zeros(clips, segments);
            batch.values.copy_from_slice(&values);
            Ok(batch)
        }
        _ => Err(InputError::Shape {
            path: path.to_owned(),
            dtype,
            shape,
        }),
    }
}
