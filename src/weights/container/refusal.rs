//! Why the content of a file is refused, and what to do about it.

use std::path::Path;

use super::caffe::CaffeError;
use super::pickle::machine::PickleError;
use super::recipe;
use crate::text::printable;

/// What is wrong with the pickles, storages or layers of a file.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// Bytes that are no pickle, or one that takes too much to read.
    #[error(transparent)]
    Pickle(#[from] PickleError),
    /// A Caffe model that is damaged, or of another kind than ECO's.
    #[error(transparent)]
    Caffe(#[from] CaffeError),
    /// Something is cut off.
    #[error("{0}")]
    Damaged(String),
    /// Something contradicts itself.
    #[error("{0}")]
    Malformed(String),
    #[error("it was written on a big-endian machine")]
    BigEndian,
    /// The root of the pickle, by its Python type. `first` says that it is a sequence that starts with a dictionary.
    #[error("it holds no dictionary of tensors but a {}", printable(kind))]
    NoDictionary { kind: String, first: bool },
    /// Tensors in a form that has no plain bytes.
    #[error("it holds {what}, which cannot be read as plain weights")]
    Tensors {
        what: String,
        /// The dictionary they are in, as Python finds it in the checkpoint `c`.
        place: String,
        /// Python for the plain form of a tensor `v`, where there is one.
        plain: Option<&'static str>,
    },
    /// Tensors of `pickle.dump`.
    #[error("its tensors were written by pickle.dump, each as a file of its own in the pickle")]
    PickleDump,
    /// NumPy arrays of a big-endian machine; `place` is the dictionary they are in, as Python finds it in the checkpoint `c`.
    #[error("its NumPy arrays are big-endian")]
    BigEndianArrays { place: String },
    /// References to storages that are not in the file.
    #[error(
        "it is the data.pkl of a checkpoint archive that was unpacked, without the tensors' values"
    )]
    DataPickle,
}

/// What helps when a file was cut or changed on its way.
pub(super) const DOWNLOAD_AGAIN: &str =
    "The file is damaged or incomplete; if it was downloaded, download it again.";

impl Refusal {
    /// Tensors of a kind that is named by the function that makes them or the class of their storage.
    pub(super) fn tensors(name: &str, place: String) -> Self {
        const DENSE: &str = "v.to_dense()";
        const DEQUANTISED: &str = "v.dequantize() if v.is_quantized else v";
        let (what, plain) = match name.rsplit('.').next().unwrap_or(name) {
            "_rebuild_sparse_tensor" | "_rebuild_sparse_csr_tensor" => ("sparse", Some(DENSE)),
            "_rebuild_qtensor" => ("quantised", Some(DEQUANTISED)),
            "_rebuild_nested_tensor" => ("nested", None),
            "_rebuild_meta_tensor_no_storage" => ("meta", None),
            name if name.starts_with("Complex") => ("complex", None),
            name if name.starts_with('Q') && name.ends_with("Storage") => {
                ("quantised", Some(DEQUANTISED))
            }
            _ => {
                return Self::Tensors {
                    what: format!("tensors inside an object of {}", printable(name)),
                    place,
                    plain: Some("v"),
                };
            }
        };
        Self::Tensors {
            what: format!("{what} tensors"),
            place,
            plain,
        }
    }

    /// What to do; empty when nothing is known to help.
    pub(super) fn advice(&self, path: &Path) -> String {
        match self {
            Self::Pickle(PickleError::TooLong) | Self::Malformed(_) => String::new(),
            Self::Pickle(_) | Self::Damaged(_) => DOWNLOAD_AGAIN.to_string(),
            Self::Caffe(error) => error.advice().unwrap_or(DOWNLOAD_AGAIN).to_string(),
            Self::BigEndian => {
                "Load it with PyTorch on the machine it comes from, and save it there \
                                as safetensors."
                    .to_string()
            }
            Self::NoDictionary { first: true, .. } => recipe::save_tensors(path, "c[0]", "v"),
            Self::NoDictionary { .. } => String::new(),
            Self::Tensors { place, plain, .. } => match plain {
                Some(plain) => recipe::save_tensors(path, place, plain),
                None => String::new(),
            },
            Self::PickleDump => recipe::save_pickled(path),
            Self::BigEndianArrays { place } => recipe::save_turned(path, place),
            Self::DataPickle => recipe::pack_again(path),
        }
    }
}
