//! The clips of a training, with their classes and groups.

use std::collections::HashSet;
use std::path::PathBuf;

use anyhow::anyhow;
use sha2::{Digest, Sha256};

use super::args::{Args, Judging};
use super::groups::Groups;
use crate::cli::exit::Failure;
use crate::cli::inputs::ClipFlags;
use crate::cli::labelled::{Labelled, classified};
use crate::cli::say::say;
use crate::clip::{ClipEntry, Label};
use crate::file::real_path;
use crate::train::Classes;
use crate::weights::LabelSource;

/// Clips to fit to, and perhaps others to judge by.
pub(super) struct Data {
    /// Their classes.
    pub classes: Classes,
    /// Clips to fit to, each with its class, sorted by where they are.
    pub fitted: Vec<(ClipEntry, usize)>,
    /// The groups of these.
    pub groups: Groups,
    /// Clips that are only judged by, sorted by where they are.
    pub judged: Vec<(ClipEntry, usize)>,
    /// Files that were read to find them.
    pub lists: Vec<PathBuf>,
}

impl Data {
    /// Finds the clips that `args` name.
    ///
    /// # Errors
    /// Lists that cannot be read, labels that make no classes, clips that are both fitted to and judged by.
    pub(super) fn find(args: &Args, judging: &Judging) -> Result<Self, Failure> {
        let quiet = args.speech.quiet;
        let mut lists = Vec::new();
        let mut find =
            |inputs: &[PathBuf], clips: &ClipFlags| -> Result<Vec<(ClipEntry, Label)>, Failure> {
                let found = Labelled::find(inputs, clips, &args.labelled, quiet)?;
                say_unlabelled(found.unlabelled, quiet);
                lists.extend(found.lists);
                Ok(found.clips)
            };
        let fitted = find(&args.inputs, &args.clips_from)?;
        let judged = match judging {
            Judging::Folds(_) | Judging::Share(_) => Vec::new(),
            Judging::Data(paths) => {
                let paths: Vec<PathBuf> = paths.iter().map(|path| (*path).clone()).collect();
                find(&paths, &args.clips_from.without_list())?
            }
        };
        let names = args.labels.as_deref().map(LabelSource::parse);
        let names = names.map(|source| source.read(None)).transpose()?;
        if names.is_none() {
            check_numbers(fitted.iter().chain(&judged))?;
        }
        let classes = Classes::new(fitted.iter().map(|(_, label)| label), names);
        let classes = classes.map_err(Failure::usage)?;
        let sorted = |mut clips: Vec<(ClipEntry, Label)>| {
            // What is drawn for a clip does not depend on where a list has it, or on how its path is written.
            clips.sort_by_cached_key(|(entry, _)| (real_path(&entry.path), entry.path.clone()));
            let class = |label: &Label| classes.find(label);
            classified(clips, &args.labelled, quiet, real_path, class)
        };
        let ((fitted, _), (judged, _)) = (sorted(fitted)?, sorted(judged)?);
        let known: HashSet<PathBuf> = fitted
            .iter()
            .map(|(clip, _)| real_path(&clip.path))
            .collect();
        let mut both = judged
            .iter()
            .filter(|(clip, _)| known.contains(&real_path(&clip.path)));
        if let Some((both, _)) = both.next() {
            let message = format!(
                "{} is in DATA and in --val: what a network was fitted to says nothing of how good it is",
                both.path.display()
            );
            return Err(Failure::usage(anyhow!(message)));
        }
        let groups = Groups::find(&fitted, &judged, &args.grouping()?, quiet)?;
        Ok(Self {
            classes,
            fitted,
            groups,
            judged,
            lists,
        })
    }

    /// How many of these clips each class has.
    ///
    /// # Errors
    /// A class without any.
    pub(super) fn count(
        &self,
        classes: &mut dyn Iterator<Item = usize>,
    ) -> Result<Vec<usize>, Failure> {
        self.classes.check(classes).map_err(Failure::usage)
    }

    /// The names of the classes, or their numbers.
    pub(super) fn labels(&self) -> Vec<String> {
        match self.classes.names() {
            Some(names) => names.to_vec(),
            None => (0..self.classes.count())
                .map(|class| class.to_string())
                .collect(),
        }
    }

    /// SHA-256 of the paths and classes of all clips, in hexadecimal.
    pub(super) fn sha256(&self) -> String {
        sha256_of(&self.fitted, &self.judged)
    }
}

/// SHA-256 of the paths and classes of clips, in hexadecimal.
pub(super) fn sha256_of(fitted: &[(ClipEntry, usize)], judged: &[(ClipEntry, usize)]) -> String {
    let mut hash = Sha256::new();
    for (part, clips) in [("fitted", fitted), ("judged", judged)] {
        for (entry, class) in clips {
            let path = entry.path.as_os_str().as_encoded_bytes();
            hash.update(part);
            hash.update((path.len() as u64).to_le_bytes());
            hash.update(path);
            hash.update((*class as u64).to_le_bytes());
        }
    }
    hash.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Refuses numbers for classes where others are named: which number is which class would be a guess. A list says both as
/// words; a directory's name is a name.
fn check_numbers<'c>(
    clips: impl Iterator<Item = &'c (ClipEntry, Label)> + Clone,
) -> Result<(), Failure> {
    let number = |(entry, label): &'c (ClipEntry, Label)| match label {
        Label::Index(index) => Some((entry, *index)),
        Label::Name(name) => entry
            .given
            .line
            .and(name.parse().ok())
            .map(|index| (entry, index)),
    };
    let mut names = clips.clone().filter_map(|(_, label)| match label {
        Label::Name(name) if name.parse::<usize>().is_err() => Some(name),
        _ => None,
    });
    let Some(((entry, index), name)) = clips.clone().find_map(number).zip(names.next()) else {
        return Ok(());
    };
    let line = entry
        .given
        .line
        .map_or(String::new(), |line| format!("line {line}: "));
    Err(Failure::usage(anyhow!(
        "{line}{} has the number {index} for its class, where others have names, such as {name:?}; write names alone, or say \
         with --labels which classes there are in which order",
        entry.path.display()
    )))
}

fn say_unlabelled(count: usize, quiet: bool) {
    if count > 0 && !quiet {
        say(format_args!(
            "eco: clips without a label that are left out: {count}"
        ));
    }
}
