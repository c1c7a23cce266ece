//! An opened checkpoint: the tensors it lists, and their bytes on demand.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::caffe::Model;
use super::detect::{Container, detect};
use super::mapped::MappedFile;
use super::pickle::contents::contents;
use super::pickle::machine::{MAX_OPS, Pickle};
use super::pickle::tensors::Tensors;
use super::refusal::Refusal;
use super::shards::Index;
use super::stored::{Storage, Stored};
use super::structure::Structure;
use super::{legacy, tar, tar_directory, zip};
use crate::weights::error::WeightsError;
use crate::weights::header::Header;
use crate::weights::tensor::{RawTensor, TensorInfo};

/// Where the bytes are.
enum Store {
    Torch(MappedFile, Stored),
    Safetensors(MappedFile, Vec<Range<usize>>),
    Caffe(MappedFile, Model),
    Shards {
        parts: Vec<Checkpoint>,
        /// Part and position there of every tensor.
        places: Vec<(usize, usize)>,
    },
}

/// A checkpoint file whose container was recognised and whose listing was parsed.
///
/// Nothing in the file is executed. Opening reads no tensor data; [`Checkpoint::read`] reads one
/// tensor.
pub struct Checkpoint {
    path: PathBuf,
    container: Container,
    len: u64,
    tensors: Vec<TensorInfo>,
    structure: Structure,
    metadata: BTreeMap<String, String>,
    store: Store,
}

impl Checkpoint {
    /// Opens `path`, whatever container it is.
    ///
    /// # Errors
    /// [`WeightsError::NotACheckpoint`], [`WeightsError::Unreadable`] or [`WeightsError::Read`].
    pub fn open(path: &Path) -> Result<Self, WeightsError> {
        match detect(path)? {
            Container::Safetensors => Self::open_safetensors(path),
            Container::ShardIndex => Self::open_shards(path),
            Container::Caffe => Self::open_caffe(path),
            container => Self::open_torch(path, container),
        }
    }

    fn open_safetensors(path: &Path) -> Result<Self, WeightsError> {
        let file = MappedFile::open(path).map_err(|e| WeightsError::read(path, e))?;
        let header = Header::read(&file).map_err(|error| WeightsError::Unreadable {
            path: path.to_path_buf(),
            container: Container::Safetensors.describe().to_string(),
            reason: error.to_string(),
            advice: "If it was downloaded, download it again.".to_string(),
        })?;
        let (tensors, ranges) = header.tensors.into_iter().unzip();
        Ok(Self {
            path: path.to_path_buf(),
            container: Container::Safetensors,
            len: file.len() as u64,
            tensors,
            structure: Structure::flat(),
            metadata: header.metadata,
            store: Store::Safetensors(file, ranges),
        })
    }

    fn open_caffe(path: &Path) -> Result<Self, WeightsError> {
        let container = Container::Caffe;
        let file = MappedFile::open(path).map_err(|e| WeightsError::read(path, e))?;
        let read = Model::read(&file).map_err(|why| refuse(path, container, &why.into()));
        let (model, tensors, structure) = read?;
        Ok(Self {
            path: path.to_path_buf(),
            container,
            len: file.len() as u64,
            tensors,
            structure,
            metadata: BTreeMap::new(),
            store: Store::Caffe(file, model),
        })
    }

    fn open_torch(path: &Path, container: Container) -> Result<Self, WeightsError> {
        let file = MappedFile::open(path).map_err(|e| WeightsError::read(path, e))?;
        let found = match container {
            Container::Zip => zip::recognise(path, &file)?.read(&file),
            Container::Tar => tar::read(&file, &tar_directory::members(path, &file)?),
            Container::Legacy => legacy::read(&file),
            _ => bare_pickle(&file),
        };
        let (stored, names, structure) = found.map_err(|why| refuse(path, container, &why))?;
        let tensors = names.into_iter().zip(&stored.tensors);
        Ok(Self {
            path: path.to_path_buf(),
            container,
            len: file.len() as u64,
            tensors: tensors
                .map(|(name, view)| TensorInfo {
                    name,
                    dtype: view.dtype,
                    shape: view.shape.clone(),
                })
                .collect(),
            structure,
            metadata: BTreeMap::new(),
            store: Store::Torch(file, stored),
        })
    }

