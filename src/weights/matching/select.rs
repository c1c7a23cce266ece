//! Which dictionary of a checkpoint holds the model's weights.

use std::path::PathBuf;

use super::compare::{Match, compare};
use super::model::{Model, Models};
use super::names::{NameMap, Rename, is_ema, is_wrapper};
use crate::text::visible;
use crate::weights::container::checkpoint::Checkpoint;
use crate::weights::tensor::TensorSpec;

/// Why no dictionary of a checkpoint was chosen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SelectError {
    /// The file holds no tensors under the key that was asked for.
    #[error("no weights under '{key}' in {}: {}", path.display(), visible(&instead(what, keys)))]
    KeyNotFound {
        /// The file.
        path: PathBuf,
        /// The key that was asked for.
        key: String,
        /// What is under that key, in words.
        what: Option<String>,
        /// Keys that hold tensors; none when they are at the top level.
        keys: Vec<String>,
    },
    /// Several dictionaries of the file fit the model equally well.
    #[error("{}: {reason}: {}", path.display(), visible(&candidates.join(", ")))]
    Ambiguous {
        /// The file.
        path: PathBuf,
        /// Why no choice was made.
        reason: String,
        /// Keys that can be asked for.
        candidates: Vec<String>,
    },
}

fn instead(what: &Option<String>, keys: &[String]) -> String {
    let keys = keys.join(", ");
    match (what, keys.as_str()) {
        (Some(what), "") => format!("it is {what}"),
        (Some(what), keys) => format!("it is {what}; weights are under {keys}"),
        (None, "") => "its tensors are at the top level".to_string(),
        (None, keys) => format!("it has {keys}"),
    }
}

/// A dictionary with how well it fits.
#[derive(Debug, Clone)]
pub(in crate::weights) struct Selection {
    /// Dotted key; empty for the root.
    pub(in crate::weights) key: String,
    /// Entries left out, with the reason.
    pub(super) ignored: Vec<(usize, &'static str)>,
    /// How its tensors compare with the model's.
    pub(in crate::weights) outcome: Match,
}

/// Chooses a dictionary.
///
/// `key` decides when it is given. Otherwise the dictionary with the most fitting tensors wins,
/// among the root and the dictionaries in it; of two that hold each other, the inner one. Moving
/// averages (EMA) are never chosen on their own.
///
/// # Errors
/// [`SelectError`]. When nothing fits at all, the
/// dictionary with the most tensors is returned, so that a report can say what it holds.
pub(in crate::weights) fn select(
    checkpoint: &Checkpoint,
    spec: &[TensorSpec],
    key: Option<&str>,
    rules: &[Rename],
) -> Result<Selection, SelectError> {
    let chooser = Chooser::new(checkpoint, spec, rules);
    match key {
        Some(key) => chooser.named(key),
        None => chooser.best(),
    }
}

/// The network whose tensors a file has more of. A file that has as many of several is taken for the first.
pub(in crate::weights) fn recognise<'m>(
    checkpoint: &Checkpoint,
    models: &'m Models,
    key: Option<&str>,
    rules: &[Rename],
) -> &'m Model {
    models.best(|model| {
        let chooser = Chooser::new(checkpoint, &model.tensors, rules);
        let keys = key.map_or_else(|| chooser.keys(), |key| vec![key.to_string()]);
        let candidates = keys
            .iter()
            .map(|each| chooser.candidate(each, key.is_some()));
        candidates
            .map(|candidate| candidate.score())
            .max()
            .unwrap_or(0)
    })
}

struct Chooser<'a> {
    checkpoint: &'a Checkpoint,
    spec: &'a [TensorSpec],
    map: NameMap,
    rules: &'a [Rename],
}

impl Selection {
    /// Tensors of the model that it has, in one copy or several.
    fn score(&self) -> usize {
        self.outcome.matched.len() + self.outcome.collisions.len()
    }
}

impl<'a> Chooser<'a> {
    fn new(checkpoint: &'a Checkpoint, spec: &'a [TensorSpec], rules: &'a [Rename]) -> Self {
        Self {
            checkpoint,
            spec,
            map: NameMap::new(spec),
            rules,
        }
    }

    fn named(&self, key: &str) -> Result<Selection, SelectError> {
        let structure = self.checkpoint.structure();
        if self.members(key).is_empty() {
            let top = structure.top().iter().find(|top| top.key == key);
            return Err(SelectError::KeyNotFound {
                path: self.checkpoint.path().to_path_buf(),
                key: key.to_string(),
                what: top.map(|top| top.what.clone()),
                keys: self.keys().into_iter().filter(|k| !k.is_empty()).collect(),
            });
        }
        Ok(self.candidate(key, true))
    }

    fn best(&self) -> Result<Selection, SelectError> {
        let mut candidates: Vec<Selection> = self
            .keys()
            .iter()
            .map(|key| self.candidate(key, false))
            .collect();
        let best = candidates.iter().map(Selection::score).max().unwrap_or(0);
        if best == 0 {
            self.refuse_lone_averages()?;
            candidates.sort_by_key(|s| std::cmp::Reverse(s.outcome.unexpected.len()));
            return Ok(candidates
                .into_iter()
                .next()
                .unwrap_or_else(|| self.candidate("", false)));
        }
        let fitting: Vec<Selection> = candidates
            .into_iter()
            .filter(|s| s.score() == best)
            .collect();
        let outer = |s: &Selection| fitting.iter().any(|other| is_inside(&other.key, &s.key));
        let innermost: Vec<&Selection> = fitting.iter().filter(|s| !outer(s)).collect();
        match innermost.as_slice() {
            [one] if one.outcome.collisions.is_empty() => Ok((*one).clone()),
            [one] => match self.networks_in(one).as_slice() {
                [] => Ok((*one).clone()),
                networks => Err(SelectError::Ambiguous {
                    path: self.checkpoint.path().to_path_buf(),
                    reason: "several networks are in one dictionary".to_string(),
                    candidates: networks.to_vec(),
                }),
            },
            several => Err(SelectError::Ambiguous {
                path: self.checkpoint.path().to_path_buf(),
                reason: format!(
                    "{} dictionaries fit equally well, with {best} tensors",
                    several.len()
                ),
                candidates: several.iter().map(|s| s.key.clone()).collect(),
            }),
        }
    }

