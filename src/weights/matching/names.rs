//! From a checkpoint's tensor names to the model's.

use std::collections::HashMap;

use regex::Regex;

use crate::weights::error::WeightsError;
use crate::weights::tensor::TensorSpec;

/// Path segments that wrappers add and the model does not have: DataParallel, torch.compile, and
/// the official TSN wrapper around ECO.
const WRAPPERS: &[&str] = &["module", "_orig_mod", "base_model"];

/// Names the classifier goes by: the official wrapper's with dropout, and the notebook's.
const HEADS: &[&str] = &["new_fc", "fc_final"];
/// The classifier in the model.
const HEAD: &str = "fc_final";

/// Whether `segment` of a key path belongs to a wrapper.
pub(super) fn is_wrapper(segment: &str) -> bool {
    WRAPPERS.contains(&segment)
}

/// Whether a key path segment says that the weights below it are moving averages.
pub(super) fn is_ema(segment: &str) -> bool {
    segment.split(['_', '-', ' ']).any(|word| {
        matches!(
            word.to_ascii_lowercase().as_str(),
            "ema" | "swa" | "averaged" | "shadow"
        )
    })
}

/// A user's renaming rule, applied to every name before anything else.
#[derive(Debug, Clone)]
pub struct Rename {
    pattern: Regex,
    replacement: String,
}

impl std::str::FromStr for Rename {
    type Err = WeightsError;

    /// Parses `REGEX=REPLACEMENT`, split at the last `=`. The replacement may use `$1`.
    fn from_str(rule: &str) -> Result<Self, WeightsError> {
        let bad = |reason: String| WeightsError::Rename {
            rule: rule.to_string(),
            reason,
        };
        let (pattern, replacement) = rule
            .rsplit_once('=')
            .ok_or_else(|| bad("expected REGEX=REPLACEMENT, for example '^backbone\\.='".into()))?;
        let pattern = Regex::new(pattern).map_err(|e| bad(e.to_string()))?;
        Ok(Self {
            pattern,
            replacement: replacement.to_string(),
        })
    }
}

/// Applies `rules` in order.
pub(super) fn rename(name: &str, rules: &[Rename]) -> String {
    rules.iter().fold(name.to_string(), |name, rule| {
        rule.pattern
            .replace_all(&name, rule.replacement.as_str())
            .into_owned()
    })
}

/// Finds the model's name for a checkpoint's.
pub(super) struct NameMap {
    by_name: HashMap<String, usize>,
    /// By `layer.parameter`; `None` where two layers of the model share both.
    by_tail: HashMap<String, Option<usize>>,
}

impl NameMap {
    pub(super) fn new(spec: &[TensorSpec]) -> Self {
        let mut by_tail: HashMap<String, Option<usize>> = HashMap::new();
        for (index, wanted) in spec.iter().enumerate() {
            by_tail
                .entry(tail(&wanted.name).to_string())
                .and_modify(|slot| *slot = None)
                .or_insert(Some(index));
        }
        let by_name = spec
            .iter()
            .enumerate()
            .map(|(i, s)| (s.name.clone(), i))
            .collect();
        Self { by_name, by_tail }
    }

    /// The position in the model's list that `name` belongs to: the same name once wrappers'
    /// segments are gone, else the same last two parts.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        let cleaned = clean(name);
        if let Some(&index) = self.by_name.get(&cleaned) {
            return Some(index);
        }
        self.by_tail.get(tail(&cleaned)).copied().flatten()
    }
}

/// Drops wrappers' segments and gives the classifier its name in the model.
pub(super) fn clean(name: &str) -> String {
    let mut parts: Vec<&str> = name.split('.').filter(|part| !is_wrapper(part)).collect();
    if let [.., layer, _] = parts.as_mut_slice()
        && HEADS.contains(layer)
    {
        *layer = HEAD;
    }
    parts.join(".")
}

/// The last two parts of a dotted name, or all of a shorter one.
pub(super) fn tail(name: &str) -> &str {
    let mut dots = name.rmatch_indices('.').map(|(at, _)| at);
    dots.next();
    dots.next().map_or(name, |at| &name[at + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(names: &[&str]) -> Vec<TensorSpec> {
        names
            .iter()
            .map(|n| TensorSpec {
                name: n.to_string(),
                shape: vec![1],
            })
            .collect()
    }

    #[test]
    fn every_known_prefix_leads_to_the_same_tensor() {
        let spec = spec(&["eco_2d.basic_conv.conv1_7x7_s2.weight", "fc_final.bias"]);
        let map = NameMap::new(&spec);
        for name in [
            "eco_2d.basic_conv.conv1_7x7_s2.weight",
            "module.base_model.conv1_7x7_s2.weight",
            "conv1_7x7_s2.weight",
            "_orig_mod.module.eco_2d.basic_conv.conv1_7x7_s2.weight",
            "net.backbone.conv1_7x7_s2.weight",
        ] {
            assert_eq!(map.find(name), Some(0), "{name}");
        }
        for name in [
            "module.new_fc.bias",
            "module.base_model.fc_final.bias",
            "fc_final.bias",
        ] {
            assert_eq!(map.find(name), Some(1), "{name}");
        }
        assert_eq!(map.find("module.base_model.conv1_7x7_s2_bn.weight"), None);
    }

    #[test]
    fn a_tail_that_two_layers_share_matches_neither() {
        let spec = spec(&["a.conv.weight", "b.conv.weight"]);
        let map = NameMap::new(&spec);
        assert_eq!(map.find("b.conv.weight"), Some(1));
        assert_eq!(map.find("conv.weight"), None);
    }

    #[test]
    fn moving_averages_are_recognised_by_whole_words() {
        assert!(is_ema("state_dict_ema") && is_ema("ema_model") && is_ema("EMA"));
        assert!(!is_ema("schema") && !is_ema("state_dict"));
    }

    #[test]
    fn rename_rules_are_regular_expressions_with_groups() {
        let rules: Vec<Rename> = vec![r"^net_(\w+)\.=m.$1.".parse().unwrap()];
        assert_eq!(rename("net_conv1.weight", &rules), "m.conv1.weight");
        assert!("no equals sign".parse::<Rename>().is_err());
        assert!("(=x".parse::<Rename>().is_err());
    }
}
