//! The clips to classify, from arguments, a list and standard input.

use std::io::{self, BufReader, IsTerminal};
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::args::Args;
use crate::cli::say::say;
use crate::clip::{self, ClipEntry, Finder, Found, List, Separator, read_list, read_stream};

/// Clips in the order they were given.
pub struct Inputs {
    /// Read as the work goes on: standard input may never end.
    pub entries: Box<dyn Iterator<Item = clip::Result<ClipEntry>> + Send>,
    /// How many there are, where that is known beforehand.
    pub total: Option<usize>,
}

impl Inputs {
    /// Reads the list and looks into the directories; standard input is left for later.
    pub fn new(args: &Args) -> anyhow::Result<Self> {
        let separator = match args.null {
            true => Separator::Zero,
            false => Separator::Line,
        };
        let quiet = args.speech.quiet;
        let mut finder = Finder::new(args.frames.clone());
        let mut known = Vec::new();
        if let Some(path) = &args.list {
            let list = read_list(path, separator);
            let List { entries, note, .. } =
                list.with_context(|| format!("cannot read the list {}", path.display()))?;
            if let (Some(note), false) = (note, quiet) {
                say(format_args!("eco: {}: {note}", path.display()));
            }
            known.extend(entries.into_iter().map(Ok));
        }
        let mut before = args.inputs.clone();
        let dash = before.iter().position(|path| path == Path::new("-"));
        let after = dash.map(|dash| before.split_off(dash).split_off(1));
        known.extend(paths(before));
        let known: Vec<_> = known
            .into_iter()
            .flat_map(|entry| expanded(entry, &mut finder, quiet))
            .collect();
        let Some(after) = after else {
            return Ok(Self {
                total: Some(known.len()),
                entries: Box::new(known.into_iter()),
            });
        };
        if io::stdin().is_terminal() {
            say(format_args!(
                "eco: reading paths from the terminal, one per line; end with Ctrl-D"
            ));
        }
        let stdin = read_stream(BufReader::new(io::stdin()), separator);
        let rest = stdin
            .chain(paths(after))
            .flat_map(move |entry| expanded(entry, &mut finder, quiet));
        Ok(Self {
            entries: Box::new(known.into_iter().chain(rest)),
            total: None,
        })
    }
}

fn paths(paths: Vec<PathBuf>) -> impl Iterator<Item = clip::Result<ClipEntry>> {
    paths.into_iter().map(|path| Ok(path.into()))
}

/// The clips behind an entry. What cannot be found stays, so that loading it gives the error where the answer would be.
fn expanded(
    entry: clip::Result<ClipEntry>,
    finder: &mut Finder,
    quiet: bool,
) -> Vec<clip::Result<ClipEntry>> {
    let entry = match entry {
        Ok(entry) => entry,
        Err(error) => return vec![Err(error)],
    };
    let Ok(Found { clips, note }) = finder.find(entry.clone()) else {
        return vec![Ok(entry)];
    };
    if let (Some(note), false) = (note, quiet) {
        say(format_args!("eco: {note}"));
    }
    clips.into_iter().map(Ok).collect()
}
