//! What a fit needs to go on where it stopped, as one safetensors file.
//!
//! Tensors are called `weights.NAME`, `momentum.NAME` and, where the best network so far is another one, `best.NAME`. The
//! header's map has everything else as JSON under `eco.training`, and a checksum of the tensors' bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::recipe::Recipe;
use super::record::{EpochRecord, Running};
use super::schedule::{Course, Position};
use crate::recipe::Architecture;
use crate::text::names;
use crate::weights::{self, RawTensor, WeightsError};

/// Version of the layout. Raised when an older reader would misread a newer file; 2 says what clips are looked at with.
const FORMAT: u32 = 2;
const ABOUT: &str = "eco.training";
const CHECKSUM: &str = "eco.training.crc32c";

/// The sets of tensors in a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The network as it is.
    Weights,
    /// The momentum of every trained tensor.
    Momentum,
    /// The network that was best so far.
    Best,
}

names!(Part {
    Weights = "weights",
    Momentum = "momentum",
    Best = "best",
});

/// A checkpoint without its tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// The network.
    pub architecture: Architecture,
    /// Classes of its head.
    pub classes: usize,
    /// Frames per clip.
    pub segments: usize,
    /// How it is fitted.
    pub recipe: Recipe,
    /// What clips are looked at with, by name: all that changes what the network reads of them, beside the recipe.
    pub input: BTreeMap<String, String>,
    /// A hash of the clips, their order and their labels.
    pub data: String,
    /// A hash of the weights that the fit started from.
    pub start: String,
    /// The step that comes next.
    pub next: Position,
    /// What evaluations have shown so far.
    pub course: Course,
    /// Sums over the epoch at hand.
    pub running: Running,
    /// The epochs that are done.
    pub history: Vec<EpochRecord>,
}

/// Why a checkpoint cannot be written, read or gone on from.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] WeightsError),
    /// The file holds something else.
    #[error(
        "{} is no state of a training: it has tensors without what a training needs to go on",
        .0.display()
    )]
    NoCheckpoint(PathBuf),
    /// The file is no safetensors file, or ends early.
    #[error("{} is no state of a training, or an incomplete one: {reason}", path.display())]
    Incomplete {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Another version wrote it.
    #[error(
        "{} is a checkpoint in layout {found}; this version reads layout {FORMAT}: go on with the version of eco that wrote it",
        path.display()
    )]
    Layout {
        /// The file.
        path: PathBuf,
        /// Its layout.
        found: u64,
    },
    /// Something in the file is not as it was written.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The fit that was begun had another recipe.
    #[error("the checkpoint is of a fit with another recipe: {}", .0.join(", "))]
    Recipe(
        /// What is asked for and what the checkpoint has instead.
        Vec<String>,
    ),
    /// The fit that was begun looked at clips otherwise.
    #[error("the checkpoint is of a fit that looks at clips otherwise: {}", .0.join(", "))]
    Input(
        /// What is asked for and what the checkpoint has instead.
        Vec<String>,
    ),
    /// The fit that was begun had other clips.
    #[error("the checkpoint is of a fit to other clips or labels, or to the same in another order")]
    Data,
    /// The fit that was begun started from other weights.
    #[error("the checkpoint is of a fit that started from other weights")]
    Start,
    /// A number of the state is NaN or infinite.
    #[error("the state of the fit has numbers that are NaN or infinite, and is not written")]
    NotFinite,
    /// A tensor is not there, or has another shape or type.
    #[error("the checkpoint has no {part} {name} of shape {shape:?}")]
    NoTensor {
        /// Where it should be.
        part: Part,
        /// The tensor.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
    },
}

/// The state of a fit between two steps.
#[derive(Debug, Clone)]
pub struct Checkpoint<'a> {
    /// Everything but the tensors.
    pub about: About,
    /// Tensors under the names that they have in the file.
    tensors: Vec<(String, RawTensor<'a>)>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    format: u32,
    #[serde(flatten)]
    rest: serde_json::Value,
}