    /// The prefixes of names, as keys, under which the dictionary has a network that is complete by itself: a student and its
    /// teacher.
    fn networks_in(&self, selection: &Selection) -> Vec<String> {
        const DEEPEST: usize = 3;
        const MOST: usize = 64;
        let mut prefixes: Vec<String> = Vec::new();
        for (_, name) in self.members(&selection.key) {
            for (end, _) in name.match_indices('.').take(DEEPEST) {
                let prefix = &name[..end];
                let key = match selection.key.as_str() {
                    "" => prefix.to_string(),
                    key => format!("{key}.{prefix}"),
                };
                if prefixes.len() < MOST
                    && !prefix.split('.').any(is_ema)
                    && !prefixes.contains(&key)
                {
                    prefixes.push(key);
                }
            }
        }
        prefixes.retain(|key| self.candidate(key, false).outcome.fills_the_model());
        let inside = |key: &String| prefixes.iter().any(|other| is_inside(other, key));
        prefixes
            .iter()
            .filter(|key| !inside(key))
            .cloned()
            .collect()
    }

    /// Fails when the only weights that fit are moving averages, which nobody asked for.
    fn refuse_lone_averages(&self) -> Result<(), SelectError> {
        let averages: Vec<String> = self
            .checkpoint
            .structure()
            .groups()
            .iter()
            .map(|group| group.key.clone())
            .filter(|key| key.split('.').any(is_ema))
            .filter(|key| !self.candidate(key, true).outcome.matched.is_empty())
            .collect();
        if averages.is_empty() {
            return Ok(());
        }
        Err(SelectError::Ambiguous {
            path: self.checkpoint.path().to_path_buf(),
            reason: "the only weights that fit are moving averages (EMA), which are used only \
                     when asked for"
                .to_string(),
            candidates: averages,
        })
    }

    /// The keys that are tried: the root, and every dictionary that is neither a wrapper's level nor
    /// a moving average. One dictionary under two keys is tried once, under a key that is no moving
    /// average where there is one.
    fn keys(&self) -> Vec<String> {
        let structure = self.checkpoint.structure();
        let plain = |key: &str| !key.split('.').any(|s| is_wrapper(s) || is_ema(s));
        let groups = structure.groups().iter().map(|group| group.key.as_str());
        let listed = groups.filter(|key| !key.is_empty() && !structure.is_alias(key));
        let mut renamed: Vec<&(String, String)> = Vec::new();
        for pair in structure.aliases() {
            let known = renamed.iter().any(|(_, first)| *first == pair.1);
            if plain(&pair.0) && !plain(&pair.1) && !known {
                renamed.push(pair);
            }
        }
        std::iter::once("")
            .chain(listed)
            .chain(renamed.iter().map(|(alias, _)| alias.as_str()))
            .filter(|key| plain(key))
            .map(str::to_string)
            .collect()
    }

    /// The entries under `key`, with their names below it.
    fn members(&self, key: &str) -> Vec<(usize, String)> {
        let key = self.checkpoint.structure().alias_of(key).unwrap_or(key);
        let prefix = if key.is_empty() {
            String::new()
        } else {
            format!("{key}.")
        };
        self.checkpoint
            .tensors()
            .iter()
            .enumerate()
            .filter_map(|(index, e)| Some((index, e.name.strip_prefix(&prefix)?.to_string())))
            .collect()
    }

    fn candidate(&self, key: &str, asked_for: bool) -> Selection {
        let mut ignored = Vec::new();
        let mut members = self.members(key);
        let entries = self.checkpoint.tensors();
        members.retain(|(index, name)| {
            let why = beside_the_weights(name, entries[*index].numel(), asked_for);
            ignored.extend(why.map(|why| (*index, why)));
            why.is_none()
        });
        let outcome = compare(self.spec, &self.map, entries, &members, self.rules);
        Selection {
            key: key.to_string(),
            ignored,
            outcome,
        }
    }
}

/// Why a tensor is no part of a state_dict, if it plainly is not.
fn beside_the_weights(name: &str, numel: usize, asked_for: bool) -> Option<&'static str> {
    let (first, rest) = name
        .split_once('.')
        .map_or((name, None), |(f, r)| (f, Some(r)));
    let lower = first.to_ascii_lowercase();
    if lower.contains("optim") || lower.contains("scheduler") || lower.contains("scaler") {
        return Some("training state");
    }
    if !asked_for && name.split('.').any(is_ema) {
        return Some("moving averages");
    }
    if rest.is_none() && numel <= 1 {
        return Some("a number beside the weights");
    }
    None
}

/// Whether the dictionary `inner` is inside `outer`.
fn is_inside(inner: &str, outer: &str) -> bool {
    inner != outer
        && (outer.is_empty()
            || inner
                .strip_prefix(outer)
                .is_some_and(|rest| rest.starts_with('.')))
}
