//! What may explain a mismatch, and what to try.

use std::collections::BTreeMap;

use super::checkpoint::Checkpoint;
use super::matching::{Match, is_head};
use super::names::{printable, tail, visible};
use super::report::Strictness;
use super::tensor::TensorSpec;

/// How many "did you mean" pairs are listed.
const MAX_NEAREST: usize = 3;
/// Names are compared letter by letter up to this many of each kind.
const MAX_COMPARED: usize = 400;
/// A rule is offered when it would explain at least this share of what is left over.
const MAJORITY: f64 = 0.5;
const NO_HEAD: &str = "the classifier is missing: this is a trunk without a head";

/// Hints for the differences in `found`. `compared` gives the cleaned form of a checkpoint's name.
pub(super) fn hints(
    checkpoint: &Checkpoint,
    spec: &[TensorSpec],
    found: &Match,
    strictness: Strictness,
    compared: impl Fn(&str) -> String,
) -> Vec<String> {
    if found.is_complete() {
        return Vec::new();
    }
    let entries = checkpoint.entries();
    let left: Vec<String> = found
        .unexpected
        .iter()
        .map(|&entry| compared(&entries[entry].name))
        .collect();
    let all: Vec<String> = entries.iter().map(|e| compared(&e.name)).collect();
    let mut out: Vec<String> = Vec::new();
    let relative = relative(&all);
    out.extend(relative.map(str::to_string));
    if relative.is_none() {
        match rename_rule(spec, &left) {
            Some(rule) => out.push(rule),
            None => out.extend(nearest(checkpoint, spec, found, &compared)),
        }
    }
    if found.missing.iter().any(|&w| is_head(&spec[w])) && found.matched.len() > spec.len() / 2 {
        out.push(match strictness {
            Strictness::Strict => format!("{NO_HEAD}. --partial keeps what is there"),
            Strictness::Partial => NO_HEAD.to_string(),
        });
    }
    if !found.collisions.is_empty() {
        out.push(
            "several tensors have one name: choose a part of the file with --key, or tell \
                  them apart with --rename"
                .to_string(),
        );
    }
    out
}

/// Networks that are related to ECO-Lite and cannot be loaded as it.
fn relative(names: &[String]) -> Option<&'static str> {
    let has = |needle: &str| names.iter().any(|n| n.contains(needle));
    let layer = |layer: &str| {
        names
            .iter()
            .any(|n| tail(n).split('.').next() == Some(layer))
    };
    if layer("res3a_1") || (layer("res3a_2") && has("res4a_2") && !has("res4a_down")) {
        return Some(
            "this is the older ECO network of June 2018 (zhang-can/ECO-pytorch): it has res3a_1 \
             and no res4a_down, and its weights fit no later network",
        );
    }
    if has("inception_4a_") && has("res3a_2") {
        return Some(
            "this is ECO-Full (566 tensors, a 2D branch beside the 3D one), not ECO-Lite; the \
             ECO-Lite file is ECO_Lite_rgb_model_Kinetics.pth.tar",
        );
    }
    if has("inception_3a.branch") || (has("conv1.conv.weight") && has("fc1")) {
        return Some(
            "this is the re-saved ECO-Lite of omsmruti/ECO-Lite, whose layers have other names; \
             use the official ECO_Lite_rgb_model_Kinetics.pth.tar",
        );
    }
    if has("inception_4a_") || (has("inception_5b") && !has("res3a")) {
        return Some(
            "this is BN-Inception alone, the weights ECO's 2D net starts its training from, not a \
             trained ECO",
        );
    }
    if has("res3b_1") && !has("inception_3a") {
        return Some(
            "this is the 3D ResNet-18 alone, the weights ECO's 3D net starts its training from, \
             not a trained ECO",
        );
    }
    if has("layer1.0.conv1") {
        return Some("this is a torchvision ResNet, not ECO");
    }
    None
}

/// A `--rename` rule that would make most of the left-over names match: a prefix glued to the layer
/// name, or a segment between layer and parameter.
fn rename_rule(spec: &[TensorSpec], left: &[String]) -> Option<String> {
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
    let flags: Vec<String> = best
        .into_iter()
        .take(5)
        .map(|(rule, _)| format!("--rename '{rule}'"))
        .collect();
    Some(format!(
        "{explained} of the unexpected names would match with {}",
        visible(&flags.join(" "))
    ))
}

/// Pairs a missing tensor with the unexpected one of the same shape whose name is nearest.
fn nearest(
    checkpoint: &Checkpoint,
    spec: &[TensorSpec],
    found: &Match,
    compared: impl Fn(&str) -> String,
) -> Vec<String> {
    let entries = checkpoint.entries();
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
                (distance(tail(&name), tail(&wanted.name)), entry)
            })
            .min();
        if let Some((steps, entry)) = near
            && steps * 3 <= tail(&wanted.name).len()
        {
            out.push(format!(
                "{} may be {}",
                printable(&entries[entry].name),
                wanted.name
            ));
        }
        if out.len() == MAX_NEAREST {
            break;
        }
    }
    out
}

/// Levenshtein distance in bytes, over at most the first 128 of each.
fn distance(a: &str, b: &str) -> usize {
    let a = &a.as_bytes()[..a.len().min(128)];
    let b = &b.as_bytes()[..b.len().min(128)];
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_single_letter_edits() {
        assert_eq!(distance("res3a_2.weight", "res3a2.weight"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
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
        assert!(
            rename_rule(&spec, &left)
                .unwrap()
                .contains(r"--rename '\bnet_='")
        );
        let left: Vec<String> = ["conv1.0.weight", "conv2.0.weight"]
            .map(String::from)
            .to_vec();
        assert!(
            rename_rule(&spec, &left)
                .unwrap()
                .contains(r"--rename '\.0\.weight$=.weight'")
        );
    }
}