impl<'a> Checkpoint<'a> {
    /// A checkpoint without tensors.
    pub fn new(about: About) -> Self {
        Self {
            about,
            tensors: Vec::new(),
        }
    }

    /// The same with these tensors too.
    pub fn with(mut self, part: Part, tensors: Vec<(String, RawTensor<'a>)>) -> Self {
        let tensors = tensors.into_iter();
        self.tensors
            .extend(tensors.map(|(name, tensor)| (format!("{part}.{name}"), tensor)));
        self
    }

    /// Whether there are tensors of a part.
    pub fn has(&self, part: Part) -> bool {
        let start = format!("{part}.");
        self.tensors
            .iter()
            .any(|(name, _)| name.starts_with(&start))
    }

    /// A tensor, which must have this shape.
    ///
    /// # Errors
    /// [`CheckpointError::NoTensor`].
    pub fn tensor(
        &self,
        part: Part,
        name: &str,
        shape: &[usize],
    ) -> Result<&RawTensor<'a>, CheckpointError> {
        let full = format!("{part}.{name}");
        let mut tensors = self.tensors.iter();
        let found = tensors.find(|(name, tensor)| *name == full && tensor.shape == shape);
        found
            .map(|(_, tensor)| tensor)
            .ok_or_else(|| CheckpointError::NoTensor {
                part,
                name: name.to_owned(),
                shape: shape.to_vec(),
            })
    }

    /// Checks that this is the state of a fit with such a recipe, to such clips that are looked at with `input`, from such
    /// weights.
    ///
    /// # Errors
    /// What differs.
    pub fn check(
        &self,
        recipe: &Recipe,
        input: &BTreeMap<String, String>,
        data: &str,
        start: &str,
    ) -> Result<(), CheckpointError> {
        let differences = recipe.differences(&self.about.recipe);
        if !differences.is_empty() {
            return Err(CheckpointError::Recipe(differences));
        }
        let differences = differences_of(input, &self.about.input);
        if !differences.is_empty() {
            return Err(CheckpointError::Input(differences));
        }
        if self.about.data != data {
            return Err(CheckpointError::Data);
        }
        if self.about.start != start {
            return Err(CheckpointError::Start);
        }
        Ok(())
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// [`CheckpointError::File`], and [`CheckpointError::NotFinite`]; an earlier file is then as it was.
    pub fn write(&self, path: &Path) -> Result<(), CheckpointError> {
        let rest = serde_json::json!(self.about);
        // JSON has no NaN: what was written could not be read.
        if About::deserialize(&rest).ok().as_ref() != Some(&self.about) {
            return Err(CheckpointError::NotFinite);
        }
        let header = Header {
            format: FORMAT,
            rest,
        };
        let metadata = BTreeMap::from([
            ("format".to_owned(), "pt".to_owned()),
            (ABOUT.to_owned(), serde_json::json!(header).to_string()),
            (CHECKSUM.to_owned(), checksum(&self.tensors)),
        ]);
        Ok(weights::write(path, &self.tensors, &metadata)?)
    }
}

impl Checkpoint<'static> {
    /// Reads a file to its end.
    ///
    /// # Errors
    /// A file that cannot be read, is something else, or is not as it was written.
    pub fn read(path: &Path) -> Result<Self, CheckpointError> {
        let damaged = |reason: String| CheckpointError::Damaged {
            path: path.to_owned(),
            reason,
        };
        let file = weights::Checkpoint::open(path).map_err(|error| match error {
            WeightsError::Unreadable { reason, .. } => CheckpointError::Incomplete {
                path: path.to_owned(),
                reason,
            },
            WeightsError::NotACheckpoint { found, .. } => CheckpointError::Incomplete {
                path: path.to_owned(),
                reason: format!("it is {found}"),
            },
            error => error.into(),
        })?;
        let no_checkpoint = || CheckpointError::NoCheckpoint(path.to_owned());
        let about = file.metadata().get(ABOUT).ok_or_else(no_checkpoint)?;
        let about: Value =
            serde_json::from_str(about).map_err(|error| damaged(error.to_string()))?;
        // Finished weights have a record of their training under the same key, without a layout.
        let format = about.get("format").and_then(Value::as_u64);
        let format = format.ok_or_else(no_checkpoint)?;
        if format != u64::from(FORMAT) {
            return Err(CheckpointError::Layout {
                path: path.to_owned(),
                found: format,
            });
        }
        let header: Header =
            serde_json::from_value(about).map_err(|error| damaged(error.to_string()))?;
        let about: About =
            serde_json::from_value(header.rest).map_err(|error| damaged(error.to_string()))?;
        let mut tensors = Vec::new();
        for (index, info) in file.tensors().iter().enumerate() {
            let tensor = file.read(index)?;
            let owned = RawTensor {
                dtype: tensor.dtype,
                shape: tensor.shape,
                data: tensor.data.into_owned().into(),
            };
            tensors.push((info.name.clone(), owned));
        }
        if file.metadata().get(CHECKSUM) != Some(&checksum(&tensors)) {
            return Err(damaged("its tensors changed after it was written".into()));
        }
        Ok(Self { about, tensors })
    }
}

