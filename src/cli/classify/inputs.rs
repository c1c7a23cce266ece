//! The clips to classify, from arguments, a list and standard input.

use std::fs::File;
use std::io::{self, BufReader, IsTerminal};
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::args::Args;
use crate::cli::say;
use crate::clip::{self, ClipEntry, Finder, Found, read_list};

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
        let listed = args
            .list
            .as_deref()
            .map(listed)
            .transpose()?
            .unwrap_or_default();
        let mut before = args.inputs.clone();
        let dash = before.iter().position(|path| path == Path::new("-"));
        let after = dash.map(|dash| before.split_off(dash).split_off(1));
        let (mut finder, quiet) = (Finder::new(args.frames.clone()), args.quiet);
        let known: Vec<_> = listed
            .into_iter()
            .chain(paths(before))
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
        let stdin = read_list(BufReader::new(io::stdin()), None);
        let rest = stdin
            .chain(paths(after))
            .flat_map(move |entry| expanded(entry, &mut finder, quiet));
        Ok(Self {
            entries: Box::new(known.into_iter().chain(rest)),
            total: None,
        })
    }
}

fn listed(list: &Path) -> anyhow::Result<Vec<clip::Result<ClipEntry>>> {
    let file =
        File::open(list).with_context(|| format!("cannot read the list {}", list.display()))?;
    let base = list.parent().map(Path::to_path_buf);
    Ok(read_list(BufReader::new(file), base).collect())
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
