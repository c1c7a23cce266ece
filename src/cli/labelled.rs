//! Clips that something says the class of: lists with labels, and directories of classes.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

use super::exit::Failure;
use super::inputs::{ClipFlags, Inputs, Stdin};
use super::say::say;
use super::values::one_of;
use crate::clip::{ClipEntry, ClipError, Finder, Label, Stored};
use crate::recognise::evaluation::TruthError;
use crate::text::names;

/// What happens to clips without a label, and to those whose label is the name of no class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Unlabelled {
    /// They are an error.
    #[default]
    Error,
    /// They are left out and counted.
    Skip,
}

names!(Unlabelled { Error = "error", Skip = "skip" });

/// How labels are read.
#[derive(Debug, clap::Args)]
pub(super) struct LabelledFlags {
    /// Of a directory of HMDB51's lists, those of this split: 1, 2 or 3
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=3), help_heading = "Input")]
    pub split: Option<u8>,
    /// What to do about clips without a label, and about those whose label is no class: error, or skip, which counts them
    #[arg(
        long,
        value_parser = one_of(Unlabelled::ALL, Unlabelled::name),
        default_value_t,
        hide_possible_values = true,
        help_heading = "Input"
    )]
    pub unlabelled: Unlabelled,
}

/// Clips with their labels.
pub(super) struct Labelled {
    /// Each clip and its label, in the order of the input.
    pub clips: Vec<(ClipEntry, Label)>,
    /// Clips without a label that were left out.
    pub unlabelled: usize,
    /// The lists that were read.
    pub lists: Vec<PathBuf>,
}

/// What files are called that may be lists.
const LISTS: [&str; 6] = ["txt", "csv", "tsv", "json", "lst", "list"];
/// The list that is read where a directory has it.
const METADATA: &str = "metadata.csv";

impl Labelled {
    /// Finds the clips behind `inputs` and the list of `clips`, with their labels.
    ///
    /// # Errors
    /// Lists that cannot be read; clips without a label, unless they are to be skipped.
    pub(super) fn find(
        inputs: &[PathBuf],
        clips: &ClipFlags,
        flags: &LabelledFlags,
        quiet: bool,
    ) -> Result<Self, Failure> {
        let (mut lists, mut rest) = (Vec::new(), Vec::new());
        for path in inputs {
            match as_lists(path, flags.split)? {
                found if found.is_empty() => rest.push(path.clone()),
                found => lists.extend(found),
            }
        }
        let named = clips.list.clone();
        lists.extend(
            named
                .into_iter()
                .map(|list| match flags.split {
                    Some(split) if list.is_dir() => hmdb51(&list, split),
                    _ => Ok(vec![list]),
                })
                .collect::<anyhow::Result<Vec<_>>>()?
                .concat(),
        );
        let inputs = Inputs::all(&rest, &lists, clips, Stdin::Lines, quiet)?;
        let mut clips = Vec::new();
        let mut without = Vec::new();
        for entry in inputs.entries {
            let entry = entry?;
            match &entry.stored {
                // Two of them may be shown alike, and what is behind one may be another clip tomorrow.
                Some(Stored::Address(address)) => {
                    let message = format!(
                        "{address} is an address, which only classify reads: fetch the clip"
                    );
                    return Err(Failure::usage(anyhow!(message)));
                }
                Some(Stored::Unreadable(reason)) => {
                    return Err(anyhow!("{}: {reason}", entry.path.display()).into());
                }
                _ => {}
            }
            match entry.label.clone() {
                Some(label) => clips.push((entry, label)),
                None if entry.stored.is_none() && !entry.path.exists() => {
                    return Err(anyhow!("{} does not exist", entry.path.display()).into());
                }
                None => without.push(entry.path),
            }
        }
        let found = clips.len() + without.len();
        match (&without[..], flags.unlabelled) {
            ([], _) => {}
            ([first, ..], Unlabelled::Error) => {
                if let Some(empty) = without.iter().find(|path| has_no_clips(path)) {
                    let message = format!(
                        "no clips in {}: it has neither frames nor videos, nor directories with some; fill it or leave it out",
                        empty.display()
                    );
                    return Err(Failure::usage(anyhow!(message)));
                }
                let message = format!(
                    "nothing says what {} of {found} clips show; the first: {}. A list has `path label` or `path,label`, a \
                     directory CLASS/CLIP; --unlabelled skip leaves them out",
                    without.len(),
                    first.display()
                );
                return Err(Failure::usage(anyhow!(message)));
            }
            (_, Unlabelled::Skip) if clips.is_empty() => {
                let message = format!("nothing says what any of {found} clips shows");
                return Err(Failure::usage(anyhow!(message)));
            }
            (_, Unlabelled::Skip) => {}
        }
        if clips.is_empty() {
            return Err(anyhow!("no clips: the input names none").into());
        }
        Ok(Self {
            clips,
            unlabelled: without.len(),
            lists,
        })
    }
}