/// What `theirs` has instead, in words: `sampling caffe instead of official`.
fn differences_of(
    ours: &BTreeMap<String, String>,
    theirs: &BTreeMap<String, String>,
) -> Vec<String> {
    let of = |values: &BTreeMap<String, String>, name: &str| {
        values.get(name).cloned().unwrap_or_else(|| "none".into())
    };
    let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    let both = names
        .into_iter()
        .map(|name| (name, of(ours, name), of(theirs, name)));
    both.filter(|(_, our, their)| our != their)
        .map(|(name, our, their)| format!("{name} {their} instead of {our}"))
        .collect()
}

/// A checksum of all names and bytes, whatever their order.
fn checksum(tensors: &[(String, RawTensor<'_>)]) -> String {
    let mut order: Vec<_> = tensors.iter().collect();
    order.sort_by(|(a, _), (b, _)| a.cmp(b));
    let sum = order.into_iter().fold(0, |sum, (name, tensor)| {
        crc32c::crc32c_append(crc32c::crc32c_append(sum, name.as_bytes()), &tensor.data)
    });
    format!("{sum:08x}")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::weights::Dtype;

    fn input(sampling: &str) -> BTreeMap<String, String> {
        [("sampling".to_owned(), sampling.to_owned())].into()
    }

    fn about() -> About {
        About {
            architecture: Architecture::Full,
            classes: 3,
            segments: 8,
            recipe: Recipe::small(Architecture::Full),
            input: input("official"),
            data: "d".into(),
            start: "s".into(),
            next: Position { epoch: 2, step: 7 },
            course: Course::default(),
            running: Running::default(),
            history: Vec::new(),
        }
    }

    fn checkpoint() -> Checkpoint<'static> {
        let tensor = |values: &[f32]| RawTensor {
            dtype: Dtype::F32,
            shape: vec![values.len()],
            data: bytemuck::cast_slice(values).to_vec().into(),
        };
        Checkpoint::new(about())
            .with(Part::Weights, vec![("a.b".into(), tensor(&[1.0, 2.0]))])
            .with(Part::Momentum, vec![("a.b".into(), tensor(&[0.1, 0.2]))])
    }

    fn written() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.safetensors");
        checkpoint().write(&path).unwrap();
        (folder, path)
    }

    #[test]
    fn what_is_written_is_read_back() {
        let (_folder, path) = written();
        let read = Checkpoint::read(&path).unwrap();
        assert_eq!(read.about, about());
        let momentum = read.tensor(Part::Momentum, "a.b", &[2]).unwrap();
        assert_eq!(momentum.f32s().unwrap().as_ref(), [0.1, 0.2]);
        assert!(read.has(Part::Weights) && !read.has(Part::Best));
        let error = read.tensor(Part::Weights, "a.b", &[3]).unwrap_err();
        let message = error.to_string();
        assert_eq!(message, "the checkpoint has no weights a.b of shape [3]");
    }

    #[test]
    fn a_fit_goes_on_with_its_own_recipe_clips_and_start_only() {
        let checkpoint = checkpoint();
        let recipe = about().recipe;
        checkpoint
            .check(&recipe, &input("official"), "d", "s")
            .unwrap();
        let other = Recipe {
            batch: 4,
            ..recipe.clone()
        };
        let refused = |recipe, input: BTreeMap<String, String>, data, start| {
            let error = checkpoint.check(recipe, &input, data, start).unwrap_err();
            error.to_string()
        };
        let message = |recipe, data, start| refused(recipe, input("official"), data, start);
        assert!(message(&other, "d", "s").ends_with("another recipe: batch 8 instead of 4"));
        assert!(message(&recipe, "e", "s").contains("other clips"));
        assert!(message(&recipe, "d", "t").contains("other weights"));
        let message = refused(&recipe, input("caffe"), "d", "s");
        assert!(
            message.ends_with("otherwise: sampling official instead of caffe"),
            "{message}"
        );
        let mut with_frames = input("official");
        with_frames.insert("frames".into(), "a*.png".into());
        let message = refused(&recipe, with_frames, "d", "s");
        assert!(
            message.ends_with(": frames none instead of a*.png"),
            "{message}"
        );
    }

    #[test]
    fn damage_is_noticed_wherever_it_is() {
        let (folder, path) = written();
        let whole = fs::read(&path).unwrap();
        let other = folder.path().join("d.safetensors");
        let error = |bytes: &[u8]| {
            fs::write(&other, bytes).unwrap();
            Checkpoint::read(&other).unwrap_err().to_string()
        };
        let mut flipped = whole.clone();
        *flipped.last_mut().unwrap() ^= 1;
        assert!(error(&flipped).ends_with("is damaged: its tensors changed after it was written"));
        for cut in [&whole[..whole.len() - 3], &whole[..20], &[]] {
            let message = error(cut);
            assert!(
                message.contains("d.safetensors is no state of a training, or an incomplete one: "),
                "{message}"
            );
            assert!(!message.contains("download"), "{message}");
        }
        let text = String::from_utf8_lossy(&whole).into_owned();
        let renamed = text.find("\\\"epochs").unwrap();
        let mut renamed_bytes = whole.clone();
        renamed_bytes[renamed + 2] = b'E';
        assert!(error(&renamed_bytes).contains("is damaged: "));
    }

    #[test]
    fn other_layouts_and_other_files_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.safetensors");
        let with = |about: Option<&str>| {
            let metadata = about.map(|about| (ABOUT.to_owned(), about.to_owned()));
            weights::write(&path, &[], &metadata.into_iter().collect()).unwrap();
            Checkpoint::read(&path).unwrap_err()
        };
        assert!(matches!(with(None), CheckpointError::NoCheckpoint(_)));
        // What finished weights say under the same key.
        let finished = with(Some("{\"tuned\": \"last\"}"));
        assert!(matches!(finished, CheckpointError::NoCheckpoint(_)));
        for layout in [1, 3] {
            let other = with(Some(&format!("{{\"format\": {layout}, \"more\": 1}}")));
            assert!(matches!(other, CheckpointError::Layout { found, .. } if found == layout));
        }
    }

    #[test]
    fn numbers_that_could_not_be_read_again_are_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.safetensors");
        let mut checkpoint = checkpoint();
        checkpoint.about.running.loss = f64::NAN;
        let error = checkpoint.write(&path).unwrap_err();
        assert!(matches!(error, CheckpointError::NotFinite));
        checkpoint.about.running.loss = 0.0;
        let best = checkpoint
            .about
            .course
            .evaluated(&about().recipe, f64::INFINITY);
        assert!(best && checkpoint.write(&path).is_err() && !path.exists());
    }
}
