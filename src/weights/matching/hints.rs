//! What may explain a mismatch, and what to try.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use serde::{Serialize, Serializer};
use strsim::levenshtein;

use super::compare::{Match, is_head};
use super::model::Model;
use super::names::tail;
use super::relatives::{other_network, relative, starting_point};
use crate::recipe::Architecture;
use crate::text::{counted, printable, visible};
use crate::weights::container::checkpoint::Checkpoint;
use crate::weights::tensor::TensorSpec;

/// How many "did you mean" pairs are listed.
const MAX_NEAREST: usize = 3;
/// Names are compared letter by letter up to this many of each kind.
const MAX_COMPARED: usize = 400;
/// A rule is offered when it would explain at least this share of what is left over.
const MAJORITY: f64 = 0.5;

/// Something that may explain a difference. A caller that has a way to act on it says so after the hint's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hint {
    /// A network that is related to ECO, in words.
    Relative(&'static str),
    /// A network that a part of ECO starts its training from, in words.
    StartingPoint(&'static str),
    /// The file has more of another network of the family.
    OtherNetwork {
        /// That network.
        network: Architecture,
        /// Its tensors that were found and fit.
        matched: usize,
        /// All its tensors.
        total: usize,
    },
    /// Renaming rules that would make tensors match.
    Rename {
        /// `REGEX=REPLACEMENT`, each.
        rules: Vec<String>,
        /// Tensors that they would make match.
        explains: usize,
    },
    /// A tensor that may be another under a misspelt name.
    Nearest {
        /// Its name in the file.
        file_name: String,
        /// The model's name.
        name: String,
    },
    /// The classifier is missing, and nothing else is.
    NoHead,
    /// So many tensors are missing, and nothing in the file explains that.
    Incomplete(usize),
    /// The model is filled, and so many tensors are left over.
    OnlyExtra(usize),
    /// Several tensors claim one name of the model.
    SameName,
    /// The names are those of the book's notebook, and nothing says how frames were prepared.
    Notebook,
    /// Built-in lists of class names that have as many names as the classifier has classes.
    Labels {
        /// The classes.
        classes: usize,
        /// The lists' names.
        lists: Vec<&'static str>,
    },
}

impl Display for Hint {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Relative(what) | Self::StartingPoint(what) => f.write_str(what),
            Self::OtherNetwork {
                network,
                matched,
                total,
            } if matched == total => {
                write!(f, "all {total} tensors of {network} are in the file")
            }
            Self::OtherNetwork {
                network,
                matched,
                total,
            } => write!(f, "{matched} of the {total} tensors of {network} are in the file"),
            Self::Rename { rules, explains } => write!(
                f,
                "{explains} of the unexpected names would match if renamed by {}",
                visible(&rules.join(", "))
            ),
            Self::Nearest { file_name, name } => {
                write!(f, "{} may be {name}", printable(file_name))
            }
            Self::NoHead => {
                f.write_str("the classifier is missing: this is a trunk without a head")
            }
            Self::Incomplete(missing) => {
                let tensors = counted(*missing, "tensor", "tensors");
                write!(f, "the file lacks {tensors} of the network: the weights are incomplete")
            }
            Self::OnlyExtra(1) => {
                f.write_str("every tensor of the model was found; 1 more is in the file")
            }
            Self::OnlyExtra(extra) => write!(
                f,
                "every tensor of the model was found; {extra} more are in the file"
            ),
            Self::SameName => f.write_str("several tensors of the file have one name of the model"),
            Self::Notebook => f.write_str(
                "the names are those of the book's notebook, which prepares frames in its own way (book). Nothing in the \
                 file says which way these weights need; official is assumed, and scores are wrong if that is not so: \
                 choose book for weights that were used in the notebook, official for those of the official code",
            ),
            Self::Labels { classes, lists } => write!(
                f,
                "the classifier has {classes} classes, and there are as many names in {}",
                lists.join(" and in ")
            ),
        }
    }
}

impl Serialize for Hint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Hints for the differences in `found`. `compared` gives the cleaned form of a checkpoint's name.
pub(super) fn hints(
    checkpoint: &Checkpoint,
    model: &Model,
    found: &Match,
    compared: impl Fn(&str) -> String,
) -> Vec<Hint> {
    if found.is_complete() {
        return Vec::new();
    }
    let spec = &model.tensors;
    let entries = checkpoint.tensors();
    let left: Vec<String> = found
        .unexpected
        .iter()
        .map(|&entry| compared(&entries[entry].name))
        .collect();
    let all: Vec<String> = entries.iter().map(|e| compared(&e.name)).collect();
    if found.fills_the_model() {
        return vec![Hint::OnlyExtra(found.unexpected.len())];
    }
    if let Some(what) = starting_point(&all) {
        return vec![Hint::StartingPoint(what)];
    }
    let mut out: Vec<Hint> = Vec::new();
    let mut others = Architecture::ALL
        .into_iter()
        .filter(|&other| other != model.architecture);
    let other = others.find_map(|network| {
        let [matched, total] = other_network(network, entries, &all, found.matched.len())?;
        Some(Hint::OtherNetwork {
            network,
            matched,
            total,
        })
    });
    let explained = other.or_else(|| relative(&all).map(Hint::Relative));
    let is_explained = explained.is_some();
    out.extend(explained);
    if !is_explained {
        match rename_rule(spec, &left) {
            Some(rule) => out.push(rule),
            None => out.extend(nearest(checkpoint, spec, found, &compared)),
        }
    }
    if found.missing.iter().any(|&w| is_head(&spec[w])) {
        match head_rule(checkpoint, spec, found, &compared) {
            Some(rule) => out.push(rule),
            None if found.missing.iter().all(|&w| is_head(&spec[w])) => out.push(Hint::NoHead),
            None => {}
        }
    }
    if out.is_empty() && !found.missing.is_empty() && found.matched.len() > spec.len() / 2 {
        out.push(Hint::Incomplete(found.missing.len()));
    }
    if !found.collisions.is_empty() {
        out.push(Hint::SameName);
    }
    out
}

