//! The clips of a training, with their classes and groups.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use regex::Regex;
use sha2::{Digest, Sha256};

use super::args::{Args, Grouping, Judging};
use crate::cli::exit::Failure;
use crate::cli::labelled::{Labelled, classified};
use crate::cli::say::say;
use crate::clip::ClipEntry;
use crate::train::Classes;
use crate::weights::LabelSource;

/// Groups as UCF101 names them: `v_Archery_g01_c03.avi`.
const UCF101: &str = r"_(g\d+)_c\d+";

/// Clips to fit to, and perhaps others to judge by.
pub(super) struct Data {
    /// Their classes.
    pub classes: Classes,
    /// Clips to fit to, each with its class.
    pub fitted: Vec<(ClipEntry, usize)>,
    /// The group of each, where clips belong together.
    pub groups: Vec<Option<String>>,
    /// Clips that are only judged by.
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
        let find = |inputs: &[PathBuf], clips| Labelled::find(inputs, clips, &args.labelled, quiet);
        let Labelled {
            clips,
            mut lists,
            unlabelled,
        } = find(&args.inputs, &args.clips_from)?;
        say_unlabelled(unlabelled, quiet);
        let names = args.labels.as_deref().map(LabelSource::parse);
        let names = names.map(|source| source.read(None)).transpose()?;
        let classes = Classes::new(clips.iter().map(|(_, label)| label), names);
        let classes = classes.map_err(Failure::usage)?;
        let (fitted, _) = classified(clips, &args.labelled, quiet, |label| classes.find(label))?;
        let mut judged = Vec::new();
        if let Judging::Data(paths) = judging {
            let paths: Vec<PathBuf> = paths.iter().map(|path| (*path).clone()).collect();
            let without_list = args.clips_from.without_list();
            let found = find(&paths, &without_list)?;
            say_unlabelled(found.unlabelled, quiet);
            lists.extend(found.lists);
            (judged, _) = classified(found.clips, &args.labelled, quiet, |label| {
                classes.find(label)
            })?;
            let place = |(entry, _): &(ClipEntry, usize)| {
                fs::canonicalize(&entry.path).unwrap_or_else(|_| entry.path.clone())
            };
            let fitted: HashSet<PathBuf> = fitted.iter().map(place).collect();
            if let Some((both, _)) = judged.iter().find(|clip| fitted.contains(&place(clip))) {
                let message = format!(
                    "{} is in DATA and in --val: what a network was fitted to says nothing of how good it is",
                    both.path.display()
                );
                return Err(Failure::usage(anyhow!(message)));
            }
        }
        let groups = groups(&fitted, &args.grouping()?, quiet)?;
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

fn say_unlabelled(count: usize, quiet: bool) {
    if count > 0 && !quiet {
        say(format_args!(
            "eco: clips without a label that are left out: {count}"
        ));
    }
}

/// The group of each clip.
fn groups(
    clips: &[(ClipEntry, usize)],
    grouping: &Grouping,
    quiet: bool,
) -> Result<Vec<Option<String>>, Failure> {
    let by = |regex: &Regex| -> Vec<Option<String>> {
        let group = |(entry, _): &(ClipEntry, usize)| found(regex, &entry.path);
        clips.iter().map(group).collect()
    };
    match grouping {
        Grouping::Nothing => Ok(vec![None; clips.len()]),
        Grouping::By(regex) => {
            let groups = by(regex);
            let without = groups.iter().filter(|group| group.is_none()).count();
            if without > 0 {
                let message = format!(
                    "--group-by {regex} is not found in {without} of {} paths",
                    clips.len()
                );
                return Err(Failure::usage(anyhow!(message)));
            }
            Ok(groups)
        }
        Grouping::Named if clips.iter().any(|(entry, _)| entry.group.is_some()) => {
            let groups = clips.iter().map(|(entry, _)| entry.group.clone());
            Ok(groups.collect())
        }
        Grouping::Named => {
            let groups = Regex::new(UCF101)
                .map(|regex| by(&regex))
                .unwrap_or_default();
            if groups.is_empty() || groups.iter().any(Option::is_none) {
                return Ok(vec![None; clips.len()]);
            }
            if !quiet {
                say(
                    "eco: clips of one group (g01, g02, ...) stay together, as in UCF101; --group-by none takes each by itself",
                );
            }
            Ok(groups)
        }
    }
}

/// The first group of the expression in a path, or all that it finds.
fn found(regex: &Regex, path: &Path) -> Option<String> {
    let path = path.to_string_lossy();
    let found = regex.captures(&path)?;
    let group = found.get(1).or(found.get(0))?;
    Some(group.as_str().to_owned())
}
