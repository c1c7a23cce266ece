//! An opened checkpoint: the tensors it lists, and their bytes on demand.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use pytorch_reader::{PytorchError, PytorchReader};
use tempfile::NamedTempFile;

use super::container::{Container, detect};
use super::error::WeightsError;
use super::mapped::MappedSafetensors;
use super::pickle::class_ids::with_plain_classes;
use super::pickle::guard;
use super::shards;
use super::structure::Structure;
use super::tensor::{Dtype, RawTensor, from_pytorch};

/// A tensor in a checkpoint, not yet read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Dotted path through the checkpoint's dictionaries (`state_dict.module.new_fc.weight`).
    pub name: String,
    /// Element type.
    pub dtype: Dtype,
    /// Extents, outermost first; empty for a scalar.
    pub shape: Vec<usize>,
}

impl Entry {
    /// Number of elements, saturating where a hostile shape overflows.
    pub fn numel(&self) -> usize {
        self.shape
            .iter()
            .fold(1, |n: usize, &d| n.saturating_mul(d))
    }

    /// Number of bytes the values take.
    pub fn bytes(&self) -> usize {
        self.numel().saturating_mul(self.dtype.bitsize()) / 8
    }
}

/// Where the bytes are.
enum Store {
    Torch {
        tensors: Vec<pytorch_reader::Tensor>,
        /// The file they are read from where that is a rewritten copy, which goes with this.
        _rewritten: Option<NamedTempFile>,
    },
    Mapped(MappedSafetensors),
    Shards {
        parts: Vec<Checkpoint>,
        index: Vec<(usize, usize)>,
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
    entries: Vec<Entry>,
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
            Container::ShardIndex => shards::open(path),
            container => Self::open_torch(path, container),
        }
    }

    fn open_safetensors(path: &Path) -> Result<Self, WeightsError> {
        let mapped = MappedSafetensors::open(path)?;
        let entries = mapped.entries();
        Ok(Self {
            path: path.to_path_buf(),
            container: Container::Safetensors,
            len: mapped.len(),
            structure: Structure::flat(),
            metadata: mapped.metadata(),
            entries,
            store: Store::Mapped(mapped),
        })
    }

    fn open_torch(path: &Path, container: Container) -> Result<Self, WeightsError> {
        let scan = guard::check(path, container)?;
        let explain = |error: PytorchError| guard::explain(path, container, &scan, &error);
        let rewritten = match container {
            Container::Legacy => {
                with_plain_classes(path).map_err(|e| WeightsError::read(path, e))?
            }
            _ => None,
        };
        let source = rewritten.as_ref().map_or(path, |file| file.path());
        let tensors = PytorchReader::new(source).map_err(explain)?.into_tensors();
        let root = PytorchReader::read_pickle_data(source, None).map_err(explain)?;
        let structure = Structure::of_pickle(&root, &scan);
        let mut tensors: Vec<pytorch_reader::Tensor> = tensors.into_values().collect();
        tensors.sort_by(|a, b| structure.order(&a.name, &b.name));
        let entries = tensors
            .iter()
            .map(|t| Entry {
                name: t.name.clone(),
                dtype: from_pytorch(t.dtype()),
                shape: t.shape().to_vec(),
            })
            .collect();
        let len = std::fs::metadata(path)
            .map_err(|e| WeightsError::read(path, e))?
            .len();
        Ok(Self {
            path: path.to_path_buf(),
            container,
            len,
            entries,
            structure,
            metadata: BTreeMap::new(),
            store: Store::Torch {
                tensors,
                _rewritten: rewritten,
            },
        })
    }

    /// Joins the parts of a sharded checkpoint. `len` is their size together.
    pub(super) fn from_shards(
        path: &Path,
        parts: Vec<Checkpoint>,
        wanted: &BTreeMap<String, usize>,
    ) -> Self {
        let mut entries = Vec::new();
        let mut index = Vec::new();
        for (number, part) in parts.iter().enumerate() {
            for (slot, entry) in part.entries.iter().enumerate() {
                if wanted.get(&entry.name) == Some(&number) {
                    entries.push(entry.clone());
                    index.push((number, slot));
                }
            }
        }
        Self {
            path: path.to_path_buf(),
            container: Container::ShardIndex,
            len: parts.iter().map(|p| p.len).sum(),
            entries,
            structure: Structure::flat(),
            metadata: parts.iter().flat_map(|p| p.metadata.clone()).collect(),
            store: Store::Shards { parts, index },
        }
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
        self.entries.is_empty()
    }

    /// All tensors, in the file's order where it has one.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The dictionaries around the tensors, and what is saved beside them.
    pub fn structure(&self) -> &Structure {
        &self.structure
    }

    /// The string map in a safetensors header; empty for PyTorch containers.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// Gives the memory of mapped pages that were read back to the system.
    pub fn release_pages(&self) {
        match &self.store {
            Store::Torch { .. } => {}
            Store::Mapped(mapped) => mapped.release_pages(),
            Store::Shards { parts, .. } => parts.iter().for_each(Self::release_pages),
        }
    }

    /// Reads the tensor `entries()[index]`: borrowed from the map for safetensors, read from the
    /// file otherwise.
    ///
    /// # Errors
    /// [`WeightsError::Unreadable`] when its bytes are missing or damaged.
    pub fn read(&self, index: usize) -> Result<RawTensor<'_>, WeightsError> {
        let missing =
            || WeightsError::unreadable(&self.path, self.container.describe(), "no such tensor");
        match &self.store {
            Store::Torch { tensors, .. } => {
                let tensor = tensors.get(index).ok_or_else(missing)?;
                let data = tensor.read().map_err(|e| {
                    WeightsError::unreadable(&self.path, self.container.describe(), e.to_string())
                })?;
                Ok(RawTensor {
                    dtype: from_pytorch(tensor.dtype()),
                    shape: tensor.shape().to_vec(),
                    data: data.into(),
                })
            }
            Store::Mapped(mapped) => mapped.read(index).ok_or_else(missing),
            Store::Shards {
                parts,
                index: slots,
            } => {
                let &(part, slot) = slots.get(index).ok_or_else(missing)?;
                parts[part].read(slot)
            }
        }
    }

    /// Positions of the entries by name.
    pub(super) fn by_name(&self) -> HashMap<&str, usize> {
        self.entries
            .iter()
            .enumerate()
            .map(|(i, e)| (e.name.as_str(), i))
            .collect()
    }
}