/// A rule for a classifier under another name: the only unexpected layer whose weight and bias have its shape.
fn head_rule(
    checkpoint: &Checkpoint,
    spec: &[TensorSpec],
    found: &Match,
    compared: impl Fn(&str) -> String,
) -> Option<Hint> {
    let weight = spec
        .iter()
        .find(|wanted| is_head(wanted) && wanted.shape.len() == 2)?;
    let left = found
        .unexpected
        .iter()
        .map(|&index| &checkpoint.tensors()[index]);
    let left: Vec<(String, &[usize])> = left
        .map(|tensor| (compared(&tensor.name), tensor.shape.as_slice()))
        .collect();
    let mut layers = left.iter().filter_map(|(name, shape)| {
        let layer = name.strip_suffix(".weight")?;
        let fits = shape.len() == 2 && shape[1..] == weight.shape[1..];
        let bias = format!("{layer}.bias");
        let mut biases = left.iter().filter(|(name, bias_shape)| {
            *name == bias && bias_shape.len() == 1 && bias_shape.first() == shape.first()
        });
        biases.next().filter(|_| fits).map(|_| layer)
    });
    let layer = layers.next().filter(|_| layers.next().is_none())?;
    let (head, _) = tail(&weight.name).split_once('.')?;
    Some(Hint::Rename {
        rules: vec![format!(r"\b{}\.={head}.", regex::escape(layer))],
        explains: 2,
    })
}

/// Rules that would make most of the left-over names match: a prefix glued to the layer
/// name, or a segment between layer and parameter.
fn rename_rule(spec: &[TensorSpec], left: &[String]) -> Option<Hint> {
    let tails: std::collections::HashMap<&str, &str> = spec
        .iter()
        .filter_map(|wanted| {
            let tail = tail(&wanted.name);
            tail.split_once('.')
        })
        .map(|(layer, _)| (layer, layer))
        .collect();
    let mut rules: BTreeMap<String, usize> = BTreeMap::new();
    for name in left {
        let parts: Vec<&str> = name.split('.').collect();
        if let [.., layer, between, parameter] = parts.as_slice()
            && tails.contains_key(layer)
        {
            let rule = format!(r"\.{}\.{parameter}$=.{parameter}", regex::escape(between));
            *rules.entry(rule).or_default() += 1;
        } else if let [.., layer, _] = parts.as_slice() {
            let glued = (1..layer.len())
                .filter(|&at| layer.is_char_boundary(at))
                .find(|&at| tails.contains_key(&layer[at..]));
            if let Some(at) = glued {
                *rules
                    .entry(format!(r"\b{}=", regex::escape(&layer[..at])))
                    .or_default() += 1;
            }
        }
    }
    let enough = |count: usize| count > 1 && count as f64 >= MAJORITY * left.len() as f64;
    let explained: usize = rules.values().sum();
    if !enough(explained) {
        return None;
    }
    let mut best: Vec<(String, usize)> = rules.into_iter().collect();
    best.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    Some(Hint::Rename {
        rules: best.into_iter().take(5).map(|(rule, _)| rule).collect(),
        explains: explained,
    })
}

/// Pairs a missing tensor with the unexpected one of the same shape whose name is nearest.
fn nearest(
    checkpoint: &Checkpoint,
    spec: &[TensorSpec],
    found: &Match,
    compared: impl Fn(&str) -> String,
) -> Vec<Hint> {
    let entries = checkpoint.tensors();
    let mut out = Vec::new();
    for &wanted in found.missing.iter().take(MAX_COMPARED) {
        let wanted = &spec[wanted];
        let near = found
            .unexpected
            .iter()
            .take(MAX_COMPARED)
            .filter(|&&entry| entries[entry].shape == wanted.shape)
            .map(|&entry| {
                let name = compared(&entries[entry].name);
                (
                    levenshtein(head(tail(&name)), head(tail(&wanted.name))),
                    entry,
                )
            })
            .min();
        if let Some((steps, entry)) = near
            && steps * 3 <= tail(&wanted.name).len()
        {
            out.push(Hint::Nearest {
                file_name: entries[entry].name.clone(),
                name: wanted.name.clone(),
            });
        }
        if out.len() == MAX_NEAREST {
            break;
        }
    }
    out
}

/// As much of a name as is compared letter by letter.
fn head(name: &str) -> &str {
    const LONGEST: usize = 128;
    name.char_indices()
        .nth(LONGEST)
        .map_or(name, |(end, _)| &name[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(spec: &[TensorSpec], left: &[String]) -> Vec<String> {
        match rename_rule(spec, left) {
            Some(Hint::Rename { rules, .. }) => rules,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_glued_prefix_or_an_inner_segment_gives_a_rule() {
        let spec: Vec<TensorSpec> = ["t.conv1.weight", "t.conv1.bias", "t.conv2.weight"]
            .iter()
            .map(|n| TensorSpec {
                name: n.to_string(),
                shape: vec![1],
            })
            .collect();
        let left: Vec<String> = ["net_conv1.weight", "net_conv1.bias"]
            .map(String::from)
            .to_vec();
        assert_eq!(rules(&spec, &left), [r"\bnet_="]);
        let left: Vec<String> = ["conv1.0.weight", "conv2.0.weight"]
            .map(String::from)
            .to_vec();
        assert_eq!(rules(&spec, &left), [r"\.0\.weight$=.weight"]);
    }
}
