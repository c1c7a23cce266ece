//! The clips of an evaluation, each with its class.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

use super::args::{Args, Unlabelled};
use crate::cli::exit::Failure;
use crate::cli::inputs::Inputs;
use crate::cli::say::say;
use crate::clip::ClipEntry;
use crate::recognise::evaluation::{ClassNames, TruthError};
use crate::show::evaluation::LeftOut;

/// Clips whose class is known.
pub(super) struct Labelled {
    /// Each clip and its class, in the order of the input.
    pub clips: Vec<(ClipEntry, usize)>,
    /// Clips that were left out.
    pub left_out: LeftOut,
    /// The lists that were read.
    pub lists: Vec<PathBuf>,
}

/// What files are called that may be lists.
const LISTS: [&str; 6] = ["txt", "csv", "tsv", "json", "lst", "list"];
/// The list that is read where a directory has it.
const METADATA: &str = "metadata.csv";

impl Labelled {
    /// Finds the clips that `args` name and their classes.
    ///
    /// # Errors
    /// Lists that cannot be read; labels that are no class; clips without a label, unless they are to be skipped.
    pub(super) fn find(args: &Args, classes: &ClassNames) -> Result<Self, Failure> {
        let (mut lists, mut rest) = (Vec::new(), Vec::new());
        for path in &args.inputs {
            match as_lists(path, args.split)? {
                found if found.is_empty() => rest.push(path.clone()),
                found => lists.extend(found),
            }
        }
        let named = args.clips_from.list.clone();
        lists.extend(
            named
                .into_iter()
                .map(|list| match args.split {
                    Some(split) if list.is_dir() => hmdb51(&list, split),
                    _ => Ok(vec![list]),
                })
                .collect::<anyhow::Result<Vec<_>>>()?
                .concat(),
        );
        let inputs = Inputs::all(&rest, &lists, &args.clips_from, args.speech.quiet)?;
        let mut clips: Vec<(ClipEntry, usize)> = Vec::new();
        let mut classes_of: HashMap<PathBuf, usize> = HashMap::new();
        let mut without = Vec::new();
        let mut unknown = Vec::new();
        for entry in inputs.entries {
            let entry = entry?;
            let Some(label) = &entry.label else {
                if !entry.path.exists() {
                    return Err(anyhow!("{} does not exist", entry.path.display()).into());
                }
                without.push(entry.path);
                continue;
            };
            let class = match (classes.find(label), args.unlabelled) {
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
            match classes_of.insert(entry.path.clone(), class) {
                None => clips.push((entry, class)),
                Some(first) if first == class => {}
                Some(first) => {
                    let message = format!(
                        "{} is listed twice, as class {first} and as class {class}",
                        entry.path.display()
                    );
                    return Err(Failure::usage(anyhow!(message)));
                }
            }
        }
        if let (Some((path, error)), true) = (unknown.first(), clips.is_empty()) {
            let message = format!(
                "no clip is of a class of the network; the first is {}: {error}",
                path.display()
            );
            return Err(Failure::usage(anyhow!(message)));
        }
        if let (Some((path, error)), false) = (unknown.first(), args.speech.quiet) {
            say(format_args!(
                "eco: left out, as their classes are unknown: {}; the first is {}: {error}",
                unknown.len(),
                path.display()
            ));
        }
        let found = clips.len() + without.len();
        match (&without[..], args.unlabelled) {
            ([], _) => {}
            ([first, ..], Unlabelled::Error) => {
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
            left_out: LeftOut {
                unlabelled: without.len(),
                unknown_class: unknown.len(),
            },
            lists,
        })
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
