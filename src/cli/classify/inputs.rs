//! The clips to classify, from arguments, a list and standard input.

use std::fs::File;
use std::io::{self, BufReader, IsTerminal};
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::args::Args;
use crate::clip::{self, Entry, expand, read_list};

/// Clips in the order they were given.
pub struct Inputs {
    /// Read as the work goes on: standard input may never end.
    pub entries: Box<dyn Iterator<Item = clip::Result<Entry>> + Send>,
    /// How many there are, where that is known beforehand.
    pub total: Option<usize>,
}

impl Inputs {
    /// Looks at the arguments and reads the list; standard input is left for later.
    pub fn new(args: &Args) -> anyhow::Result<Self> {
        let mut known: Vec<clip::Result<Entry>> = Vec::new();
        if let Some(list) = &args.list {
            known.extend(listed(list)?);
        }
        let mut rest: Vec<&Path> = args.inputs.iter().map(PathBuf::as_path).collect();
        let dash = rest.iter().position(|path| *path == Path::new("-"));
        let after = dash.map(|dash| expanded(&rest.split_off(dash)[1..]));
        known.extend(expanded(&rest));
        let Some(after) = after else {
            return Ok(Self {
                total: Some(known.len()),
                entries: Box::new(known.into_iter()),
            });
        };
        if io::stdin().is_terminal() {
            eprintln!("eco: reading paths from the terminal, one per line; end with Ctrl-D");
        }
        let stdin = read_list(BufReader::new(io::stdin()), None);
        Ok(Self {
            entries: Box::new(known.into_iter().chain(stdin).chain(after)),
            total: None,
        })
    }
}

fn listed(list: &Path) -> anyhow::Result<Vec<clip::Result<Entry>>> {
    let file =
        File::open(list).with_context(|| format!("cannot read the list {}", list.display()))?;
    let base = list.parent().map(Path::to_path_buf);
    Ok(read_list(BufReader::new(file), base).collect())
}

/// The clips behind each path. A path that cannot be looked at stays as it is: opening it will say why.
fn expanded(paths: &[&Path]) -> Vec<clip::Result<Entry>> {
    let clips = |path: &&Path| expand(path).unwrap_or_else(|_| vec![path.to_path_buf()]);
    paths
        .iter()
        .flat_map(clips)
        .map(|path| Ok(path.into()))
        .collect()
}