/// Whether a path is a directory, and no clip is in it.
fn has_no_clips(path: &Path) -> bool {
    let found = Finder::new(None).find(path.to_owned().into());
    path.is_dir() && matches!(found, Err(ClipError::NoFrames { .. }))
}

/// Gives each clip the class that its label means; a clip that is listed several times counts once, where clips of one `place`
/// are the same. Also how many clips were left out, as their labels are the names of no class.
///
/// # Errors
/// Labels that `class` refuses, but for unknown names that are to be skipped, and a clip that is listed with two classes.
pub(super) fn classified(
    clips: Vec<(ClipEntry, Label)>,
    flags: &LabelledFlags,
    quiet: bool,
    place: impl Fn(&Path) -> PathBuf,
    class: impl Fn(&Label) -> Result<usize, TruthError>,
) -> Result<(Vec<(ClipEntry, usize)>, usize), Failure> {
    let mut found: Vec<(ClipEntry, usize)> = Vec::new();
    let mut known: HashMap<PathBuf, (usize, Label)> = HashMap::new();
    let mut unknown = Vec::new();
    for (entry, label) in clips {
        let class = match (class(&label), flags.unlabelled) {
            (Ok(class), _) => class,
            (Err(error @ TruthError::Unknown { .. }), Unlabelled::Skip) => {
                unknown.push((entry.path, error));
                continue;
            }
            (Err(error), _) => {
                let error = anyhow!(error).context(entry.path.display().to_string());
                return Err(Failure::usage(error));
            }
        };
        match known.insert(place(&entry.path), (class, label.clone())) {
            None => found.push((entry, class)),
            Some((first, _)) if first == class => {}
            Some((_, first)) => {
                let message = format!(
                    "{} is listed twice, as {} and as {}; a clip has one class",
                    entry.path.display(),
                    written(&first),
                    written(&label)
                );
                return Err(Failure::usage(anyhow!(message)));
            }
        }
    }
    let count = unknown.len();
    match unknown.first() {
        Some((path, error)) if found.is_empty() => {
            let message = format!(
                "no clip is of a class of the network; the first is {}: {error}",
                path.display()
            );
            return Err(Failure::usage(anyhow!(message)));
        }
        Some((path, error)) if !quiet => say(format_args!(
            "eco: left out, as their classes are unknown: {count}; the first is {}: {error}",
            path.display()
        )),
        _ => {}
    }
    Ok((found, count))
}

/// A label as the input has it.
fn written(label: &Label) -> String {
    match label {
        Label::Index(index) => format!("class {index}"),
        Label::Name(name) => format!("{name:?}"),
    }
}

/// The lists that a path of the command line stands for; none when it is a clip or a directory of clips.
fn as_lists(path: &Path, split: Option<u8>) -> anyhow::Result<Vec<PathBuf>> {
    if path.is_dir() {
        let metadata = path.join(METADATA);
        return match split {
            Some(split) => hmdb51(path, split),
            None if metadata.is_file() => Ok(vec![metadata]),
            None if (1..=3).any(|split| hmdb51(path, split).is_ok()) => Err(anyhow!(
                "{} has HMDB51's lists: name one of their splits with --split 1, 2 or 3",
                path.display()
            )),
            None => Ok(Vec::new()),
        };
    }
    let extension = path.extension().unwrap_or_default();
    let is_list = LISTS
        .iter()
        .any(|list| extension.eq_ignore_ascii_case(list));
    Ok(match is_list {
        true => vec![path.to_owned()],
        false => Vec::new(),
    })
}

/// The lists of a split of HMDB51 in a directory, one per class.
fn hmdb51(directory: &Path, split: u8) -> anyhow::Result<Vec<PathBuf>> {
    let cannot = || format!("cannot look into {}", directory.display());
    let end = format!("_test_split{split}.txt");
    let mut lists = Vec::new();
    for entry in fs::read_dir(directory).with_context(cannot)? {
        let path = entry.with_context(cannot)?.path();
        if path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().ends_with(&end))
        {
            lists.push(path);
        }
    }
    lists.sort();
    match lists.is_empty() {
        true => Err(anyhow!(
            "{} has no lists of HMDB51's split {split} (CLASS{end})",
            directory.display()
        )),
        false => Ok(lists),
    }
}