    /// Opens every file that the index at `path` names, each once, and joins them.
    fn open_shards(path: &Path) -> Result<Self, WeightsError> {
        let container = Container::ShardIndex;
        let bad = |reason: String| WeightsError::unreadable(path, container.describe(), reason);
        let index = Index::read(path)?;
        let directory = path.parent().unwrap_or(Path::new(""));
        let mut parts = Vec::with_capacity(index.files.len());
        for file in &index.files {
            let part = directory.join(file);
            if !part.is_file() {
                let reason = format!("'{file}' is not beside the index; all parts are needed");
                return Err(bad(reason));
            }
            if detect(&part)? == container {
                return Err(bad(format!("'{file}' is an index itself")));
            }
            parts.push(Self::open(&part)?);
        }
        let mut tensors = Vec::new();
        let mut places = Vec::new();
        let mut missing = index.tensors.clone();
        for (number, part) in parts.iter().enumerate() {
            for (place, tensor) in part.tensors.iter().enumerate() {
                if missing.get(&tensor.name) == Some(&number) {
                    missing.remove(&tensor.name);
                    tensors.push(tensor.clone());
                    places.push((number, place));
                }
            }
        }
        if let Some(name) = missing.keys().next() {
            return Err(bad(format!("'{name}' is in the index but not in its file")));
        }
        Ok(Self {
            path: path.to_path_buf(),
            container,
            len: parts.iter().map(|part| part.len).sum(),
            tensors,
            structure: Structure::flat(),
            metadata: parts
                .iter()
                .flat_map(|part| part.metadata.clone())
                .collect(),
            store: Store::Shards { parts, places },
        })
    }

    /// The file this was opened from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its container.
    pub fn container(&self) -> Container {
        self.container
    }

    /// Its size in bytes, all shards together.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it lists no tensors at all.
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    /// All tensors, in the file's order.
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    /// The dictionaries around the tensors, and what is saved beside them.
    pub fn structure(&self) -> &Structure {
        &self.structure
    }

    /// The string map in a safetensors header; empty for other containers.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// Lets the system drop the pages of the file that were read. They are read again when needed.
    pub fn release_pages(&self) {
        match &self.store {
            Store::Torch(file, _) | Store::Safetensors(file, _) | Store::Caffe(file, _) => {
                file.release_pages();
            }
            Store::Shards { parts, .. } => parts.iter().for_each(Self::release_pages),
        }
    }

    /// Reads the tensor `tensors()[index]`: borrowed from the file where its values lie there in order, copied otherwise.
    ///
    /// # Errors
    /// [`WeightsError::Unreadable`] when its bytes are missing or damaged.
    pub fn read(&self, index: usize) -> Result<RawTensor<'_>, WeightsError> {
        let missing =
            || WeightsError::unreadable(&self.path, self.container.describe(), "no such tensor");
        let info = self.tensors.get(index).ok_or_else(missing)?;
        let data = match &self.store {
            Store::Torch(file, stored) => stored
                .read(file, index)
                .map_err(|why| refuse(&self.path, self.container, &why))?,
            Store::Safetensors(file, ranges) => {
                file.get(ranges[index].clone()).ok_or_else(missing)?.into()
            }
            Store::Caffe(file, model) => model
                .values(file, index)
                .map_err(|why| refuse(&self.path, self.container, &why.into()))?,
            Store::Shards { parts, places } => {
                let (part, place) = places[index];
                return parts[part].read(place);
            }
        };
        Ok(RawTensor {
            dtype: info.dtype,
            shape: info.shape.clone(),
            data,
        })
    }
}

/// A pickle by itself.
fn bare_pickle(file: &[u8]) -> Result<(Stored, Vec<String>, Structure), Refusal> {
    let pickle = Pickle::read(file, &mut MAX_OPS.clone())?;
    let found = contents(&pickle, Tensors::Nowhere)?;
    let (names, tensors) = found.tensors.into_iter().unzip();
    let stored = Stored {
        pickle: Storage::plain(0..file.len()),
        storages: Default::default(),
        tensors,
    };
    Ok((stored, names, found.structure))
}

fn refuse(path: &Path, container: Container, why: &Refusal) -> WeightsError {
    WeightsError::Unreadable {
        path: path.to_path_buf(),
        container: container.describe().to_string(),
        reason: why.to_string(),
        advice: why.advice(path),
    }
}
