//! Predictions that are kept in a file, so that a run that was stopped can go on.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader};
use std::path::Path;

use anyhow::{Context, anyhow};

use crate::recognise::ClipName;
use crate::recognise::evaluation::{
    Origin, Predictions, Sample, latest, write_origin, write_sample,
};

/// A file of predictions: what it has, and what is added to it.
pub(super) struct Kept {
    file: File,
    /// The answers that were there, by clip.
    answered: HashMap<ClipName, Sample>,
}

impl Kept {
    /// Opens the file at `path` to go on with it, or begins a new one.
    ///
    /// # Errors
    /// A file that is something else, or whose predictions came about differently.
    pub(super) fn open(path: &Path, origin: &Origin) -> anyhow::Result<Self> {
        let shown = || path.display();
        let cannot = || format!("cannot write {}", shown());
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(path).with_context(cannot)?;
        if file.metadata().with_context(cannot)?.len() == 0 {
            write_origin(&mut file, origin).with_context(cannot)?;
            return Ok(Self {
                file,
                answered: HashMap::new(),
            });
        }
        let predictions = Predictions::read(BufReader::new(&file))
            .with_context(|| format!("cannot go on with {}", shown()))?;
        if let Some(difference) = predictions.origin.difference(origin) {
            return Err(anyhow!(
                "{} has predictions that came about differently ({difference}); name another file",
                shown()
            ));
        }
        // What was cut off in the middle is written anew.
        file.set_len(predictions.whole).with_context(cannot)?;
        io::Seek::seek(&mut file, io::SeekFrom::End(0)).with_context(cannot)?;
        let mut answered: HashMap<ClipName, Sample> = HashMap::new();
        for sample in latest(predictions.samples) {
            if sample.scores.is_ok() {
                answered.insert(sample.clip.clone(), sample);
            }
        }
        Ok(Self { file, answered })
    }

    /// The answer that the file had for a clip of class `truth`, if any.
    ///
    /// # Errors
    /// An answer that was given for another class.
    pub(super) fn answer(&self, clip: &ClipName, truth: usize) -> anyhow::Result<Option<&Sample>> {
        let Some(sample) = self.answered.get(clip) else {
            return Ok(None);
        };
        if sample.truth != truth {
            return Err(anyhow!(
                "the predictions say that {} is of class {}, the clips that it is of class {truth}; name another file",
                clip.text(),
                sample.truth
            ));
        }
        Ok(Some(sample))
    }

    /// Adds a sample.
    ///
    /// # Errors
    /// Those of writing.
    pub(super) fn add(&mut self, sample: &Sample) -> io::Result<()> {
        write_sample(&mut self.file, sample)
    }
}
